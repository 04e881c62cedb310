"""The shapes of answers: one object, or a stream of events, as each server writes them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leadd.testing.ollama.errors import HangUp
from leadd.testing.ollama.logprobs import logprobs_of
from leadd.testing.ollama.oracle import Reading
from leadd.testing.ollama.wire import JSON, Exchange
from leadd.testing.openai.asking import Asked
from leadd.testing.openai.house import BUILD, House
from leadd.testing.openai.refusals import Refused, encode
from leadd.testing.openai.served import Served

SSE = "text/event-stream"


@dataclass(slots=True)
class Metrics:
    """Where the time went, in seconds of the server's clock, and the tokens. `cached` were not read again."""

    prompt_tokens: int = 0
    cached: int = 0
    read_s: float = 0.0
    written_s: float = 0.0
    output_tokens: int = 0


class Writer:
    """Writes the answer to one question in the server's own shapes."""

    def __init__(self, house: House, asked: Asked, model: Served, reading: Reading, exchange: Exchange) -> None:
        self._house = house
        self._asked = asked
        self._model = model
        self._reading = reading
        self._exchange = exchange
        self._name = f"chatcmpl-{house.stats.calls.total()}"
        self._has_begun = False
        self._newline = b"\r\n" if house.has("crlf") else b"\n"

    def open(self) -> None:
        """Send the head of a stream before its first event, as servers in Python do."""
        if self._asked.stream and not self._exchange.started:
            self._exchange.start(SSE)

    async def piece(self, part: str) -> None:
        """One token of a stream."""
        if not self._has_begun:
            await self._begin()
        if self._house.has("pings"):
            await self._exchange.send(b":" + self._newline * 2)
        choice: dict[str, Any] = {"index": 0, "delta": {"content": part}, "finish_reason": None}
        if self._house.flavour == "lmstudio":
            choice["delta"] = {"role": "assistant", "content": part}
        self._add_logprobs(choice, [part])
        await self._event(self._chunk([choice]))

    async def finish(self, reason: str, metrics: Metrics, *, done: bool) -> None:
        """The end of a stream: with its reason, or without a word where the answer broke off."""
        if not self._has_begun:
            await self._begin()
        if not done:
            await self._exchange.end()
            return
        last = self._chunk([{"index": 0, "delta": {}, "finish_reason": reason}])
        tail = self._tail(metrics)
        if self._asked.with_usage and not self._house.has("no_usage"):
            await self._event(last)
            await self._event(self._chunk([]) | tail)
        else:
            await self._event(last | {key: value for key, value in tail.items() if key != "usage"})
        if not self._house.has("no_done"):
            await self._send(b"data: [DONE]")
        await self._exchange.end()

    def whole(self, parts: Sequence[str], reason: str, metrics: Metrics) -> None:
        """The answer as one object."""
        choice: dict[str, Any] = {
            "index": 0,
            "message": {"role": "assistant", "content": "".join(parts)},
            "finish_reason": reason or None,
        }
        if self._house.flavour != "llamacpp":
            choice["logprobs"] = None
        self._add_logprobs(choice, parts)
        shape = self._frame("chat.completion", [choice]) | self._tail(metrics)
        if self._house.flavour == "lmstudio":
            shape["stats"] = {}
        self._exchange.whole(200, encode(shape), JSON)

    async def error(self, refused: Refused) -> None:
        """An error after the stream has begun: an event with the same body, and no reason for the end."""
        prefix = b"event: error" + self._newline if self._house.flavour == "lmstudio" else b""
        body = refused.body if isinstance(refused.body.get("error"), dict) else {"error": {"message": refused.body["error"]}}
        await self._send(prefix + b"data: " + encode(body))
        if self._house.flavour == "vllm":
            await self._send(b"data: [DONE]")
        await self._exchange.end()

    async def tear(self, parts: Sequence[str]) -> None:
        """Write half an answer and hang up."""
        half = encode(self._chunk([{"index": 0, "delta": {"content": "".join(parts)}}]))
        if not self._exchange.started:
            self._exchange.start(SSE if self._asked.stream else JSON)
        await self._exchange.torn(b"data: " + half if self._asked.stream else half)
        await asyncio.sleep(0)
        raise HangUp

    async def _begin(self) -> None:
        self._has_begun = True
        self.open()
        if self._house.flavour == "lmstudio":
            return
        content = None if self._house.flavour == "llamacpp" else ""
        await self._event(
            self._chunk([{"index": 0, "delta": {"role": "assistant", "content": content}, "finish_reason": None}])
        )

    async def _event(self, value: Mapping[str, Any]) -> None:
        await self._send(b"data: " + encode(value))

    async def _send(self, line: bytes) -> None:
        await self._exchange.send(line + self._newline * 2)

    def _chunk(self, choices: list[Any]) -> dict[str, Any]:
        return self._frame("chat.completion.chunk", choices)

    def _frame(self, kind: str, choices: list[Any]) -> dict[str, Any]:
        shape: dict[str, Any] = {
            "id": self._name, "object": kind, "created": self._house.created, "model": self._model.id, "choices": choices,
        }  # fmt: skip
        if self._house.flavour != "vllm":
            shape["system_fingerprint"] = BUILD if self._house.flavour == "llamacpp" else self._model.id
        return shape

    def _tail(self, metrics: Metrics) -> dict[str, Any]:
        tail: dict[str, Any] = {}
        if not self._house.has("no_usage"):
            tail["usage"] = {
                "prompt_tokens": metrics.prompt_tokens,
                "completion_tokens": metrics.output_tokens,
                "total_tokens": metrics.prompt_tokens + metrics.output_tokens,
            }
            if self._house.flavour == "llamacpp":
                tail["usage"]["prompt_tokens_details"] = {"cached_tokens": metrics.cached}
        if self._house.flavour == "llamacpp" and not self._house.has("no_timings"):
            tail["timings"] = _timings(metrics)
        return tail

    def _add_logprobs(self, choice: dict[str, Any], parts: Sequence[str]) -> None:
        call = self._asked.call
        if call.logprobs and parts:
            choice["logprobs"] = {"content": logprobs_of(parts, self._reading, call.top_logprobs)}


def _timings(metrics: Metrics) -> dict[str, float]:
    read, prompt_ms = metrics.prompt_tokens - metrics.cached, metrics.read_s * 1000
    written, output_ms = metrics.output_tokens, metrics.written_s * 1000
    return {
        "cache_n": metrics.cached,
        "prompt_n": read,
        "prompt_ms": prompt_ms,
        "prompt_per_token_ms": prompt_ms / max(1, read),
        "prompt_per_second": read / metrics.read_s if metrics.read_s else 0.0,
        "predicted_n": written,
        "predicted_ms": output_ms,
        "predicted_per_token_ms": output_ms / max(1, written),
        "predicted_per_second": written / metrics.written_s if metrics.written_s else 0.0,
    }
