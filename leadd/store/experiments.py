"""Experiments on prompts, and what they are fed: verdicts and words of the audit, with the answer that each is about."""

from __future__ import annotations

import builtins
import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leadd.api.clock import Clock
from leadd.store.bulk import clean, dump
from leadd.store.database import Database
from leadd.store.errors import DuplicateName

RUNNING = "running"


@dataclass(frozen=True, slots=True)
class ExperimentRow:
    """One experiment as it is kept. `body` is plain JSON; times are UTC milliseconds."""

    name: str
    prompt: str
    body: Mapping[str, Any]
    state: str
    created_at_ms: int
    ended_at_ms: int | None = None


@dataclass(frozen=True, slots=True)
class OutcomeRow:
    """A word on a signal, of the user (accept, won, reject, lost) or of the audit, and the answer that it is about: what
    `decision` a stage came to (yes, no, match, no_match) before, by which `method` and prompt; None where it never did.
    `made_lead` tells whether the word is on a lead. `id` is that of the verdict, or of the audit's row."""

    id: int
    word: str
    made_lead: bool
    company: str | None
    author: str | None
    content_hash: str
    decision: str | None
    method: str | None
    prompt_hash: str | None
    answered_at_ms: int | None


_ANSWER = (
    "LEFT JOIN judgement AS j ON j.id = (SELECT max(k.id) FROM judgement AS k WHERE k.signal_id = v.signal_id "
    "AND k.icp_id = v.icp_id AND k.stage = ?2 AND k.decision <> 'failed' AND k.answer IS NOT NULL "
    "AND k.created_at_ms <= v.created_at_ms)"
)
_TOLD = "s.company, s.author, s.content_hash, j.decision, j.method, j.prompt_hash, j.created_at_ms"


class ExperimentRepo:
    """Keeps experiments, at most one running for each prompt, and reads what they are fed."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def add(self, name: str, prompt: str, body: Mapping[str, Any]) -> ExperimentRow:
        """Begin an experiment. Raises DuplicateName where the name is taken, or one runs on this prompt."""
        now_ms = self._clock.now_ms()

        def add(conn: sqlite3.Connection) -> ExperimentRow:
            other = conn.execute(
                "SELECT name FROM experiment WHERE name = ?1 OR (prompt = ?2 AND state = 'running') ORDER BY name = ?1 DESC",
                (name, prompt),
            ).fetchone()
            if other is not None:
                told = f"there was an experiment '{name}' already" if other[0] == name else (
                    f"an experiment on '{prompt}' is running: '{other[0]}' (leadd experiment stop {other[0]})"
                )  # fmt: skip
                raise DuplicateName(told)
            conn.execute(
                "INSERT INTO experiment (name, prompt, body, state, created_at_ms) VALUES (?, ?, ?, 'running', ?)",
                (clean(name), clean(prompt), dump(dict(body)), now_ms),
            )
            return ExperimentRow(name, prompt, body, RUNNING, now_ms)

        return await self._db.write(add)

    async def save(self, name: str, body: Mapping[str, Any], state: str = RUNNING) -> None:
        """Keep where an experiment stands, all of it in one write; any state but `running` ends it."""
        ended_ms = None if state == RUNNING else self._clock.now_ms()
        parameters = (dump(dict(body)), state, ended_ms, name)
        await self._db.write(
            lambda conn: (
                conn.execute(
                    "UPDATE experiment SET body = ?1, state = ?2, ended_at_ms = coalesce(ended_at_ms, ?3) WHERE name = ?4",
                    parameters,
                ).rowcount
            )
        )

    async def list(self, state: str | None = None) -> builtins.list[ExperimentRow]:
        """Experiments, the latest first; all, or those of a state."""
        rows = await self._db.fetch(
            "SELECT name, prompt, body, state, created_at_ms, ended_at_ms FROM experiment WHERE ?1 IS NULL OR state = ?1 "
            "ORDER BY id DESC",
            (state,),
        )
        return [ExperimentRow(row[0], row[1], json.loads(row[2]), *row[3:]) for row in rows]

    async def get(self, name: str) -> ExperimentRow | None:
        """One experiment by its name, or None."""
        return next((row for row in await self.list() if row.name == name), None)

    async def last_verdict(self) -> int:
        """The id of the latest verdict: where an experiment that begins now begins to listen."""
        row = await self._db.fetch_one("SELECT coalesce(max(id), 0) FROM verdict")
        return 0 if row is None else int(row[0])

    async def verdicts(self, after_id: int, stage: str, limit: int = 500) -> builtins.list[OutcomeRow]:
        """Verdicts after an id in their order, each with the answer of a stage that stood when it was given. Snoozes and what
        was taken back are left out."""
        rows = await self._db.fetch(
            f"SELECT v.id, v.verdict, v.lead_id IS NOT NULL, {_TOLD} FROM verdict AS v "  # noqa: S608 - our own columns
            f"JOIN signal AS s ON s.id = v.signal_id {_ANSWER} WHERE v.id > ?1 AND v.undone_at_ms IS NULL "
            "AND v.verdict <> 'snooze' ORDER BY v.id LIMIT ?3",
            (after_id, stage, limit),
        )
        return [OutcomeRow(row[0], row[1], bool(row[2]), *row[3:]) for row in rows]

    async def audits(self, since_ms: int, stage: str, limit: int = 20_000) -> builtins.list[OutcomeRow]:
        """What the audit said of dropped signals since a time, each with the answer of a stage that it looked behind."""
        rows = await self._db.fetch(
            f"SELECT v.id, v.decision, 0, {_TOLD} FROM judgement AS v "  # noqa: S608 - our own columns
            f"JOIN signal AS s ON s.id = v.signal_id {_ANSWER} WHERE v.stage = 'audit' AND v.created_at_ms >= ?1 "
            "AND v.decision <> 'failed' ORDER BY v.id LIMIT ?3",
            (since_ms, stage, limit),
        )
        return [OutcomeRow(row[0], row[1], False, *row[3:]) for row in rows]
