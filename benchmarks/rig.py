"""A whole core in a folder of its own: real store, caches, prompts and sink; only the model is chosen."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.instant import make_context
from benchmarks.texts import ICP
from leadd.api import CacheBackend, Model, Role, SignalDraft, SystemClock
from leadd.builtin.jsonl import JsonlConfig, JsonlSink
from leadd.builtin.memory import MemoryCache, MemoryConfig
from leadd.builtin.sqlite_cache import SqliteCache, SqliteCacheConfig
from leadd.config.settings import Settings
from leadd.core.engine import Core
from leadd.core.prompts.prompt_cases import Trials
from leadd.core.traffic import SinkSlot
from leadd.inference import Inference, InferenceSettings, RolePlan
from leadd.prompting import PromptBook, packaged_folder
from leadd.store import Store

BATCH = 500
SLOTS = 8
"""Questions to the model at one time; a model of 0 ms never keeps one busy."""

FIXED = {"mode": "fixed"}
"""The prefilter goes by points, as it did when earlier figures were measured; `certified` is measured beside it."""

USUAL = Settings.model_validate({"prefilter": FIXED})
PERFORMANCE = Settings.model_validate({"pipeline": {"in_flight": 64, "batch": 256}, "prefilter": FIXED})
"""The pipeline as the profile performance sets it."""

LEAD_FILE = "leads.jsonl"


@dataclass(frozen=True, slots=True)
class Run:
    """What one run took and left behind. `signals` were accepted, `leads` stand as lines in the sink's file."""

    seconds: float
    signals: int
    filtered: int
    leads: int
    calls: int
    commits: int
    prompt_tokens: int
    output_tokens: int
    stored_bytes: int

    @property
    def per_minute(self) -> float:
        """Signals a minute."""
        return self.signals / self.seconds * 60


@asynccontextmanager
async def open_core(
    folder: Path, model: Model, model_name: str, settings: Settings, prompt_folders: Sequence[Path] = ()
) -> AsyncIterator[Core]:
    """A core with one ICP, the default cache tiers, and one jsonl sink, its loops running. Prompts of `prompt_folders` win over
    the packaged ones."""
    clock, log = SystemClock(), logging.getLogger("bench")
    log.setLevel(logging.ERROR)
    async with AsyncExitStack() as stack:
        store = await Store.open(folder, clock=clock)
        stack.push_async_callback(store.close)
        caches: list[CacheBackend] = [
            MemoryCache(MemoryConfig(), make_context("cache-memory", folder)),
            SqliteCache(SqliteCacheConfig(), make_context("cache-sqlite", folder)),
        ]
        for part in (*caches, model):
            await part.open()
            stack.push_async_callback(part.close)
        plans = {role: RolePlan(use="bench", model=model_name, num_ctx=4096) for role in (Role.TRIAGE, Role.CLASSIFY)}
        inference = Inference(
            {"bench": model}, plans, caches,
            settings=InferenceSettings(slots=SLOTS, without_model="wait"), clock=clock, log=log,
        )  # fmt: skip
        await inference.open()
        stack.push_async_callback(inference.close)
        folders = [*prompt_folders, packaged_folder()]
        prompts = PromptBook(folders, gate=Trials(folders).problems)
        prompts.load()
        sink = JsonlSink(JsonlConfig(path=LEAD_FILE), make_context("leads", folder))
        core = Core(store, inference, prompts, settings, clock, log, sinks=[SinkSlot("leads", "jsonl", sink)])
        if not await store.icps.list():
            await store.icps.add(ICP)
        await core.open()
        stack.push_async_callback(core.close, 10)
        yield core


async def run_through(
    folder: Path, model: Model, model_name: str, drafts: Sequence[SignalDraft], settings: Settings | None = None
) -> Run:
    """Take the drafts in, and wait until each has its outcome and each lead stands in the sink's file."""
    async with open_core(folder, model, model_name, settings or USUAL) as core:
        before = core.store.db.figures()["commits"]
        began = time.perf_counter()
        for start in range(0, len(drafts), BATCH):
            await core.ingest(drafts[start : start + BATCH], source="bench")
        await settled(core, len(drafts))
        seconds = time.perf_counter() - began
        commits = core.store.db.figures()["commits"] - before
        outcomes = (await core.store.signals.counts()).by_outcome
        roles = core.inference.stats().roles
        leads = (folder / LEAD_FILE).read_bytes().count(b"\n") if (folder / LEAD_FILE).exists() else 0
    return Run(
        seconds=seconds, signals=sum(outcomes.values()), filtered=outcomes["filtered"], leads=leads,
        calls=sum(r.calls for r in roles.values()), commits=int(commits),
        prompt_tokens=sum(r.prompt_tokens for r in roles.values()),
        output_tokens=sum(r.output_tokens for r in roles.values()),
        stored_bytes=(folder / "leadd.db").stat().st_size,
    )  # fmt: skip


async def settled(core: Core, count: int) -> None:
    """Until `count` signals ended and nothing waits to be delivered. Asked rarely: asking costs the core time."""
    while True:
        counts = core.pipeline.counts
        if counts.dropped + counts.read >= count:
            outcomes = (await core.store.signals.counts()).by_outcome
            deliveries = await core.store.outbox.counts()
            if sum(outcomes.values()) >= count and not deliveries["pending"] and not deliveries["leased"]:
                return
        await asyncio.sleep(0.01)
