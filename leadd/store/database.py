"""The database file: one writer, a few readers, migrated when opened, whole again after every crash."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

from leadd.api.clock import Clock
from leadd.store.migrate import Migration, migrate
from leadd.store.readers import ReaderPool
from leadd.store.writer import Writer

T = TypeVar("T")


def connect_writer(path: Path) -> sqlite3.Connection:
    """A connection as the writer uses it: it begins and commits by itself, every commit reaches the disk."""
    conn = sqlite3.connect(path, isolation_level=None, timeout=5.0, check_same_thread=False, cached_statements=256)
    try:
        for pragma in (
            "journal_mode = WAL",
            "synchronous = FULL",
            "foreign_keys = ON",
            "cache_size = -4096",
            "temp_store = MEMORY",
            "wal_autocheckpoint = 2000",
            "journal_size_limit = 33554432",
        ):
            conn.execute(f"PRAGMA {pragma}").fetchall()
    except BaseException:
        conn.close()
        raise
    return conn


class Database:
    """An open database file. `backup` is the copy that was made before migrating, None where there was nothing to do."""

    def __init__(self, path: Path, writer: Writer, readers: ReaderPool, clock: Clock, backup: Path | None) -> None:
        self.path = path
        self.backup = backup
        self._writer = writer
        self._readers = readers
        self._clock = clock

    @classmethod
    async def open(
        cls, path: Path, *, clock: Clock, readers: int = 3, migrations: Sequence[Migration] | None = None
    ) -> Database:
        """Open the file, made (0600, in a folder 0700) or migrated where needed. Raises StoreError, StoreTooNew."""
        backup = await asyncio.to_thread(migrate, path, now_ms=clock.now_ms(), migrations=migrations)
        writer = Writer(lambda: connect_writer(path), path.with_name(f"{path.name}-wal"), clock)
        pool = ReaderPool(path, readers)
        writer.start()
        try:
            await writer.submit(_nothing)
        except BaseException:
            await writer.close()
            raise
        return cls(path, writer, pool, clock, backup)

    async def write(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        """What `fn(connection)` returned, once it is committed together with other writes that waited.

        `fn` runs in the writer's thread and must not commit. What it raises undoes its own changes only and comes back to
        its caller. Cancelling the caller never cancels the write. Raises StoreUnavailable where the commit failed.
        """
        return await self._writer.submit(fn)

    def enqueue(self, fn: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """As `write`, without waiting: a future that several may await, each behind `asyncio.shield`."""
        return self._writer.enqueue(fn)

    def reader(self) -> AbstractAsyncContextManager[aiosqlite.Connection]:
        """A connection for reading, for a short while: `async with db.reader() as conn`."""
        return self._readers.lend()

    async def fetch(self, sql: str, parameters: Sequence[Any] = ()) -> list[sqlite3.Row]:
        """All rows of one query, from a reading connection."""
        async with self._readers.lend() as conn:
            return list(await conn.execute_fetchall(sql, parameters))

    async def fetch_one(self, sql: str, parameters: Sequence[Any] = ()) -> sqlite3.Row | None:
        """The first row of one query, or None."""
        rows = await self.fetch(sql, parameters)
        return rows[0] if rows else None

    @property
    def failing(self) -> str | None:
        """Why the last commit failed; None as soon as one works again."""
        return self._writer.failing

    def figures(self) -> dict[str, float]:
        """Figures since the file was opened; `commits` per `writes` shows how well writes share commits."""
        writer = self._writer
        return {
            "commits": float(writer.commits),
            "writes": float(writer.writes),
            "max_group": float(writer.max_group),
            "wal_bytes": float(writer.wal_bytes()),
            "last_commit_ms": writer.last_commit_ms,
            "failures": float(writer.failures),
            "checkpoints": float(writer.checkpoints),
        }

    async def probe(self) -> None:
        """Write a row for real. Raises StoreUnavailable where that is not possible now."""
        now_ms = self._clock.now_ms()
        await self.write(
            lambda conn: (
                conn.execute(
                    "INSERT INTO schedule (name, value, updated_at_ms) VALUES ('store.probe', '{}', ?1) "
                    "ON CONFLICT (name) DO UPDATE SET updated_at_ms = ?1",
                    (now_ms,),
                ).rowcount
            )
        )

    async def close(self) -> None:
        """Finish the writes that wait, then close every connection and its thread. May be called twice."""
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(self._writer.close)
            stack.push_async_callback(self._readers.close)


def _nothing(conn: sqlite3.Connection) -> None:
    conn.execute("SELECT 1 FROM migration").fetchall()
