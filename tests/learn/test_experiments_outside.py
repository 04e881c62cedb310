"""The experiments' evidence and intervals against another's implementation (ville, of the extra `bench`)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from leadd.learn.proofs import differences
from leadd.learn.proofs.differences import Counts, difference_interval
from leadd.learn.proofs.experiments import Experiment
from leadd.learn.proofs.intervals import log_beta

ville: Any = pytest.importorskip("ville", reason="the extra `bench` is not installed")


@pytest.mark.parametrize("rate", [0.05, 0.3, 0.5, 0.9])
def test_the_evidence_against_one_rate_is_the_same_number(rate: float) -> None:
    outcomes = (np.random.default_rng(5).random(300) < 0.35).astype(float)
    theirs = ville.BernoulliTest(rate, prior=(0.5, 0.5)).update(outcomes)
    for seen in (1, 10, 100, 300):
        good = int(outcomes[:seen].sum())
        mixed = log_beta(good + 0.5, seen - good + 0.5) - log_beta(0.5, 0.5)
        ours = mixed - differences._one(good, seen, rate)
        assert ours == pytest.approx(math.log(float(theirs.e_values_[seen - 1])), abs=1e-9)


@pytest.mark.parametrize(("rate_a", "rate_b", "share"), [(0.3, 0.3, 0.5), (0.3, 0.4, 0.5), (0.5, 0.2, 0.2)])
def test_intervals_of_the_difference_agree_and_hold_the_truth(rate_a: float, rate_b: float, share: float) -> None:
    for seed in range(4):
        rng, count = np.random.default_rng(seed), 800
        in_b = rng.random(count) < share
        good = rng.random(count) < np.where(in_b, rate_b, rate_a)
        theirs = ville.BettingABTest(propensity=share, grid=2000).update(good.astype(float), in_b.astype(float))
        counts = Counts(
            int(good[~in_b].sum()), int((~in_b).sum()), int(good[in_b].sum()), int(in_b.sum())
        )  # fmt: skip
        low, high = difference_interval(counts)
        their_low, their_high = (float(end) for end in theirs.interval())
        assert max(low, their_low) <= min(high, their_high), "two intervals of one truth meet"
        assert low - 0.01 <= rate_b - rate_a <= high + 0.01
        assert high - low <= 1.6 * (their_high - their_low), "ours is the wider one, by about a third"


def test_both_find_the_same_lift_and_neither_finds_what_is_not_there() -> None:
    for rate_b, found in ((0.3, False), (0.6, True)):
        rng = np.random.default_rng(11)
        in_b = rng.random(600) < 0.5
        good = rng.random(600) < np.where(in_b, rate_b, 0.3)
        theirs = ville.BettingABTest(grid=2000).update(good.astype(float), in_b.astype(float))
        ours = Experiment("t")
        for b, outcome in zip(in_b, good, strict=True):
            ours.observe("B" if b else "A", bool(outcome))
        assert (theirs.stopping_time() is not None) is found
        assert (ours.report().action == "promote") is found
