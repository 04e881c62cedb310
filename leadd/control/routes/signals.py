"""Signals: where each stands, why, and another try for those that are held."""

from __future__ import annotations

from dataclasses import asdict

from leadd.control.call import Call, page_of
from leadd.control.errors import JSON, ApiError
from leadd.control.house import House
from leadd.control.router import Route
from leadd.control.wire import (
    Done,
    RejudgeIn,
    RetryIn,
    SignalList,
    SignalOut,
    SignalQuery,
    SignalWhy,
)
from leadd.control.wire_verdicts import SignalVerdictIn, SignalVerdictOut

SHOWN_CHARS = 500
"""Characters of a text that a list shows; the whole text is in /why."""


class SignalRoutes:
    """/api/signals/… and /api/rejudge"""

    def __init__(self, house: House) -> None:
        self._house = house

    def table(self) -> tuple[Route, ...]:
        """The routes of this area."""
        return (
            Route(
                "GET",
                "/api/signals",
                "signals",
                "Signals by where they stand, newest first",
                self.list,
                SignalList,
                query=SignalQuery,
            ),
            Route(
                "GET",
                "/api/signals/{id}/why",
                "signals",
                "Why a signal is a lead, or is none: every judgement about it",
                self.why,
                SignalWhy,
            ),
            Route(
                "POST",
                "/api/signals/{id}/verdict",
                "signals",
                "Say of a dropped signal that it should have been a lead (it is read again at once), or was rightly dropped",
                self.set_verdict,
                SignalVerdictOut,
                body=SignalVerdictIn,
                takes=(JSON,),
            ),
            Route(
                "POST",
                "/api/signals/{id}/undo",
                "signals",
                "Take back the latest verdict on a signal",
                self.undo,
                SignalVerdictOut,
                takes=(JSON,),
                body_optional=True,
            ),
            Route(
                "POST",
                "/api/signals/retry",
                "signals",
                "Put held signals in the queue again: those named, or all",
                self.retry,
                Done,
                body=RetryIn,
                takes=(JSON,),
                body_optional=True,
            ),
            Route(
                "POST",
                "/api/rejudge",
                "signals",
                "Judge again what was judged by a method, as by evidence while there was no model",
                self.rejudge,
                Done,
                body=RejudgeIn,
                takes=(JSON,),
                body_optional=True,
            ),
        )

    async def list(self, call: Call) -> SignalList:
        """A stretch of the list."""
        q: SignalQuery = call.query
        page = await page_of(
            self._house.store.signals.list(outcome=q.outcome, state=q.state, source=q.source, limit=q.limit, after=q.cursor)
        )
        items = [SignalOut.model_validate(row) for row in page.items]
        for item in items:
            item.text = item.text[:SHOWN_CHARS]
        return SignalList(items=items, next=page.next)

    async def why(self, call: Call) -> SignalWhy:
        """Every judgement, oldest first; superseded ones are marked."""
        row = await self._house.store.signals.get(call.id)
        if row is None:
            raise ApiError(404, "not_found", f"there is no signal {call.id}", "GET /api/signals lists them")
        rows = await self._house.store.judgements.for_signal(call.id)
        return SignalWhy(signal=SignalOut.model_validate(row), judgements=[asdict(judgement) for judgement in rows])

    async def set_verdict(self, call: Call) -> SignalVerdictOut:
        """Kept as evidence of a miss, whatever the models say now."""
        asked: SignalVerdictIn = call.body
        lead_id = await self._house.store.verdicts.lead_of(call.id, asked.icp)
        if lead_id is not None:
            hint = f"POST /api/leads/{lead_id}/verdict takes your word on it"
            raise ApiError(409, "is_a_lead", f"signal {call.id} was not dropped: it is part of lead {lead_id}", hint)
        kept = await self._house.core.judge_signal(call.id, asked.verdict, asked.note, by=asked.by, icp=asked.icp)
        return SignalVerdictOut.model_validate(kept)

    async def undo(self, call: Call) -> SignalVerdictOut:
        """The one before it counts again; a lead that was made of it stays."""
        return SignalVerdictOut.model_validate(await self._house.store.verdicts.undo_signal(call.id))

    async def retry(self, call: Call) -> Done:
        """Another try."""
        asked: RetryIn = call.body or RetryIn()
        count = await self._house.core.retry_held(asked.ids)
        return Done(message=f"{count} held signals are in the queue again", count=count)

    async def rejudge(self, call: Call) -> Done:
        """In the queue again; the old judgements stay, marked as superseded."""
        asked: RejudgeIn = call.body or RejudgeIn()
        count = await self._house.core.rejudge(asked.method.value)
        return Done(message=f"{count} signals are judged again", count=count)
