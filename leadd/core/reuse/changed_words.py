"""What a word or a sentence is about, where that could matter: number, time, negation, place, role, terms, name, address."""

from __future__ import annotations

import re

from leadd.api.lexical import fold
from leadd.api.places import read_location
from leadd.api.stopwords import STOPWORDS
from leadd.core.reuse.difference_words import HARMLESS, NEGATIONS, NUMBERS, ROLES, TERMS, TIMES
from leadd.core.reuse.passages import ordered_words, tokens_of

_LISTS = (("negation", NEGATIONS), ("number", NUMBERS), ("time", TIMES), ("terms", TERMS), ("role", ROLES))
_DIGIT = re.compile(r"\d|[%$€£¥₪₹<>~=]")
_STARTERS = frozenset(
    ("apply", "click", "visit", "discover", "learn", "read", "check", "find", "get", "see", "take", "enjoy", "imagine", "thank")
)
"""Verbs that begin a sentence with a capital and are no names."""


def kind_of(token: str) -> str | None:
    """What a folded token may change; None for a word of no known kind, which is not the same as harmless."""
    if token.startswith("@") or "@" in token:
        return "address"
    if _DIGIT.search(token):
        return "number"
    bare = token.replace("¤", "")
    for kind, words in _LISTS:
        if token in words or bare in words:
            return kind
    if "¤" in token or (len(bare) > 2 and read_location(bare).countries):
        return "place"
    return None if token.isalnum() or "'" in token else "sign"


def kind_of_sentence(raw: str) -> str | None:
    """The first thing in a sentence that could matter, or None where it holds nothing of any kind."""
    for token in tokens_of(fold(raw)):
        kind = kind_of(token)
        if kind is not None and token not in HARMLESS:
            return kind
    places = read_location(raw)
    if places.countries or places.anywhere:
        return "place"
    for number, word in enumerate(ordered_words(raw)):
        folded = fold(word)
        if number == 0 and (folded in STOPWORDS or folded in _STARTERS):
            continue
        if word != word.lower() and word != "I":
            return "name"
    return None
