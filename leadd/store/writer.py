"""The one thread that writes. Functions handed in share commits; a caller hears back after its commit is on the disk."""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from leadd.api.clock import Clock
from leadd.store.errors import StoreUnavailable

T = TypeVar("T")
Job = Callable[[sqlite3.Connection], Any]

GROUP_LIMIT = 128
GROUP_S = 0.25
"""A group takes no more functions after this long, so that its first caller is not kept waiting by the last."""
IDLE_S = 2.0
WAL_LIMIT_BYTES = 16 * 1024 * 1024

_FATAL = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_BUSY,
    }
)


class _GroupLost(Exception):
    """The transaction is gone: nothing in the group may be called done."""


class _Ticket:
    """A function on its way through the thread, and what came of it."""

    __slots__ = ("error", "fn", "future", "loop", "result")

    def __init__(self, fn: Job, future: asyncio.Future[Any], loop: asyncio.AbstractEventLoop) -> None:
        self.fn = fn
        self.future = future
        self.loop = loop
        self.result: Any = None
        self.error: BaseException | None = None


class Writer:
    """Owns the writing connection. `connect` makes one, also anew after a commit that failed."""

    def __init__(self, connect: Callable[[], sqlite3.Connection], wal: Path, clock: Clock) -> None:
        self._connect = connect
        self._wal = wal
        self._clock = clock
        self._queue: queue.SimpleQueue[_Ticket | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="leadd-writer", daemon=True)
        self._conn: sqlite3.Connection | None = None
        self._closing = False
        self._lock = threading.Lock()
        self._waiters: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] | None = []
        self._wal_dirty = False
        self.failing: str | None = None
        self.commits = 0
        self.writes = 0
        self.max_group = 0
        self.failures = 0
        self.checkpoints = 0
        self.last_commit_ms = 0.0

    def start(self) -> None:
        """Start the thread; the connection is made with the first function."""
        self._thread.start()

    async def submit(self, fn: Callable[[sqlite3.Connection], T]) -> T:
        """What `fn` returned, after its commit. Cancelling the caller leaves the write to happen.

        Raises what `fn` raised (then its own changes are undone, the others' are not), or StoreUnavailable.
        """
        return await self.enqueue(fn)

    def enqueue(self, fn: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """As `submit`, for several to await: the future of what `fn` returned. Raises StoreUnavailable once closed."""
        if self._closing:
            raise StoreUnavailable("the store is closed")
        loop = asyncio.get_running_loop()
        ticket = _Ticket(fn, loop.create_future(), loop)
        self._queue.put(ticket)
        return ticket.future

    def stop(self) -> None:
        """Take no more functions; those in the queue are still done."""
        if not self._closing:
            self._closing = True
            self._queue.put(None)

    async def close(self) -> None:
        """Stop, and return when the last function is committed and the thread has ended."""
        self.stop()
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        with self._lock:
            if self._waiters is None or not self._thread.is_alive():
                ended.set_result(None)
            else:
                self._waiters.append((loop, ended))
        await ended
        if self._thread.is_alive():
            self._thread.join()  # it has said its last word: this takes microseconds

    def wal_bytes(self) -> int:
        """Size of the write-ahead log on disk."""
        try:
            return os.stat(self._wal).st_size
        except OSError:
            return 0

    # Everything below runs in the thread.

    def _run(self) -> None:
        try:
            while (ticket := self._next()) is not None and self._serve(ticket):
                pass
        finally:
            self._drop_connection()
            self._refuse_rest()
            with self._lock:
                waiters, self._waiters = self._waiters or [], None
            for loop, ended in waiters:
                with contextlib.suppress(RuntimeError):
                    loop.call_soon_threadsafe(_end, ended)

    def _refuse_rest(self) -> None:
        """Whoever slipped in behind the end of the queue hears so, instead of waiting for ever."""
        rest = []
        with contextlib.suppress(queue.Empty):
            while True:
                ticket = self._queue.get_nowait()
                if ticket is not None:
                    ticket.error = StoreUnavailable("the store is closed")
                    rest.append(ticket)
        _hand_back(rest)

    def _next(self) -> _Ticket | None:
        """The next function; meanwhile, when nothing comes, the log is folded into the file and then all is quiet."""
        while self._wal_dirty:
            try:
                return self._queue.get(timeout=IDLE_S)
            except queue.Empty:
                self._checkpoint()
        return self._queue.get()

    def _serve(self, first: _Ticket) -> bool:
        """One group. False when the end of the queue was met."""
        group = [first]
        goes_on = True
        started_s = self._clock.monotonic_s()
        try:
            conn = self._conn = self._conn or self._connect()
            conn.execute("BEGIN IMMEDIATE")
            before = conn.total_changes
            self._call(conn, first)
            while len(group) < GROUP_LIMIT and self._clock.monotonic_s() - started_s < GROUP_S:
                try:
                    ticket = self._queue.get_nowait()
                except queue.Empty:
                    break
                if ticket is None:
                    goes_on = False
                    break
                group.append(ticket)
                self._call(conn, ticket)
            conn.execute("COMMIT")
        except Exception as problem:
            self._fail(group, problem)
        else:
            self.failing = None
            self.commits += 1
            self.writes += len(group)
            self.max_group = max(self.max_group, len(group))
            self.last_commit_ms = (self._clock.monotonic_s() - started_s) * 1000
            self._wal_dirty = self._wal_dirty or conn.total_changes != before
        _hand_back(group)
        if self._conn is not None and self.commits % 64 == 0 and self.wal_bytes() > WAL_LIMIT_BYTES:
            self._checkpoint()
        return goes_on

    def _call(self, conn: sqlite3.Connection, ticket: _Ticket) -> None:
        conn.execute("SAVEPOINT one")
        try:
            ticket.result = ticket.fn(conn)
        except BaseException as problem:
            if not conn.in_transaction or _is_fatal(problem):
                raise _GroupLost(str(problem)) from problem
            conn.execute("ROLLBACK TO one")
            ticket.error = RuntimeError("StopIteration out of a write") if isinstance(problem, StopIteration) else problem
        if not conn.in_transaction:
            raise _GroupLost("a write ended the transaction that it shares with others")
        conn.execute("RELEASE one")

    def _fail(self, group: list[_Ticket], problem: BaseException) -> None:
        """A failing commit means 'unknown': the connection's idea of the file is not trusted any more."""
        self.failures += 1
        self.failing = f"{problem}"
        for ticket in group:
            ticket.result = None
            ticket.error = StoreUnavailable(f"not stored: {problem}")
            ticket.error.__cause__ = problem
        self._drop_connection()

    def _checkpoint(self) -> None:
        """Fold the log into the file and cut it to nothing. A reader in the way leaves it for the next time."""
        conn = self._conn
        if conn is None:
            self._wal_dirty = False
            return
        try:
            conn.execute("PRAGMA busy_timeout = 50")
            busy = conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            conn.execute("PRAGMA busy_timeout = 5000")
        except sqlite3.Error as problem:
            self.failing = f"{problem}"
            self._drop_connection()
            return
        self.checkpoints += 1
        self._wal_dirty = bool(busy)

    def _drop_connection(self) -> None:
        conn, self._conn = self._conn, None
        if conn is not None:
            with contextlib.suppress(sqlite3.Error):
                if conn.in_transaction:
                    conn.execute("ROLLBACK")
            with contextlib.suppress(sqlite3.Error):
                conn.close()


def _is_fatal(problem: BaseException) -> bool:
    code = getattr(problem, "sqlite_errorcode", None)
    return isinstance(problem, sqlite3.Error) and isinstance(code, int) and (code & 0xFF) in _FATAL


def _hand_back(group: list[_Ticket]) -> None:
    """Resolve the futures, one call into each event loop for the whole group."""
    by_loop: dict[asyncio.AbstractEventLoop, list[_Ticket]] = {}
    for ticket in group:
        by_loop.setdefault(ticket.loop, []).append(ticket)
    for loop, tickets in by_loop.items():
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_settle, tickets)


def _settle(tickets: list[_Ticket]) -> None:
    for ticket in tickets:
        if ticket.future.done():
            continue
        if ticket.error is not None:
            ticket.future.set_exception(ticket.error)
        else:
            ticket.future.set_result(ticket.result)


def _end(ended: asyncio.Future[None]) -> None:
    if not ended.done():
        ended.set_result(None)
