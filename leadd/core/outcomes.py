"""From readings to rows: what a signal came to, for each ICP and in all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from leadd.api import Bucket, Classification, Contact, Method, Signal
from leadd.core import companies, quality, scoring
from leadd.core.prefilter import Drop
from leadd.core.profiles import Profile
from leadd.core.promises.choices import Choice
from leadd.core.reading import Reading, chosen_judgement
from leadd.store.choice_rows import NewChoice
from leadd.store.reuse_rows import Trace
from leadd.store.rows import Finish, IcpOutcome, LeadRecord, NewJudgement, SinkRef

FOUND_BY_AUDIT = "Found by audit: the prefilter would have dropped it; it was drawn at random to be read all the same."

RANK = {Bucket.FILTERED: 0, Bucket.PARKED: 1, Bucket.NURTURE: 2, Bucket.WARM: 3, Bucket.RED_HOT: 4}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one signal came to for one ICP: the score where a model answered, else why it was filtered."""

    profile: Profile
    bucket: Bucket
    total: int
    reasons: tuple[str, ...]
    method: str
    classification: dict[str, Any] | None
    judgements: tuple[NewJudgement, ...]
    cached: bool
    choice: Choice | None = None
    is_own: bool = False
    """Whether the models looked at this very signal: an answer that was taken over is no evidence of its own."""

    @property
    def makes_lead(self) -> bool:
        """A lead is made of what the model calls a match; a close look that found none is parked without a lead."""
        return self.classification is not None and bool(self.classification["icp_match"])

    @property
    def found_by_audit(self) -> bool:
        """A lead that the threshold would have missed."""
        return self.makes_lead and self.choice is not None and self.choice.audited


def drop_judgement(signal: Signal, profile: Profile, drop: Drop) -> NewJudgement:
    """The journal row of a signal that the prefilter dropped."""
    if drop.choice is not None:
        return chosen_judgement(signal, profile, drop.choice, drop.score or 0.0, ())
    return NewJudgement(
        signal_id=signal.id,
        icp_id=profile.id,
        stage="prefilter",
        decision="drop",
        method="rule",
        score=drop.score,
        threshold=drop.threshold,
        rule=drop.rule,
        reasons=(drop.reason,),
    )


def dropped(signal: Signal, profile: Profile, drop: Drop) -> Outcome:
    """The outcome of a drop."""
    row = drop_judgement(signal, profile, drop)
    return Outcome(profile, Bucket.FILTERED, 0, (drop.reason,), "rule", None, (row,), True, drop.choice)


def choices(ends: Sequence[Outcome]) -> tuple[NewChoice, ...]:
    """What the end of a signal adds to the evidence for each promise it was chosen by."""
    return tuple(
        end.choice.row(end.makes_lead if end.is_own and end.choice.goes_on else None) for end in ends if end.choice is not None
    )


def read(
    signal: Signal, profile: Profile, reading: Reading, contacts: Sequence[Contact], thresholds: scoring.Thresholds,
    choice: Choice | None = None, *, is_own: bool = False,
) -> Outcome:  # fmt: skip
    """The outcome of a reading: filtered where triage said no, else scored. `is_own` says that it is no earlier signal's."""
    if choice is not None and choice.audited and reading.classification is not None and reading.classification.icp_match:
        reading = replace(reading, reasons=(*reading.reasons, FOUND_BY_AUDIT))
    if reading.classification is None:
        found = Outcome(
            profile, Bucket.FILTERED, 0, reading.reasons, reading.method, None, reading.judgements, reading.all_cached
        )
    else:
        found = scored(signal, profile, reading.classification, reading.method, contacts, thresholds, reading)
    is_own = is_own and reading.method != Method.EVIDENCE
    if choice is not None and choice.audited and is_own:
        found = replace(found, judgements=(*found.judgements, _audit_judgement(signal, profile, choice, found)))
    return replace(found, choice=choice, is_own=is_own)


def _audit_judgement(signal: Signal, profile: Profile, choice: Choice, found: Outcome) -> NewJudgement:
    """The journal row of a look below the threshold: a match there is a miss of the prefilter."""
    return NewJudgement(
        signal_id=signal.id, icp_id=profile.id, stage="audit", decision="miss" if found.makes_lead else "no",
        method=found.method, rule="audit", score=round(100 * choice.score, 1), threshold=round(100 * choice.threshold, 1),
        reasons=(FOUND_BY_AUDIT,) if found.makes_lead else ("Read as a sample of what is dropped: rightly dropped.",),
    )  # fmt: skip


def scored(
    signal: Signal,
    profile: Profile,
    classification: Classification,
    method: str,
    contacts: Sequence[Contact],
    thresholds: scoring.Thresholds,
    reading: Reading,
) -> Outcome:
    """Points, bucket and reasons of a classification, with the journal row that lets the score be replayed."""
    company = companies.company_of(signal, contacts)
    known = quality.data_quality(company, contacts, signal)
    result = scoring.score(classification, known.points, thresholds)
    answer = classification.model_dump(mode="json") | {"score_data_quality": known.points}
    reasons = (*reading.reasons, *result.reasons, *known.reasons)
    row = NewJudgement(
        signal_id=signal.id,
        icp_id=profile.id,
        stage="score",
        decision=result.bucket.value,
        method=method,
        score=float(result.total),
        answer=dict(result.parts),
        reasons=reasons,
    )
    return Outcome(
        profile, result.bucket, result.total, reasons, method, answer, (*reading.judgements, row), reading.all_cached
    )


def best(outcomes: Sequence[Outcome]) -> Outcome:
    """The outcome that names the signal's own: the highest bucket, then the highest score."""
    return max(outcomes, key=lambda o: (RANK[o.bucket], o.total))


def lead_record(
    signal: Signal,
    outcomes: Sequence[Outcome],
    contacts: Sequence[Contact],
    sinks: Sequence[SinkRef],
    dossier_threshold: int,
    trace: Trace | None = None,
    choices: tuple[NewChoice, ...] = (),
) -> LeadRecord:
    """All that one transaction writes for a signal that was read."""
    top = best(outcomes)
    company = companies.company_of(signal, contacts)
    return LeadRecord(
        signal_id=signal.id,
        outcome=top.bucket.value,
        method=top.method,
        per_icp=tuple(
            IcpOutcome(
                icp_id=o.profile.id,
                icp_name=o.profile.icp.name,
                makes_lead=o.makes_lead,
                total=o.total,
                bucket=o.bucket.value,
                reasons=o.reasons,
                classification=o.classification or {},
                judgements=o.judgements,
            )
            for o in outcomes
        ),
        company=company,
        person_key=companies.person_key(signal, contacts),
        display_name=companies.display_name(signal, company),
        contacts=tuple(contacts),
        sinks=tuple(sinks),
        dossier_threshold=dossier_threshold,
        trace=trace,
        choices=choices,
    )


def finish(
    signal: Signal, outcomes: Sequence[Outcome], trace: Trace | None = None, choices: tuple[NewChoice, ...] = ()
) -> Finish:
    """The row change for a signal that made no lead and was never scored."""
    return Finish(
        signal_id=signal.id,
        outcome=Bucket.FILTERED.value,
        method=best(outcomes).method if outcomes else "rule",
        judgements=tuple(j for o in outcomes for j in o.judgements),
        trace=trace,
        choices=choices,
    )
