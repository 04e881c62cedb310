"""The model plugin `ollama`: asks an Ollama server on its own wire, and names every way in which that can fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from leadd.api import (
    Capabilities,
    Chunk,
    ComponentConfig,
    Context,
    Failure,
    Health,
    LoadedModel,
    Message,
    Model,
    ModelFailure,
    ModelRequest,
    Reply,
    Role,
)
from leadd.builtin.ollama.advice import advice
from leadd.builtin.ollama.catalog import (
    Catalog,
    ModelDetails,
    read_catalog,
    read_details,
    read_loaded,
    read_version,
)
from leadd.builtin.ollama.chat import AnswerReader, chat_payload, load_payload
from leadd.builtin.ollama.making import create, delete
from leadd.builtin.ollama.naming import (
    EMBED_SINCE,
    LOGPROBS_SINCE,
    SCHEMA_SINCE,
    ServerVersion,
    full_name,
    runs_in_the_cloud,
)
from leadd.builtin.ollama.settings import OllamaConfig
from leadd.builtin.ollama.wire import Deadline, Wire

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SHORT_ANSWER_TOKENS = 256
"""Answers capped at no more come in one piece: nothing half to keep, but the server is silent until their end. Longer ones are
streamed and joined, so that `idle_s` can tell a slow answer from none."""
CATALOG_AGE_S = 10.0
LOADED_S = 2.0
"""/api/ps waits for the scheduler's locks and can stall; what it says is a nicety."""
PULL_IDLE_S = 900.0
"""A pull is silent while it checks the hash of gigabytes."""


