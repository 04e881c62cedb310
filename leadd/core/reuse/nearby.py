"""Signals that nearly say the same as an earlier one: its answers are used again once that is certified to be right.

The gate (`differences`) decides whether two signals are one opening. Whether that is enough is measured on the user's own
stream: as long as it is not certified, the model is asked as usual, and what it says is compared with what reuse would have
said. This costs no call. Once the rate of wrong reuse is proven to be under `cache.near.max_wrong`, near duplicates are no
longer asked about, except for a share of them drawn by a hash, which keeps the evidence alive. If the bound no longer holds,
everything is asked about again until it does.

Wrong is a reuse whose decision differs from the model's: triage says yes to one and no to the other, one is a match and the
other is not, or their buckets (filtered, parked, nurture, warm, red_hot) are more than one step apart. A step is within what
two readings of one text by one model may differ.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from leadd.api import Signal
from leadd.api.lexical import fold
from leadd.config.settings import NearSettings
from leadd.core.companies import fold_name
from leadd.core.outcomes import RANK, Outcome
from leadd.core.prefilter import Keep
from leadd.core.profiles import Profile
from leadd.core.promises.choices import points_of
from leadd.core.reuse.differences import GATE_VERSION, difference
from leadd.core.reuse.passages import key_of_title, tokens_of
from leadd.core.reuse.standing_answers import NEAR, StandingAnswers, Taken
from leadd.learn.proofs.rare_errors import ErrorBound
from leadd.store import Store
from leadd.store.reuse_rows import Evidence, NewReuse, NewSketch
from leadd.store.rows import JudgementRow

_CANDIDATES = 16
_READ = 4
"""Candidates whose texts are compared, the most similar first: each costs a look at the database."""
_SCORE_APART = 5.0
_ON_THE_WAY = 1024
"""Signals that may have been handed on and not ended yet, whose sketches are not in the database."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """An earlier signal that is the same opening as far as the gate can tell, with the estimated similarity of the texts."""

    signal_id: int
    similarity: float


@dataclass(frozen=True, slots=True)
class NearReading:
    """What a near duplicate's models said. `take` says that it may be used; else it is there to be compared with the model."""

    taken: Taken
    candidate: Candidate
    take: bool
    certified: bool
    scope: str


class Nearby:
    """Finds near duplicates and decides whether their answers may be used."""

    def __init__(self, store: Store, answers: StandingAnswers, settings: NearSettings) -> None:
        self._store = store
        self._answers = answers
        self._settings = settings
        self._lately: deque[NewSketch] = deque(maxlen=_ON_THE_WAY)

    def sketches(self, signals: Iterable[Signal]) -> dict[int, NewSketch]:
        """Sketches by signal id; none where near reuse is switched off or no model would be asked. Computing only."""
        if not self._settings.enabled or not self._answers.by_model():
            return {}
        from leadd.core.reuse.sketches import sketch  # noqa: PLC0415 - brings numpy, which nobody pays for who has no model

        made = ((s.id, sketch(block_of(s), s.text)) for s in signals)
        return {signal_id: NewSketch(found.signature, found.bands) for signal_id, found in made if found is not None}

    async def possible(self, sketches: Mapping[int, NewSketch]) -> frozenset[int]:
        """The ids of those that share a band with an earlier signal, or with one that is on its way: one look for all of them.

        Meant for every signal that is handed on, in order; the others need not be looked for one by one.
        """
        if not sketches:
            return frozenset()
        on_the_way = {band for other in self._lately for band in other.bands}
        known = await self._store.sketches.known({band for own in sketches.values() for band in own.bands})
        found = set()
        for signal_id, own in sorted(sketches.items()):
            if not known.isdisjoint(own.bands) or not on_the_way.isdisjoint(own.bands):
                found.add(signal_id)
            on_the_way.update(own.bands)
            self._lately.append(own)
        return frozenset(found)

    async def candidates(self, signal: Signal, own: NewSketch) -> tuple[Candidate, ...]:
        """Earlier signals that are done and the same opening as this one, the most similar first."""
        from leadd.core.reuse.sketches import similarity  # noqa: PLC0415 - there already, where there is a sketch

        rows = await self._store.sketches.candidates(own.bands, signal.id, limit=_CANDIDATES)
        scored = [Candidate(row.signal_id, similarity(own.signature, row.signature)) for row in rows]
        alike = sorted((c for c in scored if c.similarity >= self._settings.min_similarity), key=lambda c: -c.similarity)
        found = []
        for candidate in alike[:_READ]:
            earlier = await self._store.signals.get(candidate.signal_id)
            if earlier is not None and earlier.state == "done" and difference(signal, earlier) is None:
                found.append(candidate)
        return tuple(found)

    async def reading(
        self, candidates: Iterable[Candidate], signal: Signal, profile: Profile, keep: Keep
    ) -> NearReading | None:
        """The reading by the first candidate whose answers for this ICP still hold and whose words speak for it as much.

        An opening whose reuse a check has shown to be wrong is passed over from then on, certified or not.
        """
        known = tuple(candidates)
        if not known:
            return None
        scope = self.scope(profile, signal)
        wrong = await self._store.sketches.wrong(profile.id, scope, [candidate.signal_id for candidate in known])
        for candidate in known:
            if candidate.signal_id in wrong:
                continue
            taken = await self._answers.of(candidate.signal_id, signal, profile, keep, how=NEAR)
            if taken is None or not _speak_alike(keep, taken.prefilter):
                continue
            certified = self.bound(await self._store.sketches.evidence(profile.id, scope)).is_certified
            take = certified and not self.is_drawn(signal, scope)
            return NearReading(taken, candidate, take, certified, scope)
        return None

    def scope(self, profile: Profile, signal: Signal | None = None) -> str:
        """The scope of the evidence: what the answers are made with (for this signal, where an experiment chooses), the gate,
        and how alike two texts have to be."""
        parts = (self._answers.scope(profile, signal), GATE_VERSION, f"{self._settings.min_similarity:g}")
        return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]

    def bound(self, evidence: Evidence) -> ErrorBound:
        """The bound that the evidence gives under the settings in force."""
        return ErrorBound.from_state(
            {
                "limit": self._settings.max_wrong,
                "confidence": self._settings.confidence,
                "checked": evidence.checked,
                "wrong": evidence.wrong,
            }
        )

    def is_drawn(self, signal: Signal, scope: str) -> bool:
        """Whether a signal is asked about although reuse is certified; the same for the same signal, at any time."""
        drawn = hashlib.sha256(f"{scope}\x1f{signal.id}\x1f{signal.content_hash}".encode()).digest()
        return int.from_bytes(drawn[:8], "big") < self._settings.check_share * 2**64


