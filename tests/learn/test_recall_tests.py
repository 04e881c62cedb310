"""The tests behind certified thresholds: fair bets, and no way to be deceived about where the misses are."""

from __future__ import annotations

import math

import numpy as np
import pytest

from leadd.learn.proofs.recall_tests import Proofs, allowed, stage, stakes

EDGES = np.arange(20) / 20
TARGET, DELTA = 0.9, 0.05


@pytest.mark.parametrize("place", [1, 7])
@pytest.mark.parametrize("asked_below", [1.0, 0.2])
def test_wherever_the_misses_are_a_threshold_that_is_too_high_is_seldom_proved(place: int, asked_below: float) -> None:
    """All misses lie in one bin, as many as make the promise just false, and half of the evidence is from audits. 200 streams,
    looked at after every positive: at most 5% may go wrong (and 9% of 200 are unlikely at that)."""
    rng, streams = np.random.default_rng(place), 200
    proofs = Proofs(streams, EDGES, TARGET, DELTA)
    hit_rate = 1 / (1 + allowed(TARGET) * asked_below)
    for turn in range(160):
        below = asked_below if turn > 80 else 1.0
        asked = np.where(np.arange(20) < 10, below, 1.0)
        hits = rng.random(streams) < (hit_rate if turn > 80 else TARGET)
        counts = np.zeros((streams, 20))
        counts[np.arange(streams), np.where(hits, 16, place)] = 1
        proofs.add(counts, np.broadcast_to(asked, counts.shape))
        proofs.advance()
    assert (proofs.levels > place).mean() < 0.09
    assert (proofs.levels >= place).mean() > 0.6, "below the misses there is nothing to lose"


def test_without_misses_the_first_threshold_is_proved_at_the_stated_number() -> None:
    proofs, counts = Proofs(1, EDGES, 0.95, DELTA), np.zeros((1, 20))
    counts[0, 18] = 1
    needed = math.log(20) / (stakes(EDGES)[0, 1, 0] * -math.log(0.95))
    for _ in range(int(needed * 0.95)):
        proofs.add(counts, np.ones((1, 20)))
        proofs.advance()
    assert proofs.levels[0] == 0
    for _ in range(100):
        proofs.add(counts, np.ones((1, 20)))
        proofs.advance()
    assert proofs.levels[0] == 18


def test_stakes_are_bold_far_below_and_shrink_just_below() -> None:
    table = stakes(EDGES)
    assert ((table >= 0) & (table < 1)).all()
    assert (table[:, 8, 8:] == 0).all()
    assert (np.diff(table[:, 12, :12], axis=1) <= 1e-12).all(), "the lower the bin, the bolder"
    assert (np.diff(table[:, 12, 11]) <= 0).all(), "the more evidence, the smaller"


def test_stages_come_with_growth_and_never_go_back() -> None:
    stages = stage(np.arange(100_000))
    assert stages[0] == 0
    assert (np.diff(stages) >= 0).all()
    assert stages[-1] <= 17


def test_a_stream_that_begins_anew_knows_nothing_and_the_others_keep_what_they_know() -> None:
    proofs, counts = Proofs(2, EDGES, TARGET, DELTA), np.zeros((2, 20))
    counts[:, 18] = 80
    proofs.add(counts, np.ones((2, 20)))
    proofs.advance()
    proofs.begin_anew(np.array([True, False]))
    assert list(proofs.levels) == [0, 18]
    assert proofs.evidence(np.array([0]), np.array([1]))[0] == 0.0
