"""Evidence that a threshold misses less than it may, from positives that were found with known probabilities.

A candidate threshold cuts the positives (wanted signals) in two: hits at or above it, misses below. The scores are cut into
bins. Per hit there are `x[k]` misses in bin k, of which the share asked in that bin is found. The null hypothesis 'recall is
below the target' says: the x sum up to more than X = (1 - target) / target. Which bins they are in, nobody knows.

The bet: a miss found in bin k multiplies the capital by 1 - s[k]; s[k] is the stake. A hit multiplies it by 1 + sum of
p[k] x[k] s[k], `p[k]` being the probability with which a signal in bin k is asked at that time: this makes the bet fair under
x, whatever the base rate is and however it moves. The product over hits is at least exp(c · sum of x[k] S[k]), where `S[k]` is
the sum of p[k] s[k] over all hits, and c = log(1 + X) / X. The worst case puts all misses into the bin where S[k] is least. So

    log capital >= sum over misses of log(1 - s) + c X min S[k]

for every null hypothesis at once: an e-process (Ramdas, Grünwald, Vovk and Shafer 2023; betting as in Waudby-Smith and Ramdas
2023), computed from sums alone. It reaches 1/level at any time with a probability of at most `level`. Time in which
everything was asked keeps its worth in S when later only few of the dropped are asked: this is what plain weights by inverse
probability cannot do. For that the stakes just below the threshold, where almost all is asked, shrink as hits grow in number,
and those far below, where few are asked and few are found, stay bold. A stake depends on what was seen before only.

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

STAKE = 0.97
"""What is staked on misses far below a candidate threshold."""

NEAR, NEAR_FALLS, NEAR_LEAST = 0.9, 0.65, 0.2
"""The share of it that is staked just below the threshold after 75 positives, the power of their number with which it falls,
and the least it falls to."""

REACH = 0.1
"""From how far below the threshold (in units of the score) all of it is staked."""

FIRST_STAGE = 53
STAGES = 18
"""Stakes and audits change when the number of positives has grown by the factor 1.41, from the first stage on."""


def stage(positives: Any) -> Array:
    """The stage that a number of positives belongs to: 0 for few, then two more with every doubling."""
    grown = np.floor(2 * np.log2(np.maximum(positives, FIRST_STAGE) / FIRST_STAGE) + 1e-9).astype(int)
    found: Array = np.clip(grown, 0, STAGES - 1)
    return found


def reached(number: Any) -> float:
    """The number of positives at which a stage begins."""
    return FIRST_STAGE * 2 ** (float(number) / 2)


def allowed(target: float) -> float:
    """How many misses there may be for each hit."""
    return (1 - target) / target


def stakes(edges: Array) -> Array:
    """The stakes, shape (stages, candidates, bins). Candidate c is the threshold `edges[c]`; from bin c on there are hits, and
    nothing is staked."""
    places = np.arange(len(edges))
    distance = np.maximum(edges[:, None] - edges[None, :] - (edges[1] - edges[0]), 0.0)
    fade = np.maximum(0.0, 1 - distance / REACH)
    near = [min(1.0, max(NEAR_LEAST, NEAR * (75 / reached(number)) ** NEAR_FALLS)) for number in range(STAGES)]
    return np.array([np.where(places[None, :] < places[:, None], STAKE * share**fade, 0.0) for share in near])


class Proofs:
    """Evidence for every candidate threshold, for one stream or for many side by side.

    `found` counts positives, shape (streams, bins); `lost` sums the logarithms for misses, shape (streams, candidates);
    `backed` is S, shape (streams, candidates, bins); `levels` are the certified places in the grid, 0 at first.
    """

    def __init__(self, streams: int, edges: Array, target: float, delta: float) -> None:
        self.target, self.delta = target, delta
        self._stakes = stakes(edges)
        self._logs = np.log1p(-self._stakes)
        bins = len(edges)
        self.found, self.lost = np.zeros((streams, bins)), np.zeros((streams, bins))
        self.backed, self.levels = np.zeros((streams, bins, bins)), np.zeros(streams, dtype=int)

    def add(self, counts: Array, asked: Array, stages: Array | None = None) -> None:
        """Positives found by bin, and for each bin the least probability with which it was asked; shapes (streams, bins).

        `stages` are those at which the bets were made, where that was at another time than now.
        """
        stages = stage(self.found.sum(1)) if stages is None else stages
        hits = np.cumsum(counts[:, ::-1], axis=1)[:, ::-1]
        for number in np.unique(stages):
            here = np.flatnonzero((stages == number) & (hits[:, 0] > 0))
            self.backed[here] += hits[here][:, :, None] * asked[here][:, None, :] * self._stakes[number]
            self.lost[here] += counts[here] @ self._logs[number].T
        self.found += counts

    def evidence(self, streams: Array, candidates: Array, target: float | None = None) -> Array:
        """The logarithm of the evidence against 'the recall at the candidate is below the target', one for each stream."""
        most = allowed(self.target if target is None else target)
        below = np.arange(self.found.shape[1])[None, :] < candidates[:, None]
        worst = np.where(below, self.backed[streams, candidates], np.inf).min(axis=1)
        found: Array = self.lost[streams, candidates] + math.log1p(most) * worst
        return found

    def advance(self) -> None:
        """Raise the levels as far as is proved: one threshold after the other, from the most permissive one on, and no further
        than the first that is not proved. So no correction for many tests is needed: the promise is broken only if the first
        threshold that is too high is taken for good."""
        needed, last = math.log(1 / self.delta), self.found.shape[1] - 1
        active = np.arange(len(self.levels))
        while len(active := active[self.levels[active] < last]):
            active = active[self.evidence(active, self.levels[active] + 1) >= needed]
            self.levels[active] += 1

    def begin_anew(self, streams: Array) -> None:
        """Forget all about some streams."""
        self.found[streams], self.lost[streams], self.backed[streams], self.levels[streams] = 0, 0, 0, 0
