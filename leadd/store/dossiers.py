"""Dossiers: wanted by the recording of a hot lead, leased to the writer of them, done or held."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from leadd.api.clock import Clock
from leadd.store.bulk import clean, dump, fetch, pack_ids
from leadd.store.database import Database
from leadd.store.errors import NotFound
from leadd.store.judgements import add_one_in
from leadd.store.rows import DossierRow, NewJudgement
from leadd.store.standing import note_in

_SELECT = (
    "SELECT d.lead_id, l.icp_id, l.signal_id, d.state, d.answer, d.failure, d.attempts, d.due_ms, d.judgement_id, "
    "d.updated_at_ms, d.priority FROM dossier AS d JOIN lead AS l ON l.id = d.lead_id"
)
_CRASHED = "crashed the worker 3 times"


class DossierRepo:
    """The dossiers' queue and what was written."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def lease(self, owner: str, limit: int, lease_ms: int, *, least_priority: int = 0) -> list[DossierRow]:
        """Up to `limit` dossiers to write now: those of the highest priority first, among them those of the best leads."""
        now_ms = self._clock.now_ms()

        def lease(conn: sqlite3.Connection) -> list[DossierRow]:
            conn.execute(
                "UPDATE dossier SET state = 'wanted', lease_owner = NULL, leased_until_ms = NULL "
                "WHERE state = 'leased' AND leased_until_ms <= ? AND lease_owner IS NOT ?",
                (now_ms, owner),
            )
            ids = fetch(
                conn,
                "SELECT json_group_array(lead_id) FROM (SELECT d.lead_id FROM dossier AS d JOIN lead AS l ON l.id = d.lead_id "
                "WHERE d.state = 'wanted' AND d.due_ms <= ? AND d.priority >= ? AND l.deleted_at_ms IS NULL "
                "ORDER BY d.priority DESC, l.score DESC, l.id LIMIT ?)",
                (now_ms, least_priority, limit),
            )
            if not ids:
                return []
            conn.execute(
                "UPDATE dossier SET state = 'leased', lease_owner = ?, leased_until_ms = ? "
                "WHERE lead_id IN (SELECT value FROM json_each(?))",
                (owner, now_ms + lease_ms, pack_ids(ids)),
            )
            rows = conn.execute(
                f"{_SELECT} WHERE d.lead_id IN (SELECT value FROM json_each(?)) "  # noqa: S608
                "ORDER BY d.priority DESC, l.score DESC, l.id",
                (pack_ids(ids),),
            )
            return [_dossier_of(row) for row in rows.fetchall()]

        return await self._db.write(lease)

    async def finish(self, lead_id: int, answer: Mapping[str, Any], judgement: NewJudgement) -> None:
        """Keep the dossier with its provenance: a journal row of stage 'dossier', made from `judgement`.

        Where `judgement` names no signal or ICP (0 and None), those of the lead are taken. Raises NotFound.
        """
        now_ms = self._clock.now_ms()

        def finish(conn: sqlite3.Connection) -> None:
            own_id = _own_id(conn, lead_id)
            judgement_id = _journal_in(conn, own_id, replace(judgement, answer=answer), now_ms)
            conn.execute(
                "UPDATE dossier SET state = 'done', answer = ?, judgement_id = ?, failure = '', priority = 0, "
                "lease_owner = NULL, leased_until_ms = NULL, updated_at_ms = ? WHERE lead_id = ?",
                (dump(answer), judgement_id, now_ms, own_id),
            )
            note_in(conn, own_id, "dossier", "", now_ms, {"judgement_id": judgement_id})

        await self._db.write(finish)

    async def fail(
        self,
        lead_id: int,
        failure: str,
        due_ms: int | None,
        *,
        charge: bool = True,
        judgement: NewJudgement | None = None,
    ) -> None:
        """Try again at `due_ms`, or (None) hold it with the failure's name. `charge` counts an attempt. Raises NotFound."""
        now_ms = self._clock.now_ms()

        def fail(conn: sqlite3.Connection) -> None:
            own_id = _own_id(conn, lead_id)
            if judgement is not None:
                _journal_in(conn, own_id, judgement, now_ms)
            conn.execute(
                "UPDATE dossier SET state = iif(?1 IS NULL, 'held', 'wanted'), failure = ?2, due_ms = coalesce(?1, due_ms), "
                "attempts = attempts + ?3, lease_owner = NULL, leased_until_ms = NULL, updated_at_ms = ?4 WHERE lead_id = ?5",
                (due_ms, clean(failure), int(charge), now_ms, own_id),
            )

        await self._db.write(fail)

    async def get(self, lead_id: int) -> DossierRow | None:
        """The dossier of a lead in whatever state; None where none is wanted."""
        own_id = "(SELECT coalesce(merged_into, id) FROM lead WHERE id = ?)"
        row = await self._db.fetch_one(f"{_SELECT} WHERE d.lead_id = {own_id}", (lead_id,))
        return None if row is None else _dossier_of(tuple(row))

    async def want(self, lead_id: int, priority: int = 0) -> None:
        """Ask for a dossier, also anew where one is held or done, now where it waits. Raises NotFound.

        Where it is being written, that goes on. The priority is raised, never lowered, until it is written.
        """
        now_ms = self._clock.now_ms()

        def want(conn: sqlite3.Connection) -> None:
            lead = conn.execute("SELECT 1 FROM lead WHERE id = ? AND deleted_at_ms IS NULL", (lead_id,)).fetchone()
            if lead is None:
                raise NotFound(f"there is no lead {lead_id}")
            conn.execute(
                "INSERT INTO dossier (lead_id, due_ms, priority, created_at_ms, updated_at_ms) VALUES (?1, ?2, ?3, ?2, ?2) "
                "ON CONFLICT (lead_id) DO UPDATE SET priority = max(priority, ?3)",
                (lead_id, now_ms, priority),
            )
            conn.execute(
                "UPDATE dossier SET state = 'wanted', due_ms = ?2, attempts = 0, crashes = 0, failure = '' "
                "WHERE lead_id = ?1 AND state <> 'leased'",
                (lead_id, now_ms),
            )

        await self._db.write(want)

    async def release(self, lead_ids: Sequence[int]) -> None:
        """Give leased dossiers back, uncharged."""
        await self._db.write(
            lambda conn: (
                conn.execute(
                    "UPDATE dossier SET state = 'wanted', lease_owner = NULL, leased_until_ms = NULL "
                    "WHERE state = 'leased' AND lead_id IN (SELECT value FROM json_each(?))",
                    (pack_ids(lead_ids),),
                ).rowcount
            )
        )

    async def release_stale(self, owner: str) -> int:
        """At boot: free the leases of other owners; at its third crash a dossier is held. The number freed."""
        return await self._db.write(
            lambda conn: (
                conn.execute(
                    "UPDATE dossier SET state = iif(crashes + 1 >= 3, 'held', 'wanted'), "
                    "failure = iif(crashes + 1 >= 3, ?1, failure), crashes = crashes + 1, lease_owner = NULL, "
                    "leased_until_ms = NULL WHERE state = 'leased' AND lease_owner IS NOT ?2",
                    (_CRASHED, owner),
                ).rowcount
            )
        )

    async def next_due(self, *, least_priority: int = 0) -> int | None:
        """When `lease` next has something to give; None where no dossier of that priority waits."""
        row = await self._db.fetch_one(
            "SELECT min(d.due_ms) FROM dossier AS d JOIN lead AS l ON l.id = d.lead_id "
            "WHERE d.state = 'wanted' AND d.priority >= ? AND l.deleted_at_ms IS NULL",
            (least_priority,),
        )
        return None if row is None else row[0]

    async def counts(self) -> dict[str, int]:
        """Dossiers by state; every state is there."""
        rows = await self._db.fetch("SELECT state, count(*) FROM dossier GROUP BY state")
        return {**dict.fromkeys(("wanted", "leased", "done", "held"), 0), **{row[0]: row[1] for row in rows}}


