"""Signals: taken in once, leased to whoever judges them, finished or held. Nothing accepted ever leaves the table."""

from __future__ import annotations

import builtins
import sqlite3
from collections.abc import Sequence

from leadd.api.clock import Clock
from leadd.api.signals import Problem
from leadd.store import signal_queue as queue
from leadd.store.bulk import clean, dump, fetch, pack, pack_ids
from leadd.store.choosing import add_choices_in
from leadd.store.database import Database
from leadd.store.errors import NotFound
from leadd.store.joint import Joint
from leadd.store.judgements import add_judgements_in
from leadd.store.rows import (
    OUTCOMES,
    SIGNAL_STATES,
    AddResult,
    Counts,
    Finish,
    NewJudgement,
    NewSignal,
    Page,
    ProblemRow,
    SignalRow,
)
from leadd.store.signal_rows import READ_COLUMNS, fetch_in, insert_in, signal_of
from leadd.store.sketches import add_traces_in
from leadd.store.standing import sink_signals_in

LEASE_MS = 900_000
_PROBLEMS_KEPT = 500


class SignalRepo:
    """Stores signals and hands them out for judging."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._finishing = Joint[Finish](db, lambda conn, items: _finish_in(conn, items, clock.now_ms()))

    async def add_many(
        self, source: str, signals: Sequence[NewSignal], *, cursor: str | None = None, problems: Sequence[Problem] = ()
    ) -> AddResult:
        """Store new signals, the source's position and its problems in one transaction; repeats are counted, not stored.

        `cursor` None leaves the stored position as it is. Raises StoreUnavailable: then nothing of it is stored.
        """
        now_ms = self._clock.now_ms()

        def add(conn: sqlite3.Connection) -> AddResult:
            result = _add_in(conn, source, signals, now_ms)
            if cursor is not None:
                conn.execute(
                    "INSERT INTO source_cursor (source, cursor, updated_at_ms) VALUES (?1, ?2, ?3) "
                    "ON CONFLICT (source) DO UPDATE SET cursor = ?2, updated_at_ms = ?3",
                    (source, clean(cursor), now_ms),
                )
            if problems:
                _add_problems_in(conn, source, problems, now_ms)
            return result

        return await self._db.write(add)

    async def add_leased(self, owner: str, signal: NewSignal, *, lease_ms: int = LEASE_MS) -> tuple[SignalRow, bool]:
        """Store one signal and lease it at once. Where its dedupe key is there already: that row as it is, and True."""
        now_ms = self._clock.now_ms()

        def add(conn: sqlite3.Connection) -> tuple[SignalRow, bool]:
            result = _add_in(conn, signal.source, [signal], now_ms)
            new_id, old_id = result.ids[0], result.existing[0]
            if new_id is not None:
                queue.mark_leased_in(conn, owner, [new_id], now_ms + lease_ms)
            return fetch_in(conn, [new_id or old_id or 0])[0], new_id is None

        return await self._db.write(add)

    async def take(self, owner: str, signal_id: int, *, lease_ms: int = LEASE_MS) -> SignalRow | None:
        """Lease one signal that is new or held, whatever its due time; None where it is leased, done or unknown."""
        now_ms = self._clock.now_ms()

        def take(conn: sqlite3.Connection) -> SignalRow | None:
            free = conn.execute("SELECT 1 FROM signal WHERE id = ? AND state IN ('new', 'held')", (signal_id,)).fetchone()
            if free is None:
                return None
            queue.mark_leased_in(conn, owner, [signal_id], now_ms + lease_ms)
            return fetch_in(conn, [signal_id])[0]

        return await self._db.write(take)

    async def lease(
        self, owner: str, *, limit: int, lease_ms: int, exclude_waiting_for_model: bool = False
    ) -> builtins.list[SignalRow]:
        """Up to `limit` due signals, now leased to `owner`: those a person asked for first, then by due time and id.

        Leases of other owners that ran out count as free again. Of signals that were leased in two crashes one at a time is
        given out, so that a third crash convicts that one and not its neighbours.
        """
        now_ms = self._clock.now_ms()
        waiting = not exclude_waiting_for_model
        return await self._db.write(
            lambda conn: queue.lease_in(conn, owner, limit=limit, now_ms=now_ms, lease_ms=lease_ms, waiting=waiting)
        )

    async def next_due(self, *, exclude_waiting_for_model: bool = False) -> int | None:
        """The earliest time at which `lease` has something to give; None where nothing waits."""
        row = await self._db.fetch_one(queue.NEXT_DUE, (0, 0, int(not exclude_waiting_for_model)))
        return None if row is None else row[0]

    async def release(
        self,
        ids: Sequence[int],
        *,
        due_ms: int | None = None,
        waiting_for: str | None = None,
        charge: bool = False,
    ) -> None:
        """Give leased signals back, due at `due_ms` (None: as before). `charge` counts an attempt against them.

        `waiting_for='model'` marks those that passed the prefilter and can do nothing without a model.
        """
        await self._db.write(
            lambda conn: conn.execute(queue.RELEASE, (due_ms, waiting_for, int(charge), pack_ids(ids))).rowcount
        )

    async def release_stale(self, owner: str) -> int:
        """At boot: free every lease of other owners, count a crash for each, hold those at the third. The number freed."""
        return await self._db.write(lambda conn: conn.execute(queue.RELEASE_STALE, (owner,)).rowcount)

    async def finish_filtered(self, items: Sequence[Finish]) -> None:
        """Journal and finish signals that make no lead, in one transaction. Raises NotFound for an unknown id."""
        if items:
            await self._finishing.write(items)

    async def hold(self, signal_id: int, reason: str, *, judgements: Sequence[NewJudgement] = ()) -> None:
        """Put a signal aside where the user sees it, with the reason. Raises NotFound."""
        now_ms = self._clock.now_ms()

        def hold(conn: sqlite3.Connection) -> None:
            add_judgements_in(conn, judgements, now_ms)
            if not conn.execute(queue.HOLD, (clean(reason), signal_id)).rowcount:
                raise NotFound(f"there is no signal {signal_id}")

        await self._db.write(hold)

    async def unhold(self, ids: Sequence[int] | None = None) -> int:
        """Held signals (these, or all) are new again, with a clean slate of attempts and crashes. How many."""
        now_ms = self._clock.now_ms()
        packed = None if ids is None else pack_ids(ids)
        return await self._db.write(lambda conn: conn.execute(queue.UNHOLD, (now_ms, packed)).rowcount)

    async def reopen(self, *, method: str | None = None, outcome: str | None = None, ids: Sequence[int] | None = None) -> int:
        """Done and held signals (all conditions given must hold) are new again, to be judged afresh. How many.

        Their judgements stay in the journal, marked as superseded. Their leads stay until the new judgement is in.
        """
        now_ms = self._clock.now_ms()
        packed = None if ids is None else pack_ids(ids)

        def reopen(conn: sqlite3.Connection) -> int:
            chosen = fetch(conn, queue.REOPENABLE, (method, outcome, packed))
            conn.execute(queue.SUPERSEDE, (pack_ids(chosen),))
            return conn.execute(queue.REOPEN, (now_ms, pack_ids(chosen))).rowcount

        return await self._db.write(reopen)

    async def get(self, signal_id: int) -> SignalRow | None:
        """One signal, or None."""
        rows = await self._db.fetch(f"SELECT {READ_COLUMNS} FROM signal WHERE id = ?", (signal_id,))  # noqa: S608
        return signal_of(rows[0]) if rows else None

    async def get_many(self, ids: Sequence[int]) -> builtins.list[SignalRow]:
        """The signals of these ids, those that there are, by id."""
        rows = await self._db.fetch(
            f"SELECT {READ_COLUMNS} FROM signal WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",  # noqa: S608
            (pack_ids(ids),),
        )
        return [signal_of(row) for row in rows]

    async def list(
        self,
        *,
        outcome: str | None = None,
        state: str | None = None,
        source: str | None = None,
        limit: int = 50,
        after: str | None = None,
    ) -> Page[SignalRow]:
        """Signals, newest first. Raises ValueError for an unknown state, outcome or cursor."""
        if (state or "new") not in SIGNAL_STATES or (outcome or "held") not in OUTCOMES:
            raise ValueError(f"unknown state or outcome: {state or outcome}")
        if outcome is not None and state is None:
            state = "held" if outcome == "held" else "done"
        conditions = {"state": state, "outcome": outcome, "source": source}
        where = "".join(f" AND {column} = ?" for column, value in conditions.items() if value is not None)
        values = [value for value in conditions.values() if value is not None]
        rows = await self._db.fetch(
            f"SELECT {READ_COLUMNS} FROM signal WHERE id IN "  # noqa: S608 - names of our own columns
            f"(SELECT id FROM signal WHERE id < ?{where} ORDER BY id DESC LIMIT ?) ORDER BY id DESC",
            (2**62 if after is None else int(after), *values, limit + 1),
        )
        items = tuple(signal_of(row) for row in rows[:limit])
        return Page(items, str(items[-1].id) if len(rows) > limit else None)

    async def find_by_content(self, content_hash: str, before_id: int) -> SignalRow | None:
        """An earlier signal with the same text, one that is done where there is one; for twins."""
        return (await self.find_twins([(content_hash, before_id)]))[0]

    async def find_twins(self, keys: Sequence[tuple[str, int]]) -> builtins.list[SignalRow | None]:
        """`find_by_content` for many pairs of (content hash, id) at once, in their order."""
        ids = await self._db.fetch(
            "SELECT (SELECT id FROM signal WHERE content_hash = value ->> 0 AND id < value ->> 1 "
            "ORDER BY state = 'done' DESC, id LIMIT 1) FROM json_each(?) ORDER BY key",
            (pack(keys),),
        )
        wanted = pack_ids({row[0] for row in ids if row[0] is not None})
        rows = await self._db.fetch(
            f"SELECT {READ_COLUMNS} FROM signal WHERE id IN (SELECT value FROM json_each(?))",  # noqa: S608
            (wanted,),
        )
        found = {row["id"]: signal_of(row) for row in rows}
        return [found.get(row[0]) for row in ids]

    async def with_earlier(self, keys: Sequence[tuple[str, int]]) -> frozenset[int]:
        """Of many (content hash, id), the ids that have any earlier signal with the same text. The others can have no twin."""
        rows = await self._db.fetch(
            "SELECT value ->> 1 FROM json_each(?) AS pair WHERE EXISTS "
            "(SELECT 1 FROM signal WHERE content_hash = pair.value ->> 0 AND id < pair.value ->> 1)",
            (pack(keys),),
        )
        return frozenset(row[0] for row in rows)

    async def counts(self) -> Counts:
        """Signals by state, outcome and source; every state and outcome is there, at 0 where there is none."""
        async with self._db.reader() as conn:
            standing = await conn.execute_fetchall("SELECT state, outcome, count(*) FROM signal GROUP BY state, outcome")
            sources = await conn.execute_fetchall("SELECT source, count(*) FROM signal GROUP BY source ORDER BY source")
            waiting = list(await conn.execute_fetchall(queue.STANDING))
        by_state, by_outcome = dict.fromkeys(SIGNAL_STATES, 0), dict.fromkeys(OUTCOMES, 0)
        for state, outcome, number in standing:
            by_state[state] += number
            if outcome is not None:
                by_outcome[outcome] += number
        return Counts(by_state, by_outcome, {row[0]: row[1] for row in sources}, waiting[0][0], waiting[0][1])

    async def cursor(self, source: str) -> str | None:
        """The position stored last for a source."""
        row = await self._db.fetch_one("SELECT cursor FROM source_cursor WHERE source = ?", (source,))
        return None if row is None else row[0]

    async def problems(self, source: str | None = None, limit: int = 50) -> builtins.list[ProblemRow]:
        """Items that a source (or any) could not read, the latest first."""
        rows = await self._db.fetch(
            "SELECT id, source, place, reason, hint, count, first_at_ms, last_at_ms FROM source_problem "
            "WHERE ?1 IS NULL OR source = ?1 ORDER BY last_at_ms DESC, id DESC LIMIT ?2",
            (source, limit),
        )
        return [ProblemRow(*row) for row in rows]


def _add_in(conn: sqlite3.Connection, source: str, signals: Sequence[NewSignal], now_ms: int) -> AddResult:
    """Look up, insert what is new, look up again: exact ids for new rows and for repeats, also within the batch."""
    keys = [clean(signal.dedupe_key) for signal in signals]
    known = _ids_of(conn, source, keys)
    fresh = {key: signal for key, signal in zip(reversed(keys), reversed(signals), strict=True) if key not in known}
    if fresh:
        insert_in(conn, source, [fresh[key] for key in dict.fromkeys(keys) if key in fresh], now_ms)
    made = _ids_of(conn, source, list(fresh)) if fresh else {}
    ids: builtins.list[int | None] = []
    existing: builtins.list[int | None] = []
    for key in keys:
        new_id = None if key in known else made[key]
        ids.append(new_id)
        existing.append(known.get(key))
        known.setdefault(key, made.get(key, 0))
    return AddResult(tuple(ids), sum(i is None for i in ids), tuple(existing))


def _finish_in(conn: sqlite3.Connection, items: Sequence[Finish], now_ms: int) -> None:
    add_judgements_in(conn, [j for item in items for j in item.judgements], now_ms)
    done = conn.execute(queue.FINISH, (pack((i.signal_id, i.outcome, i.method) for i in items),)).rowcount
    if done != len({i.signal_id for i in items}):
        raise NotFound("a signal to be finished is not there")
    add_traces_in(conn, [(item.signal_id, item.trace) for item in items if item.trace is not None], now_ms)
    add_choices_in(conn, [(item.signal_id, choice) for item in items for choice in item.choices], now_ms)
    sink_signals_in(conn, {i.signal_id: i.method for i in items}, now_ms)


def _ids_of(conn: sqlite3.Connection, source: str, keys: Sequence[str]) -> dict[str, int]:
    pairs = fetch(
        conn,
        "SELECT json_group_array(json_array(dedupe_key, id)) FROM signal "
        "WHERE source = ? AND dedupe_key IN (SELECT value FROM json_each(?))",
        (source, dump(list(keys))),
    )
    return {key: row_id for key, row_id in pairs}


def _add_problems_in(conn: sqlite3.Connection, source: str, problems: Sequence[Problem], now_ms: int) -> None:
    """Equal problems share a row, and a source that fails for weeks keeps the latest of them only."""
    conn.execute(
        "INSERT INTO source_problem (source, place, reason, hint, first_at_ms, last_at_ms) "
        "SELECT ?1, value ->> 0, value ->> 1, value ->> 2, ?2, ?2 FROM json_each(?3) WHERE true "
        "ON CONFLICT (source, place, reason) DO UPDATE SET count = count + 1, last_at_ms = ?2, hint = excluded.hint",
        (source, now_ms, pack((p.place, p.reason, p.hint) for p in problems)),
    )
    conn.execute(
        "DELETE FROM source_problem WHERE source = ?1 AND id NOT IN "
        "(SELECT id FROM source_problem WHERE source = ?1 ORDER BY last_at_ms DESC, id DESC LIMIT ?2)",
        (source, _PROBLEMS_KEPT),
    )
