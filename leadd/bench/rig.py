"""leadd's whole core in a folder of its own, asking one model server: what a way of leadd is measured on."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import fields
from pathlib import Path
from typing import Any

from leadd.api import CacheBackend, Clock, Context, Http, Icp, NeedsAttention, Role, SecretRef
from leadd.bench.signals import BenchSignal
from leadd.builtin.memory import MemoryCache, MemoryConfig
from leadd.builtin.ollama import OllamaModel
from leadd.builtin.ollama.settings import OllamaConfig
from leadd.builtin.sqlite_cache import SqliteCache, SqliteCacheConfig
from leadd.config.settings import Settings
from leadd.core.engine import Core
from leadd.inference import Inference, InferenceSettings, InferenceStats, RolePlan
from leadd.prompting import PromptBook, packaged_folder
from leadd.store import Store

SERVER = "bench"
CACHE_LIMIT_S = 30.0
"""The caches' time limit is real time: on a squeezed clock its usual quarter of a second would be a hundredth."""
WINDOW = 2048
LARGE_WINDOW = 4096
BATCH = 500
CLOSE_S = 10.0
LEAD_PAGE = 500
COUNTED = ("asked", "hits", "shared", "calls", "early", "retries", "prompt_tokens", "output_tokens")
LOOK_S = 0.005
"""Real seconds between two looks at whether all is done."""
FIXED = {"mode": "fixed"}
"""The prefilter of a bench goes by points: what is measured is how models are asked, and a promise is learnt over weeks."""
STALL_S = 900.0
"""Without a single new outcome for so long, by the bench's clock, something is wrong."""


class Stalled(RuntimeError):
    """Signals that do not get their outcome: the message says why, where that is known."""


class NoHttp:
    """No network for components that need none."""

    async def request(self, *args: Any, **kwargs: Any) -> Any:
        """Never gives anything."""
        raise NeedsAttention("there is no network in a benchmark")


def make_context(name: str, folder: Path, clock: Clock) -> Context:
    """What a component gets from the daemon."""

    def secret(ref: SecretRef) -> str:
        raise NeedsAttention(f"{ref} is not set")

    http: Http = NoHttp()  # type: ignore[assignment]
    return Context(name, folder, http, clock, logging.getLogger(f"leadd.bench.{name}"), secret)


def inference_settings(settings: Settings) -> InferenceSettings:
    """The numbers that Inference works by, from the settings' section of the same names."""
    given = settings.inference
    names = [f.name for f in fields(InferenceSettings) if f.name in type(given).model_fields]
    values = {name: getattr(given, name) for name in names}
    return InferenceSettings(**values, without_model="wait", cache_timeout_s=CACHE_LIMIT_S)


def plans(triage: str, classify: str) -> dict[Role, RolePlan]:
    """Who plays which role. Nobody writes dossiers: they are counted, not written."""
    window = WINDOW if triage != classify else LARGE_WINDOW
    return {
        Role.TRIAGE: RolePlan(use=SERVER, model=triage, num_ctx=window),
        Role.CLASSIFY: RolePlan(use=SERVER, model=classify, num_ctx=LARGE_WINDOW),
    }


@asynccontextmanager
async def open_core(
    folder: Path, url: str, roles: Mapping[Role, RolePlan], icp: Icp, settings: Settings, clock: Clock
) -> AsyncIterator[Core]:
    """A core with one ICP and the default cache tiers, its loops running, no source and no sink."""
    log = logging.getLogger("leadd.bench")
    log.setLevel(logging.ERROR)
    async with AsyncExitStack() as stack:
        store = await Store.open(folder, clock=clock)
        stack.push_async_callback(store.close)
        caches: list[CacheBackend] = [
            MemoryCache(MemoryConfig(), make_context("cache-memory", folder, clock)),
            SqliteCache(SqliteCacheConfig(), make_context("cache-sqlite", folder, clock)),
        ]
        model = OllamaModel(OllamaConfig(endpoint=url), make_context("ollama", folder, clock))
        for part in (*caches, model):
            await part.open()
            stack.push_async_callback(part.close)
        inference = Inference({SERVER: model}, roles, caches, settings=inference_settings(settings), clock=clock, log=log)
        await inference.open()
        stack.push_async_callback(inference.close)
        prompts = PromptBook([packaged_folder()])
        prompts.load()
        core = Core(store, inference, prompts, settings, clock, log)
        if not await store.icps.list():
            await store.icps.add(icp)
        await core.open()
        stack.push_async_callback(core.close, CLOSE_S)
        yield core


async def work_off(core: Core, clock: Clock, signals: Sequence[BenchSignal], source: str) -> float:
    """Take the signals in and wait until each has its outcome; the seconds that took, by the clock."""
    before = core.pipeline.counts.dropped + core.pipeline.counts.read
    began_s = clock.monotonic_s()
    for start in range(0, len(signals), BATCH):
        await core.ingest([signal.draft() for signal in signals[start : start + BATCH]], source=source)
    done, moved_s = 0, began_s
    while done < len(signals):
        await asyncio.sleep(LOOK_S)
        now = core.pipeline.counts.dropped + core.pipeline.counts.read - before
        if now != done:
            done, moved_s = now, clock.monotonic_s()
        elif clock.monotonic_s() - moved_s > STALL_S:
            raise Stalled(f"{done} of {len(signals)} signals have their outcome, and nothing moves: {await _why(core)}")
    return clock.monotonic_s() - began_s


async def leads_of(core: Core, source: str) -> set[str]:
    """The keys of the signals of a source that a model called a match."""
    found: set[str] = set()
    for outcome in ("parked", "nurture", "warm", "red_hot"):
        after: str | None = None
        while True:
            page = await core.store.signals.list(outcome=outcome, source=source, limit=LEAD_PAGE, after=after)
            for signal in page.items:
                rows = await core.store.judgements.for_signal(signal.id)
                if any(r.stage == "classify" and r.decision == "match" and not r.superseded for r in rows):
                    found.add(signal.external_id or "")
            after = page.next
            if after is None:
                break
    return found


def roles_of(now: InferenceStats, before: InferenceStats) -> dict[str, dict[str, int]]:
    """What was asked of each role between two looks, and what it cost."""
    found = {}
    for role, row in now.roles.items():
        past = before.roles[role]
        grown = {name: getattr(row, name, 0) - getattr(past, name, 0) for name in COUNTED}
        if any(grown.values()):
            found[role.value] = grown | {"failures": sum(row.failures.values()) - sum(past.failures.values())}
    return found


async def _why(core: Core) -> str:
    page = await core.store.signals.list(state="held", limit=1)
    reasons = [signal.hold_reason or "" for signal in page.items]
    reasons += [now.reason for now in map(core.inference.availability, (Role.TRIAGE, Role.CLASSIFY)) if not now.ok]
    return "; ".join(reasons) or "no reason is known"
