"""Bringing a database file to the schema of this leadd: numbered SQL files, forward only, each in one transaction."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from leadd.store.errors import StoreError, StoreTooNew

APPLICATION_ID = 0x6C656164  # 'lead'
FOLDER = Path(__file__).parent / "migrations"
_NAME = re.compile(r"^(\d{4})_([a-z0-9_]+)\.sql$")


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of SQL; `version` is its number and the `user_version` after it."""

    version: int
    name: str
    sql: str


def packaged(folder: Path = FOLDER) -> tuple[Migration, ...]:
    """The migrations of a folder in order. Raises StoreError where a number is missing or doubled."""
    found = []
    for file in sorted(folder.glob("*.sql")):
        match = _NAME.match(file.name)
        if match is None:
            raise StoreError(f"{file}: a migration is named 0001_what_it_does.sql")
        found.append(Migration(int(match[1]), match[2], file.read_text(encoding="utf-8")))
    if [m.version for m in found] != list(range(1, len(found) + 1)):
        raise StoreError(f"{folder}: migrations must be numbered 1, 2, 3 … without gaps")
    return tuple(found)


def prepare_file(path: Path) -> None:
    """Make folder (0700) and file (0600) where they are missing, private from the first moment on."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def migrate(path: Path, *, now_ms: int, migrations: Sequence[Migration] | None = None) -> Path | None:
    """Bring the file to the newest schema; the path of the backup that was made first, None where none was needed.

    Raises StoreTooNew, or StoreError where the file is not leadd's, cannot be read, or a migration fails. The file is as it
    was before in all these cases, except for the migrations before the failing one.
    """
    steps = packaged() if migrations is None else tuple(migrations)
    try:
        prepare_file(path)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None, timeout=10.0)) as conn:
            version = _version_of(conn, path, newest=len(steps))
            if version == len(steps):
                return None
            backup = _back_up(conn, path, version, now_ms) if version else None
            if conn.execute("PRAGMA journal_mode = WAL").fetchone()[0] != "wal":
                raise StoreError(f"{path}: this file system cannot keep a write-ahead log; put the data folder on a local disk")
            conn.execute("PRAGMA synchronous = FULL")
            for step in steps[version:]:
                _apply(conn, step, now_ms)
            return backup
    except (sqlite3.Error, OSError) as problem:
        raise StoreError(f"{path}: {problem}") from problem


def _version_of(conn: sqlite3.Connection, path: Path, *, newest: int) -> int:
    version = int(conn.execute("PRAGMA user_version").fetchone()[0])
    owner = int(conn.execute("PRAGMA application_id").fetchone()[0])
    empty = conn.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0] == 0
    if owner != APPLICATION_ID and not (empty and owner == 0 and version == 0):
        raise StoreError(f"{path}: this is not a database of leadd")
    if version > newest:
        raise StoreTooNew(
            f"{path}: written by a newer leadd (schema {version}, this one knows {newest}); "
            "install that version again, or restore a backup (leadd.db.bak-…)"
        )
    return version


def _back_up(conn: sqlite3.Connection, path: Path, version: int, now_ms: int) -> Path:
    stamp = datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%Y%m%dT%H%M%S")
    target = path.with_name(f"{path.name}.bak-{version}-{stamp}")
    number = 1
    while target.exists():
        number += 1
        target = path.with_name(f"{path.name}.bak-{version}-{stamp}-{number}")
    copy_into(conn, target)
    return target


def copy_into(conn: sqlite3.Connection, target: Path) -> None:
    """Write a whole, compact copy of the database to a new file (0600). Raises FileExistsError, sqlite3.Error."""
    os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        conn.execute("PRAGMA synchronous = FULL")
        conn.execute("VACUUM INTO ?", (str(target),))
        with target.open("rb") as file:
            os.fsync(file.fileno())
    except BaseException:
        target.unlink(missing_ok=True)
        raise


def _apply(conn: sqlite3.Connection, step: Migration, now_ms: int) -> None:
    """All of a migration or nothing. `executescript` alone would keep the half before a failing statement."""
    try:
        conn.set_authorizer(_keep_transaction)
        conn.executescript(f"BEGIN IMMEDIATE;\n{step.sql}")
        conn.set_authorizer(None)
        broken = conn.execute("PRAGMA foreign_key_check").fetchone()
        if broken is not None:
            raise StoreError(f"migration {step.version} ({step.name}) leaves a row in {broken[0]} that points nowhere")
        conn.execute(
            "INSERT INTO migration (version, name, content_hash, applied_at_ms) VALUES (?, ?, ?, ?)",
            (step.version, step.name, hashlib.sha256(step.sql.encode()).hexdigest(), now_ms),
        )
        conn.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        conn.execute(f"PRAGMA user_version = {step.version}")
        conn.execute("COMMIT")
    except BaseException as problem:
        conn.set_authorizer(None)
        if conn.in_transaction:
            conn.execute("ROLLBACK")
        if isinstance(problem, sqlite3.Error):
            raise StoreError(f"migration {step.version} ({step.name}) failed: {problem}") from problem
        raise


def _keep_transaction(action: int, operation: str | None, *_: str | None) -> int:
    """A COMMIT inside a migration would land its first half."""
    ends = action == sqlite3.SQLITE_TRANSACTION and operation != "BEGIN"
    return sqlite3.SQLITE_DENY if ends else sqlite3.SQLITE_OK
