"""ICPs as the user keeps them."""

from __future__ import annotations

import builtins
import sqlite3

from leadd.api.clock import Clock
from leadd.api.icp import Icp
from leadd.store.database import Database
from leadd.store.errors import DuplicateName, NotFound
from leadd.store.rows import IcpRow

_SELECT = "SELECT id, body, created_at_ms, updated_at_ms FROM icp WHERE deleted_at_ms IS NULL"


class IcpRepo:
    """Stores ICPs; a deleted one stays behind its leads and in the journal."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def list(self, enabled_only: bool = False) -> builtins.list[IcpRow]:
        """All ICPs, oldest first."""
        rows = await self._db.fetch(f"{_SELECT} AND (enabled OR NOT ?) ORDER BY id", (int(enabled_only),))
        return [_icp_of(row) for row in rows]

    async def get(self, icp_id: int) -> IcpRow | None:
        """One ICP; None where it is unknown or deleted."""
        row = await self._db.fetch_one(f"{_SELECT} AND id = ?", (icp_id,))
        return None if row is None else _icp_of(row)

    async def by_name(self, name: str) -> IcpRow | None:
        """The ICP of this name, or None."""
        row = await self._db.fetch_one(f"{_SELECT} AND name = ?", (name,))
        return None if row is None else _icp_of(row)

    async def add(self, icp: Icp) -> IcpRow:
        """Store a new ICP. Raises DuplicateName."""
        now_ms = self._clock.now_ms()

        def add(conn: sqlite3.Connection) -> IcpRow:
            _refuse_duplicate(conn, icp.name, 0)
            cursor = conn.execute(
                "INSERT INTO icp (name, body, enabled, content_hash, created_at_ms, updated_at_ms) VALUES (?, ?, ?, ?, ?, ?)",
                (icp.name, icp.model_dump_json(), int(icp.enabled), icp.content_hash(), now_ms, now_ms),
            )
            return IcpRow(cursor.lastrowid or 0, icp, now_ms, now_ms)

        return await self._db.write(add)

    async def replace(self, icp_id: int, icp: Icp) -> IcpRow:
        """Put another ICP in place of the stored one. Raises NotFound, DuplicateName."""
        now_ms = self._clock.now_ms()

        def replace(conn: sqlite3.Connection) -> IcpRow:
            _refuse_duplicate(conn, icp.name, icp_id)
            row = conn.execute(
                "UPDATE icp SET name = ?, body = ?, enabled = ?, content_hash = ?, updated_at_ms = ? "
                "WHERE id = ? AND deleted_at_ms IS NULL RETURNING created_at_ms",
                (icp.name, icp.model_dump_json(), int(icp.enabled), icp.content_hash(), now_ms, icp_id),
            ).fetchone()
            if row is None:
                raise NotFound(f"there is no ICP {icp_id}")
            return IcpRow(icp_id, icp, row[0], now_ms)

        return await self._db.write(replace)

    async def delete(self, icp_id: int) -> None:
        """Take an ICP out of force; its leads stay. Raises NotFound."""
        now_ms = self._clock.now_ms()

        def delete(conn: sqlite3.Connection) -> None:
            sql = "UPDATE icp SET deleted_at_ms = ?, enabled = 0 WHERE id = ? AND deleted_at_ms IS NULL"
            if not conn.execute(sql, (now_ms, icp_id)).rowcount:
                raise NotFound(f"there is no ICP {icp_id}")

        await self._db.write(delete)


def _refuse_duplicate(conn: sqlite3.Connection, name: str, own_id: int) -> None:
    sql = "SELECT 1 FROM icp WHERE name = ? AND id <> ? AND deleted_at_ms IS NULL"
    if conn.execute(sql, (name, own_id)).fetchone() is not None:
        raise DuplicateName(f"there is an ICP named {name!r} already")


def _icp_of(row: sqlite3.Row) -> IcpRow:
    return IcpRow(row["id"], Icp.model_validate_json(row["body"]), row["created_at_ms"], row["updated_at_ms"])
