"""Server-sent events: frames, and the news of the bus for as long as somebody listens."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from typing import Any

from aiohttp import web
from pydantic_core import to_json

from leadd.control.call import Call
from leadd.core.events import Event, EventBus

SSE = "text/event-stream"
RETRY_MS = 2000


async def follow(call: Call, bus: EventBus, *, after: int | None = None) -> AsyncGenerator[Event | None, None]:
    """First None, once no event is missed any more; then events as they come, and None after each silence of `heartbeat_s`.

    It ends where the server closes, and where the bus dropped a reader that was too slow. Close it where you end before it.
    """
    events = bus.subscribe(after=after)
    coming = asyncio.ensure_future(anext(events))
    closing = asyncio.ensure_future(call.closing.wait())
    try:
        await asyncio.sleep(0)  # the subscription begins
        yield None
        while True:
            done, _ = await asyncio.wait(
                {coming, closing}, timeout=call.limits.heartbeat_s, return_when=asyncio.FIRST_COMPLETED
            )
            if not done:
                yield None
                continue
            if coming not in done:
                return
            try:
                event = coming.result()
            except StopAsyncIteration:
                return
            coming = asyncio.ensure_future(anext(events))
            yield event
    finally:
        coming.cancel()
        closing.cancel()
        await asyncio.gather(coming, closing, return_exceptions=True)
        close = getattr(events, "aclose", None)
        if close is not None:
            await close()


class SseAnswer:
    """An answer of events. A reader who takes nothing for `write_s` ends it with TimeoutError."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._answer: web.StreamResponse | None = None

    async def begin(self) -> None:
        """Send the head."""
        self._answer = await self._call.begin(SSE)
        await self.send(f"retry: {RETRY_MS}\n\n".encode())

    async def send(self, data: bytes) -> None:
        """Send frames as they are."""
        assert self._answer is not None
        async with asyncio.timeout(self._call.limits.write_s):
            await self._answer.write(data)

    async def beat(self) -> None:
        """Show a quiet reader that somebody is still here."""
        await self.send(b": still here\n\n")

    async def end(self) -> web.StreamResponse:
        """Send the end; the response."""
        assert self._answer is not None
        await self._answer.write_eof()
        return self._answer


def frame(kind: str, data: Mapping[str, Any], event_id: int) -> bytes:
    """One event on the wire. JSON has no raw line breaks, so no text of a signal can forge a field or an event."""
    plain = kind.replace("\r", " ").replace("\n", " ").encode()
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event_id, plain, to_json(data))
