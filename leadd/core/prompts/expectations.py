"""What must hold of an answer: the small language of `expect` in the cases of a prompt.

label: yes                    the word of triage
probability: {min: 0.6}       of yes, where it is known
icp_match: true               any field of the answer: the value itself,
role_type: {in: [a, b]}       one of some, or `not_in`
score_fit: {min: 20, max: 50} within bounds
situation: nonempty           or `empty`
key_pain: {contains: advert}  whatever the case; of a list: in one of its items
pain_tags: {has: [no_leads]}  all of these, or `has_none`
quote_contains: advert        one of the quotes
lacks: [http, password]       nowhere in the answer
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from leadd.api import Classification, DossierAnswer, TriageAnswer
from leadd.core.forms import LONG_NAMES

ANSWERS: Mapping[str, type[TriageAnswer] | type[Classification] | type[DossierAnswer]] = {
    "triage": TriageAnswer,
    "classification": Classification,
    "dossier": DossierAnswer,
}
"""The answer that each prompt is asked for."""

_TESTS = ("min", "max", "in", "not_in", "contains", "lacks", "has", "has_none")
_QUOTES = "silver_bullet_phrases"


def unknown_words(prompt: str, expect: Mapping[str, Any]) -> list[str]:
    """What in `expect` says nothing: fields that the answer does not have, and tests that there are not."""
    fields = set(ANSWERS[prompt].model_fields) | {"lacks"}
    fields |= {"label"} if prompt == "triage" else set()
    fields |= {"quote_contains", *LONG_NAMES} if prompt == "classification" else set()
    wrong = [f"'{name}' is no field of an answer of {prompt}" for name in expect if name not in fields]
    for name, wanted in expect.items():
        if isinstance(wanted, Mapping):
            wrong += [f"{name}: unknown test '{test}'; known are {', '.join(_TESTS)}" for test in wanted if test not in _TESTS]
    return wrong


def broken(expect: Mapping[str, Any], answer: Mapping[str, Any]) -> list[str]:
    """What does not hold of a checked answer, one phrase for each; none where all holds."""
    found = []
    for name, wanted in expect.items():
        if name == "lacks":
            found += [f"'{word}' stands in it" for word in _words(wanted) if any(_in(word, text) for text in _texts(answer))]
        elif name == "label":
            said = "yes" if answer.get("worth") is True else "no"
            found += [] if said == _label(wanted) else [f"label is {said}, not {_label(wanted)}"]
        elif name == "quote_contains":
            quotes = list(_texts(answer.get(_QUOTES)))
            found += [f"no quote with '{word}'" for word in _words(wanted) if not any(_in(word, quote) for quote in quotes)]
        else:
            field = LONG_NAMES.get(name, name)
            found += [f"{field} {reason}" for reason in _field(wanted, answer.get(field))]
    return found


def _field(wanted: Any, value: Any) -> Iterator[str]:
    if wanted in ("nonempty", "empty"):
        is_empty = value in (None, "", [], ())
        if is_empty == (wanted == "nonempty"):
            yield "is empty" if is_empty else f"is {_shown(value)}, and should be empty"
    elif not isinstance(wanted, Mapping):
        if value != wanted and not (isinstance(value, str) and isinstance(wanted, str) and value.lower() == wanted.lower()):
            yield f"is {_shown(value)}, not {_shown(wanted)}"
    else:
        for test, bound in wanted.items():
            yield from _test(test, bound, value)


def _test(test: str, bound: Any, value: Any) -> Iterator[str]:
    if test in ("min", "max"):
        number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
        if number is None:
            yield f"is {_shown(value)}, no number"
        elif number < bound if test == "min" else number > bound:
            yield f"is {number:g}, {'below' if test == 'min' else 'above'} {bound:g}"
    elif test in ("in", "not_in"):
        if (value in bound) != (test == "in"):
            yield f"is {_shown(value)}, {'none' if test == 'in' else 'one'} of {', '.join(map(str, bound))}"
    elif test in ("has", "has_none"):
        for item in _words(bound):
            if (item in (value or ())) != (test == "has"):
                yield f"has {'no ' if test == 'has' else ''}'{item}'"
    else:
        texts = list(_texts(value))
        for word in _words(bound):
            if any(_in(word, text) for text in texts) != (test == "contains"):
                yield f"{'does not contain' if test == 'contains' else 'contains'} '{word}'"


def _label(wanted: Any) -> str:
    return ("yes" if wanted else "no") if isinstance(wanted, bool) else str(wanted).lower()


def _words(wanted: Any) -> list[str]:
    return [str(item) for item in wanted] if isinstance(wanted, list | tuple) else [str(wanted)]


def _in(word: str, text: str) -> bool:
    return word.casefold() in text.casefold()


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item)


def _shown(value: Any) -> str:
    text = "nothing" if value is None else f"'{value}'" if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
