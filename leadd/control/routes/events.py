"""News as they happen, as server-sent events."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

from aiohttp import web

from leadd.control import sse
from leadd.control.call import Call
from leadd.control.errors import ApiError
from leadd.control.house import House
from leadd.control.router import Route
from leadd.control.sse import SSE, SseAnswer, follow
from leadd.core.events import Event


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
        out = SseAnswer(call)
        async with aclosing(follow(call, bus, after=after)) as news:
            # Subscribed before the head goes out: what happens after the caller sees the head is never missed.
            await anext(news)
            await out.begin()
            async for event in news:
                await (out.beat() if event is None else out.send(frame(event)))
        return await out.end()


def frame(event: Event) -> bytes:
    """One event on the wire."""
    return sse.frame(event.kind, {"at_ms": event.at_ms, **event.data}, event.id)


def _last_id(text: str | None) -> int | None:
    if text is None or not text.strip():
        return None
    if not (text.strip().isascii() and text.strip().isdigit() and len(text.strip()) <= 18):
        raise ApiError(422, "invalid", "Last-Event-ID is the id of an event, a whole number")
    return int(text)
