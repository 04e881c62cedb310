"""Choices, promises and scorers in the store: written with the end of a signal, counted once, read in order."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from leadd.store.choice_rows import ChoiceCounts, ChooserRow, NewChoice, ScorerRow
from leadd.store.errors import NotFound
from leadd.store.rows import Finish
from leadd.store.store import Store

POLICY = (0.4, 0.005, 0.1, 0.03)


def choice(chooser_id: int, score: float, *, matched: bool | None = False, audited: bool = False) -> NewChoice:
    return NewChoice(chooser_id, int(score * 100), score, POLICY, score >= POLICY[0], audited, matched)


async def begun(store: Store, icp_id: int, scope: str = "s", epoch: int = 0) -> ChooserRow:
    return await store.choosing.add_chooser(ChooserRow(0, icp_id, scope, epoch, "", "", {"documents": 3}, {}, {"x": 1.5}))


async def test_what_was_read_is_kept_in_order_and_what_was_dropped_is_counted(store: Store, make: Any) -> None:
    row = await begun(store, (await make.icp()).id)
    a, b, c, d = await make.stored(4)
    ends = [
        Finish(a, choices=(choice(row.id, 0.8, matched=True),)),
        Finish(b, choices=(choice(row.id, 0.1, matched=None),)),
        Finish(c, choices=(choice(row.id, 0.1, matched=True, audited=True),)),
    ]
    await store.signals.finish_filtered(ends)
    await store.signals.finish_filtered([Finish(d, choices=(choice(row.id, 0.8, matched=None),))])
    found = await store.choosing.evidence(row.id, 0)
    assert [(r.signal_id, r.score, r.audited, r.matched) for r in found] == [(a, 0.8, False, True), (c, 0.1, True, True)]
    assert found[0].policy == POLICY
    assert await store.choosing.evidence(row.id, found[0].id) == found[1:]
    assert await store.choosing.latest(row.id, 1) == found[1:]
    assert await store.choosing.arrivals(row.id) == ChoiceCounts({80: 2}, {10: 2}, 1, 1)
    # judged again: the evidence stays as it was
    await store.signals.finish_filtered([Finish(a, choices=(choice(row.id, 0.3, matched=False),))])
    assert await store.choosing.evidence(row.id, 0) == found
    (lesson, *_) = await store.choosing.lessons(row.id)
    assert (lesson.signal_id, lesson.matched, lesson.verdict) == (c, True, "")


async def test_a_choice_goes_down_with_the_transaction_of_its_signal(store: Store, make: Any) -> None:
    row = await begun(store, (await make.icp()).id)
    (a,) = await make.stored(1)
    with pytest.raises(NotFound):
        await store.signals.finish_filtered([Finish(a, choices=(choice(row.id, 0.8),)), Finish(10**9)])
    assert await store.choosing.evidence(row.id, 0) == []
    assert await store.choosing.arrivals(row.id) == ChoiceCounts()


async def test_state_and_cursors_are_kept_in_one_step_and_only_from_where_they_were(store: Store, make: Any) -> None:
    icp = await make.icp()
    row = await begun(store, icp.id)
    later = replace(row, cursor=7, user_cursor=2, state={"x": 2.5}, ranking="v", trained=20)
    assert await store.choosing.keep(later, before=(0, 0))
    assert await store.choosing.chooser(icp.id, "s") == later
    assert not await store.choosing.keep(replace(later, cursor=9), before=(0, 0)), "someone else was here"
    assert await store.choosing.chooser(icp.id, "s") == later
    assert await store.choosing.chooser(icp.id, "other") is None
    second = await begun(store, icp.id, epoch=1)
    assert await store.choosing.chooser(icp.id, "s") == second
    assert await store.choosing.chooser(icp.id) == second
    other = await begun(store, icp.id, "other")
    assert await store.choosing.chooser(icp.id) == other
    assert await store.choosing.chooser(icp.id, "s") == second
    assert await store.choosing.chooser(icp.id + 1) is None


async def test_scorers_are_kept_by_the_words_of_the_icp(store: Store, make: Any) -> None:
    icp = await make.icp()
    first, second = (ScorerRow(name, b"\x00" + name.encode(), 20, 5, 1, 17) for name in ("v1", "v2"))
    for row in (first, second, replace(first, body=b"other")):
        await store.choosing.add_scorer(icp.id, "words", row)
    assert await store.choosing.scorers(icp.id, "words") == [second, first]
    assert await store.choosing.scorers(icp.id, "other words") == []
