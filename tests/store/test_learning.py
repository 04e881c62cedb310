"""What verdicts and journal tell whoever weighs evidence."""

from __future__ import annotations

from typing import Any

from leadd.store.rows import CompanyRef
from leadd.store.store import Store


async def triaged(store: Store, make: Any, icp: Any, name: str, *, classified: str | None = "match", **more: Any) -> int:
    """A signal with a triage in the journal, and its lead; the lead's id."""
    (signal_id,) = await make.stored()
    values = {"stage": "triage", "decision": "yes", "answer": {"name": name}, "digest": "d", "prompt_hash": "p"} | more
    await store.judgements.add(make.judgement(signal_id, icp.id, **values))
    if classified:
        await store.judgements.add(make.judgement(signal_id, icp.id, decision=classified))
    company = CompanyRef(name=name, name_key=name)
    result = await store.leads.record(make.record(signal_id, icp, company=company, display_name=name))
    return int(result.leads[0].lead_id)


async def test_triages_come_oldest_first_with_what_became_of_them(store: Store, make: Any) -> None:
    icp, other = await make.icp(), await make.icp("other")
    await triaged(store, make, icp, "one")
    await triaged(store, make, icp, "two", classified="no_match", method="rule")
    await triaged(store, make, icp, "three", classified=None, decision="no")
    await triaged(store, make, icp, "failed", decision="failed", failure="length")
    await triaged(store, make, icp, "twin", cache="twin")
    await triaged(store, make, icp, "near", cache="near")
    await triaged(store, make, other, "elsewhere")
    rows = await store.learning.triaged(icp.id)
    assert [(r.answer["name"], r.classified, r.decision, r.method) for r in rows] == [
        ("one", "match", "yes", "model"), ("two", "no_match", "yes", "rule"), ("three", None, "no", "model"),
    ]  # fmt: skip
    assert [r.answer["name"] for r in await store.learning.triaged(icp.id, limit=1)] == ["three"]
    await store.signals.reopen(method="model")
    assert {r.method for r in await store.learning.triaged(icp.id)} <= {"rule"}


async def test_the_last_verdict_on_a_lead_counts_with_the_triage_of_its_signal(store: Store, make: Any) -> None:
    icp, other = await make.icp(), await make.icp("other")
    assert await store.learning.verdict_mark() == 0
    one, two = await triaged(store, make, icp, "one"), await triaged(store, make, icp, "two")
    far = await triaged(store, make, other, "far")
    untold = await make.lead(icp, company=CompanyRef(name="x", name_key="x"))
    for lead_id, verdict in ((one, "accept"), (two, "won"), (one, "reject"), (far, "lost"), (untold, "accept")):
        await store.leads.verdict(lead_id, verdict)
    assert [(r.verdict, r.answer["name"], r.digest) for r in await store.learning.verdicts(icp.id)] == [
        ("won", "two", "d"), ("reject", "one", "d"),
    ]  # fmt: skip
    assert [r.verdict for r in await store.learning.verdicts(other.id)] == ["lost"]
    mark = await store.learning.verdict_mark()
    await store.leads.delete(one)
    assert len(await store.learning.verdicts(icp.id)) == 2
    assert await store.learning.verdict_mark() == mark
    await store.leads.verdict(two, "lost")
    assert await store.learning.verdict_mark() != mark
