"""The road of one question: model, cache, single flight, cancellation, close."""

from __future__ import annotations

import asyncio
import json

import pytest
from inference_parts import PLANS, YES, HandClock, Reader, Scripted, Shelf, question, settle

from leadd.api import Chunk, Failure, Method, ModelFailure, Role, Usage
from leadd.inference import Implausible, RolePlan, is_outage


async def test_an_answer_with_its_provenance(rig):
    r = rig(YES)
    answer = await r.inference.ask(question())
    p = answer.provenance
    assert answer.data == {"worth": "yes"}
    assert (p.method, p.model, p.digest, p.server_version) == (Method.MODEL, "small:1b", "digest-a", "1.0")
    assert (p.cache, p.attempts, p.done_reason, p.prompt_label, p.prompt_hash) == ("miss", 1, "stop", "triage@1", "prompt-1")
    assert p.usage.output_tokens == 5
    assert p.answered_at_ms == r.clock.now_ms()
    assert p.key == await r.inference.key_of(question())


async def test_the_request_carries_the_plan_and_the_deadlines(rig):
    r = rig(YES, numbers={"idle_s": 11.0, "total_s": 22.0})
    await r.inference.ask(question(options={"top_k": 5}))
    request = r.model.requests[0]
    assert (request.model, request.num_ctx, request.max_tokens) == ("small:1b", 2048, 40)
    assert dict(request.options) == {"temperature": 0.0, "top_k": 5}
    assert (request.idle_s, request.total_s, request.subject is not None) == (11.0, 22.0, True)


async def test_the_second_time_is_a_hit_that_costs_nothing(rig):
    r = rig()
    first = await r.inference.ask(question())
    second = await r.inference.ask(question())
    assert (first.provenance.cache, second.provenance.cache) == ("miss", "hit")
    assert second.data == first.data
    assert second.provenance.usage == Usage()
    assert second.provenance.answered_at_ms == first.provenance.answered_at_ms
    assert len(r.model.requests) == 1
    stats = r.inference.stats().roles[Role.TRIAGE]
    assert (stats.asked, stats.hits, stats.misses, stats.calls, stats.answers) == (2, 1, 1, 1, 1)


async def test_many_equal_askers_share_one_call(rig):
    gate = asyncio.Event()
    r = rig(model=Scripted(gate=gate))
    asks = [asyncio.create_task(r.inference.ask(question())) for _ in range(50)]
    await settle()
    gate.set()
    answers = await asyncio.gather(*asks)
    assert len(r.model.requests) == 1
    assert sorted(a.provenance.cache for a in answers) == ["miss"] + ["shared"] * 49
    assert sum(a.provenance.usage.output_tokens for a in answers) == 5
    answers[1].data["worth"] = "changed by one asker"
    assert answers[2].data == {"worth": "yes"}
    stats = r.inference.stats().roles[Role.TRIAGE]
    assert (stats.asked, stats.shared, stats.misses) == (50, 49, 1)


async def test_single_flight_holds_with_a_slow_second_tier(rig):
    """A question whose cache look-up is still on its way while the answer lands must find it, not ask again."""
    slow = Shelf("disk")
    slow.stall = asyncio.Event()
    r = rig(caches=[Shelf(), slow])
    asks = [asyncio.create_task(r.inference.ask(question())) for _ in range(5)]
    await settle()
    slow.stall.set()
    await asyncio.gather(*asks)
    late = await r.inference.ask(question())
    assert len(r.model.requests) == 1
    assert late.provenance.cache == "hit"


async def test_a_leader_that_fails_hands_its_failure_to_all(rig):
    gate = asyncio.Event()
    r = rig(ModelFailure(Failure.TOO_LONG, "too many words", raw="r"), model=None)
    r.model.gate = gate
    asks = [asyncio.create_task(r.inference.ask(question())) for _ in range(7)]
    await settle()
    gate.set()
    results = await asyncio.gather(*asks, return_exceptions=True)
    assert all(isinstance(e, ModelFailure) and e.kind is Failure.TOO_LONG and e.raw == "r" for e in results)
    assert len({id(e) for e in results}) == 7
    assert len(r.model.requests) == 1
    assert not r.caches[0].answers
    assert (await r.inference.ask(question(again=True))).data == {"worth": "yes"}


