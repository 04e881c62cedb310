"""From rows to drafts: which column fills which field, as the user named it or as usual names suggest."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from leadd.api import SignalDraft
from leadd.builtin.folder.dates import parse_time_ms

USUAL_NAMES: Mapping[str, tuple[str, ...]] = {
    "text": (
        "text", "signal_text", "body", "description", "job_description", "content", "full_text", "message", "post", "selftext",
        "comment", "details", "summary", "beschreibung", "texte", "texto",
    ),
    "title": ("title", "job_title", "headline", "subject", "position", "titel", "titre", "titulo"),
    "external_id": ("external_id", "id", "guid", "uuid", "job_id", "post_id", "_id", "key"),
    "url": ("url", "link", "source_url", "job_url", "apply_url", "permalink", "href"),
    "company": ("company", "company_name", "organization", "organisation", "employer", "account", "firma", "unternehmen"),
    "company_website": ("company_website", "website", "company_url", "homepage", "domain", "company_domain"),
    "location": ("location", "job_location", "city", "place", "region", "ort", "standort"),
    "author": ("author", "user", "username", "poster", "posted_by", "from"),
    "posted_at": (
        "posted_at", "posted", "date_posted", "published_at", "published", "publication_date", "pub_date", "created_at",
        "created_utc", "created", "date", "timestamp", "time", "datum",
    ),
    "source_type": ("source_type",),
}  # fmt: skip
"""Names that mean a field in files found in the wild, best first; compared without case, blanks and punctuation."""

MAX_ID_CHARS = 500


class BadRow(Exception):
    """A row that gives no signal: what is wrong, and the way out."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


@dataclass(frozen=True, slots=True)
class ColumnMap:
    """Field to column for one file. `guessed` are the fields that no setting named."""

    columns: Mapping[str, str]
    guessed: frozenset[str] = field(default_factory=frozenset)

    def describe_guess(self) -> str:
        """The guesses that are more than equal names, in words; empty where there are none."""
        told = [f"{name} from '{self.columns[name]}'" for name in sorted(self.guessed) if self.columns[name] != name]
        return ", ".join(told)


def fold(name: str) -> str:
    """A column name without case, blanks and punctuation: 'Job Title' and 'job-title' are one."""
    return re.sub(r"[\W_]+", "_", name.strip().lower()).strip("_") or name


def map_columns(available: Iterable[str], named: Mapping[str, str], *, guess: bool) -> ColumnMap:
    """Named columns first, then guesses among `available`; a column serves one field only."""
    names = list(available)
    by_fold = {fold(name): name for name in reversed(names)}
    columns = dict(named)
    taken = set(named.values())
    guessed = set()
    if guess:
        for field_name, usual in USUAL_NAMES.items():
            if field_name in columns:
                continue
            found = next((by_fold[fold(u)] for u in usual if fold(u) in by_fold and by_fold[fold(u)] not in taken), None)
            if found is not None:
                columns[field_name] = found
                taken.add(found)
                guessed.add(field_name)
    return ColumnMap(columns, frozenset(guessed))


def nearest_name(wanted: str, available: Iterable[str]) -> str | None:
    """The available column whose name is most like the wanted one."""
    by_fold = {fold(name): name for name in available}
    close = difflib.get_close_matches(fold(wanted), list(by_fold), n=1, cutoff=0.5)
    return by_fold[close[0]] if close else None


def explain_missing(columns: ColumnMap, available: Iterable[str]) -> BadRow | None:
    """Why a file with these columns can give no text, or None where it can."""
    names = list(available)
    wanted = columns.columns.get("text")
    if wanted is not None and (wanted in names or any(wanted.startswith(f"{name}.") for name in names)):
        return None
    listed = ", ".join(f"'{name[:40]}'" for name in names[:12]) or "none"
    if wanted is None:
        return BadRow("no column looks like the text", f"name one in columns.text; there are: {listed}")
    near = nearest_name(wanted, names)
    hint = f"the nearest is '{near}'" if near else f"there are: {listed}"
    return BadRow(f"there is no column '{wanted[:80]}'", f"{hint}; mend columns.text")


def find_value(row: Mapping[str, Any], column: str) -> Any:
    """The value under a key, or at the end of a dotted path through objects and lists; None where there is none."""
    if column in row:
        return row[column]
    value: Any = row
    for step in column.split("."):
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
            value = value[int(step)]
        else:
            return None
    return value


def make_draft(row: Mapping[str, Any], columns: ColumnMap, *, source_type: str, cursor: str) -> tuple[SignalDraft, str]:
    """The draft of one row, and a remark where a date could not be read. Raises BadRow where there is no text."""
    values = {name: _as_text(find_value(row, column)) for name, column in columns.columns.items() if name != "posted_at"}
    text = values.get("text") or ""
    if not text.strip() and columns.columns.get("text") in row:
        text = values.get("title") or ""  # a headline alone is a signal too
    if not text.strip():
        raise explain_missing(columns, row) or BadRow(f"the text is empty (column '{columns.columns['text']}')")
    posted = find_value(row, columns.columns["posted_at"]) if "posted_at" in columns.columns else None
    posted_ms = parse_time_ms(posted)
    remark = f"the date '{str(posted)[:40]}' is not understood" if posted not in (None, "") and posted_ms is None else ""
    external_id = (values.get("external_id") or "").strip()
    return (
        SignalDraft(
            text=text,
            title=values.get("title") or "",
            external_id=external_id[:MAX_ID_CHARS] or None,
            url=values.get("url"),
            company=values.get("company"),
            company_website=values.get("company_website"),
            location=values.get("location"),
            author=values.get("author"),
            posted_at_ms=posted_ms,
            source_type=values.get("source_type") or source_type,
            cursor=cursor,
        ),
        remark,
    )


def _as_text(value: Any) -> str | None:
    """A cell as text: lists of plain values are joined, objects (which need a dotted path) give None."""
    if value is None or isinstance(value, bool | Mapping):
        return None
    if isinstance(value, str):
        # JSON may escape half a character (`\ud83d`), which no database takes.
        return value if value.isascii() else value.encode("utf-8", "replace").decode()
    if isinstance(value, list):
        parts = [text for item in value[:100] if (text := _as_text(item))]
        return ", ".join(parts) or None
    return json.dumps(value)
