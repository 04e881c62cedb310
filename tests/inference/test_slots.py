"""The queue before a model and the gate of a server, in any order of coming, going and giving up."""

from __future__ import annotations

import asyncio
import random

import pytest
from inference_parts import settle

from leadd.api import Failure, Usage
from leadd.inference.lanes.lines import Line, Turn
from leadd.inference.lanes.slots import Gate, Lane, Sample
from leadd.testing.clock import ManualClock


def make_lane(ceiling: int, clock: ManualClock | None = None, *, adapt: bool = False, **options) -> Lane:
    return Lane(ceiling, clock=clock or ManualClock(), adapt=adapt, **options)


def served_in_order(lane: Lane, turns: list[Turn]) -> list[int]:
    """Numbers of the turns as they are served one after the other."""
    order = []
    while lane.busy:
        number = next(n for n, turn in enumerate(turns) if turn.holds)
        order.append(number)
        lane.leave(turns[number])
    return order


@pytest.mark.parametrize("seed", range(20))
async def test_no_slot_is_lost_or_given_twice(seed):
    rng = random.Random(seed)
    lane = make_lane(rng.randrange(1, 4))
    inside = 0
    most = 0

    async def visit(stay: int) -> None:
        nonlocal inside, most
        turn = lane.enter(rng.randrange(3), rng.choice("ab"))
        try:
            await lane.wait(turn)
            inside += 1
            most = max(most, inside)
            try:
                for _ in range(stay):
                    await asyncio.sleep(0)
                    if rng.random() < 0.2:
                        lane.raise_priority(turn, 5)
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
    lane = make_lane(1)
    turn = lane.enter(0)
    lane.leave(turn)
    lane.leave(turn)
    assert lane.busy == 0


async def test_equal_priorities_are_first_come_first_served():
    lane = make_lane(1)
    first = lane.enter(0)
    turns = [lane.enter(1 if n == 3 else 0) for n in range(5)]
    lane.raise_priority(turns[4], 7)
    lane.raise_priority(turns[4], 2)
    lane.leave(first)
    assert served_in_order(lane, turns) == [4, 3, 0, 1, 2]


async def test_among_equals_the_group_served_last_goes_on():
    lane = make_lane(1)
    first = lane.enter(0, "b")
    turns = [lane.enter(0, group) for group in "abab"] + [lane.enter(1, "a")]
    lane.leave(first)
    assert served_in_order(lane, turns) == [4, 0, 2, 1, 3]


async def test_one_that_is_raised_keeps_its_age_in_its_new_rank():
    lane = make_lane(1)
    first = lane.enter(0)
    turns = [lane.enter(0), lane.enter(5), lane.enter(5)]
    lane.raise_priority(turns[0], 5)
    lane.leave(first)
    assert served_in_order(lane, turns) == [0, 1, 2]


async def test_nobody_starves_and_a_person_goes_before_all():
    clock = ManualClock()
    lane = make_lane(1, clock, max_wait_s=60)
    first = lane.enter(0)
    old = lane.enter(1)
    await clock.advance(61)
    turns = [old, *(lane.enter(100) for _ in range(8)), lane.enter(1000)]
    lane.leave(first)
    order = served_in_order(lane, turns)
    assert order[0] == len(turns) - 1
    assert 1 <= order.index(0) <= 4, "one call in four goes to the one that has waited too long"
    assert lane.oldest_wait_s == 0


async def test_a_turn_says_how_long_it_waited():
    clock = ManualClock()
    lane = make_lane(1, clock)
    first, second = lane.enter(0), lane.enter(3)
    assert (lane.waiting, lane.top_priority) == (1, 3)
    await clock.advance(2.5)
    assert lane.oldest_wait_s == 2.5
    lane.leave(first)
    await lane.wait(second)
    assert (first.wait_ms, second.wait_ms) == (0.0, 2500.0)


async def ask(lane: Lane, clock: ManualClock, calls: int, *, slots: int, failure: Failure | None = None) -> int:
    """Ask with more waiting all the time, of a server that works on `slots` calls; the most that were in flight."""
    turns = [lane.enter(0) for _ in range(calls)]
    done: set[Turn] = set()
    most = 0
    while len(done) < calls - 20:
        held = [turn for turn in turns if turn.holds]
        most = max(most, len(held))
        await clock.advance(1.0)
        for place, turn in enumerate(held):
            wait_ms = 1000.0 * (place // slots)
            usage = Usage(500, 100, 0.0, 200.0, 800.0, 1000.0 + wait_ms)
            lane.note(Sample(Usage() if failure else usage, 1000.0 + wait_ms, failure), turn)
            lane.leave(turn)
            done.add(turn)
    for turn in turns:
        lane.leave(turn)
    return most


async def test_a_lane_rises_from_one_and_stays_below_its_ceiling():
    clock = ManualClock()
    lane = make_lane(4, clock, adapt=True)
    assert lane.slots == 1
    assert await ask(lane, clock, 120, slots=8) == 4
    assert lane.figures()["slots"] == 4
    assert lane.busy == lane.waiting == 0


async def test_a_lane_that_is_not_to_adapt_has_exactly_its_slots():
    clock = ManualClock()
    lane = make_lane(3, clock)
    assert await ask(lane, clock, 60, slots=1) == 3
    assert lane.slots == 3
    assert lane.slowness == 1.0


async def test_a_lane_that_nobody_waits_for_learns_nothing():
    clock = ManualClock()
    lane = make_lane(8, clock, adapt=True)
    for _ in range(60):
        turn = lane.enter(0)
        await clock.advance(1.0)
        lane.note(Sample(Usage(500, 100, 0.0, 200.0, 800.0, 1000.0), 1000.0), turn)
        lane.leave(turn)
    assert lane.slots == 1


@pytest.mark.parametrize("failure", [Failure.BUSY, Failure.TIMEOUT_TOTAL])
async def test_calls_that_are_refused_together_count_as_one_fall(failure):
    clock = ManualClock()
    lane = make_lane(8, clock, adapt=True)
    await ask(lane, clock, 120, slots=8)
    assert lane.slots == 8
    await ask(lane, clock, 28, slots=8, failure=failure)
    assert lane.slots == 4


async def test_other_failures_are_no_reason_to_ask_less():
    clock = ManualClock()
    lane = make_lane(8, clock, adapt=True)
    await ask(lane, clock, 120, slots=8)
    await ask(lane, clock, 40, slots=8, failure=Failure.SCHEMA)
    assert lane.slots == 8


@pytest.mark.parametrize("seed", range(5))
def test_a_line_serves_as_a_sorted_list_would(seed):
    rng = random.Random(seed)
    line, plain = Line(), []
    for number in range(300):
        act = rng.random()
        if act < 0.5 or not plain:
            turn = Turn(rng.randrange(4), number, "", float(number))
            line.add(turn)
            plain.append(turn)
        elif act < 0.6:
            turn = rng.choice(plain)
            line.raise_priority(turn, turn.priority + rng.randrange(1, 3))
        elif act < 0.7:
            turn = plain.pop(rng.randrange(len(plain)))
            line.drop(turn)
        else:
            expected = min(plain, key=lambda turn: (-turn.priority, turn.number))
            assert line.best("") is expected
            plain.remove(expected)
            line.drop(expected)
        assert len(line) == len(plain)
        assert line.oldest() is (min(plain, key=lambda turn: turn.number) if plain else None)


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
