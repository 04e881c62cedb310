"""Simulated streams: the promise is kept, calls are spared, drifts are heard; the naive threshold does worse."""

from __future__ import annotations

import pytest

from benchmarks.certified_recall import Streams, certified, cross_check, disagreements, drifting, naive


@pytest.fixture(scope="module")
def streams() -> Streams:
    return certified(40, 3000, 100, (3000,))


def test_the_promise_is_kept_and_calls_are_spared(streams: Streams) -> None:
    assert streams.broken.sum() <= 5, "2 of 40 would be 5%; 6 and more are unlikely even at that"
    assert 1 - streams.calls.mean() / 3000 > 0.4
    assert streams.alarms.sum() <= 1


def test_the_naive_threshold_breaks_its_promise_about_every_other_time() -> None:
    once, ever = naive(40, 1000)
    assert once > 0.25
    assert ever >= once


def test_a_drift_is_heard_soon_and_takes_the_threshold_back() -> None:
    within, middle, back = drifting(20, 2000, 100)
    assert within >= 0.9
    assert middle < 400
    assert back >= 0.9


def test_the_class_comes_to_the_thresholds_of_the_run_of_all_at_once() -> None:
    assert disagreements(2, 1500) == 0


def test_against_the_bounds_of_another_library() -> None:
    pytest.importorskip("BARGAIN", reason="the extra `bench` is not installed")
    ours, theirs, broken = cross_check(3, 100)
    assert broken == 0
    assert ours >= theirs - 0.03
