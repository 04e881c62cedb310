"""A model server as arithmetic: slots that share their compute by some rule, and a client that always has more to ask."""

from __future__ import annotations

import heapq
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from leadd.api import Usage
from leadd.inference.lanes.search import SlotSearch

READ_MS, WRITE_MS, OVERHEAD_MS = 1.1, 22.0, 5.0


@dataclass(slots=True)
class Job:
    """One call: its tokens, how much the machine's mood stretches it, and what happened to it."""

    prompt: int
    output: int
    mood: float
    left_ms: float = 0.0
    asked_ms: float = 0.0
    begun_ms: float = 0.0
    since: tuple[float, float, float] = (0.0, 0.0, 0.0)

    @property
    def whole_ms(self) -> float:
        return (self.prompt * READ_MS + self.output * WRITE_MS) * self.mood + OVERHEAD_MS


def make_jobs(count: int, seed: int, output: int = 150, noise: float = 0.15) -> list[Job]:
    rng = random.Random(seed)
    return [
        Job(
            int(600 * rng.lognormvariate(0, 0.25)),
            max(1, int(output * rng.lognormvariate(0, 0.15))),
            rng.lognormvariate(0, noise),
        )
        for _ in range(count)
    ]


@dataclass(slots=True)
class Machine:
    """`speed(n)` is the work done in a second with n calls running, beside one call alone."""

    slots: int
    speed: Callable[[int], float]
    tells: bool = True
    refuses_above: int | None = None
    gap_ms: float = 6.0
    now_ms: float = 0.0
    fell_ms: float = 0.0
    levels: list[int] = field(default_factory=list)

    def work_off(self, jobs: list[Job], search: SlotSearch | int) -> float:
        """Milliseconds until all jobs are answered, with the calls in flight that the search allows (or a fixed number)."""
        todo, running, waiting = list(reversed(jobs)), [], []
        coming: list[tuple[float, int, Job]] = []
        area = square = 0.0
        busy = 0
        while todo or coming or running or waiting:
            allowed = search if isinstance(search, int) else search.limit
            while todo and busy < allowed:
                job = todo.pop()
                busy += 1
                job.asked_ms, job.since = self.now_ms, (self.now_ms, area, square)
                heapq.heappush(coming, (self.now_ms + self.gap_ms, busy + len(todo) * 100, job))
            pace = self.speed(len(running)) / len(running) if running else 0.0
            first = min(running, key=lambda one: one.left_ms, default=None)
            done_ms = self.now_ms + first.left_ms / pace if first is not None else math.inf
            come_ms = coming[0][0] if coming else math.inf
            step = min(done_ms, come_ms) - self.now_ms
            for job in running:
                job.left_ms -= step * pace
            area, square = area + busy * step, square + busy * busy * step
            self.now_ms += step
            if come_ms <= done_ms:
                waiting.append(heapq.heappop(coming)[2])
            elif first is not None:
                running.remove(first)
                self.levels.append(allowed)
                self._tell(first, search, area, square, more=bool(todo), busy=busy)
                busy -= 1
            while waiting and len(running) < self.slots:
                job = waiting.pop(0)
                job.left_ms, job.begun_ms = job.whole_ms, self.now_ms
                running.append(job)
        return self.now_ms

    def _tell(self, job: Job, search: SlotSearch | int, area: float, square: float, *, more: bool, busy: int) -> None:
        if isinstance(search, int):
            return
        if self.refuses_above is not None and busy > self.refuses_above:
            if job.asked_ms >= self.fell_ms:
                self.fell_ms = self.now_ms
                search.fell()
            return
        at_ms, was_area, was_square = job.since
        wall_ms = self.now_ms - at_ms
        flying = (area - was_area) / wall_ms
        spread = math.sqrt(max(0.0, (square - was_square) / wall_ms - flying**2))
        stretch = (self.now_ms - job.begun_ms) / job.whole_ms
        usage = Usage(job.prompt, job.output)
        if self.tells:
            reading, writing = job.prompt * READ_MS * job.mood * stretch, job.output * WRITE_MS * job.mood * stretch
            usage = Usage(job.prompt, job.output, 10.0, reading, writing, 10.0 + self.now_ms - at_ms - self.gap_ms)
        if more:
            search.note(usage, wall_ms, 0.0, flying, spread, 0.0)
