"""The whole way of a signal through a real core: what ends where, what is asked how often, what survives what."""

from __future__ import annotations

import asyncio

import pytest
from core_parts import AD, OTHER_AD, Home, settled, until

from leadd.api import Failure, IcpField, ModelFailure, NeedsAttention, Problem, Reject, Retry, Role, SignalDraft


def ad(number: int, text: str = AD, **more: str) -> SignalDraft:
    return SignalDraft(text=f"{text} Reference {number}.", title=f"Opening {number}", company=f"Acme {number} GmbH", **more)  # type: ignore[arg-type]


async def test_every_signal_has_exactly_one_outcome_and_leads_reach_the_sink(home: Home) -> None:
    home.change(prefilter={"mode": "fixed"})
    home.source.items = [ad(n) if n % 2 else ad(n, OTHER_AD) for n in range(10)]
    async with home.core() as core:
        outcomes = await settled(core, 10)
        await until(lambda: len(home.sink.leads) == 5)
        listed = await core.store.leads.list(bucket_min="nurture", limit=50)
    assert outcomes == {"filtered": 5, "red_hot": 5}
    assert {lead.id for lead in home.sink.leads.values()} == {row.id for row in listed.items}
    assert {lead.company for lead in home.sink.leads.values()} == {f"Acme {n} GmbH" for n in range(10) if n % 2}
    assert not [text for _, text in home.model.calls if "Forklift" in text], "the filter stands before the model"


async def test_every_outcome_can_say_why(home: Home) -> None:
    home.change(prefilter={"mode": "fixed"})
    home.source.items = [ad(1), ad(2, OTHER_AD)]
    async with home.core() as core:
        await settled(core, 2)
        rows = {r.id: await core.store.judgements.for_signal(r.id) for r in (await core.store.signals.list()).items}
    stages = sorted([r.stage for r in found if r.stage != "dossier"] for found in rows.values())
    assert stages == [["prefilter"], ["prefilter", "triage", "classify", "score"]]
    asked = next(r for found in rows.values() for r in found if r.stage == "classify")
    assert (asked.prompt, asked.digest, asked.method, asked.cache) == ("classification@2", "sha-1", "model", "miss")
    assert asked.key
    dropped = next(found[0] for found in rows.values() if len(found) == 1)
    assert dropped.rule
    assert dropped.reasons
    assert dropped.threshold == 20


async def test_triage_that_says_no_ends_as_filtered(home: Home) -> None:
    home.change(inference={"worth_from": 0.9})  # a small model's no counts against words as plain as these only when asked to
    home.model.worth = False
    home.source.items = [ad(1)]
    async with home.core() as core:
        assert await settled(core, 1) == {"filtered": 1}
    assert [role for role, _ in home.model.calls] == [Role.TRIAGE]


async def test_equal_texts_of_one_company_are_paid_for_once(home: Home) -> None:
    first = SignalDraft(text=AD, title="First marketer", company="Acme GmbH", external_id="a")
    again = SignalDraft(text=AD, title="First marketer", company="Acme", external_id="b")
    elsewhere = SignalDraft(text=AD, title="First marketer", company="Other Ltd", external_id="c")
    home.source.items = [first]
    async with home.core() as core:
        await settled(core, 1)
        home.source.items += [again, elsewhere]
        core.traffic.poll_now("ads")
        assert await settled(core, 3) == {"red_hot": 3}
        await until(lambda: len(home.sink.leads) == 2)
        leads = (await core.store.leads.list(limit=10)).items
    assert sorted(lead.signal_count for lead in leads) == [1, 2], "one lead with two signals, one of the other company"
    asked = [role for role, _ in home.model.calls if role is not Role.DOSSIER]
    assert len(asked) == 4, "the twin of the same company cost nothing"


