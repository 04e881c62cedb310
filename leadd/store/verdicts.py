"""The user's word on leads, and on signals that leadd dropped: kept with what the prefilter had said, taken back on request."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from leadd.api.clock import Clock
from leadd.store import signal_queue as queue
from leadd.store.bulk import clean, pack_ids
from leadd.store.database import Database
from leadd.store.errors import NotFound
from leadd.store.rows import SIGNAL_VERDICTS, VERDICTS
from leadd.store.standing import note_in

BY = ("user", "api")
DAY_MS = 86_400_000
DEFAULT_SNOOZE_DAYS = 7
STATUS_OF = {"won": "won", "lost": "lost", "reject": "parked"}
"""The status that a lead gets by a verdict."""

_PREFILTER = (
    "SELECT score, threshold FROM judgement WHERE signal_id = ? AND icp_id = ? AND stage = 'prefilter' ORDER BY id DESC LIMIT 1"
)
_DROPPED_BY = (
    "SELECT iif(rule = '', stage, stage || ':' || rule) FROM judgement WHERE signal_id = ? AND icp_id = ? "
    "AND decision IN ('drop', 'no', 'no_match') ORDER BY id DESC LIMIT 1"
)
_ICP_OF_SIGNAL = (
    "SELECT j.icp_id FROM judgement AS j JOIN icp AS i ON i.id = j.icp_id AND i.deleted_at_ms IS NULL "
    "WHERE j.signal_id = ? AND j.superseded = 0 "
    "ORDER BY CASE j.stage WHEN 'classify' THEN 3 WHEN 'triage' THEN 2 ELSE 1 END DESC, j.score DESC NULLS LAST, j.id LIMIT 1"
)
"""The ICP to which a signal came nearest: the one for which it went furthest, then that with the best score."""


@dataclass(frozen=True, slots=True)
class VerdictKept:
    """One verdict as learning reads it. On a lead `lead_id` is set, and `signal_id` is the signal that made its score then; on
    a dropped signal `lead_id` is None: an accept there is a miss of leadd's, and `dropped_by` says whose (`prefilter:score`,
    `triage`). `score` is the lead's at that time, `prefilter_score` and `prefilter_threshold` the prefilter's (None: it had
    none to give). `by` is user or api. `undone_at_ms` is None while the verdict counts."""

    id: int
    lead_id: int | None
    signal_id: int | None
    icp_id: int | None
    verdict: str
    note: str
    by: str
    score: int | None
    prefilter_score: float | None
    prefilter_threshold: float | None
    dropped_by: str
    until_ms: int | None
    created_at_ms: int
    undone_at_ms: int | None = None


_COLUMNS = (
    "v.id, v.lead_id, v.signal_id, v.icp_id, v.verdict, v.note, v.by_whom, v.score, v.prefilter_score, v.prefilter_threshold, "
    "v.dropped_by, v.until_ms, v.created_at_ms, v.undone_at_ms"
)


class VerdictRepo:
    """Verdicts on signals, and all verdicts for whoever learns of them. Those on leads are given through `LeadRepo`."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def judge_signal(
        self, signal_id: int, verdict: str, note: str = "", *, by: str = "user", icp: str | None = None
    ) -> VerdictKept:
        """Keep the user's word on a signal that made no lead. Raises NotFound, ValueError for an unknown verdict.

        `accept` puts the signal into the queue again ahead of all others, in the same transaction; `wanted` then names it, so
        that whoever reads it asks the full question. `icp` None means the ICP that it came nearest to.
        """
        _check(verdict, SIGNAL_VERDICTS, by)
        now_ms = self._clock.now_ms()

        def judge(conn: sqlite3.Connection) -> VerdictKept:
            if conn.execute("SELECT 1 FROM signal WHERE id = ?", (signal_id,)).fetchone() is None:
                raise NotFound(f"there is no signal {signal_id}")
            icp_id = _icp_in(conn, signal_id, icp)
            verdict_id = _insert_in(conn, (None, signal_id, icp_id), verdict, note, by, now_ms)
            if verdict == "accept":
                conn.execute(queue.SUPERSEDE, (pack_ids([signal_id]),))
                conn.execute(queue.REOPEN_ASKED, (now_ms, signal_id))
            return _read_in(conn, verdict_id)

        return await self._db.write(judge)

    async def lead_of(self, signal_id: int, icp: str | None = None) -> int | None:
        """The lead that a signal is part of, for this ICP or for any; None where it is none."""
        row = await self._db.fetch_one(
            "SELECT l.id FROM lead_signal AS k JOIN lead AS l ON l.id = k.lead_id JOIN icp AS i ON i.id = l.icp_id "
            "WHERE k.signal_id = ?1 AND l.deleted_at_ms IS NULL AND l.merged_into IS NULL AND k.bucket <> 'filtered' "
            "AND (?2 IS NULL OR i.name = ?2) ORDER BY l.score DESC LIMIT 1",
            (signal_id, icp),
        )
        return None if row is None else int(row[0])

    async def undo_signal(self, signal_id: int) -> VerdictKept:
        """Take back the latest verdict on a signal; what it was. Raises NotFound where there is none."""
        now_ms = self._clock.now_ms()

        def undo(conn: sqlite3.Connection) -> VerdictKept:
            row = conn.execute(
                "SELECT id FROM verdict WHERE signal_id = ? AND lead_id IS NULL AND undone_at_ms IS NULL "
                "ORDER BY id DESC LIMIT 1",
                (signal_id,),
            ).fetchone()
            if row is None:
                raise NotFound(f"there is no verdict on signal {signal_id} to take back")
            conn.execute("UPDATE verdict SET undone_at_ms = ? WHERE id = ?", (now_ms, row[0]))
            return _read_in(conn, row[0])

        return await self._db.write(undo)

    async def wanted(self, signal_ids: Sequence[int]) -> dict[int, frozenset[int]]:
        """Of these signals, those of which the user said last that they should have been leads: signal id → ICP ids."""
        rows = await self._db.fetch(
            "SELECT signal_id, icp_id FROM verdict AS v WHERE signal_id IN (SELECT value FROM json_each(?)) "
            "AND lead_id IS NULL AND undone_at_ms IS NULL AND verdict = 'accept' AND icp_id IS NOT NULL AND NOT EXISTS "
            "(SELECT 1 FROM verdict AS w WHERE w.signal_id = v.signal_id AND w.lead_id IS NULL AND w.icp_id = v.icp_id "
            "AND w.undone_at_ms IS NULL AND w.id > v.id)",
            (pack_ids(signal_ids),),
        )
        found: dict[int, set[int]] = {}
        for signal_id, icp_id in rows:
            found.setdefault(signal_id, set()).add(icp_id)
        return {signal_id: frozenset(icps) for signal_id, icps in found.items()}

    async def of_signal(self, signal_id: int) -> list[VerdictKept]:
        """All verdicts that concern a signal, also those taken back, oldest first."""
        return [VerdictKept(*row) for row in await self._db.fetch(
            f"SELECT {_COLUMNS} FROM verdict AS v WHERE v.signal_id = ? ORDER BY v.id", (signal_id,)  # noqa: S608
        )]  # fmt: skip

    async def counting(self, icp_id: int | None = None, *, limit: int = 20_000) -> list[VerdictKept]:
        """The verdicts that count, oldest first: of each lead, and of each dropped signal for an ICP, the last one that was not
        taken back. Snoozes are left out: they say nothing of whether a lead is good. At most the `limit` newest."""
        rows = await self._db.fetch(
            f"SELECT {_COLUMNS} FROM verdict AS v WHERE (?1 IS NULL OR v.icp_id = ?1) AND {COUNTS} "  # noqa: S608
            "ORDER BY v.id DESC LIMIT ?2",
            (icp_id, limit),
        )
        return [VerdictKept(*row) for row in reversed(rows)]


