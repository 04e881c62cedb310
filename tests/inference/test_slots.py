"""The queue before a model and the gate of a server, in any order of coming, going and giving up."""

from __future__ import annotations

import asyncio
import random

import pytest
from inference_parts import settle

from leadd.inference.slots import Gate, Lane


@pytest.mark.parametrize("seed", range(20))
async def test_no_slot_is_lost_or_given_twice(seed):
    rng = random.Random(seed)
    lane = Lane(rng.randrange(1, 4))
    inside = 0
    most = 0

    async def visit(stay: int) -> None:
        nonlocal inside, most
        turn = lane.enter(rng.randrange(3))
        try:
            await lane.wait(turn)
            inside += 1
            most = max(most, inside)
            try:
                for _ in range(stay):
                    await asyncio.sleep(0)
            finally:
                inside -= 1
        finally:
            lane.leave(turn)

    visits = [asyncio.create_task(visit(rng.randrange(4))) for _ in range(60)]
    for visitor in rng.sample(visits, 25):
        for _ in range(rng.randrange(3)):
            await asyncio.sleep(0)
        visitor.cancel()
    await asyncio.gather(*visits, return_exceptions=True)
    assert (inside, lane.busy, lane.waiting) == (0, 0, 0)
    assert most <= lane.slots


async def test_leaving_twice_frees_one_slot():
    lane = Lane(1)
    turn = lane.enter(0)
    lane.leave(turn)
    lane.leave(turn)
    assert lane.busy == 0


async def test_equal_priorities_are_first_come_first_served():
    lane = Lane(1)
    first = lane.enter(0)
    turns = [lane.enter(1 if n == 3 else 0) for n in range(5)]
    lane.raise_priority(turns[4], 7)
    lane.raise_priority(turns[4], 2)
    lane.leave(first)
    order = []
    while lane.busy:
        served = next(n for n, turn in enumerate(turns) if turn.holds)
        order.append(served)
        lane.leave(turns[served])
    assert order == [4, 3, 0, 1, 2]


async def test_the_gate_empties_before_a_load_and_opens_after_it_even_where_it_fails():
    gate = Gate()
    seen: list[str] = []
    leave = asyncio.Event()

    async def call(name: str) -> None:
        async with gate.passage():
            seen.append(f"{name} in")
            await leave.wait()
            seen.append(f"{name} out")

    async def load() -> None:
        async with gate.alone():
            seen.append("load")
            raise RuntimeError("no memory")

    first = asyncio.create_task(call("first"))
    await settle()
    loading = asyncio.create_task(load())
    await settle()
    second = asyncio.create_task(call("second"))
    await settle()
    assert seen == ["first in"]
    leave.set()
    await asyncio.gather(first, second, loading, return_exceptions=True)
    assert seen == ["first in", "first out", "load", "second in", "second out"]
    assert gate.inside == 0


async def test_two_loads_come_one_after_the_other():
    gate = Gate()
    running = 0
    most = 0

    async def load() -> None:
        nonlocal running, most
        async with gate.alone():
            running += 1
            most = max(most, running)
            await asyncio.sleep(0)
            running -= 1

    await asyncio.gather(*(load() for _ in range(5)))
    assert most == 1
