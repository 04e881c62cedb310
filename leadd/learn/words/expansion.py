"""A plain ICP sentence, spelt out: the words that texts use for what it asks for, each with a weight that the user may change.

'I sell to small companies hiring their first marketer, not agencies' names a function (marketing); the shipped table knows its
titles, its tools and its names in German, French and Spanish. Titles of other functions speak against. Nothing is hidden: the
result is plain data (`to_data`), and what the user made of it is read back (`from_data`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from leadd.api.folding import fold, telling_words
from leadd.api.icp import Icp
from leadd.learn.words.function_words import FIRST
from leadd.learn.words.service_words import MORE
from leadd.learn.words.tokens import split_words

Where = Literal["title", "text", "anywhere"]
By = Literal["table", "model", "you"]

FUNCTIONS: Mapping[str, Mapping[str, str]] = {**FIRST, **MORE}
"""The shipped table: by function, `named`, `titles`, `texts` and `other` (languages)."""

OTHER_LANGUAGE_IN_TEXT = 0.9
OWN_WORD = 0.8
"""The weight of a telling word of the sentence itself."""

_LEAST, _MOST = -5.0, 5.0
_MOST_TERMS, _MOST_CHARS = 500, 100


class ExpansionInvalid(ValueError):
    """Edited data that cannot be read; the message names the entry and the way out."""


@dataclass(frozen=True, slots=True)
class Term:
    """A word or phrase (`word*`, `*word`, `*word*` for parts of words), its weight, and where it counts.

    `by` says who named it: the shipped table (or the ICP itself), a model, or the user. It changes nothing of what is found.
    """

    words: str
    weight: float = 1.0
    where: Where = "anywhere"
    by: By = field(default="table", compare=False)


@dataclass(frozen=True, slots=True)
class Expansion:
    """What an ICP sentence stands for. `functions` of the table are wanted with all their words, `rivals` speak against;
    `terms` come on top (negative weight: unwanted)."""

    functions: tuple[str, ...] = ()
    rivals: tuple[str, ...] = ()
    terms: tuple[Term, ...] = ()
    own: Mapping[str, tuple[Term, ...]] | None = None
    """Words of wanted functions as the user edited them, by function; None or a missing function takes the table's."""

    def terms_of(self, function: str) -> tuple[Term, ...]:
        """All the words of a wanted function or a rival."""
        if self.own is not None and function in self.own:
            return self.own[function]
        return function_terms(function)

    def content_hash(self) -> str:
        """SHA-256 hex of all that decides what is found, rivals' words included. Who named a term is no part of it."""
        spelt = [
            [[name, *([t.words, t.weight, t.where] for t in self.terms_of(name))] for name in names]
            for names in (self.functions, self.rivals)
        ]
        terms = [[t.words, t.weight, t.where] for t in self.terms]
        return hashlib.sha256(json.dumps([spelt, terms], ensure_ascii=True).encode()).hexdigest()

    def to_data(self) -> dict[str, Any]:
        """All of it as plain data for YAML or JSON: what `from_data` reads, the words of wanted functions spelt out."""
        return {
            "functions": {name: [_entry(term) for term in self.terms_of(name)] for name in self.functions},
            "rivals": list(self.rivals),
            "terms": [_entry(term) for term in self.terms],
        }

    @classmethod
    def from_data(cls, data: object) -> Expansion:
        """The reverse of `to_data`. Raises ExpansionInvalid, which names the entry."""
        if not isinstance(data, Mapping):
            raise ExpansionInvalid("an expansion is a mapping with functions, rivals and terms")
        unknown = set(data) - {"functions", "rivals", "terms"}
        if unknown:
            raise ExpansionInvalid(f"{min(map(str, unknown))}: unknown; an expansion has functions, rivals and terms")
        functions = data.get("functions") or {}
        if not isinstance(functions, Mapping):
            raise ExpansionInvalid("functions: a mapping of a function to its list of words is needed")
        rivals = data.get("rivals") or []
        if not isinstance(rivals, Sequence) or isinstance(rivals, str):
            raise ExpansionInvalid("rivals: a list of names is needed")
        for name in rivals:
            if name not in FUNCTIONS:
                raise ExpansionInvalid(f"rivals: there is no function {name!r}; known are {', '.join(FUNCTIONS)}")
        own = {str(name): _read_terms(entries, f"functions.{name}") for name, entries in functions.items()}
        terms = _read_terms(data.get("terms") or [], "terms")
        return cls(tuple(own), tuple(map(str, rivals)), terms, own)


