"""The shapes of the cache's routes."""

from __future__ import annotations

from typing import Any

from leadd.control.wire import Answer, Asked
from leadd.control.wire_house import RowProblem
from leadd.control.wire_models import CacheFigures


class ReuseSaved(Answer):
    """Signals that took an earlier one's answers (exact twins and near duplicates), and what that saved, over all time."""

    twins: int
    near: int
    checks: int
    twin_calls: int
    twin_tokens: int
    near_calls: int
    near_tokens: int


class ReuseOut(Answer):
    """Reuse of near duplicates for one ICP: off, learning, certified or suspended, and the evidence for it.

    `upper` is the highest rate of wrong reuse that the checks leave open; it has to be under `limit`.
    """

    icp_id: int
    icp: str
    state: str
    upper: float
    limit: float
    confidence: float
    checked: int
    wrong: int
    checks_missing: int
    explanation: str
    saved: ReuseSaved


class CacheStatsOut(CacheFigures):
    """The figures, with what the cache saved in the last 24 hours, reuse by ICP, and askers that waited for another process."""

    saved: dict[str, Any]
    reuse: list[ReuseOut]
    dropped: int
    waited_for_others: int
    taken_over: int


class DifferenceOut(Answer):
    """One part of the key that differs, as it was asked and as it is kept, and what that means."""

    part: str
    asked: str
    kept: str
    means: str


class NearestOut(Answer):
    """The kept entry that is most like the question."""

    tier: str
    key: str
    kind: str
    at_ms: int
    differs: list[DifferenceOut]


class CacheWhyItem(Answer):
    """One question about the signal: its key and parts, the tiers that keep it, else the nearest entry of `looked_at`."""

    icp: str
    stage: str
    role: str
    key: str
    kept_in: list[str]
    refused: bool
    nearest: NearestOut | None
    looked_at: int
    problem: str
    parts: dict[str, str]


class CacheWhyOut(Answer):
    """What the cache has for a signal."""

    signal_id: int
    items: list[CacheWhyItem]


class CacheWhyQuery(Asked):
    """Which signal."""

    signal: int


class CacheImported(Answer):
    """What became of the lines of an import."""

    taken: int
    problem_count: int
    problems: list[RowProblem]


class CacheLine(Answer):
    """One entry of an export: its key, the seconds it has left, and its value as text or in base64."""

    key: str
    left_s: float | None
    value: str | None = None
    base64: str | None = None
