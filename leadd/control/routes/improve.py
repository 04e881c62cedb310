"""Better prompts: proposals that are measured, and the way of one of them to be the candidate."""

from __future__ import annotations

from aiohttp import web

from leadd.control.call import NDJSON, Call
from leadd.control.errors import JSON
from leadd.control.house import House
from leadd.control.line_answers import answer_lines, step_lines
from leadd.control.router import Route
from leadd.control.wire_experiments import CandidateIn, ImproveIn, ImproveStep
from leadd.control.wire_prompts import PromptChanged


class ImproveRoutes:
    """/api/prompts/{name}/improve and …/candidate"""

    def __init__(self, house: House) -> None:
        self._house = house

    def table(self) -> tuple[Route, ...]:
        """The routes of this area."""
        one = "/api/prompts/{name}"
        return (
            Route(
                "POST", f"{one}/improve", "prompts",
                "Propose edits out of what went wrong and measure them; nothing is changed (socket or token only)",
                self.improve, body=ImproveIn, takes=(JSON,), gives=(NDJSON[0],), proven_only=True, line=ImproveStep,
            ),
            Route(
                "POST", f"{one}/candidate", "prompts",
                "Take in a version that no file holds, as the candidate (socket or token only)",
                self.candidate, PromptChanged, body=CandidateIn, takes=(JSON,), proven_only=True,
            ),
        )  # fmt: skip

    async def improve(self, call: Call) -> web.StreamResponse:
        """A line for every step; what is missing is told on the last one."""
        asked: ImproveIn = call.body
        steps = self._house.improver.run(call.name, budget=asked.budget, candidates=asked.candidates, model=asked.model)
        return await answer_lines(call, step_lines(steps, ImproveStep))

    async def candidate(self, call: Call) -> PromptChanged:
        """It passes all that a file has to pass; nothing else is in force than before."""
        asked: CandidateIn = call.body
        info = await self._house.improver.adopt(call.name, asked.version, asked.text)
        message = f"{info.with_hash} is the candidate; leadd prompts label {info.name} candidate production puts it in force"
        return PromptChanged(message=message, name=info.name, version=info.label, content_hash=info.content_hash)
