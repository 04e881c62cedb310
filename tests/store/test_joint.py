"""Writes that share their statements: each caller still hears of its own part, and of nothing before its commit."""

from __future__ import annotations

import asyncio
import sqlite3
import threading

import pytest

from leadd.store.errors import NotFound, StoreUnavailable
from leadd.store.joint import Joint
from leadd.store.rows import Finish
from leadd.store.store import Store


class Held:
    """Keeps the writer busy, so that what comes meanwhile gathers."""

    def __init__(self, store: Store) -> None:
        self._go = threading.Event()
        self._begun = threading.Event()
        self._store = store

    async def __aenter__(self) -> Held:
        self._task = asyncio.ensure_future(self._store.db.write(self._wait))
        await asyncio.to_thread(self._begun.wait)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._go.set()
        await self._task

    def _wait(self, conn: sqlite3.Connection) -> None:
        self._begun.set()
        self._go.wait(10)


class Calls:
    """A joint write that remembers with what it was called, and refuses some items."""

    def __init__(self, store: Store) -> None:
        self.calls: list[list[str]] = []
        self.joint: Joint[str] = Joint(store.db, self._work)

    def _work(self, conn: sqlite3.Connection, items: list[str]) -> None:
        self.calls.append(list(items))
        if "bad" in items:
            raise NotFound("a bad item")


async def begun(*works: object) -> list[asyncio.Future[None]]:
    tasks = [asyncio.ensure_future(w) for w in works]  # type: ignore[call-overload]
    await asyncio.sleep(0)
    return tasks


async def test_what_comes_while_the_writer_is_busy_goes_along(store: Store) -> None:
    calls = Calls(store)
    async with Held(store):
        tasks = await begun(calls.joint.write(["a"]), calls.joint.write(["b", "c"]), calls.joint.write(["d"]))
        assert not any(task.done() for task in tasks)
    await asyncio.gather(*tasks)
    assert calls.calls == [["a", "b", "c", "d"]]
    await calls.joint.write(["e"])
    assert calls.calls[1:] == [["e"]]


async def test_a_refused_item_fails_its_own_caller_only(store: Store) -> None:
    calls = Calls(store)
    async with Held(store):
        tasks = await begun(calls.joint.write(["a"]), calls.joint.write(["bad"]), calls.joint.write(["c"]))
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(r) for r in results] == [type(None), NotFound, type(None)]
    assert sorted(calls.calls[1:]) == [["a"], ["bad"], ["c"]]


async def test_a_caller_who_is_cancelled_takes_nothing_from_the_others(store: Store) -> None:
    calls = Calls(store)
    async with Held(store):
        first, second = await begun(calls.joint.write(["a"]), calls.joint.write(["b"]))
        first.cancel()
        await asyncio.sleep(0)
    await second
    assert first.cancelled()
    assert calls.calls == [["a", "b"]]


async def test_a_closed_store_refuses(store: Store) -> None:
    calls = Calls(store)
    await store.close()
    with pytest.raises(StoreUnavailable):
        await calls.joint.write(["a"])


async def test_signals_finished_together_share_one_write(store: Store, make) -> None:  # type: ignore[no-untyped-def]
    ids = await make.stored(5)
    icp = await make.icp()
    leased = await store.signals.lease("me", limit=5, lease_ms=1000)
    assert [s.id for s in leased] == ids
    before = store.db.figures()["writes"]
    async with Held(store):
        items = [Finish(i, "filtered", judgements=(make.judgement(i, icp.id, stage="triage", decision="no"),)) for i in ids]
        tasks = await begun(*(store.signals.finish_filtered([item]) for item in items))
    await asyncio.gather(*tasks)
    assert store.db.figures()["writes"] - before == 2
    for signal_id in ids:
        row = await store.signals.get(signal_id)
        assert row is not None
        assert (row.state, row.outcome) == ("done", "filtered")
        assert [j.decision for j in await store.judgements.for_signal(signal_id)] == ["no"]


async def test_an_unknown_signal_among_others_is_told_to_its_caller(store: Store, make) -> None:  # type: ignore[no-untyped-def]
    (known,) = await make.stored()
    async with Held(store):
        good, bad = await begun(
            store.signals.finish_filtered([Finish(known, "filtered")]),
            store.signals.finish_filtered([Finish(known + 99, "filtered")]),
        )
    await good
    with pytest.raises(NotFound):
        await bad
    row = await store.signals.get(known)
    assert row is not None
    assert row.state == "done"


async def test_only_signals_with_an_earlier_equal_text_may_have_a_twin(store: Store, make) -> None:  # type: ignore[no-untyped-def]
    rows = [make.signal("x", content_hash="same", dedupe_key=f"d{n}") for n in range(3)] + [make.signal("other")]
    result = await store.signals.add_many("inbox", rows)
    ids = [i or 0 for i in result.ids]
    keys = [*(("same", i) for i in ids[:3]), (rows[3].content_hash, ids[3])]
    assert await store.signals.with_earlier(keys) == {ids[1], ids[2]}
    assert await store.signals.with_earlier([]) == frozenset()


async def test_many_views_are_those_of_one_by_one(store: Store, make) -> None:  # type: ignore[no-untyped-def]
    icp = await make.icp()
    leads = []
    for signal_id in await make.stored(3):
        done = await store.leads.record(make.record(signal_id, icp, person_key=f"p{signal_id}", company=None))
        leads.append(done.leads[0].lead_id)
    wanted = [(leads[2], "lead.upgraded", 7), (leads[0], "lead.created", 1), (999, "lead.created", 1)]
    found = await store.leads.views(wanted)
    assert found[2] is None
    assert [(v.id, v.event, v.revision) for v in found if v] == [(leads[2], "lead.upgraded", 7), (leads[0], "lead.created", 1)]
    for (lead_id, event, revision), view in zip(wanted, found, strict=True):
        assert await store.leads.view(lead_id, event=event, revision=revision) == view
    await store.leads.delete(leads[0])
    assert (await store.leads.views(wanted))[1] is None
