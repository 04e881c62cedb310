"""The difference of two rates, with an interval that holds at every look."""

from __future__ import annotations

import math
from dataclasses import dataclass

from leadd.learn.proofs.intervals import log_beta

_HALVINGS = 28
_GOLDEN = (math.sqrt(5) - 1) / 2


@dataclass(frozen=True, slots=True)
class Counts:
    """Outcomes of two arms: how many were seen, and how many of these were good."""

    good_a: int = 0
    seen_a: int = 0
    good_b: int = 0
    seen_b: int = 0

    def plus(self, in_b: bool, good: bool) -> Counts:
        """The counts with one more outcome."""
        a, b = int(not in_b), int(in_b)
        return Counts(self.good_a + a * good, self.seen_a + a, self.good_b + b * good, self.seen_b + b)

    @property
    def difference(self) -> float | None:
        """The rate of B minus that of A; None where an arm has no outcome."""
        return self.good_b / self.seen_b - self.good_a / self.seen_a if self.seen_a and self.seen_b else None


def difference_interval(counts: Counts, confidence: float = 0.95) -> tuple[float, float]:
    """All differences (rate of B minus rate of A) that the outcomes leave open, at all looks at once.

    For a difference the evidence against it is the likelihood under rates drawn at random (Jeffreys' prior on each), over the
    highest likelihood under any two rates that differ by so much; it is an e-process (Wasserman, Ramdas and Balakrishnan,
    'Universal inference', 2020). Exact for outcomes that are independent and of constant rates. (-1, 1) where an arm has none.
    """
    if not counts.seen_a or not counts.seen_b:
        return -1.0, 1.0
    mixed = sum(log_beta(good + 0.5, seen - good + 0.5) - log_beta(0.5, 0.5)
                for good, seen in ((counts.good_a, counts.seen_a), (counts.good_b, counts.seen_b)))  # fmt: skip
    needed = mixed + math.log(1 - confidence)
    middle = counts.difference or 0.0
    return _end(counts, needed, middle, -1.0), _end(counts, needed, middle, 1.0)


def _end(counts: Counts, needed: float, inside: float, outside: float) -> float:
    """Where the likelihood falls to `needed` on the way from `inside` to `outside`: it falls all the way."""
    if _highest(counts, outside) > needed:
        return outside
    for _ in range(_HALVINGS):
        middle = (inside + outside) / 2
        if _highest(counts, middle) > needed:
            inside = middle
        else:
            outside = middle
    return outside


def _highest(counts: Counts, difference: float) -> float:
    """The highest log-likelihood of two rates that differ by `difference`; it is concave in the rate of A (golden section)."""
    low, high = max(0.0, -difference), min(1.0, 1.0 - difference)
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = _likelihood(counts, left, difference), _likelihood(counts, right, difference)
    for _ in range(_HALVINGS):
        if at_left < at_right:
            low, left, at_left = left, right, at_right
            right = low + _GOLDEN * (high - low)
            at_right = _likelihood(counts, right, difference)
        else:
            high, right, at_right = right, left, at_left
            left = high - _GOLDEN * (high - low)
            at_left = _likelihood(counts, left, difference)
    return max(at_left, at_right)


def _likelihood(counts: Counts, rate: float, difference: float) -> float:
    return _one(counts.good_a, counts.seen_a, rate) + _one(counts.good_b, counts.seen_b, rate + difference)


def _one(good: int, seen: int, rate: float) -> float:
    rate = min(1 - 1e-12, max(1e-12, rate))
    return good * math.log(rate) + (seen - good) * math.log1p(-rate)
