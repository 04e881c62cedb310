"""The journal: every answer of every stage with its provenance. Rows are added and marked, never changed or removed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from leadd.api.clock import Clock
from leadd.store.bulk import columns, dump, pack, pack_ids
from leadd.store.database import Database
from leadd.store.joint import Joint
from leadd.store.rows import JudgementRow, NewJudgement, StageFigures

_FIELDS = tuple(field.name for field in fields(NewJudgement))
_TIMES = ("load_ms", "prompt_ms", "output_ms", "queue_ms", "total_ms", "wait_ms")
_INSERT_MANY = (
    f"INSERT INTO judgement ({', '.join(_FIELDS)}, lead_id) "  # noqa: S608 - names of our own fields
    f"SELECT {columns(len(_FIELDS) + 1)} FROM json_each(?)"
)
_SELECT = f"SELECT {', '.join(_FIELDS)}, id, superseded, lead_id FROM judgement"  # noqa: S608 - names of our own fields


class JudgementRepo:
    """Adds to the journal and reads it."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock
        self._joint = Joint[NewJudgement](db, lambda conn, items: add_judgements_in(conn, items, clock.now_ms()))

    async def add(self, judgement: NewJudgement) -> int:
        """The id of the stored judgement. Raises sqlite3.IntegrityError for an unknown signal or ICP."""
        now_ms = self._clock.now_ms()
        return await self._db.write(lambda conn: add_one_in(conn, judgement, now_ms))

    async def add_many(self, judgements: Sequence[NewJudgement]) -> None:
        """Store all of them, or none."""
        if judgements:
            await self._joint.write(judgements)

    async def find_answer(self, signal_id: int, icp_id: int, stage: str, key: str) -> JudgementRow | None:
        """The newest answer under this key that was neither a failure nor superseded: it need not be paid for again."""
        row = await self._db.fetch_one(
            f"{_SELECT} WHERE signal_id = ? AND icp_id = ? AND stage = ? AND key = ? AND superseded = 0 "
            "AND failure = '' AND decision <> 'failed' AND answer IS NOT NULL ORDER BY id DESC LIMIT 1",
            (signal_id, icp_id, stage, key),
        )
        return None if row is None else judgement_of(row)

    async def for_signal(self, signal_id: int) -> list[JudgementRow]:
        """All that was ever judged about a signal, oldest first."""
        rows = await self._db.fetch(f"{_SELECT} WHERE signal_id = ? ORDER BY id", (signal_id,))
        return [judgement_of(row) for row in rows]

    async def last_answer(self, signal_id: int, icp_id: int, stage: str) -> JudgementRow | None:
        """The newest answer of a model for this stage that counts; None where there is none."""
        row = await self._db.fetch_one(
            f"{_SELECT} WHERE signal_id = ? AND icp_id = ? AND stage = ? AND superseded = 0 AND method = 'model' "
            "AND decision <> 'failed' AND answer IS NOT NULL ORDER BY id DESC LIMIT 1",
            (signal_id, icp_id, stage),
        )
        return None if row is None else judgement_of(row)

    async def audits(self, limit: int = 5_000) -> list[JudgementRow]:
        """What models said of signals that were below the threshold and read as a sample (stage `audit`), oldest first."""
        rows = await self._db.fetch(
            f"{_SELECT} WHERE stage = 'audit' AND superseded = 0 AND decision <> 'failed' ORDER BY id DESC LIMIT ?", (limit,)
        )
        return [judgement_of(row) for row in reversed(rows)]

    async def latest_asked(self, stage: str, limit: int) -> list[tuple[int, int]]:
        """The last `limit` pairs of (signal, ICP) that were judged at a stage, each once, the newest first."""
        rows = await self._db.fetch(
            "SELECT signal_id, icp_id, max(id) AS last FROM (SELECT id, signal_id, icp_id FROM judgement WHERE stage = ? "
            "AND icp_id IS NOT NULL AND failure = '' AND answer IS NOT NULL ORDER BY id DESC LIMIT ?) "
            "GROUP BY signal_id, icp_id ORDER BY last DESC LIMIT ?",
            (stage, 4 * limit, limit),
        )
        return [(row[0], row[1]) for row in rows]

    async def answers_of(self, signal_ids: Sequence[int], stage: str) -> list[JudgementRow]:
        """Every answer that was ever given about these signals at a stage, oldest first; failures are left out."""
        rows = await self._db.fetch(
            f"{_SELECT} WHERE signal_id IN (SELECT value FROM json_each(?)) AND stage = ? "  # noqa: S608 - our own columns
            "AND failure = '' AND answer IS NOT NULL ORDER BY id",
            (pack_ids(signal_ids), stage),
        )
        return [judgement_of(row) for row in rows]

    async def answers_by_cache(self, since_ms: int) -> dict[str, int]:
        """How many answers of language models came from where (miss, hit, shared, twin …) at or after `since_ms`."""
        rows = await self._db.fetch(
            "SELECT cache, count(*) AS n FROM judgement WHERE created_at_ms >= ? AND method = 'model' AND failure = '' "
            "AND cache <> '' GROUP BY cache ORDER BY cache",
            (since_ms,),
        )
        return {row["cache"]: row["n"] for row in rows}

    async def figures(self, since_ms: int = 0) -> dict[str, StageFigures]:
        """Counts, tokens and milliseconds by stage for judgements made at or after `since_ms`."""
        rows = await self._db.fetch(
            "SELECT stage, decision, method, cache, count(*) AS n, sum(failure <> '') AS failures, "
            "sum(prompt_tokens) AS prompt_tokens, sum(output_tokens) AS output_tokens, sum(total_ms) AS total_ms "
            "FROM judgement WHERE created_at_ms >= ? GROUP BY stage, decision, method, cache",
            (since_ms,),
        )
        by_stage: dict[str, list[sqlite3.Row]] = {}
        for row in rows:
            by_stage.setdefault(row["stage"], []).append(row)
        return {stage: _figures_of(group) for stage, group in sorted(by_stage.items())}


