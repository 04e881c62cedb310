"""Points in time as people and programs write them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time
from email.utils import parsedate_to_datetime

_EARLIEST_MS = 315_532_800_000  # 1980: what is older is a zero or a counter, not the day of a posting
_LATEST_MS = 4_102_444_800_000  # 2100
_NUMBER = re.compile(r"^-?\d{1,19}(\.\d{1,9})?$")


def parse_time_ms(value: object) -> int | None:
    """UTC milliseconds of an ISO 8601 text, an RFC 2822 text, or a Unix time in seconds, milliseconds or microseconds.

    A time without a zone counts as UTC. None where the value is none of these, or not between 1980 and 2100.
    """
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, datetime):
        return _within(_to_ms(value))
    if isinstance(value, date):
        return _within(_to_ms(datetime.combine(value, time())))
    if isinstance(value, int | float):
        return _from_number(float(value))
    if not isinstance(value, str) or len(value) > 80:
        return None
    text = value.strip()
    if _NUMBER.match(text):
        return _from_number(float(text))
    return _from_text(text)


def _from_text(text: str) -> int | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            return _within(_to_ms(read(text)))
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
    return None


def _from_number(value: float) -> int | None:
    if not -1e19 < value < 1e19:  # also refuses nan and the infinities
        return None
    for scale in (1000.0, 1.0, 0.001):  # seconds, milliseconds, microseconds: only one of them falls between 1980 and 2100
        if (found := _within(round(value * scale))) is not None:
            return found
    return None


def _to_ms(moment: datetime) -> int:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def _within(value_ms: int) -> int | None:
    return value_ms if _EARLIEST_MS <= value_ms <= _LATEST_MS else None
