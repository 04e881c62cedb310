"""Scores made into probabilities that mean what they say, and whether they do.

With few labels a logistic curve through the log-odds of the scores (Platt 1999, with his smoothed labels); with enough of both
kinds the best rising steps (isotonic regression, pool adjacent violators: Ayer and others 1955), drawn out into lines. A row
may weigh less than 1 where copies of it are labelled too: weights are 1/n for a duplicate group of n.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from leadd.learn.proofs.intervals import wilson

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

ENOUGH = 200
"""The weight of labels of the rarer kind from which on steps are fitted instead of a curve."""

_EDGE = 1e-6
_ROUNDS = 100


@dataclass(frozen=True, slots=True)
class Calibration:
    """A rising line through points: `at` are scores, `probabilities` what they mean. `method` is 'curve', 'steps' or 'none'."""

    method: str
    at: tuple[float, ...]
    probabilities: tuple[float, ...]
    labels: float = 0.0

    def __call__(self, scores: Any) -> Array:
        """The probabilities of scores (0 to 1), between the points by straight lines in the score."""
        scores = np.asarray(scores, dtype=float)
        line: Array = np.clip(np.interp(scores, self.at, self.probabilities), 0.0, 1.0)
        return line

    def to_state(self) -> dict[str, Any]:
        """The calibration as plain JSON values."""
        return {"method": self.method, "at": list(self.at), "probabilities": list(self.probabilities), "labels": self.labels}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Calibration:
        """The calibration as it was. Raises ValueError where the state is damaged."""
        try:
            at, probabilities = (tuple(float(v) for v in state[name]) for name in ("at", "probabilities"))
            found = cls(str(state["method"]), at, probabilities, float(state["labels"]))
        except (KeyError, TypeError) as error:
            raise ValueError(f"the kept calibration is damaged ({error!r}): fit it anew") from None
        if len(at) != len(probabilities) or not at or (np.diff(at) <= 0).any():
            raise ValueError("the kept calibration is damaged (its points do not rise): fit it anew")
        return found


AS_IT_IS = Calibration("none", (0.0, 1.0), (0.0, 1.0))
"""No calibration: scores are taken for probabilities."""


@dataclass(frozen=True, slots=True)
class Bin:
    """A part of the reliability curve: rows with a probability from `low` to `high`, what was said in the mean, the share
    that was right with its 95% interval (Wilson), and the weight of the rows."""

    low: float
    high: float
    said: float
    found: float
    found_low: float
    found_high: float
    weight: float


def calibrate(scores: Any, labels: Any, weights: Any = None) -> Calibration:
    """The calibration that the labels speak for; `AS_IT_IS` where all labels are alike or there are none.

    `scores` from 0 to 1, `labels` true or false, `weights` above 0. Raises ValueError where the lengths differ or a value
    cannot be.
    """
    scores, labels, weights = _rows(scores, labels, weights)
    rarer = min(float(weights[labels].sum()), float(weights[~labels].sum()))
    if rarer <= 0:
        return AS_IT_IS
    return isotonic(scores, labels, weights) if rarer >= ENOUGH else curve(scores, labels, weights)


def isotonic(scores: Any, labels: Any, weights: Any = None) -> Calibration:
    """The best rising steps (least squares), drawn out into lines between the middles of the steps."""
    scores, labels, weights = _rows(scores, labels, weights)
    if not len(scores):
        return AS_IT_IS
    at, place = np.unique(scores, return_inverse=True)
    total = np.bincount(place, weights)
    right = np.bincount(place, weights * labels)
    blocks: list[list[float]] = []  # weight, weight of the right ones, weighted sum of scores
    for one in zip(total, right, total * at, strict=True):
        blocks.append([float(v) for v in one])
        while len(blocks) > 1 and blocks[-2][1] * blocks[-1][0] >= blocks[-1][1] * blocks[-2][0]:
            last = blocks.pop()
            blocks[-1] = [a + b for a, b in zip(blocks[-1], last, strict=True)]
    return Calibration("steps", tuple(b[2] / b[0] for b in blocks), tuple(b[1] / b[0] for b in blocks), float(total.sum()))


def curve(scores: Any, labels: Any, weights: Any = None) -> Calibration:
    """A logistic curve in the log-odds of the score, by Newton's method; it never falls. Kept as 101 points."""
    scores, labels, weights = _rows(scores, labels, weights)
    yes, no = float(weights[labels].sum()), float(weights[~labels].sum())
    aims = np.where(labels, (yes + 1) / (yes + 2), 1 / (no + 2))
    odds = _log_odds(scores)
    rows, found = np.stack([np.ones_like(odds), odds], axis=1), np.array([math.log((yes + 1) / (no + 1)), 0.0])
    tight = np.diag([1e-3, 1e-2])  # keeps the slope finite where the labels are told apart without an error

    def loss(line: Array) -> float:
        z = rows @ line
        return float((weights * (np.logaddexp(0, z) - aims * z)).sum() + line @ tight @ line / 2)

    before = loss(found)
    for _ in range(_ROUNDS):
        said = 1 / (1 + np.exp(-np.clip(rows @ found, -30, 30)))
        slope = rows.T @ (weights * (said - aims)) + tight @ found
        step = np.linalg.solve((rows * (weights * said * (1 - said))[:, None]).T @ rows + tight, slope)
        after = loss(found - step)
        while (
            after > before and np.abs(step).max() > 1e-9
        ):  # a whole step from far away may throw the curve beyond the other side
            step, after = step / 2, loss(found - step / 2)
        found, before = found - step, min(before, after)
        if np.abs(step).max() < 1e-9:
            break
    if found[1] < 0:  # scores that say the opposite say nothing
        found = np.array([math.log((yes + 1) / (no + 1)), 0.0])
    at = np.linspace(0.0, 1.0, 101)
    probabilities = 1 / (1 + np.exp(-np.clip(found[0] + found[1] * _log_odds(at), -30, 30)))
    return Calibration("curve", tuple(float(v) for v in at), tuple(float(v) for v in probabilities), yes + no)


