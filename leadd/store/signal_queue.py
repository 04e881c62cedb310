"""The queue of signals in SQL: who may have which row, and how rows come back. Used inside writes."""

from __future__ import annotations

import sqlite3

from leadd.store.bulk import fetch, pack_ids
from leadd.store.rows import SignalRow
from leadd.store.signal_rows import fetch_in

CRASH_LIMIT = 3
CRASH_REASON = f"crashed the worker {CRASH_LIMIT} times"

# Partial indices are named outright: the planner, which knows no figures, would rather walk all rows of a state.
_FREE_EXPIRED = (
    "UPDATE signal INDEXED BY signal_leased SET state = 'new', lease_owner = NULL, leased_until_ms = NULL "
    "WHERE state = 'leased' AND leased_until_ms <= ? AND lease_owner IS NOT ?"
)
# Never the caller's own: after a night of sleep its leases are long over by the wall clock, and its readers still at work.
_READY = "signal INDEXED BY signal_ready WHERE state = 'new' AND waiting_for IS NULL AND crashes < 2"
_WAITING = "signal INDEXED BY signal_waiting WHERE state = 'new' AND waiting_for IS NOT NULL AND crashes < 2"
_SUSPECT = (
    "signal INDEXED BY signal_suspect WHERE state = 'new' AND crashes >= 2 AND (waiting_for IS NULL OR ?3) "
    "AND NOT EXISTS (SELECT 1 FROM signal INDEXED BY signal_leased WHERE state = 'leased' AND crashes >= 2)"
)
_CHOOSE = "SELECT json_group_array(id) FROM (SELECT id FROM ({}) ORDER BY asked DESC, due_ms, id LIMIT ?2)"


def _due(table: str, limit: str = "?2") -> str:
    """The first due rows of a stretch of a partial index, in the index's own order: rows not yet due are never walked."""
    return (
        f"SELECT * FROM (SELECT id, asked_by_person AS asked, due_ms FROM {table} AND due_ms <= ?1 "  # noqa: S608
        f"ORDER BY due_ms, id LIMIT {limit})"
    )


def _by_asker(table: str) -> list[str]:
    return [_due(f"{table} AND asked_by_person = {asked}") for asked in (1, 0)]


