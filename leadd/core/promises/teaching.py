"""Learning a scorer from verdicts, and whether it would pay to go by it."""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from leadd.core.promises.icp_scorer import IcpScorer, Words, read_words, squeezed
from leadd.learn.figures.measures import duplicate_weights, labelled, passed_at
from leadd.learn.proofs.auditing import Policy
from leadd.learn.scoring.features import Batch
from leadd.learn.scoring.scorer import Verdicts, fit
from leadd.learn.words.expansion import Expansion
from leadd.store.choice_rows import LessonRow

GOOD = frozenset({"accept", "won"})
BAD = frozenset({"reject", "lost"})

ENOUGH_TO_COMPARE = 40
"""Wanted signals among those that were read, from which on a comparison means anything."""

CLEARLY_LESS = 0.8
"""What lets no more than this share of what passes now through at the same recall is worth a new promise."""


@dataclass(frozen=True, slots=True)
class Lesson:
    """What was learnt: the scorer as bytes and by name, from how many verdicts of the user and labels of the model, and how
    many of these were left out. `passes_now` and `would_pass` are the shares of the stream that pass at the promised recall,
    estimated on signals the scorer had not seen; None where there are too few."""

    body: bytes
    version: str
    verdicts: int
    labels: int
    dropped: int
    passes_now: float | None = None
    would_pass: float | None = None

    @property
    def pays(self) -> bool:
        """Whether a promise by this scorer would let clearly less through."""
        return self.passes_now is not None and self.would_pass is not None and self.would_pass <= CLEARLY_LESS * self.passes_now


def learn(
    expansion: Expansion, fixed: Mapping[str, Any], verdicts: Sequence[LessonRow], read: Sequence[LessonRow], recall: float
) -> Lesson:
    """Fit a scorer on what the user said, and beside it, counting less, on what the model said of signals that were read.

    `verdicts` and `read` are different signals or not; of those in both only the user's word is taken. Computing only, meant
    for a thread: most of the time goes into reading the texts.
    """
    scorer = IcpScorer(expansion, fixed=fixed, learnt={}, deciding=None, ranking=None)  # of its own: one thread at a time
    said = {row.signal_id for row in verdicts}
    weak = [row for row in read if row.signal_id not in said]
    rows = [*verdicts, *weak]
    batch = scorer.batch([_words(scorer, row) for row in rows])
    truth = Verdicts.of(
        [row.verdict in GOOD if row.verdict else row.matched for row in rows],
        weights=duplicate_weights([row.content_hash for row in rows]),
        weak=[not row.verdict for row in rows],
        groups=[row.content_hash for row in rows],
    )
    found = fit(batch, truth)
    passes_now, would_pass = _compare(rows, batch, truth, recall)
    return Lesson(found.to_bytes(), found.version, len(verdicts), len(weak), found.dropped, passes_now, would_pass)


def _words(scorer: IcpScorer, row: LessonRow) -> Words:
    return read_words(row.title, row.text, row.source, scorer.reader.hasher)


def _compare(rows: Sequence[LessonRow], batch: Batch, truth: Verdicts, recall: float) -> tuple[float | None, float | None]:
    """Shares that pass at the same recall, by the scores in force and by a scorer that learnt from the other half.

    Only signals that were read count, each by how unlikely it was to be asked: what audits drew stands for what was dropped.
    """
    places = np.array([place for place, row in enumerate(rows) if not row.verdict], dtype=np.int64)
    halves = np.array([zlib.crc32(row.content_hash.encode()) % 2 for row in rows])
    wanted = truth.wanted[places]
    if int(wanted.sum()) < ENOUGH_TO_COMPARE:
        return None, None
    new = np.zeros(len(rows))
    for half in (0, 1):
        others, own = np.flatnonzero(halves != half), np.flatnonzero(halves == half)
        if not len(others) or not len(own):
            return None, None
        new[own] = squeezed(fit(batch.take(others), truth.take(others)).score(batch.take(own)))
    old = np.array([rows[place].score for place in places])
    weights = truth.weights[places] / np.array([asked(rows[place].score, rows[place].policy) for place in places])
    return (
        passed_at(labelled(old, wanted, weights), recall),
        passed_at(labelled(new[places], wanted, weights), recall),
    )


def asked(score: float, policy: tuple[float, float, float, float]) -> float:
    """How likely a signal with this score was to be read under a policy (threshold, floor, near, reach)."""
    return float(Policy(*policy).probability(score))