def reliability(probabilities: Any, labels: Any, weights: Any = None, bins: int = 10) -> list[Bin]:
    """The reliability curve in bins of equal width; bins without a row are left out."""
    if bins < 1:
        raise ValueError("a reliability curve needs one bin or more")
    said, labels, weights = _rows(probabilities, labels, weights)
    place, curve_bins = np.minimum((said * bins).astype(int), bins - 1), []
    for one in np.unique(place):
        here = place == one
        total = float(weights[here].sum())
        counted = total**2 / float((weights[here] ** 2).sum())  # what unequal weights are worth in rows (Kish)
        share = float((weights[here] * labels[here]).sum()) / total
        low, high = wilson(share * counted, counted)
        mean = float((weights[here] * said[here]).sum()) / total
        curve_bins.append(Bin(float(one) / bins, (float(one) + 1) / bins, mean, share, low, high, total))
    return curve_bins


def calibration_error(probabilities: Any, labels: Any, weights: Any = None, bins: int = 10) -> float:
    """The expected calibration error: how far the share that was right is from what was said, in the mean over all rows.
    0.0 where there are none."""
    found = reliability(probabilities, labels, weights, bins)
    total = math.fsum(one.weight for one in found)
    return math.fsum(one.weight * abs(one.said - one.found) for one in found) / total if total else 0.0


def _rows(scores: Any, labels: Any, weights: Any) -> tuple[Array, Array, Array]:
    scores, labels = np.asarray(scores, dtype=float), np.asarray(labels, dtype=bool)
    weights = np.ones(scores.shape) if weights is None else np.asarray(weights, dtype=float)
    if scores.ndim != 1 or not scores.shape == labels.shape == weights.shape:
        raise ValueError(f"{scores.shape} scores, {labels.shape} labels, {weights.shape} weights: give one of each for a row")
    if not ((scores >= 0) & (scores <= 1)).all() or not ((weights > 0) & np.isfinite(weights)).all():
        raise ValueError("scores must lie between 0 and 1, and weights above 0")
    return scores, labels, weights


def _log_odds(scores: Array) -> Array:
    inside = np.clip(scores, _EDGE, 1 - _EDGE)
    odds: Array = np.log(inside / (1 - inside))
    return odds
