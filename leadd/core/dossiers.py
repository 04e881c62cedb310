"""Dossiers: the deeper text about a hot lead, written when the larger model has time."""

from __future__ import annotations

import logging

from leadd.api import Clock, Method, ModelFailure, Role
from leadd.core import questions
from leadd.core.events import EventBus
from leadd.core.owed import Owed
from leadd.core.profiles import Profiles
from leadd.core.reading import answered_judgement
from leadd.inference import Inference, is_outage
from leadd.prompting import PromptBook
from leadd.store import Store
from leadd.store.rows import DossierRow

RETRY_MS = 60_000
MAX_ATTEMPTS = 3


class Dossiers:
    """Writes what is wanted, one lead after the other, with a language model only."""

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
        self._owed = Owed(store.dossiers.release)
        self.written = 0

    async def turn(self) -> float | None:
        """Write the dossier of the hottest lead that wants one; rest where there is none or no language model."""
        now = self._inference.availability(Role.DOSSIER)
        if not now.ok or now.method != Method.MODEL:
            return None  # woken when a model comes
        await self._owed.pay()
        leased = await self._store.dossiers.lease(self._owner, limit=1, lease_ms=self._lease_ms)
        if not leased:
            due_ms = await self._store.dossiers.next_due()
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
        return 0

    async def _write(self, work: DossierRow) -> None:
        profile = next((p for p in self._profiles.current if p.id == work.icp_id), None)
        lead = await self._store.leads.view(work.lead_id)
        row = await self._store.signals.get(work.signal_id) if work.signal_id is not None else None
        if profile is None or lead is None or row is None:
            await self._store.dossiers.fail(work.lead_id, "its ICP, lead or signal is gone", due_ms=None)
            return
        about = questions.lead_summary(lead.name, lead.score, lead.bucket, lead.reasons, lead.classification)
        variables = questions.variables_of(profile.icp) | {"lead": about}
        rendered = self._prompts.render("dossier", variables, questions.signal_fields(row, profile.icp))
        answer = await self._inference.ask(questions.dossier(profile.icp, row, rendered))
        await self._store.dossiers.finish(work.lead_id, answer.data, answered_judgement(row, profile, "dossier", answer))
        self.written += 1
        self._events.publish("dossier.written", lead_id=work.lead_id)

    async def _failed(self, work: DossierRow, failure: ModelFailure) -> None:
        if is_outage(failure.kind):
            await self._store.dossiers.release([work.lead_id])
            return
        again = work.attempts < MAX_ATTEMPTS
        due_ms = self._clock.now_ms() + RETRY_MS * 4**work.attempts if again else None
        self._log.warning("the dossier of lead %d failed (%s)%s", work.lead_id, failure.kind.value, "" if again else "; held")
        await self._store.dossiers.fail(work.lead_id, str(failure), due_ms=due_ms)
