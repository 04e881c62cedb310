"""Asking a model: the request, the reply, and a name for every way in which it can fail."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from leadd.api.answers import Method, Role
from leadd.api.errors import LeaddError
from leadd.api.icp import Icp
from leadd.api.signals import Signal


@dataclass(frozen=True, slots=True)
class Message:
    """One chat message; `role` is system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Subject:
    """What a request is about, for models that read the signal itself rather than a prompt."""

    icp: Icp
    signal: Signal


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One question to one model.

    `schema` is a flat JSON schema that the answer must fit. `num_ctx` is the same for every request to one model, so that
    the server never reloads it. `max_tokens` is always positive: without a cap a runaway answer fills ten windows.
    Deadlines are seconds: `idle_s` between two pieces of an answer (and before the first), `total_s` for all of it.
    Where `labels` are named, the answer is one of these words and its probability is wanted: no schema is sent, the reply
    carries the log-probabilities of its first tokens (`top_logprobs` as many as the server gives), and an answer that meets
    its cap is none the worse for it. Only models whose capabilities say `logprobs` are asked so.
    """

    role: Role
    model: str
    messages: tuple[Message, ...]
    max_tokens: int
    num_ctx: int
    schema: Mapping[str, Any] | None = None
    options: Mapping[str, float | int | str] = field(default_factory=dict)
    subject: Subject | None = None
    idle_s: float = 120.0
    total_s: float = 300.0
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """What an answer cost: token counts, and milliseconds by stage as the server reports them."""

    prompt_tokens: int = 0
    output_tokens: int = 0
    load_ms: float = 0.0
    prompt_ms: float = 0.0
    output_ms: float = 0.0
    total_ms: float = 0.0

    @property
    def queue_ms(self) -> float:
        """Time the request waited inside the server: what no other stage explains."""
        return max(0.0, self.total_ms - self.load_ms - self.prompt_ms - self.output_ms)


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer: the stream ended by itself with reason `stop`. Anything else is a ModelFailure, but that an answer to a
    request with `labels` may also have met its cap (`length`)."""

    text: str
    model: str
    method: Method = Method.MODEL
    digest: str = ""
    server_version: str = ""
    done_reason: str = "stop"
    usage: Usage = field(default_factory=Usage)
    logprobs: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Chunk:
    """A piece of a streamed answer; the last one has `reply` with the whole."""

    text: str
    reply: Reply | None = None


class Failure(StrEnum):
    """Every end of a model call that is not an answer, by name. docs/failures lists what leadd does for each."""

    UNREACHABLE = "unreachable"
    BUSY = "busy"
    FORBIDDEN = "forbidden"
    WRONG_SERVER = "wrong_server"
    MISSING_MODEL = "missing_model"
    MISSING_CAPABILITY = "missing_capability"
    BAD_REQUEST = "bad_request"
    TOO_LONG = "too_long"
    OUT_OF_MEMORY = "out_of_memory"
    LOAD_STALLED = "load_stalled"
    LOADING_FAILED = "loading_failed"
    CRASHED = "crashed"
    BROKEN_STREAM = "broken_stream"
    NOT_DONE = "not_done"
    REPEATED_TOKENS = "repeated_tokens"
    TIMEOUT_IDLE = "timeout_idle"
    TIMEOUT_TOTAL = "timeout_total"
    LENGTH = "length"
    EMPTY = "empty"
    NOT_JSON = "not_json"
    SCHEMA = "schema"
    IMPLAUSIBLE = "implausible"
    TRUNCATED_PROMPT = "truncated_prompt"
    BAD_VECTOR = "bad_vector"
    SERVER_ERROR = "server_error"


class ModelFailure(LeaddError):
    """A model call that gave no answer. `raw` is what came instead (never logged above debug)."""

    def __init__(self, kind: Failure, message: str, *, raw: str = "", model: str = "", after_s: float | None = None) -> None:
        super().__init__(f"{kind.value}: {message}")
        self.kind = kind
        self.message = message
        self.raw = raw
        self.model = model
        self.after_s = after_s


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a model server offers. `roles` it can answer; `is_language_model` is False for evidence read from the text."""

    roles: frozenset[Role]
    is_language_model: bool = True
    streams: bool = False
    logprobs: bool = False


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model in a server's memory.

    `num_ctx` is the window it really has, 0 where the server does not tell (Ollama before 0.10); `on_gpu` the share of it on a
    GPU (0 to 1).
    """

    name: str
    digest: str = ""
    size_bytes: int = 0
    on_gpu: float = 0.0
    num_ctx: int = 0
    expires_at: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """How a model server is: reachable or not and why, its version, latency, and the models it holds (name to digest).

    `loaded` are those in its memory now; None where the server does not tell.
    """

    reachable: bool
    reason: str = ""
    version: str = ""
    latency_ms: float = 0.0
    models: Mapping[str, str] = field(default_factory=dict)
    loaded: tuple[LoadedModel, ...] | None = None
