"""Real parts for the inference tests: a model that follows a script, caches that work or misbehave, a clock moved by hand."""

from __future__ import annotations

import asyncio
import heapq
import json
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadd.api import (
    CacheBackend,
    CacheStats,
    Capabilities,
    Chunk,
    ComponentConfig,
    Context,
    Failure,
    Health,
    Icp,
    LoadedModel,
    Message,
    Method,
    Model,
    ModelFailure,
    ModelRequest,
    Reply,
    Role,
    Signal,
    Subject,
    Usage,
)
from leadd.inference import Inference, InferenceSettings, Question, RolePlan
from leadd.inference.servers.probing import CANARY_SCHEMA

LOG = logging.getLogger("test.inference")
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"worth": {"type": "string", "enum": ["yes", "no"]}},
    "required": ["worth"],
}
YES = '{"worth": "yes"}'


class HandClock:
    """Time that moves only when a test moves it. Sleepers wake in the order of their times."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self.slept: list[float] = []
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def now_ms(self) -> int:
        return 1_800_000_000_000 + int(self.now_s * 1000)

    def monotonic_s(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self._count += 1
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now_s + seconds, self._count, future))
        await future

    async def advance(self, seconds: float) -> None:
        end = self.now_s + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            self.now_s, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                future.set_result(None)
            await settle()
        self.now_s = end
        await settle()


class QuickClock(HandClock):
    """Time that jumps: a sleep is over at once and moves the clock."""

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds
        await asyncio.sleep(0)


async def settle(rounds: int = 30) -> None:
    """Let everything run that can run without time passing."""
    for _ in range(rounds):
        await asyncio.sleep(0)


Script = Callable[[ModelRequest], Any]


class Scripted(Model):
    """A language model that gives what the test wrote down. Items: text, Reply, exception, or a function of the request."""

    name = "scripted"

    def __init__(self, *script: Any, models: Mapping[str, str] | None = None, gate: asyncio.Event | None = None) -> None:
        super().__init__(ComponentConfig(), context("scripted"))
        self.script = list(script)
        self.always: Any = YES
        self.models = dict(models if models is not None else {"small:1b": "digest-a", "large:4b": "digest-b"})
        self.gate = gate
        self.requests: list[ModelRequest] = []
        self.preloads: list[tuple[str, int]] = []
        self.probes = 0
        self.canaries = 0
        self.canary: Any = None
        self.up: bool | str = True
        self.loaded: tuple[str, ...] = ()
        self.running = 0
        self.most_running = 0
        self.language = True
        self.streams = False
        self.preload_with: Any = None
        self.events: list[str] = []
        self.digest_of: dict[str, str] = {}

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(frozenset(Role), self.language, streams=self.streams)

    async def complete(self, request: ModelRequest) -> Reply:
        if request.schema is CANARY_SCHEMA:
            return await self._sing(request)
        self.requests.append(request)
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.events.append(f"begin {request.model}")
        try:
            if self.gate is not None:
                await self.gate.wait()
            else:
                await asyncio.sleep(0)
            item = self.script.pop(0) if self.script else self.always
            if callable(item) and not isinstance(item, type):
                item = item(request)
            if isinstance(item, BaseException):
                raise item
            return item if isinstance(item, Reply) else self.reply(request, item)
        finally:
            self.running -= 1
            self.events.append(f"end {request.model}")

    async def _sing(self, request: ModelRequest) -> Reply:
        """A tiny question of the health monitor: well, unless the test says how it ends."""
        self.canaries += 1
        if isinstance(self.canary, asyncio.Event):
            await self.canary.wait()
        if isinstance(self.canary, BaseException):
            raise self.canary
        return self.reply(request, '{"ok": "yes"}')

    def reply(self, request: ModelRequest, text: str, **changes: Any) -> Reply:
        chars = sum(len(m.content) for m in request.messages)
        method = Method.MODEL if self.language else Method.EVIDENCE
        values: dict[str, Any] = {
            "text": text, "model": request.model, "method": method, "digest": self.models.get(request.model, ""),
            "server_version": "1.0", "usage": Usage(chars // 4, 5, 1.0, 2.0, 3.0, 10.0),
        }  # fmt: skip
        return Reply(**(values | changes))

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        reply = await self.complete(request)
        yield Chunk(reply.text[:3])
        yield Chunk(reply.text[3:], reply)

    async def embed(self, model: str, texts: Sequence[str], *, num_ctx: int) -> NDArray[np.float32]:
        item = self.script.pop(0) if self.script else None
        if isinstance(item, BaseException):
            raise item
        if callable(item):
            return item(texts)
        return vectors(texts)

    async def health(self) -> Health:
        self.probes += 1
        if self.up is True:
            return Health(
                True, version="1.0", latency_ms=1.5, models=self.models, loaded=tuple(LoadedModel(name) for name in self.loaded)
            )
        return Health(False, str(self.up))

    async def digest(self, model: str) -> str:
        if model in self.digest_of:
            return self.digest_of[model]
        raise ModelFailure(Failure.MISSING_MODEL, f"no model '{model}'", model=model)

    async def preload(self, model: str, *, num_ctx: int) -> None:
        self.preloads.append((model, num_ctx))
        self.events.append(f"load {model}")
        if isinstance(self.preload_with, BaseException):
            raise self.preload_with
        if isinstance(self.preload_with, asyncio.Event):
            await self.preload_with.wait()
        self.events.append(f"loaded {model}")


def vectors(texts: Sequence[str]) -> NDArray[np.float32]:
    rows = [np.array([len(text), 1.0, 2.0], dtype=np.float32) for text in texts]
    return np.stack([row / np.linalg.norm(row) for row in rows])


class Reader(Scripted):
    """A reader of evidence."""

    name = "evidence"

    def __init__(self, *script: Any) -> None:
        super().__init__(*script, models={})
        self.language = False
        self.digest_of = {"evidence": "reader-1"}


class Shelf(CacheBackend):
    """A cache in a dict, with faults on demand."""

    name = "shelf"

    def __init__(self, name: str = "shelf") -> None:
        super().__init__(ComponentConfig(), context(name))
        self.name = name  # type: ignore[misc]
        self.values: dict[str, bytes] = {}
        self.ttls: dict[str, float | None] = {}
        self.calls: list[str] = []
        self.fault: Exception | None = None
        self.stall: asyncio.Event | None = None

    @property
    def answers(self) -> list[str]:
        """The keys under which an answer is kept, not a refusal."""
        return [key for key, value in self.values.items() if json.loads(value)["class"] == "answer"]

    async def _touch(self, what: str) -> None:
        self.calls.append(what)
        if self.stall is not None:
            await self.stall.wait()
        if self.fault is not None:
            raise self.fault

    async def get(self, key: str) -> bytes | None:
        await self._touch("get")
        return self.values.get(key)

    async def put(self, key: str, value: bytes, *, ttl_s: float | None = None) -> None:
        await self._touch("put")
        self.values[key] = value
        self.ttls[key] = ttl_s

    async def delete(self, key: str) -> bool:
        await self._touch("delete")
        return self.values.pop(key, None) is not None

    async def clear(self) -> int:
        await self._touch("clear")
        count = len(self.values)
        self.values.clear()
        return count

    async def claim(self, key: str, owner: str, lease_s: float) -> bool:
        return True

    async def release(self, key: str, owner: str) -> None:
        return None

    async def stats(self) -> CacheStats:
        await self._touch("stats")
        return CacheStats(entries=len(self.values))


class _NoHttp:
    async def get(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("no network in these tests")

    post = get


def context(name: str) -> Context:
    return Context(name, Path("/nonexistent"), _NoHttp(), HandClock(), LOG, lambda ref: "")


PLANS = {
    Role.TRIAGE: RolePlan("server", "small:1b", 2048),
    Role.CLASSIFY: RolePlan("server", "large:4b", 4096),
    Role.DOSSIER: RolePlan("server", "large:4b", 4096),
    Role.EMBED: RolePlan("server", "small:1b", 2048),
}

SIGNAL = Signal(
    id=7, source="inbox", text="We look for our first marketer", title="Marketer", content_hash="c0ffee", found_at_ms=1
)
ICP = Icp(name="marketing", description="Small companies that hire their first marketer")


def question(text: str = "We look for our first marketer.", **changes: Any) -> Question:
    values: dict[str, Any] = {
        "role": Role.TRIAGE,
        "messages": (Message("system", "Answer yes or no."), Message("user", json.dumps({"text": text}))),
        "schema": SCHEMA,
        "options": {},
        "max_tokens": 40,
        "prompt_hash": "prompt-1",
        "prompt_label": "triage@1",
        "icp_hash": "icp-1",
        "text_hash": f"text-{text}",
        "subject": Subject(ICP, SIGNAL),
        "normaliser_version": 1,
    }
    return Question(**(values | changes))


class Rig:
    """An Inference with its parts within reach."""

    def __init__(self, model: Scripted, clock: HandClock, **changes: Any) -> None:
        numbers = {"slots": 2, "adapt_slots": False} | changes.pop("numbers", {})
        settings = changes.pop("settings", None) or InferenceSettings(**numbers)
        self.model = model
        self.clock = clock
        self.caches: list[Shelf] = changes.pop("caches", [Shelf()])
        plans = changes.pop("plans", PLANS)
        models = changes.pop("models", {"server": model})
        self.inference = Inference(models, plans, self.caches, settings=settings, clock=clock, log=LOG, **changes)