def function_terms(function: str) -> tuple[Term, ...]:
    """The shipped words of a function. Raises KeyError where there is no such function."""
    table = FUNCTIONS[function]
    found = [replace(term, where="title") for term in parse_terms(table["titles"])]
    found += [replace(term, where="text") for term in parse_terms(table["texts"])]
    for term in parse_terms(table["other"]):
        found += [replace(term, where="title"), replace(term, where="text", weight=term.weight * OTHER_LANGUAGE_IN_TEXT)]
    return tuple(found)


def parse_terms(listed: str) -> list[Term]:
    """Terms out of 'word, two words=0.5, begin*'; the last of equal ones counts. Raises ExpansionInvalid."""
    found: dict[str, Term] = {}
    for entry in listed.split(","):
        words, _, weight = entry.strip().partition("=")
        if not words:
            continue
        try:
            found[words] = Term(" ".join(words.split()), float(weight) if weight else 1.0)
        except ValueError:
            raise ExpansionInvalid(f"{entry.strip()!r}: a number is needed after '='") from None
    return list(found.values())


_NOT = re.compile(
    r"(?<!if )\b(?:not (?!yet\b|have\b|enough\b)(?:for |to |from )?(?:the |any |an |a )?|"
    r"(?<!have )(?<!has )(?<!with )(?<!having )no (?!tiene|one\b|longer\b)|never |"
    r"except(?: for)? |excluding |but not |keine?[nr]? |nicht |"
    r"(?<!ont )(?<!n'a )(?<!n a )pas d[e'] ?|sauf |excepto )"
)
_LACKED = re.compile(r"[^,.;:!?\n]*\b(?:haben|hat|besitzen)\b")
"""Whoever has no marketer is wanted: the German verb that says so stands behind what is lacked."""
_END_OF_NOT = re.compile(r"[.;:!?\n]|\bbut\b|\bonly\b|\bsondern\b|\bmais\b|\bsino\b")
_FIRST_HIRE = re.compile(r"\b(?:first|founding|erste[nrs]?|premiere?|primera?)\b")
_FIRST_TERMS = """
    first=0.4, founding=0.8, from scratch=0.6, 0 to 1=0.5, zero to one=0.5, sole=0.4, aufbau=0.4, de zéro=0.5, desde cero=0.5
"""


def expand(sentence: str, *, more: Iterable[Term] = ()) -> Expansion:
    """What a sentence asks for, by the shipped table. `more` are terms known from elsewhere (fields of the ICP, a model).

    What stands behind 'not', 'no', 'keine', 'sauf', 'excepto' … is unwanted ('without' and 'have no' are not: who has no
    marketer is wanted). A sentence that names no function of the table is taken by its own telling words.
    """
    wanted, unwanted = split_negation(sentence)
    functions = _named(wanted)
    against = tuple(name for name in _named(unwanted) if name not in functions)
    terms: list[Term] = []
    for words in telling_words(wanted):
        terms.append(Term(words, OWN_WORD if not functions else 0.2))
    if functions and _FIRST_HIRE.search(fold(wanted)):
        terms += parse_terms(_FIRST_TERMS)
    terms += [Term(words, -1.5, "title") for words in _unwanted(unwanted)]
    terms += [Term(words, -0.4, "text") for words in _unwanted(unwanted)]
    terms += more
    rivals = tuple(name for name in FUNCTIONS if name not in functions) if functions else against
    return Expansion(functions, rivals, tuple(dict.fromkeys(terms)))


def expand_icp(icp: Icp) -> Expansion:
    """What an ICP asks for: its description, with its words of roles and of pain as terms, and unwanted ones below 0.

    Fields that filter are left to the prefilter; here they only rank.
    """
    more = [Term(words) for words in icp.hiring_keywords.values if icp.hiring_keywords.use != "exclude"]
    more += [Term(words, 0.5, "text") for words in icp.pain_keywords.values if icp.pain_keywords.use != "exclude"]
    for ruled in (icp.hiring_keywords, icp.pain_keywords, icp.exclude_keywords):
        more += [Term(words, -1.5) for words in ruled.values if ruled.use == "exclude"]
    return expand(icp.description, more=more)


