"""Leads on their way out: one row per lead, sink and revision, tried until it arrived, was refused, or gave up."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from dataclasses import dataclass

from leadd.api import Clock, Lead, NeedsAttention, Receipt, Reject, Retry, Sink
from leadd.core.events import EventBus
from leadd.core.opening import OpenOnce
from leadd.core.owed import Owed
from leadd.store import Store
from leadd.store.rows import OutboxRow

SCHEDULE_S = (0, 5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
"""Waits after the first, second, … failed try: the schedule that Standard Webhooks recommends, used for every sink."""

BATCH = 16
DELIVER_LIMIT_S = 60.0
LEASE_MS = 1_800_000
"""Longer than a batch can take with every delivery at its limit."""
RECEIPTS_S = 0.25
BREAKER_AFTER = 5
"""Failures in a row after which the whole sink rests: what is down for five leads is down for the sixth."""


@dataclass(slots=True)
class SinkCounts:
    """What this run of the daemon did with one sink."""

    delivered: int = 0
    retried: int = 0
    dead: int = 0
    failures_in_row: int = 0


class Delivery:
    """Hands leads to one sink. The key and the bytes of a delivery are fixed at its first try and never change."""

    def __init__(
        self,
        name: str,
        sink: Sink,
        store: Store,
        events: EventBus,
        clock: Clock,
        log: logging.Logger,
        *,
        owner: str,
        max_attempts: int = len(SCHEDULE_S),
        rng: random.Random | None = None,
    ) -> None:
        self.name = name
        self.sink = sink
        self._store = store
        self._events = events
        self._clock = clock
        self._log = log
        self._owner = owner
        self._max_attempts = max_attempts
        self._rng = rng or random.Random()
        self.counts = SinkCounts()
        self._bugs: set[str] = set()
        self._owed = Owed(store.outbox.release)
        self._opening = OpenOnce(sink)

    async def open(self) -> None:
        """Open the sink once; after a failure the next call tries again."""
        await self._opening.open()

    async def close(self) -> None:
        """Close what was opened."""
        await self._opening.close()

    async def turn(self) -> float | None:
        """Deliver what is due. Raises NeedsAttention or Retry where the whole sink has to rest."""
        await self.open()
        await self._owed.pay()
        rows = await self._store.outbox.lease(self._owner, self.name, BATCH, LEASE_MS)
        if not rows:
            due_ms = await self._store.outbox.next_due(self.name)
            return None if due_ms is None else max(0.2, (due_ms - self._clock.now_ms()) / 1000)
        open_rows = {r.id for r in rows}
        try:
            leads = await self._freeze(rows)
            settled: list[tuple[int, Receipt]] = []
            written_s = self._clock.monotonic_s()
            try:
                for row in rows:
                    lead = leads.get(row.id)
                    if lead is None:
                        await self._store.outbox.dead(row.id, "the lead is gone")
                    else:
                        receipt = await self._deliver(row, lead)
                        if receipt is not None:
                            settled.append((row.id, receipt))
                    open_rows.discard(row.id)
                    if self._clock.monotonic_s() - written_s > RECEIPTS_S:
                        # A slow sink: receipts that wait for the end of the batch would be sent again after a kill.
                        await self._settle(settled)
                        settled, written_s = [], self._clock.monotonic_s()
            finally:
                # Also on the way out of a failing batch: what arrived must not be sent again.
                await self._settle(settled)
        finally:
            self._owed.add(open_rows)
            await self._owed.pay()
        return 0

    async def _settle(self, settled: list[tuple[int, Receipt]]) -> None:
        marks = [self._store.outbox.delivered(i, receipt) for i, receipt in settled]
        for (row_id, _), done in zip(settled, await asyncio.gather(*marks, return_exceptions=True), strict=True):
            if isinstance(done, BaseException):
                # It arrived and cannot be noted: it goes out again, with the same key and bytes.
                self._log.error("sink %s: delivery %d arrived and could not be noted: %s", self.name, row_id, done)
                self._owed.add([row_id])
        self.counts.delivered += len(settled)

    async def _freeze(self, rows: list[OutboxRow]) -> dict[int, Lead]:
        """The lead of each row, as bytes that later tries repeat; written before the first of them is sent."""
        leads: dict[int, Lead] = {}
        for row in rows:
            if row.payload is not None:
                leads[row.id] = Lead.from_dict(json.loads(row.payload))
        unseen = [row for row in rows if row.payload is None and row.lead_id is not None]
        views = await self._store.leads.views([(row.lead_id or 0, row.event, row.revision) for row in unseen])
        fresh = [
            (row, json.dumps(lead.as_dict(), ensure_ascii=False))
            for row, lead in zip(unseen, views, strict=True)
            if lead is not None
        ]
        frozen = await asyncio.gather(*(self._store.outbox.freeze(row.id, payload) for row, payload in fresh))
        for (row, _), payload in zip(fresh, frozen, strict=True):
            leads[row.id] = Lead.from_dict(json.loads(payload))
        return leads

    async def _deliver(self, row: OutboxRow, lead: Lead) -> Receipt | None:
        try:
            async with asyncio.timeout(DELIVER_LIMIT_S):
                receipt = await self.sink.deliver(lead, row.key)
        except Reject as error:
            await self._dead(row, str(error))
            return None
        except NeedsAttention as error:
            await self._store.outbox.retry(row.id, str(error), due_ms=self._clock.now_ms())
            raise
        except TimeoutError:
            await self._again(row, f"no answer within {DELIVER_LIMIT_S:.0f} s", None)
            return None
        except Retry as error:
            await self._again(row, str(error), error.after_s)
            return None
        except (Exception, SystemExit) as error:
            self._report_bug(error)
            await self._again(row, f"{type(error).__name__}: {error}", None)
            return None
        self.counts.failures_in_row = 0
        self._events.publish("delivery.done", sink=self.name, lead_id=lead.id)
        return receipt or Receipt()

    def _report_bug(self, error: BaseException) -> None:
        kind = f"{type(error).__name__}: {error}"
        if kind not in self._bugs and len(self._bugs) < 50:
            self._bugs.add(kind)
            self._log.error("sink %s failed: %s", self.name, kind, exc_info=error)

    async def _again(self, row: OutboxRow, error: str, after_s: float | None) -> None:
        tries = row.attempts + 1
        if tries >= self._max_attempts:
            await self._dead(row, f"{error} (after {tries} tries)")
            return
        wait_s = float(SCHEDULE_S[min(tries - 1, len(SCHEDULE_S) - 1)])
        # Jitter so that a sink that comes back is not met by all rows in one second.
        wait_s = max(wait_s * self._rng.uniform(0.8, 1.2), after_s or 0.0)
        self.counts.retried += 1
        self.counts.failures_in_row += 1
        await self._store.outbox.retry(row.id, error, due_ms=self._clock.now_ms() + int(wait_s * 1000))
        if self.counts.failures_in_row >= BREAKER_AFTER:
            raise Retry(f"{self.counts.failures_in_row} deliveries in a row failed; the last: {error}", after_s=after_s)

    async def _dead(self, row: OutboxRow, error: str) -> None:
        self.counts.dead += 1
        await self._store.outbox.dead(row.id, error)
        self._log.warning("delivery %d to %s gave up: %s", row.id, self.name, error)
        self._events.publish("delivery.dead", sink=self.name, lead_id=row.lead_id, error=error)
