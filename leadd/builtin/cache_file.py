"""The file of the cache `sqlite`. Its methods run on one thread and block."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

from leadd.api import CacheEntry, Clock

APPLICATION_ID = 0x6C656163  # 'leac'
SCHEMA_VERSION = 1
BUSY_MS = 100
"""Longest wait for another process's lock; a caller waits no longer for a cache."""
REOPEN_AFTER_S = 30.0
PRUNE_ROWS = 200
"""Rows that go in one step; between two steps callers have their turn."""
PAGE_ROWS = 200
"""Rows that a scan reads in one go."""
PRUNE_PAGES = 1000
"""Pages given back to the disk in one step."""
PRUNE_TO = 0.9
READ_AGAIN = 0.05
"""After so much of `max_bytes` was put, it is looked whether another process has put as much: the size is of both."""
TOO_OLD_COUNTED = 10_000
"""Rows that are too old and not gone yet, which a count looks for; what is beyond is counted until the next prune."""

_SIZE_INDEX = "create index if not exists entry_size on entry (size)"
"""The sum of all sizes is read out of it, without a look at the values. Files of before have it not."""
_SCHEMA = f"""
begin immediate;
create table entry (
    key text primary key, value blob not null, size integer not null, ends_ms integer not null, used_ms integer not null
) strict;
create index entry_used on entry (used_ms);
create index entry_ends on entry (ends_ms);
{_SIZE_INDEX};
create table claim (key text primary key, owner text not null, ends_ms integer not null) strict;
pragma application_id = {APPLICATION_ID};
pragma user_version = {SCHEMA_VERSION};
commit;
"""
_FOREVER_MS = 2**62

T = TypeVar("T")


