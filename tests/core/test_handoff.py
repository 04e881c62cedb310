"""The way from the feeder to the readers: bounded, in order, and nobody is left waiting or an item left lying."""

from __future__ import annotations

import asyncio
import random

import pytest

from leadd.core.handoff import Handoff


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_items_come_in_order() -> None:
    way: Handoff[int] = Handoff(3)
    for n in range(3):
        assert await way.put(n)
    assert [await way.take() for _ in range(3)] == [0, 1, 2]


async def test_a_full_way_makes_the_feeder_wait() -> None:
    way: Handoff[int] = Handoff(1)
    await way.put(1)
    second = asyncio.create_task(way.put(2))
    await settle()
    assert not second.done()
    assert await way.take() == 1
    assert await second
    assert len(way) == 1


async def test_closing_lets_everybody_go_and_gives_back_what_nobody_took() -> None:
    way: Handoff[int] = Handoff(2)
    taker = asyncio.create_task(way.take())
    await settle()
    assert way.close() == []
    assert await taker is None
    assert not await way.put(1)

    full: Handoff[int] = Handoff(2)
    await full.put(1)
    await full.put(2)
    putter = asyncio.create_task(full.put(3))
    await settle()
    assert full.close() == [1, 2]
    assert not await putter
    assert await full.take() is None


@pytest.mark.parametrize("seed", range(20))
async def test_cancelled_takers_never_leave_an_item_lying(seed: int) -> None:
    rng = random.Random(seed)
    way: Handoff[int] = Handoff(2)
    got: list[int] = []

    async def take_one() -> None:
        item = await way.take()
        if item is not None:
            got.append(item)

    takers = [asyncio.create_task(take_one()) for _ in range(12)]
    await settle()
    doomed = rng.sample(takers, 6)
    for n in range(6):
        await way.put(n)
        if doomed and rng.random() < 0.8:
            doomed.pop().cancel()
        if rng.random() < 0.5:
            await asyncio.sleep(0)
    await settle()
    for task in doomed:
        task.cancel()
    await settle()
    assert sorted([*got, *way.close()]) == list(range(6))
    await asyncio.gather(*takers, return_exceptions=True)
