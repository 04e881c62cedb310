"""The four kinds of plugin and what they share. One instance lives per entry in the settings."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict

from leadd.api.clock import Clock
from leadd.api.leads import Lead, Receipt
from leadd.api.models import Capabilities, Chunk, Health, ModelRequest, Reply
from leadd.api.secrets import SecretRef
from leadd.api.signals import SourceItem

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class ComponentConfig(BaseModel):
    """Settings of one component. Unknown keys are an error; the docs page and the JSON schema are made from it."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class HttpReply:
    """A whole HTTP answer with a status below 400 (or 304)."""

    status: int
    url: str
    headers: Mapping[str, str]
    body: bytes
    charset: str | None = None
    redirects: tuple[tuple[int, str], ...] = ()
    """(status, address it led to) of every redirect that was followed, in order; 301 and 308 mean moved for good."""

    def text(self) -> str:
        """The body as text, in the charset that the answer names, else UTF-8; bytes that do not fit are replaced."""
        return self.body.decode(self.charset or "utf-8", errors="replace")


class Http(Protocol):
    """The lent HTTP session: size-capped, time-limited, kept off private addresses unless the settings allow a host.

    Raises Retry for 408, 425, 429, 5xx (with Retry-After) and for connection faults, NeedsAttention for 401 and 403, Reject
    for any other 4xx, so that a source needs no error code of its own.
    """

    async def get(
        self, url: str, *, headers: Mapping[str, str] | None = None, max_bytes: int = 8_388_608, timeout_s: float = 30.0
    ) -> HttpReply: ...

    async def post(
        self,
        url: str,
        *,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = 1_048_576,
        timeout_s: float = 30.0,
    ) -> HttpReply: ...


class SecretReader(Protocol):
    """Resolves the secrets that this component's own settings declare."""

    def __call__(self, ref: SecretRef) -> str: ...


@dataclass(frozen=True, slots=True)
class Context:
    """All that a component gets from the daemon. No database, no pipeline, no other plugin's settings."""

    name: str
    data_folder: Path
    http: Http
    clock: Clock
    log: logging.Logger
    secret: SecretReader


class Component(ABC):
    """What every plugin class is. `name` is what `use:` in the settings names; `Config` checks the entry's own keys.

    `open` may raise Retry or NeedsAttention. `check` says one problem in one sentence, for `leadd doctor`, or None.
    """

    name: ClassVar[str]
    Config: ClassVar[type[ComponentConfig]] = ComponentConfig

    def __init__(self, config: Any, ctx: Context) -> None:
        self.config = config
        self.ctx = ctx

    async def open(self) -> None:  # noqa: B027 - most components have nothing to open
        """Called once before any work."""

    async def check(self) -> str | None:
        """One problem in one sentence, or None where all is well."""
        return None

    async def close(self) -> None:  # noqa: B027 - most components have nothing to close
        """Called once after all work, also where `open` failed half-way."""


class Source(Component):
    """Brings signals in. `poll` yields what is new since `cursor`, oldest first, and ends."""

    interval_s: ClassVar[float] = 900.0
    """Seconds between two polls where the settings name none."""

    @abstractmethod
    def poll(self, cursor: str | None) -> AsyncIterator[SourceItem]:
        """Yield drafts (and checkpoints, problems). A draft is accepted only once stored; `cursor` is the last one stored."""
        ...

    async def wake(self) -> None:
        """Return when a poll is worth while before its time; the default never does."""
        await _never()


@dataclass(frozen=True, slots=True)
class CacheStats:
    """Figures of one cache tier since it was opened."""

    entries: int = 0
    size_bytes: int = 0
    hits: int = 0
    misses: int = 0
    max_entries: int | None = None
    ttl_s: float | None = None
    extra: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CacheEntry:
    """One kept value as `CacheBackend.scan` gives it; `left_s` is the time it has left, None where it has no end."""

    key: str
    value: bytes
    left_s: float | None = None


