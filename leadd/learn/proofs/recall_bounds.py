"""What the recall of a threshold is, as far as the evidence shows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from leadd.learn.proofs.recall_tests import Proofs, allowed

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


def recall_interval(proofs: Proofs, exposures: Array, level: int) -> tuple[float, float]:
    """Bounds on the recall of the threshold at place `level` for the first stream of `proofs`, each of which holds at all times
    with its confidence. The upper one is 1 where there are no hits."""
    needed, places, one = math.log(1 / proofs.delta), np.array([level]), np.array([0])
    found, most = proofs.found[0], float(exposures[:level, level:].sum(1).max(initial=0.0))
    misses, hits = float(found[:level].sum()), float(found[level:].sum())

    def proved(recall: float) -> bool:
        return bool(proofs.evidence(one, places, recall)[0] >= needed)

    def refuted(lost: float) -> bool:
        return hits > 0 and _counter_evidence(misses, most, 1.0 - lost) >= needed

    return _edge(proved, 0.0, 1.0), 1.0 - _edge(refuted, 0.0, 1.0)


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
