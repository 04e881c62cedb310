"""News as they happen, as server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from aiohttp import web
from pydantic_core import to_json

from leadd.control.call import Call
from leadd.control.errors import ApiError
from leadd.control.house import House
from leadd.control.router import Route
from leadd.core.events import Event

SSE = "text/event-stream"
RETRY_MS = 2000


class EventRoutes:
    """/api/events"""

    def __init__(self, house: House) -> None:
        self._house = house

    def table(self) -> tuple[Route, ...]:
        """The routes of this area."""
        return (
            Route(
                "GET",
                "/api/events",
                "events",
                "News as server-sent events; with Last-Event-ID those still remembered since then come first",
                self.events,
                gives=(SSE,),
                line=dict[str, Any],
            ),
        )

    async def events(self, call: Call) -> web.StreamResponse:
        """Events until the reader goes, or is so slow that the bus dropped it: then it comes back with Last-Event-ID."""
        bus = self._house.core.events
        after = _last_id(call.request.headers.get("Last-Event-ID"))
        if after is not None and after > bus.last_id:
            after = 0  # ids begin again with each start of the daemon: all that this run remembers is news to the caller
        events = bus.subscribe(after=after)
        coming = asyncio.ensure_future(anext(events))
        closing = asyncio.ensure_future(call.closing.wait())
        try:
            # Subscribed before the head goes out: what happens after the caller sees the head is never missed.
            await asyncio.sleep(0)
            answer = await call.begin(SSE)
            await _send(call, answer, f"retry: {RETRY_MS}\n\n".encode())
            while True:
                done, _ = await asyncio.wait(
                    {coming, closing}, timeout=call.limits.heartbeat_s, return_when=asyncio.FIRST_COMPLETED
                )
                if not done:
                    await _send(call, answer, b": still here\n\n")
                    continue
                if coming not in done:
                    break
                try:
                    event = coming.result()
                except StopAsyncIteration:
                    break
                coming = asyncio.ensure_future(anext(events))
                await _send(call, answer, frame(event))
        finally:
            coming.cancel()
            closing.cancel()
            await asyncio.gather(coming, closing, return_exceptions=True)
            await _close(events)
        await answer.write_eof()
        return answer


def frame(event: Event) -> bytes:
    """One event on the wire. JSON has no raw line breaks, so no text of a signal can forge a field or an event."""
    kind = event.kind.replace("\r", " ").replace("\n", " ").encode()
    data = to_json({"at_ms": event.at_ms, **event.data})
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.id, kind, data)


async def _send(call: Call, answer: web.StreamResponse, data: bytes) -> None:
    async with asyncio.timeout(call.limits.write_s):
        await answer.write(data)


async def _close(events: AsyncIterator[Event]) -> None:
    close = getattr(events, "aclose", None)
    if close is not None:
        await close()


def _last_id(text: str | None) -> int | None:
    if text is None or not text.strip():
        return None
    if not (text.strip().isascii() and text.strip().isdigit() and len(text.strip()) <= 18):
        raise ApiError(422, "invalid", "Last-Event-ID is the id of an event, a whole number")
    return int(text)
