"""Models that do not fit into memory together take turns: who runs, who waits, and when the server changes over."""

from __future__ import annotations

import random

import pytest

from leadd.inference.lanes.lines import Turn
from leadd.inference.lanes.phases import Stage
from leadd.inference.lanes.slots import Lane
from leadd.testing.clock import ManualClock


class House:
    """A server with two models that are too large for it together, and two slots each."""

    def __init__(self, *, min_batch: int = 4, max_wait_s: float = 60.0, together: bool = False) -> None:
        self.clock = ManualClock()
        self.stage = Stage(self.clock, min_batch=min_batch, max_wait_s=max_wait_s)
        self.small, self.large = (Lane(2, clock=self.clock, stage=self.stage, adapt=False) for _ in range(2))
        self.stage.together = together
        self.turns: list[tuple[Lane, Turn]] = []

    def ask(self, lane: Lane, count: int = 1, priority: int = 0) -> list[Turn]:
        turns = [lane.enter(priority) for _ in range(count)]
        self.turns += [(lane, turn) for turn in turns]
        return turns

    def answer(self, lane: Lane) -> None:
        """The oldest call in flight of a lane ends."""
        turn = next(turn for owner, turn in self.turns if owner is lane and turn.holds)
        lane.leave(turn)

    @property
    def running(self) -> tuple[int, int]:
        return self.small.busy, self.large.busy


def test_together_all_run():
    house = House(together=True)
    house.ask(house.small, 3)
    house.ask(house.large, 3)
    assert house.running == (2, 2)
    assert house.stage.switches == 0


def test_apart_one_runs_until_it_has_nothing_more_to_do():
    house = House()
    house.ask(house.small, 3)
    house.ask(house.large, 2)
    assert house.running == (2, 0)
    house.answer(house.small)
    house.answer(house.small)
    assert house.running == (1, 0)
    house.answer(house.small)
    assert house.running == (0, 2)
    assert house.stage.switches == 1


def test_a_waiting_batch_ends_a_phase_that_was_worth_its_load():
    house = House(min_batch=4)
    house.ask(house.small, 20)
    house.ask(house.large, 4)
    house.answer(house.small)
    assert house.running == (2, 0), "three calls are not worth a load"
    house.answer(house.small)
    assert house.running == (2, 0), "the fourth has begun"
    house.answer(house.small)
    assert house.running == (1, 0), "drained before the change"
    house.answer(house.small)
    assert house.running == (0, 2)
    for _ in range(4):
        house.answer(house.large)
    assert house.running == (2, 0)
    assert house.stage.switches == 2


def test_few_that_wait_long_get_their_turn_and_do_not_drive_it_mad():
    house = House(min_batch=4, max_wait_s=60)
    house.ask(house.small, 40)
    house.ask(house.large, 2)
    for _ in range(8):
        house.answer(house.small)
    assert house.running == (2, 0)
    house.clock.advance(61)
    house.answer(house.small)
    house.answer(house.small)
    assert house.running == (0, 2)
    house.answer(house.large)
    assert house.running == (0, 1), "everybody has waited long by now; a phase still has to be worth its load"
    house.answer(house.large)
    assert house.running == (2, 0)
    assert house.stage.switches == 2


def test_a_person_ends_a_phase_at_once_and_what_runs_comes_to_its_end():
    house = House()
    house.ask(house.small, 10)
    house.ask(house.large, 1, priority=1000)
    house.answer(house.small)
    assert house.running == (1, 0)
    house.answer(house.small)
    assert house.running == (0, 1)
    house.ask(house.small, 1, priority=1000)
    house.answer(house.large)
    assert house.running == (2, 0)


def test_one_whose_priority_rises_to_a_persons_is_served_next():
    house = House()
    house.ask(house.small, 10)
    (turn,) = house.ask(house.large)
    house.large.raise_priority(turn, 1000)
    house.answer(house.small)
    house.answer(house.small)
    assert turn.holds


def test_who_gives_up_holds_nobody_up():
    house = House(min_batch=2)
    house.ask(house.small, 6)
    first, second = house.ask(house.large, 2)
    house.answer(house.small)
    house.large.leave(first)
    house.large.leave(second)
    house.answer(house.small)
    assert house.running == (2, 0)
    assert house.stage.switches == 0


def test_models_that_turn_out_to_fit_run_together_from_then_on():
    house = House()
    house.ask(house.small, 4)
    house.ask(house.large, 4)
    house.stage.together = True
    assert house.running == (2, 2)
    house.stage.together = False
    house.answer(house.small)
    house.answer(house.large)
    assert house.running in ((1, 1), (2, 1), (1, 2))
    while sum(house.running) and min(house.running):
        house.answer(house.small if house.small.busy else house.large)
    assert 0 in house.running


@pytest.mark.parametrize("seed", range(30))
def test_everybody_is_served_and_never_two_models_at_once(seed):
    rng = random.Random(seed)
    house = House(min_batch=rng.choice((1, 4, 8)), max_wait_s=rng.choice((5, 60)))
    asked = 0
    for _ in range(400):
        act = rng.random()
        lane = rng.choice((house.small, house.large))
        if act < 0.45 and asked < 150:
            house.ask(lane, 1, priority=rng.choice((0, 0, 0, 50, 500, 1000)))
            asked += 1
        elif act < 0.5:
            waiting = [(owner, turn) for owner, turn in house.turns if not turn.holds and turn.granted_s is None]
            if waiting:
                owner, turn = rng.choice(waiting)
                owner.leave(turn)
                house.turns.remove((owner, turn))
                asked -= 1
        elif lane.busy:
            house.answer(lane)
        house.clock.advance(rng.random())
        assert 0 in house.running
    while sum(house.running):
        house.answer(house.small if house.small.busy else house.large)
    assert house.small.waiting == house.large.waiting == 0
    assert sum(turn.granted_s is not None for _, turn in house.turns) == asked


def test_many_calls_cost_few_changes():
    house = House(min_batch=8)
    for number in range(200):
        house.ask(house.small)
        if number % 10 == 0:
            house.ask(house.large)
        for lane in (house.small, house.large):
            if lane.busy == 2:
                house.answer(lane)
    while sum(house.running):
        house.answer(house.small if house.small.busy else house.large)
    assert house.stage.switches <= 8
