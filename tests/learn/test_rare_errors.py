"""A bound on a rare error rate that holds at every look, and intervals for counts."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from leadd.learn.proofs.intervals import beta_cdf, beta_quantile, clopper_pearson, log_beta_cdf, wilson
from leadd.learn.proofs.rare_errors import ErrorBound


def after(checked: int, wrong: int, limit: float = 0.01) -> ErrorBound:
    return ErrorBound.from_state({"limit": limit, "confidence": 0.95, "checked": checked, "wrong": wrong})


def test_nothing_is_promised_before_there_are_checks() -> None:
    fresh = ErrorBound()
    assert fresh.upper == 1.0
    assert not fresh.is_certified
    assert fresh.estimate is None
    assert str(fresh.checks_missing) in fresh.explanation


def test_clean_checks_earn_the_certificate_at_the_stated_number() -> None:
    bound = ErrorBound(0.01)
    missing = bound.checks_missing
    assert 350 < missing < 400
    for _ in range(missing - 1):
        bound.observe(False)
    assert not bound.is_certified
    assert bound.checks_missing == 1
    bound.observe(False)
    assert bound.is_certified
    assert bound.upper <= 0.01
    assert bound.checks_missing == 0
    assert "fewer than" in bound.explanation


def test_errors_take_it_away_again() -> None:
    bound = after(400, 0)
    assert bound.is_certified
    bound.observe(True)
    assert not bound.is_certified
    assert 0.01 < bound.upper < 0.03
    assert "up to" in bound.explanation


def test_the_bound_is_where_the_evidence_reaches_what_is_asked() -> None:
    for checked, wrong in ((50, 0), (50, 50), (500, 3), (5000, 30), (200_000, 900)):
        bound = after(checked, wrong)
        upper = bound.upper
        assert upper > wrong / checked or upper == 1.0
        if upper < 1:
            assert after(checked, wrong, upper).log_evidence == pytest.approx(math.log(20), abs=1e-6)
    assert after(200_000, 900).upper == pytest.approx(0.0045, abs=0.0008)


def test_the_evidence_is_that_of_the_bets_one_by_one() -> None:
    """The closed form against the sum over many fixed rates."""
    rng = np.random.default_rng(3)
    wrongs = rng.random(300) < 0.02
    shares = np.linspace(0.0, 1.0, 200_001)[1:] ** 2  # the density u^(-1/2)/2, by its quantiles
    logs = wrongs.sum() * np.log(shares) + (~wrongs).sum() * (np.log1p(-0.05 * shares) - np.log1p(-0.05))
    bound = ErrorBound(0.05)
    for wrong in wrongs:
        bound.observe(bool(wrong))
    assert bound.log_evidence == pytest.approx(math.log(np.exp(logs).mean()), abs=1e-3)


def test_at_the_limit_a_certificate_at_any_look_is_rare() -> None:
    """2,000 streams with a rate of exactly the limit, looked at after every check: at most 5% are ever certified."""
    rng = np.random.default_rng(11)
    limit, checks = 0.02, 3000
    least = [ErrorBound(limit).checks_missing]  # the number of checks at which so many errors still are certified
    while least[-1] < checks:
        wrong = len(least)
        least.append(least[-1] + after(least[-1], wrong, limit).checks_missing)
    broken = 0
    for _ in range(2000):
        places = np.flatnonzero(rng.random(checks) < limit)  # the n-th error comes too late: certified before it
        ends = np.append(places, checks)
        broken += any(end >= needed for end, needed in zip(ends, least, strict=False))
    assert 20 <= broken <= 100


def test_the_state_is_plain_and_comes_back() -> None:
    bound = after(812, 2)
    kept = json.loads(json.dumps(bound.to_state()))
    assert ErrorBound.from_state(kept).to_state() == bound.to_state()
    assert ErrorBound.from_state(kept).upper == bound.upper


@pytest.mark.parametrize("state", [{}, {"limit": 0.1, "confidence": 0.9, "checked": 1, "wrong": 2}, {"limit": None}])
def test_a_damaged_state_is_refused(state: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="begin a new one"):
        ErrorBound.from_state(state)


@pytest.mark.parametrize(("limit", "confidence"), [(0.0, 0.95), (1.0, 0.95), (0.01, 1.0), (math.nan, 0.95)])
def test_limits_that_cannot_be_are_refused(limit: float, confidence: float) -> None:
    with pytest.raises(ValueError, match="between 0 and 1"):
        ErrorBound(limit, confidence)


def test_intervals_agree_with_tables() -> None:
    assert clopper_pearson(5, 20) == pytest.approx((0.0866, 0.4910), abs=1e-4)
    assert clopper_pearson(0, 299, 0.90)[1] == pytest.approx(1 - 0.05 ** (1 / 299), abs=1e-9)
    assert wilson(5, 20) == pytest.approx((0.1119, 0.4687), abs=1e-4)
    assert wilson(0, 0) == clopper_pearson(0, 0) == (0.0, 1.0)
    assert wilson(7, 7)[1] == clopper_pearson(7, 7)[1] == 1.0
    with pytest.raises(ValueError, match="no share"):
        wilson(3, 2)


def test_the_beta_distribution_is_exact_in_its_tails() -> None:
    assert beta_cdf(0.3, 1, 1) == pytest.approx(0.3)
    assert beta_cdf(0.5, 40, 40) == pytest.approx(0.5, abs=1e-12)
    assert log_beta_cdf(1e-4, 50, 1) == pytest.approx(50 * math.log(1e-4))
    assert beta_cdf(0.2, 3, 5) == pytest.approx(sum(math.comb(7, j) * 0.2**j * 0.8 ** (7 - j) for j in range(3, 8)))
    assert beta_quantile(beta_cdf(0.37, 12.5, 20), 12.5, 20) == pytest.approx(0.37)
    assert log_beta_cdf(0.0, 2, 2) == -math.inf
    assert log_beta_cdf(1.0, 2, 2) == 0.0
