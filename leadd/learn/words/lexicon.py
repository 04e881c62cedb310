"""Weighted terms compiled for finding: which terms of which group stand in a list of words, longest first, without overlap."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from leadd.api.folding import fold
from leadd.learn.words.expansion import Term
from leadd.learn.words.tokens import split_words

_CACHED_WORDS = 200_000
_NOTHING, _NEW, _ONLY_BEGINS = -1, -2, -3
"""Of a word that is no entry: it is in no term, was not looked up yet, or is only the first word of a phrase."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A term as it is found: its words, and the weight it has in each group (by number)."""

    words: str
    weights: tuple[tuple[int, float], ...]
    size: int


class Lexicon:
    """The terms of several groups for one place (titles, or texts)."""

    def __init__(self, groups: Sequence[Sequence[Term]], place: str) -> None:
        collected: dict[str, dict[int, float]] = {}
        for number, terms in enumerate(groups):
            for term in terms:
                if term.where in (place, "anywhere"):
                    words = fold(term.words)
                    collected.setdefault(words, {})[number] = term.weight
        self.entries: list[Entry] = []
        self._phrases: dict[str, list[tuple[tuple[str, ...], int]]] = {}
        self._single: dict[str, int] = {}
        self._parts: list[tuple[str, bool, bool, int]] = []
        for words, weights in collected.items():
            self._add(words, weights)
        for phrases in self._phrases.values():
            phrases.sort(key=lambda phrase: -len(phrase[0]))
        self._parts.sort(key=lambda part: -len(part[0]))
        self._known: dict[str, int] = {}

    def _add(self, words: str, weights: Mapping[int, float]) -> None:
        split = tuple(split_words(words))
        if not split:
            return
        number = len(self.entries)
        self.entries.append(Entry(words, tuple(weights.items()), len(split)))
        if len(split) > 1:
            self._phrases.setdefault(split[0], []).append((split, number))
        elif "*" in words:
            self._parts.append((split[0], words.startswith("*"), words.endswith("*"), number))
        else:
            self._single[split[0]] = number

    def find(self, words: Sequence[str]) -> list[tuple[int, int]]:
        """(place, number of the entry) in order of places."""
        found: list[tuple[int, int]] = []
        known = self._known
        # Nearly all words of a text are in no term: they are passed over before anything else is done.
        told = [known.get(word, _NEW) for word in words]
        skip = 0
        for place, entry in enumerate(told):
            if entry == _NOTHING or place < skip:
                continue
            word = words[place]
            if entry == _NEW:
                entry = self._look_up(word)
            end = self._phrase_at(words, place, found) if word in self._phrases else 0
            if end:
                skip = end
            elif entry >= 0:
                found.append((place, entry))
        return found

    def _phrase_at(self, words: Sequence[str], place: int, found: list[tuple[int, int]]) -> int:
        """The place behind the longest phrase that begins here, which is noted; 0 where none does."""
        for phrase, number in self._phrases[words[place]]:
            end = place + len(phrase)
            if tuple(words[place:end]) == phrase:
                found.append((place, number))
                return end
        return 0

    def _look_up(self, word: str) -> int:
        number = self._single.get(word, -1)
        if number < 0:
            nothing = _ONLY_BEGINS if word in self._phrases else _NOTHING
            number = next((n for part, ends, begins, n in self._parts if _fits(word, part, ends, begins)), nothing)
        if len(self._known) >= _CACHED_WORDS:
            self._known.clear()
        self._known[word] = number
        return number


def _fits(word: str, part: str, ends: bool, begins: bool) -> bool:
    if ends and begins:
        return part in word
    return word.endswith(part) if ends else word.startswith(part)
