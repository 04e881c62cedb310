"""Which of the dropped signals are asked anyway, so that what a threshold misses can be known.

A signal below the threshold is asked with a known probability: at least the floor, more just below the threshold, where most
misses are, and more while there is little evidence. The draw comes from a hash of the signal, so it can be repeated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from leadd.learn.proofs.recall_tests import reached, stage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

ENOUGH = 600
FADES = 0.5
"""Positives from which on no more than the usual share is asked, and the power of their number with which it falls before."""

_HALVINGS = 30


@dataclass(frozen=True, slots=True)
class Policy:
    """Who is asked while one threshold is in force: all at or above it; below it with the probability that is `near` just
    below it and falls by the factor e with every `reach` (in units of the score), but never under `floor`."""

    threshold: float
    floor: float
    near: float
    reach: float

    def probability(self, scores: Any) -> Array:
        """The probability that a signal with such a score is asked: one for each score, never 0."""
        scores = np.asarray(scores, dtype=float)
        below = np.maximum(self.floor, self.near * np.exp(-np.maximum(self.threshold - scores, 0.0) / self.reach))
        return np.where(scores >= self.threshold, 1.0, below)

    def asks(self, score: float, signal: str) -> bool:
        """Whether this signal is asked: the same answer at all times for the same signal, score and policy.

        `signal` names it (its content hash); signals that are copies of each other are drawn together.
        """
        return draw(signal) < float(self.probability(score))

    def to_state(self) -> dict[str, float]:
        """The policy as plain JSON values."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Policy:
        """The policy as it was. Raises KeyError or TypeError where something is missing."""
        return cls(float(state["threshold"]), float(state["floor"]), float(state["near"]), float(state["reach"]))


@dataclass(frozen=True, slots=True)
class AuditRule:
    """How much is asked below a threshold.

    `floor`: the least probability, at any score. `near`: the one just below the threshold once there is evidence enough.
    `reach`: how far below the threshold that fades. `budget`: the share of all signals that may be spent on it, the floor
    coming first. Raises ValueError for values that cannot be.
    """

    floor: float = 0.005
    near: float = 0.05
    reach: float = 0.03
    budget: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.floor <= self.near <= 1:
            raise ValueError(f"an audit needs 0 < floor ({self.floor}) <= near ({self.near}) <= 1")
        if not self.reach > 0 or not 0 < self.budget <= 1:
            raise ValueError(f"an audit needs reach ({self.reach}) above 0 and a budget ({self.budget}) in (0, 1]")

    def policy(self, threshold: float, positives: int, shares: Any = None, edges: Any = None) -> Policy:
        """The policy for a threshold and the number of positives found so far.

        `shares` are the shares of signals whose score lies between `edges[k]` and the next edge; with them the policy is cut
        down to the budget. It changes in steps only (see `recall_tests.stage`): few policies are to be remembered.
        """
        more = max(1.0, ENOUGH / reached(stage(positives))) ** FADES
        wanted = Policy(threshold, self.floor, min(1.0, self.near * more), self.reach)
        if shares is None or threshold <= 0:
            return wanted
        shares, below = np.asarray(shares, dtype=float), np.asarray(edges, dtype=float) < threshold
        low, high = self.floor, wanted.near
        if _spent(wanted, shares, below, edges) <= self.budget:
            return wanted
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            if _spent(replace(wanted, near=middle), shares, below, edges) <= self.budget:
                low = middle
            else:
                high = middle
        return replace(wanted, near=low)


def draw(signal: str) -> float:
    """A number from 0 to 1 (never 1) that belongs to a signal, as if it were drawn at random."""
    digest = hashlib.blake2b(signal.encode("utf-8", "surrogatepass"), digest_size=8, person=b"leadd audit").digest()
    return int.from_bytes(digest, "big") / 2**64


def _spent(policy: Policy, shares: Array, below: Array, edges: Any) -> float:
    return float((shares * policy.probability(edges))[below].sum())
