"""A server that answers with the exact bytes a test wants: for ends of a conversation that no proper server library makes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any


@dataclass(frozen=True, slots=True)
class RawRequest:
    """One request as it came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    connection: int

    def json(self) -> Any:
        return json.loads(self.body)


class RawConversation:
    """The server's side of one exchange: write bytes, wait, and see whether the client has gone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.is_closed = False

    async def send(self, data: bytes) -> None:
        """Write and flush; each call reaches the client as at least one piece of its own."""
        self._writer.write(data)
        await self._writer.drain()

    async def send_chunk(self, data: bytes) -> None:
        """One piece of a chunked body; an empty one ends it in order."""
        await self.send(b"%x\r\n%s\r\n" % (len(data), data))

    async def wait_for_client_to_go(self) -> None:
        """Return once the client has closed the connection."""
        with suppress(ConnectionError):
            while await self._reader.read(65_536):
                pass
        self.is_closed = True

    def abort(self) -> None:
        """Cut the connection, mid-answer or before it, as a killed process does."""
        self.is_closed = True
        self._writer.transport.abort()


Answer = Callable[[RawRequest, RawConversation], Awaitable[None]]


class RawServer:
    """Loopback HTTP/1.1 in which each request is answered by the next of `answers`, the last one again and again.

    `async with RawServer(json_answer({...})) as server:` gives `server.url`; `server.requests` is what came in.
    """

    def __init__(self, *answers: Answer) -> None:
        self._answers = list(answers)
        self._server: asyncio.Server | None = None
        self._connections = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self.requests: list[RawRequest] = []
        self.errors: list[BaseException] = []
        self.url = ""

    async def __aenter__(self) -> RawServer:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        if error is None and self.errors:
            raise self.errors[0]

    async def stop(self) -> None:
        """Refuse connections from now on and cut those that are open."""
        server, self._server = self._server, None
        if server is None:
            return
        server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def connections(self) -> int:
        """How many connections clients have made."""
        return self._connections

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self._connections += 1
        number = self._connections
        try:
            while (request := await _read_request(reader, number)) is not None:
                self.requests.append(request)
                answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                talk = RawConversation(reader, writer)
                await answer(request, talk)
                if talk.is_closed:
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        except Exception as error:
            self.errors.append(error)
        except asyncio.CancelledError:
            pass  # the end of the server; the streams module would log a cancelled handler
        finally:
            self._tasks.discard(task)
            writer.transport.abort()


async def _read_request(reader: asyncio.StreamReader, connection: int) -> RawRequest | None:
    head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
    if not head:
        return None
    first, *rest = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {n.strip().lower(): v.strip() for n, _, v in (line.partition(":") for line in rest if line)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return RawRequest(method, path, headers, body, connection)


def head(status: int = 200, content_type: str = "application/json", **headers: object) -> bytes:
    """The head of an answer; `content_length=3` becomes `Content-Length: 3`."""
    lines = [f"HTTP/1.1 {status} Status", f"Content-Type: {content_type}"]
    lines += [f"{name.replace('_', '-').title()}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def body_answer(body: bytes, status: int = 200, content_type: str = "application/json", **headers: object) -> Answer:
    """Answer with these bytes."""

    async def answer(request: RawRequest, talk: RawConversation) -> None:
        await talk.send(head(status, content_type, content_length=len(body), **headers) + body)

    return answer


def json_answer(value: Any, status: int = 200, **headers: object) -> Answer:
    """Answer with this value as JSON."""
    return body_answer(json.dumps(value).encode(), status, "application/json; charset=utf-8", **headers)


def stream_answer(pieces: Sequence[bytes], *, cut: bool = False) -> Answer:
    """Answer with a chunked body of these pieces; with `cut` the connection is cut where its orderly end would stand."""

    async def answer(request: RawRequest, talk: RawConversation) -> None:
        await talk.send(head(200, "application/x-ndjson", transfer_encoding="chunked"))
        for piece in pieces:
            await talk.send_chunk(piece)
        if cut:
            talk.abort()
        else:
            await talk.send(b"0\r\n\r\n")

    return answer


async def silence(request: RawRequest, talk: RawConversation) -> None:
    """Never answer; end when the client goes."""
    await talk.wait_for_client_to_go()


async def hang_up(request: RawRequest, talk: RawConversation) -> None:
    """Close the connection before the first byte of an answer."""
    talk.abort()
