"""Answers of /v1/chat/completions, whole or in pieces, read by the success rule.

An answer counts only where the server gave a reason for its end, that reason is `stop` (or, for a label, its cap), and it holds
text. All else is a failure with a name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from leadd.api import Failure, ModelFailure, Reply, Usage

STOPPED = frozenset({"stop", "eos", "eos_token", "stop_sequence", "end_turn"})
CAPPED = frozenset({"length", "max_tokens"})
LEAST_LOGPROB = -9999.0
"""Servers write the logarithm of nothing in their own ways: as this, as the smallest of all numbers, as minus infinity."""


class AnswerReader:
    """Takes the events of one answer in order (a whole answer is one event); `reply` is what they make together.

    `now_s` tells the time: what the server does not say of its durations is measured here.
    """

    def __init__(self, model: str, now_s: Callable[[], float], *, labels: tuple[str, ...] = (), window: int = 0) -> None:
        self._model = model
        self._now_s = now_s
        self._labels = labels
        self._window = window
        self._began_s = now_s()
        self._first_s: float | None = None
        self._parts: list[str] = []
        self._logprobs: list[Mapping[str, Any]] = []
        self._thought = 0
        self._reason: str | None = None
        self._counts: Mapping[str, Any] = {}
        self._timings: Mapping[str, Any] = {}
        self._stats: Mapping[str, Any] = {}
        self.answered_by = ""
        """The model that the server names in its answer."""

    def take(self, event: Mapping[str, Any]) -> str:
        """The text of one event."""
        if isinstance(name := event.get("model"), str):
            self.answered_by = name
        self._counts = _mapping(event, "usage") or self._counts
        self._timings = _mapping(event, "timings") or self._timings
        self._stats = _mapping(event, "stats") or self._stats
        choices = event.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        if not isinstance(choice, Mapping):
            return ""
        if isinstance(reason := choice.get("finish_reason"), str):
            self._reason = reason
        message = _mapping(choice, "delta") or _mapping(choice, "message")
        self._thought += any(isinstance(message.get(key), str) and message[key] for key in ("reasoning_content", "reasoning"))
        found = _mapping(choice, "logprobs").get("content")
        self._logprobs += [_entry(item) for item in found if _is_token(item)] if isinstance(found, list) else []
        text = message.get("content")
        if not isinstance(text, str) or not text:
            return ""
        if self._first_s is None:
            self._first_s = self._now_s()
        self._parts.append(text)
        return text

    @property
    def has_logprobs(self) -> bool:
        return bool(self._logprobs)

    def reply(self, *, digest: str, server_version: str, streamed: bool) -> Reply:
        """The whole answer after the body has ended. Raises ModelFailure for every end that is not one."""
        text = "".join(self._parts)
        usage = self._usage(streamed)
        self._check_end(text, usage)
        return Reply(
            text=text,
            model=self._model,
            digest=digest,
            server_version=server_version,
            done_reason="length" if self._reason in CAPPED else "stop",
            usage=usage,
            logprobs=tuple(self._logprobs),
        )

    def _check_end(self, text: str, usage: Usage) -> None:
        reason = self._reason
        if reason is None:
            raise self._failure(Failure.NOT_DONE, "the answer ended without a reason for its end", text)
        if reason in ("repetition", "repeat"):
            raise self._failure(Failure.REPEATED_TOKENS, "the server gave up on a model that repeats itself", text)
        if reason not in STOPPED | CAPPED:
            raise self._failure(Failure.NOT_DONE, f"the answer ended for the reason {reason!r}", text)
        if self._labels and (text.strip() or self._logprobs):
            return  # the first tokens say all
        if not text.strip() and 0 < self._window <= usage.prompt_tokens:
            # LM Studio answers with nothing where the prompt does not fit
            message = f"{usage.prompt_tokens} tokens do not fit into the window of {self._window}"
            raise self._failure(Failure.TOO_LONG, message, text)
        if reason in CAPPED:
            only = " (it only thought)" if self._thought and not text.strip() else ""
            raise self._failure(Failure.LENGTH, f"the answer met its cap before its end{only}", text)
        if not text.strip():
            only = "only thoughts" if self._thought else "no text"
            raise self._failure(Failure.EMPTY, f"the answer holds {only}", text)

    def _usage(self, streamed: bool) -> Usage:
        read, written = _count(self._counts.get("prompt_tokens")), _count(self._counts.get("completion_tokens"))
        timings = self._timings
        if not read:
            read = _count(timings.get("prompt_n")) + _count(timings.get("cache_n"))
        if not written:
            written = _count(timings.get("predicted_n")) or len(self._logprobs) or len(self._parts)
        prompt_ms, output_ms = self._stage_times(streamed)
        wall_ms = max(0.0, self._now_s() - self._began_s) * 1000.0
        return Usage(read, written, 0.0, prompt_ms, output_ms, max(wall_ms, prompt_ms + output_ms))

    def _stage_times(self, streamed: bool) -> tuple[float, float]:
        """Milliseconds of reading and of writing: the server's own, else those up to the first piece and from it on.

        An answer in one piece from a server that tells no times counts as all written: nothing says where the border was.
        """
        if self._timings:
            return _ms(self._timings.get("prompt_ms")), _ms(self._timings.get("predicted_ms"))
        first, writing = _ms(self._stats.get("time_to_first_token")), _ms(self._stats.get("generation_time"))
        if first or writing:
            return first * 1000.0, writing * 1000.0
        now_s = self._now_s()
        first_s = self._first_s if streamed and self._first_s is not None else self._began_s
        return (first_s - self._began_s) * 1000.0, (now_s - first_s) * 1000.0

    def _failure(self, kind: Failure, message: str, text: str) -> ModelFailure:
        return ModelFailure(kind, message, raw=text, model=self._model)


def _entry(item: Mapping[str, Any]) -> dict[str, Any]:
    """One token as Ollama gives it: token, logprob, bytes, and the likeliest tokens of its place."""
    top = item.get("top_logprobs")
    entry = _token(item)
    entry["top_logprobs"] = [_token(other) for other in top if _is_token(other)] if isinstance(top, list) else []
    return entry


def _token(item: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"token": item["token"], "logprob": max(LEAST_LOGPROB, float(item["logprob"]))}
    if isinstance(item.get("bytes"), list):
        found["bytes"] = item["bytes"]
    return found


def _is_token(item: Any) -> bool:
    if not isinstance(item, Mapping) or not isinstance(item.get("token"), str):
        return False
    value = item.get("logprob")
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value) and value <= 0.01


def _mapping(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}


def _count(value: Any) -> int:
    return int(value) if _is_sane(value) else 0


def _ms(value: Any) -> float:
    return float(value) if _is_sane(value) else 0.0


def _is_sane(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return (not isinstance(value, float) or math.isfinite(value)) and 0 <= value < 2**53
