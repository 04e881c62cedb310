"""Vectors of signals, leads and ICPs, kept so that no text is embedded twice. All can be made again: none is ever missed."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from leadd.api.clock import Clock
from leadd.store.bulk import clean, pack_ids
from leadd.store.database import Database

if TYPE_CHECKING:
    from leadd.store.vector_bytes import Vector, Vectors

Subject = Literal["signal", "lead", "icp"]
_SLICE = 1_000
_GONE = (
    "(subject = 'signal' AND NOT EXISTS (SELECT 1 FROM signal WHERE id = subject_id)) OR "
    "(subject = 'lead' AND NOT EXISTS (SELECT 1 FROM lead WHERE id = subject_id AND deleted_at_ms IS NULL)) OR "
    "(subject = 'icp' AND NOT EXISTS (SELECT 1 FROM icp WHERE id = subject_id AND deleted_at_ms IS NULL))"
)
_WORN = f"SELECT subject, subject_id, model, digest FROM embedding WHERE created_at_ms < ? OR {_GONE} LIMIT {_SLICE}"  # noqa: S608


@dataclass(frozen=True, slots=True)
class Space:
    """What vectors must share to be compared: the model's name, and a digest of its weights and of what it was to read."""

    model: str
    digest: str


class EmbeddingRepo:
    """Keeps vectors by subject, id and space, as float16 (see `vector_bytes`)."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def put_many(self, subject: Subject, space: Space, ids: Sequence[int], vectors: Vectors) -> None:
        """Keep one vector for each id, in place of an older one. Raises ValueError where one is not of unit length."""
        from leadd.store.vector_bytes import to_bytes  # noqa: PLC0415 - brings numpy, which only vectors need

        blobs = to_bytes(vectors)
        now_ms = self._clock.now_ms()
        model, digest = clean(space.model), clean(space.digest)
        rows = [
            (subject, row_id, model, digest, int(vectors.shape[1]), blob, now_ms)
            for row_id, blob in zip(ids, blobs, strict=True)
        ]
        sql = (
            "INSERT INTO embedding (subject, subject_id, model, digest, dimensions, vector, created_at_ms) "
            "VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (subject, subject_id, model, digest) DO UPDATE SET "
            "dimensions = excluded.dimensions, vector = excluded.vector, created_at_ms = excluded.created_at_ms"
        )
        if rows:
            await self._db.write(lambda conn: conn.executemany(sql, rows).rowcount)

    async def get_many(self, subject: Subject, space: Space, ids: Sequence[int]) -> dict[int, Vector]:
        """The vectors that are kept, by id, of unit length; a damaged one counts as missing."""
        return _read(
            await self._db.fetch(
                "SELECT subject_id, dimensions, vector FROM embedding WHERE subject = ? AND model = ? AND digest = ? "
                "AND subject_id IN (SELECT value FROM json_each(?))",
                (subject, clean(space.model), clean(space.digest), pack_ids(ids)),
            )
        )

    async def of_equal_texts(self, space: Space, signal_ids: Sequence[int]) -> dict[int, Vector]:
        """For each of these signals, the vector of any signal with the same title and text, where one is kept."""
        return _read(
            await self._db.fetch(
                "SELECT asked.value, e.dimensions, e.vector FROM json_each(?3) AS asked "
                "JOIN signal AS own ON own.id = asked.value "
                "JOIN embedding AS e ON e.subject = 'signal' AND e.model = ?1 AND e.digest = ?2 AND e.subject_id = "
                "(SELECT twin.id FROM signal AS twin JOIN embedding AS kept ON kept.subject = 'signal' "
                "AND kept.subject_id = twin.id AND kept.model = ?1 AND kept.digest = ?2 "
                "WHERE twin.content_hash = own.content_hash LIMIT 1)",
                (clean(space.model), clean(space.digest), pack_ids(signal_ids)),
            )
        )

    async def latest(self, subject: Subject, space: Space, limit: int) -> Vectors:
        """The vectors of the highest ids, as rows of one array; shape (0, 0) where there are none."""
        from leadd.store.vector_bytes import stacked  # noqa: PLC0415 - brings numpy, which only vectors need

        found = _read(
            await self._db.fetch(
                "SELECT subject_id, dimensions, vector FROM embedding WHERE subject = ? AND model = ? AND digest = ? "
                "ORDER BY subject_id DESC LIMIT ?",
                (subject, clean(space.model), clean(space.digest), limit),
            )
        )
        return stacked(list(found.values()))

    async def delete(self, subject: Subject, ids: Sequence[int]) -> int:
        """Forget all vectors of these subjects, whatever their space; how many."""
        sql = "DELETE FROM embedding WHERE subject = ? AND subject_id IN (SELECT value FROM json_each(?))"
        return await self._db.write(lambda conn: conn.execute(sql, (subject, pack_ids(ids))).rowcount)

    async def prune(self, before_ms: int) -> int:
        """Forget vectors made before a time (UTC), and those whose subject is gone; how many. Mostly a mere look."""
        total = 0
        while await self._db.fetch_one(f"SELECT 1 FROM ({_WORN}) LIMIT 1", (before_ms,)):  # noqa: S608 - our constants
            total += await self._db.write(lambda conn: _prune_in(conn, before_ms))
        return total

    async def counts(self) -> dict[str, int]:
        """Vectors by subject; every subject is there."""
        rows = await self._db.fetch("SELECT subject, count(*) FROM embedding GROUP BY subject")
        return {**dict.fromkeys(("signal", "lead", "icp"), 0), **{row[0]: row[1] for row in rows}}


def _prune_in(conn: sqlite3.Connection, before_ms: int) -> int:
    """A slice at a time: other writes wait behind this one."""
    sql = f"DELETE FROM embedding WHERE (subject, subject_id, model, digest) IN ({_WORN})"  # noqa: S608 - our constants
    return conn.execute(sql, (before_ms,)).rowcount


def _read(rows: Iterable[sqlite3.Row]) -> dict[int, Vector]:
    packed = [(row[0], row[1], row[2]) for row in rows]
    if not packed:
        return {}
    from leadd.store.vector_bytes import from_bytes  # noqa: PLC0415 - brings numpy, which only vectors need

    return from_bytes(packed)
