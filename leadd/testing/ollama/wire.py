"""HTTP/1.1 on a real socket, with the server's hand on every write: headers withheld, pieces cut anywhere, sockets slammed."""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from email.utils import formatdate
from functools import lru_cache

from leadd.testing.ollama.errors import HangUp

LOG = logging.getLogger(__name__)
REASONS = {
    200: "OK", 204: "No Content", 301: "Moved Permanently", 400: "Bad Request", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 429: "Too Many Requests", 500: "Internal Server Error", 502: "Bad Gateway",
    503: "Service Unavailable", 504: "Gateway Timeout",
}  # fmt: skip
JSON = "application/json; charset=utf-8"
NDJSON = "application/x-ndjson"
CHUNKED_ABOVE = 2048
"""Go's server sends a body it does not know the length of in chunks once it outgrows this buffer."""

Handler = Callable[["Request", "Exchange"], Awaitable[None]]


@dataclass(slots=True)
class Request:
    """One request, its body complete."""

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: bytes
    version: str


class BadHttp(Exception):
    """Bytes that are no HTTP request; the connection ends with a 400."""


class Connection(asyncio.Protocol):
    """One client: requests are answered one after the other; a client that leaves cancels the answer in the making."""

    def __init__(self, handler: Handler, open_ones: set[Connection], split: random.Random | None) -> None:
        self._handler = handler
        self._open_ones = open_ones
        self.split = split
        self.transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._expect_sent = False
        self.task: asyncio.Task[None] | None = None
        self.writable = asyncio.Event()
        self.writable.set()
        self.gone = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment]
        self._open_ones.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None
        self._open_ones.discard(self)
        self.gone.set()
        self.writable.set()
        if self.task is not None:
            self.task.cancel()

    def pause_writing(self) -> None:
        self.writable.clear()

    def resume_writing(self) -> None:
        self.writable.set()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self.task is None:
            self._next()

    def slam(self, *, reset: bool) -> None:
        """Close without ending the answer; with `reset` the client sees a connection reset instead of an early end."""
        if self.transport is None:
            return
        if reset:
            sock = self.transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.transport.abort()
        else:
            self.transport.close()

    def _next(self) -> None:
        try:
            request = self._parse()
        except (BadHttp, ValueError) as error:
            text = f"400 Bad Request{error.args[0] if isinstance(error, BadHttp) else ''}"
            head = f"HTTP/1.1 {text}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n"
            if self.transport is not None:
                self.transport.write((head + text).encode())
                self.transport.close()
            return
        if request is not None:
            self.task = asyncio.get_running_loop().create_task(self._answer(request))

    async def _answer(self, request: Request) -> None:
        exchange = Exchange(self, request)
        keep = False
        try:
            await self._handler(request, exchange)
            keep = exchange.finished and not exchange.close
        except HangUp as hang_up:
            self.slam(reset=hang_up.reset)
        except asyncio.CancelledError:
            if self.transport is not None:
                self.transport.abort()
        except Exception:
            LOG.exception("the fake failed at %s %s", request.method, request.path)
            self.slam(reset=True)
        finally:
            self.task = None
        if keep and self.transport is not None:
            self._expect_sent = False
            if self._buffer:
                self._next()
        elif self.transport is not None:
            self.transport.close()

    def _parse(self) -> Request | None:
        end = self._buffer.find(b"\r\n\r\n")
        if end < 0:
            return None
        lines = self._buffer[:end].decode("latin-1").split("\r\n")
        first = lines[0].split(" ")
        if len(first) != 3 or not first[2].startswith("HTTP/1."):
            raise BadHttp("")
        headers = {}
        for line in lines[1:]:
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        if "host" not in headers and first[2] == "HTTP/1.1":
            raise BadHttp(": missing required Host header")
        body = self._body(headers, end + 4)
        if body is None:
            return None
        path, _, query = first[1].partition("?")
        return Request(first[0], path, query, headers, body, first[2])

    def _body(self, headers: dict[str, str], start: int) -> bytes | None:
        """The body once it is whole (and off the buffer), else None."""
        if headers.get("expect", "").lower() == "100-continue" and not self._expect_sent and self.transport is not None:
            self._expect_sent = True
            self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "chunked" in headers.get("transfer-encoding", ""):
            return self._chunked_body(start)
        end = start + int(headers.get("content-length") or 0)
        if len(self._buffer) < end:
            return None
        body = bytes(self._buffer[start:end])
        del self._buffer[:end]
        return body

    def _chunked_body(self, at: int) -> bytes | None:
        parts = []
        while True:
            line = self._buffer.find(b"\r\n", at)
            if line < 0:
                return None
            size = int(bytes(self._buffer[at:line]).split(b";")[0], 16)
            if len(self._buffer) < line + 2 + size + 2:
                return None
            parts.append(bytes(self._buffer[line + 2 : line + 2 + size]))
            at = line + 2 + size + 2
            if size == 0:
                del self._buffer[:at]
                return b"".join(parts)


