"""Ideal customer profiles: whom the user serves."""

from __future__ import annotations

from leadd.api import Icp
from leadd.control.call import Call
from leadd.control.errors import JSON, ApiError
from leadd.control.house import House
from leadd.control.router import Route
from leadd.control.wire import Done, IcpList, IcpOut
from leadd.core.icp_templates import TEMPLATES
from leadd.store.rows import IcpRow


class IcpRoutes:
    """/api/icp/…"""

    def __init__(self, house: House) -> None:
        self._house = house

    def table(self) -> tuple[Route, ...]:
        """The routes of this area."""
        one = "/api/icp/{id}"
        return (
            Route("GET", "/api/icp/", "icp", "All ICPs, and the names of the shipped templates", self.list, IcpList),
            Route("POST", "/api/icp/", "icp", "Add an ICP", self.add, IcpOut, body=Icp, takes=(JSON,), status=201),
            Route("GET", one, "icp", "One ICP", self.get, IcpOut),
            Route("PUT", one, "icp", "Replace an ICP", self.replace, IcpOut, body=Icp, takes=(JSON,)),
            Route("DELETE", one, "icp", "Delete an ICP; its leads stay", self.delete, Done),
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
