"""The gate of near-duplicate reuse: are two signals the same opening, or what is the difference that matters?

Strict by rule: whatever is not known to be harmless matters. Harmless are white space, case, punctuation, typographic
variants, bullets, ids that are there for tracking, links to other pages of one site, a paragraph of prose that moved, a
sentence that is said once more or once less, and a few function words. A sentence may be left out or added where it names no
number, time, negation, name, place, role or condition of work and is short beside the whole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from leadd.api import Signal
from leadd.api.lexical import fold
from leadd.core import companies
from leadd.core.reuse.changed_words import kind_of, kind_of_sentence
from leadd.core.reuse.difference_words import BACKWARD, HARMLESS
from leadd.core.reuse.passages import Passage, key_of_title, passages, tokens_of

GATE_VERSION = "1"
"""Goes up with every change of what passes: evidence of reuse holds for one gate."""
MOST_CHANGED = 120
"""Lines on one side that may differ before two texts are simply called different: comparing takes the square of it."""
_MOST_TOKENS = 400
_SHARE_LEFT_OUT = 0.05
_TOKENS_LEFT_OUT = 40
_PROSE_WORDS = 8


@dataclass(frozen=True, slots=True)
class Difference:
    """Why two signals are not taken for one opening. `kind` is what differs (company, location, title, author, number, time,
    negation, name, place, role, terms, address, order, words, size), `detail` the words that show it."""

    kind: str
    detail: str


def difference(one: Signal, other: Signal) -> Difference | None:
    """The first difference that matters, or None where both are the same opening and nothing that matters differs.

    Takes time linear in the texts beside the square of what changed, which is bounded.
    """
    return _of_fields(one, other) or _of_texts(one.text, other.text)


def _of_fields(one: Signal, other: Signal) -> Difference | None:
    if not _same_company(one.company or "", other.company or ""):
        return Difference("company", _both(one.company, other.company))
    site, other_site = (companies.domain_of(s.company_website or "") for s in (one, other))
    if site and other_site and site != other_site:
        return Difference("company", _both(site, other_site))
    if tokens_of(fold(one.location or "")) != tokens_of(fold(other.location or "")):
        return Difference("location", _both(one.location, other.location))
    if key_of_title(one.title) != key_of_title(other.title):
        return Difference("title", _both(one.title, other.title))
    if fold(one.author or "").split() != fold(other.author or "").split():
        return Difference("author", "another author")
    return None


def _same_company(one: str, other: str) -> bool:
    """The same name, legal forms aside; what stands in brackets ('Acme (France)') tells companies apart here."""
    if one.split() == other.split():
        return True
    if any(mark in one + other for mark in "()[]") or max(len(one), len(other)) > 100:
        return tokens_of(fold(one)) == tokens_of(fold(other))
    return companies.fold_name(one) == companies.fold_name(other)


def _of_texts(one: str, other: str) -> Difference | None:
    if one == other:
        return None
    first, second = passages(one), passages(other)
    if [t for p in first for t in p.tokens] == [t for p in second for t in p.tokens]:
        return None
    start = _common(first, second)
    end = _common(first[start:][::-1], second[start:][::-1])
    gone, come = first[start : len(first) - end], second[start : len(second) - end]
    if max(len(gone), len(come)) > MOST_CHANGED:
        return Difference("size", f"{max(len(gone), len(come))} lines and sentences differ")
    whole = min(sum(len(p.tokens) for p in side) for side in (first, second))
    return _Comparison(Counter(p.tokens for p in first), Counter(p.tokens for p in second), whole).of(gone, come)


def _common(one: Sequence[Passage], other: Sequence[Passage]) -> int:
    count = 0
    for a, b in zip(one, other, strict=False):
        if a.tokens != b.tokens:
            break
        count += 1
    return count


class _Comparison:
    """The changed middle of two texts: what went, what came, and what was only said elsewhere."""

    def __init__(self, first: Counter[tuple[str, ...]], second: Counter[tuple[str, ...]], whole: int) -> None:
        self._first = first
        self._second = second
        self._may_go = min(_TOKENS_LEFT_OUT, int(whole * _SHARE_LEFT_OUT))

    def of(self, gone: Sequence[Passage], come: Sequence[Passage]) -> Difference | None:
        matcher = SequenceMatcher(None, [p.tokens for p in gone], [p.tokens for p in come], autojunk=False)
        for tag, a1, a2, b1, b2 in matcher.get_opcodes():
            found = None if tag == "equal" else self._of_hunk(gone[a1:a2], come[b1:b2])
            if found is not None:
                return found
        return None

    def _of_hunk(self, gone: Sequence[Passage], come: Sequence[Passage]) -> Difference | None:
        left, right = [t for p in gone for t in p.tokens], [t for p in come for t in p.tokens]
        if left == right:
            return None  # the same words in other lines
        fresh = [[p for p in side if not self._stands_elsewhere(p)] for side in (gone, come)]
        lone = [*gone, *come]
        if all(fresh):
            worst = _worst_of(*([t for p in side for t in p.tokens] for side in fresh))
            if worst is not None:
                return worst
            lone = [p for p in lone if self._stands_elsewhere(p)]
        return next((found for found in map(self._of_lone, lone) if found is not None), None)

    def _stands_elsewhere(self, passage: Passage) -> bool:
        return bool(self._first[passage.tokens] and self._second[passage.tokens])

    def _of_lone(self, passage: Passage) -> Difference | None:
        """What a passage matters that stands here in one text only."""
        shown = passage.raw[:80]
        if not passage.is_sentence or passage.tokens[0] in BACKWARD:
            return Difference(kind_of_sentence(passage.raw) or "words", shown)
        if self._stands_elsewhere(passage):
            # Prose means the same wherever it stands; a line of a list belongs to the heading above it.
            is_repeat = self._first[passage.tokens] != self._second[passage.tokens]
            harmless = passage.in_prose and (is_repeat or len(passage.tokens) >= _PROSE_WORDS)
            return None if harmless else Difference("order", shown)
        kind = kind_of_sentence(passage.raw)
        if kind is not None or not passage.in_prose:
            return Difference(kind or "words", shown)
        self._may_go -= len(passage.tokens)
        return None if self._may_go >= 0 else Difference("size", shown)


def _worst_of(left: Sequence[str], right: Sequence[str]) -> Difference | None:
    """The first changed word that is not harmless, or None; what is too long to be compared word by word is not harmless."""
    if max(len(left), len(right)) > _MOST_TOKENS:
        return Difference("size", f"sentences of {max(len(left), len(right))} words differ")
    matcher = SequenceMatcher(None, left, right, autojunk=False)
    for tag, a1, a2, b1, b2 in matcher.get_opcodes():
        if tag == "equal":
            continue
        changed = [t for t in (*left[a1:a2], *right[b1:b2]) if t not in HARMLESS]
        if changed:
            kinds = [kind for kind in map(kind_of, changed) if kind is not None]
            return Difference(kinds[0] if kinds else "words", _both(" ".join(left[a1:a2]), " ".join(right[b1:b2])))
    return None


def _both(one: str | None, other: str | None) -> str:
    return f"{(one or '')[:60]!r} and {(other or '')[:60]!r}"
