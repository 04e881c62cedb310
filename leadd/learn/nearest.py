"""The nearest of many vectors, exactly: one product of a matrix with a vector, seen from the centre of all of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
Vectors = NDArray[np.float32]
Ids = NDArray[np.int64]

CENTRED_FROM = 32
"""Vectors from which a centre means something; below that plain cosines are given."""
_MOVE_AT = 1.25
"""Growth in number after which the centre is worked out anew: each time costs one more product."""
_LEAST = 1e-6


class Nearest:
    """Vectors of unit length by id, held as one matrix of float32 (100,000 of 256 numbers take 100 MB).

    What all texts have in common says nothing of any of them, so that cosines are taken from the centre of all (see
    `leadd.core.cosines`). Rows are added and replaced in place; nothing is worked out twice.
    """

    def __init__(self, width: int) -> None:
        self.width = width
        self._ids: Ids = np.zeros(0, dtype=np.int64)
        self._rows: Vectors = np.zeros((0, width), dtype=np.float32)
        self._along: Vector = np.zeros(0, dtype=np.float32)
        self._places: dict[int, int] = {}
        self._sum = np.zeros(width, dtype=np.float64)
        self._centre: Vector = np.zeros(width, dtype=np.float32)
        self._centred_at = 0

    def __len__(self) -> int:
        return len(self._places)

    @property
    def ids(self) -> Collection[int]:
        """The ids that are held."""
        return self._places.keys()

    def put(self, ids: Sequence[int], vectors: Vectors) -> None:
        """Hold these vectors, in place of older ones of the same ids. Raises ValueError where the width is another."""
        if not len(ids):
            return
        if vectors.ndim != 2 or vectors.shape != (len(ids), self.width):
            raise ValueError(f"{len(ids)} vectors of {self.width} numbers were to come, not an array of {vectors.shape}")
        last = {row_id: number for number, row_id in enumerate(ids)}  # the later of two for one id
        new = [row_id for row_id in last if row_id not in self._places]
        self._make_room(len(self._places) + len(new))
        for row_id in new:
            self._places[row_id] = len(self._places)
        places = np.fromiter((self._places[row_id] for row_id in last), dtype=np.int64, count=len(last))
        rows = np.asarray(vectors[list(last.values())], dtype=np.float32)
        self._sum += rows.sum(axis=0, dtype=np.float64) - self._rows[places].sum(axis=0, dtype=np.float64)
        self._rows[places] = rows
        self._ids[places] = np.fromiter(last, dtype=np.int64, count=len(last))
        self._along[places] = rows @ self._centre
        self._recentre(grown_only=True)

    def drop(self, ids: Collection[int]) -> None:
        """Hold these no longer; the last rows move into their places."""
        for row_id in ids:
            place = self._places.pop(row_id, None)
            if place is None:
                continue
            self._sum -= self._rows[place]
            end = len(self._places)
            if place != end:
                moved = int(self._ids[end])
                self._rows[place], self._ids[place], self._along[place] = self._rows[end], moved, self._along[end]
                self._places[moved] = place
            self._rows[end] = 0.0
        self._recentre(grown_only=False)

    def vector(self, row_id: int) -> Vector | None:
        """The vector of an id, None where it is not held."""
        place = self._places.get(row_id)
        return None if place is None else self._rows[place].copy()

    def top(self, wanted: Vector, count: int) -> list[tuple[int, float]]:
        """Up to `count` ids with their cosine to `wanted` (any length but 0), the nearest first; equal ones by id."""
        size = len(self._places)
        moved = np.asarray(wanted, dtype=np.float32) - self._centre
        length = float(np.linalg.norm(moved))
        if not size or count < 1 or length < _LEAST:
            return []
        moved /= length
        along = self._along[:size]
        near = self._rows[:size] @ moved - float(self._centre @ moved)
        lengths = np.sqrt(np.maximum(1.0 - 2.0 * along + float(self._centre @ self._centre), _LEAST**2))
        near /= np.maximum(lengths, _LEAST)
        best = np.argpartition(near, size - count)[size - count :] if count < size else np.arange(size)
        best = best[np.lexsort((self._ids[best], -near[best]))]
        return [(int(self._ids[place]), min(1.0, max(-1.0, float(near[place])))) for place in best]

    def _make_room(self, size: int) -> None:
        room = len(self._ids)
        if size <= room:
            return
        room = max(size, room + room // 2, 256)
        self._rows = _longer(self._rows, (room, self.width))
        self._ids, self._along = _longer(self._ids, (room,)), _longer(self._along, (room,))

    def _recentre(self, *, grown_only: bool) -> None:
        size = len(self._places)
        if size < CENTRED_FROM:
            if self._centred_at:
                self._centre, self._centred_at = np.zeros(self.width, dtype=np.float32), 0
                self._along[:] = 0.0
            return
        if grown_only and size < self._centred_at * _MOVE_AT:
            return
        if not grown_only and size > self._centred_at / _MOVE_AT:
            return
        self._centre, self._centred_at = (self._sum / size).astype(np.float32), size
        self._along[:size] = self._rows[:size] @ self._centre


def _longer(old: NDArray[Any], shape: tuple[int, ...]) -> NDArray[Any]:
    """A copy with room for more; at 100 MB the old one is let go as soon as it is copied."""
    new = np.zeros(shape, dtype=old.dtype)
    new[: len(old)] = old
    return new
