"""Candidates of a role: who answers, when the next one does, what it costs, and how the first one comes back."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace

import pytest
from inference_parts import LOG, PLANS, YES, HandClock, QuickClock, Scripted, Shelf, question, settle

from leadd.api import Chunk, Failure, ModelFailure, Role, Usage
from leadd.inference import Inference, InferenceSettings, RolePlan, is_outage
from leadd.inference.servers.breakers import MOST_BAD

NO = '{"worth": "no"}'
UNREACHABLE = ModelFailure(Failure.UNREACHABLE, "connection refused")


class Two:
    """An inference whose roles have two servers."""

    def __init__(self, clock=None, plans=None, **numbers):
        self.clock = clock or HandClock()
        self.one, self.other = Scripted(), Scripted(models={"small:1b": "digest-c", "large:4b": "digest-d"})
        self.other.always = NO
        self.shelf = Shelf()
        self.hurried = 0
        plans = plans or {
            role: [RolePlan("one", plan.model, plan.num_ctx), RolePlan("other", plan.model, plan.num_ctx)]
            for role, plan in PLANS.items()
        }
        settings = InferenceSettings(**({"slots": 2, "adapt_slots": False} | numbers))
        self.inference = Inference(
            {"one": self.one, "other": self.other}, plans, [self.shelf], settings=settings, clock=self.clock, log=LOG
        )

    async def ask(self, text="a text", **changes):
        return await self.inference.ask(question(text, **changes))

    async def later(self, seconds):
        self.clock.now_s += seconds
        await self.inference.turn()

    def breaker(self, server="one", model="small:1b"):
        row = next(r for r in self.inference.health() if r["name"] == server)
        return next(m for m in row["models"] if m["model"] == model)["breaker"]


@pytest.fixture
async def two():
    made = []

    async def make(**changes):
        made.append(Two(**changes))
        await made[-1].inference.open()
        return made[-1]

    yield make
    for t in made:
        await t.inference.close(grace_s=1.0)


async def test_the_first_choice_answers_and_nobody_else_is_asked(two):
    t = await two()
    answer = await t.ask()
    assert (answer.data, answer.provenance.instead_of) == ({"worth": "yes"}, "")
    assert t.other.requests == []
    assert t.inference.stats().roles[Role.TRIAGE].failovers == 0


async def test_an_outage_costs_one_attempt_and_the_next_candidate_answers_in_the_same_flight(two):
    t = await two()
    t.one.always = UNREACHABLE
    answer = await t.ask()
    p = answer.provenance
    assert (answer.data, p.instead_of, p.cache, p.attempts) == ({"worth": "no"}, "one/small:1b", "miss", 1)
    for number in range(5):
        await t.ask(f"text {number}")
    assert len(t.one.requests) == 1, "nothing more is sent to a server that is gone"
    now = t.inference.availability(Role.TRIAGE)
    assert (now.ok, now.method) == (True, "model")
    assert now.reason == "other/small:1b stands in: connection refused"
    stats = t.inference.stats().roles[Role.TRIAGE]
    assert (stats.failovers, stats.misses, stats.answers) == (1, 6, 6)


@pytest.mark.parametrize("kind", [Failure.BUSY, Failure.SERVER_ERROR])
async def test_no_time_is_spent_on_waiting_for_a_server_while_there_is_another(two, kind):
    t = await two()
    t.one.always = ModelFailure(kind, "no")
    await t.ask()
    assert len(t.one.requests) == 1
    assert t.clock.slept == []


@pytest.mark.parametrize("kind", [Failure.NOT_JSON, Failure.IMPLAUSIBLE, Failure.LENGTH, Failure.TOO_LONG])
async def test_a_fault_of_the_answer_goes_through_the_table_first(two, kind):
    t = await two()
    t.one.always = ModelFailure(kind, "no")
    answer = await t.ask()
    assert answer.provenance.instead_of == "one/small:1b"
    assert len(t.one.requests) == (1 if kind is Failure.TOO_LONG else 2)
    assert t.breaker()["state"] == "closed", "one text's fault says nothing about the model"


async def test_a_text_that_all_fail_at_is_charged_and_one_that_nobody_saw_is_not(two):
    t = await two()
    t.one.always, t.other.always = UNREACHABLE, ModelFailure(Failure.TOO_LONG, "too long")
    with pytest.raises(ModelFailure) as caught:
        await t.ask("long for the one that stands in")
    assert is_outage(caught.value), "the one it was made for has not seen it"
    t.other.always = ModelFailure(Failure.BAD_REQUEST, "?")
    with pytest.raises(ModelFailure) as caught:
        await t.ask("bad")
    assert not is_outage(caught.value), "it would come back for ever"
    t.other.always = ModelFailure(Failure.UNREACHABLE, "gone too")
    with pytest.raises(ModelFailure) as caught:
        await t.ask("text")
    assert caught.value.kind is Failure.UNREACHABLE
    assert not t.inference.availability(Role.TRIAGE).ok


async def test_a_missing_model_is_passed_over(two):
    t = await two()
    del t.one.models["small:1b"]
    await t.later(300)
    answer = await t.ask()
    assert answer.provenance.instead_of == "one/small:1b"
    assert t.one.requests == []


async def test_an_optional_model_that_is_not_there_is_passed_over_without_a_word(two):
    plans = {Role.TRIAGE: [RolePlan("one", "small:q4", 2048, optional=True), RolePlan("one", "small:1b", 2048)]}
    t = await two(plans=plans)
    answer = await t.ask()
    assert (answer.provenance.model, answer.provenance.instead_of) == ("small:1b", "")
    assert await t.inference.turn() == pytest.approx(300.0), "and is not looked for all the time"
    t.one.models["small:q4"] = "digest-q"
    await t.later(300)
    assert (await t.ask("another")).provenance.model == "small:q4", "until it comes"


async def test_one_for_want_of_memory_stands_by_for_nothing_else(two):
    plans = {Role.TRIAGE: [RolePlan("one", "small:1b", 2048), RolePlan("other", "large:4b", 2048, when="memory")]}
    t = await two(plans=plans)
    t.one.always = ModelFailure(Failure.LOADING_FAILED, "no")
    with pytest.raises(ModelFailure):
        await t.ask()
    assert t.other.requests == []
    await t.later(1)
    t.one.always = ModelFailure(Failure.OUT_OF_MEMORY, "no room")
    assert (await t.ask("second")).provenance.instead_of == "one/small:1b"
    assert (await t.ask("third")).provenance.instead_of == "one/small:1b"
    assert len(t.one.requests) == 2


async def test_an_answer_is_kept_under_the_key_of_who_gave_it(two):
    t = await two()
    before = await t.inference.key_of(question("a text"))
    t.one.always = UNREACHABLE
    answer = await t.ask()
    assert answer.provenance.key != before
    assert list(t.shelf.values) == [answer.provenance.key]
    assert before in await t.inference.keys_of(question("a text"))
    again = await t.ask()
    assert (again.provenance.cache, again.provenance.instead_of) == ("hit", "one/small:1b")
    t.one.always = YES
    await t.later(1)
    back = await t.ask()
    assert (back.data, back.provenance.cache, back.provenance.instead_of) == ({"worth": "yes"}, "miss", "")


async def test_what_the_first_choice_has_said_is_better_than_a_stand_in(two):
    t = await two()
    await t.ask()
    t.one.always = UNREACHABLE
    await t.ask("another")
    kept = await t.ask()
    assert (kept.data, kept.provenance.cache, kept.provenance.instead_of) == ({"worth": "yes"}, "hit", "")


async def test_the_first_choice_comes_back_through_one_question(two):
    t = await two(slots=4)
    t.one.always = ModelFailure(Failure.FORBIDDEN, "403")
    await t.ask()
    t.one.always = YES
    await t.later(1)
    assert (t.one.canaries, t.breaker()["state"]) == (1, "half_open")
    t.one.gate = asyncio.Event()
    asks = [asyncio.create_task(t.ask(f"text {n}")) for n in range(4)]
    await settle()
    assert [a.done() for a in asks] == [False, True, True, True], "one tries it, nobody waits for that"
    t.one.gate.set()
    answers = await asyncio.gather(*asks)
    assert [bool(a.provenance.instead_of) for a in answers] == [False, True, True, True]
    assert t.breaker()["state"] == "closed"
    assert not (await t.ask("next")).provenance.instead_of


async def test_a_trial_that_fails_opens_it_again(two):
    t = await two()
    t.one.always = ModelFailure(Failure.FORBIDDEN, "403")
    await t.ask()
    await t.later(1)
    assert (await t.ask("trial")).provenance.instead_of
    assert t.breaker()["state"] == "open"
    assert len(t.one.requests) == 2


async def test_without_another_one_questions_wait_for_the_trial(rig):
    r = rig(ModelFailure(Failure.FORBIDDEN, "403"), clock=HandClock(), numbers={"slots": 4})
    with pytest.raises(ModelFailure):
        await r.inference.ask(question())
    r.clock.now_s += 1
    await r.inference.turn()
    r.model.gate = asyncio.Event()
    asks = [asyncio.create_task(r.inference.ask(question(f"text {n}"))) for n in range(4)]
    await settle()
    assert r.model.running == 1
    r.model.gate.set()
    await asyncio.gather(*asks)
    assert len(r.model.requests) == 5


async def test_those_in_the_queue_go_to_the_next_one_as_soon_as_the_first_is_gone(two):
    t = await two(slots=1)
    t.one.gate = asyncio.Event()
    t.one.script = [UNREACHABLE]
    asks = [asyncio.create_task(t.ask(f"text {n}")) for n in range(6)]
    await settle()
    t.one.gate.set()
    answers = await asyncio.gather(*asks)
    assert len(t.one.requests) == 1
    assert len(t.other.requests) == 6
    assert all(a.provenance.instead_of for a in answers)


async def test_a_queue_behind_a_hanging_call_is_sent_away_by_its_deadline(two):
    """One slot, one call that hangs: those behind it do not wait for their own deadlines."""
    t = await two(slots=2)
    hangs = asyncio.Event()
    t.one.gate = hangs
    asks = [asyncio.create_task(t.ask(f"text {n}")) for n in range(6)]
    await settle()
    assert len(t.one.requests) == 2
    state = t.inference._seating.planned(Role.TRIAGE).state
    endpoint = t.inference._seating.planned(Role.TRIAGE).endpoint
    endpoint.note_failure(state, ModelFailure(Failure.TIMEOUT_IDLE, "6 s"), spare=True, began_s=t.clock.now_s)
    await settle()
    assert [a.done() for a in asks] == [False, False, True, True, True, True]
    hangs.set()
    await asyncio.gather(*asks)


async def test_three_bad_answers_make_the_model_second_choice_and_ten_good_ones_undo_that(two):
    t = await two()
    t.one.always = "no json"
    kinds = [(await t.ask(f"text {n}")).provenance.instead_of for n in range(5)]
    assert all(kinds)
    assert len(t.one.requests) == MOST_BAD
    row = t.breaker()
    assert row["state"] == "open"
    assert "of the last" in row["reason"]
    t.one.canary = ModelFailure(Failure.NOT_JSON, "still")
    await t.later(1)
    assert (t.one.canaries, t.breaker()["state"]) == (1, "open")
    t.one.canary, t.one.always = None, YES
    await t.later(3)
    assert (t.one.canaries, t.breaker()["state"]) == (11, "half_open")
    assert not (await t.ask("back")).provenance.instead_of
    t.one.script = ["no json"]
    assert (await t.ask("on probation")).provenance.instead_of, "not asked a second time"
    assert t.breaker()["state"] == "open"


async def test_a_doubtful_model_is_better_than_none(two):
    t = await two()
    t.one.always = "no json"
    await t.ask("1")
    await t.ask("2")
    assert t.breaker()["state"] == "open"
    assert "other/small:1b stands in: 3 of the last 3 answers were none" in t.inference.availability(Role.TRIAGE).reason
    t.one.always, t.other.always = YES, UNREACHABLE
    answer = await t.ask("3")
    assert (answer.data, answer.provenance.instead_of) == ({"worth": "yes"}, "")
    assert t.inference.availability(Role.TRIAGE).ok


async def test_without_another_model_bad_answers_are_charged_and_nothing_is_left_alone(rig):
    r = rig(clock=HandClock())
    r.model.always = "no json"
    for number in range(10):
        with pytest.raises(ModelFailure):
            await r.inference.ask(question(f"text {number}"))
    assert len(r.model.requests) == 20
    assert r.inference.health()[0]["models"][0]["breaker"]["opens"] == 0


async def test_answers_that_drift_are_looked_into_where_there_is_another_model(two):
    t = await two(clock=QuickClock())
    t.one.always = lambda request: NO if len(t.one.requests) % 5 else YES
    for number in range(160):
        await t.ask(f"text {number}")
    assert t.breaker()["state"] == "closed"
    t.one.always = YES
    for number in range(200, 230):
        await t.ask(f"text {number}")
    assert t.breaker()["state"] == "open"
    assert "no longer like its first ones" in t.breaker()["reason"]
    await t.later(301)
    await t.ask("trial")
    assert t.breaker()["state"] == "closed"


async def test_a_slow_answer_is_waited_for_less_long_where_another_could_give_it(two):
    t = await two(idle_s=120.0)
    for number in range(6):
        await t.ask(f"text {number}")
    assert [request.idle_s for request in t.one.requests] == [120.0] * 5 + [6.0]
    t.other.up = "gone"
    await t.later(300)
    await t.ask("alone")
    assert t.one.requests[-1].idle_s == 120.0


async def test_a_server_that_came_back_cold_is_loaded_before_it_is_asked(two):
    t = await two()
    await t.ask("warm")
    t.one.always = UNREACHABLE
    await t.ask("gone")
    t.one.always, t.one.preload_with = YES, asyncio.Event()
    t.clock.now_s += 1
    turn = asyncio.create_task(t.inference.turn())
    await settle()
    assert (await t.ask("while it loads")).provenance.instead_of
    t.one.preload_with.set()
    await turn
    await t.later(1)
    assert not (await t.ask("loaded")).provenance.instead_of


async def test_a_server_that_was_away_while_nobody_asked_is_loaded_when_somebody_does(two):
    t = await two()
    t.one.up = "gone"
    await t.later(300)
    await t.later(300)
    t.one.up = True
    await t.later(300)
    assert t.one.preloads == []
    assert (await t.ask("the first one after it")).provenance.instead_of, "does not wait for the load"
    await settle()
    assert t.one.preloads == [("small:1b", 2048)]
    assert not (await t.ask("the next one")).provenance.instead_of


async def test_equal_questions_are_one_flight_whoever_answers(two):
    t = await two(slots=4)
    t.one.gate = asyncio.Event()
    t.one.script = [ModelFailure(Failure.FORBIDDEN, "403")]
    first = asyncio.create_task(t.ask("same"))
    await settle()
    t.other.gate = asyncio.Event()
    t.one.gate.set()
    await settle()
    asks = [asyncio.create_task(t.ask("same")) for _ in range(5)]
    await settle()
    t.other.gate.set()
    answers = await asyncio.gather(first, *asks)
    assert len(t.other.requests) == 1
    assert sorted(a.provenance.cache for a in answers) == ["miss"] + ["shared"] * 5


async def test_two_flights_that_meet_at_one_candidate_become_one(two):
    """One was asked of the first server, the other began at the second one while the first was away."""
    t = await two(slots=4)
    t.one.gate, t.other.gate = asyncio.Event(), asyncio.Event()
    t.one.script = [ModelFailure(Failure.NOT_JSON, "?"), ModelFailure(Failure.NOT_JSON, "?")]
    told = []
    first = asyncio.create_task(
        t.inference.ask(question("same"), progress=lambda key, value: told.append((key, value)))
    )  # fmt: skip
    await settle()
    state = t.inference._seating.planned(Role.TRIAGE).state
    state.breaker.trip(ModelFailure(Failure.FORBIDDEN, "403"))
    second = asyncio.create_task(t.ask("same"))
    await settle()
    assert len(t.other.requests) == 1
    t.one.gate.set()
    await settle()
    t.other.gate.set()
    answers = await asyncio.gather(first, second)
    assert len(t.other.requests) == 1
    assert [a.provenance.cache for a in answers] == ["shared", "miss"]
    assert answers[0].data == answers[1].data
    assert answers[0].data is not answers[1].data
    assert told == [("worth", "no")]


async def test_a_stream_that_breaks_begins_again_at_the_next_one(two):
    t = await two(clock=QuickClock())
    t.one.streams = t.other.streams = True
    await t.inference.look_again()

    async def torn(request):
        t.one.requests.append(request)
        yield Chunk('{"worth": "yes", ')
        raise ModelFailure(Failure.BROKEN_STREAM, "cut")

    t.one.stream = torn
    told = []
    answer = await t.inference.ask(question(role=Role.DOSSIER), progress=lambda key, value: told.append((key, value)))
    assert answer.data == {"worth": "no"}
    assert answer.provenance.instead_of == "one/large:4b"
    assert len(t.one.requests) == 2
    assert told == [("worth", "yes"), ("", None), ("worth", "yes"), ("", None), ("worth", "no")]


async def test_whoever_comes_late_gets_the_fields_so_far(two):
    t = await two()
    t.one.streams = True
    await t.inference.look_again()
    more = asyncio.Event()

    async def slow(request):
        yield Chunk('{"worth": "yes", ')
        await more.wait()
        yield Chunk('"why": "x"}', t.one.reply(request, '{"worth": "yes", "why": "x"}'))

    t.one.stream = slow
    early, late = [], []
    asked = question(role=Role.DOSSIER, schema=None)
    asks = [asyncio.create_task(t.inference.ask(asked, progress=lambda k, v: early.append((k, v))))]
    await settle()
    asks.append(asyncio.create_task(t.inference.ask(asked, progress=lambda k, v: late.append((k, v)))))
    await settle()
    assert early == late == [("worth", "yes")]
    more.set()
    await asyncio.gather(*asks)
    assert early == late == [("worth", "yes"), ("why", "x")]
    kept = []
    await t.inference.ask(asked, progress=lambda k, v: kept.append((k, v)))
    assert kept == early, "a kept answer is told as well"


async def test_a_model_that_does_not_stream_tells_all_in_the_end(two):
    t = await two()
    told = []
    await t.inference.ask(question(role=Role.DOSSIER), progress=lambda k, v: told.append((k, v)))
    assert told == [("worth", "yes")]


async def test_vectors_come_from_the_next_one_where_the_first_is_gone(two):
    t = await two()
    t.one.script = [UNREACHABLE]
    assert (await t.inference.embed(["one", "two"])).shape == (2, 3)
    assert t.inference.stats().roles[Role.EMBED].failovers == 1


async def test_budgets_fit_the_first_choice_and_who_stands_in(two):
    plans = {Role.TRIAGE: [RolePlan("one", "small:1b", 4096), RolePlan("other", "large:4b", 2048)]}
    t = await two(plans=plans)
    assert t.inference.token_budget(Role.TRIAGE) == 3072
    assert t.inference.token_budget(Role.EMBED) == 0
    t.one.up = "gone"
    await t.later(300)
    assert t.inference.token_budget(Role.TRIAGE) == 1536
    assert t.inference.chars_per_token(Role.TRIAGE) == 3.5


async def test_what_was_learnt_of_a_model_is_kept_by_its_digest(two):
    t = await two()
    long = json.dumps({"text": "word " * 400})
    t.one.always = lambda request: t.one.reply(request, YES, usage=Usage(sum(len(m.content) for m in request.messages) // 5, 5))
    for number in range(20):
        asked = question(f"t{number}")
        await t.inference.ask(replace(asked, messages=(asked.messages[0], replace(asked.messages[1], content=long))))
    learnt = t.inference.calibrations()
    assert learnt["digest-a"] == 5.0
    other = await two()
    other.inference.restore(learnt)
    assert other.inference.chars_per_token(Role.TRIAGE) == 5.0
    other.one.models["small:1b"] = "digest-new"
    await other.later(300)
    assert other.inference.chars_per_token(Role.TRIAGE) == 3.5, "other weights, nothing known"


async def test_health_shows_levels_latency_and_breakers(two):
    t = await two()
    server = next(r for r in t.inference.health() if r["name"] == "one")
    assert (server["level"], server["wedged"], server["thrash"]["count"]) == ("capable", None, 0)
    await t.ask()
    server = next(r for r in t.inference.health() if r["name"] == "one")
    assert server["level"] == "progressing"
    assert server["latency"]["last"] is not None
    t.one.always = ModelFailure(Failure.FORBIDDEN, "403")
    await t.ask("second")
    server = next(r for r in t.inference.health() if r["name"] == "one")
    assert server["level"] == "alive"
    row = next(m for m in server["models"] if m["model"] == "small:1b")
    assert row["breaker"] == {"state": "open", "reason": "forbidden: 403", "opens": 1, "next_probe_s": 1.0}
    assert {"slots", "ceiling", "reuse", "chars_per_token", "num_ctx_now", "together", "wait_ms"} <= set(row)
    t.one.up = "gone"
    await t.later(300)
    assert next(r for r in t.inference.health() if r["name"] == "one")["level"] == ""
