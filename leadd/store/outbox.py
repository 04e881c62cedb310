"""The outbox: one row per delivery. Its key never changes; its bytes are fixed before the first try."""

from __future__ import annotations

import builtins
import json
import sqlite3
import uuid
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from leadd.api.clock import Clock
from leadd.api.leads import Receipt
from leadd.store.bulk import clean, dump, fetch, pack_ids
from leadd.store.database import Database
from leadd.store.errors import NotFound
from leadd.store.rows import OUTBOX_STATES, OutboxRow, Page
from leadd.store.standing import note_in

_SELECT = (
    "SELECT id, key, sink, lead_id, event, payload, attempts, revision, state, due_ms, error, receipt, created_at_ms, "
    "updated_at_ms FROM outbox"
)
_OPEN = (
    "state = 'pending' AND sink = ?1 AND NOT EXISTS (SELECT 1 FROM outbox AS earlier WHERE earlier.lead_id = o.lead_id "
    "AND earlier.sink = o.sink AND earlier.revision < o.revision AND earlier.state IN ('pending', 'leased'))"
)
_CHOOSE = (
    "SELECT json_group_array(id) FROM (SELECT id FROM outbox AS o INDEXED BY outbox_due "  # noqa: S608 - our constants
    f"WHERE {_OPEN} AND due_ms <= ?2 ORDER BY due_ms, id LIMIT ?3)"
)
_NEXT_DUE = (
    "SELECT due_ms AS at_ms FROM outbox AS o INDEXED BY outbox_due "  # noqa: S608 - our constants
    f"WHERE {_OPEN} ORDER BY due_ms, id LIMIT 1"
)
_FREE = "lease_owner = NULL, leased_until_ms = NULL"
CRASH_LIMIT = 10
"""Deliveries are leased in batches, so most that were there at a crash had no part in it: conviction takes long."""
_CRASHED = f"crashed the worker {CRASH_LIMIT} times"


