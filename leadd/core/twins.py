"""Signals that say the same as an earlier one: its answers are used again, and no model is asked."""

from __future__ import annotations

from collections.abc import Sequence

from leadd.api import Classification, Method, Role, Signal
from leadd.core import companies
from leadd.core.prefilter import Keep
from leadd.core.profiles import Profile
from leadd.core.reading import RULE, Reading, prefilter_judgement
from leadd.core.triage import NO
from leadd.inference import Inference
from leadd.prompting import PromptBook
from leadd.store import Store
from leadd.store.rows import JudgementRow, NewJudgement, SignalRow

PROMPT_OF = {"triage": (Role.TRIAGE, "triage"), "classify": (Role.CLASSIFY, "classification")}


class Twins:
    """Finds an earlier signal with the same title and text, of the same company and place, that is done for this ICP."""

    def __init__(self, store: Store, inference: Inference, prompts: PromptBook) -> None:
        self._store = store
        self._inference = inference
        self._prompts = prompts

    async def possible(self, signals: Sequence[Signal]) -> frozenset[int]:
        """The ids of those that have an earlier signal with the same text. What has none now never gets one: ids only grow."""
        return await self._store.signals.with_earlier([(s.content_hash, s.id) for s in signals])

    async def reading(self, signal: Signal, profile: Profile, keep: Keep) -> Reading | None:
        """What the twin's models said, or None where there is no twin whose answers still hold."""
        if signal.id == 0 or signal.asked_by_person:
            return None
        twin = await self._store.signals.find_by_content(signal.content_hash, signal.id)
        if twin is None or twin.state != "done" or not same_opening(signal, twin):
            return None
        rows = [r for r in await self._store.judgements.for_signal(twin.id) if r.icp_id == profile.id and not r.superseded]
        triage = _answered(rows, "triage")
        if triage is None or not await self._still_holds(triage, profile):
            return None
        classify = _answered(rows, "classify")
        if classify is not None and not await self._still_holds(classify, profile):
            return None
        copies = [prefilter_judgement(signal, profile, keep)]
        copies += [_copy(signal, row, twin.id) for row in (triage, classify) if row is not None]
        reasons = (f"says the same as signal {twin.id}",)
        if classify is None or classify.answer is None:
            return Reading(False, None, triage.method, reasons, tuple(copies), True) if triage.decision == NO else None
        answer = Classification.model_validate({k: v for k, v in classify.answer.items() if k != "score_data_quality"})
        return Reading(True, answer, classify.method, reasons, tuple(copies), True)

    async def _still_holds(self, row: JudgementRow, profile: Profile) -> bool:
        """An answer holds while the same question would be put to the same models: neither ICP, prompt nor models changed.

        So does a triage that was settled without asking: it names the prompt and the model that it was settled for.
        """
        role, prompt = PROMPT_OF[row.stage]
        now = self._inference.availability(role)
        method = Method.MODEL.value if row.method == RULE else row.method
        if not now.ok or now.method != method or row.created_at_ms < profile.updated_at_ms:
            return False
        if row.prompt_hash != self._prompts.in_force()[prompt].content_hash:
            return False
        return row.method == Method.EVIDENCE or row.digest in self._inference.digests_of(role)


def same_opening(signal: Signal, twin: SignalRow) -> bool:
    """Equal texts of different companies, or in different places, are different openings."""
    return _agree(companies.fold_name(signal.company or ""), companies.fold_name(twin.company or "")) and _agree(
        (signal.location or "").casefold(), (twin.location or "").casefold()
    )


def _agree(one: str, other: str) -> bool:
    return not one or not other or one == other


def _answered(rows: list[JudgementRow], stage: str) -> JudgementRow | None:
    found = [r for r in rows if r.stage == stage and r.decision != "failed" and r.answer is not None]
    return found[-1] if found else None


def _copy(signal: Signal, row: JudgementRow, twin_id: int) -> NewJudgement:
    return NewJudgement(
        signal_id=signal.id,
        icp_id=row.icp_id,
        stage=row.stage,
        decision=row.decision,
        score=row.score,
        threshold=row.threshold,
        rule=row.rule,
        method=row.method,
        answer=row.answer,
        reasons=(f"the answer for signal {twin_id}, which says the same",),
        key=row.key,
        prompt=row.prompt,
        prompt_hash=row.prompt_hash,
        model=row.model,
        digest=row.digest,
        server_version=row.server_version,
        cache="twin",
    )
