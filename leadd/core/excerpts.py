"""Texts cut to a budget: the opening, then the sentences that say most about the ICP, in their own order."""

from __future__ import annotations

import heapq
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from leadd.api.facts import read_sizes
from leadd.api.lexical import sentences, significant_words, words
from leadd.api.stopwords import VAGUE_WORDS
from leadd.inference.budget import latin_chars

GAP = " […] "
_READ_CHARS = 60_000
_MOST_SENTENCES = 600
_SHORT = 16
"""A numbered sentence shorter than this goes with its neighbour: a number costs as much as a word or two."""
_JOINED = 140
_NUMBER_COST = 5
_LONGEST = 200
_OPENING = 0.15
"""Share of the budget for the opening: it often says who writes, and in adverts praises the company for pages."""
_KEYWORD, _DESCRIBED, _PART, _VAGUE = 2.0, 1.0, 0.5, 0.25
_AGAIN = 0.1
"""What a word is worth that has been said."""
_COST_OF_ANY = 20
_SIZE = "\0size"
_SIZE_WEIGHT = 1.0
_MARKER = re.compile(r"\[(\d{1,4})\]")

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Excerpt:
    """`text` is what fits the budget; of `total_chars`, `kept_chars` are in it, and `gaps` places were left out.

    Where the text was wanted with numbers, `sentences` are the places (start, end) in the whole text of what is shown as
    `[1]`, `[2]` and so on.
    """

    text: str
    total_chars: int
    kept_chars: int
    gaps: int
    sentences: tuple[Span, ...] = ()

    @property
    def is_cut(self) -> bool:
        """Whether anything was left out."""
        return self.kept_chars < self.total_chars


def fit_text(text: str, wanted: Mapping[str, float], budget_chars: int, *, numbered: bool = False) -> Excerpt:
    """Cut a text to about `budget_chars` Latin characters (other scripts take more tokens a character and get fewer).

    A part of the budget goes to the opening, the rest to the sentences that say most for their length: words of `wanted`
    (folded words with their weights, see `weights_of`) that are rare in the text and have not been said before, and how large
    the company is. Sentences that say nothing of that come in only until half of the budget is used. `numbered` puts `[1]`,
    `[2]` … before the sentences, so that an answer can name one without writing it down; the numbers count as part of the
    budget.
    """
    if not numbered and latin_chars(text) <= budget_chars:
        return Excerpt(text, len(text), len(text), 0)
    spans = sentences(text[:_READ_CHARS], limit=_MOST_SENTENCES)
    spans = [piece for span in spans for piece in _pieces(text, span)]
    if numbered:
        spans = _merged(text, spans)
    extra = _NUMBER_COST if numbered else 0
    if numbered and spans and latin_chars(text) + extra * len(spans) <= budget_chars:
        chosen = set(range(len(spans)))
    else:
        chosen = _Choice(text, spans, wanted, budget_chars, extra).made()
    return _joined(text, [spans[index] for index in sorted(chosen)], numbered=numbered)


def weights_of(description: str, keywords: Iterable[str]) -> dict[str, float]:
    """The folded words by which sentences are chosen: a keyword of one word weighs most, then the words of the description,
    then the single words of a longer keyword; words that fit every company weigh next to nothing."""
    weights = {word: _VAGUE if word in VAGUE_WORDS else _DESCRIBED for word in significant_words(description)}
    for keyword in keywords:
        found = significant_words(keyword)
        weight = _KEYWORD if len(found) == 1 else _PART
        for word in found:
            weights[word] = max(weights.get(word, 0.0), _VAGUE if word in VAGUE_WORDS else weight)
    return weights


