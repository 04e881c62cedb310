"""What comes in and what goes out: sources, sinks and deliveries."""

from __future__ import annotations

import asyncio

from leadd.api import LeaddError
from leadd.control.call import Call, page_of
from leadd.control.errors import ApiError, as_api_error
from leadd.control.house import House, SinkState
from leadd.control.router import Route
from leadd.control.wire import Done
from leadd.control.wire_house import (
    DeliveryList,
    DeliveryOut,
    DeliveryQuery,
    ProblemOut,
    SinkList,
    SinkOut,
    SinkTested,
    SourceDetail,
    SourceList,
    SourceOut,
)
from leadd.core.sources import SourceStatus
from leadd.store.rows import OutboxRow

TEST_LIMIT_S = 60.0


class FlowRoutes:
    """/api/sources, /api/sinks, /api/deliveries"""

    def __init__(self, house: House) -> None:
        self._house = house

    def table(self) -> tuple[Route, ...]:
        """The routes of this area."""
        source, delivery = "/api/sources/{name}", "/api/deliveries/{id}"
        return (
            Route("GET", "/api/sources", "sources", "Sources and how each is", self.sources, SourceList),
            Route("GET", source, "sources", "One source with the items it could not read", self.source, SourceDetail),
            Route("POST", f"{source}/poll", "sources", "Poll now", self.poll, Done, status=202),
            Route("POST", f"{source}/pause", "sources", "Let a source rest until it is resumed", self.pause, Done),
            Route("POST", f"{source}/resume", "sources", "End a pause; the next poll begins at once", self.resume, Done),
            Route("GET", "/api/sinks", "sinks", "Sinks, how each is, and their deliveries by state", self.sinks, SinkList),
            Route(
                "POST",
                "/api/sinks/{name}/test",
                "sinks",
                "Reach the other side of a sink without a lead",
                self.test_sink,
                SinkTested,
            ),
            Route(
                "GET",
                "/api/deliveries",
                "deliveries",
                "Leads on their way out",
                self.deliveries,
                DeliveryList,
                query=DeliveryQuery,
            ),
            Route("POST", f"{delivery}/retry", "deliveries", "Try a dead delivery again, now", self.retry, DeliveryOut),
            Route("POST", f"{delivery}/drop", "deliveries", "Never send this delivery", self.drop, DeliveryOut),
        )

    async def sources(self, call: Call) -> SourceList:
        """All that the settings name."""
        return SourceList(items=[SourceOut.model_validate(s) for s in self._house.core.traffic.source_statuses()])

    async def source(self, call: Call) -> SourceDetail:
        """One of them."""
        shown = SourceDetail.model_validate(self._source(call.name))
        problems = await self._house.store.signals.problems(call.name)
        shown.recent_problems = [ProblemOut.model_validate(problem) for problem in problems]
        return shown

    async def poll(self, call: Call) -> Done:
        """Ahead of its time."""
        self._running(call.name, self._house.core.traffic.poll_now(self._source(call.name).name))
        return Done(message=f"'{call.name}' is polled now")

    async def pause(self, call: Call) -> Done:
        """Until resumed."""
        self._running(call.name, self._house.core.traffic.pause(self._source(call.name).name))
        return Done(message=f"'{call.name}' rests until it is resumed")

    async def resume(self, call: Call) -> Done:
        """At work again."""
        self._running(call.name, self._house.core.traffic.resume(self._source(call.name).name))
        return Done(message=f"'{call.name}' is at work again")

    async def sinks(self, call: Call) -> SinkList:
        """All that the settings name."""
        return SinkList(items=[_sink(state) for state in await self._house.core.traffic.sink_statuses()])

    async def test_sink(self, call: Call) -> SinkTested:
        """What the sink says of its other side; what it raises is the answer, by name."""
        try:
            async with asyncio.timeout(TEST_LIMIT_S):
                receipt = await self._house.core.traffic.test_sink(call.name)
        except TimeoutError:
            raise ApiError(504, "sink_slow", f"no answer within {TEST_LIMIT_S:.0f} s") from None
        except LeaddError as error:
            raise as_api_error(error) or ApiError(502, "sink_failed", str(error)) from error
        except Exception as error:
            # A plugin may raise anything; its own words are the best that the user can get.
            raise ApiError(502, "sink_failed", f"{type(error).__name__}: {error}", "leadd logs tells more") from error
        if receipt is None:
            raise ApiError(404, "not_found", f"no sink named '{call.name[:80]}' runs", "GET /api/sinks lists them")
        return SinkTested(reference=receipt.reference, detail=receipt.detail)

    async def deliveries(self, call: Call) -> DeliveryList:
        """A stretch of the list."""
        q: DeliveryQuery = call.query
        page = await page_of(self._house.store.outbox.list(state=q.state, sink=q.sink, limit=q.limit, after=q.cursor))
        return DeliveryList(items=[DeliveryOut.model_validate(row) for row in page.items], next=page.next)

    async def retry(self, call: Call) -> DeliveryOut:
        """Pending again, with the same key."""
        row = await self._delivery(call.id)
        if row.state not in ("dead", "dropped", "pending"):
            raise ApiError(
                409, "wrong_state", f"delivery {row.id} is {row.state}", "only one that is not under way is tried again"
            )
        await self._house.store.outbox.revive(row.id)
        self._house.core.traffic.wake_sinks()
        return DeliveryOut.model_validate(await self._delivery(call.id))

    async def drop(self, call: Call) -> DeliveryOut:
        """Given up by the user's hand."""
        row = await self._delivery(call.id)
        if row.state in ("delivered", "leased"):
            raise ApiError(409, "wrong_state", f"delivery {row.id} is {row.state}", "what is out cannot be dropped")
        await self._house.store.outbox.drop(row.id)
        return DeliveryOut.model_validate(await self._delivery(call.id))

    async def _delivery(self, delivery_id: int) -> OutboxRow:
        row = await self._house.store.outbox.get(delivery_id)
        if row is None:
            raise ApiError(404, "not_found", f"there is no delivery {delivery_id}", "GET /api/deliveries lists them")
        return row

    def _source(self, name: str) -> SourceStatus:
        for status in self._house.core.traffic.source_statuses():
            if status.name == name:
                return status
        raise ApiError(404, "not_found", f"no source is named '{name[:80]}'", "GET /api/sources lists them")

    def _running(self, name: str, done: bool) -> None:
        if not done:
            reason = self._source(name).reason or "it could not be made"
            raise ApiError(409, "not_running", f"'{name}' does not run: {reason}", "mend its settings, then restart leadd")


def _sink(state: SinkState) -> SinkOut:
    shown = SinkOut.model_validate(state)
    shown.deliveries = dict(state.counts or {})
    return shown
