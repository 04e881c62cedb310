"""Vectors as bytes for the database and back. Brings numpy: imported where vectors are really kept, not before."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float32]
Vectors = NDArray[np.float32]

UNIT_TOLERANCE = 0.01
KEPT = np.dtype("<f2")
"""Two bytes a number: the parts of a unit vector lie within ±1, where the error of a cosine stays below a thousandth, and a
signal's 768 numbers take 1.5 kB instead of 3."""


def to_bytes(vectors: Vectors) -> list[bytes]:
    """One byte string for each vector. Raises ValueError where the array is none of finite vectors of unit length."""
    array = np.asarray(vectors, dtype=np.float32)
    if array.ndim != 2 or not array.shape[1]:
        raise ValueError(f"an array of the shape {array.shape} holds no vectors")
    lengths = np.linalg.norm(array, axis=1)
    if not np.isfinite(lengths).all() or (len(lengths) and float(np.abs(lengths - 1.0).max()) > UNIT_TOLERANCE):
        raise ValueError("a vector is not of unit length")
    return [row.tobytes() for row in array.astype(KEPT)]


def from_bytes(rows: Sequence[tuple[int, int, bytes]]) -> dict[int, Vector]:
    """The vectors of rows (id, dimensions, bytes) by id, of unit length again. A row that is damaged is left out."""
    found: dict[int, Vector] = {}
    for row_id, dimensions, raw in rows:
        if dimensions <= 0 or len(raw) != dimensions * KEPT.itemsize:
            continue
        vector = np.frombuffer(raw, dtype=KEPT).astype(np.float32)
        length = float(np.linalg.norm(vector))
        if abs(length - 1.0) <= UNIT_TOLERANCE:  # never true of NaN
            found[row_id] = (vector / length).astype(np.float32)
    return found


def matrix_of(rows: Sequence[tuple[int, int, bytes]], width: int) -> tuple[list[int], Vectors]:
    """As `from_bytes` for very many rows at once: ids, and their vectors as rows of one array, of `width` numbers each."""
    whole = [(row_id, raw) for row_id, dimensions, raw in rows if dimensions == width and len(raw) == width * KEPT.itemsize]
    array = np.frombuffer(b"".join(raw for _, raw in whole), dtype=KEPT).astype(np.float32).reshape(len(whole), width)
    lengths = np.linalg.norm(array, axis=1)
    sound = np.abs(lengths - 1.0) <= UNIT_TOLERANCE  # never true of NaN
    ids = [row_id for (row_id, _), good in zip(whole, sound.tolist(), strict=True) if good]
    return ids, array[sound] / lengths[sound, None]


def stacked(vectors: Sequence[Vector]) -> Vectors:
    """The vectors as rows of one array, those of the first one's length; shape (0, 0) where there are none."""
    same = [vector for vector in vectors if len(vector) == len(vectors[0])]
    return np.stack(same) if same else np.zeros((0, 0), dtype=np.float32)
