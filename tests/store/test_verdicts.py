"""Verdicts on leads and on dropped signals: kept, followed, taken back."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from leadd.store.errors import NotFound
from leadd.store.migrate import migrate, packaged
from leadd.store.rows import CompanyRef, Finish
from leadd.store.store import Store

DAY_MS = 86_400_000


def ids(page: Any) -> list[int]:
    return [row.id for row in page.items]


async def two_leads(store: Store, make: Any) -> tuple[int, int]:
    icp = await make.icp()
    return await make.lead(icp, 80, "red_hot", company=CompanyRef("A", "a")), await make.lead(icp, company=CompanyRef("B", "b"))


async def test_a_snoozed_lead_stays_away_until_its_day_and_comes_back_by_itself(store: Store, make: Any, clock: Any) -> None:
    one, two = await two_leads(store, make)
    row = await store.leads.verdict(one, "snooze", "after the fair", days=3)
    assert (row.verdict, row.snoozed_until_ms) == (None, clock.ms + 3 * DAY_MS)
    assert ids(await store.leads.list(snoozed="hide")) == [two]
    assert ids(await store.leads.list(snoozed="only")) == [one]
    assert ids(await store.leads.list()) == [one, two]
    clock.ms += 3 * DAY_MS - 1
    assert ids(await store.leads.list(snoozed="hide")) == [two]
    clock.ms += 1
    assert ids(await store.leads.list(snoozed="hide")) == [one, two]
    assert (await store.leads.verdict(two, "snooze")).snoozed_until_ms == clock.ms + 7 * DAY_MS
    assert (await store.leads.verdict(two, "accept")).snoozed_until_ms is None, "any other word brings it back"
    for days in (0, -1, 4000):
        with pytest.raises(ValueError, match="at most 3650 days"):
            await store.leads.verdict(two, "snooze", days=days)
    with pytest.raises(ValueError, match="snoozed leads"):
        await store.leads.list(snoozed="perhaps")


async def test_an_undone_verdict_no_longer_counts_and_the_timeline_keeps_both(store: Store, make: Any) -> None:
    one, _ = await two_leads(store, make)
    await store.leads.set_status(one, "contacted")
    assert (await store.leads.verdict(one, "reject", "too far")).status == "parked"
    assert (await store.leads.verdict(one, "won")).status == "won"
    mark = await store.learning.verdict_mark()
    row, undone = await store.leads.undo_verdict(one)
    assert (undone, row.verdict, row.status) == ("won", "reject", "parked")
    assert await store.learning.verdict_mark() != mark
    row, undone = await store.leads.undo_verdict(one)
    assert (undone, row.verdict, row.status) == ("reject", None, "contacted")
    with pytest.raises(NotFound, match="no verdict on lead"):
        await store.leads.undo_verdict(one)
    kinds = [e.kind for e in await store.leads.timeline(one)]
    assert kinds.count("verdict") == 2
    assert kinds.count("verdict_undone") == 2
    assert await store.verdicts.counting() == []


async def test_undo_brings_back_what_the_last_word_had_ended(store: Store, make: Any, clock: Any) -> None:
    one, _ = await two_leads(store, make)
    until = (await store.leads.verdict(one, "snooze")).snoozed_until_ms
    await store.leads.verdict(one, "accept")
    row, _ = await store.leads.undo_verdict(one)
    assert row.snoozed_until_ms == until
    row, _ = await store.leads.undo_verdict(one)
    assert row.snoozed_until_ms is None


async def test_accepting_a_rejected_lead_unparks_it_and_a_status_set_by_hand_survives_undo(store: Store, make: Any) -> None:
    one, two = await two_leads(store, make)
    await store.leads.verdict(one, "reject")
    assert (await store.leads.verdict(one, "accept")).status == "new"
    await store.leads.set_status(two, "parked")
    assert (await store.leads.verdict(two, "accept")).status == "parked", "it was parked by hand"
    await store.leads.verdict(two, "lost")
    await store.leads.set_status(two, "trial")
    row, undone = await store.leads.undo_verdict(two)
    assert (undone, row.status) == ("lost", "trial")


async def test_a_verdict_keeps_what_leadd_thought_at_the_time(store: Store, make: Any) -> None:
    icp = await make.icp()
    (signal_id,) = await make.stored()
    result = await store.leads.record(make.record(signal_id, icp, 70))
    await store.judgements.add(
        make.judgement(signal_id, icp.id, stage="prefilter", decision="keep", method="rule", score=31.5, threshold=20.0)
    )
    await store.leads.verdict(result.leads[0].lead_id, "accept", "yes", by="api")
    await store.judgements.add(
        make.judgement(signal_id, icp.id, stage="prefilter", decision="keep", score=55.0, threshold=20.0)
    )
    (kept,) = await store.verdicts.counting(icp.id)
    assert (kept.signal_id, kept.icp_id, kept.verdict, kept.by, kept.note) == (signal_id, icp.id, "accept", "api", "yes")
    assert (kept.score, kept.prefilter_score, kept.prefilter_threshold, kept.dropped_by) == (70, 31.5, 20.0, "")
    with pytest.raises(ValueError, match="who gave it"):
        await store.leads.verdict(result.leads[0].lead_id, "accept", by="nobody")


async def test_a_miss_goes_to_the_front_of_the_queue_and_stays_as_evidence(store: Store, make: Any, clock: Any) -> None:
    near, far = await make.icp("near"), await make.icp("far")
    (signal_id, other) = await make.stored(2)
    drops = [
        make.judgement(signal_id, icp.id, stage="prefilter", decision="drop", method="rule", rule="score", score=score,
                       threshold=20.0, answer=None)
        for icp, score in ((far, 3.0), (near, 19.0))
    ]  # fmt: skip
    await store.signals.finish_filtered([Finish(signal_id, judgements=tuple(drops))])
    kept = await store.verdicts.judge_signal(signal_id, "accept", "they need us")
    assert (kept.icp_id, kept.prefilter_score, kept.dropped_by, kept.lead_id) == (near.id, 19.0, "prefilter:score", None)
    (first, _) = await store.signals.lease("me", limit=5, lease_ms=1000)
    assert (first.id, first.asked_by_person) == (signal_id, True)
    assert await store.verdicts.wanted([signal_id, other]) == {signal_id: {near.id}}
    assert [j.superseded for j in await store.judgements.for_signal(signal_id)] == [True, True]
    await store.verdicts.judge_signal(signal_id, "reject", icp="near")
    assert await store.verdicts.wanted([signal_id]) == {}, "the last word counts"
    assert [v.verdict for v in await store.verdicts.counting()] == ["reject"]
    assert (await store.verdicts.undo_signal(signal_id)).verdict == "reject"
    assert await store.verdicts.wanted([signal_id]) == {signal_id: {near.id}}
    assert [v.undone_at_ms for v in await store.verdicts.of_signal(signal_id)] == [None, clock.ms]
    await store.verdicts.undo_signal(signal_id)
    for call in (
        store.verdicts.undo_signal(signal_id),
        store.verdicts.judge_signal(10**9, "accept"),
        store.verdicts.judge_signal(signal_id, "accept", icp="nobody's"),
    ):
        with pytest.raises(NotFound):
            await call
    with pytest.raises(ValueError, match="unknown verdict"):
        await store.verdicts.judge_signal(signal_id, "won")


async def test_verdicts_of_an_older_schema_are_kept_with_their_signal_and_score(tmp_path: Path, clock: Any) -> None:
    path = tmp_path / "leadd.db"
    migrate(path, now_ms=1, migrations=packaged()[:3])
    conn = sqlite3.connect(path)
    conn.executescript(
        """
        INSERT INTO icp VALUES (1, 'one', '{"name": "one", "description": "d"}', 1, 'h', 1, 1, NULL);
        INSERT INTO signal (id, source, dedupe_key, due_ms, found_at_ms, content_hash, title, source_type, text)
          VALUES (5, 's', 'k', 0, 0, 'h', 't', '', 'x');
        INSERT INTO lead (id, icp_id, person_key, name, score, bucket, method, signal_id, created_at_ms, updated_at_ms)
          VALUES (3, 1, 'p', 'n', 66, 'warm', 'model', 5, 1, 1);
        INSERT INTO verdict VALUES (7, 3, 'accept', 'old', 61, 500);
        """
    )
    for at_ms, score in ((100, 33.0), (900, 44.0)):
        conn.execute(
            "INSERT INTO judgement (signal_id, icp_id, stage, decision, score, threshold, method, rule, reasons, key, prompt, "
            "prompt_hash, model, digest, server_version, cache, prompt_tokens, output_tokens, load_ms, prompt_ms, output_ms, "
            "queue_ms, total_ms, done_reason, failure, raw, created_at_ms) VALUES (5, 1, 'prefilter', 'keep', ?, 20, 'rule', "
            "'', '[]', '', '', '', '', '', '', '', 0, 0, 0, 0, 0, 0, 0, '', '', '', ?)",
            (score, at_ms),
        )
    conn.commit()
    conn.close()
    store = await Store.open(tmp_path, clock=clock)
    try:
        (kept,) = await store.verdicts.counting()
        assert (kept.id, kept.lead_id, kept.signal_id, kept.icp_id, kept.by) == (7, 3, 5, 1, "user")
        assert (kept.score, kept.prefilter_score, kept.created_at_ms) == (61, 33.0, 500)
        assert (await store.leads.undo_verdict(3))[1] == "accept"
    finally:
        await store.close()
