"""The cache: its figures, why an answer is or is not kept, and entries out of it and into it."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from aiohttp import web
from pydantic import TypeAdapter, ValidationError
from pydantic_core import to_json

from leadd.control.call import NDJSON, Call
from leadd.control.errors import ApiError
from leadd.control.house import House
from leadd.control.line_answers import answer_lines
from leadd.control.model_figures import cache_figures
from leadd.control.ndjson import Line, read_lines
from leadd.control.router import Route
from leadd.control.wire import Done
from leadd.control.wire_cache import (
    CacheImported,
    CacheLine,
    CacheStatsOut,
    CacheWhyItem,
    CacheWhyOut,
    CacheWhyQuery,
    ReuseOut,
)
from leadd.control.wire_house import RowProblem

SHOWN_PROBLEMS = 200
OBJECT = TypeAdapter(dict[str, Any])


class CacheRoutes:
    """/api/classify/cache/…"""

    def __init__(self, house: House) -> None:
        self._house = house

    def table(self) -> tuple[Route, ...]:
        """The routes of this area."""
        base, area = "/api/classify/cache", "cache"
        return (
            Route("GET", f"{base}/stats", area, "Figures of every tier, and what the cache saved", self.stats, CacheStatsOut),
            Route(
                "GET", f"{base}/why", area, "Why the answers about a signal are kept or not: which part of the key differs",
                self.why, CacheWhyOut, query=CacheWhyQuery,
            ),
            Route("POST", f"{base}/clear", area, "Forget every kept answer", self.clear, Done),
            Route(
                "GET", f"{base}/export", area, "Every kept entry, one JSON object a line (Unix socket or token only)",
                self.export, gives=(NDJSON[0],), proven_only=True, line=CacheLine,
            ),
            Route(
                "POST", f"{base}/import", area, "Take in the lines of an export (Unix socket or token only)", self.take,
                CacheImported, takes=NDJSON, size="ingest", proven_only=True, line=CacheLine,
            ),
        )  # fmt: skip

    async def stats(self, call: Call) -> CacheStatsOut:
        """Figures since the start; what was saved is of the last 24 hours."""
        now = self._house.inference.stats()
        figures = await cache_figures(self._house)
        saved = await self._house.core.kept.saved(self._house.clock.now_ms())
        reuse = [ReuseOut.model_validate(row) for row in await self._house.core.reuse_figures()]
        return CacheStatsOut(
            **figures.model_dump(), saved=saved, reuse=reuse, dropped=now.cache_dropped, waited_for_others=now.cache_waited,
            taken_over=now.cache_taken_over,
        )  # fmt: skip

    async def why(self, call: Call) -> CacheWhyOut:
        """The questions as they would be put now, for each ICP."""
        query: CacheWhyQuery = call.query
        rows = await self._house.core.kept.why(query.signal)
        if rows is None:
            raise ApiError(404, "not_found", f"there is no signal {query.signal}", "GET /api/signals lists them")
        return CacheWhyOut(signal_id=query.signal, items=[CacheWhyItem.model_validate(row) for row in rows])

    async def clear(self, call: Call) -> Done:
        """Forget every kept answer."""
        count = await self._house.core.clear_cache()
        return Done(message=f"{count} answers were forgotten", count=count)

    async def export(self, call: Call) -> web.StreamResponse:
        """A line for every entry, then one that counts them: without it the export is not whole."""
        return await answer_lines(call, _lines(self._house.inference.cache_export()))

    async def take(self, call: Call) -> CacheImported:
        """Good lines are taken, bad ones named."""
        taken, count = 0, 0
        problems: list[RowProblem] = []
        async for line in read_lines(call.chunks(), most_bytes=call.limits.line_bytes):
            try:
                row = _object(line, call.limits.line_bytes)
                if row.keys() == {"entries"}:
                    continue
                await self._house.inference.cache_import(row)
                taken += 1
            except ValueError as error:
                count += 1
                if len(problems) < SHOWN_PROBLEMS:
                    problems.append(RowProblem(place=f"line {line.number}", reason=str(error)))
        return CacheImported(taken=taken, problem_count=count, problems=problems)


async def _lines(rows: AsyncGenerator[dict[str, Any], None]) -> AsyncGenerator[bytes, None]:
    """Each entry, then a line that counts them."""
    count = 0
    async with aclosing(rows):
        async for row in rows:
            yield to_json(row)
            count += 1
    yield to_json({"entries": count})


def _object(line: Line, most_bytes: int) -> dict[str, Any]:
    if line.data is None:
        raise ValueError(f"the line is longer than {most_bytes:,} bytes")
    try:
        return OBJECT.validate_json(line.data)
    except ValidationError:
        raise ValueError("it is no JSON object") from None
