"""The reading connections: a few, made when first needed, lent one at a time, unable to write."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiosqlite

from leadd.store.errors import StoreUnavailable


class ReaderPool:
    """At most `size` connections. Readers stay short: a long one keeps the write-ahead log from being cut."""

    def __init__(self, path: Path, size: int) -> None:
        self._uri = f"{path.absolute().as_uri()}?mode=rw"
        self._slots = asyncio.Semaphore(max(1, size))
        self._free: list[aiosqlite.Connection] = []
        self._lent: set[aiosqlite.Connection] = set()
        self._spoilt: list[aiosqlite.Connection] = []
        self._closed = False

    @contextlib.asynccontextmanager
    async def lend(self) -> AsyncIterator[aiosqlite.Connection]:
        """A connection with `sqlite3.Row` rows. Raises StoreUnavailable once closed, or where none can be opened."""
        async with self._slots:
            conn = await self._take()
            self._lent.add(conn)
            try:
                yield conn
            except BaseException:
                # A cancelled reader leaves its query running, or half-read with its snapshot held: end it, start afresh.
                self._spoilt.append(conn)
                with contextlib.suppress(ValueError):
                    await conn.interrupt()
                raise
            else:
                self._free.append(conn)
            finally:
                self._lent.discard(conn)

    async def _take(self) -> aiosqlite.Connection:
        while self._spoilt:
            await self._spoilt.pop().close()
        if self._closed:
            raise StoreUnavailable("the store is closed")
        if self._free:
            return self._free.pop()
        try:
            opening = aiosqlite.connect(self._uri, uri=True, isolation_level=None, timeout=5.0)
            # Its thread would keep an interpreter alive that was told to end before this store was closed.
            thread: Any = getattr(opening, "_thread", opening)
            thread.daemon = True
            conn = await opening
        except sqlite3.Error as problem:
            raise StoreUnavailable(f"cannot read the database: {problem}") from problem
        try:
            conn.row_factory = sqlite3.Row
            for pragma in ("query_only = 1", "cache_size = -1024", "temp_store = MEMORY"):
                await conn.execute_fetchall(f"PRAGMA {pragma}")
        except BaseException as problem:
            self._spoilt.append(conn)
            if isinstance(problem, sqlite3.Error):
                raise StoreUnavailable(f"cannot read the database: {problem}") from problem
            raise
        return conn

    async def close(self) -> None:
        """Close all connections with their threads; readers at work are interrupted."""
        self._closed = True
        for conn in self._lent:
            with contextlib.suppress(ValueError):
                await conn.interrupt()
        async with contextlib.AsyncExitStack() as stack:
            for conn in (*self._free, *self._spoilt, *self._lent):
                stack.push_async_callback(conn.close)
            self._free.clear()
            self._spoilt.clear()
