"""How well an ICP chooses among signals whose answer is known: `leadd eval`. Offline; nothing is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from leadd.bench.crossing import Crossed, Meaning, beforehand, crossed, folds_by_company, meaning, probabilities, unlearnt
from leadd.bench.labelled_file import LabelledSignal
from leadd.learn.figures.measures import (
    Interval,
    Labelled,
    Measure,
    area,
    average_precision,
    duplicate_weights,
    labelled,
    passed_above,
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
    """One way of choosing: its name, its scores beside the truth, its figures by name, and, where enough is wanted, what its
    probabilities mean (calibrated on other companies)."""

    name: str
    rows: Labelled
    figures: dict[str, Interval]
    meaning: Meaning | None = None


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
        meanings = {way.name: asdict(way.meaning) for way in self.ways if way.meaning is not None}
        return {
            "signals": self.signals, "wanted": self.wanted, "companies": self.companies, "ways": ways, "calibration": meanings,
        }  # fmt: skip


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
    zero = batch.odds.astype(np.float64)
    folds = _folds(wanted, companies)
    if folds is None:
        ways = [_way("no labels", labelled(zero, wanted, weights), companies, None)]
        return Evaluation(len(signals), int(wanted.sum()), len(set(companies)), tuple(ways))

    def learn(known: Any, asked: Any) -> Any:
        return fit(batch.take(known), Verdicts.of(wanted[known], weights=weights[known])).score(batch.take(asked))

    ways = []
    for name, scores in (("no labels", unlearnt(zero, folds)), ("learnt from other companies", crossed(folds, learn))):
        ways.append(_way(name, labelled(scores.outer, wanted, weights), companies, scores))
    return Evaluation(len(signals), int(wanted.sum()), len(set(companies)), tuple(ways))


def _read(signals: Sequence[LabelledSignal], expansion: Expansion) -> Batch:
    reader = Reader(ZeroLabel(expansion))
    seen = [reader.see(one.title, one.text) for one in signals]
    for one in seen:
        reader.zero.note(one.signs)
    return reader.batch(seen)


def _folds(wanted: Any, companies: Sequence[str]) -> tuple[Any, ...] | None:
    """The folds by company; None where too little is wanted to learn from some and try on others."""
    having = len({company for company, is_wanted in zip(companies, wanted, strict=True) if is_wanted})
    return None if wanted.sum() < LEAST_WANTED or having < 2 * FOLDS else folds_by_company(companies, FOLDS)


def _way(name: str, rows: Labelled, companies: Sequence[str], scores: Crossed | None) -> Way:
    at = threshold_for(rows, 0.95)
    measures: dict[str, Measure] = {
        "recall": lambda r: recall_at(r, at),
        "precision": lambda r: precision_at(r, at),
        "average precision": average_precision,
        "AUC": area,
        "passed at 95% recall": lambda r: passed_at(r, 0.95),
        "passed at 99% recall": lambda r: passed_at(r, 0.99),
    }
    figures = {key: with_interval(rows, companies, measure) for key, measure in measures.items()}
    if scores is None:
        return Way(name, rows, figures)
    for how, careful in (("beforehand", False), ("beforehand, with a margin", True)):
        fixed = beforehand(scores, rows.wanted, rows.weights, companies, careful=careful)
        figures[f"recall, fixed {how}"] = with_interval(fixed, companies, lambda r: recall_at(r, 0.0))
        figures[f"passed, fixed {how}"] = with_interval(fixed, companies, lambda r: passed_above(r, 0.0))
    said = probabilities(scores, rows.wanted, rows.weights)
    return Way(name, rows, figures, meaning(said, rows.wanted, rows.weights))


def _plain(figure: Interval) -> dict[str, float | None]:
    return {key: None if np.isnan(value) else round(value, 4) for key, value in asdict(figure).items()}
