"""Asking the models about one signal for one ICP: triage, then classification, each answer journaled before it is used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from leadd.api import Classification, Method, ModelFailure, Signal
from leadd.core import questions
from leadd.core.prefilter import Keep
from leadd.core.profiles import Profile
from leadd.inference import Answer, Inference, Question
from leadd.prompting import PromptBook, Rendered
from leadd.store import Store
from leadd.store.rows import JudgementRow, NewJudgement

YES = "yes"
NO = "no"


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
    resumed: bool
    unwritten: list[NewJudgement] = field(default_factory=list)
    cached: bool = True
    paid: bool = False


class Reader:
    """Puts the questions and keeps the journal. A failure of a model comes out as ModelFailure, never as an answer."""

    def __init__(self, store: Store, inference: Inference, prompts: PromptBook) -> None:
        self._store = store
        self._inference = inference
        self._prompts = prompts

    async def read(self, signal: Signal, profile: Profile, keep: Keep, *, priority: int = 0, resumed: bool = False) -> Reading:
        """Ask triage, and classification where triage says yes.

        `resumed` says that an earlier try may have got answers: those in the journal are used, so a crash never pays twice.
        Raises ModelFailure.
        """
        course = _Course(signal, profile, resumed)
        course.unwritten.append(prefilter_judgement(signal, profile, keep))
        rendered = self._render("triage", signal, profile, questions.TRIAGE_CHARS)
        question = questions.triage(profile.icp, signal, rendered, priority=priority)
        data, method = await self._put(course, "triage", question)
        worth = questions.is_worth(data)
        if not worth:
            reasons = (questions.triage_reason(data, method),)
            return Reading(False, None, method, reasons, tuple(course.unwritten), course.cached, course.paid)
        if course.paid:
            # Paid for: into the journal before the next question, so that no crash can ask the same again.
            await self._write(course)
        rendered = self._render("classification", signal, profile, questions.CLASSIFY_CHARS)
        question = questions.classify(profile.icp, signal, rendered, priority=priority)
        data, method = await self._put(course, "classify", question)
        classification = Classification.model_validate(data)
        return Reading(True, classification, method, (), tuple(course.unwritten), course.cached, course.paid)

    async def keep(self, reading: Reading) -> Reading:
        """Journal now what a reading still holds; for a reading that something else comes after."""
        await self._store.judgements.add_many(reading.judgements)
        return replace(reading, judgements=(), paid=False)

    def _render(self, name: str, signal: Signal, profile: Profile, budget_chars: int) -> Rendered:
        fields = questions.signal_fields(signal, profile.icp, budget_chars)
        return self._prompts.render(name, questions.variables_of(profile.icp), fields)

    async def _put(self, course: _Course, stage: str, question: Question) -> tuple[dict[str, Any], str]:
        if course.resumed:
            earlier = await self._from_journal(course, stage, question)
            if earlier is not None and earlier.answer is not None:
                return dict(earlier.answer), earlier.method
        try:
            answer = await self._inference.ask(question)
        except ModelFailure as failure:
            if course.unwritten:
                await self._write(course)
            await self._store.judgements.add(failed_judgement(course.signal, course.profile, stage, question, failure))
            raise
        judgement = answered_judgement(course.signal, course.profile, stage, answer)
        course.unwritten.append(judgement)
        if answer.provenance.cache != "hit":
            course.cached = False
        if answer.provenance.cache == "miss" and answer.provenance.method == Method.MODEL:
            course.paid = True
        return answer.data, answer.provenance.method

    async def _from_journal(self, course: _Course, stage: str, question: Question) -> JudgementRow | None:
        key = await self._inference.key_of(question)
        return await self._store.judgements.find_answer(course.signal.id, course.profile.id, stage, key)

    async def _write(self, course: _Course) -> None:
        await self._store.judgements.add_many(tuple(course.unwritten))
        course.unwritten.clear()
        course.paid = False


def prefilter_judgement(signal: Signal, profile: Profile, keep: Keep) -> NewJudgement:
    """The journal row of a signal that the prefilter let pass."""
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


def answered_judgement(signal: Signal, profile: Profile, stage: str, answer: Answer) -> NewJudgement:
    """The journal row of an answer, with all of its provenance."""
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
    )


DECISIONS: Mapping[str, Callable[[Mapping[str, Any]], str]] = {
    "triage": lambda data: YES if questions.is_worth(data) else NO,
    "classify": lambda data: "match" if data.get("icp_match") else "no_match",
    "dossier": lambda data: "written",
}
REASONS: Mapping[str, Callable[[Mapping[str, Any], str], tuple[str, ...]]] = {
    "triage": lambda data, method: (questions.triage_reason(data, method),),
    "classify": lambda data, method: (str(data["reason_short"]),) if data.get("reason_short") else (),
    "dossier": lambda data, method: (),
}
