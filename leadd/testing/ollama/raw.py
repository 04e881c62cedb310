"""A bare HTTP client for tests: it shows every byte, and lets go of a connection when told to."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class RawReply:
    """One answer as it came. `body` is without chunk framing; `complete` False: the server hung up before the end."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    complete: bool = True

    def json(self) -> Any:
        return json.loads(self.body)

    def lines(self) -> list[Any]:
        """The NDJSON events."""
        return [json.loads(line) for line in self.body.splitlines() if line]


def connect(url: str, timeout_s: float = 120.0) -> socket.socket:
    """A TCP connection to a server."""
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname, parts.port), timeout=timeout_s)


def send(sock: socket.socket, method: str, path: str, body: object = None, *, headers: Mapping[str, str] | None = None) -> None:
    """Write a request; `body` is bytes as they are, or anything that becomes JSON."""
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = {"Host": "127.0.0.1", "Connection": "close", "Content-Length": str(len(data))} | dict(headers or {})
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    sock.sendall(f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + data)


def ask(
    url: str, method: str, path: str, body: object = None, *, headers: Mapping[str, str] | None = None, timeout_s: float = 120.0
) -> RawReply:
    """One request on a connection of its own."""
    with connect(url, timeout_s) as sock:
        send(sock, method, path, body, headers=headers)
        return receive(sock, head_only=method == "HEAD")


def receive(sock: socket.socket, *, head_only: bool = False) -> RawReply:
    """The answer, up to the end of the connection. Raises ConnectionError where there is none."""
    data = bytearray()
    broken = False
    try:
        while block := sock.recv(65536):
            data += block
    except ConnectionError:
        broken = True
    head, found, rest = bytes(data).partition(b"\r\n\r\n")
    if not found:
        raise ConnectionResetError("hung up before the headers")
    first, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    status = int(first.split(" ")[1])
    if head_only or "transfer-encoding" not in headers:
        whole = head_only or len(rest) >= int(headers.get("content-length", "0"))
        return RawReply(status, headers, rest, whole and not broken)
    body, complete = _dechunk(rest)
    return RawReply(status, headers, body, complete and not broken)


def _dechunk(data: bytes) -> tuple[bytes, bool]:
    parts: list[bytes] = []
    while data:
        size_line, found, data = data.partition(b"\r\n")
        if not found:
            break
        size = int(size_line, 16)
        if size == 0:
            return b"".join(parts), True
        parts.append(data[:size])
        data = data[size + 2 :]
    return b"".join(parts), False
