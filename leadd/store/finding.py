"""What searching by vectors reads: a space's vectors as they come in, and the leads that stand behind signals."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leadd.store.bulk import clean, dump, pack_ids
from leadd.store.database import Database
from leadd.store.embeddings import Space
from leadd.store.rows import SignalRow
from leadd.store.signal_rows import READ_COLUMNS, signal_of

if TYPE_CHECKING:
    from leadd.store.vector_bytes import Vectors

_MADE = "embedding INDEXED BY embedding_made WHERE subject = 'signal' AND digest = ? AND model = ?"
_SHOWN_LEAD = "l.deleted_at_ms IS NULL AND l.merged_into IS NULL AND l.bucket <> 'filtered'"


@dataclass(frozen=True, slots=True)
class Made:
    """A stretch of a space's vectors of signals. `mark` is where the next stretch begins, `more` whether there is one now."""

    ids: list[int]
    vectors: Vectors
    mark: tuple[int, int]
    more: bool


class FindingRepo:
    """Reads vectors of signals in the order they were made."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def spaces(self) -> list[tuple[Space, int, int]]:
        """The spaces that hold vectors of signals, the newest first, each with width and number."""
        rows = await self._db.fetch(
            "SELECT model, digest, dimensions, count(*) FROM embedding WHERE subject = 'signal' "
            "GROUP BY model, digest ORDER BY max(created_at_ms) DESC"
        )
        return [(Space(row[0], row[1]), row[2], row[3]) for row in rows]

    async def width(self, space: Space) -> int | None:
        """How many numbers the vectors of a space have; None where there is none."""
        row = await self._db.fetch_one(
            f"SELECT dimensions FROM {_MADE} ORDER BY created_at_ms DESC LIMIT 1",  # noqa: S608
            (clean(space.digest), clean(space.model)),
        )
        return None if row is None else int(row[0])

    async def made_after(self, space: Space, mark: tuple[int, int], width: int, limit: int) -> Made:
        """Up to `limit` vectors that were made after `mark` (time in ms, id), in that order."""
        from leadd.store.vector_bytes import matrix_of  # noqa: PLC0415 - brings numpy, which only vectors need

        rows = await self._db.fetch(
            f"SELECT subject_id, dimensions, vector, created_at_ms FROM {_MADE} "  # noqa: S608
            "AND (created_at_ms, subject_id) > (?, ?) ORDER BY created_at_ms, subject_id LIMIT ?",
            (clean(space.digest), clean(space.model), *mark, limit),
        )
        ids, vectors = matrix_of([(row[0], row[1], row[2]) for row in rows], width)
        return Made(ids, vectors, (rows[-1][3], rows[-1][0]) if rows else mark, len(rows) == limit)

    async def count(self, space: Space) -> int:
        """How many vectors of signals a space holds; no vector is read for it."""
        row = await self._db.fetch_one(f"SELECT count(*) FROM {_MADE}", (clean(space.digest), clean(space.model)))  # noqa: S608
        return 0 if row is None else int(row[0])

    async def ids(self, space: Space) -> set[int]:
        """The signals that have a vector in a space."""
        rows = await self._db.fetch(f"SELECT subject_id FROM {_MADE}", (clean(space.digest), clean(space.model)))  # noqa: S608
        return {row[0] for row in rows}

    async def of_leads_without(self, space: Space, after_id: int, limit: int) -> list[SignalRow]:
        """Signals of leads that have no vector in a space, the newest with an id below `after_id` first."""
        rows = await self._db.fetch(
            f"SELECT {READ_COLUMNS} FROM signal WHERE id IN (SELECT k.signal_id FROM lead_signal AS k "  # noqa: S608
            f"JOIN lead AS l ON l.id = k.lead_id WHERE k.signal_id < ?1 AND {_SHOWN_LEAD} AND NOT EXISTS (SELECT 1 FROM "
            "embedding AS e WHERE e.subject = 'signal' AND e.subject_id = k.signal_id AND e.model = ?2 AND e.digest = ?3) "
            "ORDER BY k.signal_id DESC LIMIT ?4) ORDER BY id DESC",
            (after_id, clean(space.model), clean(space.digest), limit),
        )
        return [signal_of(row) for row in rows]

    async def leads_behind(self, signal_ids: Collection[int]) -> dict[int, list[int]]:
        """Signal id → the leads that it, or a signal with the same text, is part of; signals without a lead are not there."""
        rows = await self._db.fetch(
            "SELECT t.id, k.lead_id FROM signal AS t JOIN signal AS s ON s.content_hash = t.content_hash "  # noqa: S608
            "JOIN lead_signal AS k ON k.signal_id = s.id JOIN lead AS l ON l.id = k.lead_id "
            f"WHERE t.id IN (SELECT value FROM json_each(?)) AND {_SHOWN_LEAD}",
            (pack_ids(signal_ids),),
        )
        found: dict[int, list[int]] = {}
        for signal_id, lead_id in rows:
            found.setdefault(signal_id, []).append(lead_id)
        return found

    async def signals_of(self, lead_id: int) -> tuple[list[int], list[str]]:
        """The signals of a lead with those of the same text, and the titles."""
        rows = await self._db.fetch(
            "SELECT t.id, s.title FROM lead_signal AS k JOIN signal AS s ON s.id = k.signal_id "
            "JOIN signal AS t ON t.content_hash = s.content_hash WHERE k.lead_id = ? ORDER BY k.score DESC, t.id LIMIT 500",
            (lead_id,),
        )
        return [row[0] for row in rows], list(dict.fromkeys(row[1] for row in rows if row[1]))

    async def sharing_words(self, words: Sequence[str], limit: int) -> list[int]:
        """Leads in whose words most of these (folded) stand, rare ones counting more; the best first."""
        rows = await self._db.fetch(
            "WITH shown AS MATERIALIZED (SELECT l.id, l.score, l.search_text FROM lead AS l "  # noqa: S608 - our constants
            f"WHERE {_SHOWN_LEAD}), word AS MATERIALIZED (SELECT value AS word, 1.0 / (1 + (SELECT count(*) FROM shown "
            "WHERE instr(search_text, value) > 0)) AS weight FROM json_each(?)) "
            "SELECT id FROM (SELECT shown.id AS id, shown.score AS score, (SELECT sum(weight) FROM word "
            "WHERE instr(shown.search_text, word.word) > 0) AS shared FROM shown) "
            "WHERE shared > 0 ORDER BY shared DESC, score DESC, id LIMIT ?",
            (dump(list(words)), limit),
        )
        return [row[0] for row in rows]
