"""What a model owes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar

import numpy as np
import pytest

from leadd.api import (
    Capabilities,
    Chunk,
    Context,
    Failure,
    Health,
    Message,
    Method,
    Model,
    ModelFailure,
    ModelRequest,
    Reply,
    Role,
)
from leadd.testing.contracts.component import ComponentContract, closing

SCHEMA = {
    "type": "object",
    "properties": {"worth": {"type": "string", "enum": ["yes", "no"]}},
    "required": ["worth"],
}


class ModelContract(ComponentContract[Model]):
    """A model gives whole answers or a ModelFailure with a name, and never hangs beyond its deadlines.

    `make` gives a model whose server (where it has one) answers; `make_without_server` one whose server is gone.
    """

    model_name: ClassVar[str] = "test-model"
    missing_name: ClassVar[str | None] = "no-such-model"
    """A model that the server does not have; None where any name will do."""
    embed_name: ClassVar[str | None] = None
    """A model for vectors; None where there are none."""

    def make_without_server(self, ctx: Context) -> Model | None:
        """A model whose server cannot be reached; None where it has no server."""
        return None

    def question(self, text: str = "We look for our first marketing manager.", **changes: Any) -> ModelRequest:
        """A question that the model can answer. Override it for models that read the `subject`."""
        request = ModelRequest(
            role=Role.TRIAGE,
            model=self.model_name,
            messages=(Message("system", "Is it worth a closer look? Answer in JSON."), Message("user", text)),
            max_tokens=64,
            num_ctx=2048,
            schema=SCHEMA,
            options={"temperature": 0},
            idle_s=self.patience_s,
            total_s=self.patience_s,
        )
        return replace(request, **changes)

    async def test_it_says_what_it_can_be_asked(self, ctx: Context) -> None:
        async with self.opened(ctx) as model:
            capabilities = model.capabilities
            assert isinstance(capabilities, Capabilities)
            assert capabilities.roles
            assert capabilities.roles <= set(Role)

    async def test_it_answers_whole(self, ctx: Context) -> None:
        async with self.opened(ctx) as model:
            reply = await self.in_time(model.complete(self.question()))
            is_language_model = model.capabilities.is_language_model
        assert isinstance(reply, Reply)
        assert reply.text.strip()
        assert reply.done_reason == "stop"
        assert reply.method is (Method.MODEL if is_language_model else Method.EVIDENCE)

    async def test_a_stream_ends_with_the_whole_that_its_pieces_make(self, ctx: Context) -> None:
        chunks: list[Chunk] = []
        async with self.opened(ctx) as model:
            async for chunk in model.stream(self.question()):
                chunks.append(chunk)
        assert [chunk.reply is not None for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
        whole = chunks[-1].reply
        assert whole is not None
        assert whole.text == "".join(chunk.text for chunk in chunks)

    async def test_a_stream_left_early_leaves_the_model_usable(self, ctx: Context) -> None:
        async with self.opened(ctx) as model:
            async with closing(model.stream(self.question())) as stream:
                await self.in_time(anext(stream))
            assert (await self.in_time(model.complete(self.question()))).text.strip()

    async def test_many_questions_at_once_get_an_answer_each(self, ctx: Context) -> None:
        async with self.opened(ctx) as model:
            replies = await self.in_time(asyncio.gather(*(model.complete(self.question(f"Text number {i}")) for i in range(6))))
        assert all(reply.text.strip() for reply in replies)

    async def test_a_cancelled_question_leaves_the_model_usable(self, ctx: Context) -> None:
        async with self.opened(ctx) as model:
            for _ in range(3):
                await self.cancel_midway(model.complete(self.question()))
            assert (await self.in_time(model.complete(self.question()))).text.strip()

    async def test_no_time_at_all_is_a_timeout_or_an_answer(self, ctx: Context) -> None:
        async with self.opened(ctx) as model:
            end = await self._end_of(model, self.question(idle_s=1e-6, total_s=1e-6))
        assert isinstance(end, Reply) or end.kind in (Failure.TIMEOUT_IDLE, Failure.TIMEOUT_TOTAL)

    async def test_hostile_texts_get_an_answer_or_a_named_failure(self, ctx: Context) -> None:
        async with self.opened(ctx) as model:
            for text in self.hostile_texts:
                end = await self._end_of(model, self.question(text))
                assert isinstance(end.text if isinstance(end, Reply) else end.kind, str)

    async def test_a_missing_model_is_named_so(self, ctx: Context) -> None:
        if self.missing_name is None:
            return
        async with self.opened(ctx) as model:
            for call in (
                partial(model.complete, self.question(model=self.missing_name)),
                partial(model.digest, self.missing_name),
            ):
                with pytest.raises(ModelFailure) as caught:
                    await self.in_time(call())
                assert caught.value.kind is Failure.MISSING_MODEL

    async def test_a_digest_names_the_weights(self, ctx: Context) -> None:
        async with self.opened(ctx) as model:
            digest = await self.in_time(model.digest(self.model_name))
            assert digest
            assert await self.in_time(model.digest(self.model_name)) == digest

    async def test_health_is_told_and_never_raised(self, ctx: Context) -> None:
        async with self.opened(ctx) as model:
            health = await self.in_time(model.health())
        assert isinstance(health, Health)
        assert health.reachable, health.reason
        assert isinstance(await self.in_time(model.health()), Health), "after close too"

    async def test_a_preload_changes_no_answer(self, ctx: Context) -> None:
        async with self.opened(ctx) as model:
            await self.in_time(model.preload(self.model_name, num_ctx=2048))
            assert (await self.in_time(model.complete(self.question()))).text.strip()

    async def test_without_its_server_everything_says_so(self, ctx: Context) -> None:
        model = self.make_without_server(ctx)
        if model is None:
            return
        await self.in_time(model.open())
        try:
            health = await self.in_time(model.health())
            assert not health.reachable
            assert health.reason
            for call in (partial(model.complete, self.question()), partial(model.digest, self.model_name)):
                with pytest.raises(ModelFailure) as caught:
                    await self.in_time(call())
                assert caught.value.kind is Failure.UNREACHABLE
            assert await self.in_time(model.check())
        finally:
            await self.in_time(model.close())

    async def test_vectors_are_unit_float32_in_order(self, ctx: Context) -> None:
        texts = ["a plumber in Oslo", "marketing", "Ärger mit der Agentur", "\U0001f4a9"]
        async with self.opened(ctx) as model:
            together = await self._vectors(model, texts)
            if together is None:
                return
            alone = [await self._vectors(model, [text]) for text in texts]
            none = await self._vectors(model, [])
        assert together.dtype == np.float32
        assert together.shape[0] == len(texts)
        assert np.allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-5)
        for row, one in zip(together, alone, strict=True):
            assert one is not None
            assert float(row @ one[0]) > 0.99, "vectors come in the order of their texts"
        assert none is not None
        assert len(none) == 0

    async def _end_of(self, model: Model, request: ModelRequest) -> Reply | ModelFailure:
        try:
            return await self.in_time(model.complete(request))
        except ModelFailure as failure:
            return failure

    async def _vectors(self, model: Model, texts: Sequence[str]) -> Any:
        if self.embed_name is None:
            return None
        return await self.in_time(model.embed(self.embed_name, texts, num_ctx=2048))
