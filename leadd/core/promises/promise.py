"""The promise for one ICP while it is in force: a scorer that stands still, the certified threshold, and who is audited.

The first signals only show the stream (`WARM_UP`): all of them pass, and how common words are in it is learnt. Then scores
stand still, and evidence for a threshold begins to count.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from leadd.api import Signal
from leadd.core.profiles import Profile
from leadd.core.promises.choices import Choice
from leadd.core.promises.icp_scorer import IcpScorer, Scored, Words
from leadd.core.promises.teaching import BAD, GOOD
from leadd.learn.proofs.auditing import AuditRule, Policy, draw
from leadd.learn.proofs.certifying import GRID, Certificate, Certifier, Kind
from leadd.learn.scoring.scorer import ScorerInvalid
from leadd.store.choice_rows import ChoiceCounts, ChoiceRow, ChooserRow, JudgedRow

WARM_UP = 300
"""Signals that only show how common words are in the stream, before scores stand still."""

BLOCK = 10
"""So many leads in a row must all have a verdict before any of these counts as evidence: whoever judges only what looks best
would prove too much."""

Labelled = tuple[float, bool, tuple[float, float, float, float]]
"""The score of a signal, whether it is wanted, and the policy that brought it."""

EVERYTHING = Policy(0.0, 1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class Terms:
    """What is promised, and the most that may be spent on proving it (shares, all)."""

    recall: float = 0.95
    confidence: float = 0.95
    audit_share: float = 0.1

    def certifier(self) -> Certifier:
        """A certifier without evidence: everything passes."""
        audit = AuditRule()
        rule = AuditRule(floor=min(audit.floor, self.audit_share), near=audit.near, reach=audit.reach, budget=self.audit_share)
        return Certifier(self.recall, 1 - self.confidence, GRID, rule)

    def fits(self, certifier: Certifier) -> bool:
        """Whether a certifier works under these terms."""
        fresh = self.certifier()
        return (fresh.target, fresh.delta, fresh.audit) == (certifier.target, certifier.delta, certifier.audit)


class Promise:
    """Chooses for one ICP, and takes in what became of it. `choose` may run in one thread while `take` runs in another."""

    def __init__(self, row: ChooserRow, profile: Profile, scorer: IcpScorer, certifier: Certifier | None) -> None:
        self.row = row
        self.profile = profile
        self.scorer = scorer
        self.certifier = certifier
        self.kept_documents = scorer.documents
        self.broken = ""
        """Why a kept part could not be used, '' where all could."""
        self._in_force = self._now()

    @classmethod
    def open(cls, row: ChooserRow, profile: Profile, bodies: Mapping[str, bytes], terms: Terms) -> Promise:
        """The promise as it was kept. Where its state is damaged, or other terms are set, the evidence is counted anew from the
        first row on; where its scorer is, scores go by the fit without verdicts and all of the evidence is void."""
        try:
            scorer = _scorer(row, profile, bodies)
        except (ScorerInvalid, KeyError, ValueError) as error:
            scorer = IcpScorer(profile.expansion, fixed={}, learnt={}, deciding=None, ranking=None)
            found = cls(replace(row, state=None), profile, scorer, None)
            found.broken = f"the kept scorer cannot be used ({error})"
            return found
        if row.state is None:
            return cls(row, profile, scorer, None)
        try:
            certifier = Certifier.from_state(row.state)
        except ValueError:
            certifier = None
        if certifier is None or not terms.fits(certifier):
            return cls(replace(row, cursor=0, user_cursor=0), profile, scorer, terms.certifier())
        return cls(row, profile, scorer, certifier)

    @property
    def is_known(self) -> bool:
        """Whether enough of the stream was seen for scores to stand still."""
        return self.scorer.documents >= WARM_UP

    @property
    def policy(self) -> Policy:
        """Who is asked now."""
        return self._in_force[0]

    def choose(self, signals: Sequence[Signal], words: Sequence[Words]) -> list[Choice]:
        """What follows for each signal; takes them into the statistics of the stream."""
        policy, certificate = self._in_force
        scored = self.scorer.score(words)
        self.scorer.note(scored.signs)
        asked = policy.probability(scored.scores)
        bins = np.searchsorted(GRID, scored.scores, side="right") - 1
        plan = (policy.threshold, policy.floor, policy.near, policy.reach)
        version = self.row.deciding or "untaught"
        found = []
        for place, signal in enumerate(signals):
            score = float(scored.scores[place])
            audited = score < policy.threshold and draw(signal.content_hash) < float(asked[place])
            speaks, against = self._why(words[place], scored, place, signal)
            found.append(
                Choice(
                    self.row.id, int(bins[place]), score, float(scored.ranks[place]), plan, audited, certificate, version,
                    speaks, against,
                )
            )  # fmt: skip
        return found

    def take(self, rows: Sequence[ChoiceRow], counts: ChoiceCounts) -> bool:
        """Take in signals that were read, and how many came; true where a drift was noticed. In runs that end with a wanted
        signal: so the state is the same however the rows are cut into pieces."""
        assert self.certifier is not None
        self._arrived(counts)
        alarmed = self._observe([(r.score, r.matched, r.policy) for r in rows], "model")
        if rows:
            self.row = replace(self.row, cursor=rows[-1].id)
        return alarmed

    def take_judged(self, rows: Sequence[JudgedRow]) -> bool:
        """Take in the user's verdicts on the leads that this promise brought, in whole blocks; true where a drift was noticed.

        The first block of which all are judged counts, then the next; one that is left half judged when a later one is whole
        never counts.
        """
        alarmed = False
        for begin in range(0, len(rows) - BLOCK + 1, BLOCK):
            block = rows[begin : begin + BLOCK]
            if all(row.verdict in GOOD | BAD for row in block):
                alarmed |= self._observe([(r.score, r.verdict in GOOD, r.policy) for r in block], "user")
                self.row = replace(self.row, user_cursor=block[-1].choice_id)
        return alarmed

    def settle(self) -> ChooserRow:
        """Put in force what the evidence says now, and give the row to keep."""
        self._in_force = self._now()
        self.kept_documents = self.scorer.documents
        state = None if self.certifier is None else self.certifier.to_state()
        self.row = replace(self.row, state=state, learnt=self.scorer.learnt())
        return self.row

    def successor(self, terms: Terms, *, deciding: str) -> ChooserRow:
        """The row of the next epoch: scores by what is known now, no evidence, everything passes."""
        learnt = self.scorer.learnt()
        return ChooserRow(
            0, self.row.icp_id, self.row.scope, self.row.epoch + 1, deciding, self.row.ranking, learnt, learnt,
            terms.certifier().to_state(), trained=self.row.trained,
        )  # fmt: skip

    def certificate(self) -> Certificate | None:
        """What is promised now; None while the stream is being got to know."""
        return None if self.certifier is None else self.certifier.certificate()

    def _why(self, words: Words, scored: Scored, place: int, signal: Signal) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return self.scorer.why(words, scored.signs[place], signal.source)

    def _now(self) -> tuple[Policy, str]:
        if self.certifier is None:
            return EVERYTHING, "warm-up"
        return self.certifier.policy(), self.certifier.certificate().version

    def _arrived(self, counts: ChoiceCounts) -> None:
        assert self.certifier is not None
        total = np.zeros(len(GRID), dtype=int)
        for by_bin in (counts.passed, counts.dropped):
            for place, count in by_bin.items():
                total[place] += count
        new = np.maximum(total - self.certifier.arrivals, 0)
        if new.any():
            self.certifier.arrived(np.repeat(self.certifier.edges, new))

    def _observe(self, rows: Sequence[Labelled], kind: Kind) -> bool:
        assert self.certifier is not None
        alarmed = False
        for scores, wanted, policy in _runs(rows):
            alarmed |= self.certifier.observe(scores, wanted, policy, kind)
        return alarmed


def _runs(
    rows: Sequence[tuple[float, bool, tuple[float, float, float, float]]],
) -> Iterator[tuple[list[float], list[bool], Policy]]:
    """Rows of one policy, up to and with the next wanted one."""
    scores: list[float] = []
    wanted: list[bool] = []
    before: tuple[float, float, float, float] | None = None
    for score, is_wanted, policy in rows:
        if before is not None and policy != before and scores:
            yield scores, wanted, Policy(*before)
            scores, wanted = [], []
        before = policy
        scores.append(score)
        wanted.append(is_wanted)
        if is_wanted:
            yield scores, wanted, Policy(*policy)
            scores, wanted = [], []
    if scores and before is not None:
        yield scores, wanted, Policy(*before)


def _scorer(row: ChooserRow, profile: Profile, bodies: Mapping[str, bytes]) -> IcpScorer:
    deciding = bodies[row.deciding] if row.deciding else None
    ranking = bodies.get(row.ranking) if row.ranking else None
    return IcpScorer(profile.expansion, fixed=row.fixed, learnt=row.learnt, deciding=deciding, ranking=ranking)
