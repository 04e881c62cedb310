"""How well scores tell wanted signals from others: recall, precision, average precision, AUC, share passed, with intervals.

Every figure takes a weight per row: near duplicates count as one where each weighs 1 / (size of its group). Intervals are drawn
over companies, not over rows: ads of one company are alike, and rows that are taken for independent make intervals too narrow
(cluster bootstrap: Field and Welsh 2007).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Measure = Callable[["Labelled"], float]


@dataclass(frozen=True, slots=True)
class Labelled:
    """Scores (higher is more wanted) beside the truth, shape (n,) each, and what each row counts. Made by `labelled`."""

    scores: Floats
    wanted: NDArray[np.bool_]
    weights: Floats

    def take(self, rows: NDArray[Any]) -> Labelled:
        """The same of some rows, in that order; a row may be taken several times."""
        return Labelled(self.scores[rows], self.wanted[rows], self.weights[rows])


def labelled(scores: Sequence[float] | Floats, wanted: Sequence[bool] | NDArray[Any], weights: Any = None) -> Labelled:
    """Checked arrays. Raises ValueError where lengths differ, a score is not a number, or a weight is not above 0."""
    found = Labelled(
        np.asarray(scores, dtype=np.float64),
        np.asarray(wanted, dtype=bool),
        np.ones(len(scores)) if weights is None else np.asarray(weights, dtype=np.float64),
    )
    if not len(found.scores) == len(found.wanted) == len(found.weights):
        lengths = f"{len(found.scores)} scores, {len(found.wanted)} labels and {len(found.weights)} weights"
        raise ValueError(f"{lengths}: as many of each are needed")
    if np.isnan(found.scores).any():
        raise ValueError(f"score {int(np.isnan(found.scores).argmax())} is not a number")
    if len(found.weights) and not (found.weights > 0).all():
        raise ValueError(f"weight {int((found.weights <= 0).argmax())} is not above 0")
    return found


def duplicate_weights(groups: Sequence[Hashable | None]) -> Floats:
    """1 / (rows in the row's group); a row without a group (None) counts 1."""
    sizes: dict[Hashable, int] = {}
    for group in groups:
        if group is not None:
            sizes[group] = sizes.get(group, 0) + 1
    return np.array([1.0 if group is None else 1.0 / sizes[group] for group in groups])


def recall_at(rows: Labelled, threshold: float) -> float:
    """The share of the wanted with a score of at least `threshold`; nan where nothing is wanted."""
    passed = rows.weights[rows.wanted & (rows.scores >= threshold)].sum()
    return _ratio(passed, rows.weights[rows.wanted].sum())


def precision_at(rows: Labelled, threshold: float) -> float:
    """The share of wanted ones among those with a score of at least `threshold`; nan where none has it."""
    above = rows.scores >= threshold
    return _ratio(rows.weights[above & rows.wanted].sum(), rows.weights[above].sum())


def threshold_for(rows: Labelled, recall: float) -> float:
    """The highest threshold that keeps at least `recall` (0 to 1] of the wanted; -inf where nothing is wanted."""
    order = np.argsort(-rows.scores[rows.wanted], kind="stable")
    if not len(order):
        return -math.inf
    reached = np.cumsum(rows.weights[rows.wanted][order])
    place = int(np.searchsorted(reached, recall * reached[-1] * (1 - 1e-12)))
    return float(rows.scores[rows.wanted][order][min(place, len(order) - 1)])


def passed_at(rows: Labelled, recall: float) -> float:
    """The share of all rows that has to pass for `recall` of the wanted to pass, the threshold being known afterwards.

    Ties pass together, so a score that is 0 for many passes them all.
    """
    if not rows.wanted.any():
        return math.nan
    return _ratio(rows.weights[rows.scores >= threshold_for(rows, recall)].sum(), rows.weights.sum())


def passed_above(rows: Labelled, threshold: float) -> float:
    """The share of all rows with a score of at least `threshold`."""
    return _ratio(rows.weights[rows.scores >= threshold].sum(), rows.weights.sum())


def average_precision(rows: Labelled) -> float:
    """The area under precision over recall, by steps (as scikit-learn's average_precision_score); nan without wanted rows."""
    hits, all_passed, _ = _curve(rows)
    total = rows.weights[rows.wanted].sum()
    if total <= 0:
        return math.nan
    gained = np.diff(np.concatenate([[0.0], hits]))
    return float((gained * hits / all_passed).sum() / total)


def area(rows: Labelled) -> float:
    """The AUC: how often a wanted row scores above another one, ties counting half; nan where there is only one kind."""
    hits, all_passed, _ = _curve(rows)
    wanted, others = rows.weights[rows.wanted].sum(), rows.weights[~rows.wanted].sum()
    if wanted <= 0 or others <= 0:
        return math.nan
    misses = all_passed - hits
    before = np.concatenate([[0.0], hits[:-1]])
    return float((np.diff(np.concatenate([[0.0], misses])) * (before + hits) / 2).sum() / (wanted * others))


def precision_among(rows: Labelled, k: int) -> float:
    """The share of wanted rows among the `k` highest scores (all, where there are fewer), the first of equal ones."""
    top = np.argsort(-rows.scores, kind="stable")[:k]
    return _ratio(rows.weights[top][rows.wanted[top]].sum(), rows.weights[top].sum())


def curve(rows: Labelled) -> tuple[Floats, Floats, Floats]:
    """(recall, share passed, precision), one point per different score, the highest score first: what a picture shows."""
    hits, all_passed, _ = _curve(rows)
    wanted = rows.weights[rows.wanted].sum()
    total = rows.weights.sum()
    return hits / wanted if wanted > 0 else hits * math.nan, all_passed / total, hits / all_passed


@dataclass(frozen=True, slots=True)
class Interval:
    """A figure of all rows and the ends of its interval."""

    value: float
    low: float
    high: float


def with_interval(
    rows: Labelled, companies: Sequence[Hashable], measure: Measure, *, draws: int = 400, level: float = 0.95, seed: int = 7
) -> Interval:
    """A measure with its interval by drawing companies with replacement. Draws where the measure is nan are left out.

    Raises ValueError where there are not as many companies as rows.
    """
    members = grouped(companies)
    if len(companies) != len(rows.scores):
        raise ValueError(f"{len(companies)} companies for {len(rows.scores)} rows: as many of each are needed")
    generator = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        drawn = generator.integers(0, len(members), len(members))
        value = measure(rows.take(np.concatenate([members[number] for number in drawn])))
        if not math.isnan(value):
            found.append(value)
    if not found:
        return Interval(measure(rows), math.nan, math.nan)
    low, high = np.quantile(found, [(1 - level) / 2, (1 + level) / 2])
    return Interval(measure(rows), float(low), float(high))


def grouped(names: Sequence[Hashable]) -> list[NDArray[np.int64]]:
    """The rows of each different name, in order of first appearance."""
    members: dict[Hashable, list[int]] = {}
    for row, name in enumerate(names):
        members.setdefault(name, []).append(row)
    return [np.array(rows, dtype=np.int64) for rows in members.values()]


def _curve(rows: Labelled) -> tuple[Floats, Floats, Floats]:
    """Weight of wanted and of all rows at or above each different score, highest first, and those scores."""
    order = np.argsort(-rows.scores, kind="stable")
    scores = rows.scores[order]
    last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True)) if len(scores) else np.array([], dtype=np.int64)
    weights = rows.weights[order]
    return np.cumsum(weights * rows.wanted[order])[last], np.cumsum(weights)[last], scores[last]


def _ratio(part: float, whole: float) -> float:
    return float(part / whole) if whole > 0 else math.nan
