"""The wire to one server: requests, deadlines, whole bodies and streams of events."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Mapping
from email.utils import parsedate_to_datetime
from types import SimpleNamespace
from typing import Any, TypeVar

import aiohttp

from leadd.api import Failure, ModelFailure
from leadd_openai.addresses import PublicAddress, guarded_socket
from leadd_openai.failures import failure_of_error, failure_of_status
from leadd_openai.sse import DONE, EventSplitter, parse_object

MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_ERROR_BYTES = 64 * 1024
LARGE_BODY_BYTES = 128 * 1024
"""Beyond it (vectors of a whole batch) reading the JSON would hold the event loop up for milliseconds."""
CONNECTIONS = 32
"""Room for all work leadd ever has under way and for probes beside it; a full pool would look like a silent server."""
LINGER_S = 0.5
"""How long the orderly end of a body is waited for after its last event, so that the connection can be used again."""

T = TypeVar("T")


class Deadline:
    """The two time limits of one call: silence (`idle_s`, begun anew by `heard`) and the whole (`total_s`).

    They run on the event loop's clock, as the socket does. Silence is counted only while the server is waited for: a slow
    reader of a stream is not the server's fault.
    """

    def __init__(self, idle_s: float, total_s: float, model: str = "") -> None:
        self.model = model
        self._idle_s = self._left_s = idle_s
        self._total_s = total_s
        self._ends = asyncio.get_running_loop().time() + total_s

    def heard(self) -> None:
        """Something of the answer came: the silence is over."""
        self._left_s = self._idle_s

    async def keep(self, awaitable: Awaitable[T]) -> T:
        """What `awaitable` gives. Raises ModelFailure TIMEOUT_IDLE or TIMEOUT_TOTAL, whichever limit is met first."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        idle_ends = began + self._left_s
        limit = asyncio.timeout_at(min(idle_ends, self._ends))
        try:
            async with limit:
                return await awaitable
        except TimeoutError:
            if not limit.expired():
                raise  # aiohttp's own: the connection could not be made in time
            if self._ends <= idle_ends:
                message = f"no whole answer within {self._total_s:g} s"
                raise ModelFailure(Failure.TIMEOUT_TOTAL, message, model=self.model) from None
            raise ModelFailure(Failure.TIMEOUT_IDLE, f"silence for {self._idle_s:g} s", model=self.model) from None
        finally:
            self._left_s -= loop.time() - began


