"""The runs of experiments all at once: they end as the class ends them, and keep what is promised."""

from __future__ import annotations

import math

import numpy as np

from benchmarks.experiment_power import disagreements, drawn, evidence, first, uncovered


def test_the_runs_all_at_once_end_as_the_class_ends_them() -> None:
    assert disagreements(3) == 0


def test_false_promotion_stays_below_what_is_promised_and_lifts_are_found() -> None:
    """A small form of the benchmark: 600 runs each, with slack for that."""
    rng = np.random.default_rng(4)
    better, worse = evidence(*drawn(rng, 600, 1000, 0.3, 0.3, 0.3), 0.3)
    assert (first(better, math.log(20)) < 1000).mean() < 0.075
    assert (first(worse, math.log(4)) < 1000).mean() < 0.30
    better, _ = evidence(*drawn(rng, 400, 1200, 0.3, 0.4, 0.5), 0.5)
    assert (first(better, math.log(20)) < 1200).mean() > 0.8
    _, worse = evidence(*drawn(rng, 400, 300, 0.3, 0.15, 0.5), 0.5)
    assert (first(worse, math.log(4)) < 300).mean() > 0.92


def test_the_interval_of_the_difference_misses_the_truth_seldom() -> None:
    assert uncovered(4) <= 1 / 4
