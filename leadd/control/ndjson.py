"""NDJSON by hand, both ways: lines of any length cut as they come, answers written as they are ready.

aiohttp's own line reader raises on long lines, so a single 600 KiB line would end a stream of a million.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from types import TracebackType
from typing import NamedTuple, Self

BOM = b"\xef\xbb\xbf"
HIGH_WATER = 262_144


class Line(NamedTuple):
    """One line that is not blank: its number in the data (from 1) and its bytes, or None where it was too long."""

    number: int
    data: bytes | None


async def read_lines(chunks: AsyncIterator[bytes], *, most_bytes: int, keep_blank: bool = False) -> AsyncIterator[Line]:
    """The lines of a body, whatever the chunks cut apart. A line above `most_bytes` is skipped, not kept in memory.

    Blank lines are left out and the others stripped; with `keep_blank` (CSV, where a cell may hold both) they are as they are.
    """
    clean = _without_mark if keep_blank else _strip
    number = 0
    rest = b""
    skipping = False
    async for chunk in chunks:
        pieces = (rest + chunk).split(b"\n")
        rest = pieces.pop()
        for piece in pieces:
            number += 1
            if skipping or len(piece) > most_bytes:
                skipping = False
                yield Line(number, None)
            elif (cleaned := clean(piece, number)) or keep_blank:
                yield Line(number, cleaned)
        if len(rest) > most_bytes:
            # What was gathered is thrown away now; the line is reported once its end is seen.
            rest, skipping = b"", True
    if skipping:
        yield Line(number + 1, None)
    elif cleaned := clean(rest, number + 1):
        yield Line(number + 1, cleaned)


def _without_mark(piece: bytes, number: int) -> bytes:
    return piece.removeprefix(BOM) if number == 1 else piece


def _strip(piece: bytes, number: int) -> bytes:
    return _without_mark(piece, number).strip()


class LineWriter:
    """Sends lines as they come, many in one write where they come faster than the reader takes them.

    `put` waits while more than 256 KiB are unsent: a slow reader slows the work down and never fills the memory. A reader
    who takes nothing for `limit_s` ends the stream: `put` raises TimeoutError, or what the connection raised.
    """

    def __init__(self, write: Callable[[bytes], Awaitable[None]], *, limit_s: float) -> None:
        self._write = write
        self._limit_s = limit_s
        self._buffer = bytearray()
        self._filled = asyncio.Event()
        self._drained = asyncio.Event()
        self._drained.set()
        self._closing = False
        self._failure: BaseException | None = None
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._send(), name="ndjson writer")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        if kind is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            return
        self._closing = True
        self._filled.set()
        await self._task
        if self._failure is not None:
            raise self._failure

    async def put(self, line: bytes) -> None:
        """Queue one line; the newline is added here."""
        if self._failure is not None:
            raise self._failure
        self._buffer += line
        self._buffer += b"\n"
        self._filled.set()
        if len(self._buffer) > HIGH_WATER:
            self._drained.clear()
            await self._drained.wait()
            if self._failure is not None:
                raise self._failure

    async def _send(self) -> None:
        try:
            while True:
                await self._filled.wait()
                self._filled.clear()
                if not self._buffer:
                    if self._closing:
                        return
                    continue
                data, self._buffer = bytes(self._buffer), bytearray()
                self._drained.set()
                async with asyncio.timeout(self._limit_s):
                    await self._write(data)
                if self._closing:
                    self._filled.set()
        except Exception as error:
            self._failure = error
        finally:
            self._drained.set()
