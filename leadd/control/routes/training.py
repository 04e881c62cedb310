"""The user's verdicts as lines to teach a model with."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from aiohttp import web
from pydantic_core import to_json

from leadd.control.call import NDJSON, Call
from leadd.control.errors import JSON
from leadd.control.house import House
from leadd.control.line_answers import answer_lines
from leadd.control.router import Route
from leadd.control.wire_verdicts import TrainingIn, TrainingLine
from leadd.core.training.training import TrainingExample


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
        examples = self._house.core.training.examples(icp=asked.icp, with_contacts=asked.contacts)
        return await answer_lines(call, _lines(examples))


async def _lines(examples: AsyncGenerator[TrainingExample, None]) -> AsyncGenerator[bytes, None]:
    """Each example, then a line that says that it is the last."""
    async with aclosing(examples):
        async for example in examples:
            yield to_json(example.as_line())
    yield to_json({"messages": [], "meta": {"end": True}})
