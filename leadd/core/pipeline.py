"""The way of a stored signal: leased, judged, read by the models, recorded. Every step leaves a row for the next start."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from leadd.api import Bucket, Clock, Failure, ModelFailure, Retry, Role
from leadd.config.settings import Settings
from leadd.core import outcomes, prefilter, scoring
from leadd.core.companies import known_key
from leadd.core.events import EventBus
from leadd.core.handoff import Handoff
from leadd.core.outcomes import Outcome
from leadd.core.owed import Owed
from leadd.core.prefilter import NOTHING_KNOWN, CompanyKnown, Drop, Keep
from leadd.core.profiles import Profile, Profiles
from leadd.core.promises.choosing import Chooser
from leadd.core.questions import PERSON_PRIORITY
from leadd.core.reading import Reader, Reading
from leadd.core.reuse.earlier import EarlierReadings, Hints
from leadd.core.vectors import SignalVectors
from leadd.inference import Inference, is_outage
from leadd.store import Store, StoreUnavailable
from leadd.store.choice_rows import NewChoice
from leadd.store.reuse_rows import Trace
from leadd.store.rows import SignalRow, SinkRef

MODEL = "model"
RETRY_FIRST_S = 15.0
RETRY_MAX_S = 3600.0
OUTAGE_PAUSE_MS = 5_000
HOPELESS = {Failure.TOO_LONG, Failure.BAD_REQUEST}
"""Failures that come again however often the same text is sent."""


@dataclass(frozen=True, slots=True)
class Judged:
    """A signal and the prefilter's word on it for each ICP in force.

    `hints` say what is known of earlier signals like it; `near` has its cosine with ICPs by id, where known.
    """

    signal: SignalRow
    verdicts: tuple[tuple[Profile, Keep | Drop], ...]
    hints: Hints = field(default_factory=Hints)
    near: Mapping[int, float] = field(default_factory=dict)
    wanted: frozenset[int] = frozenset()
    """ICPs by id for which the user said that this signal should have been a lead: no filter and no triage stops it there."""

    @property
    def kept(self) -> bool:
        """True where at least one ICP wants a closer look."""
        return any(isinstance(v, Keep) for _, v in self.verdicts)


def lifted(item: Judged, icp_ids: frozenset[int]) -> Judged:
    """A signal that the user called a miss for these ICPs: kept for them, whatever the prefilter says."""
    said = "You said that this should have been a lead."
    verdicts = tuple(
        (p, Keep(v.score or 0.0, v.threshold, (said, f"The filter says: {v.reason}")))
        if isinstance(v, Drop) and p.id in icp_ids
        else (p, v)
        for p, v in item.verdicts
    )
    return replace(item, verdicts=verdicts, wanted=icp_ids)


@dataclass(frozen=True, slots=True)
class Done:
    """How a signal ended: its outcomes by ICP and the leads that it made or joined (id, ICP id, whether new)."""

    signal: SignalRow
    outcomes: tuple[Outcome, ...]
    leads: tuple[tuple[int, int, bool], ...] = ()
    company_id: int | None = None


@dataclass(slots=True)
class PipelineCounts:
    """What this run of the daemon did so far."""

    leased: int = 0
    dropped: int = 0
    read: int = 0
    reused: int = 0
    waiting: int = 0
    failed: int = 0
    held: int = 0
    found_by_audit: int = 0
    by_rule: dict[str, int] = field(default_factory=dict)


class Pipeline:
    """Feeds signals to a bounded number of readers. One bad signal, answer or row never stops the others."""

    def __init__(
        self,
        store: Store,
        inference: Inference,
        reader: Reader,
        earlier: EarlierReadings,
        chooser: Chooser,
        profiles: Profiles,
        events: EventBus,
        clock: Clock,
        log: logging.Logger,
        settings: Settings,
        *,
        owner: str,
        sinks: Callable[[], Sequence[SinkRef]],
        wake: Callable[[], object],
    ) -> None:
        self._store = store
        self._inference = inference
        self._reader = reader
        self._profiles = profiles
        self._events = events
        self._clock = clock
        self._log = log
        self._settings = settings
        self._owner = owner
        self._sinks = sinks
        self.wake = wake
        self._earlier = earlier
        self._chooser = chooser
        embedder = settings.models.embed
        self._vectors = SignalVectors(
            store.embeddings, inference, clock, log,
            model=embedder.model, window_tokens=embedder.num_ctx, keep_s=settings.cache.embedding_ttl_s,
        )  # fmt: skip
        self._queue: Handoff[Judged] = Handoff(max(1, settings.pipeline.in_flight))
        self._thresholds = scoring.Thresholds(settings.scoring.red_hot, settings.scoring.warm, settings.scoring.nurture)
        self._tried: set[int] = set()
        self._owed = Owed(store.signals.release)
        self._started_ms = clock.now_ms()
        self.counts = PipelineCounts()

    async def turn(self) -> float | None:
        """Lease a batch, settle what the prefilter drops, hand the rest to the readers. One round of the feeder."""
        await self._owed.pay()
        if not self._profiles.current:
            return None  # every ICP is switched off: a signal that nobody judges must not end as filtered
        can_read = self._inference.availability(Role.TRIAGE).ok and self._inference.availability(Role.CLASSIFY).ok
        signals = await self._store.signals.lease(
            self._owner,
            limit=self._settings.pipeline.batch,
            lease_ms=int(self._settings.pipeline.lease_s * 1000),
            exclude_waiting_for_model=not can_read,
        )
        if not signals:
            return await self._rest_s(exclude_waiting_for_model=not can_read)
        self.counts.leased += len(signals)
        unsettled = {s.id for s in signals}
        try:
            judged = await self._with_misses(await self.judge_all(signals))
            dropped = [j for j in judged if not j.kept]
            await self.settle_dropped(dropped)
            unsettled -= {j.signal.id for j in dropped}
            kept = [j for j in judged if j.kept]
            if not can_read:
                await self._wait_for_model(kept)
                return 0
            await self._hand_over(kept, unsettled)
            await self.give_back(unsettled)
        except BaseException:
            # Whatever was not handed on goes back, or it would lie leased until the next boot.
            await self.give_back(unsettled)
            raise
        return 0

    async def _with_misses(self, judged: list[Judged]) -> list[Judged]:
        """The same, with what the user called a miss lifted over the filter."""
        asked = [item.signal.id for item in judged if item.signal.asked_by_person]
        wanted = await self._store.verdicts.wanted(asked) if asked else {}
        return [lifted(item, wanted[item.signal.id]) if item.signal.id in wanted else item for item in judged]

    async def _hand_over(self, kept: Sequence[Judged], unsettled: set[int]) -> None:
        """Give signals to the readers, a batch of vectors at a time; those that were taken leave `unsettled`."""
        hints = await self._earlier.hints([j.signal for j in kept])
        left = list(kept)
        while left:
            part, left = left[: self._vectors.batch], left[self._vectors.batch :]
            near = await self._vectors.similarities([j.signal for j in part], self._profiles.current)
            for item in part:
                signal_id = item.signal.id
                if await self._queue.put(replace(item, hints=hints[signal_id], near=near.get(signal_id, {}))):
                    unsettled.discard(signal_id)

    async def read_turn(self) -> float | None:
        """Take one signal from the feeder through the models. One round of one reader."""
        item = await self._queue.take()
        if item is None:
            return None
        try:
            await self._read(item)
        except asyncio.CancelledError:
            await self.give_back({item.signal.id})
            raise
        except StoreUnavailable as error:
            # The disk is full or gone: the signal is innocent, and the loop backs off until writes succeed again.
            await self.give_back({item.signal.id})
            raise Retry(f"the database cannot be written: {error}") from error
        except Exception:
            # A bug in reading one signal must not take its lease along: the signal is held with the reason, the rest flows.
            self._log.exception("signal %d could not be processed", item.signal.id)
            await self._hold(item.signal.id, "leadd failed on this signal; the log has the error")
        if item.signal.crashes:
            # Signals that were there at two crashes are given out one at a time: the next waits for the end of this one.
            self.wake()
        return 0

    @property
    def vectors(self) -> SignalVectors:
        """The vectors of the signals that pass here."""
        return self._vectors

    def close(self) -> set[int]:
        """Take nothing more; the signals that no reader has begun, for `give_back`."""
        return {item.signal.id for item in self._queue.close()}

    async def judge_all(self, signals: Sequence[SignalRow]) -> list[Judged]:
        """The prefilter's word on each signal for each ICP, with what is known of the companies."""
        keys = [known_key(signal) for signal in signals] if self._asks_for_companies() else []
        known = await self._store.companies.known(keys) if any(name or domain for name, domain in keys) else ()
        told = [NOTHING_KNOWN if facts is None else CompanyKnown(*facts) for facts in known] or [NOTHING_KNOWN] * len(signals)
        await self._chooser.prepare()
        return await asyncio.to_thread(self._judge, signals, told)

    def _asks_for_companies(self) -> bool:
        return any(profile.icp.sizes.values or profile.icp.locations.values for profile in self._profiles.current)

    def _judge(self, signals: Sequence[SignalRow], companies: Sequence[CompanyKnown]) -> list[Judged]:
        """The rules, and below them the certified threshold; pure computing, meant for a thread."""
        found = [self._by_rules(signal, company) for signal, company in zip(signals, companies, strict=True)]
        if not self._chooser.is_idle:
            self._chooser.choose(signals, found)
        return [Judged(signal, tuple(verdicts)) for signal, verdicts in zip(signals, found, strict=True)]

    def _by_rules(self, signal: SignalRow, company: CompanyKnown = NOTHING_KNOWN) -> list[tuple[Profile, Keep | Drop]]:
        s = self._settings.prefilter
        found: list[tuple[Profile, Keep | Drop]] = []
        for profile in self._profiles.current:
            if not s.enabled:
                found.append((profile, Keep(score=100.0, threshold=0.0, reasons=("the prefilter is switched off",))))
                continue
            found.append(
                (
                    profile,
                    prefilter.judge(
                        signal, profile.compiled, threshold=s.score_threshold, min_chars=s.min_chars, company=company,
                        by_points=self._chooser.is_fixed(profile),
                    ),
                )
            )  # fmt: skip
        return found

    async def settle_dropped(self, dropped: Sequence[Judged]) -> list[tuple[Outcome, ...]]:
        """Journal and finish signals that no ICP wants, in one transaction."""
        settled = []
        finishes = []
        for item in dropped:
            ends = tuple(outcomes.dropped(item.signal, p, v) for p, v in item.verdicts if isinstance(v, Drop))
            settled.append(ends)
            finishes.append(outcomes.finish(item.signal, ends, choices=outcomes.choices(ends)))
            for _, verdict in item.verdicts:
                if isinstance(verdict, Drop):
                    self.counts.by_rule[verdict.rule] = self.counts.by_rule.get(verdict.rule, 0) + 1
        if finishes:
            await self._store.signals.finish_filtered(finishes)
            self.counts.dropped += len(finishes)
        return settled

    async def process(self, item: Judged, *, priority: int = 0) -> Done:
        """Read a signal for every ICP that wants it and record what it came to. Raises ModelFailure."""
        signal = item.signal
        priority = priority or (PERSON_PRIORITY if item.wanted else 0)
        search = self._earlier.search(signal, item.hints)
        readings: list[Reading | Drop] = []
        reused: set[int] = set()
        for profile, verdict in item.verdicts:
            if isinstance(verdict, Drop):
                readings.append(verdict)
                continue
            reading = await search.reading(profile, verdict)
            if reading is not None:
                self.counts.reused += 1
                reused.add(profile.id)
            else:
                # What was paid for the ICPs before this one is journaled before more is asked.
                readings = [await self._reader.keep(r) if isinstance(r, Reading) and r.paid else r for r in readings]
                reading = await self._reader.read(
                    signal, profile, verdict, priority=priority, resumed=self._may_be_answered(signal),
                    similarity=item.near.get(profile.id), closely=profile.id in item.wanted,
                )  # fmt: skip
            readings.append(reading)
        ends = tuple(
            outcomes.dropped(signal, profile, found)
            if isinstance(found, Drop)
            else outcomes.read(
                signal, profile, found, signal.contacts, self._thresholds, verdict.choice, is_own=profile.id not in reused
            )
            for (profile, verdict), found in zip(item.verdicts, readings, strict=True)
        )
        try:
            done = await self._record(signal, ends, search.trace(ends), outcomes.choices(ends))
        except Exception:
            # The record is refused as a whole; what was paid for must not go down with it.
            self._tried.add(signal.id)
            for paid in (r for r in readings if isinstance(r, Reading) and r.paid):
                await self._reader.keep(paid)
            raise
        self._tried.discard(signal.id)
        return done

    def _may_be_answered(self, signal: SignalRow) -> bool:
        """True where an earlier try may have left answers in the journal: before this start, or in it and given back.

        A signal that is done and asked about again has its answers in the cache, or is meant to be asked anew.
        """
        return signal.state != "done" and (signal.found_at_ms <= self._started_ms or signal.id in self._tried)

    async def _rest_s(self, *, exclude_waiting_for_model: bool) -> float | None:
        due_ms = await self._store.signals.next_due(exclude_waiting_for_model=exclude_waiting_for_model)
        return None if due_ms is None else max(0.05, (due_ms - self._clock.now_ms()) / 1000)

    async def _record(
        self, signal: SignalRow, ends: tuple[Outcome, ...], trace: Trace | None, choices: tuple[NewChoice, ...]
    ) -> Done:
        if all(o.bucket is Bucket.FILTERED for o in ends):
            await self._store.signals.finish_filtered([outcomes.finish(signal, ends, trace, choices)])
            self.counts.read += 1
            return Done(signal, ends)
        threshold = self._settings.scoring.dossier_threshold
        record = outcomes.lead_record(signal, ends, signal.contacts, self._sinks(), threshold, trace, choices)
        result = await self._store.leads.record(record)
        self.counts.read += 1
        made: list[tuple[int, int, bool]] = []
        for lead, icp_id in zip(result.leads, [o.profile.id for o in ends if o.makes_lead], strict=True):
            made.append((lead.lead_id, icp_id, lead.created))
            if any(o.found_by_audit and o.profile.id == icp_id for o in ends):
                self.counts.found_by_audit += 1
                self._events.publish("lead.found_by_audit", lead_id=lead.lead_id, signal_id=signal.id)
            if lead.created or lead.upgraded:
                kind = "lead.created" if lead.created else "lead.upgraded"
                self._events.publish(kind, lead_id=lead.lead_id, score=lead.score, bucket=lead.bucket)
        return Done(signal, ends, tuple(made), result.company_id)

    async def _read(self, item: Judged) -> None:
        try:
            await self.process(item)
        except ModelFailure as failure:
            await self._failed(item.signal, failure)

    async def _failed(self, signal: SignalRow, failure: ModelFailure) -> None:
        """Decide what a model's failure means for the signal: wait for the model, try again later, or hold."""
        if is_outage(failure.kind):
            self.counts.waiting += 1
            # Not at once: a server that refuses quickly must not be asked in a tight loop.
            due_ms = self._clock.now_ms() + OUTAGE_PAUSE_MS
            await self.give_back({signal.id}, due_ms=due_ms, waiting_for=MODEL)
            return
        self.counts.failed += 1
        tries = signal.attempts + 1
        if failure.kind in HOPELESS or tries >= self._settings.pipeline.max_attempts:
            times = "once" if tries == 1 else f"{tries} times"
            await self._hold(signal.id, f"the model was asked {times} and gave no usable answer: {failure}")
            return
        wait_s = min(RETRY_MAX_S, RETRY_FIRST_S * 4**signal.attempts)
        await self.give_back({signal.id}, due_ms=self._clock.now_ms() + int(wait_s * 1000), charge=True)

    async def _hold(self, signal_id: int, reason: str) -> None:
        self.counts.held += 1
        self._tried.discard(signal_id)
        await self._store.signals.hold(signal_id, reason)
        self._events.publish("signal.held", signal_id=signal_id, reason=reason)

    async def _wait_for_model(self, kept: Sequence[Judged]) -> None:
        if kept:
            self.counts.waiting += len(kept)
            await self._store.signals.release([j.signal.id for j in kept], waiting_for=MODEL)

    async def give_back(
        self, ids: set[int], *, due_ms: int | None = None, waiting_for: str | None = None, charge: bool = False
    ) -> None:
        """Return signals to the queue, due at `due_ms` (None: as before); `charge` counts an attempt against them.

        While the database cannot be written they are owed, and go back as they were when it can be.
        """
        if not ids:
            return
        try:
            # The store finishes what it was handed: a cancelled caller never cancels a write.
            await self._store.signals.release(sorted(ids), due_ms=due_ms, waiting_for=waiting_for, charge=charge)
        except StoreUnavailable:
            self._owed.add(ids)
        self._tried |= ids
        self.wake()
