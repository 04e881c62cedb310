from __future__ import annotations

import asyncio
import itertools
from typing import Any

import pytest

from leadd.api.leads import Receipt
from leadd.api.signals import Contact
from leadd.store.errors import NotFound
from leadd.store.rows import CompanyRef, Finish, IcpOutcome, RecordResult, SinkRef
from leadd.store.store import Store


async def record(store: Store, make: Any, icp: Any, total: int = 65, bucket: str = "warm", **more: Any) -> RecordResult:
    (signal_id,) = await make.stored()
    return await store.leads.record(make.record(signal_id, icp, total, bucket, **more))


def ref(name: str | None = None, domain: str | None = None, **more: Any) -> CompanyRef:
    return CompanyRef(name=name, name_key=None if name is None else name.lower(), domain=domain, **more)


async def outbox(store: Store, lead_id: int) -> list[tuple[Any, ...]]:
    rows = await store.db.fetch(
        "SELECT sink, event, revision, state, key FROM outbox WHERE lead_id = ? ORDER BY id", (lead_id,)
    )
    return [tuple(row) for row in rows]


async def test_one_record_leaves_everything_behind(store: Store, make: Any, clock: Any) -> None:
    icp = await make.icp()
    (signal_id,) = await make.stored(location="Köln", url="https://example.com/a")
    company = ref("Acme", "acme.example", website="https://acme.example")
    judgement = make.judgement(signal_id, icp.id)
    outcome = IcpOutcome(icp.id, "marketing", True, 85, "red_hot", ("hires",), {"icp_match": True}, (judgement,))
    result = await store.leads.record(
        make.record(
            signal_id,
            icp,
            85,
            "red_hot",
            per_icp=(outcome,),
            company=company,
            display_name="Acme GmbH",
            contacts=(Contact("email", "a@acme.example"), Contact("email", "a@acme.example"), Contact("phone", "+4922")),
            sinks=(SinkRef("jsonl"), SinkRef("hook", "red_hot", ("marketing",)), SinkRef("no", "nurture", ("other",))),
        )
    )
    ((lead_id, created, upgraded, score, bucket),) = result.leads
    assert (created, upgraded, score, bucket) == (True, False, 85, "red_hot")
    assert await outbox(store, lead_id) == [
        ("jsonl", "lead.created", 1, "pending", f"lead-{lead_id}-1-jsonl"),
        ("hook", "lead.created", 1, "pending", f"lead-{lead_id}-1-hook"),
    ]
    signal = await store.signals.get(signal_id)
    assert signal is not None
    assert (signal.state, signal.outcome, signal.method, signal.company_id) == ("done", "red_hot", "model", result.company_id)
    lead = await store.leads.view(lead_id)
    assert lead is not None
    assert lead == type(lead).from_dict(lead.as_dict())
    assert (lead.name, lead.company, lead.domain, lead.location) == ("Acme GmbH", "Acme", "acme.example", "Köln")
    assert (lead.revision, lead.event, lead.icp, lead.status, lead.method) == (1, "lead.created", "marketing", "new", "model")
    assert lead.contacts == (Contact("email", "a@acme.example"), Contact("phone", "+4922"))
    assert [(s.signal_id, s.score, s.url) for s in lead.signals] == [(signal_id, 85, "https://example.com/a")]
    assert (lead.reasons, lead.classification, lead.dossier) == (("hires",), {"icp_match": True}, None)
    upgraded_view = await store.leads.view(lead_id, event="lead.upgraded", revision=4)
    assert upgraded_view is not None
    assert (upgraded_view.event, upgraded_view.revision) == ("lead.upgraded", 4)
    assert [j.stage for j in await store.judgements.for_signal(signal_id)] == ["classify"]
    assert [entry.kind for entry in await store.leads.timeline(lead_id)] == ["created"]
    dossier = await store.dossiers.get(lead_id)
    assert dossier is not None
    assert (dossier.state, dossier.icp_id, dossier.signal_id) == ("wanted", icp.id, signal_id)


