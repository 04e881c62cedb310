"""The composition root: the one place that knows every part, starts them in order and stops them in reverse."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import logging
import os
import signal
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from typing import Any

from leadd import __version__
from leadd.api import CacheBackend, Clock, Model, SystemClock
from leadd.config.loading import Loaded
from leadd.config.paths import Paths, make_private_folder
from leadd.config.settings import Settings
from leadd.control.server import ControlServer
from leadd.core.engine import MODEL_SEEN, Core
from leadd.core.prompts.experiments import Experiments
from leadd.core.prompts.improving import Improver
from leadd.core.prompts.prompt_cases import Trials
from leadd.core.prompts.prompt_desk import SAVED, PromptDesk
from leadd.core.prompts.prompt_lab import PromptLab
from leadd.core.training.tuning import TUNED
from leadd.daemon.boot import boot_name
from leadd.daemon.components import EVIDENCE, Components
from leadd.daemon.icp_files import folder_of, take_in
from leadd.daemon.lock import DaemonLock, Owner
from leadd.daemon.network import LentHttp
from leadd.daemon.notify import notify
from leadd.daemon.roles import role_plans, with_tuned
from leadd.daemon.state import report
from leadd.daemon.upkeep import CACHE_CHECK_S, check_all, pull
from leadd.daemon.watchdog import Watchdog
from leadd.daemon.watching import FolderWatch
from leadd.inference import Inference, InferenceSettings
from leadd.prompting import PromptBook, Reload, packaged_folder
from leadd.registry import PluginState, Registry
from leadd.store import Store

STAGE_LIMIT_S = 60.0
PATIENCE_S = 3.0
"""How long slow plugins may hold up the start in all; what comes later is taken in when it comes."""
NEVER_S = 365 * 86_400.0


class Daemon:
    """One daemon: owns one of each part. Two of them can run in one process, on two homes."""

    store: Store
    registry: Registry
    inference: Inference
    prompts: PromptBook
    core: Core
    control: ControlServer
    prompt_desk: PromptDesk
    prompt_lab: PromptLab
    experiments: Experiments
    improver: Improver
    _parts: Components

    def __init__(self, loaded: Loaded, paths: Paths, *, clock: Clock | None = None, log: logging.Logger | None = None) -> None:
        self.loaded = loaded
        self.paths = paths
        self.clock: Clock = clock or SystemClock()
        self.log = log or logging.getLogger("leadd")
        self.started_at_ms = self.clock.now_ms()
        self.ready = asyncio.Event()
        self.state = "starting"
        self.icp_problems: list[str] = []
        self._stop = asyncio.Event()
        self._stop_reason = ""
        self._stack = AsyncExitStack()
        self._grace_s = loaded.settings.daemon.grace_s

    @property
    def settings(self) -> Settings:
        """The settings in force."""
        return self.loaded.settings

    @property
    def started_at(self) -> str:
        """When this daemon started, ISO 8601 in UTC."""
        return dt.datetime.fromtimestamp(self.started_at_ms / 1000, dt.UTC).isoformat(timespec="seconds")

    async def run(self) -> None:
        """Start, serve until `stop` or a signal, stop. Raises Locked, StoreError and what else makes a start impossible."""
        async with self._stack:
            if not await self._start_unless_stopped():
                return
            self.state = "running"
            self.ready.set()
            notify("READY=1")
            self.log.info("ready; listening on %s", ", ".join(self.control.listening))
            await self._stop.wait()
            self.state = "stopping"
            notify("STOPPING=1")
            self.log.info("stopping: %s", self._stop_reason or "asked to")
        self.state = "stopped"
        self.log.info("stopped")

    async def _start_unless_stopped(self) -> bool:
        """Start; False where a stop came first, however long a component takes to open."""
        starting = asyncio.ensure_future(self._start())
        stopped = asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait({starting, stopped}, return_when=asyncio.FIRST_COMPLETED)
            if starting.done():
                await starting
                return True
            self.state = "stopping"
            return False
        finally:
            for task in (starting, stopped):
                task.cancel()
            await asyncio.gather(starting, stopped, return_exceptions=True)

    def hurry(self) -> None:
        """Stop without waiting for work in hand; it goes back to the queue all the same."""
        self.stop("asked twice")
        self._grace_s = 0.0
        if hasattr(self, "core"):
            self.core.supervisor.hurry()

    def stop(self, reason: str) -> None:
        """Begin to stop; returns at once. A second call changes nothing."""
        if not self._stop.is_set():
            self._stop_reason = reason
            self._stop.set()

    async def _start(self) -> None:
        lock = DaemonLock(self.paths.lock_file)
        lock.acquire(Owner(os.getpid(), __version__, self.started_at, str(self.paths.socket_file)))
        self._stack.callback(lock.release)
        watchdog = Watchdog(self.log)
        watchdog.open()
        self._stack.callback(watchdog.close)
        make_private_folder(self.paths.data_folder)
        self.store = await Store.open(
            self.paths.data_folder, clock=self.clock, readers=self.settings.store.readers, file=self.paths.database_file
        )
        self._stack.push_async_callback(self.store.close)
        http = LentHttp(allow_private=self.settings.network.allow_private, timeout_s=self.settings.network.timeout_s)
        await http.open()
        self._stack.push_async_callback(http.close)
        self.registry = await self._load_plugins()
        parts = self._parts = Components(self.loaded, self.paths, self.registry, http, self.clock, self.log)
        await self._start_inference(parts)
        folders = self._prompt_folders()
        watch = FolderWatch(folders) if self.settings.prompts.watch else None  # before the first load: no save is missed
        if watch is not None:
            self._stack.callback(watch.close)
        trials = Trials(folders)
        self.prompts = PromptBook(folders, gate=trials.problems)
        loaded = self.prompts.load()
        for problem in loaded.problems:
            self.log.error("prompt not used: %s", problem)
        self.core = Core(
            self.store, self.inference, self.prompts, self.settings, self.clock, self.log,
            sources=parts.sources(), sinks=parts.sinks(), boot=boot_name(),
        )  # fmt: skip
        self.prompt_desk = PromptDesk(self.prompts, trials, self.store, self.core.events, self.log)
        await self.prompt_desk.open(loaded)
        self.prompt_lab = PromptLab(self.store, self.inference, self.core.profiles, self.settings)
        self.improver = Improver(self.store, self.inference, self.prompt_desk, self.prompt_lab, self.core.training)
        self.experiments = Experiments(self.store, self.core.arms, self.prompt_desk, self.core.events, self.log)
        await self.experiments.open()
        self.icp_problems = await take_in(self.store, folder_of(self.paths.config_file))
        await self.core.open()
        self._stack.push_async_callback(self._close_core)
        self.core.supervisor.add("experiments", self.experiments.turn)
        if watch is not None:
            self.core.supervisor.add("prompts", lambda: self._take_up_saves(watch), only_waits=True)
        if any(record.state is PluginState.LOADING for record in self.registry.records):
            self.core.supervisor.add("plugins", lambda: self._take_late_plugins(parts), only_waits=True)
        self.control = ControlServer(self)
        self._stack.push_async_callback(self.control.close)  # before it opens: what opened half-way is closed as well
        await self.control.open()

    async def _load_plugins(self) -> Registry:
        plugins = self.settings.plugins
        registry = Registry(
            self.paths.plugins_folder,
            enabled=plugins.enabled,
            disabled=plugins.disabled,
            log=self.log,
            import_limit_s=plugins.import_limit_s,
            clock=self.clock,
        )
        await asyncio.to_thread(registry.discover, patience_s=PATIENCE_S)
        return registry

    async def _take_late_plugins(self, parts: Components) -> None:
        """Wait for the plugins that are still being imported, and open what the settings want of them."""
        await asyncio.to_thread(self.registry.settle)
        self.core.traffic.add_late(parts.sources(missing_only=True), parts.sinks(missing_only=True))

    async def _start_inference(self, parts: Components) -> None:
        caches: list[CacheBackend] = []
        for cache in parts.caches():
            if await self._open_component("cache", cache.ctx.name, cache):
                caches.append(cache)
        models: dict[str, Model] = {}
        for name, model in parts.models().items():
            if await self._open_component("model", name, model):
                models[name] = model
        evidence = parts.evidence()
        if evidence is not None and not await self._open_component("model", EVIDENCE, evidence):
            evidence = None
        self.inference = Inference(
            models, with_tuned(role_plans(self.settings.models, models), await self.store.schedule.get(TUNED) or {}), caches,
            settings=await self._inference_settings(), clock=self.clock, log=self.log, evidence=evidence,
        )  # fmt: skip
        await self.inference.open()
        self._stack.push_async_callback(self.inference.close)

    async def _open_component(self, kind: str, name: str, component: CacheBackend | Model) -> bool:
        """Open a cache or a model; one that cannot be opened is left out, and `status` says so."""
        self._stack.push_async_callback(self._close_component, name, component)
        try:
            async with asyncio.timeout(STAGE_LIMIT_S):
                await component.open()
        except Exception as error:
            self.log.error("%s '%s' is out of service: %s", kind, name, error)
            self.registry.mark(f"{kind}:{name}", "suspended", str(error))
            return False
        self.registry.mark(f"{kind}:{name}", "ready")
        return True

    async def _close_component(self, name: str, component: CacheBackend | Model) -> None:
        try:
            async with asyncio.timeout(5):
                await component.close()
        except Exception as error:
            self.log.warning("%s did not close cleanly: %s", name, error)

    async def _inference_settings(self) -> InferenceSettings:
        i = self.settings.inference
        return InferenceSettings(
            slots=i.slots,
            adapt_slots=i.adapt_slots,
            min_batch=i.min_batch,
            max_wait_s=i.max_wait_s,
            idle_s=i.idle_s,
            total_s=i.total_s,
            load_s=i.load_s,
            health_every_s=i.health_every_s if i.health_enabled else NEVER_S,
            cache_ttl_s=self.settings.cache.ttl_s,
            cache_refusal_ttl_s=self.settings.cache.refusal_ttl_s,
            cache_vector_ttl_s=self.settings.cache.embedding_ttl_s,
            cache_role_ttl_s={str(role): ttl_s for role, ttl_s in self.settings.cache.role_ttl_s.items()},
            cache_lease_s=self.settings.cache.lease_s,
            health_timeout_s=i.health_timeout_s,
            max_attempts=i.max_attempts,
            streaming=i.streaming,
            without_model=await self._without_model(),
        )

    async def _without_model(self) -> Any:
        """Whether to wait for a language model that is not there, or to read the evidence in the texts meanwhile."""
        chosen = self.settings.models.without_model
        if chosen != "auto":
            return chosen
        asked_for = ("models.endpoint", "models.triage.model", "models.classify.model")
        named = any(
            self.loaded.origin.get(key, "default").split(" ")[0] in {"file", "environment", "flag"} for key in asked_for
        )
        return "wait" if named or await self.store.schedule.get(MODEL_SEEN) else "evidence"

    def _prompt_folders(self) -> list[Path]:
        folders = [packaged_folder()]
        if self.settings.prompts.custom:
            folders.insert(0, self.settings.prompts.folder or self.settings.paths.prompts or self.paths.prompts_folder)
        return folders

    async def _take_up_saves(self, watch: FolderWatch) -> float:
        """Wait for the next save of a prompt file, and reload."""
        await watch.changed()
        await self.prompt_desk.reload(SAVED)
        return 0.0

    async def reload_prompts(self) -> Reload:
        """Read the prompt files again: all of them are swapped, or none and the last good ones stay."""
        return await self.prompt_desk.reload()

    async def clear_cache(self) -> int:
        """Forget every kept answer; how many there were."""
        return await self.core.clear_cache()

    async def check(self) -> list[dict[str, str]]:
        """Ask every source, sink, cache and model whether all is well: one {kind, name, problem} for each that is not."""
        return await check_all(self._parts.made)

    async def check_caches(self) -> list[dict[str, str]]:
        """The same of the caches alone, for the status: it waits for none of them for long."""
        caches = {key: component for key, component in self._parts.made.items() if isinstance(component, CacheBackend)}
        return await check_all(caches, limit_s=CACHE_CHECK_S)

    async def pull_model(self, model: str) -> AsyncGenerator[tuple[str, int, int], None]:
        """Fetch a model on the server of its role, else of triage: (status, bytes so far, bytes in all) as it goes.

        Then every server is looked at again, so that what waits for the model goes on. Raises ModelFailure, NeedsAttention.
        """
        m = self.settings.models
        asked = [plan for plans in role_plans(m, self._parts.servers).values() for plan in plans]
        use = next((plan.use for plan in asked if plan.model == model), m.triage.use)
        server = self._parts.made.get(f"model:{use}")
        async with aclosing(pull(server if isinstance(server, Model) else None, use, model)) as steps:
            async for step in steps:
                yield step
        await self.inference.look_again()

    async def _close_core(self) -> None:
        late = await self.core.close(self._grace_s)
        if late:
            self.log.warning("cut off after %.0f s: %s", self._grace_s, ", ".join(late))

    async def status(self) -> dict[str, Any]:
        """How the daemon is: state, reasons (what is degraded), notes, pid, version, started_at, listening, counts."""
        return await report(self)


def _set_by_user(origin: str) -> bool:
    return origin != "default" and not origin.startswith("profile ")


async def serve(daemon: Daemon) -> None:
    """Run a daemon under the process's signals: the first SIGTERM or SIGINT stops it in its grace time, a second at once."""
    loop = asyncio.get_running_loop()
    asked = [0]

    def on_signal(name: str) -> None:
        asked[0] += 1
        if asked[0] == 1:
            daemon.stop(name)
        else:
            daemon.hurry()

    for sig in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):
            loop.add_signal_handler(sig, on_signal, sig.name)
    with contextlib.suppress(NotImplementedError, AttributeError):
        loop.add_signal_handler(signal.SIGHUP, lambda: None)  # the terminal that started it may close
    await daemon.run()