class Exchange:
    """The answer to one request. Nothing is written before the first call of `whole`, `text` or `send`."""

    __slots__ = ("_connection", "_cors", "_head_only", "_pending", "_request", "close", "finished", "started", "status")

    def __init__(self, connection: Connection, request: Request) -> None:
        self._connection = connection
        self._request = request
        self._head_only = request.method == "HEAD"
        self._cors = ""
        self._pending = b""
        self.started = False
        self.finished = False
        self.status = 0
        self.close = request.version == "HTTP/1.0" or request.headers.get("connection", "").lower() == "close"

    def allow_origin(self, origin: str) -> None:
        """Let a web page of this origin read the answer."""
        self._cors = f"Access-Control-Allow-Origin: {origin}\r\nVary: Origin\r\n"

    @property
    def cross_origin(self) -> bool:
        """True where a page of another, allowed origin asks."""
        return bool(self._cors)

    def whole(self, status: int, body: bytes, content_type: str = JSON, headers: str = "") -> None:
        """A complete answer in one write. `headers` are extra lines, each with its line end."""
        chunked = len(body) > CHUNKED_ABOVE and content_type == JSON and not self._head_only
        chunked = chunked and self._request.version != "HTTP/1.0"
        length = "Transfer-Encoding: chunked\r\n" if chunked else "" if status == 204 else f"Content-Length: {len(body)}\r\n"
        head = self._head(status, content_type, headers + length)
        if self._head_only:
            body = b""
        elif chunked:
            body = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
        self._write(head + body)
        self.started = self.finished = True

    def text(self, status: int, text: str, headers: str = "") -> None:
        """A plain-text answer, as Go's router sends it for a wrong path or method."""
        self.whole(status, text.encode(), "text/plain", headers)

    def start(self, content_type: str = NDJSON) -> None:
        """Send the headers of a stream without any event: not what Ollama does, but what a proxy in between may."""
        framing = "" if self._request.version == "HTTP/1.0" else "Transfer-Encoding: chunked\r\n"
        self._write(self._head(200, content_type, framing))
        self.started = True

    async def send(self, event: bytes) -> None:
        """One event of a stream; the first one brings the headers with it."""
        if not self.started:
            self.start()
        split = self._connection.split
        if split is None:
            self._write(self._frame(event))
        else:
            self._pending += event
            if split.random() < 0.5:
                await self._scatter(split)
        if not self._connection.writable.is_set():
            await self._connection.writable.wait()

    async def end(self) -> None:
        """End the stream properly."""
        if not self.started:
            self.start()
        if self._pending and self._connection.split is not None:
            await self._scatter(self._connection.split)
        if self._request.version != "HTTP/1.0":
            self._write(b"0\r\n\r\n")
        self.finished = True

    async def torn(self, event: bytes) -> None:
        """Write only a part of an event, inside its HTTP chunk; the caller hangs up next."""
        if not self.started:
            self.start()
        if self._pending and self._connection.split is not None:
            await self._scatter(self._connection.split)
        self._write(self._frame(event)[: max(8, len(event) // 2)])
        await asyncio.sleep(0)

    async def _scatter(self, split: random.Random) -> None:
        """Write what is pending in HTTP chunks and TCP writes that respect no boundary, not even inside a character."""
        framed = b"".join(self._frame(part) for part in _cut(self._pending, split))
        self._pending = b""
        for part in _cut(framed, split):
            self._write(part)
            await asyncio.sleep(0)

    def _frame(self, data: bytes) -> bytes:
        return data if self._request.version == "HTTP/1.0" else b"%x\r\n%s\r\n" % (len(data), data)

    def _head(self, status: int, content_type: str, more: str) -> bytes:
        self.status = status
        kind = f"Content-Type: {content_type}\r\n" if content_type else ""
        closing = "Connection: close\r\n" if self.close else ""
        line = f"{self._request.version} {status} {REASONS.get(status, 'Status')}\r\n"
        return f"{line}{self._cors}{kind}Date: {_date(int(time.time()))}\r\n{more}{closing}\r\n".encode("latin-1")

    def _write(self, data: bytes) -> None:
        transport = self._connection.transport
        if transport is not None and not transport.is_closing():
            transport.write(data)


def _cut(data: bytes, split: random.Random) -> list[bytes]:
    parts = []
    while data:
        size = split.choice((1, 2, 3, 7, 40, 400))
        parts.append(data[:size])
        data = data[size:]
    return parts


@lru_cache(maxsize=1)
def _date(now: int) -> str:
    return formatdate(now, usegmt=True)
