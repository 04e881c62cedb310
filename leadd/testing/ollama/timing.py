"""The fake server's time: scaled, leaping over every wait, or lent by the test; and one compute budget for all slots."""

from __future__ import annotations

import asyncio
import heapq
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

from leadd.api import Clock

IDLE_TURNS = 4
QUANTUM_S = 0.02
LATE_S = 0.02
"""How late a busy machine may wake a sleeper, in real seconds."""


class ScaledClock:
    """Real time, stretched or squeezed: `scale` real seconds pass for one second of the server.

    `late_s` is how late, in seconds of this clock, a sleeper may wake on an ordinary machine.
    """

    def __init__(self, scale: float = 1.0) -> None:
        self._scale = scale
        self.late_s = LATE_S / scale
        self._start_s = time.monotonic()
        self._start_ms = time.time() * 1000

    def now_ms(self) -> int:
        return round(self._start_ms + self._passed_s() * 1000)

    def monotonic_s(self) -> float:
        return self._start_s + self._passed_s()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(max(0.0, seconds * self._scale))

    def _passed_s(self) -> float:
        return (time.monotonic() - self._start_s) / self._scale


class LeapClock:
    """Virtual time: as soon as the event loop has nothing else to do, it jumps to the next sleeper.

    Minutes of loading cost nothing, and durations are exact. `rest` is a sleep that causes no jump by itself: a model that
    stays loaded for five minutes must not be thrown out because nobody else was sleeping.
    """

    def __init__(self) -> None:
        self._now_s = 1000.0
        self._start_ms = time.time() * 1000
        self._heap: list[tuple[float, int, bool, asyncio.Future[None]]] = []
        self._count = 0
        self._leaping = False

    def now_ms(self) -> int:
        return round(self._start_ms + (self._now_s - 1000.0) * 1000)

    def monotonic_s(self) -> float:
        return self._now_s

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            await self._wait(seconds, True)

    async def rest(self, seconds: float) -> None:
        """Sleep, but leave it to others to move the time."""
        await self._wait(seconds, False)

    async def advance(self, seconds: float) -> None:
        """Move the time by hand; who is due on the way wakes in order."""
        end = self._now_s + seconds
        while self._heap and self._heap[0][0] <= end:
            self._wake()
            await asyncio.sleep(0)
        self._now_s = end

    async def _wait(self, seconds: float, leap: bool) -> None:
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        self._count += 1
        heapq.heappush(self._heap, (self._now_s + seconds, self._count, leap, future))
        if leap and not self._leaping:
            self._leaping = True
            loop.call_soon(self._turn, IDLE_TURNS)
        await future

    def _turn(self, left: int) -> None:
        loop = asyncio.get_running_loop()
        if left:
            loop.call_soon(self._turn, left - 1)
            return
        self._heap = [entry for entry in self._heap if not entry[3].done()]
        heapq.heapify(self._heap)
        if not any(leap for _, _, leap, _ in self._heap):
            self._leaping = False
            return
        self._wake()
        loop.call_soon(self._turn, IDLE_TURNS)

    def _wake(self) -> None:
        due, _, _, future = heapq.heappop(self._heap)
        self._now_s = max(self._now_s, due)
        if not future.done():
            future.set_result(None)


async def rest(clock: Clock, seconds: float) -> None:
    """Wait without pushing a leaping clock."""
    if isinstance(clock, LeapClock):
        await clock.rest(seconds)
    else:
        await clock.sleep(seconds)


@dataclass(frozen=True, slots=True)
class Speeds:
    """How fast the fake machine is. Zero means: takes no time. Tokens per second are for the whole machine."""

    load_ms: float = 0.0
    load_ms_per_gb: float = 0.0
    prefill_tps: float = 0.0
    decode_tps: float = 0.0
    overhead_ms: float = 0.0
    models: Mapping[str, Speeds] = field(default_factory=dict)

    def of(self, model: str) -> Speeds:
        """The speeds of one model: its own, where it has some."""
        return self.models.get(model, self)

    def load_s(self, size_bytes: int) -> float:
        """Seconds to load a model of this size."""
        return (self.load_ms + self.load_ms_per_gb * size_bytes / 1e9) / 1000

    def with_changes(self, **changes: float) -> Speeds:
        """The same speeds with some values replaced. Raises TypeError for an unknown name."""
        return replace(self, **changes)  # type: ignore[arg-type]


LAPTOP = Speeds(load_ms=300, load_ms_per_gb=700, prefill_tps=900, decode_tps=45, overhead_ms=15)
"""A laptop without a graphics card and a 1b model."""


class Compute:
    """The one processor that all slots share: work is done in small turns, first come first served.

    Turns follow one timetable: a turn that ends late by the machine's own clock (timers of a squeezed second are coarse) does
    not push back those that wait behind it, nor the next piece of the same answer. So the rates hold on a busy machine too.
    `used_s` is how long it worked so far.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = asyncio.Lock()
        self._late_s = getattr(clock, "late_s", 0.0)
        self._turn_s = max(QUANTUM_S, self._late_s / 10)
        self._free_s = clock.monotonic_s()
        self.used_s = 0.0
        self._ends: WeakKeyDictionary[asyncio.Task[object], float] = WeakKeyDictionary()

    async def work(self, seconds: float) -> None:
        """Return after `seconds` of the whole processor; longer where others work at the same time."""
        task = asyncio.current_task()
        since_s = self._wanted_since(task)
        while seconds > 0:
            part = min(seconds, self._turn_s)
            async with self._lock:
                since_s = self._free_s = max(self._free_s, since_s) + part
                try:
                    await self._clock.sleep(since_s - self._clock.monotonic_s())
                except asyncio.CancelledError:
                    self._free_s = min(self._free_s, self._clock.monotonic_s())
                    raise
            seconds -= part
            self.used_s += part
        if task is not None:
            self._ends[task] = since_s

    def _wanted_since(self, task: asyncio.Task[object] | None) -> float:
        """When this work could have begun: now, or as much earlier as its own last piece was seen to end too late."""
        now_s = self._clock.monotonic_s()
        ended_s = self._ends.get(task, now_s) if task is not None else now_s
        return max(ended_s, now_s - self._late_s)
