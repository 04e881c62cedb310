"""Leads: lists, one with its history, why it is there, and the user's own word on it."""

from __future__ import annotations

from typing import Any

from leadd.control.call import Call, page_of
from leadd.control.errors import JSON, ApiError
from leadd.control.house import House
from leadd.control.router import Route
from leadd.control.routes.dossiers import DossierRoutes
from leadd.control.wire import (
    ActivityOut,
    BucketCounts,
    Done,
    IcpChoice,
    LeadDetail,
    LeadList,
    LeadOut,
    LeadQuery,
    NoteIn,
    StatusIn,
)
from leadd.control.wire_verdicts import FoundLead, FoundLeads, SearchQuery, SimilarQuery, Undone, VerdictIn
from leadd.core.finder import Found
from leadd.store.rows import LeadRow


class LeadRoutes:
    """/api/leads/…"""

    def __init__(self, house: House) -> None:
        self._house = house

    def table(self) -> tuple[Route, ...]:
        """The routes of this area."""
        one, body = "/api/leads/{id}", (JSON,)
        return (
            Route("GET", "/api/leads/", "leads", "Leads, best first", self.list, LeadList, query=LeadQuery),
            Route(
                "GET",
                "/api/leads/search",
                "leads",
                "Leads by what they are about: by vectors and words where signals have vectors, else by words",
                self.search,
                FoundLeads,
                query=SearchQuery,
            ),
            Route(
                "GET",
                "/api/leads/score-distribution/bucket-counts",
                "leads",
                "How many leads stand in each bucket",
                self.bucket_counts,
                BucketCounts,
                query=IcpChoice,
            ),
            Route("GET", one, "leads", "One lead with contacts, signals and timeline", self.get, LeadDetail),
            Route("DELETE", one, "leads", "Take a lead out of the lists; pending deliveries are dropped", self.delete, Done),
            Route("PATCH", f"{one}/status", "leads", "Set the status", self.set_status, LeadOut, body=StatusIn, takes=body),
            Route("PATCH", f"{one}/notes", "leads", "Add a note to the timeline", self.add_note, Done, body=NoteIn, takes=body),
            Route(
                "POST",
                f"{one}/verdict",
                "leads",
                "Accept, reject or snooze, later won or lost; the status follows",
                self.set_verdict,
                LeadOut,
                body=VerdictIn,
                takes=body,
            ),
            Route(
                "POST",
                f"{one}/undo",
                "leads",
                "Take back the latest verdict",
                self.undo,
                Undone,
                takes=body,
                body_optional=True,
            ),
            Route(
                "GET",
                f"{one}/similar",
                "leads",
                "Leads whose signals say the same kind of thing; no model is asked",
                self.similar,
                FoundLeads,
                query=SimilarQuery,
            ),
            Route("GET", f"{one}/why", "leads", "Why it is a lead: every judgement of every signal", self.why, dict[str, Any]),
            *DossierRoutes(self._house).table(),
        )

    async def list(self, call: Call) -> LeadList:
        """A stretch of the list."""
        q: LeadQuery = call.query
        page = await page_of(
            self._house.store.leads.list(
                icp=q.icp,
                bucket_min=q.bucket.value if q.bucket else None,
                status=q.status,
                query=q.q,
                limit=q.limit,
                after=q.cursor,
                order=q.order,
                snoozed=q.snoozed,
            )
        )
        return LeadList(items=[LeadOut.model_validate(row) for row in page.items], next=page.next)

    async def search(self, call: Call) -> FoundLeads:
        """Leads by what they say; `by` tells how."""
        q: SearchQuery = call.query
        return _found(await self._house.core.finder.search(q.q, q.limit))

    async def similar(self, call: Call) -> FoundLeads:
        """Leads like this one."""
        q: SimilarQuery = call.query
        return _found(await self._house.core.finder.similar(call.id, q.limit))

    async def bucket_counts(self, call: Call) -> BucketCounts:
        """How many stand where."""
        counts = await self._house.store.leads.bucket_counts(call.query.icp)
        return BucketCounts(counts=counts, total=sum(counts.values()))

    async def get(self, call: Call) -> LeadDetail:
        """All of one lead."""
        row = await self._row(call)
        view = await self._house.store.leads.view(row.id)
        timeline = await self._house.store.leads.timeline(row.id)
        detail = LeadDetail.model_validate(row)
        if view is not None:
            more = LeadDetail.model_validate({**detail.model_dump(), "contacts": view.contacts, "signals": view.signals})
            detail.contacts, detail.signals, detail.dossier = more.contacts, more.signals, view.dossier
        detail.timeline = [ActivityOut.model_validate(entry) for entry in timeline]
        return detail

    async def delete(self, call: Call) -> Done:
        """Out of the lists."""
        await self._house.store.leads.delete(call.id)
        return Done(message="deleted; its signals and their judgements stay")

    async def set_status(self, call: Call) -> LeadOut:
        """What a person says of it is never overwritten."""
        asked: StatusIn = call.body
        return self._told(await self._house.store.leads.set_status(call.id, asked.status))

    async def add_note(self, call: Call) -> Done:
        """One more entry of the timeline."""
        asked: NoteIn = call.body
        await self._row(call)
        await self._house.store.leads.add_note(call.id, asked.text)
        self._house.core.events.publish("lead.changed", lead_id=call.id)
        return Done(message="noted")

    async def set_verdict(self, call: Call) -> LeadOut:
        """The user's own word."""
        asked: VerdictIn = call.body
        row = await self._house.store.leads.verdict(call.id, asked.verdict, asked.note, by=asked.by, days=asked.days)
        return self._told(row)

    async def undo(self, call: Call) -> Undone:
        """The one before it counts again."""
        row, verdict = await self._house.store.leads.undo_verdict(call.id)
        return Undone(undone=verdict, lead=self._told(row))

    async def why(self, call: Call) -> dict[str, Any]:
        """Rule, score, threshold, prompt, model and cache class of each step."""
        found = await self._house.store.leads.why(call.id)
        if found is None:
            raise _no_lead(call.id)
        return found

    async def _row(self, call: Call) -> LeadRow:
        row = await self._house.store.leads.get(call.id)
        if row is None:
            raise _no_lead(call.id)
        return row

    def _told(self, row: LeadRow) -> LeadOut:
        self._house.core.events.publish("lead.changed", lead_id=row.id)
        return LeadOut.model_validate(row)


def _found(found: Found) -> FoundLeads:
    items = [
        FoundLead(**LeadOut.model_validate(row).model_dump(), similarity=None if cosine is None else round(cosine, 4))
        for row, cosine in found.leads
    ]
    return FoundLeads(items=items, by=found.by, model=found.model, compared=found.compared, reason=found.reason)


def _no_lead(lead_id: int) -> ApiError:
    return ApiError(404, "not_found", f"there is no lead {lead_id}", "GET /api/leads/ lists them")