@pytest.mark.parametrize("victims", [[0], [1, 3], [0, 1, 2, 3, 4]])
async def test_cancelled_askers_harm_nobody_and_the_answer_is_kept(rig, victims):
    gate = asyncio.Event()
    r = rig(model=Scripted(gate=gate))
    asks = [asyncio.create_task(r.inference.ask(question())) for _ in range(5)]
    await settle()
    for number in victims:
        asks[number].cancel()
    await settle()
    gate.set()
    results = await asyncio.gather(*asks, return_exceptions=True)
    for number, result in enumerate(results):
        assert isinstance(result, asyncio.CancelledError) == (number in victims)
    await settle()
    assert (await r.inference.ask(question())).provenance.cache == "hit"
    assert len(r.model.requests) == 1


async def test_close_ends_flights_and_tells_askers_that_it_is_an_outage(rig):
    r = rig(model=Scripted(gate=asyncio.Event()))
    asks = [asyncio.create_task(r.inference.ask(question(f"text {n}"))) for n in range(6)]
    await settle()
    unborn = asyncio.create_task(r.inference.ask(question("begun in the last moment")))
    await asyncio.sleep(0)
    await r.inference.close(grace_s=1.0)
    for ask in [*asks, unborn]:
        with pytest.raises(ModelFailure) as caught:
            await ask
        assert is_outage(caught.value)
    assert r.inference.stats().flights == 0
    assert r.model.running == 0
    with pytest.raises(ModelFailure, match="stopping"):
        await r.inference.ask(question())


async def test_a_failure_is_never_kept(rig):
    r = rig("not json", "still not json", YES)
    with pytest.raises(ModelFailure) as caught:
        await r.inference.ask(question())
    assert caught.value.kind is Failure.NOT_JSON
    assert not r.caches[0].answers
    assert (await r.inference.ask(question(again=True))).provenance.cache == "miss"


async def test_the_check_may_clean_and_may_refuse(rig):
    r = rig('{"worth": "yes"}')
    answer = await r.inference.ask(question(check=lambda data: {**data, "seen": True}))
    assert answer.data == {"worth": "yes", "seen": True}

    def refuse(data):
        raise ValueError("no such quote in the text")

    with pytest.raises(ModelFailure) as caught:
        await r.inference.ask(question("other", check=refuse))
    assert caught.value.kind is Failure.SCHEMA
    assert "no such quote" in caught.value.message

    def doubt(data):
        raise Implausible("all scores are equal")

    with pytest.raises(ModelFailure) as caught:
        await r.inference.ask(question("third", check=doubt))
    assert caught.value.kind is Failure.IMPLAUSIBLE


async def test_a_bug_in_a_check_is_a_named_failure_and_not_a_hang(rig):
    def bug(data):
        raise KeyError("oops")

    r = rig()
    with pytest.raises(ModelFailure) as caught:
        await r.inference.ask(question(check=bug))
    assert caught.value.kind is Failure.CRASHED
    assert not r.caches[0].answers


async def test_a_bug_in_a_model_plugin_is_charged_to_the_text(rig):
    r = rig(RuntimeError("plugin bug"), RuntimeError("plugin bug"))
    with pytest.raises(ModelFailure) as caught:
        await r.inference.ask(question())
    assert caught.value.kind is Failure.CRASHED
    assert not is_outage(caught.value)
    r2 = rig(lambda request: "a text, not a Reply")
    r2.model.reply = lambda request, text: text  # type: ignore[assignment]
    r2.model.always = "x"
    with pytest.raises(ModelFailure) as caught:
        await r2.inference.ask(question())
    assert caught.value.kind is Failure.CRASHED


