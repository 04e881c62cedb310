"""Dossiers: the deeper text about a hot lead, written when the larger model has time, at once where a person waits for it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from leadd.api import Bucket, Clock, Method, ModelFailure, Role, Signal
from leadd.core import questions
from leadd.core.answer_checks import check_dossier_field
from leadd.core.events import EventBus
from leadd.core.owed import Owed
from leadd.core.profiles import Profiles
from leadd.core.questions import PERSON_PRIORITY
from leadd.core.reading import answered_judgement
from leadd.inference import Inference, Question, is_outage
from leadd.prompting import PromptBook
from leadd.store import Store
from leadd.store.rows import DossierRow

RETRY_MS = 60_000
MAX_ATTEMPTS = 3
HOT_PRIORITY = 500
USUAL_PRIORITY = 50


@dataclass(slots=True)
class _Writing:
    """A dossier that is being written: what was asked, and the fields that are complete so far."""

    question: Question
    fields: dict[str, Any] = field(default_factory=dict)
    is_answered: bool = False


class Dossiers:
    """Writes what is wanted, with a language model only.

    Two loops do it: `turn` takes the queue in its order, one lead after the other; `asked_turn` takes only what a person waits
    for, so that nobody waits behind a dossier that is in the queue of the model itself. What is complete of an answer is told
    on the bus at once (`dossier.field`, `dossier.restart`); only the whole is stored.
    """

    def __init__(
        self,
        store: Store,
        inference: Inference,
        prompts: PromptBook,
        profiles: Profiles,
        events: EventBus,
        clock: Clock,
        log: logging.Logger,
        *,
        owner: str,
        lease_ms: int,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        self._store = store
        self._inference = inference
        self._prompts = prompts
        self._profiles = profiles
        self._events = events
        self._clock = clock
        self._log = log
        self._owner = owner
        self._lease_ms = lease_ms
        self._wake = wake
        self._owed = Owed(store.dossiers.release)
        self._taking = asyncio.Lock()
        self._writing: dict[int, _Writing] = {}
        self._asked: set[int] = set()
        self.written = 0

    async def turn(self) -> float | None:
        """Write the first dossier of the queue; rest where there is none or no language model."""
        return await self._turn(0)

    async def asked_turn(self) -> float | None:
        """The same for dossiers that a person waits for, those included that the other loop has begun."""
        await self._hurry()
        return await self._turn(PERSON_PRIORITY)

    async def want(self, lead_id: int) -> None:
        """A person waits for a lead's dossier: it goes ahead of all other work. Returns after the commit. Raises NotFound."""
        await self._store.dossiers.want(lead_id, PERSON_PRIORITY)
        self._asked.add(lead_id)
        self._wake()

    def so_far(self, lead_id: int) -> Mapping[str, Any]:
        """The fields that are complete of a dossier that is being written, in order; empty where none is."""
        writing = self._writing.get(lead_id)
        return {} if writing is None else dict(writing.fields)

    def waits_for(self) -> str:
        """Why no dossier can be written now, in one sentence; empty where one can."""
        now = self._inference.availability(Role.DOSSIER)
        if now.ok and now.method == Method.MODEL:
            return ""
        return now.reason or "there is no language model"

    async def _turn(self, least_priority: int) -> float | None:
        if self.waits_for():
            return None  # woken when a model comes
        async with self._taking:  # rows that one loop returns late must not be those that the other has just taken
            await self._owed.pay()
            leased = await self._store.dossiers.lease(
                self._owner, limit=1, lease_ms=self._lease_ms, least_priority=least_priority
            )
        if not leased:
            due_ms = await self._store.dossiers.next_due(least_priority=least_priority)
            return None if due_ms is None else max(0.2, (due_ms - self._clock.now_ms()) / 1000)
        work = leased[0]
        try:
            await self._write(work)
        except ModelFailure as failure:
            await self._failed(work, failure)
        except BaseException:
            self._owed.add([work.lead_id])
            await self._owed.pay()
            raise
        finally:
            self._asked.discard(work.lead_id)
            self._take_back(work.lead_id)
        return 0

    async def _hurry(self) -> None:
        """Move what is being written and a person has come to wait for to the front of its model's queue."""
        while (writing := self._next_to_hurry()) is not None:
            writing.question = replace(writing.question, priority=PERSON_PRIORITY)
            try:
                # The same question joins the flight that is under way, and takes its priority along.
                await self._inference.ask(writing.question)
            except ModelFailure:
                continue  # told and dealt with where it was asked first

    def _next_to_hurry(self) -> _Writing | None:
        for lead_id, writing in self._writing.items():
            if lead_id in self._asked and writing.question.priority < PERSON_PRIORITY and not writing.is_answered:
                return writing
        return None

    async def _write(self, work: DossierRow) -> None:
        profile = next((p for p in self._profiles.current if p.id == work.icp_id), None)
        lead = await self._store.leads.view(work.lead_id)
        row = await self._store.signals.get(work.signal_id) if work.signal_id is not None else None
        if profile is None or lead is None or row is None:
            await self._give_up(work, "its ICP, lead or signal is gone", None)
            return
        about = questions.lead_summary(lead.name, lead.score, lead.bucket, lead.reasons, lead.classification)
        shown = questions.show(
            self._prompts, "dossier", profile.icp, row, ceiling_chars=questions.DOSSIER_CHARS, variables={"lead": about},
            chars_per_token=self._inference.chars_per_token(Role.DOSSIER),
            limit_tokens=self._inference.token_budget(Role.DOSSIER),
        )  # fmt: skip
        usual = HOT_PRIORITY if lead.bucket == Bucket.RED_HOT else USUAL_PRIORITY
        priority = max(work.priority, PERSON_PRIORITY if work.lead_id in self._asked else usual)
        question = questions.dossier(profile.icp, row, shown.rendered, priority=priority)
        writing = _Writing(replace(question, again=work.attempts > 0 or work.lead_id in self._asked))
        self._writing[work.lead_id] = writing
        answer = await self._inference.ask(writing.question, progress=partial(self._tell, work.lead_id, writing, row))
        writing.is_answered = True
        judgement = answered_judgement(row, profile, "dossier", answer, shown.excerpt)
        await self._store.dossiers.finish(work.lead_id, answer.data, judgement)
        self.written += 1
        # Gone before the news: whoever looks from now on finds the whole in the store.
        self._writing.pop(work.lead_id, None)
        self._events.publish("dossier.written", lead_id=work.lead_id)

    def _tell(self, lead_id: int, writing: _Writing, signal: Signal, key: str, value: Any) -> None:
        """A field is complete, or (no key) all that was told is void."""
        if self._writing.get(lead_id) is not writing:
            return  # nobody waits for this answer any more, though it is still being written
        if not key:
            self._void(lead_id, writing)
            return
        try:
            shown = check_dossier_field(value, signal)
        except ValueError:
            return  # the check of the whole will say so
        writing.fields[key] = shown
        self._events.publish("dossier.field", lead_id=lead_id, key=key, value=shown)

    def _take_back(self, lead_id: int) -> None:
        """It is not being written any more, and what was told of it is no dossier."""
        writing = self._writing.pop(lead_id, None)
        if writing is not None:
            self._void(lead_id, writing)

    def _void(self, lead_id: int, writing: _Writing) -> None:
        if writing.fields:
            writing.fields.clear()
            self._events.publish("dossier.restart", lead_id=lead_id)

    async def _failed(self, work: DossierRow, failure: ModelFailure) -> None:
        self._take_back(work.lead_id)
        if is_outage(failure.kind):
            await self._store.dossiers.release([work.lead_id])
            self._events.publish("dossier.waits", lead_id=work.lead_id, reason=str(failure))
            return
        again = work.attempts < MAX_ATTEMPTS
        due_ms = self._clock.now_ms() + RETRY_MS * 4**work.attempts if again else None
        self._log.warning("the dossier of lead %d failed (%s)%s", work.lead_id, failure.kind.value, "" if again else "; held")
        await self._give_up(work, str(failure), due_ms)

    async def _give_up(self, work: DossierRow, reason: str, due_ms: int | None) -> None:
        """Until `due_ms`, or for good (None)."""
        await self._store.dossiers.fail(work.lead_id, reason, due_ms=due_ms)
        kind = "dossier.waits" if due_ms is not None else "dossier.failed"
        self._events.publish(kind, lead_id=work.lead_id, reason=reason)
