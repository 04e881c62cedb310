"""A whole core in a temporary folder: real store, real inference, real prompts; only the model is scripted."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from leadd.api import (
    Capabilities,
    Checkpoint,
    ComponentConfig,
    Context,
    Failure,
    Guarantee,
    Health,
    Icp,
    IcpField,
    Lead,
    LoadedModel,
    Model,
    ModelFailure,
    ModelRequest,
    Receipt,
    Reply,
    Role,
    SignalDraft,
    Sink,
    Source,
    SourceItem,
    SystemClock,
    Usage,
)
from leadd.builtin.memory import MemoryCache
from leadd.config.settings import Settings
from leadd.core.engine import Core
from leadd.core.prompts.prompt_cases import Trials
from leadd.core.traffic import SinkSlot, SourceSlot
from leadd.inference import Inference, InferenceSettings, RolePlan
from leadd.prompting import PromptBook, packaged_folder
from leadd.store import Store

MODEL = "small:1b"
AD = (
    "We are a team of seven and look for our first marketing manager. There is no strategy yet, our founder is overloaded and "
    "the agency we paid brought no leads at all. Does that sound like you?"
)
OTHER_AD = "Warehouse worker wanted for night shifts. Forklift licence needed, we pay on time and the coffee is free for all."


def make_context(name: str, folder: Path) -> Context:
    def no_secret(ref: object) -> str:
        raise KeyError(ref)

    return Context(name, folder, None, SystemClock(), logging.getLogger(f"leadd.{name}"), no_secret)  # type: ignore[arg-type]


class ScriptedModel(Model):
    """A model whose answers a test decides; counts every call by role and text."""

    name = "scripted"

    def __init__(self, folder: Path) -> None:
        super().__init__(ComponentConfig(), make_context("scripted", folder))
        self.calls: list[tuple[Role, str]] = []
        self.reachable = True
        self.digest_now = "sha-1"
        self.fail: Callable[[ModelRequest], ModelFailure | str | None] = lambda request: None
        self.gate: asyncio.Event | None = None
        self.worth = True

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(frozenset({Role.TRIAGE, Role.CLASSIFY, Role.DOSSIER}))

    async def health(self) -> Health:
        if not self.reachable:
            return Health(False, "switched off by the test")
        return Health(True, version="0.30.0", models={MODEL: self.digest_now}, loaded=(LoadedModel(MODEL),))

    async def digest(self, model: str) -> str:
        return self.digest_now

    async def complete(self, request: ModelRequest) -> Reply:
        if not self.reachable:
            raise ModelFailure(Failure.UNREACHABLE, "switched off by the test")
        assert request.subject is not None
        self.calls.append((request.role, request.subject.signal.text))
        if self.gate is not None:
            await self.gate.wait()
        failed = self.fail(request)
        if isinstance(failed, ModelFailure):
            raise failed
        text = failed if isinstance(failed, str) else json.dumps(self.answer(request))
        prompt_tokens = sum(len(m.content) for m in request.messages) // 4
        return Reply(text, MODEL, digest=self.digest_now, usage=Usage(prompt_tokens=prompt_tokens, output_tokens=5, total_ms=1))

    def answer(self, request: ModelRequest) -> dict[str, Any] | str:
        assert request.subject is not None
        text = request.subject.signal.text
        if request.role is Role.TRIAGE:
            return "yes" if self.worth else "no"
        if request.role is Role.DOSSIER:
            return {
                "snapshot": "A small company that looks for help.",
                "why_pain_bullets": ["They say so themselves."] * 3,
                "uncomfortable_truth": "Nobody owns the topic today.",
                "reframe_suggestion": "It is a question of focus.",
                "best_angle_bullets": ["Talk about the founder's time."] * 3,
                "challenger_insight": "More adverts would not help them.",
            }
        hot = "overloaded" in text
        return {
            "quotes": [1], "size": "6-10", "region": "europe", "role": "first_marketer",
            "pains": ["overloaded_founder"] if hot else [], "match": "marketing" in text,
            "fit": 45, "pain": 35 if hot else 10, "why": "They hire their first marketer.", "key": "",
            "situation": "A small team.", "problem": "", "implication": "", "payoff": "", "chaos": [], "buyer": "founder",
        }  # fmt: skip


class ListSource(Source):
    """Yields what a test puts in; the cursor counts items."""

    name = "list"

    def __init__(self, folder: Path, items: Sequence[SourceItem] = ()) -> None:
        super().__init__(ComponentConfig(), make_context("list", folder))
        self.items = list(items)
        self.error: Exception | None = None
        self.polls: list[str | None] = []
        self.opened = self.closed = 0
        self.worth_while = asyncio.Event()

    async def wake(self) -> None:
        await self.worth_while.wait()
        self.worth_while.clear()

    async def open(self) -> None:
        self.opened += 1

    async def close(self) -> None:
        self.closed += 1

    async def poll(self, cursor: str | None) -> AsyncIterator[SourceItem]:
        self.polls.append(cursor)
        start = int(cursor or 0)
        for number, item in enumerate(self.items[start:], start + 1):
            if isinstance(item, SignalDraft):
                yield SignalDraft(text=item.text, title=item.title, external_id=item.external_id or str(number),
                                  company=item.company, location=item.location, cursor=str(number))  # fmt: skip
            else:
                yield item
                yield Checkpoint(str(number))
        if self.error is not None:
            raise self.error


class ListSink(Sink):
    """Keeps what arrives, by key; a test may make it fail."""

    name = "list"
    guarantee = Guarantee.IDEMPOTENT

    def __init__(self, folder: Path) -> None:
        super().__init__(ComponentConfig(), make_context("list", folder))
        self.leads: dict[str, Lead] = {}
        self.tries: list[str] = []
        self.fail: Callable[[Lead, str], Exception | None] = lambda lead, key: None

    async def deliver(self, lead: Lead, key: str) -> Receipt:
        self.tries.append(key)
        error = self.fail(lead, key)
        if error is not None:
            raise error
        self.leads[key] = lead
        return Receipt(reference=key)


class Home:
    """One home folder in which cores are started and stopped, as a daemon would."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.model = ScriptedModel(folder)
        self.source = ListSource(folder)
        self.sink = ListSink(folder)
        self.asked_with: dict[str, Any] = {}
        """Of the plan of every role: temperature, num_ctx, max_tokens, quantization."""
        self.settings = Settings()
        self.without_model = "wait"
        self.prompt_folders: list[Path] = []
        self.log = logging.getLogger("leadd.test")

    def change(self, **sections: dict[str, Any]) -> None:
        """Other settings than the defaults: change(pipeline={"in_flight": 2})."""
        self.settings = Settings.model_validate(sections)

    @asynccontextmanager
    async def core(self, *, grace_s: float = 5.0, evidence: Model | None = None, applied: bool = True) -> AsyncIterator[Core]:
        clock = SystemClock()
        store = await Store.open(self.folder, clock=clock)
        plans = {
            role: RolePlan(use="scripted", model=MODEL, **{"num_ctx": 4096, **self.asked_with})
            for role in (Role.TRIAGE, Role.CLASSIFY, Role.DOSSIER)
        }
        cache = MemoryCache(MemoryCache.Config(), make_context("memory", self.folder))
        await cache.open()
        inference = Inference(
            {"scripted": self.model}, plans, (cache,),
            settings=InferenceSettings(slots=4, adapt_slots=False, without_model=self.without_model),  # type: ignore[arg-type]
            clock=clock, log=self.log, evidence=evidence,
        )  # fmt: skip
        await inference.open()
        folders = [*self.prompt_folders, packaged_folder()]
        prompts = PromptBook(folders, gate=Trials(folders).problems)
        assert prompts.load().applied == applied
        core = Core(
            store, inference, prompts, self.settings, clock, self.log,
            sources=[SourceSlot("ads", "list", self.source, 3600.0)],
            sinks=[SinkSlot("file", "list", self.sink)],
        )  # fmt: skip
        if not await store.icps.list():
            await store.icps.add(ICP)
        await core.open()
        try:
            yield core
        finally:
            self.late = await core.close(grace_s)
            await inference.close()
            await cache.close()
            await store.close()


ICP = Icp(
    name="marketing",
    description="Small companies that look for their first marketing person or are let down by an agency.",
    hiring_keywords=IcpField(values=("marketing", "marketer")),
    pain_keywords=IcpField(values=("overloaded", "no leads", "no strategy")),
)


async def settled(core: Core, count: int, limit_s: float = 20.0) -> dict[str, int]:
    """Wait until `count` signals have an outcome; the outcomes by name."""
    async with asyncio.timeout(limit_s):
        while True:
            by_outcome = (await core.store.signals.counts()).by_outcome
            outcomes = {name: n for name, n in by_outcome.items() if n}
            if sum(outcomes.values()) >= count:
                return outcomes
            await asyncio.sleep(0.01)


async def until(true: Callable[[], object], limit_s: float = 10.0) -> None:
    async with asyncio.timeout(limit_s):
        while not true():
            await asyncio.sleep(0.005)
