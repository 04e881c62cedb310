"""Two variants compared at every look: who is drawn where, what is promoted, what is rolled back, what survives."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from leadd.learn.proofs.differences import Counts, difference_interval
from leadd.learn.proofs.experiments import Arm, Experiment, Rule, log_factor


def run(
    rate_a: float, rate_b: float, outcomes: int, *, seed: int = 1, rule: Rule | None = None, share: float = 0.5
) -> Experiment:
    rng, experiment = np.random.default_rng(seed), Experiment("t", share, rule)
    for place in range(outcomes):
        arm = experiment.assign(f"company {place}")
        experiment.observe(arm, bool(rng.random() < (rate_b if arm == "B" else rate_a)), f"company {place}")
    return experiment


def test_a_company_always_meets_the_same_variant_and_shares_are_kept() -> None:
    experiment = Experiment("prompts 7", 0.2)
    arms = [experiment.assign(f"c{place}") for place in range(5000)]
    assert arms == [Experiment("prompts 7", 0.2).assign(f"c{place}") for place in range(5000)]
    assert 0.18 < arms.count("B") / 5000 < 0.22
    assert arms != [Experiment("prompts 8", 0.2).assign(f"c{place}") for place in range(5000)]


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_a_bet_gains_nothing_where_the_variants_are_alike_and_loses_where_b_is_worse(share: float) -> None:
    for rate_a, rate_b in ((0.3, 0.3), (0.3, 0.2), (0.02, 0.02), (0.9, 0.4)):
        for effect in (0.2, 1.6):
            mean = sum(
                (share if arm == "B" else 1 - share)
                * (p if good else 1 - p)
                * math.exp(log_factor(arm, good, 0.35, effect, share))
                for arm, p in (("B", rate_b), ("A", rate_a))
                for good in (True, False)
            )
            assert mean == pytest.approx(1.0) if rate_a == rate_b else mean < 1


def test_what_is_better_is_promoted_what_does_harm_is_rolled_back() -> None:
    good = run(0.3, 0.5, 900)
    assert good.report().action == "promote"
    assert "B is better" in good.report().reason
    bad = run(0.3, 0.1, 300)
    assert bad.report().action == "roll back"
    assert "harm" in bad.report().reason
    assert run(0.3, 0.3, 100, seed=3).report().action == "go on"


def test_a_decision_stands() -> None:
    experiment = run(0.3, 0.6, 600)
    assert experiment.report().action == "promote"
    evidence_then = experiment.better
    for place in range(200):
        assert experiment.observe("B", False, None) == "promote", place
    assert experiment.better == evidence_then


def test_without_a_lift_in_sight_it_stops() -> None:
    assert run(0.3, 0.3, 200, rule=Rule(most_outcomes=150, harm_level=0.001)).report().action == "stop for futility"
    early = run(0.5, 0.45, 4000, rule=Rule(least_lift=0.1, harm_level=0.0001))
    assert early.report().action == "stop for futility"
    assert early.report().high < 0.12
    assert "not in sight" in early.report().reason


def test_in_an_a_a_run_no_rule_acts_and_a_difference_is_named() -> None:
    experiment = run(0.2, 0.6, 400, rule=Rule(same=True))
    assert experiment.report().action == "go on"
    assert "they differ" in experiment.report().reason
    assert "they differ" not in run(0.3, 0.3, 400, rule=Rule(same=True)).report().reason


def test_only_the_first_outcome_of_a_company_counts() -> None:
    experiment = Experiment("t")
    arm = experiment.assign("acme")
    for _ in range(50):
        experiment.observe(arm, True, "acme")
    assert experiment.report().seen_a + experiment.report().seen_b == 1
    assert experiment.report().repeats == 49
    other: Arm = "A" if arm == "B" else "B"
    with pytest.raises(ValueError, match="belongs to variant"):
        experiment.observe(other, True, "acme")
    with pytest.raises(ValueError, match="neither A nor B"):
        experiment.observe("C", True)  # type: ignore[arg-type]


def test_the_state_is_plain_and_goes_on_as_if_nothing_had_happened() -> None:
    whole, first_half = run(0.3, 0.4, 400), run(0.3, 0.4, 150)
    rng, second = np.random.default_rng(1), Experiment.from_state(json.loads(json.dumps(first_half.to_state())))
    for place in range(400):
        arm, draw = second.assign(f"company {place}"), rng.random()
        if place >= 150:
            second.observe(arm, bool(draw < (0.4 if arm == "B" else 0.3)), f"company {place}")
    assert second.to_state() == whole.to_state()
    assert second.report() == whole.report()


@pytest.mark.parametrize("spoil", ["counts", "better", "rule", "name"])
def test_a_damaged_state_is_refused(spoil: str) -> None:
    state = run(0.3, 0.3, 20).to_state()
    state[spoil] = [1.0] if spoil == "better" else None
    if spoil == "name":
        del state[spoil]
    with pytest.raises(ValueError, match="start it anew"):
        Experiment.from_state(state)


def test_rules_that_cannot_be_are_refused() -> None:
    for wrong in ({"promote_level": 0.0}, {"harm_level": 1.0}, {"least_lift": -1.0}, {"most_outcomes": 0}):
        with pytest.raises(ValueError, match="must"):
            Rule(**wrong)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="share"):
        Experiment("t", 1.0)


def test_the_interval_holds_the_difference_and_narrows() -> None:
    assert difference_interval(Counts()) == (-1.0, 1.0)
    assert difference_interval(Counts(3, 10, 0, 0)) == (-1.0, 1.0)
    small, large = difference_interval(Counts(30, 100, 40, 100)), difference_interval(Counts(3000, 10000, 4000, 10000))
    assert small[0] < large[0] < 0.1 < large[1] < small[1]
    assert large[1] - large[0] < 0.08
    every = difference_interval(Counts(0, 40, 40, 40))
    assert every[0] > 0.7
    assert every[1] == 1.0
    a, b = difference_interval(Counts(12, 60, 30, 50)), difference_interval(Counts(30, 50, 12, 60))
    assert a == pytest.approx((-b[1], -b[0]), abs=1e-6)
