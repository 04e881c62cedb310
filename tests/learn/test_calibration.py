"""Scores as probabilities: what steps and curves give, with weights, and whether they hold."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest

from leadd.learn.figures.calibration import AS_IT_IS, Calibration, calibrate, calibration_error, curve, isotonic, reliability


def drawn(count: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores that claim too much: the true probability is the cube of the score."""
    rng = np.random.default_rng(seed)
    scores = rng.random(count)
    return scores, rng.random(count) < scores**3, scores**3


def test_the_steps_are_the_best_rising_ones() -> None:
    scores = np.array([0.1, 0.2, 0.3, 0.4, 0.5])
    found = isotonic(scores, [False, True, False, True, True])
    assert found(scores) == pytest.approx([0, 0.5, 0.5, 1, 1], abs=0.26)  # drawn out into lines between the middles
    assert found.probabilities == (0.0, 0.5, 1.0)
    assert found.at == pytest.approx((0.1, 0.25, 0.45))


def test_no_other_rising_steps_fit_better() -> None:
    rng = np.random.default_rng(2)
    scores, labels, weights = np.arange(6) / 10, rng.random(6) < 0.5, rng.random(6) + 0.2
    found = isotonic(scores, labels, weights)
    place = np.searchsorted((np.array(found.at)[1:] + np.array(found.at)[:-1]) / 2, scores)
    steps = np.array(found.probabilities)[place]
    best = min(
        float((weights * (labels - np.array(tried)) ** 2).sum())
        for tried in itertools.combinations_with_replacement(np.linspace(0, 1, 21), 6)
    )
    assert float((weights * (labels - steps) ** 2).sum()) <= best + 1e-9


@pytest.mark.parametrize(("count", "method", "most"), [(120, "curve", 0.12), (3000, "steps", 0.05)])
def test_calibrated_scores_are_close_to_the_truth(count: int, method: str, most: float) -> None:
    scores, labels, _ = drawn(count)
    found = calibrate(scores, labels)
    assert found.method == method
    later, came, true = drawn(20_000, seed=9)
    assert np.abs(found(later) - true).mean() < most
    assert calibration_error(found(later), came) < most < calibration_error(later, came)
    assert (np.diff(found(np.linspace(0, 1, 300))) >= -1e-12).all()


def test_copies_with_small_weights_count_as_one() -> None:
    scores, labels, _ = drawn(60)
    whole = curve(scores, labels)
    copied = curve(np.repeat(scores, 5), np.repeat(labels, 5), np.full(300, 0.2))
    assert copied.probabilities == pytest.approx(whole.probabilities, abs=1e-6)
    steps = isotonic(np.repeat(scores, 5), np.repeat(labels, 5), np.full(300, 0.2))
    assert steps.probabilities == pytest.approx(isotonic(scores, labels).probabilities)
    bins = reliability(np.repeat(scores, 5), np.repeat(labels, 5), np.full(300, 0.2))
    assert sum(one.weight for one in bins) == pytest.approx(60)


def test_without_labels_of_both_kinds_nothing_changes() -> None:
    assert calibrate([], []) is AS_IT_IS
    assert calibrate([0.2, 0.9], [True, True]) is AS_IT_IS
    assert AS_IT_IS([0.0, 0.3, 1.0]) == pytest.approx([0.0, 0.3, 1.0])
    assert calibration_error([], []) == 0.0


def test_labels_told_apart_without_error_and_scores_that_say_the_opposite() -> None:
    apart = curve([0.1, 0.2, 0.8, 0.9], [False, False, True, True])
    assert np.isfinite(apart.probabilities).all()
    assert apart([0.1])[0] < 0.4 < 0.6 < apart([0.9])[0]
    opposite = curve([0.1, 0.2, 0.8, 0.9], [True, True, False, False])
    assert opposite([0.1])[0] == pytest.approx(opposite([0.9])[0])


def test_the_reliability_curve_counts_what_was_said_and_found() -> None:
    bins = reliability([0.05, 0.15, 0.12, 1.0], [False, True, False, True])
    assert [(b.low, b.weight) for b in bins] == [(0.0, 1.0), (0.1, 2.0), (0.9, 1.0)]
    assert bins[1].said == pytest.approx(0.135)
    assert bins[1].found == 0.5
    assert bins[1].found_low < 0.2 < 0.8 < bins[1].found_high
    assert calibration_error([0.05, 0.15, 0.12, 1.0], [False, True, False, True]) == pytest.approx((0.05 + 2 * 0.365) / 4)


def test_it_comes_back_from_plain_values_and_damage_is_refused() -> None:
    found = calibrate(*drawn(100)[:2])
    assert Calibration.from_state(json.loads(json.dumps(found.to_state()))) == found
    for wrong in ({}, {**found.to_state(), "at": [0.0]}, {**found.to_state(), "at": None}):
        with pytest.raises(ValueError, match="fit it anew"):
            Calibration.from_state(wrong)


def test_rows_that_cannot_be_are_refused() -> None:
    for scores, labels, weights in (([0.5], [True, False], None), ([1.5], [True], None), ([0.5], [True], [0.0])):
        with pytest.raises(ValueError, match=r"one of each|between 0 and 1"):
            calibrate(scores, labels, weights)
    with pytest.raises(ValueError, match="one bin"):
        reliability([0.5], [True], bins=0)


def test_scores_that_are_far_too_sure_still_give_a_rising_curve() -> None:
    draw = np.random.default_rng(11)
    wanted = draw.random(4000) < 0.035
    odds = draw.normal(-9, 2, 4000) + 10 * wanted  # balanced log-odds of a scorer: far from what they mean
    scores = 1 / (1 + np.exp(-odds))
    found = curve(scores, wanted)
    assert found(0.9) > 0.5 > 0.05 > found(0.001)
    assert calibration_error(found(scores), wanted) < 0.02
    assert found(scores)[wanted].mean() > 0.5