async def test_a_record_that_fails_leaves_nothing_behind(store: Store, make: Any) -> None:
    icp = await make.icp()
    (signal_id,) = await make.stored()
    bad = make.judgement(10**9, icp.id)
    outcome = IcpOutcome(icp.id, "marketing", True, 85, "red_hot", judgements=(bad,))
    with pytest.raises(Exception, match="FOREIGN KEY"):
        await store.leads.record(make.record(signal_id, icp, per_icp=(outcome,)))
    with pytest.raises(NotFound):
        await store.leads.record(make.record(10**9, icp))
    counts = [(await store.db.fetch(f"SELECT count(*) FROM {t}"))[0][0] for t in ("lead", "company", "outbox", "activity")]
    assert counts == [0, 0, 0, 0]
    signal = await store.signals.get(signal_id)
    assert signal is not None
    assert signal.state == "new"


async def test_signals_of_one_company_are_one_lead_per_icp(store: Store, make: Any) -> None:
    one, two = await make.icp("one"), await make.icp("two")
    (a,) = (await record(store, make, one)).leads
    (b,) = (await record(store, make, one, 50, "nurture")).leads
    (c,) = (await record(store, make, two)).leads
    assert (a.lead_id, a.created, b.created, c.created) == (b.lead_id, True, False, True)
    assert c.lead_id != a.lead_id
    row = await store.leads.get(a.lead_id)
    assert row is not None
    assert (row.score, row.signal_count, row.revision) == (65, 2, 1)
    (signal_id,) = await make.stored()
    both = tuple(IcpOutcome(i.id, i.icp.name, True, 90, "red_hot") for i in (one, two))
    result = await store.leads.record(make.record(signal_id, one, per_icp=both))
    assert [(change.lead_id, change.upgraded) for change in result.leads] == [(a.lead_id, True), (c.lead_id, True)]


async def test_a_company_is_found_by_domain_then_by_name_and_filled(store: Store, make: Any) -> None:
    icp = await make.icp()
    first = await record(store, make, icp, company=ref("Acme"))
    second = await record(store, make, icp, company=ref("Acme", "acme.example", website="https://acme.example"))
    third = await record(store, make, icp, company=ref("Acme Software", "acme.example", location="Bonn"))
    fourth = await record(store, make, icp, company=ref(None, "acme.example"))
    assert {r.company_id for r in (first, second, third, fourth)} == {first.company_id}
    company = await store.companies.get(first.company_id or 0)
    assert company is not None
    assert (company.name, company.name_key, company.domain) == ("Acme", "acme", "acme.example")
    assert (company.website, company.location) == ("https://acme.example", "Bonn")
    namesake = await record(store, make, icp, company=ref("Acme", "acme-boats.example"))
    assert namesake.company_id != first.company_id
    by_name = await record(store, make, icp, company=ref("Acme"))
    assert by_name.company_id == first.company_id  # the older of the two namesakes
    assert len((await store.companies.list()).items) == 2
    nobody = await record(store, make, icp, company=CompanyRef(location="Bonn"))
    assert nobody.company_id is None


