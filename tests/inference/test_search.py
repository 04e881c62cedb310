"""The search for slots against machines made of arithmetic: virtual time, no socket, the same figures every time."""

from __future__ import annotations

import math

import pytest
from machines import Machine, make_jobs

from leadd.api import Usage
from leadd.inference.lanes.guesses import Guesses, Mean, Seen, rungs_up_to
from leadd.inference.lanes.search import SlotSearch
from leadd.inference.lanes.sizes import Kind


def alone(running: int) -> float:
    return running


def shared(running: int) -> float:
    return 1.0


def cliff(running: int) -> float:
    return running if running <= 4 else running / 4


def half(running: int) -> float:
    return running**0.6


def share_of_best(slots, speed, *, calls=300, seed=1, **machine):
    """What the search does beside the best fixed number of calls at a time, and the search."""
    best = min(Machine(slots, speed, **machine).work_off(make_jobs(calls, seed), level) for level in range(1, 9))
    search = SlotSearch(8)
    return best / Machine(slots, speed, **machine).work_off(make_jobs(calls, seed), search), search


@pytest.mark.parametrize(
    ("slots", "speed", "least"),
    [
        (1, alone, 0.97),
        (2, alone, 0.97),
        (3, alone, 0.96),
        (4, alone, 0.96),
        (8, alone, 0.93),
        (4, shared, 0.97),
        (8, half, 0.95),
    ],
)
def test_it_does_nearly_as_much_as_the_best_fixed_number_within_300_calls(slots, speed, least):
    share, search = share_of_best(slots, speed)
    assert share >= least
    assert search.trials <= 20


@pytest.mark.parametrize("seed", range(3))
def test_a_cliff_is_left_again_and_costs_little_in_the_long_run(seed):
    share, search = share_of_best(8, cliff, calls=1500, seed=seed)
    assert share >= 0.94
    assert search.best == 4


@pytest.mark.parametrize("slots", [1, 2, 4])
def test_waiting_in_the_server_tells_its_slots(slots):
    _, search = share_of_best(slots, alone)
    assert search.server_slots == slots
    assert search.best in (slots, slots + 1)


def test_where_all_share_one_processor_few_calls_are_in_flight():
    _, search = share_of_best(8, shared, calls=600)
    assert search.best <= 3


@pytest.mark.parametrize(("slots", "speed"), [(1, alone), (4, alone), (8, shared)])
def test_a_server_without_durations_is_found_out_by_the_clock(slots, speed):
    share, _ = share_of_best(slots, speed, calls=400, tells=False)
    assert share >= 0.93


def test_refusals_halve_it_and_keep_it_down_for_a_while():
    search = SlotSearch(8)
    machine = Machine(8, alone, refuses_above=3)
    machine.work_off(make_jobs(400, 2), search)
    assert max(machine.levels) > 3
    late = machine.levels[len(machine.levels) // 2 :]
    assert sum(level > 3 for level in late) <= 0.1 * len(late)


def test_falling_with_one_call_at_a_time_blames_nothing():
    search = SlotSearch(8)
    Machine(4, alone).work_off(make_jobs(200, 3), search)
    found = search.best
    for _ in range(4):
        search.fell()
    assert search.limit == 1
    Machine(4, alone).work_off(make_jobs(60, 4), search)
    assert abs(search.best - found) <= 1, "four slots, or one more to hide the gap between calls"


def test_never_above_the_ceiling_and_never_where_calls_would_take_too_long():
    short, small = SlotSearch(8, longest_s=4.0), SlotSearch(3)
    slow, wide = Machine(8, alone), Machine(8, alone)
    slow.work_off(make_jobs(120, 5), short)
    wide.work_off(make_jobs(120, 5), small)
    assert max(slow.levels) <= 3  # about 4 s a call: were it one processor for all, more would take too long
    assert max(wide.levels) == 3


def test_a_machine_that_changes_is_found_out_in_the_end():
    search = SlotSearch(8)
    Machine(8, shared).work_off(make_jobs(400, 6), search)
    assert search.best <= 4
    Machine(8, alone).work_off(make_jobs(1500, 7), search)
    assert search.best >= 6


def test_a_call_that_waited_for_its_model_says_nothing():
    search = SlotSearch(8)
    for _ in range(20):
        search.note(Usage(500, 100, 9000.0, 500.0, 2000.0, 11500.0), 11500.0, 1.0, 1.0, 0.0, 0.0)
    assert search.limit == 1


def test_two_models_on_one_processor_do_not_outbid_each_other():
    searches = [SlotSearch(8), SlotSearch(8)]
    for call in range(400):
        mine, other = searches[call % 2], searches[1 - call % 2]
        slow = mine.limit + other.limit
        usage = Usage(600, 150, 0.0, 600.0 * slow, 3000.0 * slow, 3600.0 * slow)
        mine.note(usage, 3600.0 * slow, 5.0, float(mine.limit), 0.0, float(other.limit))
    assert max(search.best for search in searches) <= 3, "a larger part of the same processor is no gain"


@pytest.mark.parametrize("ceiling", [1, 2, 3, 8, 10, 40, 200])
def test_rungs_rise_to_the_ceiling(ceiling):
    rungs = rungs_up_to(ceiling)
    assert rungs[0] == 1
    assert rungs[-1] == ceiling
    assert list(rungs) == sorted(set(rungs))
    SlotSearch(ceiling)


def test_guesses_follow_what_was_seen():
    guesses = Guesses(8)
    guesses.set_gap(0.01)

    def chance(slots: int, queued: dict[int, Mean]) -> float:
        return sum(view.probability for view in guesses.weigh([], queued, 0) if view.slots == slots)

    def gain(time_of_four: float, others: int = 0) -> float:
        """How much more is done with four calls than with one, where each of four takes so many times as long."""
        value = 8.0 + math.log(time_of_four)
        seen = [Seen(3, 1, others, 50.0, 8.0, False), Seen(3, 4, others, 50.0, value, False)]
        views = guesses.weigh(seen, {1: Mean(9.0, 0.0), 4: Mean(9.0, 0.0)}, others)
        return sum(view.probability * view.speed[4] / view.speed[1] for view in views)

    assert chance(1, {}) == pytest.approx(0.3, abs=0.15)
    assert chance(4, {8: Mean(10.0, 0.5)}) > 0.8
    assert gain(1.0) > 3.5
    assert gain(4.0) < 1.3
    assert gain(12 / 9, others=8) < 1.2, "four beside eight take a third longer than one beside eight: one processor"
    assert gain(1.0, others=2) > gain(6 / 3, others=2) + 0.2


def test_size_explains_time():
    kind = Kind()
    machine_noise = [1.0, 1.1, 0.9, 1.05, 0.95]
    for call in range(200):
        tokens = 300 + 37 * (call % 11)
        usage = Usage(tokens, 1, 0.0, float(tokens - 250) * machine_noise[call % 5], 20.0)
        kind.size(usage)
        kind.learn(0.1, 2.5 * (tokens - 485) / 485)
    long, short = kind.size(Usage(700, 1, 0.0, 450.0, 20.0)), kind.size(Usage(300, 1, 0.0, 50.0, 20.0))
    assert long - short > 1.2  # half of the prompt is cached, so twice the length is much more than twice the work
