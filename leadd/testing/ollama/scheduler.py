"""Who may use which model when: one load at a time, a bounded line for cold requests, evictions, reloads, expiry."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from dataclasses import dataclass, field

from leadd.api import Clock
from leadd.testing.ollama.errors import ApiError
from leadd.testing.ollama.faults import LOADING, FaultBook
from leadd.testing.ollama.profiles import Profile
from leadd.testing.ollama.runner import Runner, Wish
from leadd.testing.ollama.stats import Stats
from leadd.testing.ollama.timing import Speeds, rest

BUSY = "server busy, please try again.  maximum pending requests exceeded"
DEFAULT_CTX = 4096
VISION_FLOOR = 2048
FLOOR = 4
STALL_S = 300.0
FREE_SHARE = 0.8
"""A second model has to fit into this part of the free memory, or another one goes first."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The server's own settings. `memory_gb` None: no test of whether a model fits, as on a machine without a GPU."""

    slots: int = 1
    max_queue: int = 512
    max_loaded: int = 3
    memory_gb: float | None = None
    keep_alive_s: float = 300.0
    default_ctx: int = DEFAULT_CTX


@dataclass(slots=True)
class Pending:
    """One request in line for a load."""

    wish: Wish
    num_ctx: int
    ready: asyncio.Future[Runner]
    left: asyncio.Event = field(default_factory=asyncio.Event)


