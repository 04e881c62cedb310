"""Evidence joined: what each kind adds, what may never happen, and what verdicts change."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest

from leadd.learn.evidence.weighing import (
    LEAST_VERDICTS,
    PRIOR,
    Evidence,
    Example,
    Weights,
    fit,
    join,
    log_odds,
    outlook,
    probability,
    strength,
)


def test_the_strength_of_words_runs_from_the_threshold_to_the_top() -> None:
    assert (strength(20, 20), strength(100, 20), strength(5, 20)) == (0.0, 1.0, 0.0)
    assert strength(40, 20) == pytest.approx(0.5)
    assert strength(0, 0) == 0.0
    assert strength(100, 100) == 1.0
    assert [strength(s, 20) for s in range(20, 101)] == sorted(strength(s, 20) for s in range(20, 101))


def test_odds_and_probability_are_each_others_reverse_and_finite() -> None:
    for share in (0.001, 0.3, 0.5, 0.999):
        assert probability(log_odds(share)) == pytest.approx(share)
    assert probability(log_odds(0.0)) > 0
    assert probability(1e9) <= 1


def test_more_evidence_for_a_signal_never_makes_it_less_likely() -> None:
    steps = [-2.5, -1.0, 0.0, 1.0, 2.5]
    for model, embedding, lexical in itertools.product(steps, steps, (0.0, 0.3, 0.6)):
        here = join(Evidence(lexical, model, embedding), PRIOR).probability
        for more in (
            Evidence(lexical + 0.2, model, embedding), Evidence(lexical, model + 0.5, embedding),
            Evidence(lexical, model, embedding + 0.5),
        ):  # fmt: skip
            assert join(more, PRIOR).probability >= here - 1e-12


def test_the_parts_add_up_and_missing_kinds_add_nothing() -> None:
    joined = join(Evidence(0.4, 0.3, -0.2), PRIOR)
    assert probability(sum(joined.parts.values())) == pytest.approx(joined.probability, abs=1e-4)
    bare = join(Evidence(0.4), PRIOR)
    assert (bare.parts["model"], bare.parts["embedding"]) == (0.0, 0.0)
    assert join(Evidence(), PRIOR).probability == pytest.approx(join(Evidence(0.27), PRIOR).probability)


def test_plain_words_are_never_overruled_by_a_model_alone() -> None:
    for lexical in (0.5, 0.7, 1.0):
        least, _ = outlook(Evidence(lexical), PRIOR)
        assert least >= 0.5
        assert join(Evidence(lexical, -2.5, -2.5), PRIOR).probability >= 0.5
    least, most = outlook(Evidence(0.2), PRIOR)
    assert least < 0.5 < most


def test_the_outlook_holds_all_that_a_model_could_say() -> None:
    for weights in (PRIOR, replace(PRIOR, most=None), Weights(-2.0, 6.0, 1.2, 0.3)):
        for lexical in (None, 0.0, 0.3, 0.8):
            least, most = outlook(Evidence(lexical, None, 0.7), weights)
            said = [join(Evidence(lexical, z / 4, 0.7), weights).probability for z in range(-10, 11)]
            assert (min(said), max(said)) == pytest.approx((least, most))


def judged(apart: float, count: int = 300, *, seed: int = 1, wanted: float = 0.4) -> list[Example]:
    """Leads that a person judged, and how model and words stood on them."""
    rng = random.Random(seed)
    found = []
    for _ in range(count):
        worth = rng.random() < wanted
        lexical = min(1.0, max(0.0, rng.gauss(0.7 if worth else 0.25, 0.15)))
        model = rng.gauss(apart if worth else 0.0, 1.0) - apart * wanted
        found.append(Example(Evidence(lexical, model), worth))
    return found


def test_too_few_verdicts_change_nothing() -> None:
    few = judged(1.2, LEAST_VERDICTS - 1)
    assert fit(few, verdicts=len(few)) is None
    assert fit([replace(e, worth=False) for e in judged(1.2)], verdicts=300) is None
    many = [*few, *(Example(Evidence(0.1), False) for _ in range(200))]
    assert fit(many, verdicts=len(few)) is None, "what the model refused is no verdict"


def test_verdicts_show_what_each_kind_is_worth() -> None:
    good, chance = fit(judged(1.2), verdicts=300), fit(judged(0.0), verdicts=300)
    assert good is not None
    assert chance is not None
    assert good.model > chance.model + 0.3
    assert chance.lexical > PRIOR.lexical
    assert (good.verdicts, good.most) == (300, None)
    assert good.version.startswith("verdicts@")
    assert good.version != chance.version
    assert PRIOR.version.startswith("prior@")


@pytest.mark.parametrize("apart", [1.2, 0.14, -1.0])
def test_the_line_lets_nearly_all_accepted_leads_through_and_drops_more_of_the_others(apart: float) -> None:
    taught = fit(judged(apart), PRIOR.trusting(max(0.0, min(1.0, apart)), 0.4), verdicts=300)
    assert taught is not None
    assert min(taught.lexical, taught.model, taught.embedding) >= 0
    fresh = judged(apart, 2000, seed=9)

    def kept(weights: Weights, worth: bool) -> float:
        shares = [join(e.evidence, weights).probability >= 0.5 for e in fresh if e.worth is worth]
        return sum(shares) / len(shares)

    assert kept(taught, True) >= 0.975
    assert kept(taught, False) < 0.6
    assert kept(taught, False) < kept(PRIOR.trusting(0.2, 0.4), False)


def test_few_verdicts_move_the_weights_less_than_many() -> None:
    few, many = fit(judged(1.2, 30), verdicts=30), fit(judged(1.2, 600), verdicts=600)
    assert few is not None
    assert many is not None
    assert abs(few.lexical - PRIOR.lexical) <= abs(many.lexical - PRIOR.lexical) + 0.5
    assert fit(judged(1.2, 300), verdicts=300) == fit(judged(1.2, 300), verdicts=300), "the same verdicts, the same weights"
