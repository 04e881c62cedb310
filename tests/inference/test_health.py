"""Down and up again, cold and warm, stalled and poisoned: what Inference concludes from what a server does."""

from __future__ import annotations

import asyncio

import pytest
from inference_parts import PLANS, HandClock, Reader, Scripted, question, settle

from leadd.api import Failure, Method, ModelFailure, Role
from leadd.inference import RolePlan, is_outage


async def failure_of(r, *args, **changes):
    with pytest.raises(ModelFailure) as caught:
        await r.inference.ask(question(*args, **changes))
    return caught.value


async def test_a_healthy_server_is_asked_seldom(rig):
    r = rig(clock=HandClock(), numbers={"health_every_s": 300.0})
    await r.inference.open()
    assert r.model.probes == 1
    assert await r.inference.turn() == pytest.approx(300.0)
    r.clock.now_s += 299
    await r.inference.turn()
    assert r.model.probes == 1
    r.clock.now_s += 1
    await r.inference.turn()
    assert r.model.probes == 2


async def test_a_server_that_is_down_is_asked_after_1_2_4_8_15_15_seconds(rig):
    r = rig(clock=HandClock())
    r.model.up = "connection refused"
    await r.inference.open()
    waits = []
    for _ in range(6):
        delay = await r.inference.turn()
        waits.append(delay)
        r.clock.now_s += delay
        await r.inference.turn()
    assert waits == pytest.approx([1, 2, 4, 8, 15, 15])
    assert r.inference.availability(Role.TRIAGE).reason == "connection refused"


async def test_waiting_ends_by_itself_when_the_server_comes_back(rig):
    r = rig(clock=HandClock())
    r.model.up = "connection refused"
    await r.inference.open()
    waits = [asyncio.create_task(r.inference.wait_available(Role.TRIAGE)) for _ in range(3)]
    change = asyncio.create_task(r.inference.changed())
    await r.clock.advance(40)
    assert not any(w.done() for w in waits)
    assert change.done(), "each probe is a change"
    probes = r.model.probes
    assert probes < 12, "many who wait share the probes"
    r.model.up = True
    await r.clock.advance(16)
    assert [w.result().ok for w in waits] == [True] * 3
    assert (await r.inference.ask(question())).provenance.method is Method.MODEL


async def test_an_outage_in_the_middle_of_work_is_noticed_at_once(rig):
    hurried = []
    r = rig(ModelFailure(Failure.UNREACHABLE, "connection reset"), clock=HandClock())
    await r.inference.open()
    r.inference.on_hurry = lambda: hurried.append(1)
    failure = await failure_of(r)
    assert is_outage(failure)
    assert hurried
    assert not r.inference.availability(Role.CLASSIFY).ok, "the whole server is gone, not one model"
    assert (await failure_of(r, "second")).kind is Failure.UNREACHABLE
    assert len(r.model.requests) == 1, "nothing is sent to a server that is known to be gone"
    assert await r.inference.turn() == pytest.approx(1.0)
    r.clock.now_s += 1
    assert (await r.inference.ask(question("third"))).data, "an asker probes when a probe is due"


async def test_those_in_the_queue_end_with_the_server(rig):
    gate = asyncio.Event()
    r = rig(ModelFailure(Failure.UNREACHABLE, "gone"), numbers={"slots": 1}, model=None, clock=HandClock())
    r.model.gate = gate
    asks = [asyncio.create_task(r.inference.ask(question(f"t{n}"))) for n in range(10)]
    await settle()
    gate.set()
    ends = await asyncio.gather(*asks, return_exceptions=True)
    assert {end.kind for end in ends} == {Failure.UNREACHABLE}
    assert len(r.model.requests) == 1


@pytest.mark.parametrize(("wanted", "expected"), [(True, [1, 2, 3, 3, 3, 3]), (False, [1, 2, 4, 8, 15, 15])])
async def test_an_outage_behind_a_green_health_check_is_looked_after_by_tiny_questions(rig, wanted, expected):
    r = rig(clock=HandClock())
    r.model.always = r.model.canary = ModelFailure(Failure.FORBIDDEN, "403")
    await r.inference.open()
    await failure_of(r, "text")
    waits = []
    for number in range(6):
        waits.append(await r.inference.turn())
        r.clock.now_s += waits[-1] if wanted or number else 100.0 + waits[-1]
        if wanted:
            await failure_of(r, f"text {number}")
        await r.inference.turn()
        assert not r.inference.availability(Role.TRIAGE).ok
    assert waits == pytest.approx(expected), "soon where somebody wants it, else in the slow rhythm"
    assert len(r.model.requests) == 1, "no text is put at risk"
    r.model.always, r.model.canary = '{"worth": "no"}', None
    r.clock.now_s += await r.inference.turn()
    await r.inference.turn()
    (row,) = (m for m in r.inference.health()[0]["models"] if m["model"] == "small:1b")
    assert (row["breaker"]["state"], row["breaker"]["opens"]) == ("half_open", 1)
    await r.inference.ask(question("good"))
    r.model.always = ModelFailure(Failure.FORBIDDEN, "403")
    await failure_of(r, "again")
    assert await r.inference.turn() == pytest.approx(1.0), "an answer is the proof that all is well"


