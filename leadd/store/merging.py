"""Making one of two companies, and of their leads, when a signal shows that they are the same. Used inside writes."""

from __future__ import annotations

import sqlite3

from leadd.store.standing import RANK, note_in, restand_in


def plainer(one: str, other: str) -> str:
    """Which of two spellings of one name is shown, whichever was read first.

    The shorter one (mostly that without a legal form), then the one that is not all in capitals, then by the alphabet."""
    return min(one, other, key=lambda name: (len(name), name.isupper(), name))


def rename_in(conn: sqlite3.Connection, company_id: int, name: str) -> None:
    """Inside a write: call a company, and the leads that stand for it, by this name."""
    conn.execute("UPDATE company SET name = ? WHERE id = ?", (name, company_id))
    conn.execute("UPDATE lead SET name = ? WHERE company_id = ? AND merged_into IS NULL", (name, company_id))


def merge_companies_in(conn: sqlite3.Connection, *, kept: int, lost: int, now_ms: int) -> None:
    """`lost` becomes a pointer to `kept`; its signals and leads go over. Leads of one ICP become one lead."""
    names = conn.execute(
        "SELECT a.name, b.name, a.name_key IS b.name_key FROM company AS a, company AS b WHERE a.id = ? AND b.id = ?",
        (kept, lost),
    ).fetchone()
    conn.execute("UPDATE company SET merged_into = ?, updated_at_ms = ? WHERE id = ?", (kept, now_ms, lost))
    conn.execute(
        "UPDATE company SET name = coalesce(company.name, other.name), name_key = coalesce(company.name_key, other.name_key), "
        "website = coalesce(company.website, other.website), location = coalesce(company.location, other.location), "
        "updated_at_ms = ? FROM company AS other WHERE company.id = ? AND other.id = ?",
        (now_ms, kept, lost),
    )
    conn.execute("UPDATE signal SET company_id = ? WHERE company_id = ?", (kept, lost))
    pairs = conn.execute(
        "SELECT a.id, a.deleted_at_ms, b.id, b.deleted_at_ms FROM lead AS a JOIN lead AS b ON a.icp_id = b.icp_id "
        "WHERE a.company_id = ? AND b.company_id = ? AND a.merged_into IS NULL AND b.merged_into IS NULL",
        (kept, lost),
    ).fetchall()
    for id_a, deleted_a, id_b, deleted_b in pairs:
        # A lead that the user deleted does not swallow one that he still sees; else the older number stays.
        first, second = sorted([(deleted_a is not None, id_a), (deleted_b is not None, id_b)])
        _merge_leads_in(conn, kept=first[1], lost=second[1], now_ms=now_ms)
    conn.execute("UPDATE lead SET company_id = ? WHERE company_id = ?", (kept, lost))
    name, other, is_same_key = names
    shown = plainer(name, other) if name and other and is_same_key else name or other
    if shown:
        rename_in(conn, kept, shown)


def _merge_leads_in(conn: sqlite3.Connection, *, kept: int, lost: int, now_ms: int) -> None:
    """Everything people and signals gave to `lost` goes to `kept`."""
    pair = (kept, lost)
    for table in ("lead_signal", "contact"):
        conn.execute(f"UPDATE OR IGNORE {table} SET lead_id = ? WHERE lead_id = ?", pair)  # noqa: S608 - two constants
        conn.execute(f"DELETE FROM {table} WHERE lead_id = ?", (lost,))  # noqa: S608 - equal rows that kept has too
    conn.execute("UPDATE activity SET lead_id = ? WHERE lead_id = ?", pair)
    conn.execute("UPDATE verdict SET lead_id = ? WHERE lead_id = ?", pair)
    conn.execute("UPDATE judgement SET lead_id = ? WHERE lead_id = ?", pair)
    # A finished dossier is worth more than one that is only wanted.
    conn.execute(
        "DELETE FROM dossier WHERE lead_id = ?1 AND state <> 'done' "
        "AND EXISTS (SELECT 1 FROM dossier WHERE lead_id = ?2 AND state = 'done')",
        pair,
    )
    conn.execute("UPDATE OR IGNORE dossier SET lead_id = ? WHERE lead_id = ?", pair)
    conn.execute("DELETE FROM dossier WHERE lead_id = ?", (lost,))
    conn.execute(
        "UPDATE lead SET status = other.status, status_by = other.status_by FROM lead AS other "
        "WHERE lead.id = ? AND other.id = ? AND lead.status_by = 'leadd' AND other.status_by <> 'leadd'",
        pair,
    )
    conn.execute(
        "UPDATE lead SET revision = max(lead.revision, other.revision), "
        "search_text = substr(lead.search_text || ' ' || other.search_text, 1, 4000) "
        "FROM lead AS other WHERE lead.id = ? AND other.id = ?",
        pair,
    )
    conn.execute(
        "UPDATE lead SET merged_into = ?1, deleted_at_ms = coalesce(deleted_at_ms, ?3), updated_at_ms = ?3 WHERE id = ?2",
        (*pair, now_ms),
    )
    conn.execute("UPDATE lead SET merged_into = ? WHERE merged_into = ?", pair)
    _merge_deliveries_in(conn, kept=kept, lost=lost, now_ms=now_ms)
    note_in(conn, kept, "merged", f"lead {lost} was the same company and is now part of this one", now_ms, {"lead_id": lost})


def _merge_deliveries_in(conn: sqlite3.Connection, *, kept: int, lost: int, now_ms: int) -> None:
    """Where `kept` rises by the merger, deliveries of `lost` not yet begun go out for it; else `kept` has had its own."""
    before, deleted = conn.execute("SELECT bucket, deleted_at_ms FROM lead WHERE id = ?", (kept,)).fetchone()
    standing = restand_in(conn, kept, now_ms)
    if RANK[standing.bucket] > RANK[before] and deleted is None:
        conn.execute("UPDATE lead SET revision = revision + 1 WHERE id = ?", (kept,))
        conn.execute(
            "UPDATE OR IGNORE outbox SET lead_id = ?1, revision = (SELECT revision FROM lead WHERE id = ?1), "
            "updated_at_ms = ?3, event = iif(EXISTS (SELECT 1 FROM outbox AS earlier WHERE earlier.lead_id = ?1 "
            "AND earlier.sink = outbox.sink AND earlier.state <> 'dropped'), 'lead.upgraded', 'lead.created') "
            "WHERE lead_id = ?2 AND state = 'pending' AND payload IS NULL",
            (kept, lost, now_ms),
        )
    conn.execute(
        "UPDATE outbox SET state = 'dropped', error = ?, updated_at_ms = ? "
        "WHERE lead_id = ? AND state = 'pending' AND payload IS NULL",
        (f"merged into lead {kept}", now_ms, lost),
    )