class Scheduler:
    """Hands out runners. `wedged` while unset lets every load hang and leaves the rest green."""

    def __init__(self, profile: Profile, clock: Clock, limits: Limits, speeds: Speeds, stats: Stats, faults: FaultBook) -> None:
        self.profile = profile
        self.limits = limits
        self.speeds = speeds
        self.stats = stats
        self.loaded: dict[str, Runner] = {}
        self.unwedged = asyncio.Event()
        self.unwedged.set()
        self._clock = clock
        self._faults = faults
        self._line: deque[Pending] = deque()
        self._arrived = asyncio.Event()
        self._working = False
        self._task: asyncio.Task[None] | None = None
        self._reapers: set[asyncio.Task[None]] = set()

    def open(self) -> None:
        """Start serving the line."""
        self._task = asyncio.get_running_loop().create_task(self._serve())

    async def close(self) -> None:
        """Stop, and drop every model without counting unloads."""
        tasks = [*self._reapers, *([self._task] if self._task else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self.loaded.clear()

    def window(self, wish: Wish) -> int:
        """The window that a runner for this wish gets: clamped to what the model was trained for, with a floor."""
        floor = VISION_FLOOR if "vision" in wish.info.capabilities else FLOOR
        asked = self.limits.default_ctx if wish.num_ctx is None else wish.num_ctx
        return max(floor, min(asked, wish.info.context_length))

    async def acquire(self, wish: Wish) -> Runner:
        """A runner for this wish; give it back with `release`. Raises ApiError: line full, load failed.

        Cancelling leaves the line. Where this request is the one being loaded for, the load is aborted.
        """
        num_ctx = self.window(wish)
        runner = self.loaded.get(wish.info.blob)
        skips = self.profile.warm_skips_queue or (not self._working and not self._line)
        if runner is not None and skips and not self._must_reload(runner, wish, num_ctx):
            return self._use(runner, wish)
        if len(self._line) >= self.limits.max_queue:
            self.stats.busy += 1
            raise ApiError(503, BUSY)
        pending = Pending(wish, num_ctx, asyncio.get_running_loop().create_future())
        self._line.append(pending)
        self._arrived.set()
        try:
            return await pending.ready
        except asyncio.CancelledError:
            pending.left.set()
            if pending.ready.done() and not pending.ready.cancelled() and pending.ready.exception() is None:
                self.release(pending.ready.result())
            raise

    def release(self, runner: Runner) -> None:
        """Give a runner back; the last one to do so starts its keep-alive time, or unloads it where that is zero."""
        runner.refs -= 1
        if runner.refs > 0:
            return
        runner.idle.set()
        if runner.dead:
            return
        if runner.keep_s <= 0:
            self.unload(runner)
        else:
            runner.expires_at_s = self._clock.monotonic_s() + runner.keep_s

    def expire(self, runner: Runner) -> None:
        """Unload as soon as nobody holds it."""
        self._keep(runner, 0.0)
        if runner.refs == 0:
            self.unload(runner)

    def unload(self, runner: Runner) -> None:
        """Drop a model now."""
        if self.loaded.get(runner.info.blob) is not runner:
            return
        del self.loaded[runner.info.blob]
        self.stats.unloads[runner.info.name] += 1
        runner.die()
        runner.gone.set()
        if runner.reaper is not None and runner.reaper is not asyncio.current_task():
            runner.reaper.cancel()

    def _must_reload(self, runner: Runner, wish: Wish, num_ctx: int) -> bool:
        return runner.needs_reload(wish, num_ctx, shift_reloads=self.profile.shift_reloads)

    def _use(self, runner: Runner, wish: Wish) -> Runner:
        # A keep_alive overwrites whatever the runner was marked with, an eviction's mark too: that is the known deadlock.
        if wish.keep_alive is not None:
            self._keep(runner, wish.keep_alive)
        runner.refs += 1
        runner.idle.clear()
        return runner

    def _keep(self, runner: Runner, keep_s: float) -> None:
        if keep_s == runner.keep_s:
            return
        runner.keep_s = keep_s
        if runner.refs == 0 and keep_s > 0:
            runner.expires_at_s = self._clock.monotonic_s() + keep_s
        if runner.reaper is not None:
            runner.reaper.cancel()
            self._watch(runner)

    def _watch(self, runner: Runner) -> None:
        task = asyncio.get_running_loop().create_task(self._reap(runner))
        runner.reaper = task
        self._reapers.add(task)
        task.add_done_callback(self._reapers.discard)

    async def _reap(self, runner: Runner) -> None:
        while self.loaded.get(runner.info.blob) is runner:
            if runner.refs > 0:
                await runner.idle.wait()
                continue
            due = runner.expires_at_s if runner.expires_at_s is not None else math.inf
            if due == math.inf:
                await runner.gone.wait()
                return
            left = due - self._clock.monotonic_s()
            if left <= 0:
                self.unload(runner)
                return
            await rest(self._clock, left)

    async def _serve(self) -> None:
        while True:
            while not self._line:
                self._working = False
                self._arrived.clear()
                await self._arrived.wait()
            self._working = True
            pending = self._line.popleft()
            try:
                await self._place(pending)
            except ApiError as error:
                if not pending.ready.done():
                    pending.ready.set_exception(error)

    async def _place(self, pending: Pending) -> None:
        wish = pending.wish
        while True:
            if pending.left.is_set():
                self.stats.skipped_in_queue += 1
                return
            runner = self.loaded.get(wish.info.blob)
            if runner is None:
                victim = self._victim(pending)
                if victim is None:
                    await self._load(pending)
                    return
                self.stats.evictions += 1
                await self._drop(victim)
            elif self._must_reload(runner, wish, pending.num_ctx):
                self.stats.reloads += 1
                await self._drop(runner)
            else:
                pending.ready.set_result(self._use(runner, wish))
                return

    async def _drop(self, runner: Runner) -> None:
        """Wait, without any time limit, until a runner is gone: whoever keeps it busy keeps every load waiting."""
        self.expire(runner)
        await runner.gone.wait()

    def _victim(self, pending: Pending) -> Runner | None:
        """Who has to go before this model may load: idle before busy, the shortest keep-alive first. None: there is room."""
        if not self.loaded:
            return None
        budget = self._budget()
        need = pending.wish.info.loaded_size(pending.num_ctx, self._slots(pending.wish))
        free = budget - sum(runner.size for runner in self.loaded.values())
        if len(self.loaded) < self.limits.max_loaded and (budget == math.inf or need <= free * FREE_SHARE):
            return None
        return min(self.loaded.values(), key=lambda runner: (runner.refs > 0, runner.keep_s))

    def _budget(self) -> float:
        return math.inf if self.limits.memory_gb is None else self.limits.memory_gb * 1024**3

    def _slots(self, wish: Wish) -> int:
        return 1 if wish.info.embeds_only else self.limits.slots

    async def _load(self, pending: Pending) -> None:
        wish = pending.wish
        slots = self._slots(wish)
        need, budget = wish.info.loaded_size(pending.num_ctx, slots), self._budget()
        loading = asyncio.ensure_future(self._load_slowly(wish, need, budget))
        left = asyncio.ensure_future(pending.left.wait())
        try:
            await asyncio.wait((loading, left), return_when=asyncio.FIRST_COMPLETED)
            if not loading.done():
                self.stats.load_aborts[wish.info.name] += 1
                return
            loading.result()
        finally:
            loading.cancel()
            left.cancel()
            await asyncio.gather(loading, left, return_exceptions=True)
        keep_s = self.limits.keep_alive_s if wish.keep_alive is None else wish.keep_alive
        runner = Runner(wish, pending.num_ctx, slots, keep_s)
        self.stats.loads[wish.info.name] += 1
        self.loaded[wish.info.blob] = runner
        self._watch(runner)
        runner.refs += 1
        runner.idle.clear()
        if pending.ready.done():
            self.release(runner)
        else:
            pending.ready.set_result(runner)

    async def _load_slowly(self, wish: Wish, need: int, budget: float) -> None:
        await self.unwedged.wait()
        fault = self._faults.take(LOADING, "load", wish.info.name)
        if fault is not None:
            self.stats.faults[fault.kind] += 1
            if fault.kind == "load_stall":
                await self._clock.sleep(STALL_S)
                raise ApiError(500, f"timed out waiting for {self.profile.runner_name} to start")
            if fault.kind == "load_crash":
                raise ApiError(500, f"{self.profile.runner_name} process has terminated: exit status 2")
        if need > budget or fault is not None:
            raise ApiError(500, self._no_room(need, budget))
        seconds = self.speeds.of(wish.info.name).load_s(wish.info.size)
        if seconds:
            await self._clock.sleep(seconds)

    def _no_room(self, need: int, budget: float) -> str:
        if self.profile.native:
            return "llama-server process has terminated: error: failed to allocate buffer, out-of-memory during startup"
        have = f"{budget / 1024**3:.1f}" if budget != math.inf else "1.2"
        return f"model requires more system memory ({need / 1024**3:.1f} GiB) than is available ({have} GiB)"