async def test_a_missing_model_concerns_its_roles_only_and_is_found_when_it_comes(rig):
    r = rig(model=Scripted(models={"small:1b": "a"}), clock=HandClock())
    await r.inference.open()
    assert r.inference.availability(Role.TRIAGE).ok
    lack = r.inference.availability(Role.CLASSIFY)
    assert (lack.ok, lack.method) == (False, None)
    assert "large:4b" in lack.reason
    assert (await failure_of(r, role=Role.CLASSIFY)).kind is Failure.MISSING_MODEL
    with pytest.raises(ModelFailure):
        await r.inference.key_of(question(role=Role.CLASSIFY))
    r.model.models["large:4b"] = "b"
    r.clock.now_s += await r.inference.turn()
    await r.inference.turn()
    assert r.inference.availability(Role.CLASSIFY).ok


async def test_names_are_found_as_servers_list_them(rig):
    r = rig(
        model=Scripted(models={"nomic:latest": "n", "hub/Team/X:latest": "x"}),
        plans={Role.TRIAGE: RolePlan("server", "Nomic", 2048), Role.CLASSIFY: RolePlan("server", "hub/team/x", 2048)},
    )
    await r.inference.open()
    assert await r.inference.digest_of(Role.TRIAGE) == "n"
    assert await r.inference.digest_of(Role.CLASSIFY) == "x"


async def test_a_model_is_loaded_once_before_many_questions_and_in_an_empty_server(rig):
    gate = asyncio.Event()
    model = Scripted(gate=gate)
    r = rig(model=model, clock=HandClock(), numbers={"slots": 4})
    small = [asyncio.create_task(r.inference.ask(question(f"s{n}"))) for n in range(3)]
    await settle()
    large = [asyncio.create_task(r.inference.ask(question(f"l{n}", role=Role.CLASSIFY))) for n in range(3)]
    await settle()
    late = asyncio.create_task(r.inference.ask(question("late")))
    await settle()
    assert model.preloads == [("small:1b", 2048)], "the second load waits until the server is empty"
    assert model.running == 3, "and nothing new is sent meanwhile"
    gate.set()
    await asyncio.gather(*small, *large, late)
    assert model.preloads == [("small:1b", 2048), ("large:4b", 4096)]
    load = model.events.index("load large:4b")
    begun = model.events[:load].count("begin small:1b")
    assert begun == model.events[:load].count("end small:1b") == 3


async def test_cancelled_askers_do_not_end_a_load(rig):
    model = Scripted()
    model.preload_with = asyncio.Event()
    r = rig(model=model)
    asks = [asyncio.create_task(r.inference.ask(question())) for _ in range(3)]
    await settle()
    for ask in asks:
        ask.cancel()
    await settle()
    model.preload_with.set()
    await settle()
    assert model.events[:2] == ["load small:1b", "loaded small:1b"]
    assert (await r.inference.ask(question())).provenance.cache == "hit"


@pytest.mark.parametrize(
    ("raised", "kind"),
    [
        (ModelFailure(Failure.OUT_OF_MEMORY, "no room"), Failure.OUT_OF_MEMORY),
        (ModelFailure(Failure.LOAD_STALLED, "5 min"), Failure.LOAD_STALLED),
        (ModelFailure(Failure.TIMEOUT_TOTAL, "late"), Failure.LOAD_STALLED),
        (ModelFailure(Failure.BAD_REQUEST, "?"), Failure.LOADING_FAILED),
        (ModelFailure(Failure.CRASHED, "boom"), Failure.LOADING_FAILED),
        (ModelFailure(Failure.UNREACHABLE, "gone"), Failure.UNREACHABLE),
        (RuntimeError("bug"), Failure.LOADING_FAILED),
    ],
)
async def test_a_failed_load_is_an_outage_for_all_who_wait(rig, raised, kind):
    r = rig(clock=HandClock())
    r.model.preload_with = raised
    await r.inference.open()
    asks = [asyncio.create_task(r.inference.ask(question(f"t{n}"))) for n in range(4)]
    ends = await asyncio.gather(*asks, return_exceptions=True)
    assert all(isinstance(end, ModelFailure) and is_outage(end) for end in ends)
    assert {end.kind for end in ends} == {kind}
    tries = 2 if kind is Failure.LOAD_STALLED else 1  # a load without an end is tried again in an emptied server
    assert len(r.model.preloads) == tries
    assert not r.model.requests
    assert not r.inference.availability(Role.TRIAGE).ok
    assert r.inference.availability(Role.CLASSIFY).ok == (kind is not Failure.UNREACHABLE)
    r.model.preload_with = None
    r.clock.now_s += 1
    await r.inference.turn()
    assert r.inference.availability(Role.TRIAGE).ok
    assert (await r.inference.ask(question())).data
    stats = r.inference.stats()
    assert (stats.preloads, stats.preload_failures) == (tries + 1, 1)