def block_of(signal: Signal) -> str:
    """What two signals must share to be looked at together: the gate would part them by title, place or company anyway."""
    place = tokens_of(fold(signal.location or ""))
    return "\x1f".join((" ".join(key_of_title(signal.title)), " ".join(place), fold_name(signal.company or "")))


def check(near: NearReading, predicted: Outcome, found: Outcome) -> NewReuse:
    """The evidence of one check: what reuse would have come to, and what the model came to."""
    return NewReuse(
        icp_id=found.profile.id,
        of_signal_id=near.candidate.signal_id,
        kind="check",
        scope=near.scope,
        similarity=near.candidate.similarity,
        predicted=decision(predicted),
        found=decision(found),
        wrong=is_wrong(predicted, found),
        certified=near.certified,
        calls=near.taken.calls,
        tokens=near.taken.tokens,
    )


def is_wrong(predicted: Outcome, found: Outcome) -> bool:
    """Whether two outcomes for one ICP are different decisions; see the head of this module."""
    if (predicted.classification is None) != (found.classification is None) or predicted.makes_lead != found.makes_lead:
        return True
    return abs(RANK[predicted.bucket] - RANK[found.bucket]) > 1


def decision(outcome: Outcome) -> str:
    """An outcome in a word or two, for the journal of checks."""
    if outcome.classification is None:
        return outcome.bucket.value
    return f"{'match' if outcome.makes_lead else 'no_match'}/{outcome.bucket.value}"


def reuse(near: NearReading, profile: Profile) -> NewReuse:
    """The row of a reading that was taken over."""
    return NewReuse(
        icp_id=profile.id,
        of_signal_id=near.candidate.signal_id,
        kind=NEAR,
        scope=near.scope,
        similarity=near.candidate.similarity,
        certified=True,
        calls=near.taken.calls,
        tokens=near.taken.tokens,
    )


def _speak_alike(keep: Keep, earlier: JudgementRow | None) -> bool:
    """Whether the ICP's own words speak for both signals alike: what changed may hold just the word that the ICP looks for."""
    if earlier is None or earlier.score is None or earlier.decision != "keep":
        return False
    points, reasons = points_of(earlier.answer), earlier.reasons
    if points is None:
        points = earlier.score
    else:
        reasons = reasons[1:]  # the first speaks of the promise, not of the words
    same = [fold(r) for r in keep.reasons] == [fold(r) for r in reasons]
    return same and abs(keep.score - points) <= _SCORE_APART
