"""Breakers, bad answers and drift, each by itself."""

from __future__ import annotations

import asyncio
import random

import pytest
from inference_parts import HandClock, settle

from leadd.api import Failure, ModelFailure
from leadd.inference.servers.breakers import MOST_BAD, PROBATION, WINDOW, BadAnswers, Breaker, Phase
from leadd.inference.servers.drift import FIRST, RECENT, Drift, gist, largest_gap

DOWN = ModelFailure(Failure.UNREACHABLE, "gone")


def test_closed_until_it_is_tripped():
    breaker = Breaker(HandClock())
    assert breaker.is_closed
    assert (breaker.failure, breaker.opens, breaker.due_s) == (None, 0, float("inf"))
    assert not breaker.begin_trial(), "nothing is on trial where nothing is wrong"


@pytest.mark.parametrize(("wanted", "expected"), [(False, [1, 2, 4, 8, 15, 15]), (True, [1, 2, 3, 3, 3, 3])])
def test_looks_come_after_1_2_4_8_15_seconds_and_sooner_where_somebody_waits(wanted, expected):
    clock = HandClock()
    breaker = Breaker(clock)
    waits = []
    breaker.trip(DOWN, wanted=wanted)
    for _ in expected:
        waits.append(breaker.due_s - clock.now_s)
        clock.now_s = breaker.due_s
        breaker.failed_look(DOWN, began_s=clock.now_s, wanted=wanted)
    assert waits == expected
    assert breaker.opens == 1


def test_many_calls_that_end_in_one_moment_are_one_piece_of_news():
    clock = HandClock()
    breaker = Breaker(clock)
    for _ in range(8):
        breaker.trip(DOWN)
    assert breaker.due_s == clock.now_s + 1
    assert breaker.opens == 1


def test_a_look_that_took_long_does_not_put_off_the_next():
    clock = HandClock()
    breaker = Breaker(clock)
    breaker.trip(DOWN)
    clock.now_s += 1
    began_s = clock.now_s
    clock.now_s += 10
    breaker.failed_look(DOWN, began_s=began_s, wanted=True)
    assert breaker.due_s == clock.now_s


def test_somebody_who_wants_it_brings_the_next_look_forward():
    clock = HandClock()
    breaker = Breaker(clock)
    breaker.trip(DOWN, wanted=False)
    for _ in range(5):
        clock.now_s = breaker.due_s
        breaker.failed_look(DOWN, began_s=clock.now_s, wanted=False)
    assert breaker.due_s - clock.now_s == 15
    assert breaker.want()
    assert breaker.due_s - clock.now_s == 3
    assert not breaker.want(), "once"


async def test_one_question_tries_it_and_the_others_wait_for_how_that_ends():
    clock = HandClock()
    breaker = Breaker(clock)
    breaker.trip(DOWN)
    assert not breaker.begin_trial(), "not before somebody has looked"
    breaker.probed()
    assert breaker.phase is Phase.HALF_OPEN
    assert breaker.begin_trial()
    assert not breaker.begin_trial()
    waits = asyncio.create_task(breaker.settled())
    await settle()
    assert not waits.done()
    breaker.close()
    await waits
    assert (breaker.phase, breaker.failure, breaker.on_trial) == (Phase.CLOSED, None, False)


async def test_a_trial_that_showed_nothing_leaves_it_to_the_next():
    breaker = Breaker(HandClock())
    breaker.trip(DOWN)
    breaker.probed()
    assert breaker.begin_trial()
    breaker.end_trial()
    assert breaker.begin_trial()
    breaker.trip(DOWN)
    assert breaker.is_open
    assert not breaker.on_trial


def test_what_began_before_the_last_good_look_shows_nothing():
    clock = HandClock()
    breaker = Breaker(clock)
    long_ago_s = clock.now_s
    clock.now_s += 1
    breaker.trip(DOWN)
    breaker.probed()
    breaker.close()
    breaker.trip(DOWN, began_s=long_ago_s)
    assert breaker.is_closed
    breaker.trip(DOWN, began_s=clock.now_s + 1)
    assert breaker.is_open


def test_soft_and_sticky_are_of_the_worst_news():
    breaker = Breaker(HandClock())
    breaker.trip(ModelFailure(Failure.NOT_JSON, "?"), soft=True, sticky=True)
    assert (breaker.soft, breaker.stands) == (True, True)
    breaker.trip(DOWN)
    assert (breaker.soft, breaker.stands, breaker.failure) == (False, False, DOWN)


def test_three_bad_answers_of_the_last_twenty_are_too_many():
    bad = BadAnswers()
    for _ in range(WINDOW):
        assert not bad.note(False)
    assert [bad.note(True) for _ in range(MOST_BAD)] == [False, False, True]
    assert "3 of the last 20" in bad.text()
    assert bad.share == pytest.approx(0.15)


def test_bad_answers_far_apart_are_forgotten():
    bad = BadAnswers()
    for _ in range(50):
        assert not bad.note(True)
        for _ in range(WINDOW):
            assert not bad.note(False)


def test_after_a_return_one_is_enough_for_a_while():
    bad = BadAnswers()
    bad.begin_again()
    assert not bad.note(False)
    assert bad.note(True)
    bad.begin_again()
    for _ in range(PROBATION):
        assert not bad.note(False)
    assert not bad.note(True)


def test_the_count_of_bad_ones_is_that_of_the_window():
    rng = random.Random(7)
    bad, last = BadAnswers(), []
    for _ in range(5000):
        one = rng.random() < 0.1
        bad.note(one)
        last = [*last, one][-WINDOW:]
        assert bad.share == pytest.approx(sum(last) / len(last))


def test_the_same_kind_of_answers_never_drifts():
    rng = random.Random(1)
    seen = 0
    for _ in range(40):
        drift = Drift()
        seen += sum(drift.note({"match": rng.random() < 0.3, "fit": rng.randrange(50)}) for _ in range(FIRST + 400))
    assert seen == 0


@pytest.mark.parametrize(
    "broken", [{"match": True, "fit": 50}, {"match": False, "fit": 0}, {"probability": 0.99}], ids=["all", "none", "sure"]
)
def test_a_model_that_says_always_the_same_is_noticed(broken):
    rng = random.Random(2)
    drift = Drift()
    for _ in range(FIRST + 100):
        usual = (
            {"probability": rng.random()}
            if "probability" in broken
            else {"match": rng.random() < 0.3, "fit": rng.randrange(50)}
        )
        assert not drift.note(usual)
    noticed = next(n for n in range(100) if drift.note(broken))
    assert noticed <= RECENT
    drift.begin_again()
    assert not any(drift.note(broken) for _ in range(FIRST + 100)), "what it says now is the usual from here on"


def test_what_stands_for_an_answer():
    assert gist({"label": "yes", "probability": 0.25}) == 0.25
    assert gist({"worth": "yes"}) == 1.0
    assert gist({"match": True, "fit": 7, "why": "because"}) == 17.0
    assert gist({"why": "because"}) is None
    assert largest_gap([1.0, 2.0], [1.0, 2.0]) == 0
    assert largest_gap([1.0, 1.0], [2.0]) == 1
