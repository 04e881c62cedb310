"""Classifying on request: a person or a script hands over a text and waits for the answer."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from leadd.api import Bucket, Clock, LeaddError, ModelFailure, Reject, Role, SignalDraft
from leadd.core import outcomes
from leadd.core.intake import prepare, with_contacts
from leadd.core.pipeline import MODEL, Done, Pipeline
from leadd.core.profiles import Profiles
from leadd.core.prompts.arms import Arms
from leadd.core.questions import PERSON_PRIORITY
from leadd.inference import Inference, is_outage
from leadd.store import Store
from leadd.store.rows import NewSignal

SOURCE = "api"
RECALL_ENTRIES = 2_000


@dataclass(frozen=True, slots=True)
class ClassifyRequest:
    """One text to classify, with what is known of where it comes from."""

    signal_text: str
    source_type: str = ""
    source_url: str | None = None
    company_name: str | None = None
    company_website: str | None = None
    title: str = ""
    location: str | None = None

    def draft(self) -> SignalDraft:
        """The same as a draft of a source."""
        return SignalDraft(
            text=self.signal_text,
            title=self.title,
            url=self.source_url,
            company=self.company_name,
            company_website=self.company_website,
            location=self.location,
            source_type=self.source_type,
        )


@dataclass(frozen=True, slots=True)
class ClassifyResult:
    """What a text came to. `status` is ok, filtered, held (stored, answered later) or error (not accepted, see `error`)."""

    status: str
    icp_match: bool = False
    total_score: int = 0
    score_bucket: str = Bucket.FILTERED.value
    classification: dict[str, Any] | None = None
    company_id: int | None = None
    lead_id: int | None = None
    created_lead: bool = False
    cached: bool = False
    method: str = ""
    signal_id: int | None = None
    icp: str = ""
    reasons: tuple[str, ...] = field(default_factory=tuple)
    error: str | None = None


class Asking:
    """Runs a request through the same way as any signal, at once and ahead of the queue.

    Answers to equal requests are remembered as long as nothing that shaped them changed (ICPs, prompts, models).
    """

    def __init__(
        self,
        store: Store,
        pipeline: Pipeline,
        profiles: Profiles,
        inference: Inference,
        arms: Arms,
        clock: Clock,
        log: logging.Logger,
        *,
        owner: str,
        keep_s: float,
    ) -> None:
        self._store = store
        self._pipeline = pipeline
        self._profiles = profiles
        self._inference = inference
        self._arms = arms
        self._owner = owner
        self._clock = clock
        self._log = log
        self._keep_s = keep_s
        self._known: OrderedDict[str, tuple[float, ClassifyResult]] = OrderedDict()
        self._basis = ""

    async def classify(self, request: ClassifyRequest) -> ClassifyResult:
        """The result for one text. Raises Reject where there is no text to read, StoreUnavailable where it cannot be stored."""
        return await self._classify(_row_of(request))

    async def _classify(self, row: NewSignal) -> ClassifyResult:
        basis = self._present_basis()
        known = self._recall(row, basis)
        if known is not None:
            return known
        result = await self._ask(with_contacts(row))
        if result.status in {"ok", "filtered"}:
            self._remember(row, basis, result)
        return result

    async def classify_many(
        self, requests: Iterable[ClassifyRequest] | AsyncIterator[ClassifyRequest], *, at_once: int
    ) -> AsyncIterator[tuple[int, ClassifyResult]]:
        """Results as they come, each with the place of its request; at most `at_once` are under way.

        A result never waits for the next request: a caller may send one text, read its answer, and send the next.
        A request that cannot be used is a result with status `error`; the others go on.
        """
        results: asyncio.Queue[tuple[int, ClassifyResult] | None] = asyncio.Queue(at_once)
        feeding = asyncio.create_task(self._feed(requests, results, at_once))
        try:
            while (item := await results.get()) is not None:
                yield item
            await feeding
        finally:
            feeding.cancel()
            await asyncio.gather(feeding, return_exceptions=True)

    async def _feed(
        self,
        requests: Iterable[ClassifyRequest] | AsyncIterator[ClassifyRequest],
        results: asyncio.Queue[tuple[int, ClassifyResult] | None],
        at_once: int,
    ) -> None:
        """Take requests as there is room, put results as they come, then None. Cancelling it cancels what is under way."""
        room = asyncio.Semaphore(at_once)

        async def answer(place: int, row: NewSignal) -> None:
            try:
                await results.put((place, await self._one(row)))
            finally:
                room.release()

        try:
            async with asyncio.TaskGroup() as under_way:
                async for place, request in _numbered(requests):
                    try:
                        row = _row_of(request)
                    except Reject as error:
                        await results.put((place, ClassifyResult("error", error=str(error))))
                        continue
                    # Most of a long batch is repeats: what is remembered needs no task of its own.
                    known = self._recall(row, self._present_basis())
                    if known is not None:
                        await results.put((place, known))
                        continue
                    await room.acquire()
                    under_way.create_task(answer(place, row))
        except asyncio.CancelledError:
            raise  # nobody reads any more: putting the end into a full queue would wait for ever
        except BaseExceptionGroup as group:
            await results.put(None)
            raise group.exceptions[0] from None
        await results.put(None)

    def forget(self) -> None:
        """Drop the remembered results; part of clearing the cache."""
        self._known.clear()

    async def _one(self, row: NewSignal) -> ClassifyResult:
        try:
            return await self._classify(row)
        except LeaddError as error:
            return ClassifyResult("error", error=str(error))
        except Exception:
            self._log.exception("a text of a batch could not be classified")
            return ClassifyResult("error", error="leadd failed on this text; the log has the error")

    async def _ask(self, row: NewSignal) -> ClassifyResult:
        signal, existed = await self._store.signals.add_leased(self._owner, row)
        if existed and signal.state in {"new", "held"}:
            # Asked again before its turn came: it is answered now, and the queue must not answer it a second time.
            signal = await self._store.signals.take(self._owner, signal.id) or signal
        try:
            (judged,) = await self._pipeline.judge_all([signal])
            if not judged.verdicts:
                await self._pipeline.give_back({signal.id})
                return _held(signal.id, "every ICP is switched off")
            if not judged.kept:
                ends = (await self._pipeline.settle_dropped([judged]))[0]
                return result_of(Done(signal, ends))
            waits = self._why_waiting()
            if waits:
                await self._pipeline.give_back({signal.id}, waiting_for=MODEL)
                return _held(signal.id, waits)
            return result_of(await self._pipeline.process(judged, priority=PERSON_PRIORITY))
        except ModelFailure as failure:
            await self._pipeline.give_back({signal.id}, waiting_for=MODEL if is_outage(failure.kind) else None)
            return _held(signal.id, str(failure))
        except BaseException:
            await self._pipeline.give_back({signal.id})
            raise

    def _why_waiting(self) -> str:
        for role in (Role.TRIAGE, Role.CLASSIFY):
            now = self._inference.availability(role)
            if not now.ok:
                return f"waits for the model: {now.reason}"
        return ""

    def _present_basis(self) -> str:
        """Names all that shapes an answer besides the text; a change of any makes remembered results worthless."""
        return f"{self._profiles.revision}/{self._arms.revision}/{self._inference.revision}"

    def _recall(self, row: NewSignal, basis: str) -> ClassifyResult | None:
        """The remembered result of an equal request."""
        name = _name_of(row)
        if basis != self._basis:
            self._known.clear()
            self._basis = basis
            return None
        ends_s, known = self._known.get(name, (0.0, None))
        if known is None or ends_s < self._clock.monotonic_s():
            return None
        self._known.move_to_end(name)
        self._inference.count_recall(known.method)
        return known

    def _remember(self, row: NewSignal, basis: str, result: ClassifyResult) -> None:
        if basis != self._basis or self._keep_s <= 0:
            return
        ends_s = self._clock.monotonic_s() + self._keep_s
        self._known[_name_of(row)] = (ends_s, replace(result, cached=True, created_lead=False))
        while len(self._known) > RECALL_ENTRIES:
            self._known.popitem(last=False)


def _row_of(request: ClassifyRequest) -> NewSignal:
    """The request as a row, without contacts: they are no part of what makes two requests equal. Raises Reject."""
    return prepare(SOURCE, request.draft(), asked_by_person=True, contacts=False)


def _name_of(row: NewSignal) -> str:
    return "\0".join((row.content_hash, row.company or "", row.company_website or "", row.location or "", row.url or ""))


def result_of(done: Done) -> ClassifyResult:
    """The result that names a signal's best outcome."""
    top = outcomes.best(done.outcomes)
    lead = next(((lead_id, new) for lead_id, icp_id, new in done.leads if icp_id == top.profile.id), None)
    return ClassifyResult(
        status="filtered" if top.bucket is Bucket.FILTERED else "ok",
        icp_match=top.makes_lead,
        total_score=top.total,
        score_bucket=top.bucket.value,
        classification=top.classification,
        company_id=done.company_id,
        lead_id=lead[0] if lead else None,
        created_lead=bool(lead and lead[1]),
        cached=top.cached and top.method != "rule",
        method=top.method,
        signal_id=done.signal.id,
        icp=top.profile.icp.name,
        reasons=top.reasons,
    )


def _held(signal_id: int, reason: str) -> ClassifyResult:
    return ClassifyResult("held", signal_id=signal_id, score_bucket="held", reasons=(reason,))


async def _numbered(
    requests: Iterable[ClassifyRequest] | AsyncIterator[ClassifyRequest],
) -> AsyncIterator[tuple[int, ClassifyRequest]]:
    place = 0
    if isinstance(requests, AsyncIterator):
        async for request in requests:
            yield place, request
            place += 1
        return
    for request in requests:
        yield place, request
        place += 1
