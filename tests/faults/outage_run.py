"""One outage of the first of two servers, with one question every four seconds; what each question got, and when."""

from __future__ import annotations

import asyncio
import json
import logging
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leap_loop import LoopClock

from leadd.api import CacheBackend, Chunk, Message, ModelFailure, ModelRequest, Reply, Role
from leadd.builtin.memory import MemoryCache, MemoryConfig
from leadd.builtin.ollama import OllamaConfig, OllamaModel
from leadd.inference import Inference, InferenceSettings, Question, RolePlan
from leadd.inference.answers.shapes import misfit
from leadd.inference.servers.probing import CANARY_SCHEMA
from leadd.testing.context import make_context
from leadd.testing.ollama import FakeOllama, Speeds

LOG = logging.getLogger("test.outages")
MODEL = "gemma3:1b"
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"worth": {"type": "string", "enum": ["yes", "no"]}, "points": {"type": "integer"}},
    "required": ["worth", "points"],
}
ANSWER_MS = 200.0
SPEEDS = Speeds(load_ms=500, overhead_ms=ANSWER_MS)
EVERY_S = 4.0
LEAD_IN = 8
BACK_WITHIN_S = 5.0
WATCH_S = 0.2


@dataclass(slots=True)
class Asked:
    """One question: when, what came, how long it took. Times in seconds since the outage began."""

    number: int
    at_s: float
    by: str = ""
    instead_of: str = ""
    ms: float = 0.0
    failure: str = ""


@dataclass(slots=True)
class Report:
    """What an outage looked like from outside."""

    outage_s: float
    asked: list[Asked]
    attempts: list[float]
    failed: list[float]
    canaries: list[float]
    opened_s: float | None
    half_open_s: float | None
    opens: int
    answers: Counter[str]

    @property
    def work_in_outage(self) -> list[float]:
        return [at for at in self.attempts if 0 <= at < self.outage_s]

    @property
    def failed_before_opening(self) -> int:
        return sum(at >= 0 for at in self.failed if self.opened_s is None or at <= self.opened_s)

    def added_ms(self) -> list[float]:
        """Beyond a usual answer, for questions that began after the opening and before the end."""
        opened = self.opened_s if self.opened_s is not None else 0.0
        return [a.ms - ANSWER_MS for a in self.asked if opened < a.at_s < self.outage_s]

    def p95_added_ms(self) -> float:
        return p95(self.added_ms())

    @property
    def back_s(self) -> float | None:
        """When the first server was asked again after its recovery, in seconds after that."""
        end_s = self.outage_s
        return next((a.at_s - end_s for a in self.asked if a.at_s >= end_s and a.by == "first"), None)

    def late(self) -> list[Asked]:
        """Questions that began later than five seconds after the recovery and were not answered by the first server."""
        return [a for a in self.asked if a.at_s > self.outage_s + BACK_WITHIN_S and a.by != "first"]

    @property
    def lost(self) -> list[str]:
        """Questions without an answer."""
        return [a.failure for a in self.asked if a.failure]

    @property
    def twice(self) -> list[str]:
        """Questions that were answered more than once."""
        return [text for text, times in self.answers.items() if times > 1]

    def line(self, name: str) -> str:
        return (
            f"{name:28} attempts {len(self.work_in_outage):2} (failed before opening {self.failed_before_opening}) "
            f"tiny ones {len(self.canaries):2} opened {_s(self.opened_s)} added p95 {self.p95_added_ms():5.1f} ms "
            f"half open {_s(self.half_open_s)} back {_s(self.back_s)} opens {self.opens} lost {len(self.lost)} "
            f"twice {len(self.twice)}"
        )


def p95(values: list[float]) -> float:
    """The 95th percentile, the larger neighbour; 0 of nothing."""
    found = sorted(values)
    return found[min(len(found) - 1, int(len(found) * 0.95))] if found else 0.0


def _s(seconds: float | None) -> str:
    return "   never" if seconds is None else f"{seconds:6.2f} s"


class Counted(OllamaModel):
    """The builtin model, with a note of every question that goes to the server."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.work: list[float] = []
        self.failed: list[float] = []
        self.canaries: list[float] = []
        self.answered: list[str] = []

    async def complete(self, request: ModelRequest) -> Reply:
        if request.schema is CANARY_SCHEMA:
            self.canaries.append(self.ctx.clock.monotonic_s())
            return await super().complete(request)
        self.work.append(self.ctx.clock.monotonic_s())
        try:
            reply = await super().complete(request)
        except ModelFailure:
            self.failed.append(self.ctx.clock.monotonic_s())
            raise
        if _is_answer(reply.text):
            self.answered.append(request.messages[-1].content)
        else:
            self.failed.append(self.ctx.clock.monotonic_s())
        return reply

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:  # type: ignore[override]
        raise AssertionError("short questions come in one piece")
        yield


def _is_answer(text: str) -> bool:
    try:
        return misfit(json.loads(text), SCHEMA) is None
    except ValueError:
        return False


def question(number: int) -> Question:
    return Question(
        role=Role.CLASSIFY,
        messages=(Message("system", "Judge the text. " * 10), Message("user", json.dumps({"text": f"text {number}"}))),
        schema=SCHEMA,
        options={},
        max_tokens=60,
        prompt_hash="prompt",
        prompt_label="test@1",
        icp_hash="icp",
        text_hash=f"text {number}",
    )


def judge(asked: Any) -> str | None:
    """Both servers answer everything alike."""
    return None if asked.schema == CANARY_SCHEMA else '{"worth": "yes", "points": 7}'


@dataclass(frozen=True, slots=True)
class Pair:
    """An inference and its two servers' models."""

    inference: Inference
    first: Counted
    second: Counted


