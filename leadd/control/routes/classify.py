"""Classifying on request, one text or a batch, and the figures and switches of what answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from typing import Any

from aiohttp import web
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json, to_json

from leadd.api import LeaddError
from leadd.control.call import NDJSON, Call
from leadd.control.errors import JSON, ApiError, as_api_error
from leadd.control.house import House
from leadd.control.model_figures import cache_figures, ollama_figures
from leadd.control.ndjson import Line, LineWriter, read_lines
from leadd.control.router import Route
from leadd.control.wire import (
    BatchItem,
    BatchOut,
    ClassifyIn,
    ClassifyOut,
    TemplatesReloaded,
)
from leadd.control.wire_models import MetricsOut
from leadd.core.asking import ClassifyRequest, ClassifyResult

ONE = TypeAdapter(ClassifyIn)
MANY = TypeAdapter(list[ClassifyIn])
BREATH_LINES = 64
"""Lines after which the loop is let go: answers that are all known already would hold it for a whole buffer."""


@dataclass(slots=True)
class Places:
    """Where each text that was handed to the core stands in the input; kept only until its answer is out."""

    waiting: dict[int, int] = field(default_factory=dict)
    handed: int = 0

    def hand(self, index: int) -> None:
        """The next text for the core stands at `index` of the input."""
        self.waiting[self.handed] = index
        self.handed += 1

    def take(self, place: int) -> int:
        """Where the core's `place` stands in the input."""
        return self.waiting.pop(place)


class ClassifyRoutes:
    """/api/classify/…"""

    def __init__(self, house: House) -> None:
        self._house = house

    def table(self) -> tuple[Route, ...]:
        """The routes of this area."""
        return (
            Route(
                "POST",
                "/api/classify/signal",
                "classify",
                "Classify one text now, ahead of the queue",
                self.signal,
                ClassifyOut,
                body=ClassifyIn,
                takes=(JSON,),
            ),
            Route(
                "POST",
                "/api/classify/signal/batch",
                "classify",
                "Classify many: a JSON array answered as a whole, or NDJSON answered line by line as results come",
                self.batch,
                BatchOut,
                body=list[ClassifyIn],
                takes=(JSON, *NDJSON),
                gives=(JSON, NDJSON[0]),
                size="ingest",
                raw=True,
                line=BatchItem,
            ),
            Route(
                "GET",
                "/api/classify/metrics",
                "classify",
                "Figures of the models and of the cache since the start",
                self.metrics,
                MetricsOut,
            ),
            Route(
                "POST",
                "/api/classify/templates/reload",
                "classify",
                "Read the prompt files again; all are swapped, or none where one has a problem",
                self.reload_templates,
                TemplatesReloaded,
            ),
        )

    async def signal(self, call: Call) -> ClassifyOut:
        """One text."""
        result = await self._house.core.classify(request_of(call.body))
        if result.status == "error":
            raise ApiError(422, "rejected", result.error or "the text cannot be read")
        return ClassifyOut.model_validate(result)

    async def batch(self, call: Call) -> web.StreamResponse | BatchOut:
        """Many texts, in whichever of the two ways the caller sent them."""
        if call.content_type in NDJSON:
            return await self._stream(call)
        items, bad = parse_batch(await call.read())
        results: list[BatchItem | None] = [None] * (len(items) + len(bad))
        for index, reason in bad:
            results[index] = BatchItem(index=index, status="error", error=reason)
        created = 0
        places = [index for index, _ in items]
        async with aclosing(_closable(self._house.core.classify_many(request_of(item) for _, item in items))) as answers:
            async for place, result in answers:
                created += result.created_lead
                results[places[place]] = BatchItem(index=places[place], **fields_of(result))
        done = [r if r is not None else BatchItem(index=i, status="error", error="no answer") for i, r in enumerate(results)]
        return BatchOut(
            count=len(done),
            created_leads=created,
            filtered=sum(r.status == "filtered" for r in done),
            held=sum(r.status == "held" for r in done),
            errors=sum(r.status == "error" for r in done),
            results=done,
        )

    async def _stream(self, call: Call) -> web.StreamResponse:
        answer = await call.begin(NDJSON[0])
        places = Places()
        try:
            async with LineWriter(answer.write, limit_s=call.limits.write_s) as out:
                requests = self._requests(call, places, out)
                async with aclosing(_closable(self._house.core.classify_many(requests))) as answers:
                    async for place, result in answers:
                        await out.put(to_json({"index": places.take(place), **fields_of(result)}))
        except (ConnectionError, TimeoutError):
            # The reader is gone or takes nothing: there is nobody to tell.
            answer.force_close()
            raise
        except (ApiError, LeaddError) as error:
            # The status line is out already; an answer without its last chunk tells the caller that it is not whole.
            shown = as_api_error(error) or ApiError(500, "internal", str(error))
            await answer.write(to_json({"index": None, "status": "error", "error": shown.message, "code": shown.code}) + b"\n")
            raise ConnectionResetError("the batch broke off") from error
        await answer.write_eof()
        return answer

    async def _requests(self, call: Call, places: Places, out: LineWriter) -> AsyncIterator[ClassifyRequest]:
        """The texts of an NDJSON body; a line that is none is answered here and never reaches the core."""
        index = -1
        async for line in read_lines(call.chunks(), most_bytes=call.limits.line_bytes):
            index += 1
            item = parse_line(line, call.limits.line_bytes)
            if index % BREATH_LINES == BREATH_LINES - 1:
                await asyncio.sleep(0)
            if isinstance(item, str):
                await out.put(to_json({"index": index, "status": "error", "error": item, "line": line.number}))
                continue
            places.hand(index)
            yield request_of(item)

    async def metrics(self, call: Call) -> MetricsOut:
        """Figures since the start."""
        stats = self._house.inference.stats()
        return MetricsOut(
            ollama=ollama_figures(self._house),
            cache=await cache_figures(self._house),
            evidence={role.value: asdict(figures) for role, figures in stats.evidence.items()},
        )

    async def reload_templates(self, call: Call) -> TemplatesReloaded:
        """Swap all prompts or none."""
        reload = await self._house.reload_prompts()
        if not reload.applied and reload.problems:
            places = "; ".join(str(problem) for problem in reload.problems[:5])
            stay = ", ".join(reload.versions.values())
            raise ApiError(422, "prompt_problem", places, f"nothing was swapped; the prompts from before stay in force: {stay}")
        return TemplatesReloaded(
            message=f"{len(reload.versions)} prompts are in force",
            templates=dict(reload.versions),
            version=reload.edition,
            changes=reload.changes,
            warnings=tuple(str(warning) for warning in reload.warnings),
        )