def _pieces(text: str, span: Span) -> Iterator[Span]:
    """A sentence in pieces of bearable length, cut between words where there are blanks."""
    start, end = span
    while end - start > _LONGEST:
        blank = text.rfind(" ", start + _LONGEST // 2, start + _LONGEST)
        cut = blank if blank > 0 else start + _LONGEST
        yield start, cut
        start = cut + (blank > 0)
    if start < end:
        yield start, end


def _merged(text: str, spans: list[Span]) -> list[Span]:
    """Spans in which very short neighbours are one."""
    merged: list[Span] = []
    for start, end in spans:
        before = merged[-1] if merged else None
        near = before is not None and not text[before[1] : start].strip()
        if before is not None and near and min(before[1] - before[0], end - start) < _SHORT and end - before[0] <= _JOINED:
            merged[-1] = (before[0], end)
        else:
            merged.append((start, end))
    return merged


class _Choice:
    """The choice of sentences for one text: greedy by what the next one adds for its cost, which comes near the best choice
    where the worth of a word falls with every time it is said (Nemhauser, Wolsey and Fisher 1978)."""

    def __init__(self, text: str, spans: list[Span], wanted: Mapping[str, float], budget: int, extra: int) -> None:
        self._spans = spans
        self._budget = budget
        self._left = budget
        self._cost = [latin_chars(text[start:end]) + len(GAP) + extra for start, end in spans]
        self._holding = [frozenset(word for word in words(text[start:end]) if word in wanted) for start, end in spans]
        self._mark_sizes(text)
        often = Counter(word for held in self._holding for word in held)
        self._weight = {word: wanted.get(word, _SIZE_WEIGHT) / count**0.5 for word, count in often.items()}
        self._covered: set[str] = set()
        self._chosen: set[int] = set()

    def made(self) -> set[int]:
        """The indexes of the sentences."""
        for index in range(len(self._spans)):
            used = self._budget - self._left
            if self._chosen and used + self._cost[index] > self._budget * _OPENING:
                break
            self._take(index)
        # What a sentence adds only falls while others are taken, so an old figure that is still the best need not be renewed
        # for all the others (Minoux 1978).
        queue = [(-self._gain(index), index) for index in range(len(self._spans)) if index not in self._chosen]
        heapq.heapify(queue)
        while queue:
            gain, index = heapq.heappop(queue)
            if self._cost[index] > self._left:
                continue
            if gain == 0 and self._left < self._budget / 2:
                break
            now = -self._gain(index)
            if queue and (now, index) > queue[0]:
                heapq.heappush(queue, (now, index))
            else:
                self._take(index)
        return self._chosen

    def _take(self, index: int) -> None:
        self._chosen.add(index)
        self._covered |= self._holding[index]
        self._left -= self._cost[index]

    def _gain(self, index: int) -> float:
        said = self._covered
        worth: float = sum(self._weight[word] * (_AGAIN if word in said else 1.0) for word in self._holding[index])
        return worth / (_COST_OF_ANY + self._cost[index])

    def _mark_sizes(self, text: str) -> None:
        starts = [start for start, _ in self._spans]
        for fact in read_sizes(text, limit=2):
            index = bisect_right(starts, fact.start) - 1
            if index >= 0 and fact.start < self._spans[index][1]:
                self._holding[index] |= {_SIZE}


def _joined(text: str, spans: list[Span], *, numbered: bool) -> Excerpt:
    out: list[str] = []
    kept = gaps = 0
    previous_end = 0
    for number, (start, end) in enumerate(spans, 1):
        between = text[previous_end:start]
        if len(between.strip(" \t\n•▪●◦|-*")) > 0:
            out.append(GAP if out else "… ")
            gaps += 1
        elif out:
            out.append("\n" if "\n" in between and not numbered else " ")
        if numbered:
            # A text's own '[3]' must not pass for a number; and a line break inside a sentence says nothing.
            shown = _MARKER.sub(r"(\1)", text[start:end]).replace("\n", " ")
            out.append(f"[{number}] {shown}")
        else:
            out.append(text[start:end])
        kept += end - start
        previous_end = end
    if previous_end < len(text.rstrip()) and text[previous_end:].strip(" \t\n•▪●◦|-*"):
        out.append(" …")
        gaps += 1
    kept = min(kept, len(text) - 1) if gaps else len(text)
    return Excerpt("".join(out), len(text), kept, gaps, tuple(spans) if numbered else ())
