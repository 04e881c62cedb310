"""Choosing with a promise: evidence, the state that thresholds rest on, scorers, and what they may learn from."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from leadd.api.clock import Clock
from leadd.store.bulk import columns, dump, pack
from leadd.store.choice_rows import ChoiceCounts, ChoiceRow, ChooserRow, JudgedRow, LessonRow, NewChoice, ScorerRow
from leadd.store.database import Database

_CHOOSER = "SELECT id, icp_id, scope, epoch, deciding, ranking, fixed, learnt, state, cursor, user_cursor, trained FROM chooser"
_POLICY = "c.threshold, c.floor, c.near, c.reach"
_COUNTS = "v.undone_at_ms IS NULL AND v.verdict <> 'snooze'"
_LAST_WORD = f"(SELECT v.verdict FROM verdict AS v WHERE v.lead_id = l.id AND {_COUNTS} ORDER BY v.id DESC LIMIT 1)"  # noqa: S608


class ChoosingRepo:
    """Keeps promises and scorers, and reads the evidence. Choices are written with the end of a signal: `add_choices_in`."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def chooser(self, icp_id: int, scope: str | None = None) -> ChooserRow | None:
        """The newest promise of an ICP, in one scope or (None) in any; None where there is none."""
        row = await self._db.fetch_one(
            f"{_CHOOSER} WHERE icp_id = ?1 AND (?2 IS NULL OR scope = ?2) "
            "ORDER BY epoch * (?2 IS NOT NULL) DESC, id DESC LIMIT 1",
            (icp_id, scope),
        )
        return None if row is None else _chooser_of(row)

    async def add_chooser(self, row: ChooserRow) -> ChooserRow:
        """Keep a new promise; `id` is given by the store. Raises sqlite3.IntegrityError where there is one of that epoch."""
        now_ms = self._clock.now_ms()
        state = "" if row.state is None else dump(row.state)

        def add(conn: sqlite3.Connection) -> int:
            return conn.execute(
                "INSERT INTO chooser (icp_id, scope, epoch, deciding, ranking, fixed, learnt, state, trained, made_at_ms, "
                "updated_at_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?10)",
                (row.icp_id, row.scope, row.epoch, row.deciding, row.ranking, dump(row.fixed), dump(row.learnt), state,
                 row.trained, now_ms),
            ).lastrowid or 0  # fmt: skip

        new_id = await self._db.write(add)
        return ChooserRow(
            new_id, row.icp_id, row.scope, row.epoch, row.deciding, row.ranking, row.fixed, row.learnt, row.state, 0, 0,
            row.trained,
        )  # fmt: skip

    async def keep(self, row: ChooserRow, *, before: tuple[int, int]) -> bool:
        """Keep the state of a promise with both its cursors, in one step; False where they are no longer those `before`."""
        now_ms = self._clock.now_ms()
        state = "" if row.state is None else dump(row.state)
        values = (row.ranking, dump(row.learnt), state, row.cursor, row.user_cursor, row.trained, now_ms, row.id, *before)
        return await self._db.write(
            lambda conn: (
                conn.execute(
                    "UPDATE chooser SET ranking = ?, learnt = ?, state = ?, cursor = ?, user_cursor = ?, trained = ?, "
                    "updated_at_ms = ? WHERE id = ? AND cursor = ? AND user_cursor = ?",
                    values,
                ).rowcount
                == 1
            )
        )

    async def evidence(self, chooser_id: int, after: int, limit: int = 2000) -> list[ChoiceRow]:
        """Signals that were read under a promise, in the order in which they ended, behind the choice `after`."""
        rows = await self._db.fetch(
            f"SELECT c.id, c.signal_id, c.score, {_POLICY}, c.audited, c.matched FROM choice AS c "  # noqa: S608
            "WHERE c.chooser_id = ? AND c.id > ? ORDER BY c.id LIMIT ?",
            (chooser_id, after, limit),
        )
        return [ChoiceRow(r[0], r[1], r[2], (r[3], r[4], r[5], r[6]), bool(r[7]), bool(r[8])) for r in rows]

    async def latest(self, chooser_id: int, limit: int = 2000) -> list[ChoiceRow]:
        """The last signals that were read under a promise, oldest first."""
        row = await self._db.fetch_one(
            "SELECT coalesce(min(id), 1) FROM (SELECT id FROM choice WHERE chooser_id = ? ORDER BY id DESC LIMIT ?)",
            (chooser_id, limit),
        )
        return await self.evidence(chooser_id, 0 if row is None else row[0] - 1, limit)

    async def judged(self, chooser_id: int, icp_id: int, after: int, limit: int = 2000) -> list[JudgedRow]:
        """The leads that a promise brought, each once, in the order in which they came, with the user's last word."""
        rows = await self._db.fetch(
            f"SELECT min(c.id), c.score, {_POLICY}, {_LAST_WORD} FROM choice AS c "  # noqa: S608
            "JOIN lead_signal AS ls ON ls.signal_id = c.signal_id JOIN lead AS l ON l.id = ls.lead_id AND l.icp_id = ?2 "
            "WHERE c.chooser_id = ?1 AND c.matched = 1 AND c.id > ?3 GROUP BY l.id ORDER BY 1 LIMIT ?4",
            (chooser_id, icp_id, after, limit),
        )
        return [JudgedRow(r[0], r[1], (r[2], r[3], r[4], r[5]), r[6] or "") for r in rows]

    async def arrivals(self, chooser_id: int) -> ChoiceCounts:
        """How many came under a promise, and what audits found."""
        rows = await self._db.fetch("SELECT bin, passed, count FROM arrival WHERE chooser_id = ?", (chooser_id,))
        found = await self._db.fetch_one(
            "SELECT count(*), coalesce(sum(matched), 0) FROM choice WHERE chooser_id = ? AND audited = 1", (chooser_id,)
        )
        by: dict[int, dict[int, int]] = {0: {}, 1: {}}
        for place, passed, count in rows:
            by[passed][place] = count
        return ChoiceCounts(by[1], by[0], *(found or (0, 0)))

    async def verdicts(self, icp_id: int, limit: int = 2000) -> list[LessonRow]:
        """The newest verdicts, newest first: those on leads, with the text of the signal that gives the score, and those on
        signals that had been dropped."""
        rows = await self._db.fetch(
            "SELECT s.id, s.title, s.text, s.source, s.content_hash, word FROM (SELECT l.signal_id AS signal_id, "  # noqa: S608
            f"{_LAST_WORD} AS word, (SELECT max(v.id) FROM verdict AS v WHERE v.lead_id = l.id AND {_COUNTS}) AS newest "
            "FROM lead AS l WHERE l.icp_id = ?1 UNION ALL SELECT v.signal_id, v.verdict, max(v.id) FROM verdict AS v "
            f"WHERE v.icp_id = ?1 AND v.lead_id IS NULL AND {_COUNTS} GROUP BY v.signal_id) AS judged "
            "JOIN signal AS s ON s.id = judged.signal_id "
            "WHERE word IN ('accept', 'reject', 'won', 'lost') ORDER BY newest DESC LIMIT ?2",
            (icp_id, limit),
        )
        return [LessonRow(*tuple(row)) for row in rows]

    async def verdict_count(self, icp_id: int) -> int:
        """Leads of an ICP, and dropped signals, that the user gave a verdict on."""
        row = await self._db.fetch_one(
            "SELECT count(DISTINCT v.lead_id) + count(DISTINCT CASE WHEN v.lead_id IS NULL THEN v.signal_id END) "  # noqa: S608
            f"FROM verdict AS v LEFT JOIN lead AS l ON l.id = v.lead_id WHERE coalesce(l.icp_id, v.icp_id) = ? AND {_COUNTS}",
            (icp_id,),
        )
        return 0 if row is None else int(row[0])

    async def lessons(self, chooser_id: int, limit: int = 1500) -> list[LessonRow]:
        """The newest signals that were read under a promise, newest first, with their text and the model's word."""
        rows = await self._db.fetch(
            f"SELECT s.id, s.title, s.text, s.source, s.content_hash, c.matched, c.score, {_POLICY} FROM choice AS c "  # noqa: S608
            "JOIN signal AS s ON s.id = c.signal_id WHERE c.chooser_id = ? ORDER BY c.id DESC LIMIT ?",
            (chooser_id, limit),
        )
        return [LessonRow(r[0], r[1], r[2], r[3], r[4], "", bool(r[5]), r[6], (r[7], r[8], r[9], r[10])) for r in rows]

    async def add_scorer(self, icp_id: int, content: str, row: ScorerRow) -> None:
        """Keep a scorer; one of the same version stays as it is."""
        await self._db.write(
            lambda conn: (
                conn.execute(
                    "INSERT INTO scorer (icp_id, content, version, body, verdicts, labels, dropped, made_at_ms) "
                    "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                    (icp_id, content, row.version, row.body, row.verdicts, row.labels, row.dropped, row.made_at_ms),
                ).rowcount
            )
        )

    async def scorers(self, icp_id: int, content: str) -> list[ScorerRow]:
        """All scorers of an ICP as it reads now, newest first."""
        rows = await self._db.fetch(
            "SELECT version, body, verdicts, labels, dropped, made_at_ms FROM scorer WHERE icp_id = ? AND content = ? "
            "ORDER BY id DESC",
            (icp_id, content),
        )
        return [ScorerRow(*tuple(row)) for row in rows]


