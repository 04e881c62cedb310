"""Routes that read and write rows, over the real store."""

from __future__ import annotations

import logging

import pytest

from leadd.api import Contact, Icp
from leadd.core.finder import Finder
from leadd.core.icp_templates import TEMPLATES
from leadd.store import Store
from leadd.store.rows import CompanyRef, IcpOutcome, LeadRecord, NewJudgement, NewSignal, SinkRef

ICP = {"name": "shops", "description": "shops that need help with their website"}


@pytest.fixture
async def stored(serve, home):
    """A served house with a real store that holds one ICP, three leads, a filtered and a held signal."""
    clock = None

    def tune(house):
        nonlocal clock
        clock = house.clock

    served = await serve(tune=tune)
    store = await Store.open(home / "store", clock=clock)
    served.house.store = store
    served.house.core.verdicts = store.verdicts
    served.house.core.finder = Finder(store, None, clock, logging.getLogger("test"), has_embedder=False)
    icp = await store.icps.add(Icp.model_validate(ICP))
    texts = [NewSignal("ads", f"text {i}", f"title {i}", f"hash{i}", f"key{i}", company=f"Firm {i}") for i in range(5)]
    await store.signals.add_many("ads", texts)
    rows = await store.signals.lease("me", limit=10, lease_ms=60_000)
    for number, row in enumerate(rows[:3]):
        score = 90 - 20 * number
        bucket = ("red_hot", "warm", "nurture")[number]
        judged = NewJudgement(
            row.id, icp.id, "classify", "match", method="model", score=float(score), prompt="classification@1"
        )
        outcome = IcpOutcome(icp.id, "shops", True, score, bucket, ("because",), {"icp_match": True}, (judged,))
        record = LeadRecord(
            signal_id=row.id,
            outcome=bucket,
            method="model",
            per_icp=(outcome,),
            company=CompanyRef(f"Firm {number}", f"firm {number}", f"firm{number}.example"),
            display_name=f"Firm {number}",
            contacts=(Contact("email", f"a@firm{number}.example"),),
            sinks=(SinkRef("out"),),
        )
        await store.leads.record(record)
    await store.signals.hold(rows[3].id, "the model gave no usable answer")
    yield served
    await store.close()


async def test_leads_are_listed_best_first_page_by_page(stored):
    first = await stored.json("GET", "/api/leads/?limit=2")
    assert [lead["score"] for lead in first["items"]] == [90, 70]
    rest = await stored.json("GET", f"/api/leads/?limit=2&cursor={first['next']}")
    assert [lead["score"] for lead in rest["items"]] == [50]
    assert rest["next"] is None
    assert [lead["bucket"] for lead in (await stored.json("GET", "/api/leads?bucket=warm"))["items"]] == ["red_hot", "warm"]
    assert (await stored.json("GET", "/api/leads?icp=other"))["items"] == []
    assert len((await stored.json("GET", "/api/leads?status=new&order=updated"))["items"]) == 3
    assert (await stored.json("GET", "/api/leads/search?q=firm%201"))["items"][0]["name"] == "Firm 1"


@pytest.mark.parametrize("path", ["/api/leads/", "/api/signals", "/api/deliveries"])
@pytest.mark.parametrize("cursor", ["x", "-", "9" * 30, "[]", "1:2:3", "%00", "None", "1.5", "''"])
async def test_a_cursor_from_elsewhere_is_an_error_not_a_crash(stored, path, cursor):
    answer = await stored.json("GET", f"{path}?cursor={cursor}", status=None)
    assert "items" in answer or answer["error"]["code"] == "invalid"


async def test_one_lead_with_all_that_is_known(stored):
    lead = await stored.json("GET", "/api/leads/1")
    assert (lead["name"], lead["bucket"], lead["domain"]) == ("Firm 0", "red_hot", "firm0.example")
    assert lead["contacts"] == [{"kind": "email", "value": "a@firm0.example"}]
    assert lead["signals"][0]["title"] == "title 0"
    assert lead["timeline"]
    why = await stored.json("GET", "/api/leads/1/why")
    assert why["signals"][0]["judgements"][0]["prompt"] == "classification@1"
    dossier = await stored.json("GET", "/api/leads/1/dossier")
    assert dossier["state"] == "wanted"
    assert (await stored.json("GET", "/api/leads/3/dossier", status=404))["error"]["code"] == "no_dossier"
    counts = await stored.json("GET", "/api/leads/score-distribution/bucket-counts?icp=shops")
    assert (counts["total"], counts["counts"]["warm"]) == (3, 1)


async def test_the_users_own_word(stored):
    changed = await stored.json("PATCH", "/api/leads/1/status", json={"status": "contacted"})
    assert changed["status"] == "contacted"
    await stored.json("PATCH", "/api/leads/1/notes", json={"text": "called them"})
    await stored.json("PATCH", "/api/leads/1/notes", json={"notes": "again"})
    won = await stored.json("POST", "/api/leads/1/verdict", json={"verdict": "won", "note": "great"})
    assert (won["status"], won["verdict"]) == ("won", "won")
    timeline = (await stored.json("GET", "/api/leads/1"))["timeline"]
    assert {"called them", "again"} <= {entry["text"] for entry in timeline}
    kinds = [event.kind for event in stored.house.core.events._recent]
    assert kinds == ["lead.changed"] * 4
    await stored.json("PATCH", "/api/leads/1/status", json={"status": "sold"}, status=422)
    await stored.json("POST", "/api/leads/1/verdict", json={"verdict": "maybe"}, status=422)
    await stored.json("PATCH", "/api/leads/1/notes", json={"text": "  "}, status=422)


