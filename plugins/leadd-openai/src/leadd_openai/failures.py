"""Which failure an answer is. Every end of a call that is not an answer gets exactly one name here.

The texts are those of llama.cpp's llama-server, LM Studio, vLLM and others that speak their language; the status alone does not
tell: a prompt that is too long comes as 400, as 500 and as 200, a missing model as 404 and as 400.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from leadd.api import Failure, ModelFailure

RAW_CHARS = 4000


class Refusal(ModelFailure):
    """A failure that the server told before any of the answer came; `words` is all that it said, in lower case."""

    def __init__(
        self, kind: Failure, message: str, *, raw: str = "", model: str = "", after_s: float | None = None, status: int = 200
    ) -> None:
        super().__init__(kind, message, raw=raw, model=model, after_s=after_s)
        self.status = status
        self.words = f"{message}\n{raw}".lower()


_MEMORY = (
    "out of memory", "out-of-memory", "outofmemory", "failed to allocate", "unable to allocate", "not enough memory",
    "insufficient memory", "insufficient system resources", "cannot allocate memory", "cudamalloc failed", "bad_alloc",
    "for available memory",
)  # fmt: skip
_TOO_LONG = (
    "available context size", "exceed_context_size", "context size has been exceeded", "maximum context length",
    "context_length_exceeded", "context length of only", "max context size", "too large to process", "exceeds the context",
    "exceeds context", "maximum model length", "context the overflows", "prompt is too long", "maximum input length",
    "request entity too large", "context window",
)  # fmt: skip
_STILL_LOADING = ("loading model", "model is loading", "currently loading", "is still loading")
_BUSY = (
    "server busy", "no slot available", "too many requests", "rate limit", "rate_limit", "overloaded", "queue is full",
    "try again later", "retry later",
)  # fmt: skip
_CRASHED = (
    "model has crashed", "model crashed", "model unloaded", "model is unloaded", "enginecore encountered", "enginedeaderror",
    "engine is dead", "background loop has errored", "compute error", "has unexpectedly stopped", "process exited",
    "instance exited",
)  # fmt: skip
_LOADING_FAILED = ("failed to load", "error loading model", "unable to load model", "model loading was stopped")
_MISSING = (
    "model_not_found", "no models loaded", "invalid model identifier", "please specify a valid model", "unknown model",
    "model is not found", "model is not loaded", "no model loaded",
)  # fmt: skip
_CAPABILITY = (
    "does not support", "start it with `--embed", "start it without `--embed", "not an embedding model", "not an llm",
    "is not a generative model", "pooling type", "not_supported_error", "not supported by this model",
)  # fmt: skip
_REPEATS = ("token repeat limit", "repetition detected")
_WRONG = ("unexpected endpoint or method",)
_NO_QUOTA = ("insufficient_quota", "exceeded your current quota")

_BY_TEXT: tuple[tuple[tuple[str, ...], Failure], ...] = (
    # memory stands first: a model that could not be loaded for want of it also says 'failed to load model'
    (_MEMORY, Failure.OUT_OF_MEMORY),
    (_TOO_LONG, Failure.TOO_LONG),
    (_REPEATS, Failure.REPEATED_TOKENS),
    (_NO_QUOTA, Failure.FORBIDDEN),
    (_WRONG, Failure.WRONG_SERVER),
    (_MISSING, Failure.MISSING_MODEL),
    (_CRASHED, Failure.CRASHED),
    (_LOADING_FAILED, Failure.LOADING_FAILED),
    (_STILL_LOADING, Failure.BUSY),
    (_BUSY, Failure.BUSY),
    (_CAPABILITY, Failure.MISSING_CAPABILITY),
)

_BY_STATUS = {
    401: Failure.FORBIDDEN,
    402: Failure.FORBIDDEN,
    403: Failure.FORBIDDEN,
    405: Failure.WRONG_SERVER,
    408: Failure.BUSY,
    413: Failure.TOO_LONG,
    501: Failure.MISSING_CAPABILITY,
    502: Failure.UNREACHABLE,
    504: Failure.UNREACHABLE,
}
_MESSAGES = {
    Failure.FORBIDDEN: "the server refuses this client with status {status} (see api_key): {said}",
    Failure.WRONG_SERVER: "status {status}: this is no OpenAI-compatible server, or it lacks what is asked ({said})",
    Failure.UNREACHABLE: "a proxy answers {status} in the server's place: {said}",
    Failure.MISSING_MODEL: "model '{model}' is not there: {said}",
}


def error_text(value: Any, depth: int = 4) -> str:
    """The words in an `error` value: text, an object with `message`, with its type and code, or JSON inside a text."""
    if isinstance(value, Mapping):
        inner = value.get("message", value.get("error", value.get("detail")))
        words = error_text(inner, depth - 1) if inner is not None and depth > 0 else json.dumps(value)[:RAW_CHARS]
        marks = [str(value[key]) for key in ("type", "code") if isinstance(value.get(key), str) and value[key] not in words]
        return f"{words} ({', '.join(marks)})" if marks else words
    if isinstance(value, list):
        return json.dumps(value)[:RAW_CHARS]
    if not isinstance(value, str):
        return "" if value is None else str(value)
    text = value.strip()
    if depth > 0 and text.startswith("{"):
        try:
            return error_text(json.loads(text), depth - 1) or text
        except (ValueError, RecursionError):
            return text
    return text


def kind_of_text(text: str) -> Failure | None:
    """The failure that an error text names, None where it names none."""
    folded = text.lower()
    for words, kind in _BY_TEXT:
        if any(word in folded for word in words):
            return kind
    return None


def says_loading(failure: ModelFailure) -> bool:
    """True where the server is there and busy with loading its model."""
    folded = f"{failure.message}\n{failure.raw}".lower()
    return failure.kind is Failure.BUSY and any(word in folded for word in _STILL_LOADING)


def failure_of_error(value: Any, *, model: str = "") -> Refusal:
    """The failure of an `{"error": …}` that came with status 200, in a stream or alone."""
    text = error_text(value)
    code = value.get("code") if isinstance(value, Mapping) else None
    status = code if isinstance(code, int) and not isinstance(code, bool) and 400 <= code < 600 else 500
    kind = _kind(status, text) if status != 500 else kind_of_text(text) or Failure.SERVER_ERROR
    return Refusal(kind, shown(text) or "the server reports an error", raw=text[:RAW_CHARS], model=model)


def failure_of_status(status: int, body: bytes, *, model: str = "", after_s: float | None = None) -> Refusal:
    """The failure of an answer whose status is not 200. `body` may be cut; `after_s` is its Retry-After."""
    raw = body[:RAW_CHARS].decode("utf-8", errors="replace")
    text = _error_of(body)
    kind = _kind(status, text)
    said = shown(text if text is not None else raw) or f"status {status}"
    message = _MESSAGES.get(kind, "{said}").format(said=said, status=status, model=model)
    return Refusal(kind, message, raw=raw, model=model, after_s=after_s, status=status)


def _kind(status: int, text: str | None) -> Failure:
    named = kind_of_text(text) if text is not None else None
    if status == 404:
        # a missing model is told with its name or as a thing that does not exist; an unknown path as a file or not at all
        return Failure.MISSING_MODEL if text is not None and _tells_of_a_model(text) else Failure.WRONG_SERVER
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    if status in (429, 503):
        return named if named in (Failure.OUT_OF_MEMORY, Failure.FORBIDDEN) else Failure.BUSY
    if 400 <= status < 500:
        missing = text is not None and "model" in text.lower() and "not found" in text.lower()
        return named or (Failure.MISSING_MODEL if missing else Failure.BAD_REQUEST)
    return (named or Failure.SERVER_ERROR) if status >= 500 else Failure.WRONG_SERVER


def _tells_of_a_model(text: str) -> bool:
    return "model" in text.lower() or kind_of_text(text) is Failure.MISSING_MODEL


def _error_of(body: bytes) -> str | None:
    """The error text of a JSON answer, None where the body is no JSON object with one."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict):
        return None
    found = value.get("error", value.get("detail", value.get("message")))
    return error_text(found) if found is not None else None


def shown(text: str) -> str:
    """One line of at most 300 characters without control characters: it ends in logs and on terminals."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= 300 else line[:299] + "…"