async def test_a_load_that_never_ends_is_ended(rig):
    r = rig(numbers={"load_s": 0.01})
    r.model.preload_with = asyncio.Event()
    assert (await failure_of(r)).kind is Failure.LOAD_STALLED


async def test_a_model_that_was_idle_is_loaded_again_and_one_that_is_shown_as_loaded_is_not(rig):
    r = rig(clock=HandClock(), numbers={"warm_s": 240.0})
    r.model.loaded = ("small:1b",)
    await r.inference.open()
    await r.inference.ask(question("one"))
    assert r.model.preloads == []
    r.clock.now_s += 241
    await r.inference.ask(question("two"))
    assert r.model.preloads == [("small:1b", 2048)]


async def test_a_model_that_was_pushed_out_is_cold(rig):
    r = rig(clock=HandClock(), numbers={"health_every_s": 10.0})
    r.model.loaded = ("small:1b",)
    await r.inference.open()
    r.model.loaded = ("large:4b",)
    r.clock.now_s += 10
    await r.inference.turn()
    await r.inference.ask(question())
    assert r.model.preloads == [("small:1b", 2048)]


async def test_the_third_deadline_in_a_row_is_a_stalled_model_and_not_the_texts_fault(rig):
    r = rig(clock=HandClock())
    r.model.always = ModelFailure(Failure.TIMEOUT_TOTAL, "300 s")
    kinds = [(await failure_of(r, f"text {n}")).kind for n in range(3)]
    assert kinds == [Failure.TIMEOUT_TOTAL, Failure.TIMEOUT_TOTAL, Failure.LOAD_STALLED]
    assert not r.inference.availability(Role.TRIAGE).ok
    r.clock.now_s += 1
    r.model.always = '{"worth": "yes"}'
    await r.inference.turn()
    await r.inference.ask(question("next"))
    assert r.model.preloads == [("small:1b", 2048)] * 2, "work comes only after a load went through"


async def test_a_text_that_takes_the_server_down_is_told_from_a_server_that_is_down(rig):
    r = rig(clock=HandClock(), numbers={"max_attempts": 1})
    kinds = []
    for number in range(3):
        r.model.script = [ModelFailure(Failure.SERVER_ERROR, "500")]
        kinds.append((await failure_of(r, "poison")).kind)
        r.clock.now_s += 20
        await r.inference.turn()
        await r.inference.ask(question(f"good {number}"))
    assert kinds == [Failure.SERVER_ERROR, Failure.SERVER_ERROR, Failure.CRASHED]
    assert not is_outage(Failure.CRASHED)
    down = rig(clock=HandClock(), numbers={"max_attempts": 1})
    down.model.always = ModelFailure(Failure.SERVER_ERROR, "500")
    for _ in range(5):
        assert (await failure_of(down, "innocent")).kind is Failure.SERVER_ERROR
        down.clock.now_s += 20
        await down.inference.turn()


async def test_health_checks_that_raise_or_hang_are_a_server_that_is_down(rig, caplog):
    r = rig(numbers={"health_timeout_s": 0.01})

    async def hang():
        await asyncio.Event().wait()

    r.model.health = hang  # type: ignore[method-assign]
    await r.inference.open()
    assert "no answer to a health check" in r.inference.availability(Role.TRIAGE).reason

    async def bug():
        raise ValueError("plugin bug")

    r.model.health = bug  # type: ignore[method-assign]
    r.clock.now_s += 60
    await r.inference.turn()
    assert "plugin bug" in r.inference.availability(Role.TRIAGE).reason


async def test_open_does_not_wait_long_for_a_server_that_hangs(rig, monkeypatch):
    monkeypatch.setattr("leadd.inference.inference.OPEN_LIMIT_S", 0.01)
    r = rig()

    async def hang():
        await asyncio.Event().wait()

    r.model.health = hang  # type: ignore[method-assign]
    await r.inference.open()
    assert r.inference.availability(Role.TRIAGE).reason == "the model server was not asked yet"
    await r.inference.close(grace_s=1.0)


