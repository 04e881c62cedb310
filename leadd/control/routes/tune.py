"""Tuning a model on verdicts, on a person's request only."""

from __future__ import annotations

from contextlib import aclosing
from pathlib import Path

from aiohttp import web
from pydantic import TypeAdapter

from leadd.api import LeaddError, Role
from leadd.control.call import NDJSON, Call
from leadd.control.errors import JSON, ApiError, as_api_error
from leadd.control.house import House
from leadd.control.ndjson import LineWriter
from leadd.control.router import Route
from leadd.control.wire import Done
from leadd.control.wire_verdicts import TuneIn, TuneStep, UntuneIn

_STEP = TypeAdapter(TuneStep)


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
        answer = await call.begin(NDJSON[0])
        try:
            async with aclosing(steps), LineWriter(answer.write, limit_s=call.limits.write_s) as out:
                try:
                    async for step in steps:
                        await out.put(_STEP.dump_json(TuneStep.model_validate(step)))
                except LeaddError as error:
                    shown = as_api_error(error) or ApiError(500, "internal", str(error))
                    told = TuneStep(kind="error", text=shown.message, code=shown.code, hint=shown.hint)
                    await out.put(_STEP.dump_json(told))
        except (ConnectionError, TimeoutError):
            answer.force_close()  # the reader is gone or takes nothing: there is nobody to tell
            raise
        await answer.write_eof()
        return answer

    async def undo(self, call: Call) -> Done:
        """The tuned model stays on its server."""
        asked: UntuneIn = call.body
        model = await self._house.core.tuning.undo(Role(asked.role))
        return Done(message=f"{model} plays {asked.role} no longer; it is still on its server")
