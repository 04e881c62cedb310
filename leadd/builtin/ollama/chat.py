"""Questions as /api/chat takes them, and its answers read by the success rule.

An answer counts only where the body ended in order with `done: true` and the reason `stop`, and holds text. All else is a
failure with a name. Where the answer is one of a few labels it is read from the log-probabilities, and may end at its cap.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from leadd.api import Failure, Message, ModelFailure, ModelRequest, Reply, Usage

SAMPLING = frozenset({
    "temperature", "top_k", "top_p", "min_p", "typical_p", "seed", "stop", "num_keep", "repeat_last_n", "repeat_penalty",
    "presence_penalty", "frequency_penalty",
})  # fmt: skip
"""Options that never make the server load a model again. The others are not sent: one of them in one prompt would reload the
model at every turn between two prompts."""

LOGPROBS = frozenset({"logprobs", "top_logprobs"})

TOP_LOGPROBS = 20
"""The most alternatives for a token that a server gives; it refuses more with 400."""

_REPEATS = 30
"""Servers up to 0.33.0-rc2 give up after so many equal pieces and end the answer without a word."""


def chat_payload(request: ModelRequest, *, stream: bool) -> tuple[dict[str, Any], list[str]]:
    """The body for /api/chat, and the names of options that were left out. Raises ModelFailure for an empty question."""
    if not any(message.content.strip() for message in request.messages if message.role != "system"):
        # the server takes a question without text as the order to load the model, and answers with nothing
        raise ModelFailure(Failure.EMPTY, "the question holds no text", model=request.model)
    options = {name: _option(name, value) for name, value in request.options.items() if name in SAMPLING}
    payload: dict[str, Any] = {
        "model": request.model,
        "messages": [_message(m) for m in request.messages],
        "stream": stream,
        "truncate": False,  # else a long prompt loses its middle, the instructions first, without a word
        "think": False,  # a thinking model would spend the cap before its answer begins
        "options": {**options, "num_ctx": request.num_ctx, "num_predict": max(1, request.max_tokens)},
    }
    if request.labels:
        # The grammar's mask would leave nothing but the labels to read; what the server shows is the choice before it.
        payload["logprobs"], payload["top_logprobs"] = True, TOP_LOGPROBS
    elif request.schema is not None:
        payload["format"] = dict(request.schema)
    if request.options.get("logprobs") and not request.labels:
        payload["logprobs"] = True
        if top := request.options.get("top_logprobs"):
            payload["top_logprobs"] = top
    left_out = [name for name in request.options if name not in SAMPLING and name not in LOGPROBS]
    return payload, left_out


def load_payload(model: str, num_ctx: int, keep_alive: float | str) -> dict[str, Any]:
    """The body for /api/chat that loads a model: the only one with `keep_alive`, since in a request for work it would
    overwrite the server's mark on a model that is about to go, and the server then waits for ever."""
    return {"model": model, "messages": [], "stream": False, "keep_alive": keep_alive, "options": {"num_ctx": num_ctx}}


class AnswerReader:
    """Takes the events of one answer in order; `reply` is what they make together.

    Where `labels` were asked for, the log-probabilities are the answer: it may end at its cap, and its text may be blank.
    """

    def __init__(self, model: str, labels: Sequence[str] = ()) -> None:
        self._model = model
        self._asks_label = bool(labels)
        self._parts: list[str] = []
        self._logprobs: list[Mapping[str, Any]] = []
        self._last: Mapping[str, Any] | None = None
        self._equal = 0
        self._previous: str | None = None

    def take(self, event: Mapping[str, Any]) -> str:
        """The text of one event. Events after the one that ends the answer are left alone."""
        if self.is_done:
            return ""
        message = event.get("message")
        content = message.get("content") if isinstance(message, Mapping) else None
        text = content if isinstance(content, str) else ""
        trimmed = text.strip()
        self._equal = self._equal + 1 if trimmed == self._previous else 1
        self._previous = trimmed
        self._parts.append(text)
        if isinstance(logprobs := event.get("logprobs"), list):
            self._logprobs.extend(item for item in logprobs if isinstance(item, Mapping))
        self._last = event
        return text

    @property
    def is_done(self) -> bool:
        return self._last is not None and self._last.get("done") is True

    def reply(self, *, digest: str, server_version: str) -> Reply:
        """The whole answer after the body has ended. Raises ModelFailure for every end that is not one."""
        text = "".join(self._parts)
        last = self._last
        if last is None:
            raise self._failure(Failure.NOT_DONE, "the answer ended before it began", text)
        if not self.is_done:
            if self._equal >= _REPEATS or ends_in_repeats(text):
                raise self._failure(Failure.REPEATED_TOKENS, "the server gave up on a model that repeats itself", text)
            raise self._failure(Failure.NOT_DONE, "the answer ended without done: true", text)
        reason = last.get("done_reason")
        if reason in ("load", "unload"):
            raise self._failure(Failure.EMPTY, f"the server took the question for an order to {reason} the model", text)
        if reason == "length" and not self._asks_label:
            raise self._failure(Failure.LENGTH, "the answer met its cap before its end", text)
        if reason not in ("stop", "length"):
            raise self._failure(Failure.NOT_DONE, f"the answer ended for the reason {reason!r}", text)
        if not text.strip() and not (self._asks_label and self._logprobs):
            raise self._failure(Failure.EMPTY, "the answer holds no text", text)
        return Reply(
            text=text,
            model=self._model,
            digest=digest,
            server_version=server_version,
            done_reason=reason,
            usage=usage_of(last),
            logprobs=tuple(self._logprobs),
        )

    def _failure(self, kind: Failure, message: str, text: str) -> ModelFailure:
        return ModelFailure(kind, message, raw=text, model=self._model)


def ends_in_repeats(text: str) -> bool:
    """True where a text ends in blanks, or in one short piece, thirty times over: what the server aborts."""
    if len(text) - len(text.rstrip()) >= _REPEATS:
        return True
    tail = "".join(text[-24 * _REPEATS * 2 :].split())
    return any(len(tail) >= size * _REPEATS and tail.endswith(tail[-size:] * _REPEATS) for size in range(1, 25))


def usage_of(event: Mapping[str, Any]) -> Usage:
    """Counts and milliseconds of a final event. The server leaves a zero out, so a missing key is one."""
    return Usage(
        prompt_tokens=_count(event.get("prompt_eval_count")),
        output_tokens=_count(event.get("eval_count")),
        load_ms=_ms(event.get("load_duration")),
        prompt_ms=_ms(event.get("prompt_eval_duration")),
        output_ms=_ms(event.get("eval_duration")),
        total_ms=_ms(event.get("total_duration")),
    )


def _message(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.content}


def _option(name: str, value: float | int | str) -> Any:
    # a bare text for `stop` is answered with 500: the server wants a list
    return [value] if name == "stop" and isinstance(value, str) else value


def _count(value: Any) -> int:
    return int(value) if _is_sane(value) else 0


def _ms(value: Any) -> float:
    return value / 1e6 if _is_sane(value) else 0.0


def _is_sane(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and 0 <= value < 2**63 if isinstance(value, float) else 0 <= value < 2**63