async def test_a_deleted_lead_is_out_of_the_lists(stored):
    await stored.json("DELETE", "/api/leads/1")
    assert len((await stored.json("GET", "/api/leads"))["items"]) == 2
    await stored.json("GET", "/api/leads/1", status=404)
    await stored.json("DELETE", "/api/leads/1", status=404)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", "/api/leads/77", None),
        ("GET", "/api/leads/77/why", None),
        ("GET", "/api/leads/77/dossier", None),
        ("PATCH", "/api/leads/77/status", {"status": "won"}),
        ("PATCH", "/api/leads/77/notes", {"text": "x"}),
        ("POST", "/api/leads/77/verdict", {"verdict": "accept"}),
        ("DELETE", "/api/leads/77", None),
        ("GET", "/api/signals/77/why", None),
        ("GET", "/api/icp/77", None),
        ("PUT", "/api/icp/77", ICP | {"name": "other"}),
        ("DELETE", "/api/icp/77", None),
        ("POST", "/api/icp/templates/none", None),
        ("POST", "/api/deliveries/77/retry", None),
        ("POST", "/api/deliveries/77/drop", None),
        ("GET", "/api/sources/none", None),
        ("POST", "/api/sources/none/poll", None),
        ("POST", "/api/sinks/none/test", None),
    ],
)
async def test_what_is_not_there_is_404(stored, method, path, body):
    answer = await stored.json(method, path, json=body, status=404)
    assert answer["error"]["code"] == "not_found"


async def test_signals_by_where_they_stand_and_why(stored):
    held = await stored.json("GET", "/api/signals?outcome=held")
    assert [s["hold_reason"] for s in held["items"]] == ["the model gave no usable answer"]
    assert len((await stored.json("GET", "/api/signals?state=done&source=ads"))["items"]) == 3
    assert (await stored.json("GET", "/api/signals?source=none"))["items"] == []
    why = await stored.json("GET", "/api/signals/1/why")
    assert why["signal"]["outcome"] == "red_hot"
    assert [j["stage"] for j in why["judgements"]] == ["classify"]
    await stored.json("GET", "/api/signals?outcome=good", status=422)


async def test_icps_are_added_changed_and_taken_out(stored):
    listed = await stored.json("GET", "/api/icp/")
    assert [entry["icp"]["name"] for entry in listed["items"]] == ["shops"]
    assert listed["templates"] == sorted(TEMPLATES)
    added = await stored.json("POST", "/api/icp", json=ICP | {"name": "bakers"}, status=201)
    changed = await stored.json("PUT", f"/api/icp/{added['id']}", json=ICP | {"name": "bakers", "enabled": False})
    assert changed["icp"]["enabled"] is False
    assert (await stored.json("GET", f"/api/icp/{added['id']}"))["icp"]["enabled"] is False
    await stored.json("DELETE", f"/api/icp/{added['id']}")
    assert len((await stored.json("GET", "/api/icp"))["items"]) == 1
    assert stored.house.core.called == [("icps_changed",)] * 3
    clash = await stored.json("POST", "/api/icp/", json=ICP, status=409)
    assert clash["error"]["code"] == "duplicate"
    wrong = await stored.json("POST", "/api/icp/", json=ICP | {"regionz": []}, status=422)
    assert "regionz" in wrong["error"]["message"]


async def test_a_template_becomes_the_users_own_also_where_it_stands_in(stored):
    name = sorted(TEMPLATES)[0]
    added = await stored.json("POST", f"/api/icp/templates/{name}", status=201)
    assert added["icp"]["name"] == name
    await stored.json("POST", f"/api/icp/templates/{name}", status=409)
    stored.house.core.profiles.stand_in = name
    assert (await stored.json("GET", f"/api/icp/{added['id']}"))["stand_in"] is True
    again = await stored.json("POST", f"/api/icp/templates/{name}", status=201)
    assert again["id"] == added["id"]


async def test_deliveries_are_listed_retried_and_dropped(stored):
    store = stored.house.store
    page = await stored.json("GET", "/api/deliveries?limit=2")
    assert len(page["items"]) == 2
    assert len((await stored.json("GET", f"/api/deliveries?limit=2&cursor={page['next']}"))["items"]) == 1
    [row, *_] = await store.outbox.lease("me", "out", 1, 60_000)
    await stored.json("POST", f"/api/deliveries/{row.id}/retry", status=409)  # under way
    await stored.json("POST", f"/api/deliveries/{row.id}/drop", status=409)
    await store.outbox.dead(row.id, "refused")
    assert [d["error"] for d in (await stored.json("GET", "/api/deliveries?state=dead"))["items"]] == ["refused"]
    revived = await stored.json("POST", f"/api/deliveries/{row.id}/retry")
    assert (revived["state"], revived["key"]) == ("pending", row.key)
    assert ("wake_sinks",) in stored.house.core.called
    assert (await stored.json("POST", f"/api/deliveries/{row.id}/drop"))["state"] == "dropped"
    assert (await stored.json("GET", "/api/deliveries?sink=none"))["items"] == []


