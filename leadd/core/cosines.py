"""How near vectors are, once what all of them share is taken out. Brings numpy: imported where vectors are really there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
Vectors = NDArray[np.float32]

ENOUGH = 32
"""Vectors from which a centre means something."""
MOST = 4_096
_LEAST_LENGTH = 1e-6


class Nearness:
    """Cosines of signals with what is wanted, both seen from the centre of all signals.

    What all texts have in common says nothing of any of them: an embedder puts all job adverts into one narrow cone, so that
    raw cosines lie close together, at a height that differs from model to model. From the centre they spread around 0. The
    centre is made anew only when the vectors have doubled in number, and never after 4,096: a figure that wanders with every
    text could not be learnt from.
    """

    def __init__(self) -> None:
        self.count = 0
        self._sum: NDArray[np.float64] | None = None
        self._centre: Vector | None = None
        self._next_at = ENOUGH

    def add(self, vectors: Vectors) -> None:
        """Take in vectors of signals; those of another length than the first ones are no part of it."""
        if not len(vectors) or self.count >= MOST:
            return
        if self._sum is None:
            self._sum = np.zeros(vectors.shape[1])
        if vectors.shape[1] != len(self._sum):
            return
        self._sum += vectors.sum(axis=0, dtype=np.float64)
        self.count += len(vectors)
        if self.count >= self._next_at:
            self._centre = (self._sum / self.count).astype(np.float32)
            while self._next_at <= self.count:
                self._next_at *= 2

    def cosines(self, signals: Mapping[int, Vector], wanted: Mapping[int, Vector]) -> dict[int, dict[int, float]]:
        """The cosine, -1 to 1, of each signal with each thing wanted, by their ids; {} until there are enough vectors."""
        centre = self._centre
        if centre is None or not signals or not wanted:
            return {}
        ours = {number: vector for number, vector in signals.items() if len(vector) == len(centre)}
        theirs = {number: vector for number, vector in wanted.items() if len(vector) == len(centre)}
        if not ours or not theirs:
            return {}
        table = _from(np.stack(list(ours.values())), centre) @ _from(np.stack(list(theirs.values())), centre).T
        rows: list[list[float]] = np.clip(table, -1.0, 1.0).astype(float).tolist()
        return {number: dict(zip(theirs, row, strict=True)) for number, row in zip(ours, rows, strict=True)}


def direction(sentences: Vectors) -> Vector:
    """One unit vector for what several sentences say together."""
    mean = sentences.mean(axis=0)
    return np.asarray(mean / max(float(np.linalg.norm(mean)), _LEAST_LENGTH), dtype=np.float32)


def stack(vectors: Sequence[Vector]) -> Vectors:
    """Vectors of one length as rows of an array."""
    return np.stack(list(vectors))


def _from(vectors: Vectors, centre: Vector) -> Vectors:
    moved = vectors - centre
    lengths = np.linalg.norm(moved, axis=1, keepdims=True)
    unit: Vectors = moved / np.maximum(lengths, _LEAST_LENGTH)
    return unit
