"""Bounded calls in flight, served by priority, and a gate that empties a server before it loads a model."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

from leadd.api import Clock, Failure, Usage
from leadd.inference.lanes.lines import Line, Stand, Turn
from leadd.inference.lanes.phases import PERSON_PRIORITY, Stage
from leadd.inference.lanes.search import SlotSearch

OVERDUE_EVERY = 4
"""One call in so many goes to who has waited too long. Not all: in a long backlog everybody has, and order would be lost."""
TOO_MANY = frozenset({Failure.BUSY, Failure.TIMEOUT_IDLE, Failure.TIMEOUT_TOTAL, Failure.OUT_OF_MEMORY})
"""Failures that fewer calls at a time may cure."""

__all__ = ["Gate", "Lane", "Sample", "Turn"]


@dataclass(frozen=True, slots=True)
class Sample:
    """One call as it went: what the server says of it, how long it took here, and its failure where it was none."""

    usage: Usage
    wall_ms: float
    failure: Failure | None = None


class Lane:
    """At most `slots` calls at a time to one model of one server, in an order of leadd's own.

    The server's own queue is first come first served and without bound, so the queue has to stand here. `slots` is found by
    measurement between 1 and `ceiling` (see `leadd.inference.lanes.search`), or is `ceiling` where `adapt` is False. Order:
    priority; then the group served last; then first come. One call in four goes to whoever has waited longest, where that is
    longer than `max_wait_s`, so that nothing starves; a person who waits goes before all others. `stage` says when the lane
    may run at all. Numbers of calls at which one would take longer than `longest_s` are not tried.
    """

    def __init__(
        self,
        ceiling: int,
        *,
        clock: Clock,
        stage: Stage | None = None,
        adapt: bool = True,
        max_wait_s: float = 60.0,
        longest_s: float = 100.0,
    ) -> None:
        self.ceiling = ceiling
        self.max_wait_s = max_wait_s
        self.busy = 0
        self._clock = clock
        self._stage = stage
        self._search = SlotSearch(ceiling, longest_s=longest_s) if adapt and ceiling > 1 else None
        self._line = Line()
        self._count = 0
        self._served = 0
        self._group = ""
        self._stand = Stand(clock.monotonic_s(), 0.0, 0.0)
        self._gaps_ms: deque[float] = deque(maxlen=15)
        self._fell_s = clock.monotonic_s()
        if stage is not None:
            stage.join(self)

    @property
    def slots(self) -> int:
        """Calls that are allowed at a time now."""
        return self.ceiling if self._search is None else self._search.limit

    @property
    def waiting(self) -> int:
        """Calls that wait for a slot."""
        return len(self._line)

    @property
    def oldest_wait_s(self) -> float:
        """How long the longest waiting call has waited; 0 where none does."""
        oldest = self._line.oldest()
        return 0.0 if oldest is None else self._clock.monotonic_s() - oldest.entered_s

    @property
    def top_priority(self) -> int:
        """The highest priority that waits; 0 where nothing does."""
        best = self._line.best(self._group)
        return 0 if best is None else best.priority

    @property
    def slowness(self) -> float:
        """How much longer a call is believed to run beside the others than alone; 1 where nothing is known."""
        return 1.0 if self._search is None else self._search.slowness

    def figures(self) -> dict[str, Any]:
        """What was found: `slots` now, `best` so far, `ceiling`, `server_slots` (None where not known), `trials`."""
        found = self._search
        return {
            "slots": self.slots,
            "best": self.slots if found is None else found.best,
            "ceiling": self.ceiling,
            "server_slots": None if found is None else found.server_slots,
            "trials": 0 if found is None else found.trials,
        }

    def enter(self, priority: int, group: str = "") -> Turn:
        """Take a place; await `wait` on it before the call and `leave` after it, whatever happened."""
        self._count += 1
        turn = Turn(priority, self._count, group, self._clock.monotonic_s())
        self._line.add(turn)
        self.serve()
        return turn

    async def wait(self, turn: Turn) -> None:
        """Return when the slot is the caller's."""
        if turn.holds:
            return
        if turn.ready is None:
            turn.ready = asyncio.get_running_loop().create_future()
        await turn.ready

    def raise_priority(self, turn: Turn, priority: int) -> None:
        """Move a waiting turn forward; one that is served already is left alone."""
        if turn in self._line and priority > turn.priority:
            self._line.raise_priority(turn, priority)
            self.serve()

    def note(self, sample: Sample, turn: Turn | None = None) -> None:
        """Tell of a call that ended, before its turn leaves; `turn` lets the lane see what went on beside it.

        Only calls that ended while others waited are learned from: an idle lane shows nothing about its slots.
        """
        if self._search is None:
            return
        now = self._count_time()
        others = before = self._others()
        flying, spread = (float(self.busy), 0.0) if turn is None else turn.since.until(now)
        if turn is not None:
            before, turn.others, turn.since = turn.others, others, now
            turn.calls += 1
            turn.wall_ms += sample.wall_ms
        if sample.failure in TOO_MANY:
            began_s = turn.granted_s if turn is not None and turn.granted_s is not None else now.at_s
            if began_s >= self._fell_s:  # one fall for all the calls that were in flight together
                self._fell_s = now.at_s
                self._search.fell()
        elif sample.failure is None and self._line and flying > 0:
            gap_ms = median(self._gaps_ms) if self._gaps_ms else 0.0
            self._search.note(sample.usage, sample.wall_ms, gap_ms, flying, spread, (before + others) / 2)

    def cooled(self) -> None:
        """The model was loaded anew: the server's prefix caches are empty, and the next calls take longer for that."""
        if self._search is not None:
            self._search.cooled()

    def forget(self) -> None:
        """The server was started anew and may have other settings: what was found is looked at again soon."""
        if self._search is not None:
            self._search.forget()

    def leave(self, turn: Turn) -> None:
        """Give the slot (or the place in the queue) back."""
        self._line.drop(turn)
        if turn.holds:
            now = self._count_time()
            turn.holds = False
            self.busy -= 1
            if turn.calls == 1 and turn.granted_s is not None:
                self._gaps_ms.append(max(0.0, (now.at_s - turn.granted_s) * 1000 - turn.wall_ms))
        self.serve()
        if self._stage is not None:
            self._stage.left(self)

    def serve(self) -> None:
        """Give free slots to those who wait, as far as that is allowed now."""
        while self._line and self.busy < self.slots and (self._stage is None or self._stage.allows(self)):
            turn = self._next()
            if turn is None:
                return
            self._line.drop(turn)
            if turn.ready is not None and turn.ready.done():  # one that was cancelled a moment ago gets no slot
                continue
            self._grant(turn)

    def _grant(self, turn: Turn) -> None:
        turn.since = self._count_time()
        turn.granted_s = turn.since.at_s
        turn.others = self._others()
        turn.holds = True
        self.busy += 1
        self._served += 1
        self._group = turn.group
        if turn.ready is not None:
            turn.ready.set_result(None)
        if self._stage is not None:
            self._stage.served(self)

    def _next(self) -> Turn | None:
        best = self._line.best(self._group)
        if best is None or best.priority >= PERSON_PRIORITY or self._served % OVERDUE_EVERY:
            return best
        return self._line.oldest() if self.oldest_wait_s > self.max_wait_s else best

    def _others(self) -> int:
        return 0 if self._stage is None else self._stage.others(self)

    def _count_time(self) -> Stand:
        """Bring the sums over time up to now; called before every change of `busy`."""
        was, now_s = self._stand, self._clock.monotonic_s()
        seconds = now_s - was.at_s
        self._stand = Stand(now_s, was.flying + self.busy * seconds, was.square + self.busy**2 * seconds)
        return self._stand


class Gate:
    """Lets calls to one server pass, except while it is being emptied for the load of a model.

    A model that is loaded while others are asked can leave Ollama's scheduler waiting for ever (ollama/ollama#17408), with
    every health check green. So: nothing new is sent, what runs comes to its end, then the model is loaded.
    """

    def __init__(self) -> None:
        self.inside = 0
        self._open = asyncio.Event()
        self._open.set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._one = asyncio.Lock()

    @asynccontextmanager
    async def passage(self) -> AsyncIterator[None]:
        """Hold while a call is with the server."""
        while not self._open.is_set():
            await self._open.wait()
        self.inside += 1
        self._empty.clear()
        try:
            yield
        finally:
            self.inside -= 1
            if not self.inside:
                self._empty.set()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Hold while nothing else may be with the server; waits for what is."""
        async with self._one:
            self._open.clear()
            try:
                await self._empty.wait()
                yield
            finally:
                self._open.set()
