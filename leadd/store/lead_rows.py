"""How leads are read: the columns of a LeadRow with its company and ICP, and the ways to page through them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from typing import Any

from leadd.store.rows import ActivityRow, LeadRow

SELECT = (
    "SELECT l.id, l.icp_id, i.name AS icp, l.name, l.score, l.bucket, l.status, l.method, l.revision, l.reasons, "
    "l.classification, l.created_at_ms, l.updated_at_ms, l.signal_id, "
    "(SELECT count(*) FROM lead_signal AS ls WHERE ls.lead_id = l.id) AS signal_count, l.company_id, l.person_key, "
    "c.name AS company, c.domain, c.website, coalesce(c.location, s.location) AS location, "
    "(SELECT v.verdict FROM verdict AS v WHERE v.lead_id = l.id AND v.undone_at_ms IS NULL AND v.verdict <> 'snooze' "
    "ORDER BY v.id DESC LIMIT 1) AS verdict, l.snoozed_until_ms "
    "FROM lead AS l JOIN icp AS i ON i.id = l.icp_id LEFT JOIN company AS c ON c.id = l.company_id "
    "LEFT JOIN signal AS s ON s.id = l.signal_id"
)
RESOLVE = (
    "WITH RECURSIVE chain (id, next) AS (SELECT id, merged_into FROM lead WHERE id = ? UNION "
    "SELECT lead.id, merged_into FROM lead JOIN chain ON lead.id = chain.next) SELECT id FROM chain WHERE next IS NULL"
)
"""The id of the lead that this one was merged into, or its own."""

ORDERS: Mapping[str, tuple[str, ...]] = {"score": ("score",), "updated": ("updated_at_ms",), "new": ()}


def lead_of(row: sqlite3.Row) -> LeadRow:
    """A LeadRow from a row of SELECT."""
    values: dict[str, Any] = dict(row)
    values["reasons"] = tuple(json.loads(values["reasons"]))
    values["classification"] = json.loads(values["classification"])
    return LeadRow(**values)


def activity_of(row: sqlite3.Row) -> ActivityRow:
    """An ActivityRow from id, lead_id, at_ms, kind, actor, text, data."""
    return ActivityRow(row[0], row[1], row[2], row[3], row[4], row[5], json.loads(row[6]))


def cursor_of(lead: LeadRow, order: str) -> str:
    """Where a page ends: the values that the order compares, so that rows that come in meanwhile move nothing."""
    return ".".join(str(getattr(lead, column)) for column in (*ORDERS[order], "id"))


def after_clause(after: str | None, order: str) -> tuple[str, list[int]]:
    """The condition that continues behind a cursor. Raises ValueError where the cursor is not one of this order."""
    if order not in ORDERS:
        raise ValueError(f"unknown order {order!r}: one of {', '.join(ORDERS)}")
    if after is None:
        return "", []
    values = [int(part) for part in after.split(".")]
    names = [f"l.{column}" for column in (*ORDERS[order], "id")]
    if len(values) != len(names):
        raise ValueError(f"not a cursor of this list: {after!r}")
    return f" AND ({', '.join(names)}) < ({', '.join('?' * len(names))})", values
