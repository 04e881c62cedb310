"""What to judge next, and what the last verdicts have changed."""

from __future__ import annotations

from leadd.control.call import Call
from leadd.control.house import House
from leadd.control.router import Route
from leadd.control.wire_verdicts import EffectOut, ReviewItem, ReviewOut, ReviewQuery
from leadd.core import review


class ReviewRoutes:
    """/api/review"""

    def __init__(self, house: House) -> None:
        self._house = house

    def table(self) -> tuple[Route, ...]:
        """The routes of this area."""
        return (
            Route(
                "GET",
                "/api/review",
                "leads",
                "What to judge next, the most useful first, and what the last verdicts have changed",
                self.queue,
                ReviewOut,
                query=ReviewQuery,
            ),
        )

    async def queue(self, call: Call) -> ReviewOut:
        """A verdict on an item goes to its lead where it has one, else to its signal."""
        q: ReviewQuery = call.query
        items = await review.queue(self._house.store, self._house.clock, icp=q.icp, limit=q.limit)
        row = None if q.icp is None else await self._house.store.icps.by_name(q.icp)
        told = [] if q.icp is not None and row is None else await self._house.store.verdicts.counting(row.id if row else None)
        present = await self._house.store.review.present_scores(row.id if row else None)
        effect = EffectOut.model_validate(review.effect(told, present))
        return ReviewOut(items=[ReviewItem.model_validate(item) for item in items], effect=effect)