def request_of(item: ClassifyIn) -> ClassifyRequest:
    """The core's request for a text as it came."""
    return ClassifyRequest(
        signal_text=item.signal_text,
        source_type=item.source_type or "",
        source_url=item.source_url,
        company_name=item.company_name,
        company_website=item.company_website,
        title=item.title or "",
        location=item.location,
    )


def fields_of(result: ClassifyResult) -> dict[str, Any]:
    """A result as the fields of a batch item, without its index."""
    return {
        "status": result.status,
        "icp_match": result.icp_match,
        "total_score": result.total_score,
        "score_bucket": result.score_bucket,
        "classification": result.classification,
        "company_id": result.company_id,
        "lead_id": result.lead_id,
        "cached": result.cached,
        "method": result.method,
        "signal_id": result.signal_id,
        "icp": result.icp,
        "reasons": result.reasons,
        "error": result.error,
    }


def parse_batch(data: bytes) -> tuple[list[tuple[int, ClassifyIn]], list[tuple[int, str]]]:
    """The texts of a JSON array with their places, and the reasons for those that are none.

    Raises ApiError 400 where the body is not JSON, 422 where it is no array.
    """
    try:
        return list(enumerate(MANY.validate_json(data))), []
    except ValidationError:
        pass
    try:
        values = from_json(data, allow_inf_nan=False)
    except ValueError as error:
        raise ApiError(400, "not_json", f"the body is not JSON: {str(error)[:200]}") from None
    if not isinstance(values, list):
        raise ApiError(422, "invalid", f"a batch is a JSON array, not a {type(values).__name__}")
    good: list[tuple[int, ClassifyIn]] = []
    bad: list[tuple[int, str]] = []
    for index, value in enumerate(values):
        try:
            good.append((index, ONE.validate_python(value)))
        except ValidationError as error:
            bad.append((index, _reason(error)))
    return good, bad


def parse_line(line: Line, most_bytes: int) -> ClassifyIn | str:
    """The text of one line, or why it is none."""
    if line.data is None:
        return f"the line is longer than {most_bytes:,} bytes"
    try:
        return ONE.validate_json(line.data)
    except ValidationError as error:
        return _reason(error)


def _reason(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"{place}: {first['msg']}" if place else str(first["msg"])


async def _closable(
    answers: AsyncIterator[tuple[int, ClassifyResult]],
) -> AsyncGenerator[tuple[int, ClassifyResult], None]:
    """The same answers, as a generator that can be closed: leaving early must end the core's work on the rest."""
    try:
        async for answer in answers:
            yield answer
    finally:
        close = getattr(answers, "aclose", None)
        if close is not None:
            await close()
