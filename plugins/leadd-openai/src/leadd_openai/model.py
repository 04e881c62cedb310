"""The model component `openai`: asks an OpenAI-compatible server, and names every way in which that can fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, ClassVar

from leadd.api import (
    Capabilities,
    Chunk,
    ComponentConfig,
    Context,
    Failure,
    Health,
    Model,
    ModelFailure,
    ModelRequest,
    Reply,
    Role,
)
from leadd_openai.advice import advice
from leadd_openai.answers import AnswerReader
from leadd_openai.catalog import Catalog, Entry
from leadd_openai.failures import Refusal
from leadd_openai.loading import Loading
from leadd_openai.manners import Flavour
from leadd_openai.payloads import CHAT, chat_payload, left_out, wants_logprobs
from leadd_openai.settings import OpenAIConfig
from leadd_openai.survey import CATALOG_AGE_S, Survey
from leadd_openai.wire import Deadline, Wire

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHORT_ANSWER_TOKENS = 256
"""Answers capped at no more come in one piece from servers that tell their own times. Longer ones are streamed and joined, so
that `idle_s` can tell a slow answer from none; from servers that tell no times all are, to see when the first piece comes."""


class OpenAIModel(Model):
    """Language models and embeddings of one OpenAI-compatible server. Opening it needs no server; asking does."""

    name: ClassVar[str] = "openai"
    Config: ClassVar[type[ComponentConfig]] = OpenAIConfig
    config: OpenAIConfig

    def __init__(self, config: OpenAIConfig, ctx: Context) -> None:
        super().__init__(config, ctx)
        self._wire = Wire(config.endpoint, config.connect_s, allow_remote=config.allow_remote)
        self._survey = Survey(self._wire, config.flavour, ctx.clock, ctx.log)
        self._loading = Loading(self._wire, self._survey, ctx.clock)
        self._left_out: set[str] = set()

    async def open(self) -> None:
        key = self.ctx.secret(self.config.api_key) if self.config.api_key is not None else ""
        await self._wire.open(key)

    async def close(self) -> None:
        await self._wire.close()

    @property
    def capabilities(self) -> Capabilities:
        """All roles. Log-probabilities where the kind of server promises them, or where an answer has shown them."""
        logprobs = self._survey.manners.gives_logprobs(self._survey.flavour)
        return Capabilities(frozenset(Role), is_language_model=True, streams=True, logprobs=logprobs)

    @property
    def catalog(self) -> Catalog | None:
        """What the server said of itself last: kind, version, models, windows, slots; None where it is not known."""
        return self._survey.catalog

    async def complete(self, request: ModelRequest) -> Reply:
        deadline = self._deadline(request)
        entry = await self._entry(request, deadline)
        if request.max_tokens > SHORT_ANSWER_TOKENS or self._survey.flavour is not Flavour.LLAMACPP:
            async with aclosing(self._pieces(request, entry, deadline)) as chunks:
                async for chunk in chunks:
                    if chunk.reply is not None:
                        return chunk.reply
            raise AssertionError("a stream ends with its reply or raises")
        reader = self._reader(request, entry)
        try:
            while True:
                payload = self._question(request, entry, stream=False)
                try:
                    reader.take(await self._wire.post(CHAT, payload, deadline))
                    break
                except Refusal as refusal:
                    self._yield_to(refusal, payload, request)
        except ModelFailure as failure:
            self._survey.note(failure)
            raise
        return self._reply(reader, request, entry, streamed=False)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        deadline = self._deadline(request)
        entry = await self._entry(request, deadline)
        async with aclosing(self._pieces(request, entry, deadline)) as chunks:
            async for chunk in chunks:
                yield chunk

    async def embed(self, model: str, texts: Sequence[str], *, num_ctx: int) -> NDArray[np.float32]:
        from leadd_openai.vectors import (  # noqa: PLC0415 - brings numpy, which only vectors need
            BATCH,
            embed_payload,
            joined,
            read_vectors,
        )

        parts = []
        try:
            entry = await self._survey.find(model, self._probe(model))
            for start in range(0, len(texts), BATCH):
                batch = list(texts[start : start + BATCH])
                deadline = Deadline(self.config.embed_s, self.config.embed_s, model)
                answer = await self._wire.post("/v1/embeddings", embed_payload(entry.id, batch), deadline)
                parts.append(await asyncio.to_thread(read_vectors, answer, len(batch), model=model))
        except ModelFailure as failure:
            self._survey.note(failure)
            raise
        return joined(parts, model=model)

    async def health(self) -> Health:
        try:
            catalog = await self._survey.look(self._probe())
        except ModelFailure as failure:
            self._survey.note(failure)
            return Health(reachable=False, reason=failure.message)
        return Health(True, "", catalog.version, self._survey.latency_ms, catalog.digests, catalog.loaded)

    async def check(self) -> str | None:
        seen = await self.health()
        if not seen.reachable:
            return f"no server answers at {self.config.endpoint}: {seen.reason}"
        return advice(self._survey.catalog, self.config) if self._survey.catalog is not None else None

    async def digest(self, model: str) -> str:
        try:
            return (await self._survey.find(model, self._probe(model), age_s=CATALOG_AGE_S)).digest
        except ModelFailure as failure:
            self._survey.note(failure)
            raise

    async def preload(self, model: str, *, num_ctx: int) -> None:
        """Wait until the server has loaded its model, then ask one token of this one: that loads it where it is not.

        Raises ModelFailure; LOAD_STALLED where that takes longer than `load_s`.
        """
        deadline = Deadline(self.config.load_s, self.config.load_s, model)
        try:
            entry = await self._loading.ready(model, deadline)
            if 0 < entry.window < num_ctx:
                self.ctx.log.warning(
                    "model %s has a window of %d tokens, %d are set: long texts will be refused", model, entry.window, num_ctx
                )
            await self._loading.ask_once(entry, deadline)
        except ModelFailure as failure:
            self._survey.note(failure)
            if failure.kind in (Failure.TIMEOUT_TOTAL, Failure.TIMEOUT_IDLE):
                message = f"not loaded within {self.config.load_s:g} s"
                raise ModelFailure(Failure.LOAD_STALLED, message, model=model) from failure
            raise

    async def unload(self, model: str) -> None:
        """Send a model out of memory: a router's or LM Studio's; nothing happens elsewhere. Raises ModelFailure."""
        await self._loading.unload(model, self._probe(model))

    async def _pieces(self, request: ModelRequest, entry: Entry, deadline: Deadline) -> AsyncGenerator[Chunk, None]:
        reader = self._reader(request, entry)
        try:
            async with aclosing(self._events(request, entry, deadline)) as events:
                async for event in events:
                    if text := reader.take(event):
                        yield Chunk(text)
        except ModelFailure as failure:
            self._survey.note(failure)
            raise
        yield Chunk("", self._reply(reader, request, entry, streamed=True))

    async def _events(self, request: ModelRequest, entry: Entry, deadline: Deadline) -> AsyncGenerator[dict[str, Any], None]:
        """The events of an answer; a question that the server refuses for its form is asked again in another one."""
        while True:
            payload = self._question(request, entry, stream=True)
            has_begun = False
            try:
                async with aclosing(self._wire.events(CHAT, payload, deadline)) as events:
                    async for event in events:
                        has_begun = True
                        yield event
                return
            except Refusal as refusal:
                if has_begun:
                    raise
                self._yield_to(refusal, payload, request)

    def _question(self, request: ModelRequest, entry: Entry, *, stream: bool) -> dict[str, Any]:
        flavour, manners = self._survey.flavour, self._survey.manners
        for option in left_out(request, flavour, manners):
            if option not in self._left_out:
                self._left_out.add(option)
                self.ctx.log.warning("option '%s' is not sent: a server of the kind '%s' does not take it", option, flavour)
        # by the name that the server uses: vLLM wants its very letters
        return chat_payload(request, flavour, manners, stream=stream) | {"model": entry.id}

    def _yield_to(self, refusal: Refusal, payload: Mapping[str, Any], request: ModelRequest) -> None:
        """Return where the question is worth another try in another form; raises the refusal where it is not."""
        changed = self._survey.manners.learn(refusal, payload, request.schema)
        if changed is None:
            if wants_logprobs(request) and not self.capabilities.logprobs:
                kind = Failure.MISSING_CAPABILITY
                raise ModelFailure(kind, refusal.message, raw=refusal.raw, model=request.model) from refusal
            raise refusal
        if changed:
            self.ctx.log.warning("the server refuses %s (%s): asked without it from now on", changed, refusal.message)

    def _reader(self, request: ModelRequest, entry: Entry) -> AnswerReader:
        return AnswerReader(request.model, self.ctx.clock.monotonic_s, labels=request.labels, window=entry.window)

    def _reply(self, reader: AnswerReader, request: ModelRequest, entry: Entry, *, streamed: bool) -> Reply:
        catalog = self._survey.catalog
        other = catalog.find(reader.answered_by) if catalog is not None and reader.answered_by else None
        if other is not None and other.id != entry.id:
            self._survey.catalog = None
            message = f"the server answered with '{other.id}' instead of '{entry.id}'"
            raise ModelFailure(Failure.MISSING_MODEL, message, model=request.model)
        reply = reader.reply(
            digest=entry.digest, server_version=catalog.version if catalog is not None else "", streamed=streamed
        )
        if wants_logprobs(request):
            self._survey.manners.logprobs = reader.has_logprobs
        return reply

    async def _entry(self, request: ModelRequest, deadline: Deadline) -> Entry:
        try:
            entry = await self._survey.find(request.model, deadline)
        except ModelFailure as failure:
            self._survey.note(failure)
            raise
        deadline.heard()
        return entry

    def _probe(self, model: str = "") -> Deadline:
        return Deadline(self.config.probe_s, self.config.probe_s, model)

    def _deadline(self, request: ModelRequest) -> Deadline:
        return Deadline(request.idle_s, request.total_s, request.model)
