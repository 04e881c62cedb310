"""Is there an earlier reading to take? Exact twins first, then near duplicates; and what either of them saved."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from leadd.api import Signal
from leadd.config.settings import NearSettings
from leadd.core import outcomes
from leadd.core.outcomes import Outcome
from leadd.core.prefilter import Keep
from leadd.core.profiles import Profile
from leadd.core.prompts.arms import Arms
from leadd.core.reading import Reading
from leadd.core.reuse import nearby
from leadd.core.reuse.nearby import Candidate, Nearby, NearReading
from leadd.core.reuse.standing_answers import TWIN, StandingAnswers
from leadd.core.reuse.twins import Twins
from leadd.core.scoring import Thresholds
from leadd.inference import Inference
from leadd.store import Store
from leadd.store.reuse_rows import NewReuse, NewSketch, ReuseCounts, Trace
from leadd.store.rows import SignalRow


@dataclass(frozen=True, slots=True)
class Hints:
    """What is known of a signal before it is read: its sketch where one was made, and whether an equal or a near text came
    earlier."""

    may_have_twin: bool = True
    sketch: NewSketch | None = None
    may_have_near: bool = True


@dataclass(frozen=True, slots=True)
class ReuseFigures:
    """Reuse for one ICP, for `leadd cache stats`.

    `state`: off (switched off), learning (not certified yet), certified, or suspended (was certified, and the bound no longer
    holds). `upper` is the highest rate of wrong reuse that the checks leave open with `confidence`; `limit` is what it must be
    under. `checked`, `wrong`, `upper` and `checks_missing` speak of the present ICP, prompts and models; the counts of signals,
    calls and tokens saved are over all time.
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
    saved: ReuseCounts


class EarlierReadings:
    """Looks for earlier readings, signal by signal (`search`), and gives the figures."""

    def __init__(self, store: Store, inference: Inference, arms: Arms, thresholds: Thresholds, settings: NearSettings) -> None:
        self._store = store
        self._settings = settings
        self._answers = StandingAnswers(store, inference, arms)
        self._thresholds = thresholds
        self._twins = Twins(store, self._answers)
        self._nearby = Nearby(store, self._answers, settings)

    async def hints(self, signals: Sequence[Signal]) -> dict[int, Hints]:
        """What is known of signals that are about to be read, by id: a few looks for all of them together.

        Sketches take half a millisecond each and are made in a thread, where near reuse may come to need them.
        """
        if not signals:
            return {}
        await self._answers.note_settings()
        twins = await self._twins.possible(signals)
        sketches = await asyncio.to_thread(self._nearby.sketches, signals)
        near = await self._nearby.possible(sketches)
        return {s.id: Hints(s.id in twins, sketches.get(s.id), s.id in near) for s in signals}

    def search(self, signal: SignalRow, hints: Hints) -> Search:
        """A search for one signal. Nobody looks for what a person asks: they want it read."""
        return Search(signal, hints, self._twins, self._nearby, self._answers, self._thresholds)

    async def figures(self, profiles: Sequence[Profile]) -> list[ReuseFigures]:
        """The figures of these ICPs, in their order."""
        counts = await self._store.sketches.counts()
        found = []
        for profile in profiles:
            evidence = await self._store.sketches.evidence(profile.id, self._nearby.scope(profile))
            bound = self._nearby.bound(evidence)
            state = "certified" if bound.is_certified else "suspended" if evidence.was_certified else "learning"
            found.append(
                ReuseFigures(
                    profile.id, profile.icp.name, state if self._settings.enabled else "off", bound.upper, bound.limit,
                    bound.confidence, bound.checked, bound.wrong, bound.checks_missing, bound.explanation,
                    counts.get(profile.id, ReuseCounts()),
                )
            )  # fmt: skip
        return found


class Search:
    """The search for one signal, over all ICPs: looks once for whom it resembles, and remembers what it found."""

    def __init__(
        self, signal: SignalRow, hints: Hints, twins: Twins, near: Nearby, answers: StandingAnswers, thresholds: Thresholds
    ) -> None:
        self._signal = signal
        self._hints = hints
        self._twins = twins
        self._nearby = near
        self._answers = answers
        self._thresholds = thresholds
        self._is_open = signal.id != 0 and not signal.asked_by_person
        self._twin: SignalRow | None = None
        self._looked_for_twin = not hints.may_have_twin
        self._candidates: tuple[Candidate, ...] | None = None
        self._reuses: list[NewReuse] = []
        self._checks: dict[int, NearReading] = {}
        self._is_new = False

    async def reading(self, profile: Profile, keep: Keep) -> Reading | None:
        """The earlier reading to take for this ICP, or None where the model is to be asked."""
        if not self._is_open:
            return None
        return await self._of_twin(profile, keep) or await self._of_near(profile, keep)

    def trace(self, ends: Sequence[Outcome]) -> Trace | None:
        """What the end of the signal leaves: reuses, checks of what reuse would have said, and its sketch.

        A sketch is kept only of what resembled nothing that still holds: one for each opening, however often it comes again.
        """
        if not self._is_open:
            return None
        checks = [self._check(self._checks[end.profile.id], end) for end in ends if end.profile.id in self._checks]
        return Trace(self._hints.sketch if self._is_new else None, (*self._reuses, *checks))

    async def _of_twin(self, profile: Profile, keep: Keep) -> Reading | None:
        if not self._looked_for_twin:
            self._looked_for_twin = True
            self._twin = await self._twins.find(self._signal)
        if self._twin is None:
            return None
        taken = await self._twins.reading(self._twin, self._signal, profile, keep)
        if taken is None:
            return None
        scope = self._answers.scope(profile, self._signal)
        self._reuses.append(NewReuse(profile.id, self._twin.id, TWIN, scope, calls=taken.calls, tokens=taken.tokens))
        return taken.reading

    async def _of_near(self, profile: Profile, keep: Keep) -> Reading | None:
        if self._hints.sketch is None:
            return None
        if self._candidates is None:
            self._candidates = ()
            if self._hints.may_have_near:
                self._candidates = await self._nearby.candidates(self._signal, self._hints.sketch)
        near = await self._nearby.reading(self._candidates, self._signal, profile, keep)
        if near is None:
            self._is_new = True
            return None
        if not near.take:
            self._checks[profile.id] = near
            return None
        self._reuses.append(nearby.reuse(near, profile))
        return near.taken.reading

    def _check(self, near: NearReading, found: Outcome) -> NewReuse:
        predicted = outcomes.read(self._signal, found.profile, near.taken.reading, self._signal.contacts, self._thresholds)
        return nearby.check(near, predicted, found)
