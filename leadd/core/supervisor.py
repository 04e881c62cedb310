"""The one owner of every loop: wakes it, backs it off, pauses it, and says how it is."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from leadd.api import Clock, NeedsAttention, Retry

Turn = Callable[[], Awaitable[float | None]]
"""One round of work. Returns the seconds until the next, 0 for at once, None to wait until woken."""

MAX_SLEEP_S = 60.0
"""The longest nap in one piece: timers of asyncio stand still while a laptop sleeps, so the wall clock is read this often."""

FIRST_BACKOFF_S = 1.0
MAX_BACKOFF_S = 300.0
SPREAD_S = 60.0
MAX_BUG_KINDS = 50


@dataclass(slots=True)
class Loop:
    """One loop and how it is. `state` is ready, retrying or paused."""

    name: str
    turn: Turn
    state: str = "ready"
    reason: str = ""
    hint: str = ""
    since_ms: int = 0
    turns: int = 0
    failures: int = 0
    bugs: dict[str, int] = field(default_factory=dict)
    due_ms: int | None = None
    busy: bool = False
    only_waits: bool = False
    woken: asyncio.Event = field(default_factory=asyncio.Event)
    resumed: asyncio.Event = field(default_factory=asyncio.Event)


class Supervisor:
    """Runs loops until closed. One failing loop is backed off alone; the others never notice.

    Retry means back-off (or the wait that was asked for), NeedsAttention pauses the loop until `resume`, anything else is a
    bug of the loop: logged once with a count, then treated as Retry.
    """

    def __init__(self, clock: Clock, log: logging.Logger, *, rng: random.Random | None = None) -> None:
        self._clock = clock
        self._log = log
        self._rng = rng or random.Random()
        self._loops: dict[str, Loop] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self.on_state: Callable[[Loop], None] = lambda loop: None

    @property
    def stopping(self) -> bool:
        """True once `close` was called: a turn should come to its end."""
        return self._stopping.is_set()

    def add(self, name: str, turn: Turn, *, only_waits: bool = False) -> Loop:
        """Start a loop; its first turn comes at once. Raises ValueError where the name is taken.

        `only_waits` says that a turn may be cut off at any moment without loss: closing does not wait for it.
        """
        if name in self._loops:
            raise ValueError(f"a loop named '{name}' runs already")
        loop = Loop(name, turn, since_ms=self._clock.now_ms(), only_waits=only_waits)
        loop.resumed.set()
        self._loops[name] = loop
        self._tasks[name] = asyncio.create_task(self._run(loop), name=name)
        return loop

    def wake(self, name: str) -> bool:
        """Begin the next turn now; False where no such loop runs."""
        loop = self._loops.get(name)
        if loop is None:
            return False
        loop.woken.set()
        return True

    def pause(self, name: str, reason: str, hint: str = "") -> bool:
        """Let the loop rest after its present turn until `resume`."""
        loop = self._loops.get(name)
        if loop is None:
            return False
        loop.resumed.clear()
        self._mark(loop, "paused", reason, hint)
        return True

    def resume(self, name: str) -> bool:
        """End a pause; the next turn begins at once."""
        loop = self._loops.get(name)
        if loop is None:
            return False
        loop.failures = 0
        self._mark(loop, "ready", "")
        loop.resumed.set()
        loop.woken.set()
        return True

    def loops(self) -> list[Loop]:
        """Every loop as it is now."""
        return list(self._loops.values())

    def get(self, name: str) -> Loop | None:
        """One loop, or None."""
        return self._loops.get(name)

    async def close(self, grace_s: float) -> list[str]:
        """End all loops: turns that run may finish within `grace_s`, then they are cancelled. Names of those cancelled."""
        self._stopping.set()
        for loop in self._loops.values():
            loop.woken.set()
            loop.resumed.set()
        tasks = dict(self._tasks)
        self._tasks.clear()
        working = [task for name, task in tasks.items() if not self._loops[name].only_waits]
        for task in tasks.values():
            if task not in working:
                task.cancel()
        late: set[asyncio.Task[None]] = set()
        hurried = asyncio.ensure_future(self._hurry.wait())
        try:
            deadline_s = asyncio.get_running_loop().time() + grace_s
            late = set(working)
            while late and not hurried.done() and (left_s := deadline_s - asyncio.get_running_loop().time()) > 0:
                await asyncio.wait({*late, hurried}, timeout=left_s, return_when=asyncio.FIRST_COMPLETED)
                late = {task for task in late if not task.done()}
        finally:
            # Also where this call is cancelled itself: a loop that lives on would work with what is closed next.
            hurried.cancel()
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks.values(), hurried, return_exceptions=True)
        return sorted(task.get_name() for task in late)

    def hurry(self) -> None:
        """End the grace time of a `close` that is under way or comes: loops are cancelled at once."""
        self._hurry.set()

    async def _run(self, loop: Loop) -> None:
        while not self.stopping:
            await loop.resumed.wait()
            if self.stopping:
                return
            loop.woken.clear()
            loop.busy = True
            try:
                pause_s = await loop.turn()
            except asyncio.CancelledError:
                if self.stopping:
                    raise
                # A turn that cancelled itself is a bug of the turn; it must not end the loop silently.
                pause_s = self._back_off(loop, RuntimeError("the turn was cancelled from inside"))
            except NeedsAttention as need:
                self._log.warning("%s waits for you: %s", loop.name, need)
                self.pause(loop.name, str(need), need.hint)
                pause_s = 0.0
            except Exception as error:
                pause_s = self._back_off(loop, error)
            except (SystemExit, KeyboardInterrupt) as error:
                # A plugin that calls sys.exit() must not end the daemon; out of a task these two would.
                pause_s = self._back_off(loop, RuntimeError(f"it raised {type(error).__name__}({error})"))
            else:
                loop.turns += 1
                if loop.state == "retrying":
                    loop.failures = 0
                    self._mark(loop, "ready", "")
            finally:
                loop.busy = False
            await self._rest(loop, pause_s)

    def _back_off(self, loop: Loop, error: Exception) -> float:
        loop.failures += 1
        ceiling = min(MAX_BACKOFF_S, FIRST_BACKOFF_S * 2 ** min(loop.failures - 1, 20))
        wait_s = max(0.1, self._rng.uniform(0, ceiling))
        if isinstance(error, Retry):
            wait_s = max(wait_s, error.after_s or 0.0)
        else:
            kind = f"{type(error).__name__}: {error}"
            if kind not in loop.bugs and len(loop.bugs) >= MAX_BUG_KINDS:
                kind = f"{type(error).__name__}: (many different messages)"
            loop.bugs[kind] = loop.bugs.get(kind, 0) + 1
            if loop.bugs[kind] == 1:
                self._log.error("%s failed: %s", loop.name, kind, exc_info=error)
        if loop.state != "paused":
            self._mark(loop, "retrying", str(error) or type(error).__name__)
        return wait_s

    def _mark(self, loop: Loop, state: str, reason: str, hint: str = "") -> None:
        changed = (loop.state, loop.reason) != (state, reason)
        loop.state, loop.reason, loop.hint = state, reason, hint
        if changed:
            loop.since_ms = self._clock.now_ms()
            self.on_state(loop)

    async def _rest(self, loop: Loop, pause_s: float | None) -> None:
        if pause_s is not None and pause_s <= 0:
            await asyncio.sleep(0)  # a loop that always has work must still let the others run
            return
        loop.due_ms = None if pause_s is None else self._clock.now_ms() + int(pause_s * 1000)
        while not self.stopping and not loop.woken.is_set():
            nap_s: float | None = None
            if loop.due_ms is not None:
                nap_s = (loop.due_ms - self._clock.now_ms()) / 1000
                if nap_s <= 0:
                    # Long overdue means that the machine slept: not all loops should rush at the network in one second.
                    late_s = -nap_s
                    if late_s < SPREAD_S:
                        return
                    loop.due_ms = self._clock.now_ms() + int(self._rng.uniform(0, SPREAD_S) * 1000)
                    continue
                if pause_s is not None and nap_s > pause_s:
                    # The wall clock was set back: never wait longer than was meant.
                    loop.due_ms = self._clock.now_ms() + int(pause_s * 1000)
                    continue
            try:
                async with asyncio.timeout(None if nap_s is None else min(nap_s, MAX_SLEEP_S)):
                    await loop.woken.wait()
            except TimeoutError:
                if nap_s is not None and nap_s <= MAX_SLEEP_S:
                    break  # the time has passed, whatever the wall clock says
        loop.due_ms = None
