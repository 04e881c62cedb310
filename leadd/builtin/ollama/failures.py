"""Which failure an Ollama answer is. Every end of a call that is not an answer gets exactly one name here.

The texts are those of the servers in the field (Go runners up to 0.24, llama-server from 0.30); the status alone does not
tell: mistyped options come as 500, a dead embedding runner as 400.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from leadd.api import Failure, ModelFailure

RAW_CHARS = 4000


class Refusal(ModelFailure):
    """A failure told by a status other than 200; `status` decides whether embeddings are tried again."""

    def __init__(
        self, status: int, kind: Failure, message: str, *, raw: str = "", model: str = "", after_s: float | None = None
    ) -> None:
        super().__init__(kind, message, raw=raw, model=model, after_s=after_s)
        self.status = status


_MEMORY = (
    "out of memory", "out-of-memory", "outofmemory", "failed to allocate", "unable to allocate", "not enough memory",
    "insufficient memory", "more system memory", "cannot allocate memory", "cudamalloc failed", "bad_alloc",
)  # fmt: skip
_TOO_LONG = (
    "exceeds the context length", "exceeds the available context", "exceed_context_size", "exceeds context length",
    "context size has been exceeded", "exceeds maximum context", "exceeds the model's context",
)  # fmt: skip
_BUSY = ("server busy", "maximum pending requests exceeded")
_REPEATS = ("token repeat limit",)
_STALLED = ("timed out waiting for llama", "timed out waiting for server to start", "timed out waiting for model")
_CRASHED = (
    "has unexpectedly stopped", "an error was encountered while running the model", "runner process no longer running",
    "model runner has stopped",
)  # fmt: skip
_LOADING = (
    "process has terminated", "unable to load model", "error loading model", "failed to load model", "error starting",
    "unsupported model architecture", "unknown model architecture", "failed to start",
)  # fmt: skip
_BAD_REQUEST = (
    "invalid format", "invalid json schema", "invalid options", "must be of type", "invalid option", "invalid input type",
    "missing request body", "failed to parse grammar", "json schema conversion failed", "failed to initialize samplers",
)  # fmt: skip
_CAPABILITY = ("does not support",)
_MISSING = ("not found, try pulling it first", "file does not exist", "pull model manifest: 404")

_BY_TEXT: tuple[tuple[tuple[str, ...], Failure], ...] = (
    # memory stands first: a runner that died of it also says 'has terminated' or 'while running the model'
    (_MEMORY, Failure.OUT_OF_MEMORY),
    (_TOO_LONG, Failure.TOO_LONG),
    (_REPEATS, Failure.REPEATED_TOKENS),
    (_BUSY, Failure.BUSY),
    (_STALLED, Failure.LOAD_STALLED),
    (_CRASHED, Failure.CRASHED),
    (_LOADING, Failure.LOADING_FAILED),
    (_CAPABILITY, Failure.MISSING_CAPABILITY),
    (_BAD_REQUEST, Failure.BAD_REQUEST),
    (_MISSING, Failure.MISSING_MODEL),
)


def error_text(value: Any, depth: int = 4) -> str:
    """The words in an `error` value: text, an object with `message`, or either of them written as JSON inside a text."""
    if isinstance(value, Mapping):
        kind = value.get("type")
        inner = value.get("error", value.get("message"))
        words = error_text(inner, depth - 1) if inner is not None and depth > 0 else json.dumps(value)[:RAW_CHARS]
        return f"{words} ({kind})" if isinstance(kind, str) and kind not in words else words
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


def failure_of_line(value: Any, *, model: str = "") -> ModelFailure:
    """The failure of an `{"error": …}` object that came with status 200, in a stream or alone."""
    text = error_text(value)
    return ModelFailure(
        kind_of_text(text) or Failure.SERVER_ERROR,
        _shown(text) or "the server reports an error",
        raw=text[:RAW_CHARS],
        model=model,
    )


def failure_of_status(status: int, body: bytes, *, model: str = "", after_s: float | None = None) -> Refusal:
    """The failure of an answer whose status is not 200. `body` may be cut; `after_s` is its Retry-After."""
    raw = body[:RAW_CHARS].decode("utf-8", errors="replace")
    text = _error_of(body)
    kind = _kind_of_status(status, text)
    said = _shown(text if text is not None else raw)
    message = _MESSAGES.get(kind, "{said}").format(said=said or f"status {status}", status=status, model=model)
    return Refusal(status, kind, message, raw=raw, model=model, after_s=after_s)


_MESSAGES = {
    Failure.FORBIDDEN: "the server refuses this client with status {status} (see OLLAMA_HOST and OLLAMA_ORIGINS)",
    Failure.WRONG_SERVER: "status {status}: this is no Ollama server, or one too old for what is asked ({said})",
    Failure.BUSY: "the server's queue is full: {said}",
    Failure.UNREACHABLE: "a proxy answers {status} in the server's place: {said}",
    Failure.MISSING_MODEL: "model '{model}' is not there: {said}",
}


def _kind_of_status(status: int, text: str | None) -> Failure:
    if status == 404:
        # a missing model is told in JSON; an unknown path in plain text, by a server too old or by another program
        is_other = text is None or "file not found" in text.lower()  # the latter is a bare llama-server
        return Failure.WRONG_SERVER if is_other else Failure.MISSING_MODEL
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    named = kind_of_text(text) if text is not None else None
    if 400 <= status < 500:
        return named or Failure.BAD_REQUEST
    if status >= 500:
        return named or Failure.SERVER_ERROR
    return Failure.WRONG_SERVER


_BY_STATUS = {
    401: Failure.FORBIDDEN,
    403: Failure.FORBIDDEN,
    405: Failure.WRONG_SERVER,
    429: Failure.BUSY,
    502: Failure.UNREACHABLE,
    503: Failure.BUSY,
    504: Failure.UNREACHABLE,
}


def _error_of(body: bytes) -> str | None:
    """The error text of a JSON answer, None where the body is no JSON object with one."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or "error" not in value:
        return None
    return error_text(value["error"])


def _shown(text: str) -> str:
    """One line of at most 300 characters without control characters: it ends in logs and on terminals."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= 300 else line[:299] + "…"
