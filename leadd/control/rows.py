"""Rows of the ingest routes: a JSON object or a line of cells becomes a draft, or a reason why not."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from leadd.api import SignalDraft
from leadd.control.errors import ApiError
from leadd.control.wire_house import DRAFT_FIELDS

ALIASES = {"signal_text": "text", "company_name": "company", "source_url": "url", "posted_at_ms": "posted_at"}
"""Names of the classify route that are understood here too, so that one file serves both."""

MAX_EXTRA = 50
MAX_EXTRA_CHARS = 2000
SECONDS_END = 100_000_000_000
"""Numbers below this are seconds (until the year 5138), above it milliseconds (from 1973)."""

LAST_MS = 253_402_300_799_999
"""The end of the year 9999; anything later is no time but a mistake, and would not fit a row."""

Columns = Mapping[str, str]
"""Field of a draft → the name that the data has for it."""


class BadRow(ValueError):
    """A row that gives no draft; the message says why."""


def parse_columns(text: str | None) -> dict[str, str]:
    """The map of `columns=text:description,company:employer`. Raises ApiError 422 for a field that does not exist."""
    if not text:
        return {}
    return check_columns(dict(pair.split(":", 1) for pair in text.split(",")))


def check_columns(columns: Columns) -> dict[str, str]:
    """The same map where every field exists. Raises ApiError 422."""
    for field in columns:
        if field not in DRAFT_FIELDS:
            raise ApiError(422, "invalid", f"'{field}' is no field of a signal", f"fields: {', '.join(DRAFT_FIELDS)}")
    return dict(columns)


def draft_of(row: Mapping[str, Any], columns: Columns) -> SignalDraft:
    """The draft of one row. What no field takes is kept in `extra`. Raises BadRow."""
    fields, taken = _fields(row, columns)
    text = _text(fields.pop("text", None), "text")
    if not text.strip():
        where = columns.get("text", "text")
        raise BadRow(f"there is no text in '{where}'")
    posted = fields.pop("posted_at", None)
    plain = {name: _text(value, name).strip() or None for name, value in fields.items()}
    title, source_type = plain.pop("title", None), plain.pop("source_type", None)
    return SignalDraft(
        text=text,
        title=title or "",
        source_type=source_type or "",
        posted_at_ms=_time(posted),
        extra=_extra(row, taken),
        **plain,
    )


def _fields(row: Mapping[str, Any], columns: Columns) -> tuple[dict[str, Any], set[str]]:
    fields: dict[str, Any] = {}
    taken = set(columns.values())
    for field, column in columns.items():
        if row.get(column) is not None:
            fields[field] = row[column]
    for name, value in row.items():
        field = ALIASES.get(name, name)
        if field in DRAFT_FIELDS and field not in columns and name not in taken:
            taken.add(name)
            if value is not None:
                fields.setdefault(field, value)
    return fields, taken


def _text(value: Any, name: str) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return str(value)
    raise BadRow(f"'{name}' is a {type(value).__name__}, not a text")


def _extra(row: Mapping[str, Any], taken: set[str]) -> dict[str, str]:
    extra: dict[str, str] = {}
    for name, value in row.items():
        if name in taken or value is None or value == "" or len(extra) >= MAX_EXTRA:
            continue
        if name == "extra" and isinstance(value, Mapping):
            extra.update({str(k)[:200]: str(v)[:MAX_EXTRA_CHARS] for k, v in list(value.items())[:MAX_EXTRA]})
        else:
            extra[str(name)[:200]] = str(value)[:MAX_EXTRA_CHARS]
    return extra


def _time(value: Any) -> int | None:
    """UTC milliseconds of an ISO 8601 text or of a number (seconds or milliseconds). A time without a zone is UTC."""
    if value is None or value == "":
        return None
    try:
        if isinstance(value, bool):
            raise ValueError
        number = float(value) if isinstance(value, (int, float)) else _number(str(value).strip())
        if number is not None:
            found = int(number * 1000 if abs(number) < SECONDS_END else number)
        else:
            moment = datetime.fromisoformat(str(value).strip())
            found = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
        if abs(found) > LAST_MS:
            raise ValueError
    except (ValueError, OverflowError):
        raise BadRow(f"'{str(value)[:60]}' is no time: ISO 8601 or UTC milliseconds are understood") from None
    return found


def _number(text: str) -> float | None:
    return float(text) if text.removeprefix("-").isdigit() and len(text) >= 9 else None
