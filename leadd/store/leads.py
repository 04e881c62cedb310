"""Leads: recorded from signals, read by people and sinks, moved on by people."""

from __future__ import annotations

import builtins
import json
import sqlite3
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any, TypeVar

from leadd.api.clock import Clock
from leadd.api.leads import Lead, LeadSignal
from leadd.api.signals import Contact
from leadd.store import lead_rows
from leadd.store.bulk import clean, fold, pack_ids
from leadd.store.database import Database
from leadd.store.errors import NotFound
from leadd.store.judgements import JudgementRepo
from leadd.store.recording import record_in
from leadd.store.rows import BUCKETS, LEAD_STATUSES, ActivityRow, LeadRecord, LeadRow, Page, RecordResult
from leadd.store.signal_rows import READ_COLUMNS, signal_of
from leadd.store.standing import RANK, note_in
from leadd.store.verdicts import judge_lead_in, set_status_in, undo_lead_in

T = TypeVar("T")
SNOOZED = ("show", "hide", "only")


class LeadRepo:
    """Records leads and reads them. An id of a lead that was merged into another leads to that other one."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._judgements = JudgementRepo(db, clock)

    async def record(self, rec: LeadRecord) -> RecordResult:
        """Store everything about a classified signal in one transaction. Raises NotFound for an unknown signal."""
        now_ms = self._clock.now_ms()
        return await self._db.write(lambda conn: record_in(conn, rec, now_ms))

    async def get(self, lead_id: int) -> LeadRow | None:
        """One lead; None where it is unknown or deleted."""
        rows = await self._db.fetch(
            f"{lead_rows.SELECT} WHERE l.id = ({lead_rows.RESOLVE}) AND l.deleted_at_ms IS NULL", (lead_id,)
        )
        return lead_rows.lead_of(rows[0]) if rows else None

    async def get_many(self, ids: Sequence[int]) -> dict[int, LeadRow]:
        """Leads by their own ids; those that are unknown, merged or deleted are not there."""
        rows = await self._db.fetch(
            f"{lead_rows.SELECT} WHERE l.id IN (SELECT value FROM json_each(?)) AND l.merged_into IS NULL "  # noqa: S608
            "AND l.deleted_at_ms IS NULL",
            (pack_ids(ids),),
        )
        return {row["id"]: lead_rows.lead_of(row) for row in rows}

    async def view(self, lead_id: int, *, event: str = "lead.created", revision: int | None = None) -> Lead | None:
        """The lead as sinks receive it, with contacts, signals and dossier; None where it is unknown or deleted."""
        row = await self.get(lead_id)
        if row is None:
            return None
        return (await self._views([row]))[row.id](event, revision)

    async def views(self, wanted: Sequence[tuple[int, str, int]]) -> builtins.list[Lead | None]:
        """`view` for many of (lead id, event, revision) at once, in their order."""
        rows = await self._db.fetch(
            f"{lead_rows.SELECT} WHERE l.id IN (SELECT value FROM json_each(?)) AND l.merged_into IS NULL "  # noqa: S608
            "AND l.deleted_at_ms IS NULL",
            (pack_ids({lead_id for lead_id, _, _ in wanted}),),
        )
        found = await self._views([lead_rows.lead_of(row) for row in rows])
        return [
            found[lead_id](event, revision)
            if lead_id in found
            else await self.view(lead_id, event=event, revision=revision)  # merged into another, or gone
            for lead_id, event, revision in wanted
        ]

    async def _views(self, rows: Sequence[LeadRow]) -> dict[int, Callable[[str, int | None], Lead]]:
        """What makes a Lead of each row, by its id, once event and revision (None: the row's own) are named."""
        ids = (pack_ids(row.id for row in rows),)
        contacts: dict[int, builtins.list[Contact]] = {}
        signals: dict[int, builtins.list[LeadSignal]] = {}
        for lead_id, *contact in await self._db.fetch(
            "SELECT lead_id, kind, value FROM contact WHERE lead_id IN (SELECT value FROM json_each(?)) ORDER BY id", ids
        ):
            contacts.setdefault(lead_id, []).append(Contact(*contact))
        for lead_id, *signal in await self._db.fetch(
            "SELECT ls.lead_id, s.id, s.title, s.source, s.url, ls.score, s.found_at_ms, s.posted_at_ms FROM lead_signal AS ls "
            "JOIN signal AS s ON s.id = ls.signal_id WHERE ls.lead_id IN (SELECT value FROM json_each(?)) "
            "ORDER BY ls.score DESC, s.id",
            ids,
        ):
            signals.setdefault(lead_id, []).append(LeadSignal(*signal))
        dossiers = await self._db.fetch(
            "SELECT lead_id, answer FROM dossier WHERE lead_id IN (SELECT value FROM json_each(?)) AND state = 'done'", ids
        )
        answers = {row[0]: json.loads(row[1]) for row in dossiers}

        def make(row: LeadRow) -> Callable[[str, int | None], Lead]:
            return lambda event, revision: Lead(
                id=row.id, revision=row.revision if revision is None else revision, event=event, icp=row.icp, name=row.name,
                score=row.score, bucket=row.bucket, status=row.status, method=row.method, reasons=row.reasons,
                created_at_ms=row.created_at_ms, updated_at_ms=row.updated_at_ms, company=row.company, domain=row.domain,
                website=row.website, location=row.location, contacts=tuple(contacts.get(row.id, ())),
                signals=tuple(signals.get(row.id, ())), classification=row.classification, dossier=answers.get(row.id),
            )  # fmt: skip

        return {row.id: make(row) for row in rows}

    async def list(
        self,
        *,
        icp: str | None = None,
        bucket_min: str | None = None,
        status: str | None = None,
        query: str | None = None,
        limit: int = 50,
        after: str | None = None,
        order: str = "score",
        snoozed: str = "show",
    ) -> Page[LeadRow]:
        """Leads by `order` (score, updated, new), best or latest first. Raises ValueError for unknown words or cursors.

        `snoozed`: show them among the others, hide them until their time has come, or only them.
        """
        _check(snoozed, SNOOZED, "word on snoozed leads")
        more, values = lead_rows.after_clause(after, order)
        conditions: builtins.list[tuple[str, builtins.list[Any]]] = []
        if icp is not None:
            conditions.append((" AND i.name = ?", [icp]))
        if bucket_min is not None:
            _check(bucket_min, BUCKETS, "bucket")
            wanted = BUCKETS[RANK[bucket_min] :]
            conditions.append((f" AND l.bucket IN ({', '.join('?' * len(wanted))})", builtins.list(wanted)))
        if status is not None:
            conditions.append((" AND l.status = ?", [_check(status, LEAD_STATUSES, "status")]))
        if snoozed != "show":
            sign = "<=" if snoozed == "hide" else ">"
            conditions.append((f" AND coalesce(l.snoozed_until_ms, 0) {sign} ?", [self._clock.now_ms()]))
        for word in fold(clean(query or "")).split():
            conditions.append((" AND instr(l.search_text, ?) > 0", [word]))
        ordering = ", ".join(f"l.{column} DESC" for column in (*lead_rows.ORDERS[order], "id"))
        where = "".join(clause for clause, _ in conditions)
        rows = await self._db.fetch(
            f"{lead_rows.SELECT} WHERE l.deleted_at_ms IS NULL{where}{more} ORDER BY {ordering} LIMIT ?",
            [*(value for _, found in conditions for value in found), *values, limit + 1],
        )
        items = tuple(lead_rows.lead_of(row) for row in rows[:limit])
        return Page(items, lead_rows.cursor_of(items[-1], order) if len(rows) > limit else None)

    async def search(self, text: str, limit: int = 50) -> builtins.list[LeadRow]:
        """Leads in whose name, company, domain, place or titles all words of `text` stand, best first."""
        return builtins.list((await self.list(query=text, limit=limit)).items)

    async def set_status(self, lead_id: int, status: str, by: str = "person") -> LeadRow:
        """Set the status. Raises ValueError for an unknown one, NotFound."""
        _check(status, LEAD_STATUSES, "status")
        await self._change(lead_id, lambda conn, own_id, now_ms: set_status_in(conn, own_id, status, by, now_ms))
        return await self._reread(lead_id)

    async def add_note(self, lead_id: int, text: str) -> int:
        """Put a note on the timeline; its id. Raises NotFound."""
        return await self._change(
            lead_id, lambda conn, own_id, now_ms: note_in(conn, own_id, "note", text, now_ms, actor="person")
        )

    async def verdict(
        self, lead_id: int, verdict: str, note: str = "", *, by: str = "user", days: float | None = None
    ) -> LeadRow:
        """Keep the user's word (accept, reject, snooze, won, lost). Raises ValueError, NotFound.

        The status follows: won, lost, and parked by a reject. `days` is how long a snoozed lead stays out of the list, 7 unless
        said otherwise; any other verdict brings it back. `by` is user or api.
        """
        await self._change(
            lead_id, lambda conn, own_id, now_ms: judge_lead_in(conn, own_id, verdict, note, now_ms, by=by, days=days)
        )
        return await self._reread(lead_id)

    async def undo_verdict(self, lead_id: int) -> tuple[LeadRow, str]:
        """Take back the latest verdict: the lead as it is then, and which it was. Raises NotFound where there is none."""
        verdict = await self._change(lead_id, undo_lead_in)
        return await self._reread(lead_id), verdict

    async def why(self, lead_id: int) -> dict[str, Any] | None:
        """All that led to this lead: its signals with every judgement, contacts, deliveries, dossier, timeline.

        Also for a deleted lead. None where the id is unknown.
        """
        rows = await self._db.fetch(f"{lead_rows.SELECT} WHERE l.id = ({lead_rows.RESOLVE})", (lead_id,))
        if not rows:
            return None
        lead = lead_rows.lead_of(rows[0])
        columns = ", ".join(f"s.{name.strip()}" for name in READ_COLUMNS.split(","))
        links = await self._db.fetch(
            f"SELECT {columns}, ls.method, ls.score, ls.bucket, ls.reasons FROM lead_signal AS ls "  # noqa: S608
            "JOIN signal AS s ON s.id = ls.signal_id WHERE ls.lead_id = ? ORDER BY ls.score DESC, s.id",
            (lead.id,),
        )
        signals = []
        for link in links:
            method, score, bucket, reasons = link[-4:]
            signal = signal_of(link[:-4])
            signals.append(
                {
                    "signal": asdict(signal),
                    "method": method,
                    "score": score,
                    "bucket": bucket,
                    "reasons": json.loads(reasons),
                    "judgements": [asdict(j) for j in await self._judgements.for_signal(signal.id)],
                }
            )
        contacts = await self._db.fetch("SELECT kind, value, signal_id FROM contact WHERE lead_id = ? ORDER BY id", (lead.id,))
        deliveries = await self._db.fetch(
            "SELECT id, key, sink, event, revision, state, attempts, error, due_ms, updated_at_ms FROM outbox "
            "WHERE lead_id = ? ORDER BY id",
            (lead.id,),
        )
        dossier = await self._db.fetch_one("SELECT state, failure, attempts FROM dossier WHERE lead_id = ?", (lead.id,))
        return {
            "lead": asdict(lead),
            "signals": signals,
            "contacts": [dict(row) for row in contacts],
            "deliveries": [dict(row) for row in deliveries],
            "dossier": None if dossier is None else dict(dossier),
            "timeline": [asdict(entry) for entry in await self.timeline(lead.id)],
        }

    async def timeline(self, lead_id: int) -> builtins.list[ActivityRow]:
        """What happened to a lead, oldest first."""
        rows = await self._db.fetch(
            "SELECT id, lead_id, at_ms, kind, actor, text, data FROM activity "  # noqa: S608
            f"WHERE lead_id = ({lead_rows.RESOLVE}) ORDER BY id",
            (lead_id,),
        )
        return [lead_rows.activity_of(row) for row in rows]

    async def delete(self, lead_id: int) -> None:
        """Keep a lead out of lists from now on, whatever signals come; its open deliveries are dropped. Raises NotFound."""

        def delete(conn: sqlite3.Connection, own_id: int, now_ms: int) -> None:
            conn.execute("UPDATE lead SET deleted_at_ms = ?1, updated_at_ms = ?1 WHERE id = ?2", (now_ms, own_id))
            conn.execute(
                "UPDATE outbox SET state = 'dropped', error = 'the lead was deleted', updated_at_ms = ? "
                "WHERE lead_id = ? AND state = 'pending'",
                (now_ms, own_id),
            )
            conn.execute("DELETE FROM dossier WHERE lead_id = ? AND state = 'wanted'", (own_id,))
            note_in(conn, own_id, "deleted", "", now_ms, actor="person")

        await self._change(lead_id, delete)

    async def bucket_counts(self, icp: str | None = None) -> dict[str, int]:
        """How many leads stand in each bucket; every bucket is there."""
        rows = await self._db.fetch(
            "SELECT l.bucket, count(*) FROM lead AS l JOIN icp AS i ON i.id = l.icp_id "
            "WHERE l.deleted_at_ms IS NULL AND (?1 IS NULL OR i.name = ?1) GROUP BY l.bucket",
            (icp,),
        )
        return {**dict.fromkeys(BUCKETS, 0), **{row[0]: row[1] for row in rows}}

    async def _change(self, lead_id: int, change: Callable[[sqlite3.Connection, int, int], T]) -> T:
        """Run `change(conn, id, now_ms)` on a lead that is there. Raises NotFound."""
        now_ms = self._clock.now_ms()

        def run(conn: sqlite3.Connection) -> T:
            row = conn.execute(
                f"SELECT id FROM lead WHERE id = ({lead_rows.RESOLVE}) AND deleted_at_ms IS NULL",  # noqa: S608
                (lead_id,),
            ).fetchone()
            if row is None:
                raise NotFound(f"there is no lead {lead_id}")
            return change(conn, row[0], now_ms)

        return await self._db.write(run)

    async def _reread(self, lead_id: int) -> LeadRow:
        row = await self.get(lead_id)
        if row is None:  # deleted between the write and this reading
            raise NotFound(f"there is no lead {lead_id}")
        return row


def _check(word: str, known: tuple[str, ...], what: str) -> str:
    if word not in known:
        raise ValueError(f"unknown {what} {word!r}: one of {', '.join(known)}")
    return word