def add_choices_in(conn: sqlite3.Connection, choices: Sequence[tuple[int, NewChoice]], now_ms: int) -> None:
    """Inside a write: count these (signal id, choice), and keep those that were read. One that is kept stays as it is."""
    if not choices:
        return
    counts = Counter((choice.chooser_id, choice.bin, int(choice.passed)) for _, choice in choices)
    conn.execute(
        f"INSERT INTO arrival (chooser_id, bin, passed, count) SELECT {columns(4)} FROM json_each(?) WHERE true "  # noqa: S608
        "ON CONFLICT (chooser_id, bin, passed) DO UPDATE SET count = count + excluded.count",
        (pack((*key, count) for key, count in counts.items()),),
    )
    rows = [
        (c.chooser_id, signal_id, c.score, *c.policy, int(c.audited), int(c.matched), now_ms)
        for signal_id, c in choices
        if c.matched is not None
    ]
    if rows:
        conn.execute(
            "INSERT INTO choice (chooser_id, signal_id, score, threshold, floor, near, reach, audited, matched, at_ms) "  # noqa: S608
            f"SELECT {columns(10)} FROM json_each(?) WHERE true ON CONFLICT DO NOTHING",
            (pack(rows),),
        )


def _chooser_of(row: sqlite3.Row) -> ChooserRow:
    fixed, learnt = _object(row["fixed"]), _object(row["learnt"])
    state = _object(row["state"]) if row["state"] else None
    return ChooserRow(
        row["id"], row["icp_id"], row["scope"], row["epoch"], row["deciding"], row["ranking"], fixed, learnt, state,
        row["cursor"], row["user_cursor"], row["trained"],
    )  # fmt: skip


def _object(text: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = json.loads(text)
    return found
