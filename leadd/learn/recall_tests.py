"""Evidence that a threshold misses less than it may, from positives that were found with known probabilities.

A candidate threshold cuts the positives (wanted signals) in two: hits at or above it, misses below. The scores are cut into
bins. Per hit there are `x[k]` misses in bin k, of which the share asked in that bin is found. The null hypothesis 'recall is
below the target' says: the x sum up to more than X = (1 - target) / target. Which bins they are in, nobody knows.

The bet: a miss found in bin k multiplies the capital by r[k] < 1. A hit multiplies it by 1 + sum of p[k] x[k] (1 - r[k]),
`p[k]` being the probability with which a signal in bin k is asked at that time: this makes the bet fair under x, whatever the
base rate is and however it moves. The product over hits is at least exp(c · sum of E[k] x[k] (1 - r[k])), where `E[k]`, the
exposure of bin k, is the sum of p[k] over all hits, and c = log(1 + X) / X. The worst case puts all misses into the bin where
E[k] (1 - r[k]) is least. So

    log capital >= sum of found[k] log r[k] + c X min E[k] (1 - r[k])

for every null hypothesis at once: an e-process (Ramdas, Grünwald, Vovk and Shafer 2023; betting as in Waudby-Smith and Ramdas
2023), computed from sums alone. It reaches 1/level at any time with a probability of at most `level`. Time in which
everything was asked keeps its worth in E when later only few of the dropped are asked: this is what plain weights by inverse
probability cannot do. The bets are a mixture; they are bolder far below the threshold, where few are asked and few are found.

What is assumed: positives keep their distribution over the scores while evidence is gathered (drift is watched for apart), and
who is asked is drawn by the probabilities that were given.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

BETS = ((0.97, 0.7, 0.12, 0.4), (0.97, 0.5, 0.18, 0.6))
"""The mixture: what is staked far below the threshold, the share of that just below it, over what distance (in units of the
score) it grows, and the weight of the bet."""


def allowed(target: float) -> float:
    """How many misses there may be for each hit."""
    return (1 - target) / target


def log_stakes(edges: Array) -> tuple[Array, Array, Array]:
    """The bets for every candidate threshold: stakes 1 - r and logarithms of r, of shape (bets, candidates, bins), and the
    logarithms of the weights. Candidate c is the threshold `edges[c]`; bins from c on are hits and have no stake."""
    distance = np.maximum(edges[:, None] - edges[None, :] - (edges[1] - edges[0]), 0.0)
    stakes = np.array([most * share ** np.maximum(0.0, 1 - distance / reach) for most, share, reach, _ in BETS])
    stakes = np.where(np.arange(len(edges))[None, :] < np.arange(len(edges))[:, None], stakes, 0.0)
    return stakes, np.log1p(-stakes), np.log(np.array([bet[3] for bet in BETS]))


def log_evidence(found: Array, exposure: Array, candidates: Array, target: float, bets: tuple[Array, Array, Array]) -> Array:
    """The logarithm of the evidence against 'the recall at the candidate is below `target`', one for each stream.

    `found` counts the positives by bin, shape (streams, bins). `exposure`, shape (streams, bins): for each bin the sum, over
    the hits of the candidate, of the least probability with which a signal in that bin was asked then. `candidates`, shape
    (streams,), are places in the grid, 1 or more. `bets` come from `log_stakes`.
    """
    stakes, logs, weights = bets
    most = allowed(target)
    kept = math.log1p(most) / most
    below = np.arange(found.shape[1])[None, :] < candidates[:, None]
    lost = np.einsum("bsk,sk->bs", logs[:, candidates], np.where(below, found, 0.0))
    worst = np.where(below[None], exposure[None] * stakes[:, candidates], np.inf).min(axis=2)
    capital: Array = np.logaddexp.reduce(weights[:, None] + lost + kept * most * worst, axis=0)
    return capital


def hits_exposure(exposures: Array, candidates: Array) -> Array:
    """The exposure of each bin for each stream's candidate, shape (streams, bins).

    `exposures`, shape (streams, bins, bins): at [s, k, j] the sum over positives found in bin j of the probability with
    which bin k was asked then.
    """
    hits = np.arange(exposures.shape[1])[None, :] >= candidates[:, None]
    summed: Array = np.matmul(exposures, hits[:, :, None].astype(float))[:, :, 0]
    return summed


def advance(
    found: Array, exposures: Array, levels: Array, target: float, level: float, bets: tuple[Array, Array, Array]
) -> Array:
    """The certified places in the grid after a look, from those before it: one threshold after the other, from the most
    permissive one on, and no further than the first that is not proved. So no correction for many tests is needed: a promise
    is broken only if the first threshold that is too high is taken for good."""
    levels, active = levels.copy(), np.arange(len(levels))
    needed, last = math.log(1 / level), found.shape[1] - 1
    while len(active := active[levels[active] < last]):
        candidates = levels[active] + 1
        exposure = hits_exposure(exposures[active], candidates)
        active = active[log_evidence(found[active], exposure, candidates, target, bets) >= needed]
        levels[active] += 1
    return levels