async def test_two_rows_that_prove_to_be_one_company_become_one_lead(store: Store, make: Any) -> None:
    icp, other = await make.icp(), await make.icp("other")
    named = await record(store, make, icp, 82, "red_hot", company=ref("Acme"), contacts=(Contact("email", "n@x.example"),))
    lead_a = named.leads[0].lead_id
    by_domain = await record(store, make, icp, 45, "nurture", company=ref(None, "acme.example"))
    lead_b = by_domain.leads[0].lead_id
    only_named = (await record(store, make, other, company=ref("Acme"))).leads[0].lead_id
    assert lead_a != lead_b
    await store.leads.set_status(lead_b, "contacted")
    await store.leads.add_note(lead_b, "called")
    both = await record(store, make, icp, 50, "nurture", company=ref("Acme", "acme.example"))
    assert both.leads[0].lead_id == lead_a
    assert not both.leads[0].created
    for lead_id in (lead_a, lead_b):  # the old number still leads there
        row = await store.leads.get(lead_id)
        assert row is not None
        assert (row.id, row.score, row.signal_count, row.status, row.domain) == (lead_a, 82, 3, "contacted", "acme.example")
    assert {row.id for row in (await store.leads.list()).items} == {lead_a, only_named}
    moved = await store.leads.get(only_named)
    assert moved is not None
    assert moved.company_id == both.company_id == by_domain.company_id
    assert {"note", "merged", "created"} <= {entry.kind for entry in await store.leads.timeline(lead_a)}
    assert [state for _, _, _, state, _ in await outbox(store, lead_b)] == ["dropped"]
    assert [state for _, _, _, state, _ in await outbox(store, lead_a)] == ["pending"]
    old = await store.companies.get(named.company_id or 0)
    assert old is not None
    assert (old.id, old.name) == (by_domain.company_id, "Acme")
    assert (await store.leads.verdict(lead_b, "accept")).id == lead_a


async def test_a_merger_that_lifts_the_kept_lead_loses_no_delivery(store: Store, make: Any) -> None:
    icp = await make.icp()
    sinks = (SinkRef("jsonl", "nurture"), SinkRef("hot", "red_hot"))
    low = (await record(store, make, icp, 45, "nurture", company=ref("Acme"), sinks=sinks)).leads[0].lead_id
    high = (await record(store, make, icp, 90, "red_hot", company=ref(None, "acme.example"), sinks=sinks)).leads[0].lead_id
    await record(store, make, icp, 41, "nurture", company=ref("Acme", "acme.example"), sinks=sinks)
    row = await store.leads.get(high)
    assert row is not None
    assert (row.id, row.bucket, row.revision) == (low, "red_hot", 2)
    assert [item[:4] for item in await outbox(store, low)] == [
        ("jsonl", "lead.created", 1, "pending"),
        ("jsonl", "lead.upgraded", 2, "pending"),
        ("hot", "lead.created", 2, "pending"),
    ]
    assert await outbox(store, high) == []


async def test_without_a_company_the_person_names_the_lead(store: Store, make: Any) -> None:
    icp = await make.icp()
    a = (await record(store, make, icp, company=None, person_key="eva@x.example", display_name="Eva")).leads[0]
    b = (await record(store, make, icp, company=None, person_key="eva@x.example")).leads[0]
    c = (await record(store, make, icp, company=None, person_key=None, display_name="")).leads[0]
    d = (await record(store, make, icp, company=None, person_key=None, display_name="")).leads[0]
    assert a.lead_id == b.lead_id
    assert len({a.lead_id, c.lead_id, d.lead_id}) == 3
    row = await store.leads.get(a.lead_id)
    assert row is not None
    assert (row.name, row.person_key, row.company) == ("Eva", "eva@x.example", None)


async def test_recording_from_many_tasks_never_splits_a_company(store: Store, make: Any) -> None:
    icp = await make.icp()
    ids = await make.stored(60)
    refs = [ref("Acme"), ref(None, "acme.example"), ref("Acme", "acme.example")]
    records = [make.record(i, icp, 40 + n % 50, "nurture", company=refs[n % 3]) for n, i in enumerate(ids)]
    results = await asyncio.gather(*(store.leads.record(r) for r in records))
    (lead,) = (await store.leads.list()).items
    assert (lead.signal_count, lead.score) == (60, 89)
    assert sum(change.created for r in results for change in r.leads) == 2  # the third showed that the two are one
    assert len((await store.companies.list()).items) == 1


