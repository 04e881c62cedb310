"""Phases: where the models of a server do not fit into its memory together they take turns, each worth its load."""

from __future__ import annotations

from typing import Protocol

from leadd.api import Clock

PERSON_PRIORITY = 1000
"""From this priority on a person waits: a phase ends for it at once."""


class Queue(Protocol):
    """What a stage needs to know of a lane."""

    @property
    def busy(self) -> int: ...

    @property
    def waiting(self) -> int: ...

    @property
    def oldest_wait_s(self) -> float: ...

    @property
    def top_priority(self) -> int: ...

    def serve(self) -> None: ...


class Stage:
    """The lanes of one server's models. `together` (settable) says whether all models fit into its memory.

    Together all lanes run. Else one lane runs at a time: it goes on until it has nothing more to do, or until its phase was
    worth a load (`min_batch` calls, or `max_wait_s`) and another lane has `min_batch` calls waiting or one that has waited for
    `max_wait_s`. A person's question ends a phase at once. What is in flight always comes to its end before the next lane
    begins. `switches` counts the changes.
    """

    def __init__(self, clock: Clock, *, min_batch: int = 8, max_wait_s: float = 60.0) -> None:
        self.min_batch = min_batch
        self.max_wait_s = max_wait_s
        self.switches = 0
        self.active: Queue | None = None
        self._clock = clock
        self._lanes: list[Queue] = []
        self._together = True
        self._served = 0
        self._since_s = clock.monotonic_s()

    @property
    def together(self) -> bool:
        """Whether all lanes may run at the same time."""
        return self._together

    @together.setter
    def together(self, value: bool) -> None:
        if value == self._together:
            return
        self._together = value
        self._served, self._since_s = 0, self._clock.monotonic_s()
        if value:
            self.active = None
        for lane in self._lanes:
            lane.serve()

    def join(self, lane: Queue) -> None:
        """Take a lane in; lanes do so themselves."""
        self._lanes.append(lane)

    def others(self, lane: Queue) -> int:
        """Calls in flight on this server beside those of `lane`."""
        return sum(other.busy for other in self._lanes if other is not lane)

    def allows(self, lane: Queue) -> bool:
        """Whether `lane` may begin a call now. May end a phase whose calls are all over, and begin that of `lane`."""
        if self._together:
            return True
        if self.active is None:
            self._begin(self._busiest() or lane)
        wanted = self._wanted()
        if wanted is not self.active:
            if self.active is not None and self.active.busy:
                return False  # drain first
            self.switches += 1
            self._begin(wanted)
        # a lane that was taken for the next phase may still have calls of the time when all ran together
        return wanted is lane and not self.others(lane)

    def served(self, lane: Queue) -> None:
        """Told by lanes of each call that begins."""
        if lane is self.active:
            self._served += 1

    def left(self, lane: Queue) -> None:
        """Told by lanes of each call that ended and each one that gave up: another lane's turn may have come."""
        if self._together:
            return
        for other in self._lanes:
            if other is not lane and other.waiting and not lane.busy:
                other.serve()

    def _begin(self, lane: Queue) -> None:
        self.active = lane
        self._served, self._since_s = 0, self._clock.monotonic_s()

    def _busiest(self) -> Queue | None:
        return max((lane for lane in self._lanes if lane.busy), key=lambda lane: lane.busy, default=None)

    def _wanted(self) -> Queue:
        active = self.active
        assert active is not None
        others = [lane for lane in self._lanes if lane is not active and lane.waiting]
        if not others or (active.waiting and active.top_priority >= PERSON_PRIORITY):
            return active
        hot = [lane for lane in others if lane.top_priority >= PERSON_PRIORITY]
        if hot:
            return hot[0]
        ready = [lane for lane in others if lane.waiting >= self.min_batch or lane.oldest_wait_s > self.max_wait_s]
        if not (active.busy or active.waiting):
            return max(ready or others, key=lambda lane: lane.top_priority if ready else lane.waiting)
        worth = self._served >= self.min_batch or self._clock.monotonic_s() - self._since_s >= self.max_wait_s
        return max(ready, key=lambda lane: lane.top_priority) if ready and worth else active
