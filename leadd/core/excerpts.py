"""Texts cut to a budget: the opening, then the sentences that say most about the ICP, in their own order."""

from __future__ import annotations

from dataclasses import dataclass

import regex

from leadd.api.lexical import sentences, significant_words, words

GAP = " […] "
_WIDE = regex.compile(r"[\u0370-\u1fff]")
_WIDEST = regex.compile(r"[\u2e80-\ud7ff\uf900-\uffef\U00010000-\U0010ffff]")
_READ_CHARS = 60_000


@dataclass(frozen=True, slots=True)
class Excerpt:
    """`text` is what fits the budget; of `total_chars`, `kept_chars` are in it, and `gaps` places were left out."""

    text: str
    total_chars: int
    kept_chars: int
    gaps: int

    @property
    def is_cut(self) -> bool:
        """Whether anything was left out."""
        return self.kept_chars < self.total_chars


def fit_text(text: str, wanted: str, budget_chars: int) -> Excerpt:
    """Cut a text to about `budget_chars` Latin characters (other scripts take more tokens a character and get fewer).

    A quarter of the budget goes to the opening, the rest to the sentences that hold most of the words of `wanted`, each word
    counted once over all of them, so that they do not say the same thing twice.
    """
    if _cost(text) <= budget_chars:
        return Excerpt(text, len(text), len(text), 0)
    terms = frozenset(significant_words(wanted))
    spans = sentences(text[:_READ_CHARS], limit=600)
    spans = [piece for span in spans for piece in _pieces(span, max(80, budget_chars // 2))]
    chosen = _choose(text, spans, terms, budget_chars)
    return _joined(text, [spans[index] for index in sorted(chosen)])


def _cost(text: str) -> int:
    if text.isascii():
        return len(text)
    return len(text) + len(_WIDE.findall(text)) + 2 * len(_WIDEST.findall(text))


def _pieces(span: tuple[int, int], longest: int) -> list[tuple[int, int]]:
    start, end = span
    return [(at, min(end, at + longest)) for at in range(start, end, longest)]


def _choose(text: str, spans: list[tuple[int, int]], terms: frozenset[str], budget: int) -> set[int]:
    chosen: set[int] = set()
    left = budget
    for index, (start, end) in enumerate(spans):
        cost = _cost(text[start:end]) + 2
        if budget - left + cost > budget // 4 and chosen:
            break
        chosen.add(index)
        left -= cost
    holding = {
        index: terms.intersection(words(text[start:end])) for index, (start, end) in enumerate(spans) if index not in chosen
    }
    covered: set[str] = set()
    for index in chosen:
        covered |= terms.intersection(words(text[slice(*spans[index])]))
    ranked = sorted(holding, key=lambda i: (-len(holding[i]) / (20 + spans[i][1] - spans[i][0]) ** 0.5, i))
    for only_new in (True, False):
        for index in ranked:
            cost = _cost(text[slice(*spans[index])]) + len(GAP)
            if index in chosen or cost > left or (only_new and not holding[index] - covered):
                continue
            chosen.add(index)
            covered |= holding[index]
            left -= cost
    return chosen


def _joined(text: str, spans: list[tuple[int, int]]) -> Excerpt:
    out: list[str] = []
    kept = gaps = 0
    previous_end = 0
    for start, end in spans:
        between = text[previous_end:start]
        if len(between.strip(" \t\n•▪●◦|-*")) > 0:
            out.append(GAP if out else "… ")
            gaps += 1
        elif out:
            out.append("\n" if "\n" in between else " ")
        out.append(text[start:end])
        kept += end - start
        previous_end = end
    if previous_end < len(text.rstrip()):
        out.append(" …")
        gaps += 1
    return Excerpt("".join(out), len(text), min(kept, len(text) - 1), gaps)
