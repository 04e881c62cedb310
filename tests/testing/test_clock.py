"""The clock that tests move from sleeper to sleeper."""

from __future__ import annotations

import asyncio

import pytest

from leadd.api import Clock
from leadd.testing.clock import FakeClock, settle


async def test_it_is_a_clock_and_stands_still() -> None:
    clock = FakeClock(now_ms=1_000)
    assert isinstance(clock, Clock)
    await settle()
    assert (clock.now_ms(), clock.monotonic_s()) == (1_000, 1000.0)
    await clock.sleep(0)
    await clock.sleep(-1)
    assert clock.sleepers == 0


async def test_sleepers_wake_in_order_at_their_own_time() -> None:
    clock, woken = FakeClock(now_ms=0), []

    async def sleeper(name: str, seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append((name, clock.now_ms()))

    tasks = [asyncio.create_task(sleeper(*item)) for item in (("c", 3), ("a", 1), ("b", 2), ("a2", 1), ("z", 9))]
    await clock.sleeping(5)
    assert clock.next_due_s == 1
    await clock.advance(5)
    assert woken == [("a", 1000), ("a2", 1000), ("b", 2000), ("c", 3000)]
    assert clock.monotonic_s() == 1005.0
    assert clock.sleepers == 1
    await clock.advance(4)
    await asyncio.gather(*tasks)
    assert woken[-1] == ("z", 9000)
    assert clock.next_due_s is None


async def test_a_loop_wakes_once_for_each_of_its_sleeps() -> None:
    clock, times = FakeClock(), []

    async def tick() -> None:
        while True:
            await clock.sleep(1)
            times.append(clock.monotonic_s())

    task = asyncio.create_task(tick())
    await clock.advance(10)
    task.cancel()
    assert times == [1000.0 + n for n in range(1, 11)]


async def test_a_cancelled_sleeper_is_forgotten() -> None:
    clock = FakeClock()
    task = asyncio.create_task(clock.sleep(5))
    await clock.sleeping()
    task.cancel()
    await settle()
    assert clock.sleepers == 0
    await clock.advance(10)
    assert task.cancelled()


async def test_the_wall_clock_jumps_alone() -> None:
    clock = FakeClock()
    task = asyncio.create_task(clock.sleep(5))
    await clock.sleeping()
    clock.set_wall_ms(42)
    assert clock.now_ms() == 42
    await clock.advance(4)
    assert not task.done()
    assert clock.now_ms() == 4042
    await clock.advance(1)
    assert task.done()


async def test_time_does_not_go_back() -> None:
    with pytest.raises(ValueError, match="forward"):
        await FakeClock().advance(-1)
