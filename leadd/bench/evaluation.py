"""How well an ICP chooses among signals whose answer is known: `leadd eval`. Offline; nothing is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from leadd.bench.labelled_file import LabelledSignal
from leadd.learn.figures.measures import (
    Interval,
    Labelled,
    Measure,
    area,
    average_precision,
    duplicate_weights,
    grouped,
    labelled,
    passed_at,
    precision_at,
    recall_at,
    threshold_for,
    with_interval,
)
from leadd.learn.scoring.features import Batch, Reader
from leadd.learn.scoring.scorer import Verdicts, fit
from leadd.learn.words.expansion import Expansion
from leadd.learn.words.zero import ZeroLabel

FOLDS = 5
LEAST_WANTED = 10
"""Wanted signals, at several companies, from which learning from some of them is tried on the others."""


@dataclass(frozen=True, slots=True)
class Way:
    """One way of choosing: its name, its scores beside the truth, and its figures by name."""

    name: str
    rows: Labelled
    figures: dict[str, Interval]


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was measured, on how many signals."""

    signals: int
    wanted: int
    companies: int
    ways: tuple[Way, ...]

    def as_dict(self) -> dict[str, Any]:
        """Plain data; a figure that cannot be measured is null."""
        ways = {way.name: {name: _plain(figure) for name, figure in way.figures.items()} for way in self.ways}
        return {"signals": self.signals, "wanted": self.wanted, "companies": self.companies, "ways": ways}


def evaluate(signals: Sequence[LabelledSignal], expansion: Expansion) -> Evaluation:
    """Score the signals without any label, and, where enough are wanted, by what learns from the labels of other companies.

    Near duplicates (`group`) count as one; intervals are drawn over companies. Raises ValueError where nothing is wanted or
    nothing unwanted: then nothing can be told apart.
    """
    wanted = np.array([one.wanted for one in signals], dtype=bool)
    if not wanted.any() or wanted.all():
        raise ValueError(f"{int(wanted.sum())} of {len(wanted)} signals are wanted: some of both kinds are needed")
    companies = [one.company for one in signals]
    weights = duplicate_weights([one.group for one in signals])
    batch = _read(signals, expansion)
    ways = [_way("no labels", labelled(batch.odds.astype(np.float64), wanted, weights), companies)]
    learnt = _learnt(batch, wanted, weights, companies)
    if learnt is not None:
        ways.append(_way("learnt from other companies", labelled(learnt, wanted, weights), companies))
    return Evaluation(len(signals), int(wanted.sum()), len(set(companies)), tuple(ways))


def _read(signals: Sequence[LabelledSignal], expansion: Expansion) -> Batch:
    reader = Reader(ZeroLabel(expansion))
    seen = [reader.see(one.title, one.text) for one in signals]
    for one in seen:
        reader.zero.note(one.signs)
    return reader.batch(seen)


def _learnt(batch: Batch, wanted: Any, weights: Any, companies: Sequence[str]) -> Any:
    """Scores of each company's signals by what learnt from others; None where too little is wanted for that."""
    members = grouped(companies)
    having = sum(1 for places in members if wanted[places].any())
    if wanted.sum() < LEAST_WANTED or having < 2 * FOLDS:
        return None
    order = np.random.default_rng(0).permutation(len(members))
    scores = np.zeros(len(batch))
    for fold in range(FOLDS):
        asked = np.concatenate([members[number] for number in order[fold::FOLDS]])
        known = np.setdiff1d(np.arange(len(batch)), asked)
        scorer = fit(batch.take(known), Verdicts.of(wanted[known], weights=weights[known]))
        scores[asked] = scorer.score(batch.take(asked))
    return scores


def _way(name: str, rows: Labelled, companies: Sequence[str]) -> Way:
    at = threshold_for(rows, 0.95)
    measures: dict[str, Measure] = {
        "recall": lambda r: recall_at(r, at),
        "precision": lambda r: precision_at(r, at),
        "average precision": average_precision,
        "AUC": area,
        "passed at 95% recall": lambda r: passed_at(r, 0.95),
        "passed at 99% recall": lambda r: passed_at(r, 0.99),
    }
    return Way(name, rows, {key: with_interval(rows, companies, measure) for key, measure in measures.items()})


def _plain(figure: Interval) -> dict[str, float | None]:
    return {key: None if np.isnan(value) else round(value, 4) for key, value in asdict(figure).items()}
