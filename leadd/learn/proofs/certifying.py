"""Thresholds that keep a promise: at least `target` of the wanted signals score at or above them.

The promise holds at all times at once, however often it is looked at: see `recall_tests`. There are two kinds of evidence,
each with a test of its own: what the user said, and what the model answered. A certificate names the kind that it rests on.
With too little evidence everything passes. A drift (see `drift`) takes the threshold back to passing everything, and the
evidence begins anew.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from leadd.learn.proofs.auditing import AuditRule, Policy
from leadd.learn.proofs.drift import Drift
from leadd.learn.proofs.recall_bounds import estimated, recall_interval
from leadd.learn.proofs.recall_tests import Proofs, stage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

Kind = Literal["user", "model"]
KINDS: tuple[Kind, ...] = ("user", "model")
GRID = tuple(place / 100 for place in range(100))
"""The thresholds that may be certified where no others are given; the first passes everything."""


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is promised and what it rests on. `recall` is an estimate, `recall_low` and `recall_high` hold at all times with the
    confidence; `rests_on` is None while everything passes. Counts are of the time since the last drift alarm."""

    threshold: float
    target: float
    confidence: float
    rests_on: Kind | None
    labelled: dict[str, int]
    positives: dict[str, int]
    audits: dict[str, int]
    misses: dict[str, int]
    recall: float | None
    recall_low: float
    recall_high: float
    share_passed: float | None
    arrived: int
    alarms: int
    last_alarm: str
    version: str

    @property
    def explanation(self) -> str:
        """For the user, in one or two sentences."""
        alarm = f" After {self.last_alarm} the evidence began anew." if self.last_alarm else ""
        if self.rests_on is None:
            found = max(self.positives.values())
            return f"Everything passes: {found} wanted signals are not enough to prove that any could be left out.{alarm}"
        source = "your verdicts" if self.rests_on == "user" else "the model's answers, audited at random"
        passed = "" if self.share_passed is None else f" {self.share_passed:.0%} of the signals pass."
        return (
            f"Of 100 wanted signals at least {self.target * 100:g} reach you, with {self.confidence:.0%} confidence at any"
            f" time: score {self.threshold:.2f} and above passes. It rests on {source} ({self.positives[self.rests_on]} wanted"
            f" signals, {self.misses[self.rests_on]} of them below the threshold; {self.audits[self.rests_on]}"
            f" audits).{passed}{alarm}"
        )


@dataclass(frozen=True, slots=True)
class _Epoch:
    """What was found, by bin, under one policy and with the bets of one stage."""

    policy: Policy
    stage: int
    counts: Array


