"""Connections: how many, from whom, and for how long they may stay silent."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import struct
import sys
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler

from leadd.control.call import Limits
from leadd.control.errors import ApiError, error_answer, raw_error

LOCAL_PEERCRED = 1
SOL_LOCAL = 0
REFUSED_S = 1.0
"""How long a refused caller has to read why."""


def peer_uid(sock: socket.socket) -> int | None:
    """The user id of the process at the other end of a Unix socket, or None where this system cannot tell."""
    if sys.platform == "linux":
        size = struct.calcsize("3i")
        return int(struct.unpack("3i", sock.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))[1])
    if sys.platform == "darwin":
        version, uid = struct.unpack("=II", sock.getsockopt(SOL_LOCAL, LOCAL_PEERCRED, 76)[:8])
        return int(uid) if version == 0 else None
    return None


class GuardedConnection(RequestHandler):
    """One connection. Refused before a byte is read where too many are open or another user is at the other end."""

    __slots__ = ("_gate", "_is_refused", "_transport")

    def __init__(self, gate: Gate, **options: object) -> None:
        super().__init__(gate, **options)  # type: ignore[arg-type]
        self._gate = gate
        self._is_refused = False
        self._transport: asyncio.BaseTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        refusal = self._gate.refusal(transport)
        if refusal is None:
            self._transport = transport
            self._gate.transports.add(transport)
            super().connection_made(transport)
            return
        self._is_refused = True
        assert isinstance(transport, asyncio.WriteTransport)
        transport.write(refusal)
        # Closing at once would reset the connection under what the caller has sent, and take the answer with it.
        transport.write_eof()
        asyncio.get_running_loop().call_later(REFUSED_S, transport.abort)

    def connection_lost(self, exc: BaseException | None) -> None:
        if self._transport is not None:
            self._gate.transports.discard(self._transport)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._is_refused:
            super().data_received(data)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """A request that could not even be parsed, in the shape of all errors; never a traceback."""
        if isinstance(exc, ConnectionError) or request.writer.output_size > 0:
            raise ConnectionError("the caller has gone, or the answer broke off")
        if isinstance(exc, HttpProcessingError):
            first_line = (exc.message or "").strip().splitlines()[:1]
            return error_answer(ApiError(status, "bad_request", first_line[0][:200] if first_line else "not HTTP", close=True))
        self._gate.log.error("an answer failed outside the routes", exc_info=exc)
        return error_answer(ApiError(status, "internal", "leadd failed to answer this", "leadd logs tells more", close=True))


class Gate(web.Server):
    """Makes the connections of one listener and counts them."""

    def __init__(
        self,
        handler: Callable[[web.BaseRequest], Awaitable[web.StreamResponse]],
        *,
        limits: Limits,
        log: logging.Logger,
        owner_uid: int | None = None,
    ) -> None:
        """`owner_uid`: the only user who may connect, for Unix sockets; None asks nobody."""
        # A caller who leaves cancels nothing: what was begun (a signal stored, an ICP swapped) is brought to its end.
        super().__init__(handler, handler_cancellation=False)
        self.limits = limits
        self.log = log
        self.refused = 0
        self.transports: set[asyncio.BaseTransport] = set()
        self._owner_uid = owner_uid
        self._options = {
            "loop": asyncio.get_running_loop(),
            "keepalive_timeout": limits.head_s,
            "access_log": None,
            "logger": log,
            "lingering_time": limits.linger_s,
            # Bodies are never unpacked: 1 KB of gzip may be 1 GB of text. access refuses Content-Encoding by name.
            "auto_decompress": False,
        }

    def refusal(self, transport: asyncio.BaseTransport) -> bytes | None:
        """The whole answer to a connection that may not be, or None."""
        if self._owner_uid is not None:
            uid = peer_uid(transport.get_extra_info("socket"))
            if uid is not None and uid != self._owner_uid:
                self.refused += 1
                self.log.warning("refused a connection of user %d on the control socket", uid)
                return raw_error(403, "not_permitted", "this socket belongs to another user")
        if len(self.connections) >= self.limits.connections:
            self.refused += 1
            return raw_error(
                503, "too_many_connections", f"{self.limits.connections} connections are open already", "close some of them"
            )
        return None

    def abort(self) -> None:
        """Drop what is still open, also where the other end does not read what was left to send."""
        for transport in list(self.transports):
            assert isinstance(transport, asyncio.WriteTransport)
            transport.abort()

    def __call__(self) -> RequestHandler:
        return GuardedConnection(self, **self._options)


def own_uid() -> int | None:
    """This process's user, or None on a system without users."""
    return os.geteuid() if hasattr(os, "geteuid") else None