class CacheFile:
    """The file itself. Methods run on the cache's thread and may raise sqlite3.Error, which `attempt` turns into a miss."""

    def __init__(self, path: Path, max_bytes: int, clock: Clock) -> None:
        self.path = path
        self.max_bytes = max_bytes
        self.hits = self.misses = self.errors = self.pruned = self.replaced = 0
        self.trouble: str | None = None
        self.is_pruning = self.is_closing = False
        self._clock = clock
        self._connection: sqlite3.Connection | None = None
        self._size = self._rows = 0
        """Of all rows, also of those that are too old and not gone yet."""
        self._put_since_read = 0
        self._seen_version = -1
        self._next_open_s = float("-inf")

    @property
    def wants_prune(self) -> bool:
        """Whether it is too large, or may be by what another process has put."""
        return self._size > self.max_bytes or self._put_since_read > self.max_bytes * READ_AGAIN

    def attempt(self, job: Callable[[], T], otherwise: T) -> T:
        if not self.ensure_open():
            return otherwise
        try:
            return job()
        except (sqlite3.Error, OSError, OverflowError, UnicodeError) as error:
            self.errors += 1
            self._recover(error)
            return otherwise

    def ensure_open(self) -> bool:
        """True where the file can be used. What is no cache of this version is replaced, other trouble tried again later."""
        if self._connection is not None:
            return True
        if self._clock.monotonic_s() < self._next_open_s:
            return False
        for is_last in (False, True):
            try:
                self._connection = self._connect()
                self.trouble = None
                return True
            except (sqlite3.Error, OSError) as error:
                self.errors += 1
                self.trouble = str(error)
                if is_last or not _is_garbage(error) or not self._remove():
                    break
        self._next_open_s = self._clock.monotonic_s() + REOPEN_AFTER_S
        return False

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def get(self, key: str) -> bytes | None:
        now_ms = self._clock.now_ms()
        connection = self._open_connection()
        row = connection.execute("select value, ends_ms, used_ms from entry where key = ?", (key,)).fetchone()
        if row is None or row[1] <= now_ms:
            self.misses += 1
            return None
        if now_ms - row[2] > 60_000:
            # the order of use is kept to the minute: a write at every read would cost more than it saves
            with suppress(sqlite3.OperationalError):  # on a full disk the answer is still there to read
                connection.execute("update entry set used_ms = ? where key = ?", (now_ms, key))
        self.hits += 1
        value: bytes = row[0]
        return value

    def put(self, key: str, value: bytes, lives_s: float | None) -> None:
        now_ms = self._clock.now_ms()
        size = len(value) + len(key.encode())
        if size > self.max_bytes or (lives_s is not None and lives_s <= 0):
            self.delete(key)
            return
        ends_ms = _FOREVER_MS if lives_s is None else now_ms + int(lives_s * 1000)
        connection = self._open_connection()
        connection.execute("begin immediate")  # whoever reads meanwhile sees the old value or the new one, never none
        try:
            old = connection.execute("select size from entry where key = ?", (key,)).fetchone()
            connection.execute("insert or replace into entry values (?, ?, ?, ?, ?)", (key, value, size, ends_ms, now_ms))
            connection.execute("commit")
        except BaseException:
            with suppress(sqlite3.Error):  # a full disk has rolled back by itself
                connection.execute("rollback")
            raise
        self._size += size - (old[0] if old is not None else 0)
        self._rows += old is None
        self._put_since_read += size

    def delete(self, key: str) -> bool:
        rows = self._open_connection().execute("delete from entry where key = ? returning size, ends_ms", (key,)).fetchall()
        self._forget(size for size, _ in rows)
        return any(ends_ms > self._clock.now_ms() for _, ends_ms in rows)

    def clear_claims(self) -> int:
        """Forget all claims, and give the last row that a clear has to go to: what is put later stays."""
        connection = self._open_connection()
        connection.execute("delete from claim")
        last: int = connection.execute("select coalesce(max(rowid), 0) from entry").fetchone()[0]
        return last

    def clear_step(self, last: int) -> tuple[int, bool]:
        """Drop some rows up to `last`: how many of them were not too old, and whether more is to be done."""
        connection = self._open_connection()
        rows = connection.execute(
            "delete from entry where rowid in (select rowid from entry where rowid <= ? order by rowid limit ?) "
            "returning size, ends_ms",
            (last, PRUNE_ROWS),
        ).fetchall()
        self._forget(size for size, _ in rows)
        _give_back(connection, PRUNE_PAGES)
        now_ms = self._clock.now_ms()
        has_more = bool(rows) or connection.execute("pragma freelist_count").fetchone()[0] > 0
        return sum(ends_ms > now_ms for _, ends_ms in rows), has_more

    def claim(self, key: str, owner: str, lease_s: float) -> bool | None:
        """Whether `owner` has the key now; None where another process held the file for too long."""
        try:
            return self._claim(key, owner, lease_s)
        except sqlite3.OperationalError as error:
            if not _is_busy(error):
                raise
            return None

    def _claim(self, key: str, owner: str, lease_s: float) -> bool:
        now_ms, lease_ms = self._clock.now_ms(), int(lease_s * 1000)
        connection = self._open_connection()
        # All leases are about alike. One that ends much later was taken before the wall clock was set back: its owner may be
        # gone for long, and nobody could wait until then.
        connection.execute("delete from claim where ends_ms <= ? or ends_ms > ?", (now_ms, now_ms + 2 * lease_ms))
        row = connection.execute(
            "insert into claim values (?1, ?2, ?3) on conflict (key) do update set ends_ms = ?3 where owner = ?2 returning 1",
            (key, owner, now_ms + lease_ms),
        ).fetchone()
        return row is not None

    def release(self, key: str, owner: str) -> None:
        self._open_connection().execute("delete from claim where key = ? and owner = ?", (key, owner))

    def count(self) -> tuple[int, int]:
        """Entries that are not too old, and their bytes: running numbers, read again at open and before a prune."""
        row = self._open_connection().execute(
            "select count(*), coalesce(sum(size), 0) from (select size from entry where ends_ms <= ? limit ?)",
            (self._clock.now_ms(), TOO_OLD_COUNTED),
        )
        entries, size = row.fetchone()
        return max(0, self._rows - entries), max(0, self._size - size)

    def page(self, after: int) -> tuple[int | None, list[CacheEntry]]:
        """Some entries behind the row `after` that are not too old, and the last row that was looked at; None at the end."""
        now_ms = self._clock.now_ms()
        rows = self._open_connection().execute(
            "select rowid, key, value, ends_ms from entry where rowid > ? order by rowid limit ?", (after, PAGE_ROWS)
        )
        found = rows.fetchall()
        alive = [(key, value, ends_ms) for _, key, value, ends_ms in found if ends_ms > now_ms]
        entries = [CacheEntry(k, v, None if ends_ms == _FOREVER_MS else (ends_ms - now_ms) / 1000) for k, v, ends_ms in alive]
        return (found[-1][0] if found else None), entries

    def prune_step(self) -> bool:
        """Drop some rows, too old ones first, then those used longest ago; True where more has to go."""
        connection = self._open_connection()
        self._read_size(connection)
        rows = connection.execute(
            "delete from entry where rowid in (select rowid from entry where ends_ms <= ? limit ?) returning size",
            (self._clock.now_ms(), PRUNE_ROWS),
        ).fetchall()
        may_have_more = len(rows) == PRUNE_ROWS
        excess = self._size - sum(size for (size,) in rows) - int(self.max_bytes * PRUNE_TO)
        if excess > 0 and not rows:
            going: list[int] = []
            for rowid, size in connection.execute("select rowid, size from entry order by used_ms limit ?", (PRUNE_ROWS,)):
                if excess <= 0:
                    break
                going.append(rowid)
                rows.append((size,))
                excess -= size
            connection.execute("delete from entry where rowid in (select value from json_each(?))", (json.dumps(going),))
        self.pruned += len(rows)
        self._forget(size for (size,) in rows)
        _give_back(connection, PRUNE_PAGES)
        return may_have_more or (bool(rows) and self._size > self.max_bytes * PRUNE_TO)

    def _forget(self, sizes: Iterable[int]) -> None:
        for size in sizes:
            self._size -= size
            self._rows -= 1

    def _read_size(self, connection: sqlite3.Connection) -> None:
        """Count all rows again where another process has written since they were counted last."""
        version = connection.execute("pragma data_version").fetchone()[0]
        self._put_since_read = 0
        if version != self._seen_version:
            self._rows, self._size = connection.execute("select count(*), coalesce(sum(size), 0) from entry").fetchone()
            self._seen_version = version

    def _open_connection(self) -> sqlite3.Connection:
        if self._connection is None:
            raise sqlite3.OperationalError("the cache file is closed")
        return self._connection

    def _connect(self) -> sqlite3.Connection:
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))  # private from its first moment
        self.path.chmod(0o600)
        connection = sqlite3.connect(self.path, timeout=BUSY_MS / 1000, isolation_level=None, check_same_thread=False)
        try:
            connection.execute("pragma auto_vacuum = incremental")
            connection.execute("pragma journal_mode = wal")
            connection.execute("pragma synchronous = normal")
            connection.execute("pragma journal_size_limit = 8388608")
            self._prepare(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        """Make the tables in an empty file. Raises DatabaseError for any other file that is not this version's cache."""
        found = (
            connection.execute("pragma application_id").fetchone()[0],
            connection.execute("pragma user_version").fetchone()[0],
        )
        if found == (0, 0) and connection.execute("select count(*) from sqlite_master").fetchone()[0] == 0:
            connection.executescript(_SCHEMA)
        elif found != (APPLICATION_ID, SCHEMA_VERSION):
            raise _NotACache("the file is no cache of this version")
        else:
            connection.execute(_SIZE_INDEX)
        self._seen_version = -1  # versions are the connection's own
        self._read_size(connection)

    def _recover(self, error: Exception) -> None:
        """After a failed job: garbage is replaced at once, a file that could not be read or written is opened anew."""
        if not isinstance(error, sqlite3.Error) or _is_busy(error):
            return
        self.trouble = str(error)
        self.close()
        if _is_garbage(error):
            self._remove()

    def _remove(self) -> bool:
        try:
            for suffix in ("", "-wal", "-shm", "-journal"):
                Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        except OSError as error:
            self.trouble = str(error)
            return False
        self.replaced += 1
        return True


def _give_back(connection: sqlite3.Connection, pages: int) -> None:
    """Return up to so many free pages to the disk, all of them for 0."""
    # execute() would take the statement's first step only, and that frees a single page
    connection.executescript(f"pragma incremental_vacuum({pages})")


class _NotACache(sqlite3.DatabaseError):
    pass


def _is_garbage(error: Exception) -> bool:
    """True where the file's content is at fault, so that a new file helps."""
    if isinstance(error, _NotACache):
        return True
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_ERROR)


def _is_busy(error: Exception) -> bool:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
