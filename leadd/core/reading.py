"""Asking the models about one signal for one ICP: triage, then classification, each answer journaled before it is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from leadd.api import Classification, Clock, Method, ModelFailure, Role, Signal
from leadd.core import questions, triage
from leadd.core.excerpts import Excerpt
from leadd.core.prefilter import Keep
from leadd.core.profiles import Profile
from leadd.core.promises.choices import Choice
from leadd.core.prompts.arms import Arms
from leadd.core.questions import Shown
from leadd.core.scales import Scales
from leadd.core.triage import NO, YES, Decision
from leadd.inference import Answer, Inference, Question
from leadd.store import Store
from leadd.store.rows import JudgementRow, NewJudgement

RULE = "rule"
"""The method of what no model was asked about."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What the models said. `classification` is None where triage said no.

    `judgements` are those not yet journaled: whoever makes something of the reading journals them in the same transaction.
    `paid` says that a model's answer is among them; `Reader.keep` journals them at once.
    """

    worth: bool
    classification: Classification | None
    method: str
    reasons: tuple[str, ...]
    judgements: tuple[NewJudgement, ...]
    all_cached: bool
    paid: bool = False


@dataclass(slots=True)
class _Course:
    """One reading while it goes on."""

    signal: Signal
    profile: Profile
    known: triage.Known
    priority: int
    resumed: bool
    unwritten: list[NewJudgement] = field(default_factory=list)
    cached: bool = True
    paid: bool = False


@dataclass(frozen=True, slots=True)
class _Triaged:
    """What triage came to. `promise` (0 to 1) is how likely a closer look pays."""

    worth: bool
    method: str
    reason: str
    promise: float


class Reader:
    """Puts the questions and keeps the journal. A failure of a model comes out as ModelFailure, never as an answer.

    `worth_from` is the least probability of all the evidence together for a closer look; `details_from` is the score from which
    a classification has prose (see `questions.classify`).
    """

    def __init__(
        self, store: Store, inference: Inference, arms: Arms, clock: Clock, *, worth_from: float = 0.5,
        details_from: int = 60,
    ) -> None:  # fmt: skip
        self._store = store
        self._inference = inference
        self._arms = arms
        self._details_from = details_from
        self._scales = Scales(store, inference, arms, clock, worth_from=worth_from)

    async def read(
        self,
        signal: Signal,
        profile: Profile,
        keep: Keep,
        *,
        priority: int = 0,
        resumed: bool = False,
        similarity: float | None = None,
        closely: bool = False,
    ) -> Reading:
        """Ask triage, and classification where the evidence together says yes. Raises ModelFailure.

        `resumed` says that an earlier try may have got answers: those in the journal are used, so a crash never pays twice.
        `similarity` is the cosine of the signal with the ICP, where vectors are made. A person's question has a priority of its
        own; without one (0) the more promising signal is asked about first. `closely` goes straight to the classification: a
        person has said that the signal is worth it.
        """
        course = _Course(signal, profile, triage.Known(keep, similarity), priority, resumed)
        course.unwritten.append(prefilter_judgement(signal, profile, keep))
        found = _Triaged(True, RULE, "", 1.0) if closely else await self._triage(course)
        if not found.worth:
            return Reading(False, None, found.method, (found.reason,), tuple(course.unwritten), course.cached, course.paid)
        if course.paid:
            # Paid for: into the journal before the next question, so that no crash can ask the same again.
            await self._write(course)
        shown = self._show("classification", Role.CLASSIFY, course, questions.CLASSIFY_CHARS)
        question = self._classify_question(course, shown, found.promise)
        earlier = await self._from_journal(course, "classify", question)
        if earlier is not None and earlier.answer is not None:
            data, method = earlier.answer, earlier.method
        else:
            answer = await self._ask(course, "classify", question)
            course.unwritten.append(answered_judgement(signal, profile, "classify", answer, shown.excerpt))
            data, method = answer.data, str(answer.provenance.method)
        classification = Classification.model_validate(data)
        return Reading(True, classification, method, (), tuple(course.unwritten), course.cached, course.paid)

    def questions(self, signal: Signal, profile: Profile) -> dict[str, Question]:
        """What would be asked about a signal now, by stage, as its turn comes (not as for a person who waits)."""
        keep = Keep(0.0, 0.0, ())
        course = _Course(signal, profile, triage.Known(keep, None), 0, False)
        first = self._show("triage", Role.TRIAGE, course, questions.TRIAGE_CHARS)
        second = self._show("classification", Role.CLASSIFY, course, questions.CLASSIFY_CHARS)
        return {"triage": self._triage_question(course, first), "classify": self._classify_question(course, second, 0.0)}

    async def keep(self, reading: Reading) -> Reading:
        """Journal now what a reading still holds; for a reading that something else comes after."""
        await self._store.judgements.add_many(reading.judgements)
        return replace(reading, judgements=(), paid=False)

    async def _triage(self, course: _Course) -> _Triaged:
        signal, profile = course.signal, course.profile
        shown: Shown | None = None
        if course.resumed:
            shown = self._show("triage", Role.TRIAGE, course, questions.TRIAGE_CHARS)
            earlier = await self._from_journal(course, "triage", self._triage_question(course, shown))
            if earlier is not None and earlier.answer is not None:
                return _triaged(earlier.answer, earlier.method, earlier.reasons)
        many, settled = await self._scales.stands_for(signal, profile, course.known, course.priority)
        if settled is not None:
            course.unwritten.append(settled_judgement(signal, profile, settled))
            return _Triaged(settled.worth, RULE, settled.reason, settled.joined.probability)
        shown = shown or self._show("triage", Role.TRIAGE, course, questions.TRIAGE_CHARS)
        answer = await self._ask(course, "triage", self._triage_question(course, shown))
        row = answered_judgement(signal, profile, "triage", answer, shown.excerpt)
        if answer.provenance.method != Method.MODEL:
            # The reader of evidence has weighed the words itself; what it saw is kept for the day a model joins in.
            row = replace(row, answer=answer.data | {"evidence": course.known.evidence()})
            course.unwritten.append(row)
            return _triaged(answer.data, row.method, row.reasons)
        decision = await self._scales.decide(
            signal, profile, course.known, answer.data, answer.provenance.digest, answer.provenance.prompt_hash,
            stands_for=many, priority=course.priority or round(course.known.keep.rank),
        )  # fmt: skip
        course.unwritten.append(weighed(row, decision))
        return _Triaged(decision.worth, row.method, decision.reason, decision.joined.probability)

    def _triage_question(self, course: _Course, shown: Shown) -> Question:
        priority = course.priority or round(course.known.keep.rank)
        return triage.question(course.profile.icp, course.signal, shown.rendered, priority=priority)

    def _classify_question(self, course: _Course, shown: Shown, promise: float) -> Question:
        return questions.classify(
            course.profile.icp, course.signal, shown.rendered, priority=course.priority or 100 + round(100 * promise),
            details_from=self._details_from, excerpt=shown.excerpt,
        )  # fmt: skip

    def _show(self, name: str, role: Role, course: _Course, most_chars: int) -> Shown:
        return questions.show_template(
            self._arms.template(name, course.signal), course.profile.icp, course.signal, ceiling_chars=most_chars,
            chars_per_token=self._inference.chars_per_token(role), limit_tokens=self._inference.token_budget(role),
        )  # fmt: skip

    async def _ask(self, course: _Course, stage: str, question: Question) -> Answer:
        try:
            answer = await self._inference.ask(replace(question, again=course.resumed))
        except ModelFailure as failure:
            if course.unwritten:
                await self._write(course)
            await self._store.judgements.add(failed_judgement(course.signal, course.profile, stage, question, failure))
            raise
        if answer.provenance.cache != "hit":
            course.cached = False
        if answer.provenance.cache == "miss" and answer.provenance.method == Method.MODEL:
            course.paid = True
        return answer

    async def _from_journal(self, course: _Course, stage: str, question: Question) -> JudgementRow | None:
        if not course.resumed:
            return None
        for key in await self._inference.keys_of(question):
            row = await self._store.judgements.find_answer(course.signal.id, course.profile.id, stage, key)
            if row is not None:
                return row
        return None

    async def _write(self, course: _Course) -> None:
        await self._store.judgements.add_many(tuple(course.unwritten))
        course.unwritten.clear()
        course.paid = False


def _triaged(answer: Mapping[str, Any], method: str, reasons: Sequence[str]) -> _Triaged:
    """What an answer of triage says by itself: one of the journal, or one that nothing is joined with."""
    share = answer.get("probability")
    promise = share if isinstance(share, int | float) else 0.5
    return _Triaged(triage.is_worth(answer), method, reasons[0] if reasons else "", promise)


def prefilter_judgement(signal: Signal, profile: Profile, keep: Keep) -> NewJudgement:
    """The journal row of a signal that the prefilter let pass."""
    if keep.choice is not None:
        return chosen_judgement(signal, profile, keep.choice, keep.score, keep.reasons)
    return NewJudgement(
        signal_id=signal.id,
        icp_id=profile.id,
        stage="prefilter",
        decision="keep",
        method="rule",
        score=keep.score,
        threshold=keep.threshold,
        reasons=tuple(keep.reasons),
    )


def chosen_judgement(signal: Signal, profile: Profile, choice: Choice, points: float, reasons: Sequence[str]) -> NewJudgement:
    """The journal row of a signal that was chosen by a promise, or dropped: score and threshold in percent, and the versions
    that this rests on. `points` and `reasons` are those of the rules."""
    return NewJudgement(
        signal_id=signal.id,
        icp_id=profile.id,
        stage="prefilter",
        decision="keep" if choice.goes_on else "drop",
        method="rule",
        score=round(100 * choice.score, 2),
        threshold=round(100 * choice.threshold, 2),
        rule=choice.rule,
        answer=choice.journal(points),
        reasons=(choice.reason, *reasons),
    )


def failed_judgement(signal: Signal, profile: Profile, stage: str, question: Question, failure: ModelFailure) -> NewJudgement:
    """The journal row of a question that got no answer: the failure by name, and what came instead."""
    return NewJudgement(
        signal_id=signal.id,
        icp_id=profile.id,
        stage=stage,
        decision="failed",
        method=Method.MODEL.value,
        reasons=(failure.message,),
        prompt=question.prompt_label,
        prompt_hash=question.prompt_hash,
        model=failure.model,
        failure=failure.kind.value,
        raw=failure.raw[:4000],
    )


def settled_judgement(signal: Signal, profile: Profile, decision: Decision) -> NewJudgement:
    """The journal row of a triage that the other evidence settled, with the model and prompt that need not be asked."""
    digest, _, prompt_hash = decision.asked.rpartition("/")
    row = NewJudgement(signal_id=signal.id, icp_id=profile.id, stage="triage", decision="", method=RULE, rule="evidence")
    return weighed(replace(row, digest=digest, prompt_hash=prompt_hash), decision)


def weighed(row: NewJudgement, decision: Decision) -> NewJudgement:
    """A row of triage with what the evidence together says, in percent, instead of the model's word alone."""
    return replace(
        row,
        decision=YES if decision.worth else NO,
        answer=decision.answer,
        reasons=(decision.reason,),
        score=round(100 * decision.joined.probability, 1),
        threshold=round(100 * decision.worth_from, 1),
    )


