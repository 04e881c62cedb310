"""The core as one object: the loops over a signal's life, and what the control socket may ask of them."""

from __future__ import annotations

import contextlib
import logging
import uuid
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from leadd.api import Clock, Method, Problem, Role, SignalDraft
from leadd.config.settings import Settings
from leadd.core import scoring
from leadd.core.asking import Asking, ClassifyRequest, ClassifyResult
from leadd.core.dossiers import Dossiers
from leadd.core.events import EventBus
from leadd.core.expansions import Expanding
from leadd.core.finder import Finder
from leadd.core.intake import Accepted, Intake
from leadd.core.kept import KeptAnswers
from leadd.core.pipeline import Pipeline
from leadd.core.profiles import Profiles
from leadd.core.promises.choosing import Chooser
from leadd.core.prompts.arms import Arms
from leadd.core.reading import Reader
from leadd.core.reuse.earlier import EarlierReadings, ReuseFigures
from leadd.core.reuse.standing_answers import StandingAnswers
from leadd.core.supervisor import Supervisor
from leadd.core.traffic import SinkSlot, SourceSlot, Traffic
from leadd.core.training.training import Training
from leadd.core.training.tuning import Tuning
from leadd.inference import Inference
from leadd.prompting import PromptBook
from leadd.store import Store, StoreUnavailable
from leadd.store.verdicts import VerdictKept

if TYPE_CHECKING:
    from leadd.core.promises.promise_figures import PromiseFigures

INBOX = "inbox"
MODEL_SEEN = "model.seen"
"""Key of the fact that this home has seen a language model answer; `auto` waits for one from then on."""


MODEL_BUDGETS = "model.budgets"
"""Key of the characters per token that were learnt of each model. They shape what a prompt shows, and so the keys of the cache:
a start that began to learn anew would ask again what is known."""
BUDGETS_EVERY_S = 300.0


