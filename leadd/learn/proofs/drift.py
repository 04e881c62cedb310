"""Whether positives still have the scores they had when a threshold was certified.

Two things give a drift away. Misses: audits find more wanted signals below the threshold than the promise allows. And scores:
the hits come with lower scores than the hits before them, long before enough misses are found (a rank test, as in conformal
test martingales: Vovk, 'Testing randomness online', 2021). Each is a bet that gains nothing in expectation while all is well.
A bet that begins anew with every positive is kept for each: R becomes (1 + R) times what the bet pays (an e-detector of the
kind of Shiryaev and Roberts: Shin, Ramdas and Rinaldo, 'E-detectors', 2024). While all is well R grows by 1 in expectation
with every positive, so the mean number of positives until a false alarm is at least the `patience`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from leadd.learn.proofs.recall_tests import allowed

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

PATIENCE = 50_000.0
"""Positives until a false alarm, in the mean, at least."""

POWERS = (0.35, 0.6)
"""Bets on low ranks: a rank p pays e·p^(e-1)."""

STAKES = (0.15, 0.5)
"""Bets on misses: a miss found with probability q pays 1 + g/q, a hit 1 - gX."""

CELLS = 200
"""How finely scores are told apart."""


class Drifts:
    """Many streams watched at once; `Drift` watches one. `sums` has shape (streams, bets), `seen` (streams, cells)."""

    def __init__(self, streams: int, target: float, patience: float = PATIENCE) -> None:
        self.target, self.patience = target, patience
        self.seen = np.zeros((streams, CELLS))
        self.sums = np.zeros((streams, len(POWERS) + len(STAKES)))

    def observe(self, places: Array, scores: Array, asked: Array, thresholds: Array, chances: Array) -> Array:
        """Take in one found positive for each of the streams at `places` and return which of these are alarmed.

        `asked` is the probability with which it was asked, `thresholds` the one that was in force, `chances` a number drawn
        evenly from 0 to 1 that decides between equal scores. All of shape (places,).
        """
        cells = np.minimum((scores * CELLS).astype(int), CELLS - 1)
        first = np.ceil(thresholds * CELLS - 1e-9).astype(int)
        hit, rows = scores >= thresholds, self.seen[places]
        above = np.where(np.arange(CELLS)[None, :] >= first[:, None], rows, 0.0)
        lower = np.where(np.arange(CELLS)[None, :] < cells[:, None], above, 0.0).sum(1)
        equal = np.take_along_axis(above, cells[:, None], 1)[:, 0]
        ranks = np.maximum((lower + chances * (equal + 1)) / (above.sum(1) + 1), 1e-9)
        pays = [np.where(hit & (cells >= first), e * ranks ** (e - 1), 1.0) for e in POWERS]
        pays += [np.where(hit, 1 - g * allowed(self.target), 1 + g / asked) for g in STAKES]
        self.sums[places] = (1 + self.sums[places]) * np.stack(pays, axis=1)
        self.seen[places, cells] += hit
        alarmed: Array = self.sums[places].mean(1) >= self.patience
        return alarmed


class Drift:
    """A stream of found positives, watched for drift. Raises ValueError for a target that is not between 0 and 1."""

    def __init__(self, target: float = 0.95, patience: float = PATIENCE) -> None:
        if not 0 < target < 1 or not patience > 1:
            raise ValueError(f"drift needs a target ({target}) between 0 and 1 and a patience ({patience}) above 1")
        self._one = Drifts(1, target, patience)
        self.positives = 0

    def observe(self, score: float, asked: float, threshold: float) -> bool:
        """Take in a found positive: its score, with what probability it was asked, the threshold in force; true is an alarm."""
        if not 0 < asked <= 1 or not math.isfinite(score):
            raise ValueError(f"score {score} must be a number, and the probability {asked} must lie in (0, 1]")
        digest = hashlib.blake2b(str(self.positives).encode(), digest_size=8, person=b"leadd drift").digest()
        chance = int.from_bytes(digest, "big") / 2**64
        self.positives += 1
        values = (np.array([min(1.0, max(0.0, score))]), np.array([asked]), np.array([threshold]), np.array([chance]))
        return bool(self._one.observe(np.array([0]), *values)[0])

    @property
    def evidence(self) -> float:
        """How strongly the last positives speak for a drift: an alarm at 1."""
        return float(self._one.sums.mean()) / self._one.patience

    @property
    def reason(self) -> str:
        """What speaks loudest."""
        lower, missed = self._one.sums[0, : len(POWERS)].sum(), self._one.sums[0, len(POWERS) :].sum()
        return (
            "wanted signals come with lower scores than before" if lower >= missed else "audits find more misses than allowed"
        )

    def to_state(self) -> dict[str, Any]:
        """All that is known, as plain JSON values."""
        one = self._one
        return {
            "target": one.target,
            "patience": one.patience,
            "positives": self.positives,
            "sums": [float(value) for value in one.sums[0]],
            "seen": [[int(cell), int(one.seen[0, cell])] for cell in np.flatnonzero(one.seen[0])],
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Drift:
        """The watch as it was. Raises ValueError where the state is damaged."""
        try:
            found = cls(float(state["target"]), float(state["patience"]))
            found.positives = int(state["positives"])
            found._one.sums[0] = [float(value) for value in state["sums"]]
            for cell, count in state["seen"]:
                found._one.seen[0, int(cell)] = int(count)
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(f"the kept state of a drift watch is damaged ({error!r}): begin a new one") from None
        return found