def split_negation(sentence: str) -> tuple[str, str]:
    """The sentence without what it does not want, and that. A negation reaches to the end of its clause."""
    folded = fold(sentence)
    kept: list[str] = []
    negated: list[str] = []
    place = 0
    for found in _NOT.finditer(folded):
        if found.start() < place:
            continue
        kept.append(folded[place : found.start()])
        end = _END_OF_NOT.search(folded, found.end())
        stop = end.start() if end else len(folded)
        lacked = _LACKED.match(folded, found.end(), stop)
        if lacked:
            kept.append(lacked[0])
            place = lacked.end()
            continue
        negated.append(folded[found.end() : stop])
        place = stop
    kept.append(folded[place:])
    return " ".join(kept), " , ".join(negated)


def _named(folded: str) -> tuple[str, ...]:
    """The functions that a folded sentence names, the longest names first taken, in the order of the table."""
    names = [(tuple(split_words(fold(t.words))), f) for f, table in FUNCTIONS.items() for t in parse_terms(table["named"])]
    names.sort(key=lambda name: -len(name[0]))
    words = split_words(folded)
    found: set[str] = set()
    for name, function in names:
        size = len(name)
        for place in range(len(words) - size + 1):
            if tuple(words[place : place + size]) == name:
                found.add(function)
                words[place : place + size] = [""] * size
    return tuple(name for name in FUNCTIONS if name in found)


def _unwanted(folded: str) -> tuple[str, ...]:
    """What is not wanted, as terms: agencies, internships … without their plural."""
    kept = [word for word in telling_words(folded) if len(word) > 2] if folded.strip() else []
    return tuple(dict.fromkeys(_stem(word.rstrip("*")) for word in kept))


def _stem(word: str) -> str:
    if word.endswith("ies") and len(word) > 5:
        return f"{word[:-3]}*"
    if word.endswith("s") and len(word) > 4:
        word = word[:-1]
    if word in ("internship", "intern"):
        return "intern*"
    return f"{word}*" if len(word) > 4 else word


def _entry(term: Term) -> dict[str, Any]:
    entry: dict[str, Any] = {"words": term.words, "weight": term.weight, "where": term.where}
    return entry if term.by == "table" else entry | {"by": term.by}


def _read_terms(entries: object, place: str) -> tuple[Term, ...]:
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        raise ExpansionInvalid(f"{place}: a list of terms is needed")
    if len(entries) > _MOST_TERMS:
        raise ExpansionInvalid(f"{place}: {len(entries)} terms; at most {_MOST_TERMS} are read")
    return tuple(_read_term(entry, f"{place}[{number}]") for number, entry in enumerate(entries))


def _read_term(entry: object, place: str) -> Term:
    if isinstance(entry, str):
        entry = {"words": entry}
    if not isinstance(entry, Mapping):
        raise ExpansionInvalid(f"{place}: a word, or a mapping with words, weight and where, is needed")
    unknown = set(entry) - {"words", "weight", "where", "by"}
    if unknown:
        raise ExpansionInvalid(f"{place}.{min(map(str, unknown))}: unknown; a term has words, weight, where and by")
    words, weight, where, by = (
        entry.get(key, usual) for key, usual in (("words", None), ("weight", 1.0), ("where", "anywhere"), ("by", "table"))
    )
    if not isinstance(words, str) or not split_words(fold(words)):
        raise ExpansionInvalid(f"{place}.words: at least one word is needed")
    if len(words) > _MOST_CHARS:
        raise ExpansionInvalid(f"{place}.words: {len(words)} characters; at most {_MOST_CHARS} are read")
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not _LEAST <= weight <= _MOST:
        raise ExpansionInvalid(f"{place}.weight: a number from {_LEAST:g} to {_MOST:g} is needed")
    if where not in ("title", "text", "anywhere"):
        raise ExpansionInvalid(f"{place}.where: title, text or anywhere is needed")
    if by not in ("table", "model", "you"):
        raise ExpansionInvalid(f"{place}.by: table, model or you is needed")
    return Term(" ".join(words.split()), float(weight), where, by)