class Wire:
    """One HTTP session to one server. Every method raises ModelFailure and nothing else for what goes wrong there.

    A call that fails or is cancelled closes its connection, which is how the server learns that nobody waits any more.
    """

    def __init__(self, endpoint: str, connect_s: float, *, allow_remote: bool = False) -> None:
        self._endpoint = endpoint
        self._connect_s = connect_s
        self._allow_remote = allow_remote
        self._session: aiohttp.ClientSession | None = None

    async def open(self, api_key: str = "") -> None:
        """Make the session; nothing is connected yet."""
        if self._session is not None:
            return
        trace = aiohttp.TraceConfig()
        trace.on_connection_reuseconn.append(_note_reuse)
        headers = {"User-Agent": "leadd"} | ({"Authorization": f"Bearer {api_key}"} if api_key else {})
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, socket_factory=None if self._allow_remote else guarded_socket),
            # the default total of 300 s would end a cold start of a model
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[trace],
            headers=headers,
            trust_env=False,  # private texts never go through a proxy that some other program needed
        )

    async def close(self) -> None:
        """Close all connections."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def get(self, path: str, deadline: Deadline) -> dict[str, Any]:
        """The JSON object at `path`."""
        return await self._whole("GET", path, None, deadline)

    async def post(self, path: str, payload: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
        """The one JSON object that answers `payload`; an `error` in it is raised."""
        return await self._whole("POST", path, payload, deadline)

    async def events(self, path: str, payload: Mapping[str, Any], deadline: Deadline) -> AsyncGenerator[dict[str, Any], None]:
        """The objects of a streamed answer as they come; one that tells an error is raised.

        Ends at `[DONE]`, or where the body ends in order. A server that answers with one plain object gives that.
        """
        response = await self._send("POST", path, payload, deadline)
        whole = False
        try:
            if response.content_type == "application/json":
                yield _event(await self._body(response, deadline, MAX_BODY_BYTES), deadline.model)
                whole = True
                return
            splitter = EventSplitter()
            done = False
            while not done and (data := await self._read(response, deadline)):
                for found in splitter.feed(data):
                    deadline.heard()
                    if done := found.strip() == DONE:
                        break
                    yield _event(found, deadline.model)
            if not done:
                for found in splitter.rest():
                    if found.strip() != DONE:
                        yield _event(found, deadline.model)
            whole = await _ends(response)
        finally:
            _finish(response, whole)

    async def _whole(self, method: str, path: str, payload: Mapping[str, Any] | None, deadline: Deadline) -> dict[str, Any]:
        response = await self._send(method, path, payload, deadline)
        whole = False
        try:
            body = await self._body(response, deadline, MAX_BODY_BYTES)
            whole = True
        finally:
            _finish(response, whole)
        if len(body) > LARGE_BODY_BYTES:
            return await asyncio.to_thread(_event, body, deadline.model)
        return _event(body, deadline.model)

    async def _body(self, response: aiohttp.ClientResponse, deadline: Deadline, limit: int) -> bytes:
        parts: list[bytes] = []
        held = 0
        while data := await self._read(response, deadline):
            deadline.heard()
            held += len(data)
            if held > limit:
                raise ModelFailure(Failure.BROKEN_STREAM, f"the answer is longer than {limit} bytes", model=deadline.model)
            parts.append(data)
        return b"".join(parts)

    async def _read(self, response: aiohttp.ClientResponse, deadline: Deadline) -> bytes:
        """The next bytes of the body, empty at its orderly end."""
        try:
            return await deadline.keep(response.content.readany())
        except (aiohttp.ClientError, OSError) as error:
            message = f"the server broke its answer off ({_reason(error)})"
            raise ModelFailure(Failure.BROKEN_STREAM, message, model=deadline.model) from error

    async def _send(
        self, method: str, path: str, payload: Mapping[str, Any] | None, deadline: Deadline
    ) -> aiohttp.ClientResponse:
        """The answer's head, its status 200. Raises ModelFailure for every other status."""
        try:
            body = None if payload is None else json.dumps(payload, allow_nan=False).encode()
        except (TypeError, ValueError) as error:
            raise ModelFailure(Failure.BAD_REQUEST, f"cannot be written as JSON: {error}", model=deadline.model) from error
        response = await self._connect(method, path, body, deadline)
        if response.status == 200:
            return response
        whole = False
        try:
            said = await self._error_body(response, deadline)
            whole = True
        finally:
            _finish(response, whole)
        raise failure_of_status(response.status, said, model=deadline.model, after_s=retry_after_s(response.headers))

    async def _connect(self, method: str, path: str, body: bytes | None, deadline: Deadline) -> aiohttp.ClientResponse:
        try:
            return await self._request(method, path, body, deadline)
        except _StaleConnectionError:
            # the server closed a pooled connection while this request went out on it: nobody has seen the request
            pass
        try:
            return await self._request(method, path, body, deadline)
        except _StaleConnectionError as error:
            raise _unreachable(error.cause, deadline.model) from error.cause

    async def _request(self, method: str, path: str, body: bytes | None, deadline: Deadline) -> aiohttp.ClientResponse:
        session = self._session
        if session is None or session.closed:
            raise ModelFailure(Failure.UNREACHABLE, "the connection to the server is closed", model=deadline.model)
        trace = SimpleNamespace(is_reused=False)
        headers = {"Content-Type": "application/json"} if body is not None else None
        try:
            return await deadline.keep(
                session.request(
                    method,
                    self._endpoint + path,
                    data=body,
                    headers=headers,
                    allow_redirects=False,  # a redirect could carry a private text to another machine
                    trace_request_ctx=trace,
                )
            )
        except aiohttp.ClientResponseError as error:
            message = f"the answer is no HTTP ({error.message})"
            raise ModelFailure(Failure.WRONG_SERVER, message, model=deadline.model) from error
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as error:
            if trace.is_reused:
                raise _StaleConnectionError(error) from error
            raise _unreachable(error, deadline.model) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise _unreachable(error, deadline.model) from error

    async def _error_body(self, response: aiohttp.ClientResponse, deadline: Deadline) -> bytes:
        """The words of an error; a status counts even where its body does not come whole."""
        try:
            return await self._body(response, deadline, MAX_ERROR_BYTES)
        except ModelFailure:
            return b""


class _StaleConnectionError(Exception):
    def __init__(self, cause: Exception) -> None:
        super().__init__(str(cause))
        self.cause = cause


async def _note_reuse(session: aiohttp.ClientSession, context: SimpleNamespace, params: Any) -> None:
    context.trace_request_ctx.is_reused = True


async def _ends(response: aiohttp.ClientResponse) -> bool:
    """True where the body ends in order right after its last event; some servers keep the connection open instead."""
    try:
        async with asyncio.timeout(LINGER_S):
            return not await response.content.readany()
    except (TimeoutError, aiohttp.ClientError, OSError):
        return False


def _finish(response: aiohttp.ClientResponse, whole: bool) -> None:
    """Give the connection back to the pool after a whole body; else close it, so that the server stops its work."""
    if whole:
        response.release()
    else:
        response.close()


def _event(data: bytes, model: str) -> dict[str, Any]:
    event = parse_object(data, model=model)
    if event.get("error"):
        raise failure_of_error(event["error"], model=model)
    return event


def _unreachable(error: Exception, model: str) -> ModelFailure:
    if isinstance(error, aiohttp.ClientConnectorError) and isinstance(error.os_error, PublicAddress):
        message = f"{error.os_error} and texts would go there (allow_remote: true permits it)"
        return ModelFailure(Failure.FORBIDDEN, message, model=model)
    return ModelFailure(Failure.UNREACHABLE, f"no connection to the server ({_reason(error)})", model=model)


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"nobody answers at {error.host}:{error.port}"
    return str(error) or type(error).__name__


def retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds that the server asks to wait, given as a number or as a date, at most a day; None where it asks for none."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.replace(".", "", 1).isdigit() and len(text) < 12:
        return min(86_400.0, float(text))
    try:
        until, now = parsedate_to_datetime(text), headers.get("Date")
        return min(86_400.0, max(0.0, until.timestamp() - (parsedate_to_datetime(now).timestamp() if now else time.time())))
    except (TypeError, ValueError, OverflowError):
        return None