async def test_nothing_is_asked_about_an_empty_text(rig):
    r = rig()
    with pytest.raises(ModelFailure) as caught:
        await r.inference.ask(question(messages=()))
    assert caught.value.kind is Failure.EMPTY
    assert not r.model.requests


async def test_slots_bound_the_calls_in_flight_per_model(rig):
    gate = asyncio.Event()
    r = rig(model=Scripted(gate=gate), numbers={"slots": 3})
    asks = [asyncio.create_task(r.inference.ask(question(f"text {n}"))) for n in range(20)]
    await settle(60)
    stats = r.inference.stats()
    assert (stats.in_flight, stats.waiting, stats.flights) == (3, 17, 20)
    gate.set()
    await asyncio.gather(*asks)
    assert r.model.most_running == 3
    assert r.inference.stats().in_flight == 0


async def test_higher_priority_is_served_first_and_a_late_urgent_asker_lifts_a_waiting_question(rig):
    gate = asyncio.Event()
    r = rig(model=Scripted(gate=gate), numbers={"slots": 1})
    asks = [asyncio.create_task(r.inference.ask(question("first")))]
    await settle()
    for name, priority in [("low", 0), ("lifted", 0), ("high", 5)]:
        asks.append(asyncio.create_task(r.inference.ask(question(name, priority=priority))))
        await settle()
    asks.append(asyncio.create_task(r.inference.ask(question("lifted", priority=9))))
    await settle()
    gate.set()
    await asyncio.gather(*asks)
    order = [json.loads(request.messages[-1].content)["text"] for request in r.model.requests]
    assert order == ["first", "lifted", "high", "low"]


async def test_a_dossier_is_streamed_where_settings_and_model_allow(rig):
    model = Scripted()
    model.streams = True
    r = rig(model=model, numbers={"streaming": True})
    answer = await r.inference.ask(question(role=Role.DOSSIER))
    assert answer.data == {"worth": "yes"}

    async def torn(request):
        yield Chunk("{")

    model.stream = torn  # type: ignore[method-assign]
    with pytest.raises(ModelFailure) as caught:
        await r.inference.ask(question("torn", role=Role.DOSSIER))
    assert caught.value.kind is Failure.NOT_DONE


async def test_evidence_stands_in_only_where_the_policy_says_so(rig):
    r = rig(evidence=Reader())
    r.model.up = "connection refused"
    with pytest.raises(ModelFailure) as caught:
        await r.inference.ask(question())
    assert caught.value.kind is Failure.UNREACHABLE
    r.inference.set_without_model("evidence")
    answer = await r.inference.ask(question())
    assert answer.provenance.method is Method.EVIDENCE
    assert answer.provenance.key.startswith("evidence.triage.")
    assert r.inference.availability(Role.TRIAGE).method == "evidence"
    assert "connection refused" in r.inference.availability(Role.TRIAGE).reason
    again = await r.inference.ask(question())
    assert again.provenance.cache == "hit"


async def test_evidence_and_models_never_mix_in_cache_or_figures(rig):
    r = rig(evidence=Reader('{"worth": "no"}'), caches=[Shelf("memory"), Shelf("disk")], numbers={"without_model": "evidence"})
    r.model.up = "down"
    by_evidence = await r.inference.ask(question())
    assert by_evidence.data == {"worth": "no"}
    assert not r.caches[1].values, "evidence lives in the first tier only"
    r.model.up = True
    r.clock.now_s += 60
    by_model = await r.inference.ask(question())
    assert (by_model.provenance.method, by_model.provenance.cache) == (Method.MODEL, "miss")
    assert by_model.provenance.key != by_evidence.provenance.key
    stats = r.inference.stats()
    assert (stats.roles[Role.TRIAGE].asked, stats.evidence[Role.TRIAGE].asked) == (1, 1)
    assert stats.roles[Role.CLASSIFY].asked == 0
    # And what the model said is still known when it goes away again.
    r.model.up = "down"
    r.model.always = ModelFailure(Failure.UNREACHABLE, "gone")
    with pytest.raises(ModelFailure):
        await r.inference.ask(question("another text"))
    kept = await r.inference.ask(question())
    assert (kept.provenance.method, kept.provenance.cache) == (Method.MODEL, "hit")


