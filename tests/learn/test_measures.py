"""Measures against values worked out by hand, and against their definitions by brute force."""

from __future__ import annotations

import math

import numpy as np
import pytest

from leadd.learn.figures.measures import (
    area,
    average_precision,
    curve,
    duplicate_weights,
    labelled,
    passed_at,
    precision_among,
    precision_at,
    recall_at,
    threshold_for,
    with_interval,
)

FIVE = labelled([5.0, 4.0, 3.0, 2.0, 1.0], [True, False, True, False, False])


def test_figures_worked_out_by_hand() -> None:
    assert recall_at(FIVE, 4.0) == 0.5
    assert precision_at(FIVE, 3.0) == pytest.approx(2 / 3)
    assert average_precision(FIVE) == pytest.approx((1 + 2 / 3) / 2)
    assert area(FIVE) == pytest.approx(5 / 6)
    assert (threshold_for(FIVE, 0.5), threshold_for(FIVE, 0.51)) == (5.0, 3.0)
    assert (passed_at(FIVE, 0.5), passed_at(FIVE, 0.95)) == (0.2, 0.6)
    assert (precision_among(FIVE, 2), precision_among(FIVE, 99)) == (0.5, 0.4)


def test_ties_pass_together_and_count_half_in_the_auc() -> None:
    tied = labelled([0.0] * 4, [True, False, False, True])
    assert passed_at(tied, 0.5) == 1.0
    assert area(tied) == 0.5
    assert average_precision(tied) == 0.5


def test_a_row_of_weight_two_counts_as_two_rows() -> None:
    rng = np.random.default_rng(4)
    scores, wanted = rng.integers(0, 9, 60).astype(float), rng.random(60) < 0.4
    weights = rng.integers(1, 4, 60)
    weighted = labelled(scores, wanted, weights)
    repeated = labelled(np.repeat(scores, weights), np.repeat(wanted, weights))
    for measure in (
        average_precision,
        area,
        lambda r: passed_at(r, 0.9),
        lambda r: recall_at(r, 5),
        lambda r: precision_at(r, 5),
    ):
        assert measure(weighted) == pytest.approx(measure(repeated))


def test_the_auc_is_the_share_of_pairs_in_order() -> None:
    rng = np.random.default_rng(9)
    scores, wanted = rng.integers(0, 20, 80).astype(float), rng.random(80) < 0.3
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[wanted] for b in scores[~wanted]]
    assert area(labelled(scores, wanted)) == pytest.approx(np.mean(pairs))


def test_the_curve_ends_with_everything() -> None:
    recall, passed, precision = curve(FIVE)
    assert (recall[-1], passed[-1], precision[-1]) == (1.0, 1.0, 0.4)
    assert (np.diff(recall) >= 0).all()


def test_near_duplicates_weigh_as_one() -> None:
    assert duplicate_weights(["a", None, "a", "b", None]).tolist() == [0.5, 1.0, 0.5, 1.0, 1.0]


def test_intervals_are_wider_where_companies_have_many_like_rows() -> None:
    rng = np.random.default_rng(2)
    of_company = np.repeat(rng.random(30) < 0.5, 20)
    rows = labelled(of_company + rng.normal(0, 0.6, 600), of_company)
    by_company = with_interval(rows, np.repeat(np.arange(30), 20).tolist(), lambda r: precision_at(r, 0.5))
    by_row = with_interval(rows, list(range(600)), lambda r: precision_at(r, 0.5))
    assert by_company.low <= by_company.value <= by_company.high
    assert by_company.high - by_company.low > 1.5 * (by_row.high - by_row.low)
    assert by_company == with_interval(rows, np.repeat(np.arange(30), 20).tolist(), lambda r: precision_at(r, 0.5))


def test_what_cannot_be_measured_is_nan_and_what_is_wrong_is_said() -> None:
    nothing = labelled([1.0, 2.0], [False, False])
    assert all(
        math.isnan(m(nothing)) for m in (average_precision, area, lambda r: passed_at(r, 0.9), lambda r: recall_at(r, 0))
    )
    with pytest.raises(ValueError, match="2 scores, 1 labels"):
        labelled([1.0, 2.0], [True])
    with pytest.raises(ValueError, match="score 1 is not a number"):
        labelled([1.0, math.nan], [True, False])
    with pytest.raises(ValueError, match="weight 0"):
        labelled([1.0], [True], [0.0])
    with pytest.raises(ValueError, match="1 companies for 2 rows"):
        with_interval(nothing, ["a"], area)