async def test_the_snapshot_of_health(rig):
    r = rig(evidence=Reader(), clock=HandClock())
    await r.inference.open()
    await r.inference.ask(question())
    (server,) = r.inference.health()
    assert (server["name"], server["kind"], server["state"], server["version"]) == ("server", "scripted", "up", "1.0")
    assert (server["latency_ms"], server["answers"], server["failures"], server["success_rate"]) == (1.5, 1, 0, 1.0)
    assert server["available"] == ["large:4b", "small:1b"]
    small = next(row for row in server["models"] if row["model"] == "small:1b")
    assert small["roles"] == ["embed", "triage"]
    assert (small["ok"], small["warm"], small["digest"], small["num_ctx"]) == (True, True, "digest-a", 2048)
    assert server["reachable"] is True
    r.model.up = "gone"
    r.clock.now_s += 300
    await r.inference.turn()
    server = r.inference.health()[0]
    assert (server["state"], server["reason"], server["since_ms"]) == ("down", "gone", r.clock.now_ms())
    assert {row["failure"] for row in server["models"]} == {"unreachable"}


async def test_set_without_model_wakes_those_who_wait(rig):
    r = rig(evidence=Reader(), clock=HandClock(), plans={Role.TRIAGE: PLANS[Role.TRIAGE]})
    r.model.up = "gone"
    await r.inference.open()
    wait = asyncio.create_task(r.inference.wait_available(Role.TRIAGE))
    for_model = asyncio.create_task(r.inference.wait_available(Role.TRIAGE, Method.MODEL))
    await settle()
    r.inference.set_without_model("evidence")
    await settle()
    assert wait.result().method is Method.EVIDENCE
    assert not for_model.done()
    await r.inference.close(grace_s=1.0)
    with pytest.raises(ModelFailure, match="stopping"):
        await for_model


async def test_a_model_may_refuse_what_the_server_lists(rig):
    r = rig()

    async def refuse(model):
        raise ModelFailure(Failure.FORBIDDEN, "runs on other people's machines", model=model)

    r.model.digest = refuse  # type: ignore[method-assign]
    await r.inference.open()
    lack = r.inference.availability(Role.TRIAGE)
    assert (lack.ok, lack.reason) == (False, "runs on other people's machines")
    assert (await failure_of(r)).kind is Failure.FORBIDDEN


async def test_one_forbidden_model_leaves_the_others_alone(rig):
    r = rig(ModelFailure(Failure.FORBIDDEN, "not this one"))
    await failure_of(r)
    assert not r.inference.availability(Role.TRIAGE).ok
    assert r.inference.availability(Role.CLASSIFY).ok


async def test_the_revision_changes_with_weights_and_with_the_kind_of_reader(rig):
    r = rig(evidence=Reader(), clock=HandClock())
    await r.inference.open()
    first = r.inference.revision
    r.model.script = [ModelFailure(Failure.UNREACHABLE, "a moment")]
    await failure_of(r)
    assert r.inference.revision == first, "those who wait for the model keep what they know"
    r.inference.set_without_model("evidence")
    by_evidence = r.inference.revision
    assert by_evidence != first
    r.clock.now_s += 1
    await r.inference.turn()
    assert r.inference.revision == first
    r.model.models["small:1b"] = "digest-c"
    r.clock.now_s += 300
    await r.inference.turn()
    assert r.inference.revision not in {first, by_evidence}


async def test_recalls_are_counted_as_hits_of_their_method(rig):
    r = rig(evidence=Reader())
    for method in ("model", "evidence", "evidence", "rule", ""):
        r.inference.count_recall(method)
    stats = r.inference.stats()
    assert (stats.roles[Role.TRIAGE].hits, stats.evidence[Role.TRIAGE].hits) == (1, 2)


async def test_a_model_that_was_fetched_is_seen_before_the_next_check_is_due(rig):
    r = rig(clock=HandClock(), numbers={"health_every_s": 300.0})
    weights = dict(r.model.models)
    r.model.models.clear()
    await r.inference.open()
    assert not r.inference.availability(Role.TRIAGE).ok
    hurried: list[bool] = []
    r.inference.on_hurry = lambda: hurried.append(True)
    waits = asyncio.create_task(r.inference.wait_available(Role.TRIAGE))
    await settle()
    r.model.models.update(weights)
    await settle()
    assert not waits.done(), "nobody has looked yet"
    await r.inference.look_again()
    await settle()
    assert waits.result().ok
    assert hurried == [True]
