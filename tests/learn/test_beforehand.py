"""Thresholds fixed beforehand keep their recall elsewhere as often as they say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from leadd.learn.figures.beforehand import careful_threshold, recall_bound
from leadd.learn.figures.measures import Labelled, labelled, recall_at, threshold_for
from leadd.learn.proofs.intervals import clopper_pearson


def drawn(draw: np.random.Generator, companies: int = 120, each: int = 4) -> tuple[Labelled, list[int]]:
    """Signals of companies whose wanted ones are alike: some companies are hard as a whole."""
    names = np.repeat(np.arange(companies), each)
    wanted = draw.random(len(names)) < 0.5
    shift = draw.normal(0, 0.8, companies)[names]
    return labelled(draw.normal(0, 0.6, len(names)) + 2 * wanted + shift, wanted), names.tolist()


def test_independent_rows_get_the_bound_of_clopper_and_pearson() -> None:
    rows = labelled(range(100), [True] * 100)
    assert recall_bound(rows, range(100), 0) == pytest.approx(clopper_pearson(100, 100, 0.9)[0])
    # 97 of 100 kept, every row a company of its own: the spread is that of independent rows.
    assert recall_bound(rows, range(100), 3) == pytest.approx(clopper_pearson(97, 100, 0.9)[0], abs=1e-9)
    assert recall_bound(labelled([1.0], [False]), ["a"], 0) == 0.0


def test_signals_of_one_company_count_for_fewer() -> None:
    rows = labelled(range(100), [True] * 100)
    together = [0, 0, 0, *range(1, 98)]  # the three that are missed are of one company
    assert recall_bound(rows, together, 3) < recall_bound(rows, list(range(100)), 3)


def test_too_few_let_all_pass() -> None:
    rows = labelled(range(40), [True] * 40)
    assert careful_threshold(rows, range(40)) == -math.inf
    with pytest.raises(ValueError, match="as many of each"):
        careful_threshold(rows, [1])


def test_the_recall_is_kept_elsewhere_where_the_plain_threshold_breaks_it() -> None:
    draw = np.random.default_rng(4)
    elsewhere = drawn(draw, 20_000)[0]
    careful, plain, runs = 0, 0, 120
    for _ in range(runs):
        rows, companies = drawn(draw)
        careful += recall_at(elsewhere, careful_threshold(rows, companies)) < 0.95
        plain += recall_at(elsewhere, threshold_for(rows, 0.95)) < 0.95
    assert plain / runs > 0.35
    assert careful / runs <= 0.1, careful
