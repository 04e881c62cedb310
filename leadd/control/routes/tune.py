"""Tuning a model on verdicts, on a person's request only."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from leadd.api import Role
from leadd.control.call import NDJSON, Call
from leadd.control.errors import JSON
from leadd.control.house import House
from leadd.control.line_answers import answer_lines, step_lines
from leadd.control.router import Route
from leadd.control.wire import Done
from leadd.control.wire_verdicts import TuneIn, TuneStep, UntuneIn


class TuneRoutes:
    """/api/tune"""

    def __init__(self, house: House) -> None:
        self._house = house

    def table(self) -> tuple[Route, ...]:
        """The routes of this area."""
        return (
            Route(
                "POST",
                "/api/tune",
                "models",
                "Make a model on your verdicts, compare it with the one in force, take it where it wins (socket or token only)",
                self.tune,
                body=TuneIn,
                takes=(JSON,),
                gives=(NDJSON[0],),
                proven_only=True,
                line=TuneStep,
            ),
            Route(
                "POST",
                "/api/tune/undo",
                "models",
                "Give a role back to the model that the settings name (socket or token only)",
                self.undo,
                Done,
                body=UntuneIn,
                takes=(JSON,),
                proven_only=True,
            ),
        )

    async def tune(self, call: Call) -> web.StreamResponse:
        """A line for every step; what is missing is told on the last one."""
        asked: TuneIn = call.body
        adapter = None if asked.adapter is None else Path(asked.adapter)
        steps = self._house.core.tuning.run(Role(asked.role), name=asked.name, most=asked.examples, adapter=adapter)
        return await answer_lines(call, step_lines(steps, TuneStep))

    async def undo(self, call: Call) -> Done:
        """The tuned model stays on its server."""
        asked: UntuneIn = call.body
        model = await self._house.core.tuning.undo(Role(asked.role))
        return Done(message=f"{model} plays {asked.role} no longer; it is still on its server")
