"""A clock that tests move by hand."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Awaitable, Generator

START_MS = 1_767_268_800_000
"""2026-01-01 12:00 UTC, so that stored times look like times."""


class ManualClock:
    """Stands still until `advance`. Sleepers wake in the order of their times; `set_wall_ms` moves the wall clock alone."""

    def __init__(self, now_ms: int = START_MS) -> None:
        self._wall_ms = float(now_ms)
        self._monotonic_s = 1000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def now_ms(self) -> int:
        return int(self._wall_ms)

    def monotonic_s(self) -> float:
        return self._monotonic_s

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        self._count += 1
        waiter = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._monotonic_s + seconds, self._count, waiter))
        await waiter

    def advance(self, seconds: float) -> Awaitable[None]:
        """Let time pass and wake those whose time has come. They run at the next turn of the event loop, and have done so
        after `await clock.advance(seconds)`; in a plain function the answer may be dropped."""
        self._monotonic_s += seconds
        self._wall_ms += seconds * 1000.0
        while self._sleepers and self._sleepers[0][0] <= self._monotonic_s:
            waiter = heapq.heappop(self._sleepers)[2]
            if not waiter.done():
                waiter.set_result(None)
        return _Turn()

    def set_wall_ms(self, now_ms: int) -> None:
        """Set the wall clock, forwards or back, as a person or a time server does; durations do not notice."""
        self._wall_ms = float(now_ms)

    @property
    def sleeping(self) -> int:
        """How many wait for this clock."""
        return sum(not waiter.done() for _, _, waiter in self._sleepers)


SETTLE_TURNS = 12
"""Turns of the event loop that a woken sleeper gets before time moves on to the next one."""


class FakeClock:
    """A clock that a test moves from one sleeper to the next, with time for each to do its work and sleep again.

    `advance` stops at every sleeper that is due, so a loop that sleeps one second wakes ten times in `advance(10)`. A
    sleeper that does real work between two sleeps (sockets, threads) may need longer than the turns of the event loop that
    `advance` gives it: wait for it with `sleeping(count)`, which returns once that many sleepers wait.
    """

    def __init__(self, *, now_ms: int = START_MS, monotonic_s: float = 1000.0) -> None:
        self._now_ms = float(now_ms)
        self._monotonic_s = monotonic_s
        self._heap: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0
        self._changed = asyncio.Event()

    def now_ms(self) -> int:
        """UTC milliseconds; starts at START_MS."""
        return round(self._now_ms)

    def monotonic_s(self) -> float:
        """Seconds; starts at 1000."""
        return self._monotonic_s

    @property
    def sleepers(self) -> int:
        """How many sleepers wait now."""
        return sum(not future.done() for _, _, future in self._heap)

    @property
    def next_due_s(self) -> float | None:
        """Seconds until the next sleeper wakes, None where nobody sleeps."""
        due = [due for due, _, future in self._heap if not future.done()]
        return min(due) - self._monotonic_s if due else None

    async def sleep(self, seconds: float) -> None:
        """Return once the clock was moved by `seconds`; after one turn of the event loop for zero and less."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._heap, (self._monotonic_s + seconds, self._count, future))
        self._changed.set()
        await future

    async def advance(self, seconds: float) -> None:
        """Move both times forward and wake who is due on the way, one after the other. Raises ValueError below zero."""
        if seconds < 0:
            raise ValueError("time goes forward only; set_wall_ms moves the wall clock back")
        await settle()
        end = self._monotonic_s + seconds
        while self._heap and self._heap[0][0] <= end:
            due, _, future = heapq.heappop(self._heap)
            if future.done():
                continue
            self._move_to(max(due, self._monotonic_s))
            future.set_result(None)
            await settle()
        self._move_to(end)

    async def sleeping(self, count: int = 1) -> None:
        """Return once at least `count` sleepers wait; a test's own time limit is the only deadline."""
        while self.sleepers < count:
            self._changed.clear()
            await self._changed.wait()

    def set_wall_ms(self, now_ms: int) -> None:
        """Set the wall clock alone, forwards or back; sleepers and durations do not notice."""
        self._now_ms = float(now_ms)

    def _move_to(self, monotonic_s: float) -> None:
        self._now_ms += (monotonic_s - self._monotonic_s) * 1000
        self._monotonic_s = monotonic_s


async def settle(turns: int = SETTLE_TURNS) -> None:
    """Let the tasks that are ready run for some turns of the event loop."""
    for _ in range(turns):
        await asyncio.sleep(0)


class _Turn:
    def __await__(self) -> Generator[None, None, None]:
        for _ in range(3):
            yield  # a bare yield to asyncio is one turn of its loop
