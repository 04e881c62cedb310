"""Scores of signals for one ICP, 0 to 1: by the words of its sentence, and by what verdicts have taught.

Two scorers look at the same reading: one decides what is dropped and stands still while a promise rests on it, the other orders
what passes and may be newer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadd.api import Signal
from leadd.api.matching import title_or_first_line
from leadd.learn.scoring.features import ODDS, Batch, Reader, Seen
from leadd.learn.scoring.hashing import HashedRow, Hasher
from leadd.learn.scoring.scorer import Scorer, ScorerInvalid, untaught
from leadd.learn.words.expansion import Expansion
from leadd.learn.words.statistics import Statistics
from leadd.learn.words.tokens import TextWords, TitleWords, read_text, read_title
from leadd.learn.words.zero import Signs, ZeroLabel

Floats = NDArray[np.float64]
MOST_REASONS = 4
_NO_ROW = HashedRow(np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32))


@dataclass(frozen=True, slots=True)
class Words:
    """A signal as read for all ICPs: words of title and text, and hashed where a taught scorer needs it."""

    title: TitleWords
    text: TextWords
    row: HashedRow


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores of n signals in 0..1, by the scorer that decides and by the one that ranks, and what was found in each signal."""

    scores: Floats
    ranks: Floats
    signs: list[Signs]


def read_words(title: str, text: str, source: str, hasher: Hasher | None) -> Words:
    """Read a signal; `hasher` None leaves the hashed words out."""
    in_title, in_text = read_title(title_or_first_line(title, text)), read_text(text)
    row = hasher.row(in_title, in_text, fields_of(source)) if hasher else _NO_ROW
    return Words(in_title, in_text, row)


def words_of(signal: Signal, hasher: Hasher | None) -> Words:
    """The same of a signal."""
    return read_words(signal.title, signal.text, signal.source, hasher)


def fields_of(source: str) -> tuple[str, ...]:
    """What is known of a signal besides its words."""
    return (f"source={source}",)


class IcpScorer:
    """Scores for one ICP. `fixed` are the statistics of the stream that scores go by, `learnt` those that grow with it.

    `deciding` and `ranking` are kept scorers, None for the fit without verdicts. Raises ScorerInvalid where one does not fit
    the ICP. One thread at a time.
    """

    def __init__(
        self,
        expansion: Expansion,
        *,
        fixed: Mapping[str, Any],
        learnt: Mapping[str, Any],
        deciding: bytes | None,
        ranking: bytes | None,
    ) -> None:
        self.zero = ZeroLabel(expansion, statistics=_statistics(fixed))
        self._stream = ZeroLabel(expansion, statistics=_statistics(learnt))
        self.reader = Reader(self.zero)
        self.deciding = self._scorer(deciding)
        self.ranking = self.deciding if ranking == deciding else self._scorer(ranking)
        self._tables = (self.deciding.table(), self.ranking.table())

    @property
    def needs_rows(self) -> bool:
        """Whether signals have to be hashed: not for the fit without verdicts."""
        return bool(len(self.deciding.columns) or len(self.ranking.columns))

    @property
    def documents(self) -> float:
        """How many signals the statistics of the stream stand for."""
        return self._stream.statistics.documents

    def learnt(self) -> dict[str, Any]:
        """The statistics of the stream so far, as plain data."""
        return self._stream.statistics.to_data()

    def rank_by(self, body: bytes | None) -> None:
        """Order what passes by another scorer from now on. Raises ScorerInvalid."""
        self.ranking = self._scorer(body)
        self._tables = (self._tables[0], self.ranking.table())

    def score(self, words: Sequence[Words]) -> Scored:
        """Both scores of signals."""
        signs = [self.zero.find(one.title, one.text) for one in words]
        batch = self.reader.batch([Seen(one.row, found) for one, found in zip(words, signs, strict=True)])
        scores = squeezed(self.deciding.score(batch, self._tables[0]))
        ranks = scores if self.ranking is self.deciding else squeezed(self.ranking.score(batch, self._tables[1]))
        return Scored(scores, ranks, signs)

    def note(self, signs: Sequence[Signs]) -> None:
        """Take signals into the statistics of the stream."""
        for one in signs:
            self._stream.note(one)

    def why(self, words: Words, signs: Signs, source: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The words that count most for a signal, and against it."""
        found = [(f"“{one.words}” in the {one.where}", one.points) for one in self.zero.why(signs)]
        if len(self.deciding.columns):
            names = self.reader.hasher.names(words.title, words.text, fields_of(source))
            batch = self.reader.batch([Seen(words.row, signs)])
            reasons = self.deciding.explain(batch, 0, names)
            found = [(f"“{one.words}” (by your verdicts)", one.points) for one in reasons if one.words in names.values()]
            share = float(self.deciding.dense[1]) * ODDS
            found += [(f"“{one.words}” in the {one.where}", one.points * share) for one in self.zero.why(signs)]
            found.sort(key=lambda one: -abs(one[1]))
        speaks = tuple(name for name, points in found if points > 0)[:MOST_REASONS]
        return speaks, tuple(name for name, points in found if points < 0)[:MOST_REASONS]

    def batch(self, words: Sequence[Words]) -> Batch:
        """Features for learning."""
        return self.reader.batch([Seen(one.row, self.zero.find(one.title, one.text)) for one in words])

    def _scorer(self, body: bytes | None) -> Scorer:
        strengths = 2 * len(self.zero.groups)
        if body is None:
            return untaught(strengths)
        found = Scorer.from_bytes(body)
        if found.strengths != strengths or found.vectors:
            raise ScorerInvalid("it learnt from another expansion of the ICP: let it learn again")
        return found


def squeezed(odds: Any) -> Floats:
    """Log-odds as scores in 0..1, in steps that survive the store."""
    found: Floats = np.round(1.0 / (1.0 + np.exp(-np.clip(odds, -30, 30))), 6)
    return found


def _statistics(data: Mapping[str, Any]) -> Statistics:
    return Statistics.from_data(data) if data else Statistics()
