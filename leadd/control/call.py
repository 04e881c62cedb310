"""One request, as a route sees it: parameters, checked query and body, and the body as a stream with its limits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from aiohttp import web
from aiohttp.web_protocol import RequestPayloadError
from pydantic import BaseModel, TypeAdapter, ValidationError

from leadd.control.errors import FIXED_HEADERS, JSON, ApiError, invalid
from leadd.control.router import Route
from leadd.store.rows import Page

T = TypeVar("T")
Listener = Literal["socket", "tcp"]
NDJSON = ("application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines")
CSV = ("text/csv",)
SIMPLE_TYPES = frozenset({"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"})
"""What a page of any site can send without being allowed to: never taken, not even with an empty body."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one caller may cost. Sizes are bytes, times are seconds."""

    body_bytes: int = 1_048_576
    ingest_bytes: int = 67_108_864
    line_bytes: int = 1_048_576
    connections: int = 64
    head_s: float = 20.0
    """A connection that has not sent a whole request head in this time is cut; so is an idle one."""
    read_idle_s: float = 60.0
    """Longest silence inside a body that leadd waits for."""
    read_total_s: float = 120.0
    """Longest time for a body that is read as a whole."""
    write_s: float = 60.0
    """Longest wait for a caller who does not read the answer."""
    heartbeat_s: float = 15.0
    probe_s: float = 5.0
    """Longest time the write of /readyz may take before leadd counts as not ready."""
    linger_s: float = 2.0
    """How long the rest of a refused body is read and thrown away, so that the caller gets to read why."""


@dataclass(slots=True)
class Call:
    """A request that passed the access rules. `proven` is True on the socket or with the right token."""

    request: web.BaseRequest
    route: Route
    params: Mapping[str, str]
    listener: Listener
    proven: bool
    limits: Limits
    closing: asyncio.Event
    """Set when the server begins to close: a stream without an end of its own ends then."""
    query: Any = None
    body: Any = None

    @property
    def id(self) -> int:
        """The number in the path."""
        return int(self.params["id"])

    @property
    def name(self) -> str:
        """The name in the path."""
        return self.params["name"]

    @property
    def content_type(self) -> str:
        """The media type of the body, lower case, without parameters."""
        return media_type(self.request)

    @property
    def most(self) -> int | None:
        """Most bytes of a body that the route reads; None where it reads line by line without an end.

        A batch of NDJSON has no end: nothing of it is kept but the lines under way.
        """
        if self.route.size == "ingest":
            return None if self.route.raw and self.content_type in NDJSON else self.limits.ingest_bytes
        return self.limits.body_bytes

    async def begin(self, media: str) -> web.StreamResponse:
        """An answer that is written piece by piece; its head is out when this returns."""
        answer = web.StreamResponse(headers={**FIXED_HEADERS, "Content-Type": media, "X-Accel-Buffering": "no"})
        await answer.prepare(self.request)
        return answer

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises ApiError 413 above the route's limit, 408 where the sender falls silent."""
        most = self.most
        got = 0
        content = self.request.content
        while True:
            try:
                async with asyncio.timeout(self.limits.read_idle_s):
                    chunk = await content.readany()
            except TimeoutError:
                raise too_slow() from None
            except RequestPayloadError as error:
                raise ApiError(400, "broken_body", f"the body broke off: {error}", close=True) from None
            if not chunk:
                return
            if most is not None and got + len(chunk) > most:
                yield chunk[: most - got]  # whoever reads line by line keeps what was good up to here
                raise too_large(most)
            got += len(chunk)
            yield chunk

    async def read(self) -> bytes:
        """The whole body within the route's limit."""
        parts = bytearray()
        try:
            async with asyncio.timeout(self.limits.read_total_s):
                async for chunk in self.chunks():
                    parts += chunk
        except TimeoutError:
            raise too_slow() from None
        return bytes(parts)


def media_type(request: web.BaseRequest) -> str:
    """The media type that the request names, or '' where it names none."""
    return request.headers.get("Content-Type", "").split(";", 1)[0].strip().lower()


def too_large(most: int) -> ApiError:
    """The answer to a body above the limit."""
    return ApiError(
        413,
        "too_large",
        f"the body is larger than {most:,} bytes",
        "send long batches as application/x-ndjson to /api/classify/signal/batch or /api/ingest/signals, in parts",
        close=True,
    )


def too_slow() -> ApiError:
    """The answer to a sender who falls silent."""
    return ApiError(408, "too_slow", "the body did not arrive in time", close=True)


def check_media(request: web.BaseRequest, route: Route) -> None:
    """Raise ApiError where the body is packed, of a type that the route does not take, or where there may be none."""
    if request.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise ApiError(415, "packed", "packed bodies are not taken", "send it without Content-Encoding", close=True)
    media = media_type(request)
    if request.method in ("GET", "HEAD"):
        if has_body(request):
            raise ApiError(400, "no_body", f"{request.method} takes no body", close=True)
    elif route.takes and (has_body(request) or not route.body_optional):
        if media not in route.takes:
            raise ApiError(415, "wrong_type", f"the body must be {' or '.join(route.takes)}", "set the header Content-Type")
    elif media in SIMPLE_TYPES or (has_body(request) and media != JSON):
        raise ApiError(415, "wrong_type", "this takes no body, or an empty JSON object")


def check_length(request: web.BaseRequest, most: int | None) -> None:
    """Raise ApiError 413 where the announced length is above the limit, before a byte of it is read."""
    length = request.content_length
    if most is not None and length is not None and length > most:
        raise too_large(most)


async def go_on(request: web.BaseRequest) -> None:
    """Tell a caller who asked with `Expect: 100-continue` to send the body. Raises ApiError 417 for another wish."""
    wish = request.headers.get("Expect")
    if wish is None:
        return
    if wish.strip().lower() != "100-continue":
        raise ApiError(417, "bad_request", "only Expect: 100-continue is understood", close=True)
    await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    request.writer.output_size = 0  # these bytes are no part of the answer


def parse_query(request: web.BaseRequest, shape: type[BaseModel] | None) -> Any:
    """The query as `shape`. Raises ApiError 422 for an unknown name, a name given twice or a value that does not fit."""
    query = request.query
    if shape is None:
        if query:
            raise ApiError(422, "invalid", f"this path takes no query, so not '{next(iter(query))[:80]}'")
        return None
    values: dict[str, str] = {}
    for key, value in query.items():
        if key in values:
            raise ApiError(422, "invalid", f"the query names '{key[:80]}' twice")
        values[key] = value
    try:
        return shape.model_validate(values)
    except ValidationError as error:
        raise invalid(error, "query") from None


async def page_of(listing: Awaitable[Page[T]]) -> Page[T]:
    """A stretch of a list. Raises ApiError 422 where the cursor is none that an earlier stretch named."""
    try:
        return await listing
    except (ValueError, OverflowError) as error:
        raise ApiError(422, "invalid", f"the cursor cannot be used: {str(error)[:200]}") from None


def parse_body(data: bytes, adapter: TypeAdapter[Any]) -> Any:
    """The body as a shape. Raises ApiError 400 where it is not JSON, 422 where it does not fit."""
    try:
        return adapter.validate_json(data)
    except ValidationError as error:
        raise invalid(error, "body") from None


def has_body(request: web.BaseRequest) -> bool:
    """True where the request announces a body, also an empty chunked one."""
    length = request.headers.get("Content-Length", "0").strip()
    return "Transfer-Encoding" in request.headers or length not in ("", "0")
