"""Near duplicates: whose sketch shares a band, and the evidence of whether answers may be taken over from them."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence

from leadd.store.bulk import columns, pack, pack_ids
from leadd.store.database import Database
from leadd.store.reuse_rows import Evidence, ReuseCounts, SketchRow, Trace

_BY_KIND = ("twin", "near", "check")


class SketchRepo:
    """Finds candidates and reads the evidence. What is written goes along with the end of a signal: see `add_traces_in`."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def candidates(self, bands: Sequence[int], before_id: int, *, limit: int = 16) -> list[SketchRow]:
        """Earlier signals (id below `before_id`) that share a band, those that share most first, then the newest."""
        rows = await self._db.fetch(
            "SELECT found.signal_id, sketch.signature, found.shared FROM ("
            "SELECT signal_id, count(*) AS shared FROM sketch_band WHERE hash IN (SELECT value FROM json_each(?1)) "
            "AND signal_id < ?2 GROUP BY signal_id ORDER BY shared DESC, signal_id DESC LIMIT ?3) AS found "
            "JOIN sketch ON sketch.signal_id = found.signal_id ORDER BY found.shared DESC, found.signal_id DESC",
            (pack_ids(bands), before_id, limit),
        )
        return [SketchRow(row[0], row[1], row[2]) for row in rows]

    async def known(self, bands: Iterable[int]) -> frozenset[int]:
        """Those of many bands that some signal has."""
        row = await self._db.fetch_one(
            "SELECT json_group_array(value) FROM json_each(?) WHERE EXISTS (SELECT 1 FROM sketch_band WHERE hash = value)",
            (pack_ids(bands),),
        )
        return frozenset() if row is None else frozenset(json.loads(row[0]))

    async def evidence(self, icp_id: int, scope: str) -> Evidence:
        """All checks of an ICP in one scope, each earlier signal once: an advert that comes back a hundred times says the same
        a hundred times. It counts as wrong where any of its checks was."""
        row = await self._db.fetch_one(
            "SELECT count(DISTINCT of_signal_id), count(DISTINCT CASE WHEN wrong THEN of_signal_id END), "
            "coalesce(max(certified), 0) FROM reuse WHERE icp_id = ? AND scope = ? AND kind = 'check'",
            (icp_id, scope),
        )
        return Evidence() if row is None else Evidence(row[0], row[1], bool(row[2]))

    async def wrong(self, icp_id: int, scope: str, signal_ids: Iterable[int]) -> frozenset[int]:
        """Those of these earlier signals whose reuse a check in this scope has shown to be wrong."""
        rows = await self._db.fetch(
            "SELECT DISTINCT of_signal_id FROM reuse WHERE icp_id = ? AND scope = ? AND kind = 'check' AND wrong "
            "AND of_signal_id IN (SELECT value FROM json_each(?))",
            (icp_id, scope, pack_ids(list(signal_ids))),
        )
        return frozenset(row[0] for row in rows)

    async def counts(self) -> dict[int, ReuseCounts]:
        """What reuse did, by ICP id; ICPs for which it did nothing are left out."""
        rows = await self._db.fetch(
            "SELECT icp_id, kind, count(*), sum(calls), sum(tokens) FROM reuse GROUP BY icp_id, kind ORDER BY icp_id"
        )
        by_icp: dict[int, dict[str, tuple[int, int, int]]] = {}
        for row in rows:
            by_icp.setdefault(row[0], {})[row[1]] = (row[2], row[3], row[4])
        return {icp_id: _counts_of(kinds) for icp_id, kinds in by_icp.items()}


def add_traces_in(conn: sqlite3.Connection, traces: Sequence[tuple[int, Trace]], now_ms: int) -> None:
    """Inside a write: keep the traces of these signals (id, trace). What a signal left before stays as it was."""
    sketches = [(signal_id, trace.sketch) for signal_id, trace in traces if trace.sketch is not None]
    if sketches:
        conn.executemany(
            "INSERT INTO sketch (signal_id, signature) VALUES (?, ?) ON CONFLICT DO NOTHING",
            [(signal_id, sketch.signature) for signal_id, sketch in sketches],
        )
        bands = [(band, signal_id) for signal_id, sketch in sketches for band in sketch.bands]
        conn.execute(
            "INSERT INTO sketch_band (hash, signal_id) SELECT value ->> 0, value ->> 1 FROM json_each(?) WHERE true "
            "ON CONFLICT DO NOTHING",
            (pack(bands),),
        )
    reuses = [
        (r.icp_id, signal_id, r.of_signal_id, r.kind, r.scope, r.similarity, r.predicted, r.found, int(r.wrong),
         int(r.certified), r.calls, r.tokens, now_ms)
        for signal_id, trace in traces
        for r in trace.reuses
    ]  # fmt: skip
    if reuses:
        conn.execute(
            "INSERT INTO reuse (icp_id, signal_id, of_signal_id, kind, scope, similarity, predicted, found, wrong, certified, "  # noqa: S608
            f"calls, tokens, at_ms) SELECT {columns(13)} FROM json_each(?) WHERE true ON CONFLICT DO NOTHING",
            (pack(reuses),),
        )


def _counts_of(kinds: dict[str, tuple[int, int, int]]) -> ReuseCounts:
    twin, near, check = (kinds.get(kind, (0, 0, 0)) for kind in _BY_KIND)
    return ReuseCounts(twin[0], near[0], check[0], twin[1], twin[2], near[1], near[2])
