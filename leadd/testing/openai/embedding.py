"""/v1/embeddings: the fake Ollama's vectors, in the shapes of these servers."""

from __future__ import annotations

import asyncio
import base64
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np

from leadd.testing.ollama.embedding import embed_text
from leadd.testing.ollama.faults import RUNNING, VECTORS, Fault
from leadd.testing.ollama.stats import prompt_hash
from leadd.testing.ollama.tokens import count
from leadd.testing.ollama.wire import Exchange
from leadd.testing.openai.house import House
from leadd.testing.openai.refusals import Refused, encode
from leadd.testing.openai.served import Served

BATCH_TOKENS = 2048
"""llama.cpp's physical batch: a text that it embeds has to fit into one."""


class Embedding:
    """Answers with one vector for each text, or an error for all."""

    def __init__(self, house: House) -> None:
        self._house = house

    async def answer(self, body: Mapping[str, Any], exchange: Exchange) -> None:
        """Answer one request. Raises Refused."""
        house = self._house
        model = self._model(str(body.get("model") or ""))
        given = body.get("input")
        texts = [given] if isinstance(given, str) else given
        if not isinstance(texts, list) or not texts or not all(isinstance(text, str) for text in texts):
            raise house.refused(400, '"input" must not be empty' if texts == [] else '"input" or "content" must be provided')
        fault = house.take_fault(RUNNING | VECTORS, "embed", model.id, "embed")
        for text in texts:
            self._check_length(model, text)
        if house.flavour == "lmstudio":
            house.pool(model)
        tokens = sum(max(1, count(text)) for text in texts)
        speed = house.speeds.of(model.id)
        seconds = speed.overhead_ms / 1000 + (tokens / speed.prefill_tps if speed.prefill_tps else 0.0)
        if seconds:
            await house.compute.work(seconds)
        if fault is not None:
            await self._strike(fault)
        exchange.whole(200, encode(self._shape(model, texts, tokens, fault, body.get("encoding_format"))))
        for text in texts:
            house.stats.prompts[prompt_hash(model.id, f"embed\0{text}")] += 1
        house.stats.completed[model.id, "embed"] += 1
        house.stats.texts_embedded += len(texts)
        house.stats.tokens_read += tokens

    def _model(self, name: str) -> Served:
        house = self._house
        found = house.find(name)
        if house.flavour == "llamacpp":
            if not house.embeddings:
                raise house.refused(501, "This server does not support embeddings. Start it with `--embeddings`")
            return found or next(iter(house.models.values()))
        if found is None:
            raise house.refused(404, f"The model `{name}` does not exist.", param="model", kind=self._missing_kind())
        if not found.embeds_only:
            if house.flavour == "vllm":
                raise house.refused(400, "The model does not support Embeddings API")
            raise house.refused(400, f'Model "{name}" is not an embedding model.')
        return found

    def _missing_kind(self) -> str:
        return "" if self._house.flavour == "vllm" else "model_not_found"

    def _check_length(self, model: Served, text: str) -> None:
        house, tokens = self._house, count(text)
        limit = min(BATCH_TOKENS if house.flavour == "llamacpp" else house.num_ctx, model.n_ctx_train)
        if tokens <= limit:
            return
        if house.flavour == "llamacpp":
            message = f"input ({tokens} tokens) is too large to process. increase the physical batch size"
            raise house.refused(500, f"{message} (current batch size: {limit})")
        if house.flavour == "vllm":
            raise house.refused(
                400, f"This model's maximum context length is {limit} tokens. However, you requested {tokens} tokens."
            )

    def _shape(self, model: Served, texts: list[str], tokens: int, fault: Fault | None, encoding: object) -> dict[str, Any]:
        house = self._house
        rows = []
        for place, text in enumerate(texts):
            vector = embed_text(text, model.width)
            if not house.has("not_normalised"):
                vector = vector / np.linalg.norm(vector)
            values = [float(value) for value in vector.astype(np.float32)]
            row: dict[str, Any] = {"object": "embedding", "index": place, "embedding": values}
            if encoding == "base64":
                row["embedding"] = base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()
            if house.has("no_index"):
                del row["index"]
            rows.append(row)
        if fault is not None and fault.kind == "zero_vector":
            rows[0]["embedding"] = [0.0] * model.width
        if fault is not None and fault.kind == "missing_vector":
            rows.pop()
        if not house.has("no_index") and house.split is not None:
            house.split.shuffle(rows)  # in whatever order they were ready
        return {
            "object": "list",
            "data": rows,
            "model": model.id,
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }

    async def _strike(self, fault: Fault) -> None:
        if fault.kind == "stall":
            if not fault.delay_s:
                await asyncio.Event().wait()
            await self._house.clock.sleep(fault.delay_s)
        elif fault.kind in RUNNING:
            raise self._failed(fault)

    def _failed(self, fault: Fault) -> Refused:
        words = {"oom": "failed to allocate compute buffers: out of memory", "crash": "Compute error."}
        return self._house.refused(500, fault.message or words.get(fault.kind, "something broke"))
