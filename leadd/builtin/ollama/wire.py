"""The wire to one Ollama server: requests, deadlines, whole bodies and streams of lines."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Mapping
from types import SimpleNamespace
from typing import Any, TypeVar

import aiohttp

from leadd.api import Failure, ModelFailure
from leadd.builtin.ollama.failures import failure_of_line, failure_of_status
from leadd.builtin.ollama.lines import LineSplitter, parse_object

MAX_BODY_BYTES = 64 * 1024 * 1024
MAX_ERROR_BYTES = 64 * 1024
LARGE_BODY_BYTES = 128 * 1024
"""Beyond it (vectors of a whole batch) reading the JSON would hold the event loop up for milliseconds."""
CONNECTIONS = 256
"""Room for all work leadd ever has under way (64 calls to each model) and for health probes beside it; a full pool would look
like a silent server."""

T = TypeVar("T")


class Deadline:
    """The two time limits of one call: silence (`idle_s`, reset by every piece that comes) and the whole (`total_s`).

    They run on the event loop's clock, as the socket does, and only while the server is waited for: a slow reader of a stream
    is not the server's fault.
    """

    def __init__(self, idle_s: float, total_s: float, model: str = "") -> None:
        self.model = model
        self._idle_s = idle_s
        self._total_s = total_s
        self._ends = asyncio.get_running_loop().time() + total_s

    async def keep(self, awaitable: Awaitable[T]) -> T:
        """What `awaitable` gives. Raises ModelFailure TIMEOUT_IDLE or TIMEOUT_TOTAL, whichever limit is met first."""
        idle_ends = asyncio.get_running_loop().time() + self._idle_s
        limit = asyncio.timeout_at(min(idle_ends, self._ends))
        try:
            async with limit:
                return await awaitable
        except TimeoutError:
            if not limit.expired():
                raise  # aiohttp's own: the connection could not be made in time
            if self._ends <= idle_ends:
                raise ModelFailure(
                    Failure.TIMEOUT_TOTAL, f"no whole answer within {self._total_s:g} s", model=self.model
                ) from None
            raise ModelFailure(Failure.TIMEOUT_IDLE, f"silence for {self._idle_s:g} s", model=self.model) from None


class Wire:
    """One HTTP session to one server. Every method raises ModelFailure and nothing else for what goes wrong there.

    A call that fails or is cancelled closes its connection, which is how Ollama learns that nobody waits any more.
    """

    def __init__(self, endpoint: str, connect_s: float) -> None:
        self._endpoint = endpoint
        self._connect_s = connect_s
        self._session: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        if self._session is not None:
            return
        trace = aiohttp.TraceConfig()
        trace.on_connection_reuseconn.append(_note_reuse)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS),
            # the default total of 300 s would end a cold start of a model
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=self._connect_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            trace_configs=[trace],
            headers={"User-Agent": "leadd"},
            trust_env=False,  # private texts never go through a proxy that some other program needed
        )

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def get(self, path: str, deadline: Deadline) -> dict[str, Any]:
        """The JSON object at `path`."""
        return await self._whole("GET", path, None, deadline)

    async def post(self, path: str, payload: Mapping[str, Any], deadline: Deadline) -> dict[str, Any]:
        """The one JSON object that answers `payload`; an `error` in it is raised."""
        return await self._whole("POST", path, payload, deadline)

    async def status(self, method: str, path: str, body: bytes | AsyncIterable[bytes] | None, deadline: Deadline) -> int:
        """The status that answers a raw body: below 400, or 404. Every other one is raised."""
        response = await self._request(method, path, body, deadline, content_type="application/octet-stream")
        whole = False
        try:
            said = await self._error_body(response, deadline)
            whole = True
        finally:
            _finish(response, whole)
        if response.status >= 400 and response.status != 404:
            raise failure_of_status(response.status, said, model=deadline.model, after_s=_retry_after(response))
        return response.status

    async def remove(self, path: str, payload: Mapping[str, Any], deadline: Deadline) -> None:
        """DELETE with a JSON body; what is not there is no failure."""
        body = json.dumps(payload).encode()
        response = await self._connect("DELETE", path, body, deadline)
        whole = False
        try:
            said = await self._error_body(response, deadline)
            whole = True
        finally:
            _finish(response, whole)
        if response.status not in (200, 404):
            raise failure_of_status(response.status, said, model=deadline.model, after_s=_retry_after(response))

    async def lines(self, path: str, payload: Mapping[str, Any], deadline: Deadline) -> AsyncGenerator[dict[str, Any], None]:
        """The objects of a streamed answer as they come; an error line is raised. Ends where the body ends in order."""
        response = await self._send("POST", path, payload, deadline)
        whole = False
        try:
            splitter = LineSplitter()
            while data := await self._read(response, deadline):
                for line in splitter.feed(data):
                    yield _event(line, deadline.model)
            if rest := splitter.rest().strip():
                yield _event(rest, deadline.model)
            whole = True
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
            raise ModelFailure(
                Failure.BROKEN_STREAM, f"the server broke its answer off ({_reason(error)})", model=deadline.model
            ) from error

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
        raise failure_of_status(response.status, said, model=deadline.model, after_s=_retry_after(response))

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

    async def _request(
        self, method: str, path: str, body: bytes | AsyncIterable[bytes] | None, deadline: Deadline,
        *, content_type: str = "application/json",
    ) -> aiohttp.ClientResponse:  # fmt: skip
        session = self._session
        if session is None or session.closed:
            raise ModelFailure(Failure.UNREACHABLE, "the connection to the server is closed", model=deadline.model)
        trace = SimpleNamespace(is_reused=False)
        headers = {"Content-Type": content_type} if body is not None else None
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


def _finish(response: aiohttp.ClientResponse, whole: bool) -> None:
    """Give the connection back to the pool after a whole body; else close it, so that the server stops its work."""
    if whole:
        response.release()
    else:
        response.close()


def _event(line: bytes, model: str) -> dict[str, Any]:
    event = parse_object(line, model=model)
    if event.get("error"):
        raise failure_of_line(event["error"], model=model)
    return event


def _unreachable(error: Exception, model: str) -> ModelFailure:
    return ModelFailure(Failure.UNREACHABLE, f"no connection to the server ({_reason(error)})", model=model)


def _reason(error: Exception) -> str:
    if isinstance(error, aiohttp.ClientConnectorError):
        return f"nobody answers at {error.host}:{error.port}"
    return str(error) or type(error).__name__


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    text = response.headers.get("Retry-After", "").strip()
    return float(text) if text.isascii() and text.isdigit() and len(text) < 7 else None