class OutboxRepo:
    """Hands deliveries to their sinks and keeps what came of them. Nothing that is not final is ever removed."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def add(self, sink: str, event: str, payload: str, *, lead_id: int | None = None) -> OutboxRow:
        """A delivery outside the life of a lead (a test, an export), with a key of its own and fixed bytes."""
        now_ms = self._clock.now_ms()

        def add(conn: sqlite3.Connection) -> OutboxRow:
            cursor = conn.execute(
                "INSERT INTO outbox (key, sink, lead_id, revision, event, payload, due_ms, created_at_ms, updated_at_ms) "
                "VALUES (?1, ?2, ?3, (SELECT ifnull(min(revision), 1) - 1 FROM outbox WHERE lead_id = ?3 AND sink = ?2), "
                "?4, ?5, ?6, ?6, ?6)",
                (uuid.uuid4().hex, sink, lead_id, event, clean(payload), now_ms),
            )
            return _delivery_of(conn.execute(f"{_SELECT} WHERE id = ?", (cursor.lastrowid,)).fetchone())

        return await self._db.write(add)

    async def lease(self, owner: str, sink: str, limit: int, lease_ms: int) -> builtins.list[OutboxRow]:
        """Up to `limit` due deliveries of one sink. A lead's later revision waits for its earlier one."""
        now_ms = self._clock.now_ms()

        def lease(conn: sqlite3.Connection) -> builtins.list[OutboxRow]:
            conn.execute(
                # Never the caller's own: a lease that a night of sleep outlived is still being delivered.
                f"UPDATE outbox SET state = 'pending', {_FREE} "  # noqa: S608
                "WHERE state = 'leased' AND leased_until_ms <= ? AND lease_owner IS NOT ?",
                (now_ms, owner),
            )
            ids = fetch(conn, _CHOOSE, (sink, now_ms, limit))
            if not ids:
                return []
            conn.execute(
                "UPDATE outbox SET state = 'leased', lease_owner = ?, leased_until_ms = ? "
                "WHERE id IN (SELECT value FROM json_each(?))",
                (owner, now_ms + lease_ms, pack_ids(ids)),
            )
            rows = conn.execute(f"{_SELECT} WHERE id IN (SELECT value FROM json_each(?)) ORDER BY due_ms, id", (pack_ids(ids),))  # noqa: S608
            return [_delivery_of(row) for row in rows.fetchall()]

        return await self._db.write(lease)

    async def freeze(self, outbox_id: int, payload_json: str) -> str:
        """Fix the bytes before the first try; the bytes that are fixed, which are the older ones if any. Raises NotFound."""

        def freeze(conn: sqlite3.Connection) -> str:
            row = conn.execute(
                "UPDATE outbox SET payload = coalesce(payload, ?) WHERE id = ? RETURNING payload",
                (clean(payload_json), outbox_id),
            ).fetchone()
            if row is None:
                raise NotFound(f"there is no delivery {outbox_id}")
            payload: str = row[0]
            return payload

        return await self._db.write(freeze)

    async def delivered(self, outbox_id: int, receipt: Receipt) -> None:
        """The sink has it: final. Raises NotFound."""
        now_ms = self._clock.now_ms()

        def delivered(conn: sqlite3.Connection) -> None:
            row = _end_in(conn, outbox_id, "delivered", "", now_ms, receipt=dump(asdict(receipt)))
            if row["lead_id"] is not None:
                _note_on_lead(conn, row, "delivered", receipt.detail or receipt.reference, now_ms)

        await self._db.write(delivered)

    async def retry(self, outbox_id: int, error: str, due_ms: int) -> None:
        """The try failed; the next is due at `due_ms`. Deliveries of a lead deleted meanwhile end here. Raises NotFound."""
        now_ms = self._clock.now_ms()

        def retry(conn: sqlite3.Connection) -> None:
            conn.execute(
                "UPDATE outbox SET due_ms = ? WHERE id = ?",
                (due_ms, outbox_id),
            )
            gone = conn.execute(
                "SELECT 1 FROM outbox JOIN lead ON lead.id = lead_id WHERE outbox.id = ? AND deleted_at_ms IS NOT NULL "
                "AND merged_into IS NULL",
                (outbox_id,),
            ).fetchone()
            _end_in(conn, outbox_id, "pending" if gone is None else "dropped", error, now_ms)

        await self._db.write(retry)

    async def dead(self, outbox_id: int, error: str) -> None:
        """No more tries, until a person revives it. Raises NotFound."""
        now_ms = self._clock.now_ms()

        def dead(conn: sqlite3.Connection) -> None:
            row = _end_in(conn, outbox_id, "dead", error, now_ms)
            if row["lead_id"] is not None:
                _note_on_lead(conn, row, "delivery_failed", error, now_ms)

        await self._db.write(dead)

    async def release(self, ids: Sequence[int]) -> None:
        """Give leased deliveries back untried."""
        await self._db.write(
            lambda conn: (
                conn.execute(
                    f"UPDATE outbox SET state = 'pending', {_FREE} WHERE state = 'leased' "  # noqa: S608 - a constant
                    "AND id IN (SELECT value FROM json_each(?))",
                    (pack_ids(ids),),
                ).rowcount
            )
        )

    async def release_stale(self, owner: str) -> int:
        """At boot: free the leases of other owners; at its tenth crash a delivery is dead. The number freed."""
        now_ms = self._clock.now_ms()
        return await self._db.write(
            lambda conn: (
                conn.execute(
                    f"UPDATE outbox SET state = iif(crashes + 1 >= {CRASH_LIMIT}, 'dead', 'pending'), "  # noqa: S608 - constants
                    f"error = iif(crashes + 1 >= {CRASH_LIMIT}, ?1, error), crashes = crashes + 1, updated_at_ms = ?2, {_FREE} "
                    "WHERE state = 'leased' AND lease_owner IS NOT ?3",
                    (_CRASHED, now_ms, owner),
                ).rowcount
            )
        )

    async def get(self, outbox_id: int) -> OutboxRow | None:
        """One delivery, or None."""
        row = await self._db.fetch_one(f"{_SELECT} WHERE id = ?", (outbox_id,))
        return None if row is None else _delivery_of(row)

    async def list(
        self, *, state: str | None = None, sink: str | None = None, limit: int = 50, after: str | None = None
    ) -> Page[OutboxRow]:
        """Deliveries, newest first. Raises ValueError for an unknown state or cursor."""
        if state is not None and state not in OUTBOX_STATES:
            raise ValueError(f"unknown state {state!r}: one of {', '.join(OUTBOX_STATES)}")
        rows = await self._db.fetch(
            f"{_SELECT} WHERE id < ?1 AND (?2 IS NULL OR state = ?2) AND (?3 IS NULL OR sink = ?3) ORDER BY id DESC LIMIT ?4",
            (2**62 if after is None else int(after), state, sink, limit + 1),
        )
        items = tuple(_delivery_of(row) for row in rows[:limit])
        return Page(items, str(items[-1].id) if len(rows) > limit else None)

    async def revive(self, outbox_id: int) -> None:
        """A dead or dropped delivery is due now, with the same key and bytes and no tries counted. Raises NotFound."""
        await self._by_hand(
            outbox_id, "state = 'pending', attempts = 0, crashes = 0, error = '', due_ms = ?1", ("dead", "dropped", "pending")
        )

    async def drop(self, outbox_id: int) -> None:
        """A delivery that is not wanted any more. Raises NotFound where there is none that is pending or dead."""
        await self._by_hand(outbox_id, "state = 'dropped'", ("pending", "dead", "dropped"))

    async def _by_hand(self, outbox_id: int, change: str, states: tuple[str, ...]) -> None:
        now_ms = self._clock.now_ms()
        allowed = ", ".join(f"'{state}'" for state in states)

        def run(conn: sqlite3.Connection) -> None:
            done = conn.execute(
                f"UPDATE outbox SET {change}, updated_at_ms = ?1 WHERE id = ?2 AND state IN ({allowed})",  # noqa: S608
                (now_ms, outbox_id),
            ).rowcount
            if not done:
                raise NotFound(f"there is no delivery {outbox_id} that is {' or '.join(states)}")

        await self._db.write(run)

    async def counts(self, sink: str | None = None) -> dict[str, int]:
        """Deliveries by state, of one sink or of all; every state is there."""
        totals = dict.fromkeys(OUTBOX_STATES, 0)
        for name, by_state in (await self.counts_by_sink()).items():
            if sink is None or sink == name:
                for state, number in by_state.items():
                    totals[state] += number
        return totals

    async def counts_by_sink(self) -> dict[str, dict[str, int]]:
        """Deliveries by sink and state, for every sink that ever had one."""
        by_sink: dict[str, dict[str, int]] = {}
        for sink, state, number in await self._db.fetch("SELECT sink, state, count(*) FROM outbox GROUP BY sink, state"):
            by_sink.setdefault(sink, dict.fromkeys(OUTBOX_STATES, 0))[state] = number
        return by_sink

    async def next_due(self, sink: str) -> int | None:
        """When `lease` next has something to give for this sink (or a lease runs out); None where nothing waits."""
        row = await self._db.fetch_one(_NEXT_DUE, (sink,))
        return None if row is None else row[0]


