"""Embedding many texts: batches, checked vectors, and a search by halves for the one text that spoils a batch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from leadd.api import Failure, ModelFailure
from leadd.inference.answers.text_faults import TextFault

Vectors = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Awaitable[Vectors]]

UNIT_TOLERANCE = 0.01
_HALVED = frozenset(
    {Failure.BAD_REQUEST, Failure.TOO_LONG, Failure.BAD_VECTOR, Failure.CRASHED, Failure.BROKEN_STREAM, Failure.EMPTY}
)


async def embed_all(texts: Sequence[str], embed: Embed, *, batch: int) -> Vectors:
    """Unit vectors in input order. Raises ModelFailure; where one text is at fault it is a TextFault, which says which.

    A server refuses a whole batch for one bad text, and answers 400 also where its runner died: so a batch is tried twice,
    then halved.
    """
    for number, text in enumerate(texts):
        if not text.strip():
            raise TextFault(Failure.EMPTY, f"text {number} is empty", place=number)
    if not texts:
        return np.zeros((0, 0), dtype=np.float32)
    parts = [await _embed_part(texts[start : start + batch], embed, start) for start in range(0, len(texts), batch)]
    if len({part.shape[1] for part in parts}) > 1:
        raise ModelFailure(Failure.BAD_VECTOR, "vectors of different lengths from one model")
    return np.concatenate(parts)


async def _embed_part(texts: Sequence[str], embed: Embed, start: int) -> Vectors:
    try:
        return await _twice(texts, embed)
    except ModelFailure as failure:
        if failure.kind not in _HALVED:
            raise
        if len(texts) == 1:
            raise TextFault(failure.kind, f"text {start}: {failure.message}", place=start, model=failure.model) from None
    half = len(texts) // 2
    left = await _embed_part(texts[:half], embed, start)
    right = await _embed_part(texts[half:], embed, start + half)
    return np.concatenate([left, right])


async def _twice(texts: Sequence[str], embed: Embed) -> Vectors:
    try:
        return checked(await embed(texts), len(texts))
    except ModelFailure as failure:
        if failure.kind not in _HALVED:
            raise
    return checked(await embed(texts), len(texts))


def checked(vectors: Vectors, count: int) -> Vectors:
    """The vectors as float32 where there is one of unit length for each text. Raises ModelFailure BAD_VECTOR."""
    array = np.asarray(vectors, dtype=np.float32)
    if array.ndim != 2 or array.shape[0] != count or not array.shape[1]:
        raise ModelFailure(Failure.BAD_VECTOR, f"shape {array.shape} for {count} texts")
    if not np.isfinite(array).all():
        raise ModelFailure(Failure.BAD_VECTOR, "a vector holds no number")
    lengths = np.linalg.norm(array, axis=1)
    if np.abs(lengths - 1.0).max() > UNIT_TOLERANCE:
        raise ModelFailure(
            Failure.BAD_VECTOR, f"a vector of length {float(lengths[np.abs(lengths - 1.0).argmax()]):.3f}, not 1"
        )
    return array