async def test_rising_into_a_better_bucket_is_told_once_per_rise(store: Store, make: Any) -> None:
    icp = await make.icp()
    sinks = (SinkRef("all", "nurture"), SinkRef("hot", "red_hot"))
    changes = [
        (await record(store, make, icp, total, bucket, sinks=sinks)).leads[0]
        for total, bucket in ((45, "nurture"), (50, "nurture"), (65, "warm"), (45, "nurture"), (85, "red_hot"), (99, "red_hot"))
    ]
    assert [(c.created, c.upgraded, c.score) for c in changes] == [
        (True, False, 45), (False, False, 50), (False, True, 65), (False, False, 65), (False, True, 85), (False, False, 99),
    ]  # fmt: skip
    assert [item[:3] for item in await outbox(store, changes[0].lead_id)] == [
        ("all", "lead.created", 1),
        ("all", "lead.upgraded", 2),
        ("all", "lead.upgraded", 3),
        ("hot", "lead.created", 3),
    ]
    kinds = [entry.kind for entry in await store.leads.timeline(changes[0].lead_id)]
    assert kinds == ["created", "signal_added", "upgraded", "signal_added", "upgraded", "signal_added"]


async def test_a_language_model_outweighs_evidence(store: Store, make: Any) -> None:
    icp = await make.icp()
    lead_id = (await record(store, make, icp, 90, "red_hot", method="evidence")).leads[0].lead_id
    assert await store.dossiers.get(lead_id) is None  # a dossier needs a model's word
    change = (await record(store, make, icp, 62, "warm", method="model")).leads[0]
    assert (change.score, change.bucket, change.upgraded) == (62, "warm", False)
    row = await store.leads.get(lead_id)
    assert row is not None
    assert (row.method, row.reasons) == ("model", ("scored 62",))
    change = (await record(store, make, icp, 95, "red_hot", method="evidence")).leads[0]
    assert (change.score, change.upgraded) == (62, False)
    change = (await record(store, make, icp, 75, "warm", method="model")).leads[0]
    assert change.score == 75
    assert await store.dossiers.get(lead_id) is not None


async def test_a_signal_judged_again_replaces_its_own_weight(store: Store, make: Any) -> None:
    icp = await make.icp()
    (signal_id,) = await make.stored()
    lead_id = (await store.leads.record(make.record(signal_id, icp, 85, "red_hot", method="evidence"))).leads[0].lead_id
    assert await store.signals.reopen(method="evidence") == 1
    change = (await store.leads.record(make.record(signal_id, icp, 45, "nurture"))).leads[0]
    assert (change.lead_id, change.created, change.upgraded, change.score) == (lead_id, False, False, 45)
    row = await store.leads.get(lead_id)
    assert row is not None
    assert (row.signal_count, row.bucket, row.method) == (1, "nurture", "model")
    await store.signals.reopen(ids=[signal_id])
    result = await store.leads.record(make.record(signal_id, icp, 10, "parked", makes_lead=False))
    assert result.leads == ()
    row = await store.leads.get(lead_id)
    assert row is not None
    assert (row.score, row.bucket, row.revision) == (10, "parked", 1)
    assert [item[3] for item in await outbox(store, lead_id)] == ["dropped"]  # nobody had begun to send it
    await store.signals.reopen(ids=[signal_id])
    back = (await store.leads.record(make.record(signal_id, icp, 88, "red_hot"))).leads[0]
    assert (back.lead_id, back.upgraded) == (lead_id, True)
    assert (await outbox(store, lead_id))[-1][:4] == ("jsonl", "lead.created", 2, "pending")


async def test_a_signal_dropped_on_second_thought_no_longer_lifts_its_lead(store: Store, make: Any) -> None:
    icp = await make.icp()
    (signal_id,) = await make.stored()
    lead_id = (await store.leads.record(make.record(signal_id, icp, 85, "red_hot"))).leads[0].lead_id
    await record(store, make, icp, 45, "nurture")
    await store.signals.reopen(ids=[signal_id])
    await store.signals.finish_filtered([Finish(signal_id, "filtered", method="model")])
    row = await store.leads.get(lead_id)
    assert row is not None
    assert (row.score, row.bucket) == (45, "nurture")


