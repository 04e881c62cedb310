"""Answers for an earlier signal that would be given again today, as a reading of another signal."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass

from leadd.api import Classification, Method, Role, Signal
from leadd.core.prefilter import Keep
from leadd.core.profiles import Profile
from leadd.core.prompts.arms import Arms
from leadd.core.reading import RULE, Reading, prefilter_judgement
from leadd.core.text import NORMALISER_VERSION
from leadd.core.triage import NO
from leadd.inference import Inference
from leadd.store import Store, StoreUnavailable
from leadd.store.rows import JudgementRow, NewJudgement

TWIN = "twin"
NEAR = "near"
ASKED_WITH = "asked_with."
"""Name of a durable fact, before role and digest: what these weights are asked with, and since when."""
PROMPT_OF = {"triage": (Role.TRIAGE, "triage"), "classify": (Role.CLASSIFY, "classification")}


@dataclass(frozen=True, slots=True)
class Taken:
    """A reading made of an earlier signal's answers: the model `calls` and `tokens` they had cost, and what the prefilter had
    said of that signal (None where the journal does not know)."""

    reading: Reading
    calls: int
    tokens: int
    prefilter: JudgementRow | None


class StandingAnswers:
    """Reads the journal of earlier signals, and knows whether the same would be asked of the same models today."""

    def __init__(self, store: Store, inference: Inference, arms: Arms) -> None:
        self._store = store
        self._inference = inference
        self._arms = arms
        self._noted: dict[tuple[Role, str], tuple[str, int]] = {}

    async def of(self, earlier_id: int, signal: Signal, profile: Profile, keep: Keep, *, how: str) -> Taken | None:
        """The reading of `signal` by the answers for the earlier one, or None where they no longer hold.

        `how` is `TWIN` (says the same) or `NEAR` (nearly the same); it is written into the journal. Answers that were taken
        from a near duplicate themselves are never passed on: a chain of small steps would lead anywhere.
        """
        await self.note_settings()
        rows = await self._store.judgements.for_signal(earlier_id)
        rows = [r for r in rows if r.icp_id == profile.id and not r.superseded and r.cache != NEAR]
        triage = _answered(rows, "triage")
        if triage is None or not self._hold(triage, signal, profile):
            return None
        classify = _answered(rows, "classify")
        if classify is not None and not self._hold(classify, signal, profile):
            return None
        answers = [row for row in (triage, classify) if row is not None]
        said = f"says {'' if how == TWIN else 'nearly '}the same"
        copies = (prefilter_judgement(signal, profile, keep), *(_copy(signal, row, earlier_id, how, said) for row in answers))
        reasons = (f"{said} as signal {earlier_id}",)
        if classify is not None and classify.answer is not None:
            answer = Classification.model_validate({k: v for k, v in classify.answer.items() if k != "score_data_quality"})
            reading = Reading(True, answer, classify.method, reasons, copies, True)
        elif triage.decision == NO:
            reading = Reading(False, None, triage.method, reasons, copies, True)
        else:
            return None
        asked = [row for row in answers if row.method == Method.MODEL]
        tokens = sum(row.prompt_tokens + row.output_tokens for row in asked)
        return Taken(reading, len(asked), tokens, next((r for r in reversed(rows) if r.stage == "prefilter"), None))

    async def note_settings(self) -> None:
        """Take note of what the models are asked with now. Meant to be called before anything is asked.

        The journal does not hold temperature, window, token cap and quantization. So it is kept, by role and weights, since
        when they are as they are: what was answered before holds no longer. Of the time before the first note nothing is known.
        """
        for role, _ in PROMPT_OF.values():
            for digest, settings in self._inference.settings_of(role).items():
                at = (role, digest)
                if self._noted.get(at, ("", 0))[0] == settings:
                    continue
                self._noted.pop(at, None)
                with suppress(StoreUnavailable):  # until it is noted nothing holds, and the models are asked
                    since_ms = await self._store.schedule.since(f"{ASKED_WITH}{role.value}.{digest}", settings)
                    self._noted[at] = (settings, since_ms)

    def scope(self, profile: Profile, signal: Signal | None = None) -> str:
        """Another text whenever the ICP, a prompt, the weights that answer, what they are asked with, or the rules by which
        texts are cleaned changed: evidence holds within one scope.

        The prompts are those that a signal is asked with, which an experiment may choose; without one, those in force."""
        parts = [profile.content_hash, NORMALISER_VERSION]
        for role, prompt in PROMPT_OF.values():
            asked = (f"{digest} {settings}" for digest, settings in sorted(self._inference.settings_of(role).items()))
            parts += [self._arms.template(prompt, signal).info.content_hash, *asked]
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]

    def by_model(self) -> bool:
        """Whether a model, and not the reader of evidence, would be asked now."""
        return all(self._inference.availability(role).method == Method.MODEL for role, _ in PROMPT_OF.values())

    def _hold(self, row: JudgementRow, signal: Signal, profile: Profile) -> bool:
        """An answer holds while the same question would be put to the same models: neither ICP, prompt, models nor what these
        are asked with changed.

        So does a triage that was settled without asking: it names the prompt and the model that it was settled for.
        """
        role, prompt = PROMPT_OF[row.stage]
        now = self._inference.availability(role)
        method = Method.MODEL.value if row.method == RULE else row.method
        if not now.ok or now.method != method or row.created_at_ms < profile.updated_at_ms:
            return False
        if row.prompt_hash != self._arms.template(prompt, signal).info.content_hash:
            return False
        if row.method == Method.EVIDENCE:
            return True
        noted = self._noted.get((role, row.digest))
        return row.digest in self._inference.digests_of(role) and noted is not None and row.created_at_ms > noted[1]


def _answered(rows: list[JudgementRow], stage: str) -> JudgementRow | None:
    found = [r for r in rows if r.stage == stage and r.decision != "failed" and r.answer is not None]
    return found[-1] if found else None


def _copy(signal: Signal, row: JudgementRow, earlier_id: int, how: str, said: str) -> NewJudgement:
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
        reasons=(f"the answer for signal {earlier_id}, which {said}",),
        key=row.key,
        prompt=row.prompt,
        prompt_hash=row.prompt_hash,
        model=row.model,
        digest=row.digest,
        server_version=row.server_version,
        cache=how,
    )
