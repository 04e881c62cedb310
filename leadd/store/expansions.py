"""What ICPs were spelt out to, by a model and by the user. The shipped table is not kept: it is read anew."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leadd.api.clock import Clock
from leadd.store.bulk import dump
from leadd.store.database import Database


@dataclass(frozen=True, slots=True)
class ExpansionRow:
    """`terms` are the model's for the wording that `basis` names by its hash; `edited` is the whole as the user left it, or
    None."""

    icp_id: int
    basis: str
    model: str
    terms: tuple[Mapping[str, Any], ...]
    edited: Mapping[str, Any] | None
    updated_at_ms: int


class ExpansionRepo:
    """One row for an ICP, or none."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def all(self) -> dict[int, ExpansionRow]:
        """By the number of the ICP."""
        rows = await self._db.fetch("SELECT icp_id, basis, model, terms, edited, updated_at_ms FROM icp_expansion")
        return {row[0]: _row_of(row) for row in rows}

    async def get(self, icp_id: int) -> ExpansionRow | None:
        """That of one ICP."""
        sql = "SELECT icp_id, basis, model, terms, edited, updated_at_ms FROM icp_expansion WHERE icp_id = ?"
        row = await self._db.fetch_one(sql, (icp_id,))
        return None if row is None else _row_of(row)

    async def put_terms(self, icp_id: int, basis: str, model: str, terms: Sequence[Mapping[str, Any]]) -> None:
        """Keep what a model said of a wording; what the user had edited is gone."""
        values = (icp_id, basis, model, dump(list(terms)), self._clock.now_ms())

        def put(conn: sqlite3.Connection) -> None:
            conn.execute(
                "INSERT INTO icp_expansion (icp_id, basis, model, terms, updated_at_ms) VALUES (?1, ?2, ?3, ?4, ?5) "
                "ON CONFLICT (icp_id) DO UPDATE SET basis = ?2, model = ?3, terms = ?4, edited = NULL, updated_at_ms = ?5",
                values,
            )

        await self._db.write(put)

    async def put_edited(self, icp_id: int, basis: str, edited: Mapping[str, Any]) -> None:
        """Keep the whole as the user left it, for a wording."""
        values = (icp_id, basis, dump(edited), self._clock.now_ms())

        def put(conn: sqlite3.Connection) -> None:
            conn.execute(
                "INSERT INTO icp_expansion (icp_id, basis, edited, updated_at_ms) VALUES (?1, ?2, ?3, ?4) "
                "ON CONFLICT (icp_id) DO UPDATE SET basis = ?2, edited = ?3, updated_at_ms = ?4",
                values,
            )

        await self._db.write(put)

    async def clear(self, icp_id: int) -> None:
        """Back to the shipped table."""

        def clear(conn: sqlite3.Connection) -> None:
            conn.execute("DELETE FROM icp_expansion WHERE icp_id = ?", (icp_id,))

        await self._db.write(clear)


def _row_of(row: sqlite3.Row) -> ExpansionRow:
    edited = None if row[4] is None else json.loads(row[4])
    return ExpansionRow(row[0], row[1], row[2], tuple(json.loads(row[3])), edited, row[5])
