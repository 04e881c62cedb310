"""The desk of one ICP: a spread for each model, weights by trust until there are verdicts, and when a model is left out."""

from __future__ import annotations

import random

from leadd.learn import FIRST_ANSWERS, PRIOR, SAMPLED_IN, Desk, Facts, Known
from leadd.learn.evidence.weighing import MISS_COST


def some(desk: Desk, apart: float, count: int = 300, *, asked: str = "m", cosines: bool = False) -> list[Known]:
    """Let a stream of signals come by; what became of them."""
    rng = random.Random(4)
    ends = []
    for _ in range(count):
        lead = rng.random() < 0.35
        words = min(1.0, max(0.0, rng.gauss(0.6 if lead else 0.25, 0.15)))
        cosine = rng.gauss(0.5 if lead else 0.4, 0.1) if cosines else None
        facts = Facts(words, rng.gauss(apart * lead, 1.0), cosine, asked)
        desk.note(facts)
        ends.append(Known(facts, lead))
    return ends


def test_without_verdicts_the_prior_holds_by_trust() -> None:
    seer, guesser = Desk(), Desk()
    some(seer, 1.2)
    some(guesser, 0.0)
    assert seer.weights("m").lexical == guesser.weights("m").lexical == PRIOR.lexical
    assert seer.weights("m").model > 2 * guesser.weights("m").model
    seer.prepare("m")
    assert seer.is_ready("m")
    assert seer.weights("m").verdicts == 0


def test_each_model_and_prompt_stands_for_itself() -> None:
    desk = Desk()
    some(desk, 1.2, asked="one")
    some(desk, 0.0, asked="two")
    assert desk.trust("one")[0] > desk.trust("two")[0]
    assert desk.trust("three")[0] == Desk().trust("x")[0], "a new one is taken for middling"
    said = Facts(0.1, -3.0, None, "one")
    assert desk.join(said, "one").parts["model"] < 0.0
    assert desk.join(said, "two").parts["model"] == 0.0, "another model's numbers mean something else"


def test_only_so_many_models_are_remembered() -> None:
    desk = Desk()
    for number in range(40):
        desk.note(Facts(0.5, 0.1, None, f"m{number}"))
        desk.prepare(f"m{number}")
    assert sum(desk.is_ready(f"m{number}") for number in range(40)) <= 5


def test_a_model_is_asked_where_it_can_change_something() -> None:
    desk = Desk()
    plain, thin = Facts(0.9, asked="m"), Facts(0.1, asked="m")
    assert desk.stands_for(plain, "m", 0.5, 1) == 1, "at first it is asked about everything, to get to know it"
    some(desk, 1.2, FIRST_ANSWERS)
    assert desk.stands_for(thin, "m", 0.5, 1) == 1
    drawn = [desk.stands_for(plain, "m", 0.5, draw) for draw in range(100)]
    assert sorted(set(drawn)) == [0, SAMPLED_IN]
    assert drawn.count(SAMPLED_IN) == 100 / SAMPLED_IN
    assert desk.stands_for(plain, "m", 0.93, 1) == 1, "nothing is plain to one who wants more"


def cost(desk: Desk, ends: list[Known]) -> float:
    """What the decisions cost: a look each, and for a lead that is missed as much as the weighing takes it for."""
    looked = [desk.join(k.facts, "m").probability >= 0.5 for k in ends]
    return sum(1.0 if look else MISS_COST * k.worth for look, k in zip(looked, ends, strict=True))


def test_verdicts_sharpen_and_a_model_at_chance_is_asked_less() -> None:
    for apart in (1.2, 0.0):
        desk = Desk()
        ends = some(desk, apart, 400)
        before = cost(desk, ends)
        desk.learn(ends[:300], 300)
        assert not desk.is_ready("m")
        desk.prepare("m")
        assert cost(desk, ends) < before
        missed = [k for k in ends if k.worth and desk.join(k.facts, "m").probability < 0.5]
        assert len(missed) <= 0.03 * sum(k.worth for k in ends)
        asked = sum(desk.stands_for(k.facts, "m", 0.5, 1) for k in ends)
        assert asked > 200 if apart else asked < 100
        desk.learn((), 0)
        desk.prepare("m")
        assert desk.weights("m").verdicts == 0, "verdicts that are gone are gone"


def test_similarities_count_once_their_scale_is_known() -> None:
    desk = Desk()
    assert desk.join(Facts(0.3, None, 0.9, "m"), "m").parts["embedding"] == 0.0
    some(desk, 0.5, cosines=True)
    assert desk.join(Facts(0.3, None, 0.9, "m"), "m").parts["embedding"] > 0.0
    assert desk.join(Facts(0.3, None, 0.1, "m"), "m").parts["embedding"] < 0.0