def _end_in(
    conn: sqlite3.Connection, outbox_id: int, state: str, error: str, now_ms: int, *, receipt: str | None = None
) -> dict[str, Any]:
    """Close one try: the lease goes, the try is counted. The row's sink, lead and event."""
    row = conn.execute(
        f"UPDATE outbox SET state = ?, error = ?, receipt = ?, attempts = attempts + 1, crashes = 0, {_FREE}, "  # noqa: S608
        "updated_at_ms = ? WHERE id = ? RETURNING sink, lead_id, event",
        (state, clean(error), receipt, now_ms, outbox_id),
    ).fetchone()
    if row is None:
        raise NotFound(f"there is no delivery {outbox_id}")
    return {"sink": row[0], "lead_id": row[1], "event": row[2]}


def _note_on_lead(conn: sqlite3.Connection, row: dict[str, Any], kind: str, text: str, now_ms: int) -> None:
    lead_id = conn.execute("SELECT coalesce(merged_into, id) FROM lead WHERE id = ?", (row["lead_id"],)).fetchone()[0]
    note_in(conn, lead_id, kind, text, now_ms, {"sink": row["sink"], "event": row["event"]})


def _delivery_of(row: Sequence[Any]) -> OutboxRow:
    values = list(row)
    values[11] = None if values[11] is None else json.loads(values[11])
    return OutboxRow(*values)
