"""The shapes of answers: events, the final event with its figures, and the same as one object."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from leadd.testing.ollama.errors import HangUp, encode
from leadd.testing.ollama.logprobs import logprobs_of
from leadd.testing.ollama.oracle import Reading
from leadd.testing.ollama.requests import Call
from leadd.testing.ollama.wire import JSON, Exchange

LEAST_NS = 1000
"""What a stage that took no measurable time is said to have taken; a real server never reports zero for one it went through."""


@dataclass(slots=True)
class Metrics:
    """Where the time went, in seconds of the server's clock, and the tokens."""

    start_s: float
    loaded_s: float
    prompt_tokens: int = 0
    output_tokens: int = 0
    read_from_s: float = 0.0
    write_from_s: float = 0.0
    end_s: float = 0.0

    def end(self, now_s: float, output_tokens: int) -> None:
        """The answer is complete."""
        self.end_s, self.output_tokens = now_s, output_tokens

    def as_fields(self) -> dict[str, int]:
        """The fields of the final event; what is zero is left out."""
        fields = {
            "total_duration": _ns(self.end_s - self.start_s),
            "load_duration": _ns(self.loaded_s - self.start_s),
            "prompt_eval_count": self.prompt_tokens,
            "prompt_eval_duration": _ns(self.write_from_s - self.read_from_s),
        }
        if self.output_tokens:
            fields["eval_count"] = self.output_tokens
            fields["eval_duration"] = _ns(self.end_s - self.write_from_s)
        return {name: value for name, value in fields.items() if value}


def _ns(seconds: float) -> int:
    return max(LEAST_NS, round(seconds * 1e9))


class Writer:
    """Writes one answer in the shape of its endpoint."""

    def __init__(self, call: Call, exchange: Exchange, stamp: Callable[[], str]) -> None:
        self._call = call
        self._exchange = exchange
        self._stamp = stamp
        self._reading: Reading | None = None
        self._top = 0
        self.holds_last = False

    def with_logprobs(self, reading: Reading, top: int) -> None:
        """Add log-probabilities to what is written from now on."""
        self._reading, self._top = reading, top

    def bare(self, reason: str) -> None:
        """The answer to an empty question: the model was loaded, or is being unloaded."""
        self._exchange.whole(200, encode(self._shape("", {"done": True, "done_reason": reason})))

    async def event(self, part: str) -> None:
        """One token of a stream."""
        shape = self._shape(part, {"done": False})
        self._add_logprobs(shape, [part])
        await self._exchange.send(encode(shape) + b"\n")

    async def finish(self, parts: Sequence[str], reason: str, metrics: Metrics, *, done: bool) -> None:
        """The end of a stream: with the figures, or without a word where the answer broke off."""
        if done:
            shape = self._shape("".join(parts), {"done": True, "done_reason": reason})
            self._add_logprobs(shape, parts)
            self._add_context(shape, metrics)
            await self._exchange.send(encode(shape | metrics.as_fields()) + b"\n")
        await self._exchange.end()

    def whole(self, parts: Sequence[str], reason: str, metrics: Metrics, *, done: bool) -> None:
        """The answer as one object."""
        text = "".join(parts)
        if not done:
            self._exchange.whole(200, encode(self._shape(text, {"done": False})))
            return
        shape = self._shape(text, {"done": True, "done_reason": reason})
        self._add_logprobs(shape, parts)
        self._add_context(shape, metrics)
        self._exchange.whole(200, encode(shape | metrics.as_fields()))

    async def tear(self, parts: Sequence[str]) -> None:
        """Write half an answer and hang up."""
        body = encode(self._shape("".join(parts), {"done": False})) + b"\n"
        if self._call.stream:
            await self._exchange.torn(body)
        else:
            self._exchange.start(JSON)
            await self._exchange.torn(body)
        await asyncio.sleep(0)
        raise HangUp

    def _shape(self, text: str, end: dict[str, Any]) -> dict[str, Any]:
        shape: dict[str, Any] = {"model": self._call.model, "created_at": self._stamp()}
        if self._call.endpoint == "chat":
            shape["message"] = {"role": "assistant", "content": text}
        else:
            shape["response"] = text
        shape.update(end)
        return shape

    def _add_logprobs(self, shape: dict[str, Any], parts: Sequence[str]) -> None:
        if self._reading is not None and parts:
            shape["logprobs"] = logprobs_of(parts, self._reading, self._top)

    def _add_context(self, shape: dict[str, Any], metrics: Metrics) -> None:
        if self._call.context:
            shape["context"] = list(range(2, 2 + metrics.prompt_tokens + metrics.output_tokens))
