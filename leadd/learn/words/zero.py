"""How well a signal fits an ICP before anybody has judged one: BM25 of title and of text apart, against rivals, with vectors.

For every function that the ICP's expansion knows, wanted or rival, a title strength and a BM25 of the text (Robertson and
Zaragoza 2009, k1 1.2, b 0.75) over its weighted terms are taken. How often terms occur is learnt from the stream, from a
shipped guess on, and a text is read by where it stands among the others. The wanted function then has to win against the
rivals, as in a softmax: 'Software Engineer, Marketing Platform' is full of marketing and yet no marketer. The constants of
`Fusion` were chosen on one half of the development companies for six functions at once (benchmarks/choosing.py), not for one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadd.learn.words.expansion import Expansion, Term
from leadd.learn.words.lexicon import Lexicon
from leadd.learn.words.service_words import NEIGHBOURS
from leadd.learn.words.statistics import Statistics
from leadd.learn.words.tokens import TextWords, TitleWords, read_text, read_title

Floats = NDArray[np.float64]

_K1 = 1.2
_B = 0.75

FIRST_PART, LATER_PART, NOT_HEAD = 1.0, 0.45, 0.6
"""A title's first part names the role; within a part, the last word does ('marketing data analyst' analyses data)."""

_FULL_TITLE = 0.5
"""The title strength that is worth as much as half of all that a title can say more (x 1.5 / (x + 0.5): 1 at 1)."""
_TEXT_MOST = 3.0
_EMPTY_LONG = 0.05
"""What is taken off for the logarithm of a text's length: not to name a thing in many words says more than in few."""


@dataclass(frozen=True, slots=True)
class Fusion:
    """What each kind of evidence adds to the log-odds of a function, and how rivals count against it."""

    title: float = 3.5
    text: float = 1.3
    title_near: float = 0.2
    text_near: float = 0.3
    rivals: float = 0.6
    neighbours_less: float = 5.0
    """What is taken off a rival whose people often sit in the same department."""
    nothing: float = 0.6
    """The log-odds of a rival that is always there: something else."""
    extra_title: float = 1.0
    extra_text: float = 0.3


SHIPPED = Fusion()


@dataclass(frozen=True, slots=True)
class Signs:
    """What was found in one signal: (entry of the title lexicon, what its place counts), (entry of the text lexicon, weighted
    count), and the number of words of the text. Does not depend on the statistics."""

    title: tuple[tuple[int, float], ...]
    text: tuple[tuple[int, float], ...]
    length: int


@dataclass(frozen=True, slots=True)
class Fits:
    """The fit of n signals. `odds` (n,) ranks them; a log-odds in shape, not calibrated. The rest shows how it came about:
    `title` (n, groups) 0 to about 1.5, `text` (n, groups) in deviations, `rivals` and `extra` (n,) in log-odds."""

    odds: Floats
    title: Floats
    text: Floats
    rivals: Floats
    extra: Floats


@dataclass(frozen=True, slots=True)
class Found:
    """A term in a signal and about what it adds to the log-odds (below 0: what it takes off)."""

    words: str
    where: str
    points: float


