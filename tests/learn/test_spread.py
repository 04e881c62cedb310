"""Where a value stands among others, and how far a kind of evidence is trusted without a single verdict."""

from __future__ import annotations

import math
import random

import pytest

from leadd.learn.evidence.spread import FIRST_GUESS, FULL_TRUST, Z_MOST, Spread


def filled(apart: float, *, count: int = 600, scale: float = 1.0, bias: float = 0.0, seed: int = 1) -> Spread:
    """A model whose log-odds tell leads from others by `apart` deviations, beside words that tell them too."""
    rng, spread = random.Random(seed), Spread(deviation=2.0)
    for _ in range(count):
        lead = rng.random() < 0.3
        words = min(1.0, max(0.0, rng.gauss(0.6 if lead else 0.25, 0.15)))
        spread.note(bias + scale * (apart * lead + rng.gauss(0, 1)), words)
    return spread


def test_a_value_is_read_by_where_it_stands_whatever_scale_and_bias() -> None:
    plain, odd = filled(1.2), filled(1.2, scale=3.0, bias=9.0)
    for value in (-1.0, 0.0, 1.0):
        assert odd.standing(9.0 + 3.0 * value) == pytest.approx(plain.standing(value), abs=0.25)
    assert plain.standing(None) == plain.standing(math.nan) == 0.0
    assert plain.standing(50.0) == Z_MOST
    assert plain.standing(-50.0) == -Z_MOST


def test_at_first_the_assumed_scale_holds() -> None:
    fresh = Spread(deviation=2.0)
    assert fresh.standing(1.0) == pytest.approx(0.5)
    assert fresh.agreement == FIRST_GUESS
    assert fresh.trust == pytest.approx(FIRST_GUESS / FULL_TRUST)


def test_a_scale_that_nobody_knows_says_nothing_until_it_is_seen() -> None:
    spread = Spread(unknown_until=3)
    for value in (0.61, 0.62):
        spread.note(value, 0.3)
        assert spread.standing(0.9) == 0.0
    spread.note(0.63, 0.3)
    assert spread.standing(0.9) == Z_MOST
    assert spread.standing(0.62) == pytest.approx(0.0, abs=0.01)


def test_who_sees_something_is_trusted_and_who_guesses_is_not() -> None:
    assert filled(1.2).trust > 0.7
    assert filled(0.14).trust < 0.35
    assert filled(-1.2).trust == 0.0, "one that says the opposite is not believed either"


def test_values_that_stand_for_many_count_for_many_but_prove_less() -> None:
    rng, one, many = random.Random(2), Spread(), Spread()
    pairs = [(rng.gauss(0, 1), rng.random()) for _ in range(50)]
    for value, words in pairs:
        one.note(value + 2 * words, words)
        many.note(value + 2 * words, words, weight=10)
    assert many.standing(1.0) != one.standing(1.0)
    assert abs(many.agreement - one.agreement) < 0.1


def test_the_last_ones_count_most() -> None:
    spread = Spread(deviation=1.0)
    for value in [0.0] * 3000 + [10.0] * 6000:
        spread.note(value, None)
    assert abs(spread.standing(10.0)) < 0.3
    assert spread.agreement == FIRST_GUESS, "nothing stood beside the words"


def test_what_is_no_number_is_passed_over() -> None:
    spread = Spread()
    for value in (math.nan, math.inf, -math.inf):
        spread.note(value, 0.5)
    spread.note(1.0, 0.5, weight=0)
    assert spread.count == 0
    for _ in range(100):
        spread.note(1.0, 0.5)  # no deviation at all
    assert math.isfinite(spread.standing(1.0))
    assert spread.agreement == pytest.approx(FIRST_GUESS / 3, rel=0.01)
