"""Who is asked below a threshold: known probabilities, draws that can be repeated, a budget."""

from __future__ import annotations

import numpy as np
import pytest

from leadd.learn.proofs.auditing import AuditRule, Policy, draw


def test_all_at_or_above_the_threshold_are_asked_and_below_it_the_more_the_closer() -> None:
    policy = Policy(threshold=0.5, floor=0.01, near=0.4, reach=0.05)
    asked = policy.probability([0.9, 0.5, 0.4999, 0.45, 0.4, 0.1, 0.0])
    assert list(asked[:2]) == [1.0, 1.0]
    assert asked[2] == pytest.approx(0.4, abs=0.001)
    assert asked[3] == pytest.approx(0.4 / np.e)
    assert (np.diff(asked) <= 0).all()
    assert asked[-1] == 0.01


def test_a_draw_belongs_to_the_signal_and_is_even() -> None:
    draws = np.array([draw(f"signal {place}") for place in range(4000)])
    assert (draws == [draw(f"signal {place}") for place in range(4000)]).all()
    assert 0 <= draws.min() < 0.01
    assert 0.99 < draws.max() < 1
    counts = np.histogram(draws, 10, (0, 1))[0]
    assert counts.min() > 330
    assert counts.max() < 470


def test_as_many_are_asked_as_the_probability_says() -> None:
    policy = Policy(0.5, 0.05, 0.3, 0.05)
    asked = sum(policy.asks(0.48, f"s{place}") for place in range(5000)) / 5000
    assert asked == pytest.approx(float(policy.probability(0.48)), abs=0.03)
    assert all(policy.asks(0.5, f"s{place}") for place in range(50))


def test_more_is_asked_while_there_is_little_evidence_and_in_few_steps() -> None:
    rule = AuditRule()
    nears = [rule.policy(0.4, positives).near for positives in range(5000)]
    assert nears == sorted(nears, reverse=True)
    assert nears[0] > 2 * nears[-1]
    assert nears[-1] == rule.near
    assert len(set(nears)) <= 14


def test_the_budget_is_kept_and_the_floor_comes_first() -> None:
    edges, shares = np.arange(100) / 100, np.full(100, 0.01)
    wide = AuditRule(floor=0.005, near=0.5, reach=0.2, budget=1.0).policy(0.6, 100, shares, edges)
    tight = AuditRule(floor=0.005, near=0.5, reach=0.2, budget=0.02).policy(0.6, 100, shares, edges)
    below = edges < 0.6
    assert float((shares * wide.probability(edges))[below].sum()) > 0.05
    assert 0.018 < float((shares * tight.probability(edges))[below].sum()) <= 0.02
    none = AuditRule(floor=0.01, near=0.5, reach=0.2, budget=0.001).policy(0.6, 100, shares, edges)
    assert (none.probability(edges[below]) >= 0.01).all()


@pytest.mark.parametrize("wrong", [{"floor": 0.0}, {"floor": 0.5, "near": 0.2}, {"near": 1.5}, {"reach": 0.0}, {"budget": 0.0}])
def test_rules_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="an audit needs"):
        AuditRule(**wrong)


def test_a_policy_comes_back() -> None:
    policy = AuditRule().policy(0.31, 80)
    assert Policy.from_state(policy.to_state()) == policy
