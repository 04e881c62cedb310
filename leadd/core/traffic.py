"""Where signals come from and where leads go: every source and sink that the settings name, its loop, and how it is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leadd.api import Clock, Receipt, Sink, Source
from leadd.core.delivery import Delivery
from leadd.core.events import EventBus
from leadd.core.intake import Intake
from leadd.core.sources import SourceStatus, SourceWork
from leadd.core.supervisor import Loop, Supervisor
from leadd.store import Store
from leadd.store.rows import SinkRef

CLOSE_S = 5.0
"""How long one source or sink may take to close."""


@dataclass(frozen=True, slots=True)
class SourceSlot:
    """A source that the settings name: the instance, or None with the reason where it could not be made."""

    name: str
    use: str
    source: Source | None
    interval_s: float = 900.0
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SinkSlot:
    """A sink that the settings name: the instance, or None with the reason where it could not be made."""

    name: str
    use: str
    sink: Sink | None
    min_bucket: str = "nurture"
    icps: tuple[str, ...] | None = None
    max_attempts: int = 10
    reason: str = ""


@dataclass(frozen=True, slots=True)
class SinkStatus:
    """One sink as lists show it; `counts` are its deliveries by state, over all time."""

    name: str
    use: str
    state: str
    reason: str = ""
    hint: str = ""
    min_bucket: str = "nurture"
    guarantee: str = ""
    counts: Mapping[str, int] | None = None


class Traffic:
    """Owns the sources and sinks. One that could not be made keeps its place in the lists, with the reason."""

    def __init__(
        self, store: Store, intake: Intake, events: EventBus, supervisor: Supervisor, clock: Clock, log: logging.Logger, *,
        owner: str, sources: Sequence[SourceSlot] = (), sinks: Sequence[SinkSlot] = (),
    ) -> None:  # fmt: skip
        self._store = store
        self._intake = intake
        self._events = events
        self._supervisor = supervisor
        self._clock = clock
        self._log = log
        self._owner = owner
        self._source_slots: dict[str, SourceSlot] = {}
        self._sink_slots: dict[str, SinkSlot] = {}
        self._source_work: dict[str, SourceWork] = {}
        self._deliveries: dict[str, Delivery] = {}
        for slot in sources:
            self._take_source(slot)
        for sink in sinks:
            self._take_sink(sink)

    def open(self) -> None:
        """Start the loops of all that could be made."""
        for work in self._source_work.values():
            self._start_source(work)
        for name, delivery in self._deliveries.items():
            self._supervisor.add(f"sink:{name}", delivery.turn)

    async def close(self) -> None:
        """Close them all, once their loops have ended."""
        for work in self._source_work.values():
            await self._close_one(work.name, work.close())
        for delivery in self._deliveries.values():
            await self._close_one(delivery.name, delivery.close())

    def hurry_sinks(self) -> None:
        """There may be something in the outbox: sinks that are not resting look now."""
        for name in self._deliveries:
            self._supervisor.wake(f"sink:{name}")

    def _take_source(self, slot: SourceSlot) -> None:
        self._source_slots[slot.name] = slot
        if slot.source is not None:
            self._source_work[slot.name] = SourceWork(
                slot.name, slot.use, slot.source, self._store, self._intake, self._clock, interval_s=slot.interval_s
            )

    def _take_sink(self, sink: SinkSlot) -> None:
        self._sink_slots[sink.name] = sink
        if sink.sink is not None:
            self._deliveries[sink.name] = Delivery(
                sink.name, sink.sink, self._store, self._events, self._clock, self._log,
                owner=self._owner, max_attempts=sink.max_attempts,
            )  # fmt: skip

    def add_late(self, sources: Sequence[SourceSlot], sinks: Sequence[SinkSlot]) -> None:
        """Take in sources and sinks whose plugin came after the start; those that have one already are left alone."""
        for slot in sources:
            if slot.source is not None and slot.name not in self._source_work:
                self._take_source(slot)
                self._start_source(self._source_work[slot.name])
        for sink in sinks:
            if sink.sink is not None and sink.name not in self._deliveries:
                self._take_sink(sink)
                self._supervisor.add(f"sink:{sink.name}", self._deliveries[sink.name].turn)

    def _start_source(self, work: SourceWork) -> None:
        self._supervisor.add(f"source:{work.name}", work.turn)
        if not work.watches:
            return

        async def watch() -> float | None:
            await work.watch_turn()
            self._supervisor.wake(f"source:{work.name}")
            return 0

        self._supervisor.add(f"watch:{work.name}", watch, only_waits=True)

    def sink_refs(self) -> list[SinkRef]:
        """The sinks that take leads, for the rows of the outbox. One that could not be made still gets its rows."""
        return [SinkRef(s.name, s.min_bucket, s.icps) for s in self._sink_slots.values()]

    def source_statuses(self) -> list[SourceStatus]:
        """Every source that the settings name."""
        return [self._source_status(slot) for slot in self._source_slots.values()]

    def _source_status(self, slot: SourceSlot) -> SourceStatus:
        work = self._source_work.get(slot.name)
        if work is None:
            return SourceStatus(slot.name, slot.use, "failed_config", slot.reason)
        loop = self._supervisor.get(f"source:{slot.name}")
        state, reason, hint = _state_of(loop)
        return SourceStatus(
            slot.name, slot.use, state, reason, hint, work.last_poll_ms, loop.due_ms if loop else None,
            work.accepted, work.repeats, work.problems,
        )  # fmt: skip

    def poll_now(self, name: str) -> bool:
        """Begin a poll now; False where no such source runs."""
        work = self._source_work.get(name)
        if work is None:
            return False
        work.ask()
        self._supervisor.resume(f"source:{name}")
        return True

    def pause(self, name: str) -> bool:
        """Let a source rest until `resume`; False where no such source runs."""
        return self._supervisor.pause(f"source:{name}", "paused by you", "leadd sources resume " + name)

    def resume(self, name: str) -> bool:
        """End a pause; False where no such source runs."""
        return self._supervisor.resume(f"source:{name}")

    async def sink_statuses(self) -> list[SinkStatus]:
        """Every sink that the settings name, with its deliveries by state."""
        counts = await self._store.outbox.counts_by_sink()
        found = []
        for slot in self._sink_slots.values():
            delivery = self._deliveries.get(slot.name)
            state, reason, hint = ("failed_config", slot.reason, "")
            if delivery is not None:
                state, reason, hint = _state_of(self._supervisor.get(f"sink:{slot.name}"))
            guarantee = delivery.sink.guarantee.value if delivery else ""
            found.append(
                SinkStatus(slot.name, slot.use, state, reason, hint, slot.min_bucket, guarantee, counts.get(slot.name, {}))
            )
        return found

    async def test_sink(self, name: str) -> Receipt | None:
        """Reach the other side of a sink without a lead; None where there is no such sink. Raises what the sink raises."""
        delivery = self._deliveries.get(name)
        if delivery is None:
            return None
        await delivery.open()
        return await delivery.sink.test()

    def wake_sinks(self) -> None:
        """Look at the outbox now, also in sinks that rest; call it after a delivery was revived by hand."""
        for name in self._deliveries:
            self._supervisor.resume(f"sink:{name}")

    async def _close_one(self, name: str, closing: object) -> None:
        try:
            async with asyncio.timeout(CLOSE_S):
                await closing  # type: ignore[misc]
        except Exception as error:
            self._log.warning("%s did not close cleanly: %s", name, error)


def _state_of(loop: Loop | None) -> tuple[str, str, str]:
    return (loop.state, loop.reason, loop.hint) if loop else ("starting", "", "")
