"""The control server: its two listeners, and the way of a request from the access rules to the answer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from pydantic import TypeAdapter

from leadd.control.access import AccessRules, allowed_hosts, is_loopback, load_token
from leadd.control.call import (
    Call,
    Limits,
    Listener,
    check_length,
    check_media,
    go_on,
    has_body,
    parse_body,
    parse_query,
)
from leadd.control.connections import Gate, own_uid
from leadd.control.errors import FIXED_HEADERS, JSON, ApiError, as_api_error, error_answer
from leadd.control.house import House
from leadd.control.listening import ListenError, SocketTaken, bind_port, bind_socket
from leadd.control.metrics import Metrics
from leadd.control.router import Found, Route, Router
from leadd.control.table import Table

MIB = 1_048_576
CLOSE_S = 5.0


class ControlServer:
    """Serves a house on its Unix socket and its TCP port.

    `listening` names where, `degraded` what could not be opened and why; a taken port is never a failed start.
    """

    def __init__(self, house: House, *, limits: Limits | None = None, log: logging.Logger | None = None) -> None:
        settings = house.loaded.settings.control
        self._house = house
        self._settings = settings
        self._limits = limits or Limits(
            body_bytes=int(settings.http.body_mb * MIB),
            ingest_bytes=int(settings.http.ingest_body_mb * MIB),
            line_bytes=int(settings.http.body_mb * MIB),
            connections=settings.http.max_connections,
        )
        self._log = log or logging.getLogger("leadd.control")
        self._metrics = Metrics()
        table = Table(house, self._metrics)
        self._router = Router(table.routes)
        self._bodies = {_key(r): TypeAdapter(r.body) for r in table.routes if r.body is not None and not r.raw}
        self._answers = {_key(r): TypeAdapter(r.answer) for r in table.routes if r.answer is not None}
        self._gates: list[Gate] = []
        self._servers: list[asyncio.Server] = []
        self._closing = asyncio.Event()
        self.listening: list[str] = []
        self.degraded: list[str] = []
        self.port: int | None = None

    @property
    def routes(self) -> tuple[Route, ...]:
        """Every route, in the order of the areas."""
        return self._router.routes

    async def open(self) -> None:
        """Open the listeners. Raises SocketTaken where another process answers on the socket, ListenError where none opens."""
        last: ListenError | None = None
        if hasattr(socket, "AF_UNIX"):
            last = await self._try("control socket", self._open_socket)
        if self._settings.http.enabled:
            last = await self._try("control.http", self._open_tcp) or last
        if not self.listening and last is not None:
            raise last

    async def _try(self, what: str, opening: Callable[[], Awaitable[None]]) -> ListenError | None:
        try:
            await opening()
        except SocketTaken:
            raise
        except ListenError as error:
            hint = f" ({error.hint})" if error.hint else ""
            self.degraded.append(f"{what}: {error}{hint}")
            self._log.warning("%s: %s%s", what, error, hint)
            return error
        return None

    async def _open_socket(self) -> None:
        path = self._settings.socket or self._house.paths.socket_file
        own_folder = path.parent == self._house.paths.runtime_folder
        sock = await asyncio.to_thread(bind_socket, path, own_folder=own_folder)
        rules = AccessRules(hosts=None, token="", token_needed=False, peer_proves=True)
        await self._serve(sock, "socket", rules, own_uid())
        self.listening.append(f"unix:{path}")

    async def _open_tcp(self) -> None:
        http = self._settings.http
        if not is_loopback(http.host) and not (http.allow_public and http.auth == "token"):
            raise ListenError(
                f"other machines can reach {http.host}, so it is not opened",
                "set control.http.allow_public: true, with control.http.auth: token",
            )
        try:
            token, replaced = await asyncio.to_thread(load_token, self._house.paths.token_file)
        except OSError as error:
            raise ListenError(f"the token file cannot be used: {error}", "mend or remove it") from error
        if replaced:
            self.degraded.append(replaced)
            self._log.warning("%s", replaced)
        sock = await asyncio.to_thread(bind_port, http.host, http.port)
        self.port = int(sock.getsockname()[1])
        hosts = allowed_hosts(http.host, self.port, http.allowed_hosts)
        rules = AccessRules(hosts=hosts, token=token, token_needed=http.auth == "token")
        await self._serve(sock, "tcp", rules, None)
        shown = f"[{http.host}]" if ":" in http.host else http.host
        self.listening.append(f"http://{shown}:{self.port}")
        if http.auth == "none":
            self._log.warning("control.http.auth is none: every program on this machine may use leadd over TCP")

    async def _serve(self, sock: socket.socket, listener: Listener, rules: AccessRules, owner: int | None) -> None:
        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            return await self._handle(request, listener, rules)

        gate = Gate(handle, limits=self._limits, log=self._log, owner_uid=owner)
        loop = asyncio.get_running_loop()
        if listener == "socket":
            server: asyncio.Server = await loop.create_unix_server(gate, sock=sock)
        else:
            server = await loop.create_server(gate, sock=sock)
        self._gates.append(gate)
        self._servers.append(server)

    async def close(self, grace_s: float = CLOSE_S) -> None:
        """Stop listening; requests under way may end within `grace_s`, endless ones are ended at once."""
        self._closing.set()
        for server in self._servers:
            server.close()
        for gate in self._gates:
            gate.pre_shutdown()
        for gate in self._gates:
            with contextlib.suppress(Exception):
                await gate.shutdown(grace_s)
            gate.abort()
        self._servers.clear()
        self._gates.clear()
        self.listening.clear()

    # -- one request ---------------------------------------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest, listener: Listener, rules: AccessRules) -> web.StreamResponse:
        """Answer one request; whatever goes wrong is answered in the one shape of errors, or ends the connection."""
        started = asyncio.get_running_loop().time()
        area, status, endless = "none", None, False
        try:
            proven = rules.check(request)
            found = self._router.find(request.method, request.raw_path.partition("?")[0])
            area, endless = found.route.area, found.route.streams
            answer = await self._run(request, found, listener, proven)
            status = answer.status
        except (ConnectionError, asyncio.CancelledError):
            raise
        except Exception as error:
            answer = self._failed(request, error)
            status = answer.status
        finally:
            seconds = asyncio.get_running_loop().time() - started
            self._metrics.count(area, status, None if endless else seconds)
            self._log.debug("%s %s %s %s %.0f ms", listener, request.method, area, status or "gone", seconds * 1000)
        return answer

    def _failed(self, request: web.BaseRequest, error: Exception) -> web.StreamResponse:
        begun = request.writer.output_size > 0
        shown = as_api_error(error)
        if begun and isinstance(error, TimeoutError):
            # A reader who takes nothing would keep an ordinary close waiting for ever, and its buffer with it.
            if request.transport is not None:
                request.transport.abort()
        elif shown is None:
            self._log.error("a request failed", exc_info=error)
            shown = ApiError(500, "internal", "leadd failed to answer this", "leadd logs tells more")
        if begun or shown is None:
            # The head of an answer is out; a second one would be read as part of the first.
            raise ConnectionResetError("the answer broke off") from error
        return error_answer(shown)

    async def _run(self, request: web.BaseRequest, found: Found, listener: Listener, proven: bool) -> web.StreamResponse:
        route = found.route
        if route.proven_only and not proven:
            raise ApiError(
                401,
                "token_needed",
                "this needs the token, also where control.http.auth is none",
                "send it in the header Authorization: Bearer …, or use the Unix socket",
                headers={"WWW-Authenticate": 'Bearer realm="leadd"'},
            )
        check_media(request, route)
        call = Call(request, route, found.params, listener, proven, self._limits, self._closing)
        check_length(request, call.most)
        call.query = parse_query(request, route.query)
        await go_on(request)
        if not route.raw:
            call.body = await self._body(call)
        value = await route.run(call)
        return value if isinstance(value, web.StreamResponse) else self._answer(route, value)

    async def _body(self, call: Call) -> Any:
        """The checked body of a route that takes a JSON shape; anything but nothing is an error where it takes none."""
        if not has_body(call.request):
            data = b""
        elif call.route.body is None and call.route.takes:
            return None  # the route reads it piece by piece
        else:
            data = await call.read()
        if call.route.body is None:
            if data.strip() not in (b"", b"{}", b"null"):
                raise ApiError(422, "invalid", "this takes no body, or an empty JSON object")
            return None
        if call.route.body_optional and not data.strip():
            return None
        return parse_body(data, self._bodies[_key(call.route)])

    def _answer(self, route: Route, value: Any) -> web.Response:
        body = self._answers[_key(route)].dump_json(value)
        headers = {**FIXED_HEADERS, "Content-Type": JSON}
        return web.Response(status=route.status, body=body, headers=headers)


def _key(route: Route) -> tuple[str, str]:
    return route.method, route.path
