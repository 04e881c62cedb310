"""The event bus: nobody waits for a slow reader, and a reader that comes back misses nothing that is still remembered."""

from __future__ import annotations

import asyncio

from leadd.api import SystemClock
from leadd.core.events import Event, EventBus


async def collect(bus: EventBus, into: list[Event], *, after: int | None = None) -> None:
    async for event in bus.subscribe(after=after):
        into.append(event)


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_every_reader_gets_every_event() -> None:
    bus = EventBus(SystemClock())
    one: list[Event] = []
    two: list[Event] = []
    tasks = [asyncio.create_task(collect(bus, one)), asyncio.create_task(collect(bus, two))]
    await settle()
    bus.publish("lead.created", lead_id=7)
    await settle()
    bus.close()
    await asyncio.gather(*tasks)
    assert [e.data["lead_id"] for e in one] == [7]
    assert one == two


async def test_a_reader_that_comes_back_gets_what_it_missed() -> None:
    bus = EventBus(SystemClock(), keep=10)
    ids = [bus.publish("tick", n=n).id for n in range(5)]
    got: list[Event] = []
    task = asyncio.create_task(collect(bus, got, after=ids[1]))
    await settle()
    bus.publish("tick", n=5)
    await settle()
    bus.close()
    await task
    assert [e.data["n"] for e in got] == [2, 3, 4, 5]


async def test_a_slow_reader_is_let_go_and_nobody_is_held_up() -> None:
    bus = EventBus(SystemClock(), queue=3)
    slow = bus.subscribe()
    first = asyncio.ensure_future(anext(slow))
    await settle()
    for n in range(10):
        bus.publish("tick", n=n)
    rest = [await first, *[event async for event in slow]]
    assert len(rest) <= 4, "the subscription ended instead of growing"


async def test_work_that_follows_hears_of_the_kind() -> None:
    bus = EventBus(SystemClock())
    heard: list[str] = []
    bus.on_publish = heard.append
    bus.publish("signals.accepted", count=1)
    assert heard == ["signals.accepted"]
    assert bus.last_id == 1
