"""Copies of the database: made while it is in use, checked, put back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from leadd.store.database import Database
from leadd.store.errors import StoreError, StoreTooNew
from leadd.store.migrate import APPLICATION_ID, copy_into, packaged

_COUNTED = ("signal", "lead", "judgement", "outbox", "icp")


@dataclass(frozen=True, slots=True)
class Verified:
    """A copy that was read through and found whole."""

    path: Path
    version: int
    rows: Mapping[str, int]


async def backup(db: Database, target: Path) -> Verified:
    """Write a whole copy to `target` (a new file, 0600) while work goes on, and check it. Raises StoreError."""

    def copy() -> Verified:
        try:
            target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with contextlib.closing(sqlite3.connect(db.path, isolation_level=None, timeout=10.0)) as conn:
                copy_into(conn, target)
        except (sqlite3.Error, OSError) as problem:
            raise StoreError(f"{target}: no backup was made: {problem}") from problem
        return verify(target)

    return await asyncio.to_thread(copy)


def verify(path: Path) -> Verified:
    """Read a copy through. Raises StoreError with what is wrong, StoreTooNew where a newer leadd made it. Blocks."""
    if not path.is_file():
        raise StoreError(f"{path}: there is no such file")
    try:
        with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as conn:
            if conn.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
                raise StoreError(f"{path}: this is not a database of leadd")
            version = int(conn.execute("PRAGMA user_version").fetchone()[0])
            if version > len(packaged()):
                raise StoreTooNew(f"{path}: written by a newer leadd (schema {version})")
            report = [row[0] for row in conn.execute("PRAGMA integrity_check(10)")]
            if report != ["ok"]:
                raise StoreError(f"{path}: damaged: {'; '.join(report)}")
            broken = conn.execute("PRAGMA foreign_key_check").fetchone()
            if broken is not None:
                raise StoreError(f"{path}: damaged: a row in {broken[0]} points nowhere")
            rows = {table: conn.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in _COUNTED}  # noqa: S608
            return Verified(path, version, rows)
    except sqlite3.Error as problem:
        raise StoreError(f"{path}: cannot be read: {problem}") from problem


def restore(source: Path, target: Path) -> Verified:
    """Put a checked copy in place of `target`, which must not be open anywhere. Raises StoreError. Blocks.

    The new file stands whole or not at all; what stood there before is kept as `<target>.replaced`.
    """
    verify(source)
    fresh = target.with_name(f"{target.name}.restoring")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fresh.unlink(missing_ok=True)
        with source.open("rb") as old, open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as new:
            shutil.copyfileobj(old, new)
            new.flush()
            os.fsync(new.fileno())
        if target.exists():
            _fold_log(target)
            os.replace(target, target.with_name(f"{target.name}.replaced"))
        # A log of the old file beside the new one would be played into it.
        for suffix in ("-wal", "-shm"):
            target.with_name(target.name + suffix).unlink(missing_ok=True)
        os.replace(fresh, target)
    except OSError as problem:
        raise StoreError(f"{target}: not restored: {problem}") from problem
    return verify(target)


def _fold_log(path: Path) -> None:
    """Bring the write-ahead log into the file that is put aside; a damaged one is put aside as it is."""
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(path, timeout=1.0)) as conn:
        conn.execute("PRAGMA wal_checkpoint(TRUNCATE)")
