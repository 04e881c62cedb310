"""One source at work: opened when its turn comes, polled when it is due, and what it brought so far."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from leadd.api import Clock, Source
from leadd.core.intake import Intake
from leadd.core.opening import OpenOnce
from leadd.store import Store

KEEP_POLL_TIME_FROM_S = 60.0
"""Sources polled more rarely than this remember their last poll over a restart; the others are simply polled."""


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """One source as lists show it. `state` is ready, retrying, paused or failed_config; counts are since the start."""

    name: str
    use: str
    state: str
    reason: str = ""
    hint: str = ""
    last_poll_ms: int | None = None
    next_poll_ms: int | None = None
    accepted: int = 0
    repeats: int = 0
    problems: int = 0


class SourceWork:
    """Opens and polls one source; errors of the source come out as the instructions that they are."""

    def __init__(
        self, name: str, use: str, source: Source, store: Store, intake: Intake, clock: Clock, *, interval_s: float
    ) -> None:
        self.name = name
        self.use = use
        self.source = source
        self.interval_s = interval_s
        self._store = store
        self._intake = intake
        self._clock = clock
        self._opening = OpenOnce(source)
        self._asked = False
        self._polled = asyncio.Event()
        self.last_poll_ms: int | None = None
        self.accepted = self.repeats = self.problems = 0

    @property
    def watches(self) -> bool:
        """True where the source can tell by itself that a poll is worth while before it is due."""
        return type(self.source).wake is not Source.wake

    def ask(self) -> None:
        """The next turn polls whether or not it is due."""
        self._asked = True
        self._polled.clear()

    async def watch_turn(self) -> None:
        """Return when the source says that a poll is worth while; waits for the poll before to end."""
        await self._polled.wait()
        await self.source.wake()
        self.ask()

    async def turn(self) -> float | None:
        """Poll once if it is due; returns the seconds until it is due again."""
        wait_s = 0.0 if self._asked else await self._until_due_s()
        if wait_s > 0:
            return wait_s
        self._asked = False
        await self.open()
        pulled = await self._intake.pull(self.name, self.source)
        self.accepted += pulled.accepted
        self.repeats += pulled.repeats
        self.problems += pulled.problems
        self.last_poll_ms = self._clock.now_ms()
        self._polled.set()
        if self.interval_s >= KEEP_POLL_TIME_FROM_S:
            await self._store.schedule.set(f"source:{self.name}", {"last_poll_ms": self.last_poll_ms})
        return self.interval_s

    async def open(self) -> None:
        """Open the source once; after a failure the next call tries again."""
        await self._opening.open()

    async def close(self) -> None:
        """Close what was opened."""
        await self._opening.close()

    async def _until_due_s(self) -> float:
        if self.last_poll_ms is None and self.interval_s >= KEEP_POLL_TIME_FROM_S:
            kept = await self._store.schedule.get(f"source:{self.name}")
            self.last_poll_ms = int(kept["last_poll_ms"]) if kept else None
        if self.last_poll_ms is None:
            return 0.0
        since_s = (self._clock.now_ms() - self.last_poll_ms) / 1000
        if since_s < 0:
            return 0.0  # the clock was set back: what was written then says nothing about now
        return max(0.0, self.interval_s - since_s)