def add_one_in(conn: sqlite3.Connection, judgement: NewJudgement, now_ms: int, *, lead_id: int | None = None) -> int:
    """Inside a write: store one judgement and give its id."""
    cursor = conn.execute(_INSERT_MANY, (pack([_values(judgement, now_ms, lead_id)]),))
    return cursor.lastrowid or 0


def add_judgements_in(conn: sqlite3.Connection, judgements: Sequence[NewJudgement], now_ms: int) -> None:
    """Inside a write: store many judgements in one step."""
    if judgements:
        conn.execute(_INSERT_MANY, (pack(_values(judgement, now_ms, None) for judgement in judgements),))


def judgement_of(row: sqlite3.Row) -> JudgementRow:
    """A row of `judgement` as the repositories give it."""
    values: dict[str, Any] = {name: row[name] for name in _FIELDS}
    values["answer"] = None if values["answer"] is None else json.loads(values["answer"])
    values["reasons"] = tuple(json.loads(values["reasons"]))
    values["shown"] = None if values["shown"] is None else json.loads(values["shown"])
    return JudgementRow(**values, id=row["id"], superseded=bool(row["superseded"]), lead_id=row["lead_id"])


def _values(judgement: NewJudgement, now_ms: int, lead_id: int | None) -> tuple[Any, ...]:
    values = {name: getattr(judgement, name) for name in _FIELDS}
    values["answer"] = None if judgement.answer is None else dump(judgement.answer)
    values["reasons"] = dump(judgement.reasons)
    values["shown"] = None if judgement.shown is None else dump(judgement.shown)
    values["created_at_ms"] = judgement.created_at_ms or now_ms
    for name in _TIMES:
        values[name] = values[name] if abs(values[name]) < float("inf") else 0.0
    return (*values.values(), lead_id)


def _figures_of(rows: Sequence[sqlite3.Row]) -> StageFigures:
    def count_by(column: str) -> dict[str, int]:
        counts: dict[str, int] = {}
        for row in rows:
            if row[column]:
                counts[row[column]] = counts.get(row[column], 0) + row["n"]
        return counts

    return StageFigures(
        count=sum(row["n"] for row in rows),
        by_decision=count_by("decision"),
        by_method=count_by("method"),
        by_cache=count_by("cache"),
        failures=sum(row["failures"] for row in rows),
        model_calls=sum(row["n"] for row in rows if row["cache"] == "miss"),
        prompt_tokens=sum(row["prompt_tokens"] for row in rows),
        output_tokens=sum(row["output_tokens"] for row in rows),
        total_ms=sum(row["total_ms"] for row in rows),
    )
