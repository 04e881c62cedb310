"""What the recall of a threshold is, as far as the evidence shows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from leadd.learn.recall_tests import allowed, hits_exposure, log_evidence

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

COUNTER_BETS = (0.25, 1.0)
"""What is staked on more misses than a recall allows."""

_HALVINGS = 40


def estimated(found: Array, exposures: Array, level: int) -> float | None:
    """The recall of the threshold at place `level`: each miss stands for as many as the exposure of its bin says.

    `found` counts positives by bin; `exposures[k, j]` sums, over positives found in bin j, the probability with which bin k
    was asked then. None where there are no hits.
    """
    hits = float(found[level:].sum())
    if hits <= 0:
        return None
    exposure = exposures[:, level:].sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        misses = float(np.where(found[:level] > 0, found[:level] * hits / exposure[:level], 0.0).sum())
    return hits / (hits + misses) if math.isfinite(misses) else 0.0


def recall_interval(
    found: Array, exposures: Array, level: int, delta: float, bets: tuple[Array, Array, Array]
) -> tuple[float, float]:
    """Bounds on that recall, each of which holds at all times with probability of at least 1 - delta. (0, 1) without hits."""
    exposure = hits_exposure(exposures[None], np.array([level]))
    needed, places = math.log(1 / delta), np.array([level])

    def proved(recall: float) -> bool:
        return bool(log_evidence(found[None], exposure, places, recall, bets)[0] >= needed)

    misses, most, hits = float(found[:level].sum()), float(exposure[0, :level].max(initial=0.0)), float(found[level:].sum())

    def refuted(recall: float) -> bool:
        return hits > 0 and _counter_evidence(misses, most, recall) >= needed

    return _edge(proved, 0.0, 1.0), 1.0 - _edge(lambda lost: refuted(1.0 - lost), 0.0, 1.0)


def _counter_evidence(misses: float, most: float, recall: float) -> float:
    """The logarithm of the evidence against 'the recall is at least `recall`', `most` being the highest exposure of a bin
    below the threshold: the same bet as in `recall_tests`, the other way round."""
    logs = []
    for bet in COUNTER_BETS:
        stake = min(bet, 0.5 / allowed(recall))  # a hit may cost half the capital at most
        lost = stake * allowed(recall)
        logs.append(misses * math.log1p(stake) + most * math.log1p(-lost) - math.log(len(COUNTER_BETS)))
    return float(np.logaddexp.reduce(logs))


def _edge(holds: Any, low: float, high: float) -> float:
    """The highest value for which something holds that holds below it and not above; `low` where it holds nowhere."""
    low, high = low + 1e-9, high - 1e-9
    if not holds(low):
        return 0.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if holds(middle):
            low = middle
        else:
            high = middle
    return low
