"""Tuning on a faithful Ollama: a better model is taken, one that is not goes away again, and undo gives the role back."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from core_parts import ICP, make_context

from leadd.api import ModelFailure, NeedsAttention, Role, SystemClock
from leadd.builtin.ollama import OllamaConfig, OllamaModel
from leadd.core.text import content_hash
from leadd.core.training.comparing import paired
from leadd.core.training.training import HELD, Training, split_of
from leadd.core.training.tuning import LEAST_HELD, TUNED, Step, Tuning
from leadd.daemon.roles import with_tuned
from leadd.inference import Inference, InferenceSettings, RolePlan
from leadd.prompting import PromptBook, packaged_folder
from leadd.store import Store
from leadd.store.rows import NewSignal
from leadd.testing.ollama import FakeOllama

BASE = "gemma3:1b"
PLAN = RolePlan("ollama", BASE, 2048)
LOG = logging.getLogger("leadd.test")
ALL = 140


class Judge:
    """Answers triage: the base model is right on every other company, a made one as its examples or the test make it."""

    def __init__(self) -> None:
        self.made_is_good = True
        self.examples: list[list[tuple[str, str]]] = []

    def __call__(self, question: Any) -> str | None:
        text = question.signal.get("text", "")
        if "Reference" not in text:
            return None  # a text without content: the built-in judge says what it says by habit
        truth = "yes" if "wanted" in text else "no"
        number = int(text.rsplit("Reference ", 1)[1].split(".")[0])
        if question.model != BASE:
            said = [(str(m["role"]), str(m["content"])) for m in question.messages]
            self.examples.append(said[: next(n for n, (who, _) in enumerate(said) if who == "system")])
        good = self.made_is_good if question.model != BASE else False
        return truth if good or number % 2 else ("no" if truth == "yes" else "yes")


class Bench:
    def __init__(self, store: Store, inference: Inference, fake: FakeOllama, judge: Judge) -> None:
        self.store, self.inference, self.fake, self.judge = store, inference, fake, judge
        prompts = PromptBook([packaged_folder()])
        assert prompts.load().applied
        clock = SystemClock()
        self.tuning = Tuning(store, inference, prompts, Training(store, prompts, inference), clock)

    async def verdicts(self, count: int = ALL) -> None:
        texts = [
            f"{'A first marketer is wanted' if n % 3 == 0 else 'A driver is looked for'} by us in town {n}. Call Jane Doe, "
            f"jane.doe@town{n}.example. Reference {n}. We pay on time."
            for n in range(count)
        ]
        rows = [
            NewSignal("ads", text, f"Opening {n}", content_hash(f"Opening {n}", text), f"k{n}", company=f"Company {n}")
            for n, text in enumerate(texts)
        ]
        ids = (await self.store.signals.add_many("ads", rows)).ids
        for n, signal_id in enumerate(ids):
            word = "accept" if n % 3 == 0 else "reject"
            await self.store.verdicts.judge_signal(signal_id or 0, word, icp=ICP.name)

    async def run(self, **more: Any) -> list[Step]:
        return [step async for step in self.tuning.run(Role.TRIAGE, **more)]

    def asked(self) -> str:
        planned = self.inference.planned(Role.TRIAGE)
        assert planned is not None
        return planned[0].model

    async def models(self) -> set[str]:
        planned = self.inference.planned(Role.TRIAGE)
        assert planned is not None
        return {name for name in (await planned[1].health()).models if name.startswith("leadd/")}


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Bench]:
    judge, clock = Judge(), SystemClock()
    async with FakeOllama(time_scale=0, oracle=judge) as fake:
        store = await Store.open(folder, clock=clock)
        model = OllamaModel(OllamaConfig(endpoint=fake.url), make_context("ollama", folder))
        await model.open()
        plans = with_tuned({Role.TRIAGE: [PLAN]}, await store.schedule.get(TUNED) or {})
        inference = Inference({"ollama": model}, plans, settings=InferenceSettings(), clock=clock, log=LOG)
        await inference.open()
        if not await store.icps.list():
            await store.icps.add(ICP)
        try:
            yield Bench(store, inference, fake, judge)
        finally:
            await inference.close()
            await model.close()
            await store.close()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with opened(tmp_path) as made:
        yield made


async def test_a_model_that_wins_is_taken_and_undo_gives_the_role_back(bench: Bench) -> None:
    await bench.verdicts()
    held = sum(split_of(f"company {n}") == HELD for n in range(ALL))
    first, *_, last = await bench.run(most=6)
    assert first.kind == "examples"
    assert last.switched
    assert last.compared is not None
    assert (last.compared.count, last.compared.after) == (held, 1.0)
    assert 0 < last.compared.low <= last.compared.gain
    assert bench.asked() == last.model == "leadd/gemma3:1b-triage"
    shown = bench.judge.examples[0]
    assert 4 <= len(shown) <= 12
    assert {answer for who, answer in shown if who == "assistant"} == {"yes", "no"}
    assert "Jane" not in str(shown)
    assert "town" in str(shown)
    for n in range(ALL):
        if split_of(f"company {n}") == HELD:
            assert f"town {n}." not in str(shown), "what is compared on was not taught"
    kept = (await bench.tuning.in_force())["triage"]
    assert (kept["was"], kept["example_tokens"] > 0) == (BASE, True)
    assert bench.inference.token_budget(Role.TRIAGE) < 900 - 100, "the examples come off the budget of every question"
    again = (await bench.run(most=6))[-1]
    assert not again.switched, "as good as the one in force is not better"
    assert await bench.models() == {last.model}
    assert await bench.tuning.undo(Role.TRIAGE) == last.model
    assert bench.asked() == BASE
    with pytest.raises(NeedsAttention, match="no tuned model"):
        await bench.tuning.undo(Role.TRIAGE)


async def test_a_model_that_is_no_better_goes_away_again(bench: Bench) -> None:
    await bench.verdicts()
    bench.judge.made_is_good = False
    last = (await bench.run())[-1]
    assert not last.switched
    assert last.compared is not None
    assert last.compared.gain == 0
    assert "stays" in last.text
    assert bench.asked() == BASE
    assert await bench.models() == set()
    assert await bench.tuning.in_force() == {}


async def test_a_tuned_model_is_there_after_a_restart(tmp_path: Path) -> None:
    async with opened(tmp_path) as bench:
        await bench.verdicts()
        assert (await bench.run())[-1].switched
    async with opened(tmp_path) as bench:
        assert bench.asked() == "leadd/gemma3:1b-triage"
        tuned = await bench.tuning.in_force()
    assert tuned["triage"]["compared"]["low"] > 0
    other = {Role.TRIAGE: [RolePlan("ollama", "gemma3:4b", 2048)]}
    assert with_tuned(other, tuned) == other, "another base was set: the settings count"


async def test_an_adapter_goes_through_the_same_test(bench: Bench, tmp_path: Path) -> None:
    await bench.verdicts()
    file = tmp_path / "lora.gguf"
    file.write_bytes(b"GGUF" * 1000)
    last = (await bench.run(adapter=file, name="mine"))[-1]
    assert (last.switched, last.model, bench.judge.examples[0]) == (True, "mine", [])
    with pytest.raises(NeedsAttention, match="has a model 'mine' already"):
        await bench.run(adapter=file, name="mine")
    with pytest.raises(NeedsAttention, match="adapter cannot be read"):
        await bench.run(adapter=tmp_path / "gone")


async def test_what_is_missing_is_told_before_anything_is_made(bench: Bench) -> None:
    with pytest.raises(NeedsAttention, match=f"{LEAST_HELD} are needed"):
        await bench.run()
    await bench.verdicts()
    with pytest.raises(NeedsAttention, match="cannot be tuned"):
        [step async for step in bench.tuning.run(Role.EMBED)]
    assert bench.fake.stats.calls["/api/create"] == 0


async def test_a_server_that_fails_in_the_middle_leaves_all_as_it_was(bench: Bench) -> None:
    await bench.verdicts()

    async def broken() -> None:
        async for step in bench.tuning.run(Role.TRIAGE):
            if step.kind == "making" and step.text == "success":
                bench.fake.fail_next("crash", times=None, model=step.model)

    with pytest.raises(ModelFailure):
        await broken()
    assert bench.asked() == BASE
    assert await bench.models() == set()
    bench.fake.clear_faults()
    left = bench.tuning.run(Role.TRIAGE)
    async for step in left:
        if step.kind == "comparing":
            break
    await left.aclose()  # the one who asked went away
    assert await bench.models() == set()
    assert (await bench.run())[-1].switched, "and the next one may try"


def test_the_interval_of_paired_answers_is_that_of_the_formula() -> None:
    # The prime minister's approval in Agresti's books (86 and 150 of 1600 changed their mind), worked out by hand.
    found = paired([(True, False)] * 86 + [(False, True)] * 150 + [(True, True)] * 570 + [(False, False)] * 794)
    assert (round(found.gain, 3), round(found.low, 4), round(found.high, 4)) == (0.04, 0.0212, 0.0587)
    assert found.wins
    assert not paired([(True, False)] * 5 + [(False, True)] * 9).wins
    assert paired([(False, True)] * 8).low == pytest.approx(0.8 - 1.959964 * (9 - 64 / 10) ** 0.5 / 10)
    with pytest.raises(ValueError, match="nothing to compare"):
        paired([])