class CacheBackend(Component):
    """Keeps answers by key. Values are opaque bytes. A tier may forget at any time; it never makes a value up."""

    at_once: ClassVar[bool] = False
    """True where `get`, `put` and `delete` never wait for anything: then nobody has to watch how long they take."""

    shared: ClassVar[bool] = False
    """True where other processes see the same values and claims: then one of them computes, and the others wait for it."""

    @abstractmethod
    async def get(self, key: str) -> bytes | None:
        """The value, or None where it is unknown or too old."""

    @abstractmethod
    async def put(self, key: str, value: bytes, *, ttl_s: float | None = None) -> None:
        """Keep a value for `ttl_s` seconds, None for the tier's own time."""

    @abstractmethod
    async def delete(self, key: str) -> bool:
        """Forget one value; True where there was one."""

    @abstractmethod
    async def clear(self) -> int:
        """Forget all; the number of entries that were dropped."""

    @abstractmethod
    async def claim(self, key: str, owner: str, lease_s: float) -> bool:
        """True where `owner` may compute the value of `key` until the lease ends; False while another holds it."""

    @abstractmethod
    async def release(self, key: str, owner: str) -> None:
        """Give a claim back; nothing happens where `owner` does not hold it."""

    def scan(self, prefix: str = "") -> AsyncIterator[CacheEntry]:
        """All kept values whose key begins with `prefix`, in no order; what changes meanwhile may be there or not.

        For export and diagnosis, so it may be slow, but it never holds up `get` and `put` for long. The default knows of none.
        """
        return _none()

    @abstractmethod
    async def stats(self) -> CacheStats:
        """Figures since `open`."""


class Model(Component):
    """A server (or a reader) that answers questions."""

    @property
    @abstractmethod
    def capabilities(self) -> Capabilities:
        """What it can be asked; may grow after `health` has seen the server's version."""

    @abstractmethod
    async def complete(self, request: ModelRequest) -> Reply:
        """One whole answer. Raises ModelFailure with the name of what went wrong; never returns half an answer."""

    def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        """The answer in pieces; the last chunk holds the whole reply. The default gives `complete` in one piece."""
        return _whole(self, request)

    async def embed(self, model: str, texts: Sequence[str], *, num_ctx: int) -> NDArray[np.float32]:
        """Vectors of shape (len(texts), d), float32, unit length, in input order. Raises ModelFailure."""
        raise NotImplementedError(f"model '{self.name}' has no embeddings")

    @abstractmethod
    async def health(self) -> Health:
        """How the server is now; never raises for a server that is down."""

    async def digest(self, model: str) -> str:
        """What identifies the model's weights (never the tag, which moves). Raises ModelFailure where it is missing."""
        return model

    async def preload(self, model: str, *, num_ctx: int) -> None:
        """Load a model ahead of work; may take minutes."""

    async def unload(self, model: str) -> None:
        """Send a model out of memory once it is idle; nothing happens on servers that have no such order."""

    def pull(self, model: str) -> AsyncIterator[tuple[str, int, int]]:
        """Fetch a model on the user's request: (status, bytes so far, bytes in all) as it goes."""
        raise NotImplementedError(f"model '{self.name}' cannot fetch models")


class Guarantee(StrEnum):
    """What a sink promises when the same key arrives twice."""

    IDEMPOTENT = "idempotent"
    AT_LEAST_ONCE = "at_least_once"
    BEST_EFFORT = "best_effort"


class Sink(Component):
    """Takes leads out. `key` names the delivery and never changes over its retries."""

    guarantee: ClassVar[Guarantee] = Guarantee.AT_LEAST_ONCE

    @abstractmethod
    async def deliver(self, lead: Lead, key: str) -> Receipt:
        """Hand over one lead. Raises Retry, Reject or NeedsAttention; returning means that it arrived."""

    async def test(self) -> Receipt:
        """Reach the other side without a lead, for `leadd sinks test`; the default reports what `check` finds."""
        problem = await self.check()
        return Receipt(detail=problem or "no problem found")


async def _never() -> None:
    await asyncio.Event().wait()


async def _none() -> AsyncIterator[CacheEntry]:
    nothing: tuple[CacheEntry, ...] = ()
    for entry in nothing:
        yield entry


async def _whole(model: Model, request: ModelRequest) -> AsyncIterator[Chunk]:
    reply = await model.complete(request)
    yield Chunk(reply.text, reply)
