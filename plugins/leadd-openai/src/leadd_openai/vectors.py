"""Vectors of /v1/embeddings, checked on receipt: a wrong one in the store would be wrong for ever."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadd.api import Failure, ModelFailure

BATCH = 32
LEAST_LENGTH = 1e-6
"""A vector shorter than this has no direction."""


def embed_payload(model: str, texts: list[str]) -> dict[str, Any]:
    """The body for /v1/embeddings. The number format is named: some clients' default, base64, is not every server's."""
    return {"model": model, "input": texts, "encoding_format": "float"}


def read_vectors(answer: Mapping[str, Any], count: int, *, model: str) -> NDArray[np.float32]:
    """The vectors as (count, d), float32, unit length, in the order of the texts. Raises ModelFailure(BAD_VECTOR).

    Servers differ in whether they bring vectors to unit length: it is done here for all.
    """
    rows = answer.get("data")
    if not isinstance(rows, list) or len(rows) != count:
        got = len(rows) if isinstance(rows, list) else "no list of"
        raise _bad(f"{got} vectors for {count} texts", model)
    try:
        matrix = np.asarray([row["embedding"] for row in _in_order(rows, model)], dtype=np.float64)
    except (ValueError, TypeError, KeyError, OverflowError):
        raise _bad("vectors of different lengths, or not of numbers", model) from None
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        raise _bad(f"vectors of the shape {matrix.shape}", model)
    if not np.isfinite(matrix).all():
        raise _bad("a vector holds numbers that are not finite", model)
    with np.errstate(over="ignore"):
        norms = np.linalg.norm(matrix, axis=1)
    if not np.isfinite(norms).all() or float(norms.min()) < LEAST_LENGTH:
        raise _bad("a vector without direction", model)
    unit: NDArray[np.float32] = (matrix / norms[:, None]).astype(np.float32)
    return unit


def joined(parts: list[NDArray[np.float32]], *, model: str) -> NDArray[np.float32]:
    """Several batches as one. Raises ModelFailure(BAD_VECTOR) where their vectors differ in length."""
    if not parts:
        return np.empty((0, 0), dtype=np.float32)
    if len({part.shape[1] for part in parts}) > 1:
        raise _bad("the length of the vectors changed from batch to batch", model)
    return np.concatenate(parts)


def _in_order(rows: list[Any], model: str) -> list[Any]:
    """The rows by their index; as they came where they have none."""
    places = {row["index"]: row for row in rows if isinstance(row, Mapping) and type(row.get("index")) is int}
    if not places:
        return rows
    if sorted(places) != list(range(len(rows))):
        raise _bad("the places of the vectors are not those of the texts", model)
    return [places[place] for place in range(len(rows))]


def _bad(message: str, model: str) -> ModelFailure:
    return ModelFailure(Failure.BAD_VECTOR, message, model=model)
