"""/api/embed and /api/embeddings: vectors in which texts with the same words are near each other."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadd.testing.ollama.catalog import ModelInfo, key_of
from leadd.testing.ollama.early import missing_model, strike_early
from leadd.testing.ollama.errors import ApiError, encode
from leadd.testing.ollama.faults import RUNNING, VECTORS, Fault
from leadd.testing.ollama.requests import keep_alive_s, read_options
from leadd.testing.ollama.runner import Runner, Wish
from leadd.testing.ollama.state import State
from leadd.testing.ollama.stats import prompt_hash
from leadd.testing.ollama.tokens import count
from leadd.testing.ollama.wire import Exchange

WORD = re.compile(r"\w+")
Vector = NDArray[np.float64]


@lru_cache(maxsize=4096)
def _direction(word: str, width: int) -> NDArray[np.float32]:
    seed = int.from_bytes(hashlib.blake2b(word.encode("utf-8", "replace"), digest_size=8).digest(), "little")
    return np.random.default_rng(seed).standard_normal(width, dtype=np.float32)


def embed_text(text: str, width: int) -> Vector:
    """The sum of one fixed random direction for each word: the same for the same words in any order, longer than a unit."""
    vector = np.zeros(width)
    for word in WORD.findall(text.lower()) or [text or " "]:
        vector += _direction(word, width)
    return vector


def _unit(vector: Vector) -> Vector:
    return vector / np.linalg.norm(vector)


class Embedding:
    """Answers both embedding endpoints."""

    def __init__(self, state: State) -> None:
        self._state = state

    async def embed(self, body: Mapping[str, Any], exchange: Exchange) -> None:
        """/api/embed: one unit vector for each input, in input order, or an error for all."""
        given = body.get("input")
        texts = [given] if isinstance(given, str) else given if given is not None else []
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ApiError(400, "invalid input type")
        texts = [] if given == "" else texts
        await self._serve("embed", texts, body, exchange)

    async def embeddings(self, body: Mapping[str, Any], exchange: Exchange) -> None:
        """/api/embeddings: the one vector of the old endpoint, not normalised."""
        prompt = body.get("prompt") or ""
        await self._serve("embeddings", [prompt] if prompt else [], body, exchange)

    async def _serve(self, endpoint: str, texts: list[str], body: Mapping[str, Any], exchange: Exchange) -> None:
        state = self._state
        keep_alive = keep_alive_s(body.get("keep_alive"))
        name = body.get("model") or ""
        info = state.catalog.find(name)
        if endpoint == "embeddings" and (not name or key_of(name) is None):
            raise ApiError(400, "model is required")
        if info is None:
            raise missing_model(state.profile, endpoint, name)
        state.stats.arrive(info.name, "embed")
        try:
            if await strike_early(state, endpoint, info.name, "embed", exchange):
                return
            options = read_options(body.get("options"))
            start = state.clock.monotonic_s()
            runner = await state.scheduler.acquire(Wish(info, options.num_ctx, options.runner, True, keep_alive))
            try:
                loaded = state.clock.monotonic_s()
                vectors, tokens = await self._vectors(endpoint, texts, body, info, runner)
            finally:
                state.scheduler.release(runner)
            self._write(endpoint, name, vectors, tokens, start, loaded, exchange)
            for text in texts:
                state.stats.prompts[prompt_hash(info.name, f"{endpoint}\0{text}")] += 1
            state.stats.completed[info.name, "embed"] += 1
            state.stats.texts_embedded += len(texts)
            state.stats.tokens_read += tokens
        except asyncio.CancelledError:
            state.stats.cancelled += 1
            raise
        finally:
            state.stats.leave(info.name)

    async def _vectors(
        self, endpoint: str, texts: list[str], body: Mapping[str, Any], info: ModelInfo, runner: Runner
    ) -> tuple[list[list[float]], int]:
        state = self._state
        fitted = [self._fitted(endpoint, text, body, info, runner.num_ctx) for text in texts]
        tokens = sum(max(1, count(text)) for text in fitted)
        fault = state.faults.take(RUNNING | VECTORS, endpoint, info.name, "embed")
        slot = await runner.take("")
        try:
            if not state.gate.is_set():
                await state.gate.wait()
            speed = state.speeds.of(info.name)
            seconds = speed.overhead_ms / 1000 + (tokens / speed.prefill_tps if speed.prefill_tps else 0.0)
            if seconds:
                await state.compute.work(seconds)
            if fault is not None:
                state.stats.faults[fault.kind] += 1
                await self._strike(fault, runner)
        finally:
            runner.give(slot)
        width = int(body.get("dimensions") or 0) if state.profile.embed_dimensions else 0
        vectors = [self._one(endpoint, text, info, width) for text in fitted]
        return _spoiled(vectors, fault), tokens

    def _fitted(self, endpoint: str, text: str, body: Mapping[str, Any], info: ModelInfo, num_ctx: int) -> str:
        limit = min(num_ctx, info.context_length)
        native = self._state.profile.native
        if not text:
            raise ApiError(400 if native else 500, "Failed to create new sequence: no input provided")
        if count(text) <= limit:
            return text
        if endpoint == "embeddings" and native:
            raise ApiError(500, "the input length exceeds the context length")
        if body.get("truncate") is False:
            raise ApiError(
                400, f"{'the ' if native else ''}input length exceeds {'the' if native else 'maximum'} context length"
            )
        return text.encode()[: limit * 4].decode("utf-8", "ignore")

    def _one(self, endpoint: str, text: str, info: ModelInfo, width: int) -> list[float]:
        vector = embed_text(text, info.embedding_length)
        if endpoint == "embeddings":
            return [float(value) for value in vector]
        vector = _unit(vector)
        if 0 < width < len(vector):
            vector = _unit(vector[:width])
        return [float(value) for value in vector.astype(np.float32)]

    async def _strike(self, fault: Fault, runner: Runner) -> None:
        state = self._state
        status = 400 if state.profile.native else 500
        if fault.kind == "stall":
            if not fault.delay_s:
                await asyncio.Event().wait()
            await state.clock.sleep(fault.delay_s)
        elif fault.kind in ("crash", "oom"):
            for victim in list(state.scheduler.loaded.values()) if fault.kind == "oom" else [runner]:
                state.scheduler.unload(victim)
            raise ApiError(status, fault.message or 'do embedding request: Post "http://127.0.0.1:35813/embedding": EOF')
        elif fault.kind in RUNNING:
            raise ApiError(status, fault.message or "something broke")

    def _write(
        self, endpoint: str, name: str, vectors: list[list[float]], tokens: int, start: float, loaded: float, exchange: Exchange
    ) -> None:
        if endpoint == "embeddings":
            exchange.whole(200, encode({"embedding": vectors[0] if vectors else []}))
            return
        shape: dict[str, Any] = {"model": name, "embeddings": vectors}
        if vectors:
            now = self._state.clock.monotonic_s()
            shape |= {
                "total_duration": max(1000, round((now - start) * 1e9)),
                "load_duration": max(1000, round((loaded - start) * 1e9)),
                "prompt_eval_count": tokens,
            }
        exchange.whole(200, encode(shape))


def _spoiled(vectors: list[list[float]], fault: Fault | None) -> list[list[float]]:
    if fault is None or not vectors:
        return vectors
    if fault.kind == "zero_vector":
        return [[0.0] * len(vectors[0]), *vectors[1:]]
    if fault.kind == "not_normalised":
        return [[value * 3 for value in vector] for vector in vectors]
    return vectors[:-1] if fault.kind == "missing_vector" else vectors
