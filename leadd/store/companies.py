"""Companies: found again by domain, else by folded name; two rows that prove to be one become one."""

from __future__ import annotations

import builtins
import sqlite3
from collections.abc import Sequence
from typing import Any

from leadd.api.clock import Clock
from leadd.store.bulk import clean, pack
from leadd.store.database import Database
from leadd.store.merging import merge_companies_in, plainer, rename_in
from leadd.store.rows import CompanyRow, Page

_COLUMNS = "id, name, name_key, domain, website, location, created_at_ms, updated_at_ms"


class CompanyRepo:
    """Reads companies; they are made by `resolve_in` while a lead is recorded."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def get(self, company_id: int) -> CompanyRow | None:
        """One company, or the one it was merged into; None where the id is unknown."""
        row = await self._db.fetch_one(
            "WITH RECURSIVE chain (id, next) AS (SELECT id, merged_into FROM company WHERE id = ? UNION "  # noqa: S608
            "SELECT company.id, merged_into FROM company JOIN chain ON company.id = chain.next) "
            f"SELECT {_COLUMNS} FROM company WHERE id = (SELECT id FROM chain WHERE next IS NULL)",
            (company_id,),
        )
        return None if row is None else CompanyRow(*row)

    async def known(self, keys: Sequence[tuple[str | None, str | None]]) -> builtins.list[tuple[str | None, str | None] | None]:
        """Location and size of companies by folded name and domain, in the order of `keys`; None where one was never seen.

        The size is a label of an ICP, as a model read it last. A name stands for the oldest company of that name, as in
        `resolve_in`.
        """
        rows = await self._db.fetch(
            "SELECT pair.key, c.location, (SELECT l.classification ->> 'size_bucket' FROM lead AS l WHERE l.company_id = c.id "
            "AND l.method = 'model' AND coalesce(l.classification ->> 'size_bucket', '') NOT IN ('', 'unknown', 'unclear') "
            "ORDER BY l.updated_at_ms DESC LIMIT 1) FROM json_each(?) AS pair JOIN company AS c ON c.id = coalesce("
            "(SELECT id FROM company WHERE domain = pair.value ->> 1 AND merged_into IS NULL), "
            "(SELECT id FROM company WHERE name_key = pair.value ->> 0 AND merged_into IS NULL "
            "AND (domain IS NULL OR pair.value ->> 1 IS NULL) ORDER BY id LIMIT 1))",
            (pack(keys),),
        )
        found = {row[0]: (row[1], row[2]) for row in rows}
        return [found.get(place) for place in range(len(keys))]

    async def list(self, *, limit: int = 50, after: str | None = None) -> Page[CompanyRow]:
        """Companies, newest first."""
        rows = await self._db.fetch(
            f"SELECT {_COLUMNS} FROM company WHERE id < ? AND merged_into IS NULL ORDER BY id DESC LIMIT ?",  # noqa: S608
            (2**62 if after is None else int(after), limit + 1),
        )
        items = tuple(CompanyRow(*row) for row in rows[:limit])
        return Page(items, str(items[-1].id) if len(rows) > limit else None)


def resolve_in(
    conn: sqlite3.Connection,
    name: str | None,
    name_key: str | None,
    domain: str | None,
    website: str | None,
    location: str | None,
    clock_ms: int,
) -> int | None:
    """Inside a write: the id of the company, made where it is new, filled where it was unknown. None without name and domain.

    A domain names a company for certain. A name finds the company of that name whose domain is unknown or not contradicted;
    two equal names with different domains are two companies. Where a name and a domain show that two rows are one company,
    the rows and their leads are merged.
    """
    name, name_key, domain, website, location = (
        clean(value).strip() or None if value is not None else None for value in (name, name_key, domain, website, location)
    )
    if name_key is None and domain is None:
        return None
    company_id = _by_domain(conn, domain)
    nameless = _by_name_without_domain(conn, name_key) if domain is not None else None
    if company_id is not None and nameless is not None:
        merge_companies_in(conn, kept=company_id, lost=nameless, now_ms=clock_ms)
    company_id = company_id or nameless
    if company_id is None and domain is None:
        company_id = _by_name(conn, name_key)
    if company_id is None:
        return conn.execute(
            "INSERT INTO company (name, name_key, domain, website, location, created_at_ms, updated_at_ms) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (name, name_key, domain, website, location, clock_ms, clock_ms),
        ).lastrowid
    _fill_in(conn, company_id, (name, name_key, domain, website, location), clock_ms)
    return company_id


def _by_domain(conn: sqlite3.Connection, domain: str | None) -> int | None:
    return _id(conn, "SELECT id FROM company WHERE domain = ? AND merged_into IS NULL", (domain,))


def _by_name_without_domain(conn: sqlite3.Connection, name_key: str | None) -> int | None:
    return _id(conn, "SELECT id FROM company WHERE name_key = ? AND domain IS NULL AND merged_into IS NULL", (name_key,))


def _by_name(conn: sqlite3.Connection, name_key: str | None) -> int | None:
    """The oldest of that name: a name alone cannot tell two apart, and the answer must not change from day to day."""
    return _id(conn, "SELECT id FROM company WHERE name_key = ? AND merged_into IS NULL ORDER BY id LIMIT 1", (name_key,))


def _id(conn: sqlite3.Connection, sql: str, parameters: tuple[Any, ...]) -> int | None:
    row = conn.execute(sql, parameters).fetchone()
    return None if row is None else row[0]


def _fill_in(conn: sqlite3.Connection, company_id: int, known: builtins.tuple[str | None, ...], now_ms: int) -> None:
    """What was unknown is known from now on. Of two spellings of one name the plainer is shown, in whatever order they came."""
    name, key, *_ = known
    before = conn.execute("SELECT name, name_key FROM company WHERE id = ?", (company_id,)).fetchone()
    if name is not None and before[0] != name and (before[0] is None or before[1] == key):
        shown = name if before[0] is None else plainer(before[0], name)
        if shown != before[0]:
            rename_in(conn, company_id, shown)
    conn.execute(
        "UPDATE company SET name = coalesce(name, ?1), name_key = coalesce(name_key, ?2), domain = coalesce(domain, ?3), "
        "website = coalesce(website, ?4), location = coalesce(location, ?5), updated_at_ms = ?6 WHERE id = ?7 AND "
        "((name IS NULL AND ?1 IS NOT NULL) OR (name_key IS NULL AND ?2 IS NOT NULL) OR (domain IS NULL AND ?3 IS NOT NULL) "
        "OR (website IS NULL AND ?4 IS NOT NULL) OR (location IS NULL AND ?5 IS NOT NULL))",
        (*known, now_ms, company_id),
    )
