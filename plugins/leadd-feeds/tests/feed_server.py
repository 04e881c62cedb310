"""A loopback server that follows a script, and an HTTP session that keeps redirects and statuses as the daemon's does."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

from leadd.api import HttpReply, Reject
from leadd.testing.http import PlainHttp, raise_for

Answer = Callable[[web.Request], web.StreamResponse]


@dataclass
class Script:
    """Answers by path; keeps the requests."""

    base: str = ""
    answers: dict[str, Answer | web.Response] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    busy: int = 0
    most_busy: int = 0

    async def serve(self, request: web.Request) -> web.StreamResponse:
        self.busy += 1
        self.most_busy = max(self.most_busy, self.busy)
        try:
            self.asked.append((request.path, {k.lower(): v for k, v in request.headers.items()}))
            answer = self.answers.get(request.path)
            if answer is None:
                return web.Response(status=404)
            if isinstance(answer, web.Response):
                return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
            return answer(request)
        finally:
            self.busy -= 1


class LoopHttp(PlainHttp):
    """`PlainHttp` that follows redirects itself."""

    async def get(
        self, url: str, *, headers: Mapping[str, str] | None = None, max_bytes: int = 8_388_608, timeout_s: float = 30.0
    ) -> HttpReply:
        hops: list[tuple[int, str]] = []
        async with aiohttp.ClientSession() as session, session.get(url, headers=dict(headers or {})) as response:
            hops = [(hop.status, str(hop.url.join(_location(hop)))) for hop in response.history]
            if response.status in (404, 410):
                raise Reject(f"{url} answers {response.status}", status=response.status)
            raise_for(response.status, url, response.headers)
            body = await response.read()
            if len(body) > max_bytes:
                raise Reject("too large")
            known = {name: value for name, value in response.headers.items()}
            return HttpReply(response.status, str(response.url), known, body, response.charset, tuple(hops))


def _location(hop: aiohttp.ClientResponse) -> aiohttp.typedefs.URL:
    return aiohttp.typedefs.URL(hop.headers["Location"])