class Core:
    """Owns intake, pipeline, dossiers, delivery, events and the supervisor of their loops."""

    def __init__(
        self,
        store: Store,
        inference: Inference,
        prompts: PromptBook,
        settings: Settings,
        clock: Clock,
        log: logging.Logger,
        *,
        sources: Sequence[SourceSlot] = (),
        sinks: Sequence[SinkSlot] = (),
        boot: str = "",
    ) -> None:
        self.owner = f"{boot}/{uuid.uuid4().hex}"
        self.store = store
        self.inference = inference
        self.prompts = prompts
        self.settings = settings
        self._clock = clock
        self._log = log
        self.events = EventBus(clock)
        self.profiles = Profiles(store)
        self.supervisor = Supervisor(clock, log)
        self.intake = Intake(store, clock, self.events)
        self.traffic = Traffic(
            store, self.intake, self.events, self.supervisor, clock, log, owner=self.owner, sources=sources, sinks=sinks
        )
        self.arms = Arms(prompts)
        reader = Reader(
            store, inference, self.arms, clock,
            worth_from=settings.inference.worth_from, details_from=settings.inference.details_from,
        )  # fmt: skip
        self.kept = KeptAnswers(store, reader, self.profiles, inference)
        points = scoring.Thresholds(settings.scoring.red_hot, settings.scoring.warm, settings.scoring.nurture)
        near = settings.cache.near.model_copy(update={"enabled": settings.cache.enabled and settings.cache.near.enabled})
        self.earlier = EarlierReadings(store, inference, self.arms, points, near)
        self.chooser = Chooser(
            store, inference, StandingAnswers(store, inference, self.arms), self.profiles, self.events, clock, log,
            settings.prefilter,
        )  # fmt: skip
        self.pipeline = Pipeline(
            store, inference, reader, self.earlier, self.chooser, self.profiles, self.events, clock, log, settings,
            owner=self.owner, sinks=self.traffic.sink_refs, wake=lambda: self.supervisor.wake("pipeline"),
        )  # fmt: skip
        self.asking = Asking(
            store, self.pipeline, self.profiles, inference, self.arms, clock, log, owner=self.owner,
            keep_s=settings.cache.ttl_s if settings.cache.enabled else 0.0,
        )  # fmt: skip
        self.finder = Finder(store, self.pipeline.vectors, clock, log, has_embedder=settings.models.embed.enabled)
        self.training = Training(store, prompts, inference)
        self.tuning = Tuning(store, inference, prompts, self.training, clock)
        self.expanding = Expanding(store, inference, prompts)
        self.dossiers = Dossiers(
            store, inference, prompts, self.profiles, self.events, clock, log,
            owner=self.owner, lease_ms=int(settings.pipeline.lease_s * 1000), wake=self._wake_dossiers,
        )  # fmt: skip
        self._model_seen = False
        self._budgets: Mapping[str, float] = {}

    async def open(self) -> None:
        """Take back what an earlier run left leased, then start every loop. Call it once, under the daemon's lock."""
        released = await self.store.release_stale(self.owner)
        if released:
            self._log.info("%d pieces of work of an earlier run are taken up again", released)
        await self.profiles.load()
        self._budgets = await self.store.schedule.get(MODEL_BUDGETS) or {}
        self.inference.restore(self._budgets)
        self.events.on_publish = self._on_event
        add = self.supervisor.add
        self.inference.on_hurry = self._hurry_inference
        add("inference", self.inference.turn, only_waits=True)
        add("models", self._watch_models, only_waits=True)
        add("budgets", self._keep_budgets, only_waits=True)
        for number in range(self.settings.pipeline.in_flight):
            add(f"reader:{number + 1}", self.pipeline.read_turn)
        add("pipeline", self.pipeline.turn)
        add("choosing", self.chooser.turn)
        add("dossiers", self.dossiers.turn)
        add("dossiers:asked", self.dossiers.asked_turn)
        self.traffic.open()

    async def close(self, grace_s: float) -> list[str]:
        """Stop the loops, give back what they had not begun, close sources and sinks. Names of loops that were cut off."""
        unbegun = self.pipeline.close()
        try:
            late = await self.supervisor.close(grace_s)
        finally:
            await self.pipeline.give_back(unbegun)
        self.events.close()
        await self._keep_budgets()
        await self.traffic.close()
        return late

    def _hurry_inference(self) -> None:
        self.supervisor.wake("inference")

    def _wake_dossiers(self) -> None:
        for name in ("dossiers:asked", "dossiers"):
            self.supervisor.wake(name)

    def _on_event(self, kind: str) -> None:
        """Work that follows from news begins at once instead of at the next look."""
        if kind == "signals.accepted":
            self.supervisor.wake("pipeline")
        elif kind in {"lead.created", "lead.upgraded", "deliveries.changed"}:
            self.traffic.hurry_sinks()
            self._wake_dossiers()

    async def _watch_models(self) -> float | None:
        """Wake what waits for a model when one becomes available."""
        before = self._can_read()
        await self._remember_model()
        await self.inference.changed()
        self._wake_dossiers()  # their model may be another one than those that read signals
        if self._can_read() != before or before:
            self.supervisor.wake("pipeline")
            self.events.publish("models.changed", available=self._can_read())
        return 0

    async def _keep_budgets(self) -> float:
        """Store what was learnt of the models' tokens, where that is news."""
        known = {**self._budgets, **self.inference.calibrations()}
        if known != self._budgets:
            with contextlib.suppress(StoreUnavailable):  # it is learnt again
                await self.store.schedule.set(MODEL_BUDGETS, known)
                self._budgets = known
        return BUDGETS_EVERY_S

    async def _remember_model(self) -> None:
        if self._model_seen or self.inference.availability(Role.TRIAGE).method != Method.MODEL:
            return
        self._model_seen = True
        if await self.store.schedule.get(MODEL_SEEN) is None:
            await self.store.schedule.set(MODEL_SEEN, {"at_ms": self._clock.now_ms()})

    def _can_read(self) -> bool:
        return all(self.inference.availability(r).ok for r in (Role.TRIAGE, Role.CLASSIFY))

    async def classify(self, request: ClassifyRequest) -> ClassifyResult:
        """Classify one text now, ahead of the queue. Raises Reject and StoreUnavailable."""
        return await self.asking.classify(request)

    def classify_many(
        self, requests: Iterable[ClassifyRequest] | AsyncIterator[ClassifyRequest]
    ) -> AsyncIterator[tuple[int, ClassifyResult]]:
        """Results as they come, each with the place of its request."""
        return self.asking.classify_many(requests, at_once=max(8, self.settings.pipeline.in_flight))

    async def ingest(self, drafts: Sequence[SignalDraft], *, source: str = INBOX, problems: Sequence[Problem] = ()) -> Accepted:
        """Store signals that were handed over; returns after the commit."""
        return await self.intake.accept(source, drafts, problems=problems)

    async def icps_changed(self) -> None:
        """Take up changed ICPs; signals judged before keep their judgements."""
        await self.profiles.load()
        self.supervisor.wake("pipeline")
        self.events.publish("icps.changed", icps=[p.icp.name for p in self.profiles.current])

    async def reuse_figures(self) -> list[ReuseFigures]:
        """What was taken over from earlier signals, and how sure that is, for each ICP in force."""
        return await self.earlier.figures(self.profiles.current)

    async def promises(self, *, closely: bool = True) -> list[PromiseFigures]:
        """What the prefilter promises for each ICP in force, and what that rests on; `closely` with its calibration."""
        from leadd.core.promises.promise_figures import figures  # noqa: PLC0415 - brings numpy, which nobody pays for at the start

        await self.chooser.prepare()
        enabled = self.settings.prefilter.enabled
        return await figures(self.store, self.chooser, self.profiles.current, enabled=enabled, closely=closely)

    async def clear_cache(self) -> int:
        """Forget every kept answer; the number of entries dropped."""
        self.asking.forget()
        return await self.inference.clear_cache()

    async def rejudge(self, method: str = Method.EVIDENCE.value) -> int:
        """Put signals that were judged by `method` in the queue again; the number of them."""
        count = await self.store.signals.reopen(method=method)
        self.asking.forget()
        self.supervisor.wake("pipeline")
        return count

    async def retry_held(self, ids: Sequence[int] | None = None) -> int:
        """Put held signals in the queue again, all or those named; the number of them."""
        count = await self.store.signals.unhold(ids)
        self.supervisor.wake("pipeline")
        return count

    async def judge_signal(self, signal_id: int, verdict: str, note: str = "", *, by: str, icp: str | None) -> VerdictKept:
        """Keep the user's word on a dropped signal; one that should have been a lead is read again at once. Raises NotFound."""
        kept = await self.store.verdicts.judge_signal(signal_id, verdict, note, by=by, icp=icp)
        if verdict == "accept":
            self.asking.forget()
            self.supervisor.wake("pipeline")
        return kept
