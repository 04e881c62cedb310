"""What is shown next: the mix, nothing twice, no duplicate, no company all the time; and that it teaches more than chance."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from made_up import ads

from leadd.learn.figures.measures import labelled, precision_among
from leadd.learn.scoring.asking import Mix, choose
from leadd.learn.scoring.features import Reader
from leadd.learn.scoring.scorer import Verdicts, fit, untaught
from leadd.learn.words.expansion import expand
from leadd.learn.words.zero import ZeroLabel

ODDS = np.linspace(-5, 5, 101)


def test_kinds_come_by_their_shares_and_are_what_they_say() -> None:
    found = choose(ODDS, count=20, mix=Mix(0.4, 0.5, 0.1), seed=3)
    assert Counter(a.why for a in found) == {"uncertain": 8, "hot": 10, "audited": 2}
    assert {a.place for a in found if a.why == "hot"} == set(range(91, 101))
    assert all(abs(ODDS[a.place]) <= 0.5 for a in found if a.why == "uncertain")
    assert len({a.place for a in found}) == 20
    assert found == choose(ODDS, count=20, mix=Mix(0.4, 0.5, 0.1), seed=3)


def test_the_middle_can_be_elsewhere() -> None:
    found = choose(ODDS, count=5, middle=3.0, mix=Mix(1, 0, 0))
    assert all(abs(ODDS[a.place] - 3.0) < 0.4 for a in found)


def test_nothing_judged_and_no_duplicate_is_shown_again() -> None:
    groups = [f"g{n // 4}" for n in range(101)]
    found = choose(ODDS, count=26, groups=groups, judged=[100, 99])
    shown = [groups[a.place] for a in found]
    assert len(set(shown)) == len(shown)
    assert groups[100] not in shown
    assert groups[99] not in shown
    assert len(found) == 24  # every other group once


def test_companies_take_turns() -> None:
    companies = ["big"] * 90 + [f"small {n}" for n in range(11)]
    found = choose(-ODDS, count=12, companies=companies, mix=Mix(0, 1, 0))
    assert Counter(companies[a.place] for a in found)["big"] <= 2
    assert len(choose(ODDS, count=500, companies=["one"] * 101)) == 101


def test_wrong_input_is_said() -> None:
    with pytest.raises(ValueError, match="as many companies"):
        choose(ODDS, count=1, companies=["a"])
    with pytest.raises(ValueError, match="parts of 1"):
        choose(ODDS, count=1, mix=Mix(0.5, 0.9, 0.1))


def test_chosen_verdicts_lift_the_top_more_than_random_ones() -> None:
    """Wanted: marketers of firms that make coffee or games, one in twenty; paired over seeds."""
    made = ads(900)
    wanted = np.array([one.function == "marketing" and ("coffee" in one.text or "games" in one.text) for one in made])
    reader = Reader(ZeroLabel(expand("companies hiring a marketer")))
    batch = reader.batch([reader.see(one.title, one.text) for one in made])
    pool, rest = np.arange(450), np.arange(450, 900)

    def top(scores: np.ndarray) -> float:
        return precision_among(labelled(scores, wanted[rest]), 20)

    gains = []
    for seed in range(4):
        known: list[int] = []
        scorer = untaught(batch.strengths.shape[1])
        for _ in range(4):
            known += [a.place for a in choose(scorer.score(batch.take(pool)), count=10, judged=known, seed=seed + len(known))]
            scorer = fit(batch.take(np.array(known)), Verdicts.of(wanted[known]))
        drawn = np.random.default_rng(seed).choice(pool, 40, replace=False)
        by_chance = fit(batch.take(drawn), Verdicts.of(wanted[drawn]))
        gains.append(top(scorer.score(batch.take(rest))) - top(by_chance.score(batch.take(rest))))
    assert np.mean(gains) > 0.05