class _Evidence:
    """Labelled signals of one kind. The proofs and the exposures follow from the epochs; `exposures[k, j]` sums, over
    positives found in bin j, how likely bin k was asked then."""

    def __init__(self, edges: Array, target: float, delta: float, drift: Drift | None = None) -> None:
        self.edges, self.drift = edges, drift or Drift(target)
        self.proofs, self.exposures = Proofs(1, edges, target, delta), np.zeros((len(edges), len(edges)))
        self.labelled, self.audits = 0, 0
        self.epochs: list[_Epoch] = []

    @property
    def level(self) -> int:
        return int(self.proofs.levels[0])

    @property
    def found(self) -> Array:
        found: Array = self.proofs.found[0]
        return found

    def add(self, policy: Policy, counts: Array, at_stage: int | None = None) -> None:
        """Positives found under a policy. It asks a bin with at least the probability at its lower edge."""
        number = int(stage(self.found.sum())) if at_stage is None else at_stage
        if not self.epochs or (self.epochs[-1].policy, self.epochs[-1].stage) != (policy, number):
            self.epochs.append(_Epoch(policy, number, np.zeros(len(self.edges))))
        self.epochs[-1].counts[:] += counts
        asked = policy.probability(self.edges)
        self.proofs.add(counts[None], asked[None], np.array([number]))
        self.exposures += np.outer(asked, counts)

    def to_state(self) -> dict[str, Any]:
        return {
            "labelled": self.labelled,
            "audits": self.audits,
            "level": self.level,
            "drift": self.drift.to_state(),
            "epochs": [
                {
                    "policy": epoch.policy.to_state(),
                    "stage": epoch.stage,
                    "found": [[int(k), int(epoch.counts[k])] for k in np.flatnonzero(epoch.counts)],
                }
                for epoch in self.epochs
            ],
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        self.drift = Drift.from_state(state["drift"])
        self.labelled, self.audits = int(state["labelled"]), int(state["audits"])
        for epoch in state["epochs"]:
            counts = np.zeros(len(self.edges))
            for place, count in epoch["found"]:
                counts[int(place)] = int(count)
            self.add(Policy.from_state(epoch["policy"]), counts, int(epoch["stage"]))
        self.proofs.levels[0] = int(state["level"])


class Certifier:
    """The threshold of one ICP, the evidence for it, and the policy of audits that gathers more.

    `target` is the recall promised, `delta` the probability of a broken promise, `grid` the thresholds that may come to be,
    rising evenly from 0. Raises ValueError for values that cannot be.
    """

    def __init__(self, target: float = 0.95, delta: float = 0.05, grid: Any = GRID, audit: AuditRule | None = None) -> None:
        if not 0.5 <= target < 1 or not 0 < delta < 0.5:
            raise ValueError(f"target {target} must lie in [0.5, 1) and delta {delta} in (0, 0.5)")
        self.edges = np.asarray(grid, dtype=float)
        if self.edges.ndim != 1 or len(self.edges) < 2 or self.edges[0] != 0 or not (np.diff(self.edges) > 0).all():
            raise ValueError("the grid must rise from 0 (a threshold that passes everything) and hold two thresholds or more")
        if self.edges[-1] >= 1:
            raise ValueError("the grid must end below 1, the highest score")
        self.target, self.delta, self.audit = float(target), float(delta), audit or AuditRule()
        self.arrivals = np.zeros(len(self.edges), dtype=int)
        self.alarms, self.last_alarm = 0, ""
        self._shares: Array | None = None
        self._evidence = self._fresh()

    @property
    def threshold(self) -> float:
        """The threshold in force: scores at or above it pass. 0 passes everything."""
        return float(self.edges[max(evidence.level for evidence in self._evidence.values())])

    @property
    def drift(self) -> float:
        """How strongly the last positives speak for a drift, of the kind that speaks loudest: an alarm at 1."""
        return max(evidence.drift.evidence for evidence in self._evidence.values())

    def policy(self) -> Policy:
        """Who is asked now. Keep it with each signal until its label comes: `observe` needs the one that drew it."""
        positives = int(max(evidence.found.sum() for evidence in self._evidence.values()))
        total = self.arrivals.sum()
        stage = 2 ** int(np.log2(total)) if total >= 1000 else 0
        return self.audit.policy(self.threshold, positives, self._shares if stage else None, self.edges)

    def arrived(self, scores: Any) -> None:
        """Signals that came, asked or not: for the share that passes and the budget of audits."""
        before = int(self.arrivals.sum())
        np.add.at(self.arrivals, self._bins(np.atleast_1d(np.asarray(scores, dtype=float))), 1)
        after = int(self.arrivals.sum())
        if after >= 1000 and (before < 1000 or int(np.log2(after)) > int(np.log2(before))):
            self._shares = self.arrivals / after  # in steps only, so that few policies are to be remembered

    def observe(self, scores: Any, positives: Any, policy: Policy, kind: Kind = "model") -> bool:
        """Take in signals that were drawn under `policy` and got a label; true where a drift was noticed.

        `scores` (0 to 1) and `positives` (wanted or not) have one entry for each. For the user's verdicts the same must hold:
        what is shown for a verdict is drawn by the policy, or by a share of it that is the same for all scores. Replaying the
        same calls gives the same state. Raises ValueError for scores that are no numbers from 0 to 1; nothing is taken in then.
        """
        evidence = self._evidence.get(kind)
        if evidence is None:
            raise ValueError(f"evidence of the kind {kind!r} is unknown: use one of {', '.join(KINDS)}")
        scores, positives = np.atleast_1d(np.asarray(scores, dtype=float)), np.atleast_1d(np.asarray(positives, dtype=bool))
        if scores.shape != positives.shape:
            raise ValueError(f"{len(scores)} scores and {len(positives)} labels: give one label for each score")
        bins = self._bins(scores)
        evidence.labelled += len(scores)
        evidence.audits += int((scores < policy.threshold).sum())
        wanted = scores[positives]
        for score, asked in zip(wanted, policy.probability(wanted), strict=True):
            if evidence.drift.observe(float(score), float(asked), policy.threshold):
                self._begin_anew(evidence.drift.reason, kind)
                return True
        if len(wanted):
            evidence.add(policy, np.bincount(bins[positives], minlength=len(self.edges)).astype(float))
            evidence.proofs.advance()
        return False

    def certificate(self) -> Certificate:
        """What is promised now."""
        level = max(evidence.level for evidence in self._evidence.values())
        rests_on: Kind | None = next((kind for kind in KINDS if level and self._evidence[kind].level == level), None)
        low, high, recall = 0.0, 1.0, None
        if rests_on is None:
            low, recall = 1.0, 1.0
        else:
            evidence = self._evidence[rests_on]
            recall = estimated(evidence.found, evidence.exposures, level)
            low, high = recall_interval(evidence.proofs, evidence.exposures, level)
            low = max(round(low, 6), self.target)
            recall = None if recall is None else round(recall, 6)
        total = int(self.arrivals.sum())
        return Certificate(
            threshold=self.threshold,
            target=self.target,
            confidence=1 - self.delta,
            rests_on=rests_on,
            labelled={kind: evidence.labelled for kind, evidence in self._evidence.items()},
            positives={kind: int(evidence.found.sum()) for kind, evidence in self._evidence.items()},
            audits={kind: evidence.audits for kind, evidence in self._evidence.items()},
            misses={kind: int(evidence.found[:level].sum()) for kind, evidence in self._evidence.items()},
            recall=recall,
            recall_low=low,
            recall_high=max(low, round(high, 6)),
            share_passed=float(self.arrivals[level:].sum() / total) if total else None,
            arrived=total,
            alarms=self.alarms,
            last_alarm=self.last_alarm,
            version=self._version(level),
        )

    def to_state(self) -> dict[str, Any]:
        """All that is known, as plain JSON values."""
        return {
            "target": self.target,
            "delta": self.delta,
            "grid": [float(edge) for edge in self.edges],
            "audit": {name: getattr(self.audit, name) for name in ("floor", "near", "reach", "budget")},
            "arrivals": [int(count) for count in self.arrivals],
            "shares": None if self._shares is None else [float(share) for share in self._shares],
            "alarms": self.alarms,
            "last_alarm": self.last_alarm,
            "evidence": {kind: evidence.to_state() for kind, evidence in self._evidence.items()},
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Certifier:
        """The certifier as it was. Raises ValueError where the state is damaged."""
        try:
            found = cls(float(state["target"]), float(state["delta"]), state["grid"], AuditRule(**state["audit"]))
            found.arrivals[:] = state["arrivals"]
            found._shares = None if state["shares"] is None else np.array(state["shares"], dtype=float)
            found.alarms, found.last_alarm = int(state["alarms"]), str(state["last_alarm"])
            for kind in KINDS:
                found._evidence[kind].restore(state["evidence"][kind])
        except (KeyError, TypeError, IndexError) as error:
            raise ValueError(
                f"the kept evidence for a threshold is damaged ({error!r}): begin anew, everything passes"
            ) from None
        return found

    def _fresh(self) -> dict[str, _Evidence]:
        return {kind: _Evidence(self.edges, self.target, self.delta) for kind in KINDS}

    def _begin_anew(self, reason: str, kind: Kind) -> None:
        self.alarms += 1
        self.last_alarm = f"a drift ({reason}, by {'your verdicts' if kind == 'user' else 'model answers'})"
        self._evidence = self._fresh()

    def _bins(self, scores: Array) -> Array:
        if not ((scores >= 0) & (scores <= 1)).all():
            raise ValueError("a score is no number from 0 to 1: divide scores of 0 to 100 by 100")
        return np.searchsorted(self.edges, scores, side="right") - 1

    def _version(self, level: int) -> str:
        kept = [self.target, self.delta, self.alarms, level, *(self._evidence[kind].labelled for kind in KINDS)]
        return f"certificate@{hashlib.blake2b(json.dumps(kept).encode(), digest_size=4).hexdigest()}"
