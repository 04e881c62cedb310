"""Where a lead stands: worked out anew from its signals whenever one of them changes. Used inside writes."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leadd.store.bulk import clean, dump, fetch, pack_ids
from leadd.store.rows import BUCKETS

RANK: Mapping[str, int] = {bucket: rank for rank, bucket in enumerate(BUCKETS)}
_BEST = (
    "SELECT signal_id, method, score, bucket, reasons, classification FROM lead_signal WHERE lead_id = ? "
    "ORDER BY method = 'model' DESC, method = 'evidence' DESC, score DESC, signal_id LIMIT 1"
)


@dataclass(frozen=True, slots=True)
class Standing:
    """Score, bucket and method of a lead after its signals were weighed."""

    score: int
    bucket: str
    method: str


def restand_in(conn: sqlite3.Connection, lead_id: int, now_ms: int) -> Standing:
    """Give the lead the score of its best signal; as soon as a language model judged one, only such signals count."""
    signal_id, method, score, bucket, reasons, classification = conn.execute(_BEST, (lead_id,)).fetchone()
    conn.execute(
        "UPDATE lead SET signal_id = ?, method = ?, score = ?, bucket = ?, reasons = ?, classification = ?, "
        "updated_at_ms = ? WHERE id = ?",
        (signal_id, method, score, bucket, reasons, classification, now_ms, lead_id),
    )
    return Standing(score, bucket, method)


def sink_signals_in(conn: sqlite3.Connection, methods: Mapping[int, str], now_ms: int) -> None:
    """Signals that were judged again and dropped no longer lift the leads they once made. `methods` is by signal id."""
    links = fetch(
        conn,
        "SELECT json_group_array(json_array(lead_id, signal_id)) FROM lead_signal "
        "WHERE signal_id IN (SELECT value FROM json_each(?))",
        (pack_ids(methods),),
    )
    for lead_id, signal_id in links:
        sink_in(conn, lead_id, signal_id, methods[signal_id], 0, "filtered", "[]", "{}", now_ms)


def sink_in(
    conn: sqlite3.Connection,
    lead_id: int,
    signal_id: int,
    method: str,
    score: int,
    bucket: str,
    reasons: str,
    classification: str,
    now_ms: int,
) -> None:
    """Give a signal its new, lower weight, and take back deliveries that were not begun where the lead is none any more."""
    conn.execute(
        "UPDATE lead_signal SET method = ?, score = ?, bucket = ?, reasons = ?, classification = ? "
        "WHERE lead_id = ? AND signal_id = ?",
        (method, score, bucket, reasons, classification, lead_id, signal_id),
    )
    standing = restand_in(conn, lead_id, now_ms)
    note_in(conn, lead_id, "judged_again", f"signal {signal_id} is now {bucket}", now_ms, {"score": standing.score})
    if RANK[standing.bucket] <= RANK["parked"]:
        conn.execute(
            "UPDATE outbox SET state = 'dropped', error = 'withdrawn: judged again, no longer a lead', updated_at_ms = ? "
            "WHERE lead_id = ? AND state = 'pending' AND payload IS NULL",
            (now_ms, lead_id),
        )


def note_in(
    conn: sqlite3.Connection,
    lead_id: int,
    kind: str,
    text: str,
    now_ms: int,
    data: Mapping[str, Any] | None = None,
    *,
    actor: str = "leadd",
) -> int:
    """Add an entry to the lead's timeline; its id."""
    cursor = conn.execute(
        "INSERT INTO activity (lead_id, at_ms, kind, actor, text, data) VALUES (?, ?, ?, ?, ?, ?)",
        (lead_id, now_ms, kind, clean(actor), clean(text), dump(data or {})),
    )
    return cursor.lastrowid or 0