@asynccontextmanager
async def two_servers(folder: Path, first_url: str, second_url: str, **numbers: Any) -> AsyncIterator[Pair]:
    """An inference whose classification has two candidates, its turns taken as the supervisor takes them."""
    clock = LoopClock()
    async with AsyncExitStack() as stack:
        models = {}
        for name, url in (("first", first_url), ("second", second_url)):
            models[name] = Counted(OllamaConfig(endpoint=url), make_context(folder, clock=clock))
            await models[name].open()
            stack.push_async_callback(models[name].close)
        cache: CacheBackend = MemoryCache(MemoryConfig(), make_context(folder, clock=clock))
        plans = {Role.CLASSIFY: [RolePlan("first", MODEL, 2048), RolePlan("second", MODEL, 2048)]}
        inference = Inference(models, plans, [cache], settings=InferenceSettings(**numbers), clock=clock, log=LOG)
        await inference.open()
        turns = asyncio.create_task(_take_turns(inference))
        try:
            yield Pair(inference, models["first"], models["second"])
        finally:
            turns.cancel()
            await asyncio.gather(turns, return_exceptions=True)
            await inference.close(grace_s=1.0)


async def _take_turns(inference: Inference) -> None:
    hurry = asyncio.Event()
    inference.on_hurry = hurry.set
    while True:
        hurry.clear()
        rest_s = await inference.turn()
        try:
            async with asyncio.timeout(rest_s):
                await hurry.wait()
        except TimeoutError:
            pass


Switch = Callable[[], Awaitable[None] | None]


async def outage(
    pair: Pair, begin: Switch, end: Switch, *, phase_s: float = 0.0, outage_s: float = 60.0, after_s: float = 24.0
) -> Report:
    """Ask a question every four seconds; the first server's outage begins `phase_s` after one of them."""
    loop = asyncio.get_running_loop()
    start_s = loop.time() + 1.0
    zero_s = start_s + LEAD_IN * EVERY_S + phase_s
    count = LEAD_IN + int((phase_s + outage_s + after_s) / EVERY_S)
    asked = [Asked(number, start_s + number * EVERY_S - zero_s) for number in range(count)]

    async def ask(one: Asked) -> None:
        await asyncio.sleep(zero_s + one.at_s - loop.time())
        began_s = loop.time()
        try:
            answer = await pair.inference.ask(question(one.number))
            one.by = "second" if answer.provenance.instead_of else "first"
        except ModelFailure as failure:
            one.failure = str(failure)
        one.ms = (loop.time() - began_s) * 1000

    watch = _Watch(pair.inference, zero_s, outage_s)
    tasks = [asyncio.create_task(ask(one)) for one in asked]
    tasks.append(asyncio.create_task(_switch(zero_s, begin)))
    tasks.append(asyncio.create_task(_switch(zero_s + outage_s, end)))
    watching = asyncio.create_task(watch.run())
    await asyncio.gather(*tasks)
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    first = pair.first
    return Report(
        outage_s, asked, [at - zero_s for at in first.work], [at - zero_s for at in first.failed],
        [at - zero_s for at in first.canaries], watch.opened_s, watch.half_open_s, watch.opens,
        Counter([*first.answered, *pair.second.answered]),
    )  # fmt: skip


async def _switch(at_s: float, switch: Switch) -> None:
    await asyncio.sleep(at_s - asyncio.get_running_loop().time())
    done = switch()
    if done is not None:
        await done


class _Watch:
    """Sees the breakers of the first server open, and let a question through again."""

    def __init__(self, inference: Inference, zero_s: float, outage_s: float) -> None:
        self.opened_s: float | None = None
        self.half_open_s: float | None = None
        self.opens = 0
        self._inference = inference
        self._zero_s = zero_s
        self._outage_s = outage_s

    async def run(self) -> None:
        while True:
            now_s = asyncio.get_running_loop().time() - self._zero_s
            row = next(r for r in self._inference.health() if r["name"] == "first")
            breakers = [row["breaker"], *(model["breaker"] for model in row["models"])]
            self.opens = sum(b["opens"] for b in breakers)
            states = {b["state"] for b in breakers}
            if self.opened_s is None and now_s >= 0 and "open" in states:
                self.opened_s = now_s
            if now_s >= self._outage_s and self.half_open_s is None and "open" not in states:
                self.half_open_s = now_s - self._outage_s
            await asyncio.sleep(WATCH_S)


@asynccontextmanager
async def two_fakes() -> AsyncIterator[tuple[FakeOllama, FakeOllama]]:
    """Two faithful Ollamas on the loop's time."""
    clock = LoopClock()
    async with FakeOllama(clock=clock, speeds=SPEEDS) as one, FakeOllama(clock=clock, speeds=SPEEDS) as other:
        one.set_oracle(judge)
        other.set_oracle(judge)
        yield one, other
