"""The lent HTTP session for tests: a real one without the guard against private addresses, and one that follows a script."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType

import aiohttp

from leadd.api import HttpReply, NeedsAttention, Reject, Retry


class PlainHttp:
    """Goes where it is told to, loopback included, with the errors that `leadd.api.Http` promises.

    Use it as `async with PlainHttp() as http`, or call `close` at the end.
    """

    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> PlainHttp:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def get(
        self, url: str, *, headers: Mapping[str, str] | None = None, max_bytes: int = 8_388_608, timeout_s: float = 30.0
    ) -> HttpReply:
        return await self._ask("GET", url, None, headers, max_bytes, timeout_s)

    async def post(
        self,
        url: str,
        *,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = 1_048_576,
        timeout_s: float = 30.0,
    ) -> HttpReply:
        return await self._ask("POST", url, body, headers, max_bytes, timeout_s)

    async def _ask(
        self, method: str, url: str, body: bytes | None, headers: Mapping[str, str] | None, max_bytes: int, timeout_s: float
    ) -> HttpReply:
        if self._session is None:
            self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=8))
        timeout = aiohttp.ClientTimeout(total=timeout_s)
        try:
            async with self._session.request(method, url, data=body, headers=dict(headers or {}), timeout=timeout) as response:
                raise_for(response.status, url, response.headers)
                parts: list[bytes] = []
                held = 0
                async for part in response.content.iter_chunked(65_536):
                    held += len(part)
                    if held > max_bytes:
                        raise Reject(f"{url} is larger than {max_bytes} bytes")
                    parts.append(part)
                known = {name.lower(): value for name, value in response.headers.items()}
                return HttpReply(response.status, str(response.url), known, b"".join(parts), response.charset)
        except aiohttp.InvalidURL as error:
            raise Reject(f"{url} is no address") from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise Retry(f"{url}: {error or type(error).__name__}") from error


def raise_for(status: int, url: str, headers: Mapping[str, str]) -> None:
    """Raise what `leadd.api.Http` promises for a status from 400 up."""
    if status < 400:
        return
    if status in (401, 403):
        raise NeedsAttention(f"{url} answers {status}", hint="check the address and the password or key for it")
    if status in (408, 425, 429) or status >= 500:
        after = headers.get("Retry-After", headers.get("retry-after", ""))
        raise Retry(f"{url} answers {status}", after_s=float(after) if after.isdigit() else None)
    raise Reject(f"{url} answers {status}", status=status)


@dataclass(frozen=True, slots=True)
class Asked:
    """One request that a component made."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


Script = Callable[[Asked], HttpReply | Awaitable[HttpReply]]


class ScriptedHttp:
    """Answers from a script instead of the network, and keeps what was asked.

    `replies` is a function of the request, or a list that is used up from the front (an exception in it is raised; when it is
    empty, any request is a Retry, as from a machine without a network). Statuses from 400 raise as the real session does.
    """

    def __init__(self, replies: Script | Sequence[HttpReply | Exception] = ()) -> None:
        self.asked: list[Asked] = []
        self._script = replies if callable(replies) else None
        self._replies = [] if callable(replies) else list(replies)

    async def get(
        self, url: str, *, headers: Mapping[str, str] | None = None, max_bytes: int = 8_388_608, timeout_s: float = 30.0
    ) -> HttpReply:
        return await self._answer(Asked("GET", url, dict(headers or {})), max_bytes)

    async def post(
        self,
        url: str,
        *,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        max_bytes: int = 1_048_576,
        timeout_s: float = 30.0,
    ) -> HttpReply:
        return await self._answer(Asked("POST", url, dict(headers or {}), body), max_bytes)

    async def _answer(self, asked: Asked, max_bytes: int) -> HttpReply:
        self.asked.append(asked)
        reply: HttpReply | Exception
        if self._script is not None:
            given = self._script(asked)
            reply = given if isinstance(given, HttpReply) else await given
        elif self._replies:
            reply = self._replies.pop(0)
        else:
            reply = Retry(f"{asked.url}: no network in this test")
        if isinstance(reply, Exception):
            raise reply
        raise_for(reply.status, asked.url, reply.headers)
        if len(reply.body) > max_bytes:
            raise Reject(f"{asked.url} is larger than {max_bytes} bytes")
        return reply
