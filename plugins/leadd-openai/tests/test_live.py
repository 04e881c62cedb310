"""The same contract against a real server: LEADD_LIVE_OPENAI_URL names it, LEADD_LIVE_OPENAI_MODEL a small model on it.

LEADD_LIVE_OPENAI_EMBED names a model for vectors, where there is one.
"""

from __future__ import annotations

import asyncio
import json
import math
import os
from typing import Any

import pytest
from leadd_openai import OpenAIConfig, OpenAIModel

from leadd.api import Context, Failure, Message, Model, ModelFailure, ModelRequest
from leadd.testing.contracts import ModelContract

URL = os.environ.get("LEADD_LIVE_OPENAI_URL", "")
pytestmark = [pytest.mark.live, pytest.mark.timeout(600), pytest.mark.skipif(not URL, reason="no LEADD_LIVE_OPENAI_URL")]


class TestRealServer(ModelContract):
    patience_s = 240.0
    model_name = os.environ.get("LEADD_LIVE_OPENAI_MODEL", "smollm2")
    embed_name = os.environ.get("LEADD_LIVE_OPENAI_EMBED")

    def make(self, ctx: Context) -> Model:
        return OpenAIModel(OpenAIConfig(endpoint=URL), ctx)

    def make_without_server(self, ctx: Context) -> Model | None:
        return OpenAIModel(OpenAIConfig(endpoint="http://127.0.0.1:9"), ctx)

    def label(self, text: str, **changes: Any) -> ModelRequest:
        messages = (Message("user", f"Answer with one word, yes or no. {text}"),)
        return self.question(**{"messages": messages, "schema": None, "max_tokens": 3, "labels": ("yes", "no")} | changes)

    async def test_an_answer_fits_its_schema(self, ctx: Context) -> None:
        async with self.opened(ctx) as model:
            reply = await self.in_time(model.complete(self.question()))
        assert json.loads(reply.text)["worth"] in ("yes", "no")
        assert reply.usage.prompt_tokens > 10
        assert reply.usage.total_ms > 0

    async def test_a_bare_word_can_be_the_schema(self, ctx: Context) -> None:
        async with self.opened(ctx) as model:
            reply = await self.in_time(model.complete(self.question(schema={"type": "string", "enum": ["yes", "no"]})))
        assert json.loads(reply.text) in ("yes", "no")

    async def test_log_probabilities_are_read(self, ctx: Context) -> None:
        async with self.opened(ctx) as model:
            await self.in_time(model.preload(self.model_name, num_ctx=1024))
            if not model.capabilities.logprobs:
                return
            reply = await self.in_time(model.complete(self.label("Is a cat an animal?")))
        assert reply.logprobs
        for entry in reply.logprobs:
            assert 0 < math.exp(entry["logprob"]) <= 1.01
            assert len(entry["top_logprobs"]) >= 2

    async def test_what_does_not_fit_is_too_long(self, ctx: Context) -> None:
        async with self.opened(ctx) as model:
            with pytest.raises(ModelFailure) as caught:
                await self.in_time(model.complete(self.question("many words " * 9000)))
        assert caught.value.kind is Failure.TOO_LONG

    async def test_an_answer_without_end_meets_its_cap(self, ctx: Context) -> None:
        asked = self.question("Count from 1 to 1000.", schema=None, max_tokens=12)
        async with self.opened(ctx) as model:
            with pytest.raises(ModelFailure) as caught:
                await self.in_time(model.complete(asked))
        assert caught.value.kind is Failure.LENGTH

    async def test_many_at_once_wait_for_a_slot(self, ctx: Context) -> None:
        async with self.opened(ctx) as model:
            replies = await self.in_time(asyncio.gather(*(model.complete(self.question(f"Text {i}")) for i in range(3))))
        assert all(reply.usage.queue_ms >= 0 for reply in replies)
