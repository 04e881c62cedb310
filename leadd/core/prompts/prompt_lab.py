"""What another version of a prompt would change: stored signals replayed, out of the journal and the cache before any model."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from leadd.api import Classification, Failure, Method, ModelFailure, Role
from leadd.config.settings import Settings
from leadd.core import questions, triage
from leadd.core.profiles import Profile, Profiles
from leadd.core.prompts.prompt_cases import ROLES, CaseReport, ask_case
from leadd.core.scoring import Thresholds, score
from leadd.inference import Inference, Question
from leadd.prompting import PromptError, PromptInfo, Template
from leadd.prompting.cases import CaseFile, Recorded
from leadd.store import Store
from leadd.store.rows import JudgementRow, SignalRow

STAGES: Mapping[str, tuple[str, Role]] = {"triage": ("triage", Role.TRIAGE), "classification": ("classify", Role.CLASSIFY)}
"""Prompts whose answers can be compared, with their stage in the journal. Dossiers are prose: any two differ."""

AT_ONCE = 16
MOST = 5000


@dataclass(frozen=True, slots=True)
class Told:
    """What one version says of one signal: in a few words, and where that is from (journal, cache, model)."""

    verdict: str
    detail: str
    origin: str


@dataclass(frozen=True, slots=True)
class Change:
    """A signal of which the two versions say different things."""

    signal_id: int
    icp: str
    title: str
    company: str | None
    a: Told
    b: Told


@dataclass(slots=True)
class Comparison:
    """How two versions of a prompt differ on stored signals.

    `looked_at` = `compared` + `settled` + `unknown`. `settled` were decided by the other evidence, so no wording matters;
    of `unknown` at least one version has no answer yet, and no call was left to get it. `origins` counts answers by where
    they are from, `failures` those of the model.
    """

    prompt: str
    a: PromptInfo
    b: PromptInfo
    looked_at: int = 0
    compared: int = 0
    settled: int = 0
    unknown: int = 0
    calls: int = 0
    failures: int = 0
    changes: list[Change] = field(default_factory=list)
    origins: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Budget:
    """Calls that the model may still be asked."""

    left: int
    used: int = 0
    failed: int = 0

    def take(self) -> bool:
        if self.left <= 0:
            return False
        self.left -= 1
        self.used += 1
        return True


class PromptLab:
    """Compares versions on what the store holds, and tries them on their cases with the model. Judges nothing for good."""

    def __init__(self, store: Store, inference: Inference, profiles: Profiles, settings: Settings) -> None:
        self._store = store
        self._inference = inference
        self._profiles = profiles
        self._thresholds = Thresholds.of(settings)
        self._details_from = settings.inference.details_from

    async def compare(self, a: Template, b: Template, *, last: int = 300, calls: int = 0) -> Comparison:
        """Replay the `last` signals that were asked about. The model is asked `calls` times at most.

        Raises PromptError for a prompt whose answers cannot be compared.
        """
        name = a.info.name
        if name not in STAGES:
            raise PromptError(f"answers of '{name}' are prose and always differ; compare {' or '.join(STAGES)}")
        stage, role = STAGES[name]
        found, budget = Comparison(name, a.info, b.info), Budget(calls)
        profiles = {profile.id: profile for profile in self._profiles.current}
        pairs = [p for p in await self._store.judgements.latest_asked(stage, min(last, MOST)) if p[1] in profiles]
        ids = sorted({signal_id for signal_id, _ in pairs})
        signals = {row.id: row for row in await self._store.signals.get_many(ids)}
        known = _by_pair(await self._store.judgements.answers_of(ids, stage), self._inference.digests_of(role))
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(pair: tuple[int, int]) -> None:
            async with gate:
                signal, profile, rows = signals.get(pair[0]), profiles[pair[1]], known.get(pair, [])
                if signal is not None:
                    await self._one(found, signal, profile, rows, (a, b), budget)

        await asyncio.gather(*(one(pair) for pair in pairs))
        found.calls, found.failures = budget.used, budget.failed
        found.changes.sort(key=lambda change: -change.signal_id)
        return found

    async def _one(
        self, found: Comparison, signal: SignalRow, profile: Profile, rows: Sequence[JudgementRow],
        versions: tuple[Template, Template], budget: Budget,
    ) -> None:  # fmt: skip
        found.looked_at += 1
        if rows and all(_is_settled(row) for row in rows):
            found.settled += 1
            return
        told = []
        for template in versions:
            answer, origin = await self._answer(signal, profile, rows, template, budget)
            if answer is None:
                found.unknown += 1
                return
            told.append(self._told(found.prompt, answer, origin))
        found.compared += 1
        for one in told:
            found.origins[one.origin] = found.origins.get(one.origin, 0) + 1
        if told[0].verdict != told[1].verdict:
            found.changes.append(Change(signal.id, profile.icp.name, signal.title, signal.company, told[0], told[1]))

    async def _answer(
        self, signal: SignalRow, profile: Profile, rows: Sequence[JudgementRow], template: Template, budget: Budget
    ) -> tuple[Mapping[str, Any] | None, str]:
        """What a version says of a signal, from the journal, the cache, or (where a call is left) the model."""
        for row in reversed(rows):
            if row.prompt_hash == template.info.content_hash and row.answer is not None and not _is_settled(row):
                return row.answer, "journal"
        question = self._question(signal, profile, template)
        kept = await self._inference.known(question)
        if kept is not None and kept.provenance.method is Method.MODEL:
            return kept.data, "cache"
        if not budget.take():
            return None, ""
        try:
            answer = await self._inference.ask(question)
        except ModelFailure:
            budget.failed += 1
            return None, ""
        return (answer.data, "model") if answer.provenance.method is Method.MODEL else (None, "")

    async def answers(self, name: str, signal_id: int, icp_id: int) -> list[JudgementRow]:
        """What was ever said of a signal with any version of a prompt, by models that still play the role, oldest first."""
        stage, role = STAGES[name]
        rows = await self._store.judgements.answers_of([signal_id], stage)
        return _by_pair(rows, self._inference.digests_of(role)).get((signal_id, icp_id), [])

    async def says(
        self, signal: SignalRow, profile: Profile, rows: Sequence[JudgementRow], template: Template, budget: Budget
    ) -> bool | None:
        """Whether a version says yes (or match) to a signal, out of `rows`, the cache or the model; None where that is not
        known and no call is left."""
        answer, _ = await self._answer(signal, profile, rows, template, budget)
        if answer is None:
            return None
        said = answer.get("said") or answer
        return bool(said.get("worth") if template.info.name == "triage" else answer.get("icp_match"))

    def _question(self, signal: SignalRow, profile: Profile, template: Template) -> Question:
        """As the pipeline would put it, so that its answers are found in the cache."""
        name = template.info.name
        role, most_chars = ROLES[name]
        shown = questions.show_template(
            template, profile.icp, signal, ceiling_chars=most_chars,
            chars_per_token=self._inference.chars_per_token(role), limit_tokens=self._inference.token_budget(role),
        )  # fmt: skip
        if name == "triage":
            return triage.question(profile.icp, signal, shown.rendered)
        return questions.classify(profile.icp, signal, shown.rendered, details_from=self._details_from, excerpt=shown.excerpt)

    def _told(self, prompt: str, answer: Mapping[str, Any], origin: str) -> Told:
        if prompt == "triage":
            said = answer.get("said") or answer
            share = said.get("probability")
            return Told("yes" if said.get("worth") is True else "no", "" if share is None else f"{share:.0%} yes", origin)
        known = {name: value for name, value in answer.items() if name in Classification.model_fields}
        points = score(Classification.model_validate(known), 0, self._thresholds)
        match = "match" if answer.get("icp_match") else "no match"
        return Told(f"{match}, {points.bucket.value.replace('_', ' ')}", f"{points.total} points", origin)

    async def try_cases(
        self, template: Template, file: CaseFile, *, calls: int, fresh: bool = False
    ) -> tuple[CaseReport, dict[str, list[Recorded]]]:
        """Put the cases of a version to the model, `calls` of them at most: how they went, and the answers as recordings.

        `fresh` takes no kept answer, so that what is recorded is what the model wrote. Raises ModelFailure where there is no
        language model.
        """
        info = template.info
        now = self._inference.availability(ROLES[info.name][0])
        if not now.ok or now.method is not Method.MODEL:
            raise ModelFailure(Failure.UNREACHABLE, now.reason or "no language model can be asked now")
        answers: dict[str, list[Recorded]] = {}
        gate = asyncio.Semaphore(AT_ONCE)
        word = uuid.uuid4().hex if fresh else ""

        async def one(number: int) -> Any:
            async with gate:
                return await ask_case(self._inference, template, file.cases[number], fresh=word)

        found = await asyncio.gather(*(one(number) for number in range(min(calls, len(file.cases)))))
        for result, recorded in found:
            if recorded is not None:
                answers[result.id] = [recorded]
        results = tuple(result for result, _ in found)
        return CaseReport(info.name, info.label, info.content_hash, str(file.path), results, file.problems), answers


def _is_settled(row: JudgementRow) -> bool:
    """A triage that was decided without asking: no prompt had a say in it."""
    return row.method != Method.MODEL.value


def _by_pair(rows: Sequence[JudgementRow], digests: frozenset[str]) -> dict[tuple[int, int], list[JudgementRow]]:
    """The rows of each signal and ICP, but those of models that play the role no more: another model is no other prompt."""
    found: dict[tuple[int, int], list[JudgementRow]] = {}
    for row in rows:
        if row.icp_id is not None and (row.method != Method.MODEL.value or not digests or row.digest in digests):
            found.setdefault((row.signal_id, row.icp_id), []).append(row)
    return found