class OllamaModel(Model):
    """Language models and embeddings of one Ollama server. Opening it needs no server; asking does."""

    name: ClassVar[str] = "ollama"
    Config: ClassVar[type[ComponentConfig]] = OllamaConfig
    config: OllamaConfig

    def __init__(self, config: OllamaConfig, ctx: Context) -> None:
        super().__init__(config, ctx)
        self._wire = Wire(config.endpoint, config.connect_s)
        self._catalog: Catalog | None = None
        self._catalog_lock = asyncio.Lock()
        self._version = ""
        self._left_out: set[str] = set()

    async def open(self) -> None:
        await self._wire.open()

    async def close(self) -> None:
        await self._wire.close()

    @property
    def capabilities(self) -> Capabilities:
        """By the version that `health` or `digest` saw last; a server that was never seen is taken for a current one."""
        version = ServerVersion.parse(self._version)
        roles = set(Role)
        if version is not None and version < SCHEMA_SINCE:
            roles &= {Role.EMBED}
        if version is not None and version < EMBED_SINCE:
            roles -= {Role.EMBED}
        has_logprobs = version is not None and version >= LOGPROBS_SINCE
        return Capabilities(frozenset(roles), is_language_model=True, streams=True, logprobs=has_logprobs)

    async def complete(self, request: ModelRequest) -> Reply:
        if request.max_tokens > SHORT_ANSWER_TOKENS:
            async with aclosing(self.stream(request)) as chunks:
                async for chunk in chunks:
                    if chunk.reply is not None:
                        return chunk.reply
            raise AssertionError("a stream ends with its reply or raises")
        payload = self._question(request, stream=False)
        reader = AnswerReader(request.model, request.labels)
        try:
            reader.take(await self._wire.post("/api/chat", payload, self._deadline(request)))
        except ModelFailure as failure:
            self._note(failure)
            raise
        return self._reply(reader, request)

    async def stream(self, request: ModelRequest) -> AsyncGenerator[Chunk, None]:
        payload = self._question(request, stream=True)
        reader = AnswerReader(request.model, request.labels)
        last = ""
        try:
            async with aclosing(self._wire.lines("/api/chat", payload, self._deadline(request))) as events:
                async for event in events:
                    last = reader.take(event) if not reader.is_done else last
                    if last and not reader.is_done:
                        yield Chunk(last)
        except ModelFailure as failure:
            self._note(failure)
            raise
        yield Chunk(last, self._reply(reader, request))

    async def embed(self, model: str, texts: Sequence[str], *, num_ctx: int) -> NDArray[np.float32]:
        from leadd.builtin.ollama.vectors import embed_texts  # noqa: PLC0415 - brings numpy, which only vectors need

        self._refuse_cloud(model)
        try:
            return await embed_texts(self._wire, model, texts, num_ctx=num_ctx, total_s=self.config.embed_s)
        except ModelFailure as failure:
            self._note(failure)
            raise

    async def health(self) -> Health:
        started = self.ctx.clock.monotonic_s()
        try:
            self._version = read_version(await self._wire.get("/api/version", self._probe()))
            latency_ms = (self.ctx.clock.monotonic_s() - started) * 1000.0
            catalog = await self._read_catalog()
        except ModelFailure as failure:
            self._note(failure)
            return Health(reachable=False, reason=failure.message)
        try:
            loaded: tuple[LoadedModel, ...] | None = await self.loaded()
        except ModelFailure:
            loaded = None
        return Health(True, "", self._version, latency_ms, dict(catalog.models), loaded)

    async def check(self) -> str | None:
        seen = await self.health()
        if not seen.reachable:
            return f"Ollama does not answer at {self.config.endpoint}: {seen.reason}"
        return advice(seen.version, self.config)

    async def digest(self, model: str) -> str:
        self._refuse_cloud(model)
        async with self._catalog_lock:
            catalog = self._catalog
            if catalog is None or self.ctx.clock.monotonic_s() - catalog.read_at_s > CATALOG_AGE_S:
                try:
                    catalog = await self._read_catalog()
                    if not self._version:
                        self._version = read_version(await self._wire.get("/api/version", self._probe()))
                except ModelFailure as failure:
                    self._note(failure)
                    raise
        self._refuse_cloud(model)  # again: the list tells of models that run elsewhere under a plain name
        found = catalog.digest(model)
        if found is None:
            raise ModelFailure(Failure.MISSING_MODEL, f"model '{model}' is not there (ollama pull {model})", model=model)
        return found

    async def preload(self, model: str, *, num_ctx: int) -> None:
        self._refuse_cloud(model)
        payload = load_payload(model, num_ctx, self.config.keep_alive)
        try:
            await self._load("/api/chat", payload, model)
        except ModelFailure as failure:
            if failure.kind is not Failure.MISSING_CAPABILITY:
                raise
            # a model for vectors only: an empty list of texts loads it
            del payload["messages"], payload["stream"]
            await self._load("/api/embed", {**payload, "input": []}, model)

    async def unload(self, model: str) -> None:
        """Send a model out of the server's memory once it is idle. Raises ModelFailure."""
        await self._wire.post("/api/generate", {"model": model, "keep_alive": 0, "stream": False}, self._probe(model))

    async def pull(self, model: str) -> AsyncGenerator[tuple[str, int, int], None]:
        self._refuse_cloud(model)
        deadline = Deadline(PULL_IDLE_S, float("inf"), model)
        status = ""
        async with aclosing(self._wire.lines("/api/pull", {"model": model, "stream": True}, deadline)) as events:
            async for event in events:
                status = str(event.get("status", ""))
                yield status, _bytes(event, "completed"), _bytes(event, "total")
        self._catalog = None
        if status != "success":
            raise ModelFailure(Failure.BROKEN_STREAM, f"the download ended at '{status}'", model=model)

    async def make_model(
        self, name: str, base: str, messages: Sequence[Message], parameters: Mapping[str, Any], adapter: Path | None = None
    ) -> AsyncGenerator[str, None]:
        """Make a model of another one here: what the server says as it goes. Raises ModelFailure, OSError for the adapter."""
        self._refuse_cloud(base)
        if not self._version:
            self._version = read_version(await self._wire.get("/api/version", self._probe()))
        async with aclosing(create(self._wire, self._version, name, base, messages, parameters, adapter)) as steps:
            async for step in steps:
                yield step
        self._catalog = None

    async def remove_model(self, name: str) -> None:
        """Take a model off this server; one that is not there is gone already. Raises ModelFailure."""
        await delete(self._wire, name, self._probe(name))
        self._catalog = None

    async def show(self, model: str) -> ModelDetails:
        """What the server knows of one model. Raises ModelFailure, MISSING_MODEL where it has none of that name."""
        return read_details(await self._wire.post("/api/show", {"model": model}, self._probe(model)))

    async def loaded(self) -> tuple[LoadedModel, ...]:
        """The models in the server's memory. Raises ModelFailure, also where the server is too busy to say."""
        seconds = min(LOADED_S, self.config.probe_s)
        return read_loaded(await self._wire.get("/api/ps", Deadline(seconds, seconds)))

    def _question(self, request: ModelRequest, *, stream: bool) -> dict[str, Any]:
        self._refuse_cloud(request.model)
        payload, left_out = chat_payload(request, stream=stream)
        for option in left_out:
            if option not in self._left_out:
                self._left_out.add(option)
                self.ctx.log.warning("option '%s' is not sent: it would make the server reload its model", option)
        return payload

    def _reply(self, reader: AnswerReader, request: ModelRequest) -> Reply:
        digest = self._catalog.digest(request.model) if self._catalog is not None else None
        return reader.reply(digest=digest or "", server_version=self._version)

    async def _load(self, path: str, payload: dict[str, Any], model: str) -> None:
        try:
            answer = await self._wire.post(path, payload, Deadline(self.config.load_s, self.config.load_s, model))
        except ModelFailure as failure:
            self._note(failure)
            if failure.kind in (Failure.TIMEOUT_TOTAL, Failure.TIMEOUT_IDLE):
                message = f"not loaded within {self.config.load_s:g} s"
                raise ModelFailure(Failure.LOAD_STALLED, message, model=model) from failure
            raise
        if path == "/api/chat" and answer.get("done") is not True:
            raise ModelFailure(
                Failure.LOADING_FAILED, "the server does not say that it is loaded", raw=str(answer), model=model
            )

    async def _read_catalog(self) -> Catalog:
        answer = await self._wire.get("/api/tags", self._probe())
        self._catalog = read_catalog(answer, self.ctx.clock.monotonic_s())
        return self._catalog

    def _probe(self, model: str = "") -> Deadline:
        return Deadline(self.config.probe_s, self.config.probe_s, model)

    def _deadline(self, request: ModelRequest) -> Deadline:
        return Deadline(request.idle_s, request.total_s, request.model)

    def _note(self, failure: ModelFailure) -> None:
        """A server that was away may come back as another version with other models: look again before trusting."""
        if failure.kind in (Failure.UNREACHABLE, Failure.WRONG_SERVER):
            self._version = ""
        if failure.kind in (Failure.UNREACHABLE, Failure.WRONG_SERVER, Failure.MISSING_MODEL):
            self._catalog = None

    def _refuse_cloud(self, model: str) -> None:
        is_remote = self._catalog is not None and full_name(model) in self._catalog.remote
        if not self.config.allow_cloud and (is_remote or runs_in_the_cloud(model)):
            raise ModelFailure(
                Failure.FORBIDDEN,
                f"model '{model}' runs on other people's machines and texts would go there (allow_cloud: true permits it)",
                model=model,
            )


def _bytes(event: dict[str, Any], key: str) -> int:
    value = event.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else 0
