"""Recording a classified signal: company, leads, timeline, deliveries, dossier and journal in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass

from leadd.store.bulk import clean, dump, fold, pack
from leadd.store.choosing import add_choices_in
from leadd.store.companies import resolve_in
from leadd.store.errors import NotFound
from leadd.store.judgements import add_judgements_in
from leadd.store.rows import IcpOutcome, LeadChange, LeadRecord, RecordResult, SinkRef
from leadd.store.sketches import add_traces_in
from leadd.store.standing import RANK, note_in, restand_in, sink_in

_SEARCH_CHARS = 4000


@dataclass(frozen=True, slots=True)
class _Found:
    """A lead as it was before this signal."""

    id: int
    bucket: str
    revision: int
    deleted: bool
    search_text: str


def record_in(conn: sqlite3.Connection, rec: LeadRecord, now_ms: int) -> RecordResult:
    """All of the record, or (by an exception) nothing. Raises NotFound where the signal is unknown."""
    row = conn.execute("SELECT title, state FROM signal WHERE id = ?", (rec.signal_id,)).fetchone()
    if row is None:
        raise NotFound(f"there is no signal {rec.signal_id}")
    ref = rec.company
    company_id = (
        None if ref is None else resolve_in(conn, ref.name, ref.name_key, ref.domain, ref.website, ref.location, now_ms)
    )
    changes = []
    for item in rec.per_icp:
        # A key of its own keeps a signal that names nobody from being mixed with other people's signals.
        person_key = None if company_id is not None else clean(rec.person_key or f"signal:{rec.signal_id}")
        _forget_elsewhere(conn, rec.signal_id, item.icp_id, company_id, person_key, now_ms)
        if item.makes_lead:
            changes.append(_raise_in(conn, rec, item, company_id, person_key, row[0], now_ms))
        else:
            _lower_in(conn, rec, item, now_ms)
    add_judgements_in(conn, [judgement for item in rec.per_icp for judgement in item.judgements], now_ms)
    if rec.trace is not None:
        add_traces_in(conn, [(rec.signal_id, rec.trace)], now_ms)
    add_choices_in(conn, [(rec.signal_id, choice) for choice in rec.choices], now_ms)
    conn.execute(
        "UPDATE signal SET state = 'done', outcome = ?, method = ?, company_id = coalesce(?, company_id), hold_reason = NULL, "
        "waiting_for = NULL, lease_owner = NULL, leased_until_ms = NULL WHERE id = ?",
        (rec.outcome, rec.method, company_id, rec.signal_id),
    )
    return RecordResult(tuple(changes), company_id)


def _raise_in(
    conn: sqlite3.Connection,
    rec: LeadRecord,
    item: IcpOutcome,
    company_id: int | None,
    person_key: str | None,
    title: str,
    now_ms: int,
) -> LeadChange:
    """Make the lead or add the signal to it; tell the sinks where it is new or rose into a better bucket."""
    found = _find(conn, item.icp_id, company_id, person_key)
    created = found is None
    lead = found or _insert(conn, rec, item, company_id, person_key, now_ms)
    conn.execute(
        "INSERT INTO lead_signal (lead_id, signal_id, method, score, bucket, reasons, classification, created_at_ms) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT (lead_id, signal_id) DO UPDATE SET method = ?3, score = ?4, "
        "bucket = ?5, reasons = ?6, classification = ?7",
        (lead.id, rec.signal_id, rec.method, item.total, item.bucket, dump(item.reasons), dump(item.classification), now_ms),
    )
    if rec.contacts:
        conn.execute(
            "INSERT INTO contact (lead_id, kind, value, signal_id, created_at_ms) "
            "SELECT ?1, value ->> 0, value ->> 1, ?2, ?3 FROM json_each(?4) WHERE true ON CONFLICT DO NOTHING",
            (lead.id, rec.signal_id, now_ms, pack((c.kind, c.value) for c in rec.contacts)),
        )
    _extend_search(conn, lead, (rec, title))
    standing = restand_in(conn, lead.id, now_ms)
    upgraded = not created and not lead.deleted and RANK[standing.bucket] > RANK[lead.bucket]
    revision = lead.revision + int(upgraded)
    if upgraded:
        conn.execute("UPDATE lead SET revision = ? WHERE id = ?", (revision, lead.id))
    kind = "created" if created else "upgraded" if upgraded else "signal_added"
    data = {"signal_id": rec.signal_id, "score": standing.score, "bucket": standing.bucket, "method": standing.method}
    note_in(conn, lead.id, kind, title, now_ms, data)
    if created or upgraded:
        _announce(conn, lead.id, revision, standing.bucket, item.icp_name, rec.sinks, now_ms)
    if standing.method == "model" and standing.score >= rec.dossier_threshold and not lead.deleted:
        conn.execute(
            "INSERT INTO dossier (lead_id, due_ms, created_at_ms, updated_at_ms) VALUES (?1, ?2, ?2, ?2) "
            "ON CONFLICT DO NOTHING",
            (lead.id, now_ms),
        )
    return LeadChange(lead.id, created, upgraded, standing.score, standing.bucket)


def _lower_in(conn: sqlite3.Connection, rec: LeadRecord, item: IcpOutcome, now_ms: int) -> None:
    """A signal that once made a lead for this ICP and does not any more keeps its place there with its new weight."""
    for (lead_id,) in conn.execute(_LINKED, (rec.signal_id, item.icp_id)).fetchall():
        reasons, classification = dump(item.reasons), dump(item.classification)
        sink_in(conn, lead_id, rec.signal_id, rec.method, item.total, item.bucket, reasons, classification, now_ms)


_LINKED = (
    "SELECT lead_id FROM lead_signal JOIN lead ON lead.id = lead_signal.lead_id WHERE lead_signal.signal_id = ? AND icp_id = ?"
)


def _forget_elsewhere(
    conn: sqlite3.Connection, signal_id: int, icp_id: int, company_id: int | None, person_key: str | None, now_ms: int
) -> None:
    """A signal speaks for one lead per ICP: where its company is only now known, its old lead no longer counts it."""
    elsewhere = conn.execute(
        _LINKED + " AND NOT (company_id IS ? AND person_key IS ?) AND merged_into IS NULL",
        (signal_id, icp_id, company_id, person_key),
    ).fetchall()
    for (lead_id,) in elsewhere:
        sink_in(conn, lead_id, signal_id, "moved", 0, "filtered", "[]", "{}", now_ms)


def _find(conn: sqlite3.Connection, icp_id: int, company_id: int | None, person_key: str | None) -> _Found | None:
    column, value = ("company_id", company_id) if company_id is not None else ("person_key", person_key)
    row = conn.execute(
        "SELECT id, bucket, revision, deleted_at_ms IS NOT NULL, search_text FROM lead "  # noqa: S608 - one of two constants
        f"WHERE icp_id = ? AND {column} = ? AND merged_into IS NULL",
        (icp_id, value),
    ).fetchone()
    return None if row is None else _Found(row[0], row[1], row[2], bool(row[3]), row[4])


def _insert(
    conn: sqlite3.Connection,
    rec: LeadRecord,
    item: IcpOutcome,
    company_id: int | None,
    person_key: str | None,
    now_ms: int,
) -> _Found:
    name = rec.display_name or (rec.company.name if rec.company else None) or rec.person_key or f"signal {rec.signal_id}"
    if company_id is not None and rec.company is not None and name == rec.company.name:
        # This signal's spelling may not be the one that the company's other leads show.
        name = conn.execute("SELECT coalesce(name, ?) FROM company WHERE id = ?", (name, company_id)).fetchone()[0]
    cursor = conn.execute(
        "INSERT INTO lead (icp_id, company_id, person_key, name, score, bucket, method, created_at_ms, updated_at_ms) "
        "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8)",
        (item.icp_id, company_id, person_key, clean(name), item.total, item.bucket, rec.method, now_ms),
    )
    return _Found(cursor.lastrowid or 0, item.bucket, 1, False, "")


def _extend_search(conn: sqlite3.Connection, lead: _Found, sources: tuple[LeadRecord, str]) -> None:
    rec, title = sources
    ref = rec.company
    words = [rec.display_name, title, *((ref.name, ref.domain, ref.location) if ref else ())]
    text = lead.search_text
    for word in words:
        folded = fold(clean(word or ""))
        if folded and folded not in text and len(text) + len(folded) < _SEARCH_CHARS:
            text = f"{text} {folded}".strip()
    if text != lead.search_text:
        conn.execute("UPDATE lead SET search_text = ? WHERE id = ?", (text, lead.id))


def _announce(
    conn: sqlite3.Connection,
    lead_id: int,
    revision: int,
    bucket: str,
    icp_name: str,
    sinks: Sequence[SinkRef],
    now_ms: int,
) -> None:
    """One delivery per sink that wants it; a sink that hears of the lead for the first time is told 'created'."""
    for sink in sinks:
        if RANK[bucket] < RANK[sink.min_bucket] or (sink.icps is not None and icp_name not in sink.icps):
            continue
        conn.execute(
            "INSERT INTO outbox (key, sink, lead_id, revision, event, due_ms, created_at_ms, updated_at_ms) "
            "VALUES (?1, ?2, ?3, ?4, iif(EXISTS (SELECT 1 FROM outbox WHERE lead_id = ?3 AND sink = ?2 "
            "AND state <> 'dropped'), 'lead.upgraded', 'lead.created'), ?5, ?5, ?5) ON CONFLICT DO NOTHING",
            (f"lead-{lead_id}-{revision}-{sink.name}", sink.name, lead_id, revision, now_ms),
        )