_CHOOSE_READY = _CHOOSE.format(" UNION ALL ".join([*_by_asker(_READY), _due(_SUSPECT, "1")]))
_CHOOSE_ANY = _CHOOSE.format(" UNION ALL ".join([*_by_asker(_READY), *_by_asker(_WAITING), _due(_SUSPECT, "1")]))
NEXT_DUE = (
    f"SELECT min(at_ms) FROM (SELECT min(due_ms) AS at_ms FROM {_READY} AND asked_by_person = 1 "  # noqa: S608
    f"UNION ALL SELECT min(due_ms) FROM {_READY} AND asked_by_person = 0 "
    f"UNION ALL SELECT min(due_ms) FROM {_WAITING} AND asked_by_person = 1 AND ?3 "
    f"UNION ALL SELECT min(due_ms) FROM {_WAITING} AND asked_by_person = 0 AND ?3 "
    f"UNION ALL SELECT min(due_ms) FROM {_SUSPECT})"
)
RELEASE = (
    "UPDATE signal SET state = 'new', lease_owner = NULL, leased_until_ms = NULL, due_ms = coalesce(?1, due_ms), "
    "waiting_for = ?2, attempts = attempts + ?3 WHERE state = 'leased' AND id IN (SELECT value FROM json_each(?4))"
)
_SAME_BOOT = "(substr(lease_owner, 1, instr(lease_owner, '/')) = substr(?1, 1, instr(?1, '/')))"
RELEASE_STALE = (
    "UPDATE signal SET lease_owner = NULL, leased_until_ms = NULL, "  # noqa: S608 - our constants
    f"crashes = crashes + {_SAME_BOOT}, state = iif(crashes + {_SAME_BOOT} >= {CRASH_LIMIT}, 'held', 'new'), "
    f"outcome = iif(crashes + {_SAME_BOOT} >= {CRASH_LIMIT}, 'held', NULL), "
    f"hold_reason = iif(crashes + {_SAME_BOOT} >= {CRASH_LIMIT}, '{CRASH_REASON}', NULL) "
    "WHERE state = 'leased' AND lease_owner IS NOT ?1"
)
"""Owners are named `boot/run`. Where the machine itself was started anew, the power went or it was shut down: no row of
that time is to blame, and no crash is counted."""
FINISH = (
    "UPDATE signal SET state = 'done', outcome = item.outcome, method = item.method, hold_reason = NULL, "
    "waiting_for = NULL, lease_owner = NULL, leased_until_ms = NULL FROM "
    "(SELECT value ->> 0 AS id, value ->> 1 AS outcome, value ->> 2 AS method FROM json_each(?)) AS item "
    "WHERE signal.id = item.id"
)
HOLD = (
    "UPDATE signal SET state = 'held', outcome = 'held', hold_reason = ?1, waiting_for = NULL, lease_owner = NULL, "
    "leased_until_ms = NULL WHERE id = ?2"
)
UNHOLD = (
    "UPDATE signal SET state = 'new', outcome = NULL, hold_reason = NULL, waiting_for = NULL, attempts = 0, crashes = 0, "
    "due_ms = ?1 WHERE state = 'held' AND (?2 IS NULL OR id IN (SELECT value FROM json_each(?2)))"
)
REOPENABLE = (
    "SELECT json_group_array(id) FROM signal WHERE state IN ('done', 'held') AND (?1 IS NULL OR method = ?1) "
    "AND (?2 IS NULL OR outcome = ?2) AND (?3 IS NULL OR id IN (SELECT value FROM json_each(?3)))"
)
SUPERSEDE = "UPDATE judgement SET superseded = 1 WHERE superseded = 0 AND signal_id IN (SELECT value FROM json_each(?))"
REOPEN = (
    "UPDATE signal SET state = 'new', outcome = NULL, method = NULL, hold_reason = NULL, waiting_for = NULL, attempts = 0, "
    "crashes = 0, due_ms = ?1 WHERE id IN (SELECT value FROM json_each(?2))"
)
REOPEN_ASKED = (
    "UPDATE signal SET state = 'new', outcome = NULL, method = NULL, hold_reason = NULL, waiting_for = NULL, attempts = 0, "
    "crashes = 0, due_ms = ?1, asked_by_person = 1 WHERE id = ?2 AND state IN ('done', 'held', 'new')"
)
"""As REOPEN, for one signal that a person wants looked at: it goes ahead of all others."""
STANDING = (
    "SELECT (SELECT count(*) FROM signal INDEXED BY signal_waiting "  # noqa: S608 - our own constants
    "WHERE state = 'new' AND waiting_for IS NOT NULL AND crashes < 2), "
    f"(SELECT min(due_ms) FROM (SELECT min(due_ms) AS due_ms FROM {_READY} UNION ALL "
    f"SELECT min(due_ms) FROM {_WAITING} UNION ALL "
    "SELECT min(due_ms) FROM signal INDEXED BY signal_suspect WHERE state = 'new' AND crashes >= 2))"
)
"""How many wait for a model, and the oldest due time."""


def mark_leased_in(conn: sqlite3.Connection, owner: str, ids: list[int], until_ms: int) -> None:
    """Lease these rows to `owner`."""
    conn.execute(
        "UPDATE signal SET state = 'leased', lease_owner = ?, leased_until_ms = ?, outcome = NULL, hold_reason = NULL "
        "WHERE id IN (SELECT value FROM json_each(?))",
        (owner, until_ms, pack_ids(ids)),
    )


def lease_in(conn: sqlite3.Connection, owner: str, *, limit: int, now_ms: int, lease_ms: int, waiting: bool) -> list[SignalRow]:
    """Choose, mark and read up to `limit` due rows."""
    conn.execute(_FREE_EXPIRED, (now_ms, owner))
    parameters = (now_ms, limit, int(waiting))
    ids = fetch(conn, _CHOOSE_ANY if waiting else _CHOOSE_READY, parameters)
    if not ids:
        return []
    mark_leased_in(conn, owner, ids, now_ms + lease_ms)
    return fetch_in(conn, ids)
