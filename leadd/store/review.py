"""What a person has not yet judged, and would help most to judge. Only read here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leadd.store.bulk import pack
from leadd.store.database import Database
from leadd.store.rows import BUCKETS
from leadd.store.standing import RANK

RECENT = 40
"""Verdicts whose companies are asked about less for a while."""
LOOK_BACK = 50_000
"""How many of the newest rows of the journal are looked through: what is older is of no use for learning, and costs time."""

_SHOWN = "s.id, s.title, s.company, s.location, s.url, substr(s.text, 1, 4000), s.content_hash"
_UNJUDGED = (
    "NOT EXISTS (SELECT 1 FROM verdict AS v WHERE v.undone_at_ms IS NULL AND v.signal_id = s.id AND v.icp_id = i.id) "
    "AND NOT EXISTS (SELECT 1 FROM verdict AS v WHERE v.undone_at_ms IS NULL AND l.id IS NOT NULL AND v.lead_id = l.id)"
)
_LEAD = (
    "LEFT JOIN lead AS l ON l.id = (SELECT k.lead_id FROM lead_signal AS k JOIN lead AS m ON m.id = k.lead_id "
    "WHERE k.signal_id = s.id AND m.icp_id = i.id AND m.deleted_at_ms IS NULL AND m.bucket <> 'filtered' LIMIT 1)"
)


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """A signal that waits for a verdict, for one ICP; `lead_id` where it is part of a lead.

    `score` and `threshold` are those of the stage named in `stage` (lead: the lead's score, no threshold).
    """

    signal_id: int
    title: str
    company: str | None
    location: str | None
    url: str | None
    text: str
    content_hash: str
    lead_id: int | None
    icp: str
    stage: str
    decision: str
    score: float | None
    threshold: float | None


class ReviewRepo:
    """Reads what waits for a verdict. `icp` None means all ICPs."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def undecided_leads(self, icp: str | None, bucket_min: str, limit: int, now_ms: int) -> list[ReviewRow]:
        """Leads of this bucket and better without any verdict in force, best first; snoozed ones are left in peace."""
        buckets = BUCKETS[RANK[bucket_min] :]
        rows = await self._db.fetch(
            f"SELECT {_SHOWN}, l.id, i.name, 'lead', l.bucket, l.score, NULL FROM lead AS l "  # noqa: S608 - our constants
            "JOIN icp AS i ON i.id = l.icp_id JOIN signal AS s ON s.id = l.signal_id "
            "WHERE l.deleted_at_ms IS NULL AND l.merged_into IS NULL AND (?1 IS NULL OR i.name = ?1) "
            "AND coalesce(l.snoozed_until_ms, 0) <= ?2 AND l.bucket IN (SELECT value FROM json_each(?3)) "
            "AND NOT EXISTS (SELECT 1 FROM verdict AS v WHERE v.lead_id = l.id AND v.undone_at_ms IS NULL "
            "AND v.verdict <> 'snooze') ORDER BY l.score DESC, l.id DESC LIMIT ?4",
            (icp, now_ms, _words(buckets), limit),
        )
        return [ReviewRow(*row) for row in rows]

    async def near_thresholds(self, icp: str | None, limit: int) -> list[ReviewRow]:
        """Signals that triage or the prefilter's score took or dropped by the least margin, nearest first."""
        rows = await self._db.fetch(
            f"SELECT {_SHOWN}, l.id, i.name, j.stage, j.decision, j.score, j.threshold FROM judgement AS j "  # noqa: S608
            f"JOIN icp AS i ON i.id = j.icp_id JOIN signal AS s ON s.id = j.signal_id {_LEAD} "
            "WHERE j.id > (SELECT coalesce(max(id), 0) FROM judgement) - ?2 AND j.superseded = 0 AND i.deleted_at_ms IS NULL "
            "AND (?1 IS NULL OR i.name = ?1) AND j.score IS NOT NULL AND j.threshold IS NOT NULL AND s.state = 'done' "
            "AND (j.stage = 'triage' OR (j.stage = 'prefilter' AND j.decision = 'drop' AND j.rule IN ('score', 'certified'))) "
            f"AND coalesce(l.snoozed_until_ms, 0) = 0 AND {_UNJUDGED} "
            "ORDER BY abs(j.score - j.threshold), j.id DESC LIMIT ?3",
            (icp, LOOK_BACK, limit),
        )
        return [ReviewRow(*row) for row in rows]

    async def audited(self, icp: str | None, limit: int) -> list[ReviewRow]:
        """Dropped signals that were asked about all the same, as a sample: first those where the model would have said yes."""
        rows = await self._db.fetch(
            f"SELECT {_SHOWN}, l.id, i.name, j.stage, j.decision, j.score, j.threshold FROM judgement AS j "  # noqa: S608
            f"JOIN icp AS i ON i.id = j.icp_id JOIN signal AS s ON s.id = j.signal_id {_LEAD} "
            "WHERE j.id > (SELECT coalesce(max(id), 0) FROM judgement) - ?2 AND j.superseded = 0 AND i.deleted_at_ms IS NULL "
            f"AND (?1 IS NULL OR i.name = ?1) AND j.stage = 'audit' AND {_UNJUDGED} "
            "ORDER BY j.decision IN ('miss', 'match', 'yes') DESC, j.id DESC LIMIT ?3",
            (icp, LOOK_BACK, limit),
        )
        return [ReviewRow(*row) for row in rows]

    async def groups(self, rows: Sequence[ReviewRow]) -> list[tuple[int | None, bool]]:
        """For each row the earliest signal that it is known to repeat (None: none), and whether one of its kind has a verdict.

        Known are exact twins of text, and near duplicates whose answers were taken over or compared.
        """
        found = await self._db.fetch(
            "WITH asked AS (SELECT key AS place, value ->> 0 AS signal_id, value ->> 1 AS hash, i.id AS icp_id "
            "FROM json_each(?) JOIN icp AS i ON i.name = value ->> 2 AND i.deleted_at_ms IS NULL), "
            "rooted AS (SELECT asked.*, (SELECT r.of_signal_id FROM reuse AS r WHERE r.signal_id = asked.signal_id "
            "AND r.icp_id = asked.icp_id ORDER BY r.similarity DESC LIMIT 1) AS root FROM asked) "
            "SELECT place, root, EXISTS (SELECT 1 FROM verdict AS v JOIN signal AS s ON s.id = v.signal_id "
            "WHERE v.undone_at_ms IS NULL AND v.icp_id = rooted.icp_id AND v.verdict <> 'snooze' "
            "AND s.content_hash = rooted.hash) OR EXISTS (SELECT 1 FROM verdict AS v WHERE v.undone_at_ms IS NULL "
            "AND v.icp_id = rooted.icp_id AND v.verdict <> 'snooze' AND v.signal_id = root) FROM rooted",
            (pack((row.signal_id, row.content_hash, row.icp) for row in rows),),
        )
        known = {row[0]: (row[1], bool(row[2])) for row in found}
        return [known.get(place, (None, False)) for place in range(len(rows))]

    async def companies_judged(self, icp: str | None) -> dict[str, int]:
        """How often each company (as the signals name it, in small letters) is among the latest verdicts."""
        rows = await self._db.fetch(
            "SELECT name, count(*) FROM (SELECT lower(trim(s.company)) AS name FROM verdict AS v JOIN signal AS s "
            "ON s.id = v.signal_id JOIN icp AS i ON i.id = v.icp_id WHERE v.undone_at_ms IS NULL "
            "AND (?1 IS NULL OR i.name = ?1) ORDER BY v.id DESC LIMIT ?2) WHERE name <> '' GROUP BY name",
            (icp, RECENT),
        )
        return {row[0]: row[1] for row in rows}

    async def present_scores(self, icp_id: int | None) -> dict[int, int]:
        """The scores that judged leads have now, by lead."""
        rows = await self._db.fetch(
            "SELECT l.id, l.score FROM lead AS l WHERE (?1 IS NULL OR l.icp_id = ?1) "
            "AND EXISTS (SELECT 1 FROM verdict AS v WHERE v.lead_id = l.id AND v.undone_at_ms IS NULL)",
            (icp_id,),
        )
        return {row[0]: row[1] for row in rows}


def _words(words: Sequence[str]) -> str:
    return "[" + ",".join(f'"{word}"' for word in words) + "]"
