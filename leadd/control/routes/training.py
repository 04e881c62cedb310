"""The user's verdicts as lines to teach a model with."""

from __future__ import annotations

from contextlib import aclosing

from aiohttp import web
from pydantic_core import to_json

from leadd.control.call import NDJSON, Call
from leadd.control.errors import JSON
from leadd.control.house import House
from leadd.control.ndjson import LineWriter
from leadd.control.router import Route
from leadd.control.wire_verdicts import TrainingIn, TrainingLine


class TrainingRoutes:
    """/api/training-data"""

    def __init__(self, house: House) -> None:
        self._house = house

    def table(self) -> tuple[Route, ...]:
        """The routes of this area."""
        return (
            Route(
                "POST",
                "/api/training-data",
                "leads",
                "Your verdicts as chat JSONL, split by company; texts without contact data unless asked (socket or token only)",
                self.lines,
                body=TrainingIn,
                takes=(JSON,),
                gives=(NDJSON[0],),
                proven_only=True,
                body_optional=True,
                line=TrainingLine,
            ),
        )

    async def lines(self, call: Call) -> web.StreamResponse:
        """A line for each example, as they are made."""
        asked: TrainingIn = call.body or TrainingIn()
        answer = await call.begin(NDJSON[0])
        examples = self._house.core.training.examples(icp=asked.icp, with_contacts=asked.contacts)
        try:
            async with aclosing(examples), LineWriter(answer.write, limit_s=call.limits.write_s) as out:
                async for example in examples:
                    await out.put(to_json(example.as_line()))
                await out.put(to_json({"messages": [], "meta": {"end": True}}))
        except (ConnectionError, TimeoutError):
            answer.force_close()  # the reader is gone or takes nothing: there is nobody to tell
            raise
        await answer.write_eof()
        return answer
