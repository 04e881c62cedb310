"""A threshold that is fixed on some signals before others are seen, with a margin, so that it keeps there what it promised.

The threshold that keeps 95% of the wanted among the signals at hand keeps less than that in every second run elsewhere. With
the margin the lower bound of its recall is what has to reach the aim: Korn and Graubard's (Survey Methodology 24, 1998),
which is Clopper and Pearson's for the number of independent signals that those of alike companies are worth. Thresholds are
tried from the lowest up until one fails (fixed-sequence testing), so looking at many of them costs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np

from leadd.learn.figures.measures import Labelled, grouped
from leadd.learn.proofs.intervals import clopper_pearson


def recall_bound(rows: Labelled, companies: Sequence[Hashable], threshold: float, confidence: float = 0.95) -> float:
    """A recall that the threshold reaches on signals like these with this confidence (one-sided); 0.0 without wanted ones."""
    kept = rows.scores[rows.wanted] >= threshold
    weights = rows.weights[rows.wanted]
    total = float(weights.sum())
    if total <= 0:
        return 0.0
    share = float(weights[kept].sum()) / total
    worth = total**2 / float((weights**2).sum())  # what unequal weights are worth in signals (Kish)
    if share < 1:
        off = weights * (kept - share)
        names = [companies[place] for place in np.flatnonzero(rows.wanted).tolist()]
        spread = math.fsum(float(off[places].sum()) ** 2 for places in grouped(names)) / total**2
        worth = min(worth, share * (1 - share) / spread) if spread > 0 else worth
    return clopper_pearson(share * worth, worth, 1 - 2 * (1 - confidence))[0]


def careful_threshold(rows: Labelled, companies: Sequence[Hashable], recall: float = 0.95, confidence: float = 0.95) -> float:
    """The threshold whose recall is at least `recall` with this confidence; -inf, which lets all pass, where the signals are
    too few to say so of any. Raises ValueError where there are not as many companies as rows."""
    if len(companies) != len(rows.scores):
        raise ValueError(f"{len(companies)} companies for {len(rows.scores)} rows: as many of each are needed")
    found = -math.inf
    for score in np.unique(rows.scores[rows.wanted]).tolist():
        if recall_bound(rows, companies, score, confidence) < recall:
            break
        found = float(score)
    return found