def _own_id(conn: sqlite3.Connection, lead_id: int) -> int:
    """The lead that holds the dossier now: while it was written, the lead may have been merged into another."""
    row = conn.execute(
        "SELECT d.lead_id FROM dossier AS d WHERE d.lead_id = ?1 "
        "OR d.lead_id = (SELECT merged_into FROM lead WHERE id = ?1) ORDER BY d.lead_id = ?1 DESC",
        (lead_id,),
    ).fetchone()
    if row is None:
        raise NotFound(f"no dossier is wanted for lead {lead_id}")
    own_id: int = row[0]
    return own_id


def _journal_in(conn: sqlite3.Connection, lead_id: int, judgement: NewJudgement, now_ms: int) -> int:
    signal_id, icp_id = conn.execute("SELECT signal_id, icp_id FROM lead WHERE id = ?", (lead_id,)).fetchone()
    filled = replace(
        judgement,
        stage="dossier",
        signal_id=judgement.signal_id or signal_id,
        icp_id=icp_id if judgement.icp_id is None else judgement.icp_id,
    )
    return add_one_in(conn, filled, now_ms, lead_id=lead_id)


def _dossier_of(row: Sequence[Any]) -> DossierRow:
    lead_id, icp_id, signal_id, state, answer, *rest = row
    return DossierRow(lead_id, icp_id, signal_id, state, None if answer is None else json.loads(answer), *rest)
