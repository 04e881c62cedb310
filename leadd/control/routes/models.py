"""Fetching models, on a person's request only."""

from __future__ import annotations

from contextlib import aclosing

from aiohttp import web
from pydantic_core import to_json

from leadd.api import Failure, LeaddError, ModelFailure
from leadd.control.call import NDJSON, Call
from leadd.control.errors import JSON, ApiError, as_api_error
from leadd.control.house import House
from leadd.control.ndjson import LineWriter
from leadd.control.router import Route
from leadd.control.wire_house import PullIn, PullStep


class ModelRoutes:
    """/api/models/…"""

    def __init__(self, house: House) -> None:
        self._house = house

    def table(self) -> tuple[Route, ...]:
        """The routes of this area."""
        return (
            Route(
                "POST",
                "/api/models/pull",
                "models",
                "Have the model server fetch a model; the download ends when nobody reads (Unix socket or token only)",
                self.pull,
                body=PullIn,
                takes=(JSON,),
                gives=(NDJSON[0],),
                proven_only=True,
                line=PullStep,
            ),
        )

    async def pull(self, call: Call) -> web.StreamResponse:
        """A line for every step; what goes wrong before the first is an answer of its own."""
        async with aclosing(self._house.pull_model(call.body.model)) as steps:
            try:
                step = await anext(steps, None)
            except ModelFailure as failure:
                raise _refusal(failure) from failure
            answer = await call.begin(NDJSON[0])
            try:
                async with LineWriter(answer.write, limit_s=call.limits.write_s) as out:
                    try:
                        while step is not None:
                            await out.put(_line(*step))
                            step = await anext(steps, None)
                        await out.put(_line("ok"))
                    except LeaddError as error:
                        shown = as_api_error(error) or ApiError(500, "internal", str(error))
                        await out.put(to_json({"status": "error", "error": shown.message, "code": shown.code}))
            except (ConnectionError, TimeoutError):
                # The reader is gone or takes nothing: there is nobody to tell.
                answer.force_close()
                raise
        await answer.write_eof()
        return answer


def _line(status: str, done: int = 0, total: int = 0) -> bytes:
    return to_json({"status": status, "done": done, "total": total})


def _refusal(failure: ModelFailure) -> ApiError | ModelFailure:
    """A model that is refused stays refused: that is no reason to try again later."""
    if failure.kind in {Failure.FORBIDDEN, Failure.BAD_REQUEST, Failure.MISSING_MODEL}:
        return ApiError(422, failure.kind.value, failure.message)
    return failure
