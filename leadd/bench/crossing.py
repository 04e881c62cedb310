"""What can be said of companies by what was learnt from other companies: scores, thresholds and probabilities, fold by fold."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from leadd.core.scoring import Thresholds
from leadd.learn.figures.beforehand import careful_threshold
from leadd.learn.figures.calibration import Bin, calibrate, calibration_error, reliability
from leadd.learn.figures.measures import Labelled, grouped, labelled, threshold_for
from leadd.learn.proofs.intervals import wilson

Learn = Callable[[Any, Any], Any]
"""(rows to learn from, rows to score) → scores of the latter."""


@dataclass(frozen=True, slots=True)
class Crossed:
    """Scores of n rows in folds. `outer[i]` is row i scored by what learnt from all other folds; `inner[f][i]` by what learnt
    neither from row i's fold nor from fold f: what may be used to set something for fold f. `folds` are the rows of each."""

    outer: Any
    inner: tuple[Any, ...]
    folds: tuple[Any, ...]

    def others(self, fold: int) -> Any:
        """The rows outside of a fold."""
        return np.concatenate([rows for number, rows in enumerate(self.folds) if number != fold])


@dataclass(frozen=True, slots=True)
class BucketShare:
    """What a bucket means: the share of wanted ones among the rows in it (95% by Wilson) and the weight of these rows."""

    name: str
    wanted: float
    low: float
    high: float
    weight: float


@dataclass(frozen=True, slots=True)
class Meaning:
    """Whether probabilities mean what they say: the reliability curve, its expected error, and what each bucket holds."""

    error: float
    bins: tuple[Bin, ...]
    buckets: tuple[BucketShare, ...]


def folds_by_company(companies: Sequence[str], folds: int, seed: int = 0) -> tuple[Any, ...]:
    """The rows of each fold; all of a company are in one."""
    members = grouped(companies)
    order = np.random.default_rng(seed).permutation(len(members))
    return tuple(np.concatenate([members[number] for number in order[fold::folds]]) for fold in range(folds))


def crossed(folds: Sequence[Any], learn: Learn) -> Crossed:
    """Learn once without each fold and once without each pair of folds."""
    count, size = len(folds), sum(len(rows) for rows in folds)
    outer, inner = np.full(size, np.nan), [np.full(size, np.nan) for _ in folds]
    for one in range(count):
        outer[folds[one]] = learn(np.concatenate([folds[f] for f in range(count) if f != one]), folds[one])
        for two in range(one):
            asked = np.concatenate([folds[one], folds[two]])
            scores = learn(np.concatenate([folds[f] for f in range(count) if f not in (one, two)]), asked)
            inner[two][folds[one]], inner[one][folds[two]] = scores[: len(folds[one])], scores[len(folds[one]) :]
    return Crossed(outer, tuple(inner), tuple(folds))


def unlearnt(scores: Any, folds: Sequence[Any]) -> Crossed:
    """Scores that learnt from nothing, in the same shape."""
    return Crossed(scores, tuple(scores for _ in folds), tuple(folds))


def beforehand(
    scores: Crossed, wanted: Any, weights: Any, companies: Sequence[str], *, recall: float = 0.95, careful: bool = True
) -> Labelled:
    """Each row's score above the threshold that was fixed on the other folds: what is 0 or more passes. `careful` thresholds
    have a margin, so that they keep their recall with 95% confidence; others keep it just on the rows they were fixed on."""
    margins = np.full(len(scores.outer), np.nan)
    for fold, rows in enumerate(scores.folds):
        known = scores.others(fold)
        seen = labelled(scores.inner[fold][known], wanted[known], weights[known])
        names = [companies[place] for place in known]
        threshold = careful_threshold(seen, names, recall) if careful else threshold_for(seen, recall)
        margins[rows] = scores.outer[rows] - threshold
    return labelled(margins, wanted, weights)


def probabilities(scores: Crossed, wanted: Any, weights: Any) -> Any:
    """Each row's probability, calibrated on the other folds."""
    found = np.zeros(len(scores.outer))
    for fold, rows in enumerate(scores.folds):
        known = scores.others(fold)
        line = calibrate(_flat(scores.inner[fold][known]), wanted[known], weights[known])
        found[rows] = line(_flat(scores.outer[rows]))
    return found


def meaning(said: Any, wanted: Any, weights: Any, thresholds: Thresholds | None = None) -> Meaning:
    """The reliability of probabilities. A bucket is what a score of 100 times the probability falls into."""
    limits = thresholds or Thresholds()
    names = np.array([limits.bucket_of(int(100 * one)).value for one in said])
    buckets = []
    for name in ("red_hot", "warm", "nurture", "parked"):
        here = names == name
        total = float(weights[here].sum())
        if total <= 0:
            continue
        counted = total**2 / float((weights[here] ** 2).sum())
        share = float((weights[here] * wanted[here]).sum()) / total
        low, high = wilson(share * counted, counted)
        buckets.append(BucketShare(name, share, low, high, total))
    return Meaning(calibration_error(said, wanted, weights), tuple(reliability(said, wanted, weights)), tuple(buckets))


def _flat(scores: Any) -> Any:
    """Log-odds as numbers between 0 and 1."""
    return 1 / (1 + np.exp(-np.clip(scores, -30, 30)))
