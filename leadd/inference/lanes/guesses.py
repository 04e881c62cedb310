"""What a server may be like: a list of guesses with their probabilities, weighed by what calls took at each level.

A guess says how many calls the server works on at a time (`slots`), how much more it does with several than with one (`gain`: 1
where each slot has a processor of its own, as nearly on a GPU; 0 where all share one, as on a CPU), and beyond how many it
falls off (`cliff`), as where memory runs short. Level = calls in flight.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

GAINS = ((0.0, 0.3), (0.3, 0.08), (0.5, 0.1), (0.7, 0.12), (0.85, 0.1), (1.0, 0.3))
SLOTS = {1: 0.3, 2: 0.15, 4: 0.2, 8: 0.15}
OTHER_SLOTS = 0.05
CLIFFS = 0.3
"""How likely a cliff is at all, before anything was seen."""
DROPS = (2.0, 6.0)
QUEUE_SPREAD, NO_QUEUE_SPREAD = 0.25, 0.15
"""How much the share of time that calls wait in the server varies, where they should wait and where they should not."""
RUNGS = (1, 2, 3, 4, 5, 6, 7, 8, 12, 16, 24, 32, 48, 64, 96, 128)
UNLIKELY = 1e-3


def rungs_up_to(ceiling: int) -> tuple[int, ...]:
    """The levels that are told apart."""
    return (*(rung for rung in RUNGS if rung < ceiling), ceiling)


@dataclass(frozen=True, slots=True)
class Guess:
    """One idea of a server. `prior` is the logarithm of its weight before anything was seen."""

    gain: float
    slots: int
    cliff: int | None
    drop: float
    prior: float

    def speed(self, running: float) -> float:
        """Work in a second with so many calls running, beside one call alone."""
        if self.cliff is not None and running > self.cliff + 0.3:
            return float((self.cliff * running) ** (self.gain / 2) / self.drop)
        return float(running**self.gain) if running > 1 else running


@dataclass(slots=True)
class Mean:
    """A running mean of what was seen at one level; `count` is the weight of evidence behind it."""

    count: float = 0.0
    value: float = 0.0

    def add(self, value: float, weight: float, most: float) -> float:
        """Take a value in; how far the mean moved."""
        self.count = min(most, self.count + weight)
        moved = weight * (value - self.value) / self.count
        self.value += moved
        return moved


@dataclass(frozen=True, slots=True)
class Seen:
    """The mean logarithm of the time of calls of one kind at one level, with `others` calls of other models beside them, and
    how much that tells (`weight`: count ÷ variance).

    `whole` says that the times hold the wait in the server and the gap to the next call, because the server reports nothing.
    """

    kind: int
    level: int
    others: int
    weight: float
    value: float
    whole: bool


@dataclass(frozen=True, slots=True)
class View:
    """How a guess sees things: its probability, the server's slots, and the work done in a second at each level."""

    probability: float
    slots: int
    speed: Mapping[int, float]


@dataclass(frozen=True, slots=True)
class Table:
    """What each guess expects at one level: work in a second, and logarithms of the times of calls (see `_at`)."""

    speeds: list[float]
    running: list[float]
    cycles: list[float]


class Guesses:
    """All guesses for levels up to a ceiling, and how well each fits what was seen."""

    def __init__(self, ceiling: int) -> None:
        self.rungs = rungs_up_to(ceiling)
        self._guesses = [
            Guess(gain, slots, cliff, drop, math.log(weight * SLOTS.get(slots, OTHER_SLOTS) * likely))
            for gain, weight in GAINS
            for slots in self.rungs
            for cliff, drop, likely in self._cliffs(slots)
        ]
        self._gap = 0.0
        self._tables: dict[tuple[int, int], Table] = {}

    def _cliffs(self, slots: int) -> list[tuple[int | None, float, float]]:
        each = CLIFFS / len(DROPS) / max(1, len(self.rungs) - 1)
        return [(None, 1.0, 1 - CLIFFS), *((cliff, drop, each) for cliff in self.rungs if cliff < slots for drop in DROPS)]

    def set_gap(self, gap: float) -> None:
        """Take note of the gap between two calls of a slot, in times of one call."""
        gap = min(1.0, gap)
        if abs(gap - self._gap) >= max(0.01, 0.3 * gap):
            self._gap = gap
            self._tables.clear()

    def weigh(self, seen: Sequence[Seen], queued: Mapping[int, Mean], others: int) -> list[View]:
        """Every guess that is not out of the question, and how it sees things beside `others` calls of other models.

        `queued` is the share of its time that a call waited in the server, by level.
        """
        logs = [guess.prior for guess in self._guesses]
        for kind in {one.kind for one in seen}:
            rows = [one for one in seen if one.kind == kind]
            if len(rows) > 1:  # one level alone says how fast the server is, not how that changes
                self._by_times(logs, rows)
        for level, share in queued.items():
            self._by_queue(logs, level, share)
        top = max(logs)
        weights = [math.exp(log - top) for log in logs]
        whole = sum(weights)
        speeds = {level: self._table(level, others).speeds for level in self.rungs}
        return [
            View(weight / whole, self._guesses[index].slots, {level: speeds[level][index] for level in self.rungs})
            for index, weight in enumerate(weights)
            if weight > UNLIKELY * whole
        ]

    def _by_times(self, logs: list[float], rows: Sequence[Seen]) -> None:
        """Squared error of each guess, with the speed of one call alone left free."""
        whole = sum(row.weight for row in rows)
        first = [0.0] * len(logs)
        second = [0.0] * len(logs)
        for row in rows:
            weight, value = row.weight, row.value
            table = self._table(row.level, row.others)
            for index, slow in enumerate(table.cycles if row.whole else table.running):
                error = value - slow
                first[index] += weight * error
                second[index] += weight * error * error
        for index in range(len(logs)):
            logs[index] -= 0.5 * (second[index] - first[index] ** 2 / whole)

    def _by_queue(self, logs: list[float], level: int, share: Mean) -> None:
        fits = {}
        for slots in self.rungs:
            expected = max(0.0, 1 - slots / level)
            spread = QUEUE_SPREAD if expected > 0 else NO_QUEUE_SPREAD
            fits[slots] = min(30.0, 0.5 * share.count * ((share.value - expected) / spread) ** 2)
        for index, guess in enumerate(self._guesses):
            logs[index] -= fits[guess.slots]

    def _table(self, level: int, others: int) -> Table:
        table = self._tables.get((level, others))
        if table is None:
            rows = [_at(guess, level, others, self._gap) for guess in self._guesses]
            table = self._tables[level, others] = Table(*(list(column) for column in zip(*rows, strict=True)))
        return table


def _at(guess: Guess, level: int, others: int, gap: float) -> tuple[float, float, float]:
    """(work in a second of all that is in flight, logarithm of how much longer a call runs than one alone, the same of the time
    from call to call of one slot)."""
    running = min(level, guess.slots)
    slow = (running + others) / guess.speed(running + others)
    cycle = max(slow + gap, slow * level / running)
    return level / cycle + others / slow, math.log(slow), math.log(cycle)
