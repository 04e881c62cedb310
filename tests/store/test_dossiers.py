from __future__ import annotations

from typing import Any

import pytest

from leadd.store.errors import NotFound
from leadd.store.rows import CompanyRef, NewJudgement
from leadd.store.store import Store

LEASE_MS = 60_000
ANSWER = {"snapshot": "They hire.", "why_pain_bullets": ["a"]}


def provenance(**more: Any) -> NewJudgement:
    return NewJudgement(signal_id=0, icp_id=None, stage="dossier", decision="written", method="model", digest="d1", **more)


async def test_hot_leads_get_a_dossier_the_best_first(store: Store, make: Any) -> None:
    icp = await make.icp()
    warm = await make.lead(icp, 71, "warm", company=CompanyRef(name="A", name_key="a"))
    hot = await make.lead(icp, 90, "red_hot", company=CompanyRef(name="B", name_key="b"))
    await make.lead(icp, 69, "warm", company=CompanyRef(name="C", name_key="c"))
    await make.lead(icp, 95, "red_hot", company=CompanyRef(name="D", name_key="d"), method="evidence")
    rows = await store.dossiers.lease("boot1", 10, LEASE_MS)
    assert [(row.lead_id, row.state, row.icp_id) for row in rows] == [(hot, "leased", icp.id), (warm, "leased", icp.id)]
    assert await store.dossiers.lease("boot1", 10, LEASE_MS) == []
    await store.dossiers.finish(hot, ANSWER, provenance())
    row = await store.dossiers.get(hot)
    lead = await store.leads.view(hot)
    assert row is not None
    assert lead is not None
    assert (row.state, row.answer, lead.dossier) == ("done", ANSWER, ANSWER)
    (journal,) = await store.judgements.for_signal(row.signal_id or 0)
    assert (journal.id, journal.stage, journal.lead_id, journal.icp_id) == (row.judgement_id, "dossier", hot, icp.id)
    assert (journal.answer, journal.digest) == (ANSWER, "d1")
    assert (await store.leads.timeline(hot))[-1].kind == "dossier"
    assert await store.dossiers.counts() == {"wanted": 0, "leased": 1, "done": 1, "held": 0}


async def test_a_failure_is_tried_again_or_held_and_is_never_an_answer(store: Store, make: Any, clock: Any) -> None:
    lead_id = await make.lead(await make.icp(), 90, "red_hot")
    await store.dossiers.lease("boot1", 1, LEASE_MS)
    await store.dossiers.fail(lead_id, "unreachable", clock.ms + 1_000, charge=False)
    assert await store.dossiers.next_due() == clock.ms + 1_000
    assert await store.dossiers.lease("boot1", 1, LEASE_MS) == []
    clock.ms += 1_000
    (row,) = await store.dossiers.lease("boot1", 1, LEASE_MS)
    assert (row.attempts, row.failure) == (0, "unreachable")
    await store.dossiers.fail(lead_id, "schema", clock.ms, judgement=provenance(failure="schema", raw="{"))
    (row,) = await store.dossiers.lease("boot1", 1, LEASE_MS)
    assert row.attempts == 1
    await store.dossiers.fail(lead_id, "schema", None)
    row_held = await store.dossiers.get(lead_id)
    lead = await store.leads.view(lead_id)
    assert row_held is not None
    assert lead is not None
    assert (row_held.state, row_held.attempts, lead.dossier) == ("held", 2, None)
    assert await store.dossiers.next_due() is None
    assert [j.failure for j in await store.judgements.for_signal(row_held.signal_id or 0)] == ["schema"]
    await store.dossiers.want(lead_id)
    assert [r.attempts for r in await store.dossiers.lease("boot1", 1, LEASE_MS)] == [0]