class ZeroLabel:
    """The zero-label matcher of one ICP. `read` is most of the work and changes nothing; `note` learns from the stream."""

    def __init__(self, expansion: Expansion, *, statistics: Statistics | None = None, fusion: Fusion = SHIPPED) -> None:
        self.expansion = expansion
        self.fusion = fusion
        self.statistics = statistics or Statistics()
        functions = (*expansion.functions, *expansion.rivals)
        self.groups: tuple[str, ...] = (*functions, "")
        """Wanted functions, rivals, and '' for the ICP's own terms: the columns of `Fits.title` and `Fits.text`."""
        self._wanted = list(range(len(expansion.functions))) or [len(functions)]
        self._rivals = list(range(len(expansion.functions), len(functions)))
        near = {name for wanted in expansion.functions for name in NEIGHBOURS.get(wanted, ())}
        self._less = np.array([fusion.neighbours_less if self.groups[r] in near else 0.0 for r in self._rivals])
        terms: list[Sequence[Term]] = [expansion.terms_of(name) for name in functions]
        terms.append(expansion.terms)
        self.titles = Lexicon(terms, "title")
        self.texts = Lexicon(terms, "text")

    def read(self, title: str, text: str) -> Signs:
        """What stands in title and text; without a title, the first line of the text stands in for it."""
        return self.find(read_title(title or text[:200].lstrip().split("\n", 1)[0]), read_text(text))

    def find(self, title: TitleWords, text: TextWords) -> Signs:
        """The same where the words are there already."""
        in_title: list[tuple[int, float]] = []
        first = True
        for part in title.parts:
            found = self.titles.find(part)
            for number, (_, entry) in enumerate(found):
                is_head = number == len(found) - 1
                in_title.append((entry, (FIRST_PART if first else LATER_PART) * (1.0 if is_head else NOT_HEAD)))
            first = first and not found
        counts: dict[int, float] = {}
        for place, entry in self.texts.find(text.words):
            counts[entry] = counts.get(entry, 0.0) + text.counts[place]
        return Signs(tuple(in_title), tuple(counts.items()), len(text.words))

    def note(self, signs: Signs) -> None:
        """Take a signal into the statistics of the stream; each one once."""
        scores = dict(zip(self.groups, self._text_scores(signs), strict=True))
        self.statistics.note(signs.length, [self.texts.entries[entry].words for entry, _ in signs.text], scores)

    def fits(self, signals: Sequence[Signs], near: tuple[Floats, Floats] | None = None) -> Fits:
        """The fit of signals by the statistics as they are. `near` is where titles and texts stand among the others in nearness
        to each group, (n, groups without the last) in deviations each, as `GroupNearness.standings` gives them."""
        fusion = self.fusion
        title = np.array([self._title_strengths(signs) for signs in signals]).reshape(len(signals), len(self.groups))
        title = np.where(title > 0, title * (1 + _FULL_TITLE) / (np.maximum(title, 0) + _FULL_TITLE), title)
        mean, deviation = self.statistics.spread(self.groups)
        roots = np.array([self._text_scores(signs) for signs in signals]).reshape(len(signals), len(self.groups))
        text = (roots - mean) / deviation
        strengths = fusion.title * title + fusion.text * np.minimum(text, _TEXT_MOST)
        if near is not None:
            strengths[:, :-1] += fusion.title_near * near[0] + fusion.text_near * near[1]
        own = strengths[:, self._wanted].max(axis=1)
        rivals = fusion.rivals * self._strongest(strengths)
        extra = np.zeros(len(signals))
        if self._wanted != [len(self.groups) - 1]:
            extra = fusion.extra_title * title[:, -1] + fusion.extra_text * roots[:, -1]
        lengths = np.array([signs.length for signs in signals], dtype=np.float64)
        return Fits(own - rivals + extra - _EMPTY_LONG * np.log1p(lengths), title, text, rivals, extra)

    def _strongest(self, strengths: Floats) -> Floats:
        """The soft maximum of the rivals, neighbours counting less."""
        nothing = np.full((len(strengths), 1), self.fusion.nothing)
        found = np.concatenate([strengths[:, self._rivals] - self._less, nothing], axis=1)
        most = found.max(axis=1)
        soft: Floats = most + np.log(np.exp(found - most[:, None]).sum(axis=1))
        return soft

    def why(self, signs: Signs, *, most: int = 6) -> list[Found]:
        """The terms that count most for and against a signal, the strongest first."""
        found: list[Found] = []
        for entry, place in signs.title:
            points = self._points(self.titles.entries[entry].weights) * place * self.fusion.title
            found.append(Found(self.titles.entries[entry].words, "title", round(points, 2)))
        for number, gain in self._gains(signs):
            weights = self.texts.entries[number].weights
            found.append(Found(self.texts.entries[number].words, "text", round(self._points(weights) * gain * 0.1, 2)))
        return sorted((f for f in found if f.points), key=lambda f: -abs(f.points))[:most]

    def _points(self, weights: Sequence[tuple[int, float]]) -> float:
        last = len(self.groups) - 1
        own = max((weight for group, weight in weights if group in self._wanted), default=0.0)
        own += sum(weight for group, weight in weights if group == last and last not in self._wanted)
        return own - self.fusion.rivals * max((weight for group, weight in weights if group in self._rivals), default=0.0)

    def _title_strengths(self, signs: Signs) -> list[float]:
        strengths = [0.0] * len(self.groups)
        for entry, place in signs.title:
            for group, weight in self.titles.entries[entry].weights:
                strengths[group] += place * weight
        return strengths

    def _gains(self, signs: Signs) -> list[tuple[int, float]]:
        """What each entry of the text adds for each unit of its weight: BM25."""
        known = self.statistics
        norm = _K1 * (1 - _B + _B * signs.length / known.usual_length())
        found = []
        for number, count in signs.text:
            entry = self.texts.entries[number]
            rarity = -math.log(known.share(entry.words, entry.size))
            found.append((number, rarity * count * (_K1 + 1) / (count + norm)))
        return found

    def _text_scores(self, signs: Signs) -> list[float]:
        """The root of the text's BM25 for every group; of unwanted words with its sign."""
        scores = [0.0] * len(self.groups)
        for number, gain in self._gains(signs):
            for group, weight in self.texts.entries[number].weights:
                scores[group] += weight * gain
        return [math.copysign(math.sqrt(abs(score)), score) for score in scores]
