"""How a signal stands in its table: columns, and the way from a row to a SignalRow and back."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from leadd.api.signals import Contact
from leadd.store.bulk import columns, dump, fetch, pack, pack_ids
from leadd.store.rows import NewSignal, SignalRow

_READ = (
    "id", "source", "text", "title", "content_hash", "found_at_ms", "external_id", "url", "company", "company_website",
    "location", "author", "posted_at_ms", "source_type", "extra", "asked_by_person", "attempts", "dedupe_key", "contacts",
    "state", "outcome", "hold_reason", "waiting_for", "crashes", "company_id", "method", "due_ms",
)  # fmt: skip
_WRITTEN = (
    "source", "text", "title", "content_hash", "dedupe_key", "external_id", "url", "company", "company_website",
    "location", "author", "posted_at_ms", "source_type", "extra", "asked_by_person", "contacts", "found_at_ms", "due_ms",
)  # fmt: skip
_EXTRA, _ASKED, _CONTACTS = _READ.index("extra"), _READ.index("asked_by_person"), _READ.index("contacts")
_LARGEST = 2**53

READ_COLUMNS = ", ".join(_READ)
_INSERT = f"INSERT INTO signal ({', '.join(_WRITTEN)}) SELECT {columns(len(_WRITTEN))} FROM json_each(?)"  # noqa: S608
_FETCH = (
    f"SELECT json_group_array(json_array({READ_COLUMNS})) "  # noqa: S608 - names of our own columns
    "FROM signal WHERE id IN (SELECT value FROM json_each(?))"
)


def insert_in(conn: sqlite3.Connection, source: str, signals: Sequence[NewSignal], now_ms: int) -> None:
    """Inside a write: store rows whose dedupe keys are new, in one step and in the order given."""
    conn.execute(_INSERT, (pack(_values(source, signal, now_ms) for signal in signals),))


def fetch_in(conn: sqlite3.Connection, ids: Sequence[int]) -> list[SignalRow]:
    """Inside a write: the rows of these ids, in the order given."""
    found = {values[0]: signal_of(values) for values in fetch(conn, _FETCH, (pack_ids(ids),))}
    return [found[signal_id] for signal_id in ids if signal_id in found]


def signal_of(values: Sequence[Any]) -> SignalRow:
    """A SignalRow from the values of READ_COLUMNS."""
    row = list(values)
    row[_EXTRA] = json.loads(row[_EXTRA]) if row[_EXTRA] != "{}" else {}
    row[_ASKED] = bool(row[_ASKED])
    row[_CONTACTS] = tuple(Contact(kind, value) for kind, value in json.loads(row[_CONTACTS]))
    return SignalRow(*row)


def _values(source: str, signal: NewSignal, now_ms: int) -> tuple[Any, ...]:
    posted_at_ms = signal.posted_at_ms
    if posted_at_ms is not None:  # an absurd date of one item must not refuse the whole batch
        posted_at_ms = int(posted_at_ms) if abs(posted_at_ms) < _LARGEST else None
    return (
        source, signal.text, signal.title, signal.content_hash, signal.dedupe_key, signal.external_id, signal.url,
        signal.company, signal.company_website, signal.location, signal.author, posted_at_ms, signal.source_type,
        dump(signal.extra) if signal.extra else "{}", int(signal.asked_by_person),
        dump([(c.kind, c.value) for c in signal.contacts]), now_ms, now_ms,
    )  # fmt: skip
