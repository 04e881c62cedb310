"""Who waits for a slot, in the order in which they are served."""

from __future__ import annotations

import asyncio
import heapq
import math
from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stand:
    """Sums over time up to a moment: of the calls in flight, and of their square. Two of them give mean and spread between."""

    at_s: float
    flying: float
    square: float

    def until(self, later: Stand) -> tuple[float, float]:
        """Mean and standard deviation of the calls in flight from here to later; (0, 0) where no time has passed."""
        seconds = later.at_s - self.at_s
        if seconds <= 0:
            return 0.0, 0.0
        mean = (later.flying - self.flying) / seconds
        return mean, math.sqrt(max(0.0, (later.square - self.square) / seconds - mean * mean))


class Turn:
    """A place in the queue of a lane. `priority` may be raised while it waits; higher is served first.

    `group` names the constant part of the prompt: calls of one group follow each other, so that a server reads it once.
    `since` is how things stood when it was granted or had its last call; `others` the calls of other
    models in flight then; `calls` and `wall_ms` are of its calls so far.
    """

    __slots__ = (
        "calls", "entered_s", "granted_s", "group", "holds", "number", "others", "priority", "ready", "since", "wall_ms",
    )  # fmt: skip

    def __init__(self, priority: int, number: int, group: str, entered_s: float) -> None:
        self.priority = priority
        self.number = number
        self.group = group
        self.ready: asyncio.Future[None] | None = None
        self.holds = False
        self.entered_s = entered_s
        self.granted_s: float | None = None
        self.since = Stand(entered_s, 0.0, 0.0)
        self.others = 0
        self.calls = 0
        self.wall_ms = 0.0

    @property
    def wait_ms(self) -> float:
        """Milliseconds it stood in the queue; 0 while it still does."""
        return 0.0 if self.granted_s is None else (self.granted_s - self.entered_s) * 1000


class Line:
    """Turns that wait. Highest priority first; among equals those of the group served last, then first come.

    Taking and adding cost the logarithm of the number of priorities, however many wait. Leaving and rising leave a stale entry
    behind that is passed over when it comes up.
    """

    def __init__(self) -> None:
        self._waiting: set[Turn] = set()
        self._by_age: deque[Turn] = deque()
        self._ranks: list[int] = []
        self._groups: dict[int, dict[str, deque[Turn]]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def __contains__(self, turn: Turn) -> bool:
        return turn in self._waiting

    def add(self, turn: Turn) -> None:
        """Take a turn in, at the end of its rank."""
        self._waiting.add(turn)
        self._by_age.append(turn)
        self._rank(turn)

    def drop(self, turn: Turn) -> None:
        """It waits no longer; nothing where it did not."""
        self._waiting.discard(turn)
        if not self._waiting:
            self._by_age.clear()
            self._ranks.clear()
            self._groups.clear()

    def raise_priority(self, turn: Turn, priority: int) -> None:
        """Move it forward."""
        turn.priority = priority
        self._rank(turn)

    def oldest(self) -> Turn | None:
        """The one who waits longest."""
        while self._by_age and self._by_age[0] not in self._waiting:
            self._by_age.popleft()
        return self._by_age[0] if self._by_age else None

    def best(self, group: str) -> Turn | None:
        """The one whose turn it is, where `group` was served last."""
        while self._ranks:
            rank = -self._ranks[0]
            turn = self._head(rank, group) or self._eldest(rank)
            if turn is not None:
                return turn
            heapq.heappop(self._ranks)
            del self._groups[rank]
        return None

    def _rank(self, turn: Turn) -> None:
        groups = self._groups.get(turn.priority)
        if groups is None:
            groups = self._groups[turn.priority] = {}
            heapq.heappush(self._ranks, -turn.priority)
        line = groups.setdefault(turn.group, deque())
        if line and line[-1].number > turn.number:  # one that was raised comes before those who came after it
            line = groups[turn.group] = deque(sorted({*line, turn}, key=_number))
        else:
            line.append(turn)

    def _eldest(self, rank: int) -> Turn | None:
        heads = [turn for turn in (self._head(rank, name) for name in list(self._groups[rank])) if turn is not None]
        return min(heads, key=_number, default=None)

    def _head(self, rank: int, group: str) -> Turn | None:
        groups = self._groups[rank]
        line = groups.get(group)
        if line is None:
            return None
        while line and (line[0] not in self._waiting or line[0].priority != rank):
            line.popleft()
        if not line:
            del groups[group]
            return None
        return line[0]


def _number(turn: Turn) -> int:
    return turn.number
