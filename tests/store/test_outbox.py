from __future__ import annotations

from typing import Any

import pytest

from leadd.api.leads import Receipt
from leadd.store.errors import NotFound
from leadd.store.rows import SinkRef
from leadd.store.store import Store

LEASE_MS = 60_000


async def lease(store: Store, owner: str = "boot1", sink: str = "jsonl", limit: int = 10) -> list[Any]:
    return await store.outbox.lease(owner, sink, limit, LEASE_MS)


async def one(store: Store, outbox_id: int) -> Any:
    row = await store.outbox.get(outbox_id)
    assert row is not None
    return row


async def test_a_delivery_keeps_key_and_bytes_through_every_try(store: Store, make: Any, clock: Any) -> None:
    lead_id = await make.lead(await make.icp())
    (row,) = await lease(store)
    assert (row.key, row.lead_id, row.event, row.payload, row.attempts) == (
        f"lead-{lead_id}-1-jsonl", lead_id, "lead.created", None, 0,
    )  # fmt: skip
    assert await lease(store) == []
    assert await store.outbox.freeze(row.id, '{"v":1}') == '{"v":1}'
    await store.outbox.retry(row.id, "503", clock.ms + 5_000)
    assert await store.outbox.next_due("jsonl") == clock.ms + 5_000
    assert await lease(store) == []
    clock.ms += 5_000
    (again,) = await lease(store)
    assert (again.key, again.payload, again.attempts, again.error) == (row.key, '{"v":1}', 1, "503")
    assert await store.outbox.freeze(row.id, '{"v":2}') == '{"v":1}'
    await store.outbox.delivered(row.id, Receipt("ref7", "line 3"))
    done = await one(store, row.id)
    assert (done.state, done.attempts, done.receipt, done.error) == (
        "delivered",
        2,
        {"reference": "ref7", "detail": "line 3"},
        "",
    )
    assert await store.outbox.next_due("jsonl") is None
    assert (await store.leads.timeline(lead_id))[-1].kind == "delivered"


async def test_dead_deliveries_are_revived_or_dropped_by_hand(store: Store, make: Any, clock: Any) -> None:
    icp = await make.icp()
    lead_id = await make.lead(icp)
    (row,) = await lease(store)
    await store.outbox.freeze(row.id, "{}")
    await store.outbox.dead(row.id, "410 gone")
    assert [(r.state, r.error) for r in (await store.outbox.list(state="dead")).items] == [("dead", "410 gone")]
    assert (await store.leads.timeline(lead_id))[-1].kind == "delivery_failed"
    clock.ms += 9
    await store.outbox.revive(row.id)
    (again,) = await lease(store)
    assert (again.key, again.payload, again.attempts, again.error) == (row.key, "{}", 0, "")
    with pytest.raises(NotFound):
        await store.outbox.drop(row.id)  # a sink is at it just now
    await store.outbox.dead(row.id, "again")
    await store.outbox.drop(row.id)
    assert (await one(store, row.id)).state == "dropped"
    await store.outbox.revive(row.id)
    await lease(store)
    await store.outbox.delivered(row.id, Receipt())
    for call in (store.outbox.revive(row.id), store.outbox.drop(row.id), store.outbox.revive(10**9)):
        with pytest.raises(NotFound):
            await call


async def test_an_upgrade_waits_for_the_creation(store: Store, make: Any, clock: Any) -> None:
    icp = await make.icp()
    await make.lead(icp, 45, "nurture")
    await make.lead(icp, 85, "red_hot")
    (first,) = await lease(store)
    assert first.revision == 1
    assert await store.outbox.next_due("jsonl") is None  # nothing to give before the first comes back
    await store.outbox.retry(first.id, "later", clock.ms + 1_000)
    assert await lease(store) == []
    assert await store.outbox.next_due("jsonl") == clock.ms + 1_000
    clock.ms += 1_000
    (first,) = await lease(store)
    await store.outbox.dead(first.id, "never")
    (second,) = await lease(store)
    assert (second.revision, second.event) == (2, "lead.upgraded")


async def test_sinks_do_not_wait_for_each_other(store: Store, make: Any) -> None:
    await make.lead(await make.icp(), sinks=(SinkRef("a"), SinkRef("b")))
    assert len(await lease(store, sink="a")) == 1
    assert len(await lease(store, sink="b")) == 1
    assert await lease(store, sink="c") == []
    assert await store.outbox.counts() == {"pending": 0, "leased": 2, "delivered": 0, "dead": 0, "dropped": 0}
    assert (await store.outbox.counts("a"))["leased"] == 1
    assert set(await store.outbox.counts_by_sink()) == {"a", "b"}


async def test_leases_run_out_are_released_and_the_tenth_crash_ends_it(store: Store, make: Any, clock: Any) -> None:
    await make.lead(await make.icp())
    (row,) = await lease(store)
    clock.ms += LEASE_MS
    assert await lease(store) == [], "its own leases outlive a night of sleep"
    (row,) = await lease(store, "another")
    await store.outbox.release([row.id])
    assert (await one(store, row.id)).attempts == 0
    for boot in range(1, 11):
        (row,) = await lease(store, f"boot{boot}")
        assert await store.outbox.release_stale(f"boot{boot}") == 0
        assert await store.outbox.release_stale(f"boot{boot + 1}") == 1
    row = await one(store, row.id)
    assert (row.state, row.error) == ("dead", "crashed the worker 10 times")


async def test_a_delivery_of_a_lead_deleted_in_flight_is_not_tried_again(store: Store, make: Any, clock: Any) -> None:
    lead_id = await make.lead(await make.icp())
    (row,) = await lease(store)
    await store.leads.delete(lead_id)
    await store.outbox.retry(row.id, "503", clock.ms)
    assert (await one(store, row.id)).state == "dropped"


async def test_deliveries_without_a_lead_have_keys_of_their_own(store: Store, make: Any) -> None:
    a = await store.outbox.add("jsonl", "test", '{"t":1}')
    b = await store.outbox.add("jsonl", "test", '{"t":1}')
    assert a.key != b.key
    lead_id = await make.lead(await make.icp())
    by_hand = [await store.outbox.add("jsonl", "export", "{}", lead_id=lead_id) for _ in range(2)]
    leased = await lease(store)
    assert {a.id, b.id} < {row.id for row in leased}
    assert leased[0].payload == '{"t":1}'
    assert len({row.revision for row in by_hand}) == 2
    for row in leased:
        await store.outbox.delivered(row.id, Receipt())
    assert len(await lease(store)) == 1


async def test_lists_page_by_cursor(store: Store) -> None:
    ids = [(await store.outbox.add("jsonl", "test", "{}")).id for _ in range(5)]
    seen, after = [], None
    while True:
        page = await store.outbox.list(sink="jsonl", state="pending", limit=2, after=after)
        seen += [row.id for row in page.items]
        await store.outbox.add("jsonl", "test", "{}")
        after = page.next
        if after is None:
            break
    assert seen == ids[::-1]
    with pytest.raises(ValueError, match="unknown state"):
        await store.outbox.list(state="lost")


async def test_unknown_deliveries_are_named(store: Store) -> None:
    for call in (
        store.outbox.freeze(9, "{}"),
        store.outbox.delivered(9, Receipt()),
        store.outbox.retry(9, "x", 1),
        store.outbox.dead(9, "x"),
    ):
        with pytest.raises(NotFound):
            await call
    assert await store.outbox.get(9) is None
