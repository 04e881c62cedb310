"""Loads: windows that step down, loads that hang, who fits beside whom, and other programs that use the same server."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from inference_parts import YES, HandClock, QuickClock, Scripted, question, settle

from leadd.api import Failure, Health, LoadedModel, Message, ModelFailure, Role, Usage
from leadd.inference import RolePlan, is_outage

PLANS = {Role.TRIAGE: RolePlan("server", "small:1b", 8192), Role.CLASSIFY: RolePlan("server", "large:4b", 4096)}


class Box(Scripted):
    """A server with a memory: `room` models fit, the one that was loaded longest goes; `most_ctx` is the largest window."""

    def __init__(self, room: int = 3, most_ctx: int = 65_536) -> None:
        super().__init__()
        self.room = room
        self.most_ctx = most_ctx
        self.windows: dict[str, int] = {}
        self.hangs = False
        self.unloads: list[str] = []

    async def health(self) -> Health:
        found = await super().health()
        return replace(found, loaded=tuple(LoadedModel(name, num_ctx=ctx) for name, ctx in self.windows.items()))

    async def preload(self, model: str, *, num_ctx: int) -> None:
        await super().preload(model, num_ctx=num_ctx)
        if self.hangs:
            await asyncio.Event().wait()
        if num_ctx > self.most_ctx:
            raise ModelFailure(Failure.OUT_OF_MEMORY, "no room", model=model)
        self.windows.pop(model, None)
        while len(self.windows) >= self.room:
            self.windows.pop(next(iter(self.windows)))
        self.windows[model] = num_ctx

    async def unload(self, model: str) -> None:
        self.unloads.append(model)
        self.windows.pop(model, None)


def server_of(r):
    return r.inference.health()[0]


def row_of(r, model="small:1b"):
    return next(m for m in server_of(r)["models"] if m["model"] == model)


async def test_where_memory_runs_out_the_window_gets_smaller_until_it_fits(rig):
    r = rig(model=Box(most_ctx=2048), plans=PLANS, clock=HandClock())
    answer = await r.inference.ask(question())
    assert answer.data == {"worth": "yes"}
    assert [ctx for _, ctx in r.model.preloads] == [8192, 4096, 2048]
    assert [request.num_ctx for request in r.model.requests] == [2048]
    assert answer.provenance.key == await r.inference.key_of(question()), "kept under the window that it was given in"
    assert (row_of(r)["num_ctx"], row_of(r)["num_ctx_now"]) == (8192, 2048)
    assert r.inference.token_budget(Role.TRIAGE) == 1536


async def test_memory_that_runs_out_in_the_middle_of_work_steps_down_as_well(rig):
    r = rig(ModelFailure(Failure.OUT_OF_MEMORY, "failed to allocate"), model=None, plans=PLANS, clock=HandClock())
    answer = await r.inference.ask(question())
    assert answer.provenance.attempts == 2
    assert r.model.preloads == [("small:1b", 8192), ("small:1b", 4096)]
    assert [request.num_ctx for request in r.model.requests] == [8192, 4096]


async def test_a_prompt_that_does_not_fit_any_more_waits_and_is_not_charged(rig):
    r = rig(model=Box(most_ctx=2048), plans=PLANS, clock=HandClock())
    long = (Message("user", "word " * 3000),)
    with pytest.raises(ModelFailure) as caught:
        await r.inference.ask(question(messages=long))
    assert caught.value.kind is Failure.OUT_OF_MEMORY
    assert is_outage(caught.value)
    assert r.model.requests == []
    assert r.inference.availability(Role.TRIAGE).ok, "a shorter text can be asked about"


async def test_after_an_hour_the_own_window_is_tried_again(rig):
    r = rig(model=Box(most_ctx=4096), plans=PLANS, clock=HandClock(), numbers={"health_every_s": 300.0})
    await r.inference.ask(question())
    assert row_of(r)["num_ctx_now"] == 4096
    r.model.most_ctx = 65_536
    for _ in range(13):
        r.clock.now_s += 300
        await r.inference.turn()
    await r.inference.ask(question("another"))
    assert row_of(r)["num_ctx_now"] == 8192
    assert r.model.requests[-1].num_ctx == 8192


async def test_no_window_fits_and_the_role_waits(rig):
    r = rig(model=Box(most_ctx=1), plans=PLANS, clock=HandClock())
    with pytest.raises(ModelFailure) as caught:
        await r.inference.ask(question())
    assert caught.value.kind is Failure.OUT_OF_MEMORY
    assert [ctx for _, ctx in r.model.preloads] == [8192, 4096, 2048]


async def test_models_that_fit_together_run_together(rig):
    r = rig(model=Box(room=2), plans=PLANS, clock=HandClock())
    for number in range(3):
        await r.inference.ask(question(f"s{number}"))
        await r.inference.ask(question(f"l{number}", role=Role.CLASSIFY))
    assert server_of(r)["together"] is True
    assert len(r.model.preloads) == 2


async def test_models_that_push_each_other_out_take_turns(rig):
    r = rig(model=Box(room=1), plans=PLANS, clock=HandClock(), numbers={"min_batch": 4, "max_wait_s": 1000.0})
    await r.inference.ask(question("s"))
    await r.inference.ask(question("l", role=Role.CLASSIFY))
    assert server_of(r)["together"] is False
    assert row_of(r)["warm"] is False, "the one that was pushed out is known to be gone"
    gate = asyncio.Event()
    r.model.gate = gate
    asks = []
    for number in range(12):
        asks.append(asyncio.create_task(r.inference.ask(question(f"s{number}"))))
        asks.append(asyncio.create_task(r.inference.ask(question(f"l{number}", role=Role.CLASSIFY))))
    await settle()
    gate.set()
    await asyncio.gather(*asks)
    assert len(r.model.preloads) <= 8, "a load is worth four questions"
    assert server_of(r)["thrash"]["count"] == 0, "that was leadd itself"


async def test_a_load_that_hangs_is_tried_once_more_in_an_empty_server_and_then_it_is_called_wedged(rig):
    r = rig(model=Box(), plans=PLANS, clock=QuickClock(), numbers={"load_s": 0.02})
    await r.inference.ask(question("before"))
    r.model.hangs = True
    with pytest.raises(ModelFailure) as caught:
        await r.inference.ask(question(role=Role.CLASSIFY))
    assert caught.value.kind is Failure.LOAD_STALLED
    assert "restart Ollama" in caught.value.message
    assert r.model.unloads == ["small:1b"]
    assert r.model.preloads[1:] == [("large:4b", 4096)] * 2
    server = server_of(r)
    assert (server["level"], server["reachable"]) == ("alive", True)
    assert "restart Ollama" in server["wedged"]
    assert "restart Ollama" in server["reason"]
    r.model.hangs = False  # somebody has restarted it
    await r.inference.look_again()
    await settle()
    await r.inference.wait_available(Role.CLASSIFY)
    assert (await r.inference.ask(question(role=Role.CLASSIFY))).data
    assert server_of(r)["wedged"] is None


async def test_a_load_that_was_only_late_is_no_failure(rig):
    r = rig(model=Box(), plans=PLANS, clock=QuickClock(), numbers={"load_s": 0.02})
    r.model.hangs = True
    asked = asyncio.create_task(r.inference.ask(question()))
    await settle()
    r.model.windows["small:1b"] = 8192  # it is there after all
    assert (await asked).data == {"worth": "yes"}
    assert r.model.unloads == []


async def test_another_program_with_another_window_is_noticed_and_named(rig):
    r = rig(model=Box(), plans=PLANS, clock=HandClock(), numbers={"health_every_s": 30.0})
    await r.inference.ask(question("before"))
    r.model.windows["small:1b"] = 16_384
    r.clock.now_s += 30
    await r.inference.turn()
    thrash = server_of(r)["thrash"]
    assert thrash["count"] == 1
    assert "another program asks small:1b with num_ctx 16384, leadd with 8192" in thrash["reason"]
    await r.inference.ask(question("after"))
    assert r.model.preloads == [("small:1b", 8192)] * 2, "it is loaded with an empty server, not by the question"


async def test_a_window_that_the_server_has_clamped_is_not_another_programs(rig):
    class Clamped(Box):
        async def preload(self, model: str, *, num_ctx: int) -> None:
            await super().preload(model, num_ctx=num_ctx)
            self.windows[model] = 2048

    r = rig(model=Clamped(), plans=PLANS, clock=HandClock(), numbers={"health_every_s": 30.0})
    await r.inference.ask(question("before"))
    r.clock.now_s += 30
    await r.inference.turn()
    assert server_of(r)["thrash"]["count"] == 0
    await r.inference.ask(question("after"))
    assert len(r.model.preloads) == 1


async def test_a_warm_model_that_had_to_be_loaded_for_a_question_was_thrown_out_by_somebody(rig):
    r = rig(clock=HandClock())
    await r.inference.ask(question("before"))
    r.model.script = [lambda request: r.model.reply(request, YES, usage=Usage(30, 5, load_ms=900.0, total_ms=1000.0))]
    await r.inference.ask(question("reloaded"))
    assert server_of(r)["thrash"]["count"] == 1
    assert "loaded again (900 ms)" in server_of(r)["thrash"]["reason"]


async def test_a_question_that_stands_before_a_long_load_goes_elsewhere_too(rig, monkeypatch):
    monkeypatch.setattr("leadd.inference.calls.LOADING_PATIENCE_S", 0.01)
    model, other = Scripted(), Scripted()
    plans = {
        Role.TRIAGE: [RolePlan("server", "small:1b", 2048), RolePlan("other", "small:1b", 2048)],
        Role.CLASSIFY: RolePlan("server", "large:4b", 4096),
    }
    r = rig(model=model, models={"server": model, "other": other}, plans=plans, clock=HandClock())
    await r.inference.ask(question("warm"))
    model.preload_with = asyncio.Event()
    classify = asyncio.create_task(r.inference.ask(question(role=Role.CLASSIFY)))
    await settle()
    assert (await r.inference.ask(question("meanwhile"))).provenance.instead_of == "server/small:1b"
    assert not r.inference.stats().roles[Role.TRIAGE].failures
    model.preload_with.set()
    await classify


async def test_a_long_load_lets_questions_go_elsewhere(rig):
    other = Scripted()
    plans = {
        Role.TRIAGE: [RolePlan("server", "small:1b", 2048), RolePlan("other", "small:1b", 2048)],
        Role.CLASSIFY: RolePlan("server", "large:4b", 4096),
    }
    model = Scripted()
    r = rig(model=model, models={"server": model, "other": other}, plans=plans, clock=HandClock())
    await r.inference.ask(question("warm"))
    model.preload_with = asyncio.Event()
    classify = asyncio.create_task(r.inference.ask(question(role=Role.CLASSIFY)))
    await settle()
    r.clock.now_s += 16
    assert (await r.inference.ask(question("meanwhile"))).provenance.instead_of == "server/small:1b"
    model.preload_with.set()
    await classify
    assert not (await r.inference.ask(question("afterwards"))).provenance.instead_of
