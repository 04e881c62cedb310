"""A lead's dossier, as it is or as it is being written."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

from aiohttp import web

from leadd.control.call import Call
from leadd.control.errors import JSON, ApiError
from leadd.control.house import House
from leadd.control.router import Route
from leadd.control.sse import SSE, SseAnswer, follow, frame
from leadd.control.wire import DossierNews, DossierOut, DossierQuery
from leadd.core.events import Event
from leadd.store.rows import DossierRow


class DossierRoutes:
    """/api/leads/{id}/dossier"""

    def __init__(self, house: House) -> None:
        self._house = house

    def table(self) -> tuple[Route, ...]:
        """The routes of this area."""
        return (
            Route(
                "GET",
                "/api/leads/{id}/dossier",
                "leads",
                "The dossier and where it stands; as server-sent events it is written now where there is none, part by part",
                self.dossier,
                DossierOut,
                query=DossierQuery,
                gives=(JSON, SSE),
                line=DossierNews,
            ),
        )

    async def dossier(self, call: Call) -> DossierOut | web.StreamResponse:
        """The deeper text."""
        lead = await self._house.store.leads.get(call.id)
        if lead is None:
            raise ApiError(404, "not_found", f"there is no lead {call.id}", "GET /api/leads/ lists them")
        wishes = call.query.stream or SSE in call.request.headers.get("Accept", "")
        if wishes and call.request.method != "HEAD":
            return await self._stream(call, lead.id)
        found = await self._house.store.dossiers.get(lead.id)
        if found is None:
            raise ApiError(404, "no_dossier", f"lead {lead.id} has no dossier", "ask with stream=true to have it written")
        return DossierOut.model_validate(found)

    async def _stream(self, call: Call, lead_id: int) -> web.StreamResponse:
        bus, desk = self._house.core.events, self._house.core.dossiers
        out = SseAnswer(call)
        async with aclosing(follow(call, bus)) as news:
            await anext(news)
            found = await self._wanted(call, lead_id)
            await out.begin()
            told = Told(lead_id, out, lambda: bus.last_id)
            if await told.ends_with(found):
                return await out.end()
            if reason := desk.waits_for():
                await told.tell("waits", reason=reason)
            seen = bus.last_id  # news of parts up to here are in what is there so far
            for key, value in desk.so_far(lead_id).items():
                await told.part(key, value)
            async for event in news:
                if event is None or told.quiet_s >= call.limits.heartbeat_s:
                    # Looked up as well as listened for: a lead may have been merged into another meanwhile.
                    if await told.ends_with(await self._house.store.dossiers.get(lead_id)):
                        break
                    await told.beat()
                if event is not None and event.data.get("lead_id") == lead_id and await self._passed_on(event, told, seen):
                    break
        return await out.end()

    async def _wanted(self, call: Call, lead_id: int) -> DossierRow | None:
        """Where the dossier stands, once it is wanted where it is not done.

        A browser that comes back by itself (Last-Event-ID) does not have one that failed tried again, or it would for ever.
        """
        found = await self._house.store.dossiers.get(lead_id)
        comes_back = "Last-Event-ID" in call.request.headers
        if found is not None and (found.state == "done" or (found.state == "held" and comes_back)):
            return found
        await self._house.core.dossiers.want(lead_id)
        return await self._house.store.dossiers.get(lead_id)

    async def _passed_on(self, event: Event, told: Told, seen: int) -> bool:
        """Tell what the core tells of this dossier; True where that was its end."""
        data = event.data
        if event.kind == "dossier.field" and event.id > seen:
            await told.part(data["key"], data["value"])
        elif event.kind == "dossier.restart" and event.id > seen:
            await told.restart()
        elif event.kind == "dossier.waits":
            await told.tell("waits", reason=data["reason"])
        elif event.kind in {"dossier.written", "dossier.failed"}:
            return await told.ends_with(await self._house.store.dossiers.get(told.lead_id))
        return False


class Told:
    """What one listener was told of a dossier."""

    def __init__(self, lead_id: int, out: SseAnswer, last_id: Callable[[], int]) -> None:
        self.lead_id = lead_id
        self._out = out
        self._last_id = last_id
        self._parts: dict[str, Any] = {}
        self._last_s = asyncio.get_running_loop().time()

    @property
    def quiet_s(self) -> float:
        """Seconds since anything was sent: news of other leads are none."""
        return asyncio.get_running_loop().time() - self._last_s

    async def beat(self) -> None:
        """Nothing new."""
        await self._out.beat()
        self._last_s = asyncio.get_running_loop().time()

    async def tell(self, kind: str, **data: Any) -> None:
        """One event."""
        await self._out.send(frame(kind, {"lead_id": self.lead_id, **data}, self._last_id()))
        self._last_s = asyncio.get_running_loop().time()

    async def part(self, key: str, value: Any) -> None:
        """A part that is complete; the same one is not told twice."""
        if self._parts.get(key) != value:
            self._parts[key] = value
            await self.tell("field", key=key, value=value)

    async def restart(self) -> None:
        """What was told is void; said only where anything was."""
        if self._parts:
            self._parts.clear()
            await self.tell("restart")

    async def ends_with(self, found: DossierRow | None) -> bool:
        """Tell the end, if this is one."""
        if found is None:
            await self.tell("failed", reason="the lead is gone")
        elif found.state == "done":
            await self.tell("done", dossier=DossierOut.model_validate(found).model_dump(mode="json"))
        elif found.state == "held":
            await self.tell("failed", reason=found.failure)
        else:
            return False
        return True
