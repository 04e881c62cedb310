"""Choosing among signals before a model is asked: a certified threshold for each ICP, and what keeps it true.

Rules that the user stated (empty, too short, excluded words, fields) drop as they say: see `prefilter`. What they leave is
scored (`icp_scorer`), and dropped below a threshold that is proven on the user's own stream to keep its promise (`promise`).
What is read comes back here as evidence, in order and once: state and cursor are kept in one transaction.

Where the reader of evidence answers instead of a model, no promise is made: its answers prove nothing, and the points of the
rules decide, as they do where the user set a threshold of points.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from leadd.api import Clock, Method, Role, Signal
from leadd.config.settings import PrefilterSettings
from leadd.core.events import EventBus
from leadd.core.prefilter import Drop, Keep
from leadd.core.profiles import Profile, Profiles
from leadd.core.reuse.standing_answers import StandingAnswers
from leadd.inference import Inference
from leadd.store import Store
from leadd.store.choice_rows import ChooserRow, ScorerRow

if TYPE_CHECKING:
    from leadd.core.promises.promise import Promise, Terms
    from leadd.learn.scoring.hashing import Hasher

LOOK_EVERY_S = 5.0
FIRST_LESSON = 20
NEXT_LESSON = 1.5
"""Verdicts on an ICP at which a scorer learns first, and the factor by which they have grown when it learns again."""

MOST_EPOCHS = 5
"""Ways of scoring by which a promise may be begun, for one ICP with its prompts and models. Each costs a time in which
everything passes."""

KEEP_EVERY = 200
"""Signals after which the statistics of the stream are kept, where nothing else is."""

UNTAUGHT = "untaught"

Verdicts = list[tuple[Profile, Keep | Drop]]


def _content(profile: Profile) -> str:
    """What a scorer was made for: the ICP as it reads, and its words as they are spelt out."""
    return f"{profile.content_hash}.{profile.expansion_hash[:16]}"


class NoPromise(LookupError):
    """There is no promise or no scorer of that name; the message says why and what there is."""


class Chooser:
    """Holds the promise of each ICP, chooses by it, feeds it, and teaches its scorer."""

    def __init__(
        self,
        store: Store,
        inference: Inference,
        answers: StandingAnswers,
        profiles: Profiles,
        events: EventBus,
        clock: Clock,
        log: logging.Logger,
        settings: PrefilterSettings,
    ) -> None:
        self._store = store
        self._inference = inference
        self._answers = answers
        self._profiles = profiles
        self._events = events
        self._clock = clock
        self._log = log
        self._settings = settings
        self._held: dict[int, Promise] = {}
        self._opening = asyncio.Lock()
        self._feeding = asyncio.Lock()
        self._reading = threading.Lock()
        self._hasher: Hasher | None = None
        self._mark = -1

    def is_fixed(self, profile: Profile) -> bool:
        """Whether the points of the rules decide for an ICP, without a promise: by the user's choice, or because no language
        model answers."""
        if self._settings.mode == "fixed" or profile.icp.score_threshold is not None:
            return True
        return self._inference.availability(Role.TRIAGE).method == Method.EVIDENCE

    def mode(self, profile: Profile, *, enabled: bool = True) -> str:
        """certified, fixed, evidence (points decide while no language model answers) or off."""
        if not enabled:
            return "off"
        if self._settings.mode == "fixed" or profile.icp.score_threshold is not None:
            return "fixed"
        return "evidence" if self.is_fixed(profile) else "certified"

    @property
    def is_idle(self) -> bool:
        """Whether no ICP has a promise: then nothing here costs anything."""
        return not self._settings.enabled or all(self.is_fixed(profile) for profile in self._profiles.current)

    def held(self, profile: Profile) -> Promise | None:
        """The promise in force for an ICP, None where there is none (yet)."""
        found = self._held.get(profile.id)
        return found if found is not None and _content(found.profile) == _content(profile) else None

    async def prepare(self) -> None:
        """See to it that each ICP has its promise; meant before every batch, and cheap where nothing changed."""
        if self.is_idle or all(self._is_ready(profile) for profile in self._profiles.current):
            return
        async with self._opening:
            for profile in self._profiles.current:
                if not self._is_ready(profile):
                    await self._open(profile)

    def _scope(self, profile: Profile) -> str:
        """What a promise speaks of: the ICP as it reads and as it is spelt out, the prompts and the models."""
        return f"{self._answers.scope(profile)}.{profile.expansion_hash[:16]}"

    def _is_ready(self, profile: Profile) -> bool:
        if self.is_fixed(profile) or not self._answers.by_model():
            return (
                True  # without a model there is nobody to promise for: what passes waits, by the last promise if there is one
            )
        held = self.held(profile)
        return held is not None and held.row.scope == self._scope(profile)

    async def _open(self, profile: Profile) -> None:
        scope = self._scope(profile)
        row = await self._store.choosing.chooser(profile.id, scope)
        if row is None:
            row = await self._first(profile, scope)
        promise = await asyncio.to_thread(_opened, row, profile, await self._bodies(profile), self._settings)
        if promise.broken:
            self._log.warning("ICP %s begins a new promise: %s", profile.icp.name, promise.broken)
            row = replace(promise.row, id=0, epoch=row.epoch + 1, deciding="", ranking="", fixed={}, learnt={})
            promise = await asyncio.to_thread(_opened, await self._store.choosing.add_chooser(row), profile, {}, self._settings)
        self._held[profile.id] = promise

    async def _first(self, profile: Profile, scope: str) -> ChooserRow:
        """The first epoch in a scope. How common words are in the stream is known from before, where there was a before."""
        earlier = await self._store.choosing.chooser(profile.id)
        scorers = await self._store.choosing.scorers(profile.id, _content(profile))
        version = scorers[0].version if scorers else ""
        learnt = {} if earlier is None else earlier.learnt
        trained = scorers[0].verdicts if scorers else 0
        return await self._store.choosing.add_chooser(
            ChooserRow(0, profile.id, scope, 0, version, version, learnt, learnt, trained=trained)
        )

    async def _bodies(self, profile: Profile) -> dict[str, bytes]:
        return {row.version: row.body for row in await self._store.choosing.scorers(profile.id, _content(profile))}

    def choose(self, signals: Sequence[Signal], judged: Sequence[Verdicts]) -> None:
        """Add to what the rules keep, for each ICP with a promise, how it was chosen; and drop what the promise lets go.

        Computing only, meant for a thread. Where leadd fails on a batch, it passes: a bug costs questions and no lead.
        """
        with self._reading:
            try:
                self._choose(signals, judged)
            except Exception:
                self._log.exception("%d signals could not be scored; they pass", len(signals))

    def _choose(self, signals: Sequence[Signal], judged: Sequence[Verdicts]) -> None:
        asked: dict[int, list[tuple[int, int]]] = {}
        for place, verdicts in enumerate(judged):
            for number, (profile, verdict) in enumerate(verdicts):
                if isinstance(verdict, Keep) and not self.is_fixed(profile) and self.held(profile) is not None:
                    asked.setdefault(profile.id, []).append((place, number))
        if not asked:
            return
        from leadd.core.promises.icp_scorer import words_of  # noqa: PLC0415 - there already, where there is a promise

        needed = {place for places in asked.values() for place, _ in places}
        hasher = self._hashing(any(self._held[icp_id].scorer.needs_rows for icp_id in asked))
        words = {place: words_of(signals[place], hasher) for place in needed}
        for icp_id, places in asked.items():
            choices = self._held[icp_id].choose([signals[p] for p, _ in places], [words[p] for p, _ in places])
            for (place, number), choice in zip(places, choices, strict=True):
                profile, verdict = judged[place][number]
                assert isinstance(verdict, Keep)
                kept: Keep | Drop = replace(verdict, choice=choice)
                if not choice.goes_on:
                    kept = Drop(choice.rule, choice.reason, verdict.score, verdict.threshold, choice)
                judged[place][number] = (profile, kept)

    def _hashing(self, is_needed: bool) -> Hasher | None:
        """One hasher for all ICPs, made when a scorer that learnt from verdicts first needs one."""
        if is_needed and self._hasher is None:
            from leadd.learn.scoring.hashing import Hasher  # noqa: PLC0415 - there already, where there is a promise

            self._hasher = Hasher()
        return self._hasher if is_needed else None

    async def turn(self) -> float | None:
        """Feed the promises with what came in since, and teach scorers where verdicts have grown. One round."""
        await self.prepare()
        async with self._feeding:
            return await self._turn()

    async def _turn(self) -> float:
        mark = -1 if self.is_idle else await self._store.learning.verdict_mark()
        for profile in self._profiles.current:
            promise = self.held(profile)
            if promise is None or self.is_fixed(profile):
                continue
            try:
                await self._feed(promise, verdicts=mark != self._mark)
                if mark != self._mark:
                    await self._teach(profile)
            except BaseException:
                self._held.pop(profile.id, None)  # what is in memory may be ahead of the store: read it again
                raise
        self._mark = mark
        return LOOK_EVERY_S

    async def _feed(self, promise: Promise, *, verdicts: bool) -> None:
        before = promise.row
        if promise.certifier is None:
            if promise.is_known:
                await self._begin(promise, before.deciding)
            elif promise.scorer.documents - promise.kept_documents >= KEEP_EVERY / 4:
                await self._keep(promise, before)
            return
        rows = await self._store.choosing.evidence(before.id, before.cursor)
        counts = await self._store.choosing.arrivals(before.id)
        judged = await self._store.choosing.judged(before.id, before.icp_id, before.user_cursor) if verdicts else []
        came = sum(counts.passed.values()) + sum(counts.dropped.values()) - int(promise.certifier.arrivals.sum())
        grown = promise.scorer.documents - promise.kept_documents
        if not rows and not judged and came < KEEP_EVERY and grown < KEEP_EVERY:
            return
        threshold = promise.certifier.threshold
        alarmed = await asyncio.to_thread(promise.take, rows, counts)
        alarmed |= await asyncio.to_thread(promise.take_judged, judged)
        await self._keep(promise, before)
        name, now = promise.profile.icp.name, promise.certifier.threshold
        if alarmed:
            self._log.warning("ICP %s: %s; the threshold falls back", name, promise.certifier.last_alarm)
            self._events.publish("prefilter.drift", icp=name, reason=promise.certifier.last_alarm, threshold=now)
        if now != threshold:
            self._events.publish("prefilter.threshold", icp=name, before=threshold, threshold=now)

    async def _keep(self, promise: Promise, before: ChooserRow) -> None:
        with self._reading:
            row = promise.settle()
        if not await self._store.choosing.keep(row, before=(before.cursor, before.user_cursor)):
            # Other terms count the evidence anew from its first row: the cursor in the store is then ahead of ours.
            known = await self._store.choosing.chooser(row.icp_id, row.scope)
            if known is None or known.id != row.id:
                self._held.pop(row.icp_id, None)
                return
            await self._store.choosing.keep(row, before=(known.cursor, known.user_cursor))

    async def _begin(self, promise: Promise, deciding: str) -> None:
        """A new epoch: scores by what is known now, no evidence, everything passes until there is enough."""
        with self._reading:
            row = promise.successor(_terms(self._settings), deciding=deciding)
        row = await self._store.choosing.add_chooser(row)
        bodies = await self._bodies(promise.profile)
        self._held[row.icp_id] = await asyncio.to_thread(_opened, row, promise.profile, bodies, self._settings)
        self._events.publish("prefilter.epoch", icp=promise.profile.icp.name, epoch=row.epoch, scorer=deciding or UNTAUGHT)

    async def _teach(self, profile: Profile) -> None:
        promise = self._held[profile.id]
        count = await self._store.choosing.verdict_count(profile.id)
        if count < FIRST_LESSON or count < NEXT_LESSON * promise.row.trained:
            return
        from leadd.core.promises.teaching import learn  # noqa: PLC0415 - there already, where there is a promise

        verdicts = await self._store.choosing.verdicts(profile.id)
        read = await self._store.choosing.lessons(promise.row.id)
        lesson = await asyncio.to_thread(learn, profile.expansion, promise.row.fixed, verdicts, read, self._settings.recall)
        row = ScorerRow(
            lesson.version, lesson.body, lesson.verdicts, lesson.labels, lesson.dropped, self._clock.now_ms()
        )  # fmt: skip
        await self._store.choosing.add_scorer(profile.id, _content(profile), row)
        before = promise.row
        promise.row = replace(before, ranking=lesson.version, trained=count)
        with self._reading:
            promise.scorer.rank_by(lesson.body)
        await self._keep(promise, before)
        self._log.info("ICP %s: scorer %s learnt from %d verdicts", profile.icp.name, lesson.version, count)
        self._events.publish("prefilter.learnt", icp=profile.icp.name, scorer=lesson.version, verdicts=count)
        if lesson.pays and promise.certifier is not None and before.epoch < MOST_EPOCHS:
            await self._begin(promise, lesson.version)

    async def versions(self, profile: Profile) -> list[ScorerRow]:
        """The scorers of an ICP as it reads now, newest first; the fit without verdicts is none of them."""
        return await self._store.choosing.scorers(profile.id, _content(profile))

    async def roll_back(self, profile: Profile, version: str | None) -> tuple[str, bool]:
        """Go by an earlier scorer: the one named, else the one before that which ranks now. Gives its version, and whether a
        new promise was begun for it. Raises NoPromise."""
        await self.prepare()
        promise = self.held(profile)
        if promise is None or self.is_fixed(profile):
            raise NoPromise(f"ICP {profile.icp.name} has no promise now, so no scorer decides")
        async with self._feeding:
            return await self._roll_back(promise, version)

    async def _roll_back(self, promise: Promise, version: str | None) -> tuple[str, bool]:
        profile = promise.profile
        names = [*(row.version for row in await self.versions(profile)), ""]
        now = promise.row.ranking
        if version is None:
            if not now:
                raise NoPromise("the fit without verdicts is in force: there is nothing before it")
            wanted = names[names.index(now) + 1] if now in names else ""
        else:
            wanted = "" if version == UNTAUGHT else version
        if wanted not in names:
            known = ", ".join(name or UNTAUGHT for name in names)
            raise NoPromise(f"there is no scorer {version!r} of ICP {profile.icp.name}; there are {known}")
        bodies = await self._bodies(profile)
        before = promise.row
        promise.row = replace(before, ranking=wanted)
        with self._reading:
            promise.scorer.rank_by(bodies.get(wanted))
        await self._keep(promise, before)
        anew = promise.row.deciding != wanted
        if anew:
            await self._begin(promise, wanted)
        return wanted or UNTAUGHT, anew


def _terms(settings: PrefilterSettings) -> Terms:
    from leadd.core.promises.promise import Terms  # noqa: PLC0415 - brings numpy, which nobody pays for who has no promise

    return Terms(settings.recall, round(settings.confidence, 9), settings.audit_share)


def _opened(row: ChooserRow, profile: Profile, bodies: dict[str, bytes], settings: PrefilterSettings) -> Promise:
    from leadd.core.promises.promise import Promise  # noqa: PLC0415 - brings numpy, which nobody pays for who has no promise

    return Promise.open(row, profile, bodies, _terms(settings))
