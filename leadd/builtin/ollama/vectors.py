"""Vectors of /api/embed, checked on receipt: a wrong one in the store would be wrong for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadd.api import Failure, ModelFailure
from leadd.builtin.ollama.failures import Refusal
from leadd.builtin.ollama.wire import Deadline, Wire

BATCH = 32
NORM_TOLERANCE = 1e-3


async def embed_texts(wire: Wire, model: str, texts: Sequence[str], *, num_ctx: int, total_s: float) -> NDArray[np.float32]:
    """Vectors of `texts` as (n, d), float32, unit length, in their order; `total_s` is for each batch of 32.

    Raises ModelFailure; where one text is at fault, the message names its place.
    """
    for index, text in enumerate(texts):
        if not text.strip():
            raise ModelFailure(Failure.BAD_REQUEST, f"text {index + 1} of {len(texts)} is empty", model=model)
    batches = _Batches(wire, model, num_ctx, total_s, len(texts))
    parts: list[NDArray[np.float32]] = []
    for start in range(0, len(texts), BATCH):
        parts.extend(await batches.read(list(texts[start : start + BATCH]), start, is_first_try=True))
    if not parts:
        return np.empty((0, 0), dtype=np.float32)
    if len({part.shape[1] for part in parts}) > 1:
        raise _bad("the length of the vectors changed from batch to batch", model)
    return np.concatenate(parts)


class _Batches:
    """The batches of one list of texts.

    One bad text fails its whole batch, and so does a runner that died, both as status 400: the batch is tried once more, then
    halved until the bad text stands alone and can be named.
    """

    def __init__(self, wire: Wire, model: str, num_ctx: int, total_s: float, count: int) -> None:
        self._wire = wire
        self._model = model
        self._num_ctx = num_ctx
        self._total_s = total_s
        self._count = count

    async def read(self, batch: list[str], start: int, *, is_first_try: bool) -> list[NDArray[np.float32]]:
        """Vectors of up to 32 texts in one or more arrays; `start` is the place of the first in the whole list."""
        try:
            return [await self._ask(batch)]
        except Refusal as failure:
            if failure.status != 400 or failure.kind is Failure.MISSING_CAPABILITY:
                raise
            if len(batch) == 1 and (failure.kind is Failure.TOO_LONG or not is_first_try):
                message = f"text {start + 1} of {self._count}: {failure.message}"
                raise ModelFailure(failure.kind, message, raw=failure.raw, model=self._model) from failure
            is_worth_another_try = is_first_try and failure.kind is not Failure.TOO_LONG
        if is_worth_another_try:
            return await self.read(batch, start, is_first_try=False)
        half = len(batch) // 2
        first = await self.read(batch[:half], start, is_first_try=False)
        return first + await self.read(batch[half:], start + half, is_first_try=False)

    async def _ask(self, batch: list[str]) -> NDArray[np.float32]:
        deadline = Deadline(self._total_s, self._total_s, self._model)
        answer = await self._wire.post("/api/embed", embed_payload(self._model, batch, self._num_ctx), deadline)
        return await asyncio.to_thread(read_vectors, answer, len(batch), model=self._model)


def embed_payload(model: str, texts: list[str], num_ctx: int) -> dict[str, Any]:
    """The body for /api/embed. Too long texts are an error there, not cut: the caller cuts what it means to cut."""
    return {"model": model, "input": texts, "truncate": False, "options": {"num_ctx": num_ctx}}


def read_vectors(answer: Mapping[str, Any], count: int, *, model: str) -> NDArray[np.float32]:
    """The vectors as (count, d), float32, unit length. Raises ModelFailure(BAD_VECTOR) for anything else.

    The server normalises by itself; what is off by no more than a thousandth is rounding and mended here.
    """
    rows = answer.get("embeddings")
    if not isinstance(rows, list) or len(rows) != count:
        got = len(rows) if isinstance(rows, list) else "no list of"
        raise _bad(f"{got} vectors for {count} texts", model)
    try:
        matrix = np.asarray(rows, dtype=np.float64)
    except (ValueError, TypeError, OverflowError):
        raise _bad("vectors of different lengths, or not of numbers", model) from None
    if matrix.ndim != 2 or matrix.shape[1] == 0:
        raise _bad(f"vectors of the shape {matrix.shape}", model)
    if not np.isfinite(matrix).all():
        raise _bad("a vector holds numbers that are not finite", model)
    norms = np.linalg.norm(matrix, axis=1)
    worst = float(np.abs(norms - 1.0).max())
    if worst > NORM_TOLERANCE:
        raise _bad(f"a vector's length differs from 1 by {worst:.3g}", model)
    unit: NDArray[np.float32] = (matrix / norms[:, None]).astype(np.float32)
    return unit


def _bad(message: str, model: str) -> ModelFailure:
    return ModelFailure(Failure.BAD_VECTOR, message, model=model)
