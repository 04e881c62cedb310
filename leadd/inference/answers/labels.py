"""Answers of one word: the probability of a label, read from the log-probabilities of an answer's first tokens.

The servers report them before the grammar's mask, over all that the model might have said. So every way of writing a label is
counted together: leading blanks and marks, case, other spellings, and tokens that hold only its beginning. What the model
might say besides the labels is left out of the count: p = first / (all labels).
"""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "yes": ("yes", "yeah", "yep", "true", "ja", "oui", "sí", "si", "sim"),
    "no": ("no", "nope", "false", "nein", "nee", "nej", "non", "não"),
}
"""Other words that mean a label, as `fold` leaves them. A label that is not named here is spelled one way."""

LEAST_MASS = 1e-5
"""Where all labels together have less than this, the model was about to say something else, and their ratio is noise."""

_NOTHING: tuple[int | None, bool] = (None, False)
_MARKS = " \t\r\n\v\f\u00a0▁ĠĊ\"'`´“”„‘’«»‹›*_#>-–—([{:.,;!?)]}<|/\\"


def schema_of(labels: Sequence[str]) -> dict[str, Any]:
    """The schema of an answer that is one of these words and nothing else: a bare JSON string."""
    return {"type": "string", "enum": list(labels)}


def answer(logprobs: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> dict[str, Any] | None:
    """An answer's data out of its log-probabilities: `{"label": …, "probability": p}`; None where no label shows.

    `label` is the likeliest, `probability` that of the FIRST label.
    """
    masses = masses_of(logprobs, labels)
    if masses is None:
        return None
    best = max(range(len(labels)), key=lambda i: masses[i])
    return {"label": labels[best], "probability": masses[0] / sum(masses)}


def read(logprobs: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> float | None:
    """The probability of the first label among all labels (0 to 1), None where none of them shows.

    `logprobs` are entries as Ollama gives them, one for each token in order: `token`, `logprob` (natural), and the
    likeliest tokens of that place as `top_logprobs`. Entries of another shape are passed over.
    """
    masses = masses_of(logprobs, labels)
    return None if masses is None else masses[0] / sum(masses)


def of_value(value: Any, labels: Sequence[str]) -> dict[str, Any] | None:
    """An answer's data out of what the model wrote: a bare word, or an object that holds one; None where it names no label."""
    if isinstance(value, Mapping):
        found = {label for item in value.values() if (label := label_of(item, labels)) is not None}
        return {"label": found.pop()} if len(found) == 1 else None
    label = label_of(value, labels)
    return None if label is None else {"label": label}


def label_of(value: Any, labels: Sequence[str]) -> str | None:
    """The label that a value spells: a word in any case, or a boolean where the labels have words for it."""
    if isinstance(value, bool):
        value = "true" if value else "false"
    word = fold(str(value)) if isinstance(value, str | int) else ""
    return next((label for label in labels if word in _spellings(label)), None)


def fold(token: str) -> str:
    """A token as labels are compared: without blanks, quotes and marks around it, and without case."""
    return (token if token.isascii() else unicodedata.normalize("NFKC", token)).strip(_MARKS).casefold()


def masses_of(logprobs: Sequence[Mapping[str, Any]], labels: Sequence[str]) -> list[float] | None:
    """The probability of each label in the order of `labels`, none of them 0; None where they show too little.

    A label that does not show can have no more than the rest, nor than the least likely token that shows: it is given that.
    """
    table = _table(tuple(labels))
    masses = [0.0] * len(labels)
    unseen, weight, said = 0.0, 1.0, ""
    for entry in logprobs:
        places = list(_alternatives(entry))
        if not places:
            break
        chosen, followed = str(entry.get("token", "")), 0.0
        for token, probability in places:
            label, is_open = table.get(fold(said + token), _NOTHING)
            if is_open and token == chosen:
                followed = max(followed, probability)
            elif label is not None:
                masses[label] += weight * probability
        rest = max(0.0, 1.0 - sum(probability for _, probability in places))
        unseen += weight * min(rest, min(probability for _, probability in places))
        if not followed:
            break
        said, weight = said + chosen, weight * followed
    if sum(masses) < LEAST_MASS:
        return None
    floor = max(unseen, 1e-12)
    return [max(mass, floor) if mass == 0.0 else mass for mass in masses]


@lru_cache(maxsize=64)
def _table(labels: tuple[str, ...]) -> dict[str, tuple[int | None, bool]]:
    """Each word that spells or begins a label: that label's place, and whether more has to be read before it is known."""
    whole: dict[str, int] = {}
    begun: dict[str, set[int]] = {}
    for place, label in enumerate(labels):
        for word in _spellings(label):
            whole.setdefault(word, place)
            for end in range(1, len(word)):
                begun.setdefault(word[:end], set()).add(place)
    table: dict[str, tuple[int | None, bool]] = {"": (None, True)}
    for word, places in begun.items():
        table[word] = (next(iter(places)), False) if len(places) == 1 else (None, True)
    for word, place in whole.items():
        table[word] = (place, bool(begun.get(word, set()) - {place}))
    return table


def _alternatives(entry: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """The tokens of one place with their probabilities, the chosen one among them once."""
    top = entry.get("top_logprobs")
    has_chosen = False
    for item in top if isinstance(top, list | tuple) else ():
        found = _token(item)
        if found is not None:
            has_chosen = has_chosen or found[0] == entry.get("token")
            yield found
    own = _token(entry)
    if own is not None and not has_chosen:
        yield own


def _token(item: Any) -> tuple[str, float] | None:
    if not isinstance(item, Mapping):
        return None
    token, logprob = item.get("token"), item.get("logprob")
    if not isinstance(token, str) or isinstance(logprob, bool) or not isinstance(logprob, int | float):
        return None
    # A hair above 0 is rounding; nothing else above it is a probability.
    return None if math.isnan(logprob) or logprob > 0.01 else (token, math.exp(min(0.0, logprob)))


def _spellings(label: str) -> tuple[str, ...]:
    own = fold(label)
    return (own, *SPELLINGS.get(own, ()))
