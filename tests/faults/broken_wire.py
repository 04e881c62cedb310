"""An Ollama at the level of bytes, whose answers to questions can be broken in ways that no proper server library makes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable

from outage_run import ANSWER_MS, CANARY_SCHEMA, MODEL

from leadd.testing.raw_server import RawConversation, RawRequest, head

Breaker = Callable[[RawConversation, bytes], Awaitable[None]]


class RawOllama:
    """Answers as one model does; while `how` is set, each question ends by it."""

    def __init__(self) -> None:
        self.how: Breaker | None = None

    async def answer(self, request: RawRequest, talk: RawConversation) -> None:
        path = request.path
        if path == "/api/version":
            await _send(talk, {"version": "0.33.1"})
        elif path == "/api/tags":
            await _send(talk, {"models": [{"name": MODEL, "digest": "d1"}]})
        elif path == "/api/ps":
            await _send(talk, {"models": [{"name": MODEL, "digest": "d1", "context_length": 2048}]})
        else:
            await self._chat(request, talk)

    async def _chat(self, request: RawRequest, talk: RawConversation) -> None:
        asked = request.json()
        if not asked["messages"]:
            await _send(talk, {"model": MODEL, "done": True, "done_reason": "load"})
            return
        await asyncio.sleep(ANSWER_MS / 1000)
        text = '{"ok": "yes"}' if asked["format"] == CANARY_SCHEMA else '{"worth": "yes", "points": 7}'
        event = {
            "model": MODEL, "message": {"role": "assistant", "content": text}, "done": True, "done_reason": "stop",
            "prompt_eval_count": 90, "eval_count": 9,
        }  # fmt: skip
        body = json.dumps(event).encode()
        if self.how is not None:
            await self.how(talk, body)
        else:
            await talk.send(head(content_length=len(body)) + body)


async def _send(talk: RawConversation, value: object) -> None:
    body = json.dumps(value).encode()
    await talk.send(head(content_length=len(body)) + body)


async def malformed_chunk(talk: RawConversation, body: bytes) -> None:
    await talk.send(head(transfer_encoding="chunked") + b"ZZ\r\n" + body + b"\r\n0\r\n\r\n")
    talk.abort()


async def chunk_too_short(talk: RawConversation, body: bytes) -> None:
    await talk.send(head(transfer_encoding="chunked") + b"%x\r\n%s\r\n0\r\n\r\n" % (len(body) + 9, body))
    talk.abort()


async def cut_in_the_body(talk: RawConversation, body: bytes) -> None:
    await talk.send(head(content_length=len(body)) + body[: len(body) // 2])
    talk.abort()


async def half_a_line(talk: RawConversation, body: bytes) -> None:
    half = body[: len(body) // 2]
    await talk.send(head(content_length=len(half)) + half)


async def no_http(talk: RawConversation, body: bytes) -> None:
    await talk.send(b"\x00\x01\x02 what?\r\n\r\n")
    talk.abort()


async def empty_body(talk: RawConversation, body: bytes) -> None:
    await talk.send(head(content_length=0))


async def a_page(talk: RawConversation, body: bytes) -> None:
    page = b"<html><body>Please log in</body></html>"
    await talk.send(head(200, "text/html", content_length=len(page)) + page)


WAYS: dict[str, Breaker] = {
    way.__name__: way for way in (malformed_chunk, chunk_too_short, cut_in_the_body, half_a_line, no_http, empty_body, a_page)
}