COUNTS = (
    "v.undone_at_ms IS NULL AND v.verdict <> 'snooze' AND NOT EXISTS (SELECT 1 FROM verdict AS w WHERE w.id > v.id "
    "AND w.undone_at_ms IS NULL AND w.verdict <> 'snooze' AND "
    "((v.lead_id IS NOT NULL AND w.lead_id = v.lead_id) OR "
    "(v.lead_id IS NULL AND w.lead_id IS NULL AND w.signal_id = v.signal_id AND w.icp_id IS v.icp_id)))"
)
"""True of a verdict `v` that is the last word on its subject."""


def judge_lead_in(
    conn: sqlite3.Connection, lead_id: int, verdict: str, note: str, now_ms: int, *, by: str, days: float | None
) -> None:
    """Inside a write: keep a verdict on a lead; its status and the timeline follow. Raises ValueError."""
    _check(verdict, VERDICTS, by)
    if days is not None and not 0 < days <= 3650:
        raise ValueError(f"a lead is snoozed for more than 0 and at most 3650 days, not {days:g}")
    signal_id, icp_id, *before = conn.execute(
        "SELECT signal_id, icp_id, status, status_by FROM lead WHERE id = ?", (lead_id,)
    ).fetchone()
    until_ms = None
    if verdict == "snooze":
        until_ms = now_ms + round((DEFAULT_SNOOZE_DAYS if days is None else days) * DAY_MS)
    wanted = STATUS_OF.get(verdict) or (_status_before_reject_in(conn, lead_id) if verdict == "accept" else None)
    change = None if wanted in (None, before[0]) else (*before, wanted)
    _insert_in(conn, (lead_id, signal_id, icp_id), verdict, note, by, now_ms, until_ms=until_ms, change=change)
    data: dict[str, Any] = {"verdict": verdict} | ({"until_ms": until_ms} if until_ms else {})
    note_in(conn, lead_id, "verdict", note, now_ms, data, actor="person")
    conn.execute("UPDATE lead SET snoozed_until_ms = ?, updated_at_ms = ? WHERE id = ?", (until_ms, now_ms, lead_id))
    if change is not None:
        set_status_in(conn, lead_id, change[2], "person", now_ms)


