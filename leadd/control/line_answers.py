"""Answers that go out line by line, as NDJSON, for as long as the work behind them lasts."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from aiohttp import web
from pydantic import BaseModel

from leadd.api import LeaddError
from leadd.control.call import NDJSON, Call
from leadd.control.errors import ApiError, as_api_error
from leadd.control.ndjson import LineWriter


async def answer_lines(call: Call, lines: AsyncGenerator[bytes, None]) -> web.StreamResponse:
    """Send each line as it comes. Where nobody reads any more the work is ended, and the connection with it."""
    answer = await call.begin(NDJSON[0])
    try:
        async with aclosing(lines), LineWriter(answer.write, limit_s=call.limits.write_s) as out:
            async for line in lines:
                await out.put(line)
    except (ConnectionError, TimeoutError):
        answer.force_close()  # the reader is gone or takes nothing: there is nobody to tell
        raise
    await answer.write_eof()
    return answer


async def step_lines(steps: AsyncGenerator[Any, None], shape: type[BaseModel]) -> AsyncGenerator[bytes, None]:
    """Each step in its shape; what goes wrong is told on the last line, of kind `error`, since the status is out already."""
    async with aclosing(steps):
        try:
            async for step in steps:
                yield shape.model_validate(step).model_dump_json().encode()
        except LeaddError as error:
            shown = as_api_error(error) or ApiError(500, "internal", str(error))
            told = shape(kind="error", text=shown.message, code=shown.code, hint=shown.hint)
            yield told.model_dump_json().encode()
