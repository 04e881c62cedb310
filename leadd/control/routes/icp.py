"""Ideal customer profiles: whom the user serves."""

from __future__ import annotations

from leadd.api import Icp
from leadd.control.call import Call
from leadd.control.errors import JSON, ApiError
from leadd.control.house import House
from leadd.control.router import Route
from leadd.control.wire import Done, IcpList, IcpOut
from leadd.control.wire_expansion import ExpandIn, ExpansionIn, ExpansionOut
from leadd.core.expansions import InForce
from leadd.core.icp_templates import TEMPLATES
from leadd.learn.words.expansion import ExpansionInvalid
from leadd.store.rows import IcpRow


class IcpRoutes:
    """/api/icp/…"""

    def __init__(self, house: House) -> None:
        self._house = house

    def table(self) -> tuple[Route, ...]:
        """The routes of this area."""
        one = "/api/icp/{id}"
        spelt = f"{one}/expansion"
        return (
            Route("GET", "/api/icp/", "icp", "All ICPs, and the names of the shipped templates", self.list, IcpList),
            Route("POST", "/api/icp/", "icp", "Add an ICP", self.add, IcpOut, body=Icp, takes=(JSON,), status=201),
            Route("GET", one, "icp", "One ICP", self.get, IcpOut),
            Route("PUT", one, "icp", "Replace an ICP", self.replace, IcpOut, body=Icp, takes=(JSON,)),
            Route("DELETE", one, "icp", "Delete an ICP; its leads stay", self.delete, Done),
            Route("GET", spelt, "icp", "What the words of an ICP stand for", self.expansion, ExpansionOut),
            Route(
                "POST",
                spelt,
                "icp",
                "Let a model add to what the words of an ICP stand for, once for a wording",
                self.expand,
                ExpansionOut,
                body=ExpandIn,
                takes=(JSON,),
            ),
            Route(
                "PUT",
                spelt,
                "icp",
                "Change what the words of an ICP stand for",
                self.edit,
                ExpansionOut,
                body=ExpansionIn,
                takes=(JSON,),
            ),
            Route("DELETE", spelt, "icp", "Back to the shipped table", self.reset, ExpansionOut),
            Route(
                "POST",
                "/api/icp/templates/{name}",
                "icp",
                "Add the shipped template of this name as an ICP of your own",
                self.from_template,
                IcpOut,
                status=201,
            ),
        )

    async def list(self, call: Call) -> IcpList:
        """All of them."""
        rows = await self._house.store.icps.list()
        return IcpList(items=[self._shown(row) for row in rows], templates=sorted(TEMPLATES))

    async def get(self, call: Call) -> IcpOut:
        """One of them."""
        row = await self._house.store.icps.get(call.id)
        if row is None:
            raise ApiError(404, "not_found", f"there is no ICP {call.id}")
        return self._shown(row)

    async def add(self, call: Call) -> IcpOut:
        """A new one. Answers 409 where its name is taken."""
        return await self._added(call.body)

    async def from_template(self, call: Call) -> IcpOut:
        """A new one from a shipped template. The stand-in becomes the user's own by being saved once more."""
        template = TEMPLATES.get(call.name)
        if template is None:
            raise ApiError(404, "not_found", "there is no template of that name", f"templates: {', '.join(sorted(TEMPLATES))}")
        return await self._added(template)

    async def replace(self, call: Call) -> IcpOut:
        """Another content for the same ICP."""
        row = await self._house.store.icps.replace(call.id, call.body)
        await self._house.core.icps_changed()
        return self._shown(row)

    async def delete(self, call: Call) -> Done:
        """No longer in force."""
        await self._house.store.icps.delete(call.id)
        await self._house.core.icps_changed()
        return Done(message="deleted; its leads stay")

    async def expansion(self, call: Call) -> ExpansionOut:
        """By the table, a model, or the user."""
        return await self._spelt(call.id, await self._house.core.expanding.shown(call.id))

    async def expand(self, call: Call) -> ExpansionOut:
        """Where no model can be asked, what counts stays and `waits_for` says why. Answers 503 where it gave no answer."""
        asked: ExpandIn = call.body
        return await self._changed(call.id, await self._house.core.expanding.expand(call.id, again=asked.again))

    async def edit(self, call: Call) -> ExpansionOut:
        """The whole anew. Answers 422 with the entry that cannot be."""
        given: ExpansionIn = call.body
        try:
            found = await self._house.core.expanding.edit(call.id, given.model_dump())
        except ExpansionInvalid as error:
            raise ApiError(422, "invalid", str(error), "leadd icp expand NAME --json shows one that fits") from None
        return await self._changed(call.id, found)

    async def reset(self, call: Call) -> ExpansionOut:
        """Edits and the model's terms are gone."""
        return await self._changed(call.id, await self._house.core.expanding.reset(call.id))

    async def _changed(self, icp_id: int, found: InForce) -> ExpansionOut:
        await self._house.core.icps_changed()
        return await self._spelt(icp_id, found)

    async def _spelt(self, icp_id: int, found: InForce) -> ExpansionOut:
        row = await self._house.store.icps.get(icp_id)
        if row is None:
            raise ApiError(404, "not_found", f"there is no ICP {icp_id}")
        return ExpansionOut(
            icp=row.icp.name,
            by=found.by,
            model=found.model,
            is_stale=found.is_stale,
            problem=found.problem,
            waits_for=self._house.core.expanding.waits_for(),
            expansion_hash=found.expansion_hash,
            **found.expansion.to_data(),
        )

    async def _added(self, icp: Icp) -> IcpOut:
        icps = self._house.store.icps
        standing = await icps.by_name(icp.name) if self._house.core.profiles.stand_in == icp.name else None
        # The template that stands in has this name already: the user makes it theirs, which is no clash.
        row = await icps.replace(standing.id, icp) if standing else await icps.add(icp)
        await self._house.core.icps_changed()
        return self._shown(row)

    def _shown(self, row: IcpRow) -> IcpOut:
        shown = IcpOut.model_validate(row)
        shown.stand_in = self._house.core.profiles.stand_in == row.icp.name
        return shown
