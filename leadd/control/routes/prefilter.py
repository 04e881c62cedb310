"""The prefilter: what it promises for each ICP, what that rests on, and the scorers that it may go by."""

from __future__ import annotations

from leadd.control.call import Call
from leadd.control.errors import JSON, ApiError
from leadd.control.house import House
from leadd.control.router import Route
from leadd.control.wire import Done
from leadd.control.wire_prefilter import PromiseList, PromiseOut, ScorerList, ScorerOut, ScorerRollbackIn
from leadd.core.profiles import Profile
from leadd.core.promises.choosing import UNTAUGHT, NoPromise


class PrefilterRoutes:
    """/api/prefilter/…"""

    def __init__(self, house: House) -> None:
        self._house = house

    def table(self) -> tuple[Route, ...]:
        """The routes of this area."""
        base, area = "/api/prefilter", "prefilter"
        return (
            Route("GET", base, area, "What the prefilter promises for each ICP, and on what evidence", self.show, PromiseList),
            Route(
                "GET", f"{base}/versions/{{name}}", area, "The scorers that learnt from verdicts on an ICP, newest first",
                self.versions, ScorerList,
            ),
            Route(
                "POST", f"{base}/rollback/{{name}}", area, "Go by an earlier scorer of an ICP", self.rollback, Done,
                body=ScorerRollbackIn, takes=(JSON,), body_optional=True,
            ),
        )  # fmt: skip

    async def show(self, call: Call) -> PromiseList:
        """One item for each ICP in force."""
        return PromiseList(items=[PromiseOut.model_validate(row) for row in await self._house.core.promises()])

    async def versions(self, call: Call) -> ScorerList:
        """The scorers of the ICP as it reads now; the fit without verdicts comes last."""
        profile = self._profile(call.name)
        chooser = self._house.core.chooser
        held = chooser.held(profile)
        ranking = "" if held is None else held.row.ranking
        deciding = "" if held is None else held.row.deciding
        items = [
            ScorerOut(
                version=row.version, verdicts=row.verdicts, labels=row.labels, dropped=row.dropped, made_at_ms=row.made_at_ms,
                decides=row.version == deciding, ranks=row.version == ranking,
            )
            for row in await chooser.versions(profile)
        ]  # fmt: skip
        items.append(ScorerOut(version=UNTAUGHT, decides=not deciding, ranks=not ranking))
        return ScorerList(icp=profile.icp.name, items=items)

    async def rollback(self, call: Call) -> Done:
        """Answers 409 where there is nothing to go back to."""
        asked: ScorerRollbackIn = call.body or ScorerRollbackIn()
        profile = self._profile(call.name)
        try:
            version, anew = await self._house.core.chooser.roll_back(profile, asked.version)
        except NoPromise as error:
            raise ApiError(409, "conflict", str(error), "GET /api/prefilter/versions/{name} lists the scorers") from None
        more = "; a new promise begins, and everything passes until it is proven" if anew else ""
        return Done(message=f"ICP {profile.icp.name} goes by scorer {version}{more}")

    def _profile(self, name: str) -> Profile:
        for profile in self._house.core.profiles.current:
            if profile.icp.name == name:
                return profile
        names = ", ".join(p.icp.name for p in self._house.core.profiles.current) or "none"
        raise ApiError(404, "not_found", f"there is no ICP {name!r} in force", f"in force: {names}")
