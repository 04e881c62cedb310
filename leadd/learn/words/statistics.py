"""What a stream of texts shows without any label: how often terms occur, how long texts are, how scores are spread."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_PRIOR_DOCUMENTS = 200.0
_PRIOR_WORD, _PRIOR_PHRASE = 0.06, 0.01
_PRIOR_LENGTH = 600.0
_PRIOR_SCORES = 30.0
_PRIOR_MEAN, _PRIOR_SPREAD = 1.6, 0.9
_MEMORY = 20_000.0


@dataclass(slots=True)
class Statistics:
    """Document frequencies, lengths, and by group the sum and the sum of squares of the roots of text scores.

    From the first signal on it answers by a shipped guess, which fades as signals come. After 20,000 documents everything
    counts half, so that a stream that changes is followed.
    """

    documents: float = 0.0
    length: float = 0.0
    having: dict[str, float] = field(default_factory=dict)
    scores: dict[str, tuple[float, float]] = field(default_factory=dict)

    def share(self, words: str, size: int) -> float:
        """In what share of texts a term of `size` words stands, above 0 and below 1."""
        guess = _PRIOR_PHRASE if size > 1 else _PRIOR_WORD
        return (self.having.get(words, 0.0) + _PRIOR_DOCUMENTS * guess) / (self.documents + _PRIOR_DOCUMENTS)

    def usual_length(self) -> float:
        """The mean number of words."""
        return (self.length + _PRIOR_DOCUMENTS * _PRIOR_LENGTH) / (self.documents + _PRIOR_DOCUMENTS)

    def spread(self, groups: Iterable[str]) -> tuple[Floats, Floats]:
        """Mean and deviation of the scores of each group."""
        pairs = np.array([self.scores.get(group, (0.0, 0.0)) for group in groups]).reshape(-1, 2)
        count = self.documents + _PRIOR_SCORES
        mean = (pairs[:, 0] + _PRIOR_SCORES * _PRIOR_MEAN) / count
        squares = (pairs[:, 1] + _PRIOR_SCORES * (_PRIOR_MEAN**2 + _PRIOR_SPREAD**2)) / count
        return mean, np.sqrt(np.maximum(squares - mean * mean, 0.05))

    def note(self, length: int, terms: Iterable[str], scores: Mapping[str, float]) -> None:
        """Take in a text: its length in words, the different terms that stand in it, its scores by group."""
        if self.documents >= _MEMORY:
            self._fade()
        self.documents += 1
        self.length += length
        for term in terms:
            self.having[term] = self.having.get(term, 0.0) + 1
        for group, score in scores.items():
            total, squares = self.scores.get(group, (0.0, 0.0))
            self.scores[group] = (total + score, squares + score * score)

    def _fade(self) -> None:
        self.documents /= 2
        self.length /= 2
        self.having = {term: count / 2 for term, count in self.having.items() if count > 0.25}
        self.scores = {group: (total / 2, squares / 2) for group, (total, squares) in self.scores.items()}

    def to_data(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {"documents": self.documents, "length": self.length, "having": self.having, "scores": self.scores}

    @classmethod
    def from_data(cls, data: Mapping[str, Any]) -> Statistics:
        """The reverse of `to_data`. Raises ValueError or KeyError where the data is no such thing."""
        scores = {str(group): (float(total), float(squares)) for group, (total, squares) in data["scores"].items()}
        having = {str(term): float(count) for term, count in data["having"].items()}
        return cls(float(data["documents"]), float(data["length"]), having, scores)
