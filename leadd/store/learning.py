"""What the journal and the user's verdicts say about the evidence of triage. Only read here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leadd.store.database import Database


@dataclass(frozen=True, slots=True)
class TriagedRow:
    """A journaled triage for one ICP. `decision` is what it came to, `classified` what the full look said later (match or
    no_match), None where there was none."""

    answer: Mapping[str, Any]
    method: str
    digest: str
    prompt_hash: str
    decision: str
    classified: str | None


@dataclass(frozen=True, slots=True)
class VerdictRow:
    """The user's last word on a lead, and the triage of the signal that made it."""

    verdict: str
    answer: Mapping[str, Any]
    digest: str
    prompt_hash: str


class LearningRepo:
    """Reads the journal for whoever weighs evidence."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def verdict_mark(self) -> int:
        """Another number whenever a verdict was added or taken back, for any ICP."""
        row = await self._db.fetch_one(
            "SELECT coalesce(max(id), 0) + (SELECT count(*) FROM verdict WHERE undone_at_ms IS NOT NULL) FROM verdict"
        )
        return 0 if row is None else int(row[0])

    async def triaged(self, icp_id: int, limit: int = 2000) -> list[TriagedRow]:
        """The newest triages of an ICP that count, oldest first; those taken over from another signal are not counted again."""
        rows = await self._db.fetch(
            "SELECT t.answer, t.method, t.digest, t.prompt_hash, t.decision, (SELECT c.decision FROM judgement AS c "
            "WHERE c.signal_id = t.signal_id AND c.icp_id = t.icp_id AND c.stage = 'classify' AND c.superseded = 0 "
            "AND c.decision IN ('match', 'no_match') ORDER BY c.id DESC LIMIT 1) AS classified FROM judgement AS t "
            "WHERE t.icp_id = ? AND t.stage = 'triage' AND t.superseded = 0 AND t.decision <> 'failed' "
            "AND t.answer IS NOT NULL AND t.cache NOT IN ('twin', 'near') ORDER BY t.id DESC LIMIT ?",
            (icp_id, limit),
        )
        return [TriagedRow(json.loads(row[0]), *row[1:]) for row in reversed(rows)]

    async def verdicts(self, icp_id: int, limit: int = 2000) -> list[VerdictRow]:
        """The newest verdicts on leads of an ICP, each with the last triage of the lead's signal, oldest first.

        Leads whose signal was never triaged (before there was a journal of it) are left out, deleted ones count.
        """
        rows = await self._db.fetch(
            "SELECT v.verdict, t.answer, t.digest, t.prompt_hash FROM verdict AS v JOIN lead AS l ON l.id = v.lead_id "
            "JOIN judgement AS t ON t.id = (SELECT max(j.id) FROM judgement AS j WHERE j.signal_id = l.signal_id "
            "AND j.icp_id = l.icp_id AND j.stage = 'triage' AND j.decision <> 'failed' AND j.answer IS NOT NULL) "
            "WHERE l.icp_id = ? AND v.id = (SELECT max(w.id) FROM verdict AS w WHERE w.lead_id = v.lead_id "
            "AND w.undone_at_ms IS NULL AND w.verdict <> 'snooze') "
            "ORDER BY v.id DESC LIMIT ?",
            (icp_id, limit),
        )
        return [VerdictRow(row[0], json.loads(row[1]), row[2], row[3]) for row in reversed(rows)]