async def test_a_reply_of_the_other_method_is_no_answer(rig):
    r = rig()
    r.model.always = lambda request: r.model.reply(request, YES, method=Method.EVIDENCE)
    with pytest.raises(ModelFailure) as caught:
        await r.inference.ask(question())
    assert caught.value.kind is Failure.IMPLAUSIBLE
    assert not r.caches[0].answers


async def test_an_answer_of_moved_weights_is_kept_under_their_own_key(rig):
    r = rig()
    before = await r.inference.key_of(question())
    r.model.script = [lambda request: r.model.reply(request, YES, digest="digest-new")]
    answer = await r.inference.ask(question())
    assert answer.provenance.digest == "digest-new"
    assert answer.provenance.key != before
    assert list(r.caches[0].values) == [answer.provenance.key]
    assert await r.inference.digest_of(Role.TRIAGE) == "digest-new"


async def test_short_and_long_spellings_of_one_digest_are_the_same(rig):
    r = rig(model=Scripted(models={"small:1b": "sha256:abcdef123456"}), plans={Role.TRIAGE: PLANS[Role.TRIAGE]})
    key = await r.inference.key_of(question())
    r.model.script = [lambda request: r.model.reply(request, YES, digest="abcdef12")]
    assert (await r.inference.ask(question())).provenance.key == key


async def test_roles_on_one_model_share_one_window(rig):
    plans = {Role.TRIAGE: RolePlan("server", "small:1b", 2048), Role.CLASSIFY: RolePlan("server", "small:1b", 4096)}
    r = rig(plans=plans)
    await r.inference.ask(question())
    await r.inference.ask(question(role=Role.CLASSIFY))
    assert {request.num_ctx for request in r.model.requests} == {4096}
    assert r.model.preloads == [("small:1b", 4096)]


async def test_the_plan_caps_the_tokens_of_a_prompt(rig):
    r = rig(plans={Role.TRIAGE: RolePlan("server", "small:1b", 2048, max_tokens=10)})
    await r.inference.ask(question(max_tokens=500))
    assert r.model.requests[0].max_tokens == 10


async def test_a_role_without_a_plan_or_server_says_so(rig):
    r = rig(plans={Role.TRIAGE: RolePlan("nowhere", "x", 2048)})
    assert "nowhere" in r.inference.availability(Role.TRIAGE).reason
    for role in (Role.TRIAGE, Role.CLASSIFY):
        with pytest.raises(ModelFailure) as caught:
            await r.inference.ask(question(role=role))
        assert caught.value.kind is Failure.MISSING_MODEL


async def test_time_in_the_model_is_bounded_from_outside(rig, monkeypatch):
    monkeypatch.setattr("leadd.inference.calls.SLACK_S", 0.0)
    r = rig(model=Scripted(gate=asyncio.Event()), numbers={"total_s": 0.01}, clock=HandClock())
    with pytest.raises(ModelFailure) as caught:
        await r.inference.ask(question())
    assert caught.value.kind is Failure.TIMEOUT_TOTAL


async def test_the_reader_of_evidence_is_left_alone_until_it_is_needed(rig):
    reader = Reader()
    r = rig(evidence=reader, numbers={"without_model": "evidence"})
    await r.inference.open()
    await r.inference.turn()
    await r.inference.ask(question())
    assert reader.probes == 0, "a look at it may load vectors, which a home with a model never needs"
    r.model.up = "gone"
    r.clock.now_s += 300
    await r.inference.turn()
    assert r.inference.availability(Role.TRIAGE).method is Method.EVIDENCE
    await r.inference.ask(question("another"))
    assert reader.probes == 1