async def test_a_signal_whose_company_is_only_now_known_moves(store: Store, make: Any) -> None:
    icp = await make.icp()
    (signal_id,) = await make.stored()
    person = (await store.leads.record(make.record(signal_id, icp, company=None, person_key="eva"))).leads[0].lead_id
    await store.signals.reopen(ids=[signal_id])
    moved = (await store.leads.record(make.record(signal_id, icp))).leads[0]
    assert moved.created
    row = await store.leads.get(person)
    assert row is not None
    assert (row.score, row.bucket) == (0, "filtered")


async def test_what_people_set_stays(store: Store, make: Any) -> None:
    icp = await make.icp()
    lead_id = await make.lead(icp)
    assert (await store.leads.set_status(lead_id, "contacted")).status == "contacted"
    await record(store, make, icp, 90, "red_hot")
    row = await store.leads.verdict(lead_id, "accept", "good one")
    assert (row.status, row.verdict, row.score) == ("contacted", "accept", 90)
    assert (await store.leads.verdict(lead_id, "won")).status == "won"
    await store.leads.add_note(lead_id, "signed \ud800")
    timeline = await store.leads.timeline(lead_id)
    assert [(e.kind, e.by) for e in timeline if e.by == "person"] == [
        ("status", "person"), ("verdict", "person"), ("verdict", "person"), ("status", "person"), ("note", "person"),
    ]  # fmt: skip
    assert timeline[-1].text == "signed ?"
    for call in (
        store.leads.set_status(10**9, "won"),
        store.leads.add_note(10**9, "x"),
        store.leads.verdict(10**9, "won"),
        store.leads.delete(10**9),
    ):
        with pytest.raises(NotFound):
            await call
    with pytest.raises(ValueError, match="unknown status"):
        await store.leads.set_status(lead_id, "great")
    with pytest.raises(ValueError, match="unknown verdict"):
        await store.leads.verdict(lead_id, "maybe")


async def test_a_deleted_lead_stays_away(store: Store, make: Any) -> None:
    icp = await make.icp()
    lead_id = await make.lead(icp, 70, "warm")
    await store.leads.delete(lead_id)
    assert await store.leads.get(lead_id) is None
    assert await store.leads.view(lead_id) is None
    assert [item[3] for item in await outbox(store, lead_id)] == ["dropped"]
    assert await store.dossiers.get(lead_id) is None
    again = (await record(store, make, icp, 99, "red_hot")).leads[0]
    assert (again.lead_id, again.created, again.upgraded) == (lead_id, False, False)
    assert (await store.leads.list()).items == ()
    assert (await store.leads.bucket_counts())["red_hot"] == 0
    assert len(await outbox(store, lead_id)) == 1
    assert (await store.leads.why(lead_id)) is not None
    with pytest.raises(NotFound):
        await store.leads.delete(lead_id)


async def test_why_tells_all(store: Store, make: Any) -> None:
    icp = await make.icp()
    (signal_id,) = await make.stored()
    await store.judgements.add(make.judgement(signal_id, icp.id, stage="prefilter", decision="keep", rule="keywords"))
    await store.judgements.add(
        make.judgement(signal_id, icp.id, stage="triage", decision="yes", prompt="triage@1", digest="d1")
    )
    lead_id = (await store.leads.record(make.record(signal_id, icp, 85, "red_hot"))).leads[0].lead_id
    (delivery,) = await store.outbox.lease("boot1", "jsonl", 1, 1000)
    await store.outbox.delivered(delivery.id, Receipt("r1", "written"))
    why = await store.leads.why(lead_id)
    assert why is not None
    assert why["lead"]["score"] == 85
    (entry,) = why["signals"]
    assert entry["signal"]["id"] == signal_id
    assert [(j["stage"], j["decision"], j["digest"]) for j in entry["judgements"]] == [
        ("prefilter", "keep", ""), ("triage", "yes", "d1"),
    ]  # fmt: skip
    assert [(d["sink"], d["state"]) for d in why["deliveries"]] == [("jsonl", "delivered")]
    assert why["dossier"]["state"] == "wanted"
    assert [e["kind"] for e in why["timeline"]] == ["created", "delivered"]
    assert await store.leads.why(10**9) is None