async def test_an_answer_that_is_none_is_tried_again_and_then_held(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leadd.core.pipeline.RETRY_FIRST_S", 0.01)
    home.change(pipeline={"max_attempts": 2})
    home.model.fail = lambda request: "this is no JSON" if request.role is Role.CLASSIFY else None
    home.source.items = [ad(1)]
    async with home.core() as core:
        assert await settled(core, 1) == {"held": 1}
        row = (await core.store.signals.list(state="held")).items[0]
        journal = await core.store.judgements.for_signal(row.id)
        assert row.hold_reason
        assert "not_json" in row.hold_reason
        failed = [r for r in journal if r.decision == "failed"]
        assert failed
        assert failed[0].failure == "not_json"
        assert "no JSON" in failed[0].raw
        assert not (await core.store.leads.list(limit=10)).items
        home.model.fail = lambda request: None
        assert await core.retry_held() == 1
        assert await settled(core, 1) == {"red_hot": 1}
    assert [role for role, _ in home.model.calls].count(Role.TRIAGE) == 1, "the good answer of the first try was kept"


async def test_an_absent_model_costs_nobody_an_attempt_and_the_queue_drains_when_it_comes(home: Home) -> None:
    home.change(prefilter={"mode": "fixed"})
    home.model.reachable = False
    home.source.items = [*[ad(n) for n in range(5)], ad(9, OTHER_AD)]
    async with home.core() as core:
        assert await settled(core, 1) == {"filtered": 1}, "the prefilter goes on without a model"
        await asyncio.sleep(0.1)
        counts = await core.store.signals.counts()
        assert counts.waiting_for_model == 5
        home.model.reachable = True
        assert (await settled(core, 6))["red_hot"] == 5
        assert {r.attempts for r in (await core.store.signals.list()).items} == {0}


async def test_a_crash_of_the_core_pays_for_no_answer_twice(home: Home) -> None:
    blocked = asyncio.Event()

    def only_triage(request: object) -> None:
        if request.role is Role.CLASSIFY:  # type: ignore[attr-defined]
            home.model.gate = blocked

    home.source.items = [ad(n) for n in range(4)]
    home.model.fail = only_triage
    async with home.core(grace_s=0.05) as core:
        await until(lambda: [r for r, _ in home.model.calls].count(Role.CLASSIFY) >= 1)
    home.model.fail = lambda request: None
    home.model.gate = None
    async with home.core() as core:
        assert await settled(core, 4) == {"red_hot": 4}
    triaged = [text for role, text in home.model.calls if role is Role.TRIAGE]
    assert len(set(triaged)) == 4
    repeated = len(triaged) - 4
    assert repeated <= 1, "an answer that had come back is never asked for again"


async def test_stopping_in_a_model_call_gives_the_signal_back(home: Home) -> None:
    home.model.gate = asyncio.Event()
    home.source.items = [ad(1)]
    async with home.core(grace_s=0.1):
        await until(lambda: home.model.calls)
    assert home.late, "the reader was cut off"
    home.model.gate = None
    async with home.core() as core:
        assert await settled(core, 1) == {"red_hot": 1}


async def test_stopping_while_idle_cuts_nobody_off(home: Home) -> None:
    async with home.core() as core:
        await until(lambda: home.source.polls)
        assert core.supervisor.loops()
    assert home.late == []


async def test_bad_items_are_problems_and_the_others_go_on(home: Home) -> None:
    home.source.items = [ad(1), Problem("row 2", "a bracket is missing"), SignalDraft(text="  \u200b "), ad(4)]
    async with home.core() as core:
        assert await settled(core, 2) == {"red_hot": 2}
        problems = {p.place: p.reason for p in await core.store.signals.problems("ads")}
        status = next(s for s in core.traffic.source_statuses() if s.name == "ads")
    assert problems["row 2"] == "a bracket is missing"
    assert any("no text" in reason for reason in problems.values())
    assert (status.accepted, status.problems) == (2, 2)


async def test_what_a_source_yielded_before_it_failed_is_kept(home: Home) -> None:
    home.source.items = [ad(1)]
    home.source.error = Retry("the site is slow", after_s=3600)
    async with home.core() as core:
        await settled(core, 1)
        await until(lambda: core.traffic.source_statuses()[0].state == "retrying")
        home.source.error = None
        core.traffic.poll_now("ads")
        await until(lambda: len(home.source.polls) == 2)
    assert home.source.polls == [None, "1"]


async def test_a_source_that_needs_a_person_waits_for_one(home: Home) -> None:
    home.source.error = NeedsAttention("the key has run out", hint="make a new one")
    async with home.core() as core:
        await until(lambda: core.traffic.source_statuses()[0].state == "paused")
        status = core.traffic.source_statuses()[0]
        assert (status.reason, status.hint) == ("the key has run out", "make a new one")
        home.source.error = None
        home.source.items = [ad(1)]
        core.traffic.resume("ads")
        core.traffic.poll_now("ads")
        await settled(core, 1)


async def test_repeats_are_not_stored_again(home: Home) -> None:
    home.source.items = [SignalDraft(text=AD, external_id="x"), SignalDraft(text=AD + " Updated.", external_id="x")]
    async with home.core() as core:
        await settled(core, 1)
        await until(lambda: core.traffic.source_statuses()[0].repeats == 1)


async def test_a_refused_delivery_is_dead_and_can_be_revived(home: Home) -> None:
    home.sink.fail = lambda lead, key: Reject("no such list")
    home.source.items = [ad(1)]
    async with home.core() as core:
        async with asyncio.timeout(10):
            while not (dead := (await core.store.outbox.list(state="dead")).items):
                await asyncio.sleep(0.01)
        assert dead[0].error == "no such list"
        home.sink.fail = lambda lead, key: None
        await core.store.outbox.revive(dead[0].id)
        core.traffic.wake_sinks()
        await until(lambda: home.sink.leads)
    assert len(set(home.sink.tries)) == 1, "the key never changes"


async def test_a_failing_delivery_is_tried_again_with_the_same_key_and_bytes(home: Home) -> None:
    seen: list[object] = []

    def fail_once(lead: object, key: str) -> Exception | None:
        seen.append(lead)
        return Retry("busy") if len(seen) == 1 else None

    home.sink.fail = fail_once
    home.source.items = [ad(1)]
    async with home.core():
        await until(lambda: len(home.sink.tries) == 2)
        await until(lambda: home.sink.leads)
    assert len(set(home.sink.tries)) == 1
    assert seen[0] == seen[1]


async def test_a_buggy_sink_harms_nobody_else(home: Home) -> None:
    home.sink.fail = lambda lead, key: ZeroDivisionError("a bug of the sink")
    home.source.items = [ad(n) for n in range(3)]
    async with home.core() as core:
        assert await settled(core, 3) == {"red_hot": 3}
        rows = (await core.store.outbox.list()).items
    assert len(rows) == 3
    assert {r.state for r in rows} <= {"pending", "leased"}, "it is tried again, not given up"


async def test_hot_leads_get_a_dossier(home: Home) -> None:
    home.source.items = [ad(1)]
    async with home.core() as core:
        await settled(core, 1)
        await until(lambda: Role.DOSSIER in [r for r, _ in home.model.calls])
        lead = (await core.store.leads.list(limit=1)).items[0]
        async with asyncio.timeout(5):
            while (found := await core.store.dossiers.get(lead.id)) is None or found.state != "done":
                await asyncio.sleep(0.01)
    assert found.answer is not None
    assert len(found.answer["why_pain_bullets"]) == 3


async def test_an_outage_in_the_middle_leaves_the_signal_waiting(home: Home) -> None:
    calls = []

    def load_fails_once(request: object) -> ModelFailure | None:
        calls.append(1)
        return ModelFailure(Failure.LOADING_FAILED, "llama-server process has terminated") if len(calls) == 1 else None

    home.model.fail = load_fails_once
    home.source.items = [ad(1)]
    async with home.core() as core:
        async with asyncio.timeout(10):
            while not (row := (await core.store.signals.list()).items) or row[0].waiting_for != "model":
                await asyncio.sleep(0.01)
        assert row[0].attempts == 0
        assert row[0].outcome is None


async def test_a_source_that_notices_something_is_polled_before_its_time(home: Home) -> None:
    async with home.core() as core:
        await until(lambda: len(home.source.polls) == 1)
        home.source.items = [ad(1)]
        home.source.worth_while.set()
        assert await settled(core, 1) == {"red_hot": 1}
    assert home.source.closed == home.source.opened == 1


async def test_a_text_that_no_model_can_take_is_held_at_once(home: Home) -> None:
    home.model.fail = lambda r: ModelFailure(Failure.TOO_LONG, "the window is too small") if r.role is Role.TRIAGE else None
    home.source.items = [ad(1)]
    async with home.core() as core:
        assert await settled(core, 1) == {"held": 1}
    assert len(home.model.calls) == 1


async def test_what_an_earlier_signal_told_of_a_company_counts_for_a_later_one(home: Home) -> None:
    async with home.core() as core:
        row = (await core.store.icps.list())[0]
        sizes = row.icp.model_copy(update={"sizes": IcpField(values=("6-10",), use="score")})
        await core.store.icps.replace(row.id, sizes)
        await core.icps_changed()
        await core.ingest([ad(1)])
        await settled(core, 1)
        later = AD.split(".", 1)[1] + " Marketing again."
        await core.ingest([SignalDraft(text=later, title="Next opening", company="Acme 1 GmbH", external_id="n")])
        await settled(core, 2)
        (newest, *_) = (await core.store.signals.list()).items
        (first, *_) = await core.store.judgements.for_signal(newest.id)
    said = " ".join(first.reasons)
    assert "Sizes fit: “6-10 (known of the company)”" in said