async def test_leases_come_back_and_the_third_crash_holds(store: Store, make: Any, clock: Any) -> None:
    lead_id = await make.lead(await make.icp(), 90, "red_hot")
    await store.dossiers.lease("boot0", 1, LEASE_MS)
    await store.dossiers.release([lead_id])
    await store.dossiers.lease("another", 1, LEASE_MS)
    clock.ms += LEASE_MS  # ran out
    for boot in range(3):
        assert [r.lead_id for r in await store.dossiers.lease(f"boot{boot}", 1, LEASE_MS)] == [lead_id]
        assert await store.dossiers.release_stale(f"boot{boot + 1}") == 1
    row = await store.dossiers.get(lead_id)
    assert row is not None
    assert (row.state, row.failure) == ("held", "crashed the worker 3 times")


async def test_a_lead_merged_while_its_dossier_is_written_keeps_it(store: Store, make: Any) -> None:
    icp = await make.icp()
    kept = await make.lead(icp, 45, "nurture", company=CompanyRef(name="Acme", name_key="acme"))
    lost = await make.lead(icp, 90, "red_hot", company=CompanyRef(domain="acme.example"))
    await store.dossiers.lease("boot1", 1, LEASE_MS)
    await make.lead(icp, 40, "nurture", company=CompanyRef(name="Acme", name_key="acme", domain="acme.example"))
    await store.dossiers.finish(lost, ANSWER, provenance())
    lead = await store.leads.view(kept)
    assert lead is not None
    assert lead.dossier == ANSWER
    assert await store.dossiers.get(lost) == await store.dossiers.get(kept)


async def test_unknown_leads_are_named(store: Store, make: Any) -> None:
    cool = await make.lead(await make.icp(), 45, "nurture")
    assert await store.dossiers.get(cool) is None
    for call in (
        store.dossiers.finish(cool, ANSWER, provenance()),
        store.dossiers.fail(10**9, "x", None),
        store.dossiers.want(10**9),
    ):
        with pytest.raises(NotFound):
            await call
    await store.dossiers.want(cool)
    assert len(await store.dossiers.lease("boot1", 1, LEASE_MS)) == 1


async def test_what_a_person_waits_for_is_leased_first_until_it_is_written(store: Store, make: Any, clock: Any) -> None:
    icp = await make.icp()
    hot = await make.lead(icp, 90, "red_hot", company=CompanyRef(name="A", name_key="a"))
    cool = await make.lead(icp, 45, "nurture", company=CompanyRef(name="B", name_key="b"))
    assert await store.dossiers.lease("boot1", 1, LEASE_MS, least_priority=1000) == []
    assert await store.dossiers.next_due(least_priority=1000) is None
    await store.dossiers.want(cool, 1000)
    await store.dossiers.want(cool)  # never lowered
    assert await store.dossiers.next_due(least_priority=1000) == clock.ms
    (row,) = await store.dossiers.lease("boot1", 1, LEASE_MS)
    assert (row.lead_id, row.priority) == (cool, 1000)
    await store.dossiers.fail(cool, "schema", clock.ms)
    assert await store.release_stale("boot2") == 0
    assert [r.lead_id for r in await store.dossiers.lease("boot2", 5, LEASE_MS)] == [cool, hot]
    assert await store.release_stale("boot3") == 2
    assert [(r.lead_id, r.priority) for r in await store.dossiers.lease("boot3", 1, LEASE_MS, least_priority=1000)] == [
        (cool, 1000)
    ]
    await store.dossiers.finish(cool, ANSWER, provenance())
    done = await store.dossiers.get(cool)
    assert done is not None
    assert (done.state, done.priority) == ("done", 0)


async def test_one_that_is_being_written_is_left_alone_but_hurried(store: Store, make: Any) -> None:
    lead_id = await make.lead(await make.icp(), 90, "red_hot")
    await store.dossiers.lease("boot1", 1, LEASE_MS)
    await store.dossiers.want(lead_id, 1000)
    row = await store.dossiers.get(lead_id)
    assert row is not None
    assert (row.state, row.priority) == ("leased", 1000)
    await store.dossiers.finish(lead_id, ANSWER, provenance())
    await store.dossiers.want(lead_id, 1000)  # anew
    (row,) = await store.dossiers.lease("boot1", 1, LEASE_MS)
    assert (row.state, row.priority, row.answer) == ("leased", 1000, ANSWER)
