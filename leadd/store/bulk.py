"""Many rows in one call of SQLite: rows travel as one JSON text each way.

The sqlite3 module gives up the interpreter's lock at every step of a statement and must win it back from busy threads, up
to 5 ms each time. `executemany` and row-wise fetching do that once per row; one JSON text does it once per batch.
"""

from __future__ import annotations

import json
import sqlite3
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any


def clean(text: str) -> str:
    """The text as SQLite can keep it: lone surrogates and NUL become replacement signs."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


def dump(value: Any) -> str:
    """JSON text of a plain value; never fails on what a plugin may have put into it."""
    try:
        text = _json(value)
        text.encode("utf-8")
    except (ValueError, TypeError):  # NaN, a lone surrogate, or no JSON value at all
        return _json(_plain(value))
    # SQLite's JSON functions end a string at its first NUL.
    return _json(_plain(value)) if "\\u0000" in text else text


def pack(rows: Iterable[Sequence[Any]]) -> str:
    """Rows as one JSON array of arrays, for `json_each`."""
    return dump([tuple(row) for row in rows])


def pack_ids(ids: Iterable[int]) -> str:
    """Ids as one JSON array, for `IN (SELECT value FROM json_each(?))`."""
    return json.dumps(list(ids))


def fetch(conn: sqlite3.Connection, sql: str, parameters: Sequence[Any]) -> list[Any]:
    """The one JSON array that `sql` (a `json_group_array`) answers with."""
    row = conn.execute(sql, parameters).fetchone()
    answer = json.loads(row[0])
    return answer if isinstance(answer, list) else []


def columns(count: int, first: int = 0) -> str:
    """`value ->> 0, value ->> 1, …`: the select list over `json_each` of packed rows."""
    return ", ".join(f"value ->> {place}" for place in range(first, first + count))


def fold(text: str) -> str:
    """The text without case and accents, for searching."""
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _plain(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, Mapping):
        return {clean(str(k)): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple | AbstractSet):
        return [_plain(v) for v in value]
    return clean(str(value))