async def test_metrics_and_readiness_over_the_real_store(stored):
    async with stored.unix.get("http://leadd/metrics") as answer:
        text = await answer.text()
    assert 'leadd_leads{bucket="red_hot"} 1.0' in text
    assert 'leadd_signals{state="held"} 1.0' in text
    assert 'leadd_deliveries{sink="out",state="pending"} 3.0' in text
    assert (await stored.json("GET", "/readyz"))["status"] == "ok"
    await stored.house.store.close()
    answer = await stored.json("GET", "/readyz", status=503)
    assert answer["error"]["code"] == "not_ready"
    assert (await stored.json("GET", "/health"))["database"] != "ok"
    failed = await stored.json("POST", "/api/icp/", json=ICP | {"name": "later"}, status=503)
    assert failed["error"]["code"] == "store_unavailable"


async def test_a_snoozed_lead_leaves_the_list_and_a_verdict_can_be_taken_back(stored):
    put_off = await stored.json("POST", "/api/leads/1/verdict", json={"verdict": "snooze", "days": 2})
    assert put_off["snoozed_until_ms"] == stored.house.clock.ms + 2 * 86_400_000
    assert [i["id"] for i in (await stored.json("GET", "/api/leads/"))["items"]] == [2, 3]
    assert [i["id"] for i in (await stored.json("GET", "/api/leads/?snoozed=only"))["items"]] == [1]
    undone = await stored.json("POST", "/api/leads/1/undo")
    assert (undone["undone"], undone["lead"]["snoozed_until_ms"]) == ("snooze", None)
    await stored.json("POST", "/api/leads/1/undo", status=404)
    refused = await stored.json("POST", "/api/leads/1/verdict", json={"verdict": "won", "days": 2}, status=422)
    assert "days go with the verdict snooze only" in refused["error"]["message"]
    await stored.json("POST", "/api/leads/2/verdict", json={"verdict": "reject"})
    (kept,) = await stored.house.store.verdicts.counting()
    assert (kept.lead_id, kept.by) == (2, "api")


async def test_a_verdict_on_a_dropped_signal_is_kept(stored):
    said = await stored.json("POST", "/api/signals/5/verdict", json={"verdict": "accept", "icp": "shops", "by": "user"})
    assert (said["signal_id"], said["verdict"], said["by"], said["dropped_by"]) == (5, "accept", "user", "")
    assert ("judge_signal", 5, "accept", "", "user", "shops") in stored.house.core.called
    assert (await stored.json("POST", "/api/signals/5/undo"))["undone_at_ms"] == stored.house.clock.ms
    for path, body in (("5/verdict", {"verdict": "won"}), ("5/verdict", {"verdict": "accept", "by": "me"})):
        await stored.json("POST", f"/api/signals/{path}", json=body, status=422)
    refused = await stored.json("POST", "/api/signals/1/verdict", json={"verdict": "accept"}, status=409)
    assert refused["error"]["message"] == "signal 1 was not dropped: it is part of lead 1"
    for path in ("5/undo", "77/undo"):
        await stored.json("POST", f"/api/signals/{path}", status=404)
    await stored.json("POST", "/api/signals/77/verdict", json={"verdict": "accept"}, status=404)


async def test_leads_are_found_by_what_they_say_and_the_answer_says_how(stored, monkeypatch):
    monkeypatch.setattr("leadd.core.finder._load_static", lambda: (None, "switched off by the test"))
    found = await stored.json("GET", "/api/leads/search?q=firm%202&limit=5")
    assert [(i["id"], i["similarity"]) for i in found["items"]] == [(3, None)]
    assert found["by"] == "words"
    assert "switched off by the test" in found["reason"]
    like = await stored.json("GET", "/api/leads/1/similar?limit=1")
    assert [i["id"] for i in like["items"]] == [2]
    await stored.json("GET", "/api/leads/77/similar", status=404)
    await stored.json("GET", "/api/leads/search", status=422)


async def test_the_review_queue_is_served_with_the_effect(stored):
    found = await stored.json("GET", "/api/review?icp=shops&limit=2")
    assert [(i["kind"], i["lead_id"]) for i in found["items"]] == [("hot", 1), ("hot", 2)]
    assert found["effect"]["needed"] == 60
    for number in range(3):
        await stored.json("POST", f"/api/leads/{number + 1}/verdict", json={"verdict": "accept"})
    after = await stored.json("GET", "/api/review")
    assert after["items"] == []
    assert after["effect"]["verdicts"] == 3
    assert (await stored.json("GET", "/api/review?icp=nobody"))["effect"]["verdicts"] == 0