async def test_lists_filter_order_and_page(store: Store, make: Any, clock: Any) -> None:
    one, two = await make.icp("one"), await make.icp("two")
    scores = [(41, "nurture"), (85, "red_hot"), (62, "warm"), (85, "red_hot"), (70, "warm")]
    ids = []
    for number, (total, bucket) in enumerate(scores):
        clock.ms += 1
        company = ref(f"Firm {number} Größe", location="Zürich" if number == 2 else None)
        ids.append(await make.lead(one, total, bucket, company=company, display_name=f"Firm {number}"))
    extra = await make.lead(two, 50, "nurture", company=ref("Else"), display_name="Else")
    found = (await store.leads.list(icp="one")).items
    assert [row.id for row in found] == [ids[3], ids[1], ids[4], ids[2], ids[0]]
    assert [row.id for row in (await store.leads.list(icp="one", order="new")).items] == ids[::-1]
    assert [row.id for row in (await store.leads.list(bucket_min="warm")).items] == [ids[3], ids[1], ids[4], ids[2]]
    assert [row.id for row in (await store.leads.list(query="zurich GROSSE")).items] == [ids[2]]
    assert [row.id for row in await store.leads.search("else")] == [extra]
    await store.leads.set_status(ids[0], "won")
    assert [row.id for row in (await store.leads.list(status="won")).items] == [ids[0]]
    assert (await store.leads.list(order="updated")).items[0].id in (ids[0], extra)
    seen, after = [], None
    while True:
        page = await store.leads.list(icp="one", limit=2, after=after)
        seen += [row.id for row in page.items]
        number = len(seen)
        await make.lead(one, 99, "red_hot", company=ref(f"New {number}"))  # comes in at the top meanwhile
        after = page.next
        if after is None:
            break
    assert seen == [ids[3], ids[1], ids[4], ids[2], ids[0]]
    assert await store.leads.bucket_counts("two") == {"filtered": 0, "parked": 0, "nurture": 1, "warm": 0, "red_hot": 0}
    assert (await store.leads.bucket_counts())["red_hot"] == 2 + 3
    for bad in ({"order": "size"}, {"after": "x"}, {"after": "1"}, {"bucket_min": "hot"}, {"status": "great"}):
        with pytest.raises(ValueError):
            await store.leads.list(**bad)  # type: ignore[arg-type]


SPELLINGS = [
    CompanyRef("Brightmesh", "brightmesh", "brightmesh.example"),
    CompanyRef("Brightmesh GmbH", "brightmesh"),
    CompanyRef("BRIGHTMESH", "brightmesh"),
    CompanyRef(None, None, "brightmesh.example"),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
async def test_a_lead_has_the_same_name_in_whatever_order_its_signals_come(store: Store, make: Any, order: Any) -> None:
    icp = await make.icp()
    for number in order:
        company = SPELLINGS[number]
        await record(store, make, icp, company=company, display_name=company.name or company.domain or "")
    other = await make.icp("other")
    await record(store, make, other, company=SPELLINGS[1], display_name="Brightmesh GmbH")
    found = (await store.leads.list(limit=10)).items
    assert [lead.name for lead in found] == ["Brightmesh", "Brightmesh"], "one lead for each ICP, named alike"
    assert {lead.company for lead in found} == {"Brightmesh"}
