"""How near titles and texts are to each function, by vectors that the caller brings (WordLlama, Ollama), without a label.

Vectors of ads lie in one narrow cone. Seen from the centre of the stream they spread, and a cosine is then read by where it
stands among those of the stream, function by function: every embedding model has a scale of its own.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from leadd.api.folding import fold
from leadd.learn.words.expansion import Expansion

Floats = NDArray[np.float64]
Vectors = NDArray[np.float32]

ENOUGH = 50
"""Signals before which nearness says nothing."""
_MOST = 20_000
_TELLING_TITLE = 0.7


def prototypes(expansion: Expansion) -> list[list[str]]:
    """For every function, wanted ones first, then rivals: the titles whose vectors make its centre. For the caller to embed."""
    found = []
    for name in (*expansion.functions, *expansion.rivals):
        terms = expansion.terms_of(name)
        telling = [t.words.strip("*") for t in terms if t.where == "title" and t.weight >= _TELLING_TITLE]
        found.append(list(dict.fromkeys(fold(words) for words in telling or [name])))
    return found


class GroupNearness:
    """Where signals stand in nearness to each function. `titles[i]` are the vectors of the prototypes of function i, (k, d)."""

    def __init__(self, titles: Sequence[Vectors]) -> None:
        centres = np.stack([vectors.mean(axis=0) for vectors in titles]).astype(np.float64)
        self._wanted = _unit(centres - centres.mean(axis=0))
        size = self._wanted.shape[1]
        self.count = 0
        self._sums = np.zeros((2, size))
        self._cosines = np.zeros((2, len(titles)))
        self._squares = np.zeros((2, len(titles)))

    def note(self, titles: Vectors, texts: Vectors) -> None:
        """Take in the vectors of signals, (n, d) each; after 20,000 no more, so that the scale stands still."""
        if self.count >= _MOST or not len(titles):
            return
        self.count += len(titles)
        self._sums += [titles.sum(axis=0, dtype=np.float64), texts.sum(axis=0, dtype=np.float64)]
        found = np.stack([self._near(titles, 0), self._near(texts, 1)])
        self._cosines += found.sum(axis=1)
        self._squares += (found * found).sum(axis=1)

    def standings(self, titles: Vectors, texts: Vectors) -> tuple[Floats, Floats] | None:
        """(n, functions) for titles and for texts, in deviations, at most 3; None before `ENOUGH` signals were noted."""
        if self.count < ENOUGH:
            return None
        return self._standing(titles, 0), self._standing(texts, 1)

    def _standing(self, vectors: Vectors, which: int) -> Floats:
        mean = self._cosines[which] / self.count
        deviation = np.sqrt(np.maximum(self._squares[which] / self.count - mean * mean, 1e-6))
        found: Floats = np.clip((self._near(vectors, which) - mean) / deviation, -3.0, 3.0)
        return found

    def _near(self, vectors: Vectors, which: int) -> Floats:
        centred = _unit(vectors.astype(np.float64) - self._sums[which] / max(1, self.count))
        found: Floats = centred @ self._wanted.T
        return found


def _unit(vectors: Floats) -> Floats:
    found: Floats = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return found