def answered_judgement(
    signal: Signal, profile: Profile, stage: str, answer: Answer, excerpt: Excerpt | None = None
) -> NewJudgement:
    """The journal row of an answer, with all of its provenance; `excerpt` is what the model was shown of the text."""
    p = answer.provenance
    decision = DECISIONS[stage](answer.data)
    return NewJudgement(
        signal_id=signal.id,
        icp_id=profile.id,
        stage=stage,
        decision=decision,
        method=str(p.method),
        answer=answer.data,
        reasons=REASONS[stage](answer.data, str(p.method)),
        key=p.key,
        prompt=p.prompt_label,
        prompt_hash=p.prompt_hash,
        model=p.model,
        digest=p.digest,
        server_version=p.server_version,
        cache=p.cache,
        prompt_tokens=p.usage.prompt_tokens,
        output_tokens=p.usage.output_tokens,
        load_ms=p.usage.load_ms,
        prompt_ms=p.usage.prompt_ms,
        output_ms=p.usage.output_ms,
        queue_ms=p.usage.queue_ms,
        total_ms=p.usage.total_ms,
        done_reason=p.done_reason,
        wait_ms=p.wait_ms,
        shown=shown_of(excerpt),
        instead_of=p.instead_of,
    )


def shown_of(excerpt: Excerpt | None) -> dict[str, int] | None:
    """How much of a text was shown, for the journal; None where all of it was."""
    if excerpt is None or not excerpt.is_cut:
        return None
    return {"chars": excerpt.total_chars, "kept": excerpt.kept_chars, "gaps": excerpt.gaps}


DECISIONS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "triage": lambda data: YES if triage.is_worth(data) else NO,
    "classify": lambda data: "match" if data.get("icp_match") else "no_match",
    "dossier": lambda data: "written",
}
REASONS: Mapping[str, Callable[[Mapping[str, Any], str], tuple[str, ...]]] = {
    "triage": lambda data, method: (triage.reason_of(data, method),),
    "classify": lambda data, method: (str(data["reason_short"]),) if data.get("reason_short") else (),
    "dossier": lambda data, method: (),
}