def undo_lead_in(conn: sqlite3.Connection, lead_id: int, now_ms: int) -> str:
    """Inside a write: take back the latest verdict on a lead; which it was. The timeline keeps both. Raises NotFound."""
    row = conn.execute(
        "SELECT id, verdict, status_before, status_by_before, status_after FROM verdict WHERE lead_id = ? "
        "AND undone_at_ms IS NULL ORDER BY id DESC LIMIT 1",
        (lead_id,),
    ).fetchone()
    if row is None:
        raise NotFound(f"there is no verdict on lead {lead_id} to take back")
    verdict_id, verdict, before, before_by, after = row
    conn.execute("UPDATE verdict SET undone_at_ms = ? WHERE id = ?", (now_ms, verdict_id))
    note_in(conn, lead_id, "verdict_undone", "", now_ms, {"verdict": verdict, "verdict_id": verdict_id}, actor="person")
    # What lies before the undone one counts again: also a snooze that is not over yet.
    conn.execute(
        "UPDATE lead SET updated_at_ms = ?1, snoozed_until_ms = (SELECT until_ms FROM verdict WHERE lead_id = ?2 "
        "AND undone_at_ms IS NULL ORDER BY id DESC LIMIT 1) WHERE id = ?2",
        (now_ms, lead_id),
    )
    (status,) = conn.execute("SELECT status FROM lead WHERE id = ?", (lead_id,)).fetchone()
    if before is not None and status == after:  # one that was set by hand since then stays
        set_status_in(conn, lead_id, before, before_by, now_ms)
    return str(verdict)


def set_status_in(conn: sqlite3.Connection, lead_id: int, status: str, by: str, now_ms: int) -> None:
    """Inside a write: set a lead's status, with an entry of its timeline."""
    conn.execute(
        "UPDATE lead SET status = ?, status_by = ?, updated_at_ms = ? WHERE id = ?", (status, clean(by), now_ms, lead_id)
    )
    note_in(conn, lead_id, "status", status, now_ms, {"status": status}, actor=by)


def _status_before_reject_in(conn: sqlite3.Connection, lead_id: int) -> str | None:
    """Where a reject had parked the lead: the status that it had before; None where it was parked by hand or is not parked."""
    row = conn.execute(
        "SELECT v.verdict, v.status_before FROM verdict AS v JOIN lead AS l ON l.id = v.lead_id WHERE v.lead_id = ? "
        "AND l.status = 'parked' AND v.undone_at_ms IS NULL AND v.verdict NOT IN ('snooze', 'accept') "
        "ORDER BY v.id DESC LIMIT 1",
        (lead_id,),
    ).fetchone()
    if row is None or row[0] != "reject":
        return None
    return "new" if row[1] in (None, "parked") else str(row[1])


def _insert_in(
    conn: sqlite3.Connection, subject: tuple[int | None, int | None, int | None], verdict: str, note: str, by: str,
    now_ms: int, *, until_ms: int | None = None, change: tuple[str, str, str] | None = None,
) -> int:  # fmt: skip
    """Store one verdict on (lead, signal, ICP) with what leadd thought then; its id.

    `change` is the status before, who had set it, and the status after, where the verdict changes it."""
    lead_id, signal_id, icp_id = subject
    score, threshold = conn.execute(_PREFILTER, (signal_id, icp_id)).fetchone() or (None, None)
    dropped = None if lead_id is not None else conn.execute(_DROPPED_BY, (signal_id, icp_id)).fetchone()
    cursor = conn.execute(
        "INSERT INTO verdict (lead_id, signal_id, icp_id, verdict, note, by_whom, score, prefilter_score, "
        "prefilter_threshold, dropped_by, until_ms, created_at_ms, status_before, status_by_before, status_after) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, (SELECT score FROM lead WHERE id = ?1), ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        (lead_id, signal_id, icp_id, verdict, clean(note), by, score, threshold, dropped[0] if dropped else "", until_ms,
         now_ms, *(change or (None, None, None))),
    )  # fmt: skip
    return cursor.lastrowid or 0


def _icp_in(conn: sqlite3.Connection, signal_id: int, name: str | None) -> int | None:
    if name is not None:
        row = conn.execute("SELECT id FROM icp WHERE name = ? AND deleted_at_ms IS NULL", (name,)).fetchone()
        if row is None:
            raise NotFound(f"there is no ICP '{name}'")
        return int(row[0])
    row = conn.execute(_ICP_OF_SIGNAL, (signal_id,)).fetchone()
    return None if row is None else int(row[0])


def _read_in(conn: sqlite3.Connection, verdict_id: int) -> VerdictKept:
    row = conn.execute(f"SELECT {_COLUMNS} FROM verdict AS v WHERE v.id = ?", (verdict_id,)).fetchone()  # noqa: S608
    return VerdictKept(*row)


def _check(verdict: str, known: tuple[str, ...], by: str) -> None:
    for word, words, what in ((verdict, known, "verdict"), (by, BY, "word for who gave it")):
        if word not in words:
            raise ValueError(f"unknown {what} {word!r}: one of {', '.join(words)}")
