"""Does a model still answer as it used to? The answers of the last while against those of the first, by their distribution.

A tag that moved to broken weights, or a server that ignores the schema and fills in defaults, gives answers that pass every
rule and mean nothing: all the same, or all different from before. Two-sample Kolmogorov-Smirnov: no assumption about the shape.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Any

FIRST = 100
RECENT = 25
LOOK_EVERY = 5
FAR = 0.6
"""Largest gap between the two cumulative distributions. With 100 against 25 answers, chance alone gives so much in about one of
a million looks; a new kind of source can as well, which is why a drift is looked into and never believed outright."""

_WORDS: Mapping[str, float] = {"yes": 1.0, "no": 0.0, "true": 1.0, "false": 0.0}


class Drift:
    """Watches one number of each answer of one model in one role."""

    def __init__(self) -> None:
        self._first: list[float] = []
        self._recent: deque[float] = deque(maxlen=RECENT)
        self._since_look = 0
        self.gap = 0.0
        """The gap at the last look, 0 to 1."""

    def note(self, data: Mapping[str, Any]) -> bool:
        """One more answer; True where the last ones are far from the first."""
        value = gist(data)
        if value is None:
            return False
        if len(self._first) < FIRST:
            self._first.append(value)
            if len(self._first) == FIRST:
                self._first.sort()
            return False
        self._recent.append(value)
        self._since_look += 1
        if len(self._recent) < RECENT or self._since_look < LOOK_EVERY:
            return False
        self._since_look = 0
        self.gap = largest_gap(self._first, sorted(self._recent))
        return self.gap > FAR

    def begin_again(self) -> None:
        """Take the answers from now on for the usual ones."""
        self._first = []
        self._recent.clear()
        self._since_look, self.gap = 0, 0.0


def gist(data: Mapping[str, Any]) -> float | None:
    """One number that tells answers of one shape apart: the probability, or the sum of the numbers; None where none is."""
    probability = data.get("probability")
    if isinstance(probability, float):
        return probability
    values = [number for value in data.values() if (number := _number(value)) is not None]
    return sum(values) if values else None


def largest_gap(one: Sequence[float], other: Sequence[float]) -> float:
    """The Kolmogorov-Smirnov distance of two sorted samples, 0 to 1."""
    points = {*one, *other}
    return max(abs(bisect_right(one, at) / len(one) - bisect_right(other, at) / len(other)) for at in points)


def _number(value: Any) -> float | None:
    if isinstance(value, bool):
        return 10.0 if value else 0.0
    if isinstance(value, int | float):
        return float(value)
    return _WORDS.get(value) if isinstance(value, str) else None
