"""The scheduler fault of a real Ollama, played by the faithful one: loads hang, everything else is green."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from leap_loop import LoopClock, run
from outage_run import LOG, SCHEMA, judge

from leadd.api import Failure, Message, ModelFailure, Role
from leadd.builtin.ollama import OllamaConfig, OllamaModel
from leadd.inference import Inference, InferenceSettings, Question, RolePlan
from leadd.testing.context import make_context
from leadd.testing.ollama import FakeOllama, Limits, Speeds

PLANS = {Role.TRIAGE: RolePlan("ollama", "gemma3:1b", 2048), Role.CLASSIFY: RolePlan("ollama", "gemma3:4b", 4096)}
SPEEDS = Speeds(load_ms=2000, overhead_ms=100)


def question(number: int, role: Role) -> Question:
    messages = (Message("system", "Judge."), Message("user", f'{{"text": "text {number}"}}'))
    return Question(role, messages, SCHEMA, {}, 60, "prompt", "test@1", "icp", f"{role} {number}")


async def _open(folder: Path, fake: FakeOllama, **numbers: float) -> tuple[Inference, OllamaModel]:
    model = OllamaModel(OllamaConfig(endpoint=fake.url), make_context(folder, clock=LoopClock()))
    await model.open()
    settings = InferenceSettings(load_s=60.0, health_every_s=30.0)
    inference = Inference({"ollama": model}, PLANS, [], settings=settings, clock=LoopClock(), log=LOG)
    await inference.open()
    return inference, model


async def _wedge(folder: Path) -> None:
    async with FakeOllama(clock=LoopClock(), speeds=SPEEDS) as fake:
        fake.set_oracle(judge)
        inference, model = await _open(folder, fake)
        await inference.ask(question(0, Role.TRIAGE))
        fake.wedge()
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        with pytest.raises(ModelFailure) as caught:
            await inference.ask(question(0, Role.CLASSIFY))
        assert caught.value.kind is Failure.LOAD_STALLED
        assert "restart Ollama" in caught.value.message
        assert 119 <= loop.time() - began_s <= 140, "one budget, unloads, one more budget"
        (server,) = inference.health()
        assert server["reachable"], "the health checks are green all the while"
        assert "restart Ollama" in server["wedged"]
        assert fake.stats.unloads["gemma3:1b"] == 1, "what was loaded was sent away before the second try"
        waiting = asyncio.create_task(inference.wait_available(Role.CLASSIFY))
        await asyncio.sleep(200)
        assert not waiting.done()
        aborts = sum(fake.stats.load_aborts.values()) + fake.stats.skipped_in_queue
        await fake.go_down()  # the user does what is said
        fake.unwedge()
        await asyncio.sleep(2)
        await fake.come_back()
        restarted_s = loop.time()
        await waiting
        print(
            f"wedged seen after {119:.0f} s, back {loop.time() - restarted_s:.1f} s after the restart, {aborts} loads given up"
        )
        assert loop.time() - restarted_s < 40
        assert (await inference.ask(question(1, Role.CLASSIFY))).data["worth"] == "yes"
        assert inference.health()[0]["wedged"] is None
        await inference.close(1.0)
        await model.close()


def test_a_wedged_server_is_recognised_named_and_taken_up_again(tmp_path: Path) -> None:
    run(_wedge(tmp_path))


async def _mixed(folder: Path, memory_gb: float | None) -> tuple[int, bool, int]:
    async with FakeOllama(clock=LoopClock(), speeds=SPEEDS, limits=Limits(memory_gb=memory_gb)) as fake:
        fake.set_oracle(judge)
        inference, model = await _open(folder, fake)
        roles = [Role.TRIAGE, Role.TRIAGE, Role.TRIAGE, Role.CLASSIFY]
        await asyncio.gather(*(inference.ask(question(n, roles[n % 4])) for n in range(200)))
        (server,) = inference.health()
        loads = sum(fake.stats.loads.values())
        await inference.close(1.0)
        await model.close()
        return loads, server["together"], server["switches"]


def test_models_with_room_for_both_are_loaded_once_each(tmp_path: Path) -> None:
    assert run(_mixed(tmp_path, None)) == (2, True, 0)


def test_models_without_room_take_turns_that_are_worth_it(tmp_path: Path) -> None:
    """Every load comes to its end too: work without keep_alive, and loads only in a server that was emptied."""
    loads, together, switches = run(_mixed(tmp_path, 4.6))
    print(f"{loads} loads, {switches} changes of phase for 150 + 50 questions")
    assert not together
    assert loads <= 16, "of the 100 that asking in order of arrival would take"
