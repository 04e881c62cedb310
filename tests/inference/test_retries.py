"""The table of retries: every failure has its rule, and the rules do what they say."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
from inference_parts import QuickClock, Scripted, question

from leadd.api import Failure, ModelFailure, ModelRequest, Role
from leadd.inference import is_outage
from leadd.inference.retries import OUTAGES, RULES, Change, next_request, wait_before

NEVER = [kind for kind, rule in RULES.items() if rule.times == 0]
WARMER = [kind for kind, rule in RULES.items() if rule.change is Change.WARMER]
AGAIN = [kind for kind, rule in RULES.items() if rule.times and rule.change is Change.NOTHING]


def test_every_failure_has_a_rule():
    assert set(RULES) == set(Failure)
    assert all(rule.times <= 3 for rule in RULES.values())


def test_outages_and_faults():
    charged = {
        "bad_request", "too_long", "crashed", "broken_stream", "not_done", "repeated_tokens", "timeout_idle", "timeout_total",
        "length", "empty", "not_json", "schema", "implausible", "truncated_prompt", "bad_vector",
    }  # fmt: skip
    assert {kind.value for kind in Failure if not is_outage(kind)} == charged
    assert is_outage(ModelFailure(Failure.BUSY, "x"))


@pytest.mark.parametrize("kind", NEVER)
async def test_never_again(rig, kind):
    r = rig(ModelFailure(kind, "no"))
    with pytest.raises(ModelFailure) as caught:
        await r.inference.ask(question())
    assert caught.value.kind is kind
    assert caught.value.model == "small:1b"
    assert len(r.model.requests) == 1
    assert not r.caches[0].answers
    assert r.inference.stats().roles[Role.TRIAGE].failures == {kind.value: 1}


@pytest.mark.parametrize("kind", WARMER)
async def test_once_more_and_warmer(rig, kind):
    r = rig(ModelFailure(kind, "no"))
    answer = await r.inference.ask(question())
    assert [request.options["temperature"] for request in r.model.requests] == [0.0, 0.4]
    assert answer.provenance.attempts == 2
    r = rig(ModelFailure(kind, "no"), ModelFailure(kind, "no"))
    with pytest.raises(ModelFailure):
        await r.inference.ask(question())
    assert len(r.model.requests) == 2


@pytest.mark.parametrize("kind", [k for k in AGAIN if k is not Failure.BAD_VECTOR])
async def test_again_after_a_wait_and_unchanged(rig, kind):
    times = RULES[kind].times
    r = rig(*[ModelFailure(kind, "no")] * times)
    answer = await r.inference.ask(question())
    assert answer.provenance.attempts == times + 1
    assert all(request == r.model.requests[0] for request in r.model.requests)
    assert len(r.clock.slept) == times
    assert all(0 < seconds <= 4 for seconds in r.clock.slept)
    stats = r.inference.stats().roles[Role.TRIAGE]
    assert (stats.calls, stats.retries, stats.misses) == (times + 1, times, 1)


async def test_a_cut_answer_gets_twice_the_tokens_once(rig):
    r = rig(ModelFailure(Failure.LENGTH, "cut"), ModelFailure(Failure.LENGTH, "cut"))
    with pytest.raises(ModelFailure):
        await r.inference.ask(question())
    assert [request.max_tokens for request in r.model.requests] == [40, 80]


async def test_more_tokens_than_half_a_window_are_not_asked_for(rig):
    r = rig(ModelFailure(Failure.LENGTH, "cut"))
    with pytest.raises(ModelFailure):
        await r.inference.ask(question(max_tokens=1024))
    assert len(r.model.requests) == 1


async def test_the_whole_number_of_calls_is_bounded(rig):
    script = [
        ModelFailure(Failure.BUSY, "x"), ModelFailure(Failure.CRASHED, "x"), ModelFailure(Failure.LENGTH, "x"),
        ModelFailure(Failure.NOT_JSON, "x"),
    ]  # fmt: skip
    r = rig(*script, numbers={"max_attempts": 3})
    with pytest.raises(ModelFailure) as caught:
        await r.inference.ask(question())
    assert caught.value.kind is Failure.LENGTH
    assert len(r.model.requests) == 3


async def test_what_a_failed_try_cost_is_counted(rig):
    r = rig("no json")
    answer = await r.inference.ask(question())
    assert answer.provenance.usage.output_tokens == 10
    assert r.inference.stats().roles[Role.TRIAGE].output_tokens == 10


async def test_the_server_may_name_the_wait(rig):
    r = rig(ModelFailure(Failure.BUSY, "later", after_s=7.0), clock=QuickClock())
    await r.inference.ask(question())
    assert r.clock.slept == [7.0]


async def test_a_crash_loads_the_model_again_before_the_next_try(rig):
    r = rig(ModelFailure(Failure.CRASHED, "runner stopped"))
    await r.inference.ask(question())
    assert r.model.events == ["load small:1b", "loaded small:1b", "begin small:1b", "end small:1b"] * 2


def test_waits_double_and_jitter_downwards():
    rule = RULES[Failure.BUSY]
    rng = random.Random(1)
    for times in range(4):
        waits = [wait_before(rule, ModelFailure(Failure.BUSY, ""), times, rng) for _ in range(200)]
        assert max(waits) <= 2.0**times
        assert min(waits) >= 2.0**times / 2


async def test_the_request_of_the_next_try():
    model = Scripted()
    base = ModelRequest(Role.TRIAGE, model.name, (), 40, 2048, options={"temperature": 0.9})
    warmer = next_request(base, Change.WARMER)
    assert warmer is not None
    assert warmer.options == {"temperature": 1.0}
    assert next_request(warmer, Change.WARMER) is None
    assert next_request(base, Change.NOTHING) == base
    assert next_request(replace(base, max_tokens=1000), Change.LONGER) == replace(base, max_tokens=1024)
    assert Failure.LENGTH not in OUTAGES
