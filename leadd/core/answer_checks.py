"""Checks of model answers. Each takes what a model said and gives back plain values of the answer's type, or ValueError."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from leadd.api import Classification, DossierAnswer, Icp, Signal, TriageAnswer
from leadd.api.lexical import fold
from leadd.core.forms import long_names
from leadd.core.text import normalise

_UNKNOWN = frozenset(("unknown", "unclear"))
_NOTHING = frozenset(
    ("", "n/a", "na", "none", "null", "unknown", "not mentioned", "not stated", "not specified", "-", "nicht bekannt")
)
_YES = frozenset(("yes", "true", "ja", "y"))
_NO = frozenset(("no", "false", "nein", "n"))
_LINK = re.compile(r"(?:\bhttps?://|\bwww\.)[^\s<>\"'`)\]}]{1,2000}", re.IGNORECASE)
_MAIL = re.compile(r"[\w.+\-]{1,64}@[\w\-]{1,63}(?:\.[\w\-]{1,63}){1,5}")
_QUOTE_ENDS = " \t\n\"'“”„«»‚‘’`…."
_QUOTE_SIGNS = {sign: "[\"'“”„«»‚‘’`´]{1,2}" for sign in "\"'“”„«»‚‘’`´"} | {dash: "[-‐‑‒–—−]" for dash in "-‐‑‒–—−"}
_OPTIONAL = ("situation", "problem", "implication", "need_payoff", "economic_buyer_guess", "key_pain")
_MAX_QUOTES = 10
_QUOTE_CHARS = 140
_MARK = re.compile(r"\s*\[\d{1,2}(?:,\s*\d{1,2})*\]")
_NUMBER = re.compile(r"\s*\[?(\d{1,3})\]?\s*")


def check_triage(data: Mapping[str, Any], signal: Signal) -> dict[str, Any]:
    """A TriageAnswer as plain values. `worth` may come as a boolean or as yes/no."""
    worth = data.get("worth")
    if isinstance(worth, str):
        word = worth.strip().lower()
        if word not in _YES | _NO:
            raise ValueError(f"worth is neither yes nor no: {worth[:40]!r}")
        worth = word in _YES
    reason, _ = _cleaned(data.get("reason") or "", _source(signal))
    answer = TriageAnswer.model_validate({"worth": worth, "probability": data.get("probability"), "reason": reason[:600]})
    return answer.model_dump(mode="json")


def check_classification(
    data: Mapping[str, Any], icp: Icp, signal: Signal, sentences: Sequence[tuple[int, int]] = ()
) -> dict[str, Any]:
    """A Classification as plain values. `data` may use the compact keys (`leadd.core.forms`) or the long ones.

    Enumerations are checked against the ICP (ValueError outside them; an unknown pain tag is taken out), points against their
    ranges. Quotes become the literal words of the signal; those that do not stand there are taken out, and so are links. A
    number as a quote means a sentence out of `sentences` (places in the signal's text, the first is number 1). What was taken
    out is noted at the end of `reason_short`.
    """
    source = _source(signal)
    said = long_names(data)
    known = {name: said[name] for name in Classification.model_fields if name in said}
    removed_links = 0
    for name in (*_OPTIONAL, "reason_short"):
        text, links = _cleaned(known.get(name) or "", source)
        removed_links += links
        text = _without_numbers(text, sentences)
        known[name] = text if name == "reason_short" else _or_none(text)
    known["chaos_flags"], links = _clean_list(known.get("chaos_flags"), source)
    removed_links += links
    known["size_bucket"] = _one_of(known.get("size_bucket"), icp.size_buckets, "size_bucket", "unknown")
    known["region"] = _one_of(known.get("region"), icp.regions, "region", "unknown")
    known["role_type"] = _one_of(known.get("role_type"), icp.role_types, "role_type", "unclear")
    tags, unknown_tags = _tags(known.get("pain_tags"), icp.pain_tags)
    spelt = _spelt_out(known.get("silver_bullet_phrases"), signal.text, sentences)
    quotes, missing = _quotes(spelt, source)
    known["pain_tags"], known["silver_bullet_phrases"] = tags, quotes
    known["reason_short"] = _with_notes(str(known["reason_short"]), missing, removed_links, unknown_tags)
    return Classification.model_validate(known).model_dump(mode="json")


def check_dossier(data: Mapping[str, Any], signal: Signal) -> dict[str, Any]:
    """A DossierAnswer as plain values; links that do not stand in the signal are taken out."""
    known: dict[str, Any] = {name: check_dossier_field(data.get(name), signal) for name in DossierAnswer.model_fields}
    for name in ("uncomfortable_truth", "reframe_suggestion", "challenger_insight"):
        if not known[name]:
            raise ValueError(f"{name} is empty")
    return DossierAnswer.model_validate(known).model_dump(mode="json")


def check_dossier_field(value: Any, signal: Signal) -> str | list[str]:
    """One field of a dossier as it is kept and shown, for whoever watches it being written. Raises ValueError."""
    source = _source(signal)
    if isinstance(value, (list, tuple)):
        return _clean_list(value, source)[0]
    return _cleaned(value if value is not None else "", source)[0]


def find_quote(quote: str, source: str) -> str | None:
    """The literal words of `source` that a quote means, up to blanks, quotation marks, dashes and case; None where they do not
    stand there."""
    if len(quote) > 1200:
        return None
    return _literal(quote.split(), source) or _literal(quote.strip(_QUOTE_ENDS).split(), source)


def _literal(words: list[str], source: str) -> str | None:
    if sum(sum(map(str.isalnum, word)) for word in words) < 3:
        return None
    plain = " ".join(words)
    if plain in source:
        return plain  # the usual case; a pattern of its own for each quote takes a millisecond to compile
    pattern = r"\s+".join("".join(_QUOTE_SIGNS.get(char, re.escape(char)) for char in word) for word in words)
    match = re.search(pattern, source, re.IGNORECASE)
    return match[0] if match else None


def _source(signal: Signal) -> str:
    return f"{signal.title}\n{signal.text}"


def _cleaned(value: Any, source: str) -> tuple[str, int]:
    """A text of an answer in normal form without links and addresses that the signal does not hold; how many went."""
    if not isinstance(value, str):
        raise ValueError(f"a text was expected, not {type(value).__name__}")
    removed = 0
    folded = source.lower()

    def keep(match: re.Match[str]) -> str:
        nonlocal removed
        if match[0].rstrip(".,;:!?").lower() in folded:
            return match[0]
        removed += 1
        return ""

    text = _MAIL.sub(keep, _LINK.sub(keep, normalise(value[:5000])))
    return normalise(text) if removed else text, removed


def _clean_list(value: Any, source: str) -> tuple[list[str], int]:
    if value is None:
        return [], 0
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"a list was expected, not {type(value).__name__}")
    cleaned = [_cleaned(item, source) for item in value]
    return [text for text, _ in cleaned if text and text.lower() not in _NOTHING], sum(links for _, links in cleaned)


def _or_none(text: str) -> str | None:
    return None if text.strip(" .").lower() in _NOTHING else text


def _key(value: str) -> str:
    return re.sub(r"[\s_\-–]+", "", fold(value))


def _one_of(value: Any, allowed: tuple[str, ...], name: str, unknown: str) -> str:
    if value is None or value == "":
        return unknown
    if not isinstance(value, (str, int)):
        raise ValueError(f"{name} is no text")
    key = _key(str(value))
    for option in (*allowed, *sorted(_UNKNOWN)):
        if _key(option) == key:
            return option if option in allowed or option not in _UNKNOWN else unknown
    raise ValueError(f"{name} {str(value)[:60]!r} is none of {', '.join(allowed)}")


def _tags(value: Any, allowed: tuple[str, ...]) -> tuple[list[str], int]:
    said, _ = _clean_list(value, "")
    by_key = {_key(tag): tag for tag in allowed}
    known = dict.fromkeys(by_key[key] for tag in said if (key := _key(tag)) in by_key)
    return list(known), sum(_key(tag) not in by_key for tag in said)


def _spelt_out(value: Any, text: str, sentences: Sequence[tuple[int, int]]) -> Any:
    """The same quotes, with the words of a sentence in the place of its number; '' where there is no such sentence."""
    if not isinstance(value, (list, tuple)):
        return value
    spelt = []
    for quote in value:
        number = _number_of(quote, known=bool(sentences))
        if number is None:
            spelt.append(quote)
        elif 1 <= number <= len(sentences):
            spelt.append(_shortened(text[slice(*sentences[number - 1])]))
        else:
            spelt.append("")
    return spelt


def _without_numbers(text: str, sentences: Sequence[tuple[int, int]]) -> str:
    """A text without the numbers of sentences (`[3]`), which small models take over and which mean nothing to a reader."""
    return _MARK.sub("", text).strip() if sentences and "[" in text else text


def _number_of(quote: Any, *, known: bool) -> int | None:
    if isinstance(quote, bool):
        return None
    if isinstance(quote, int):
        return quote
    if isinstance(quote, float) and quote.is_integer():
        return int(quote)
    written = _NUMBER.fullmatch(quote) if known and isinstance(quote, str) else None
    return int(written[1]) if written else None


def _shortened(sentence: str) -> str:
    """A sentence cut at a word, so that it fits on a line of a list of leads."""
    if len(sentence) <= _QUOTE_CHARS:
        return sentence
    cut = sentence[: _QUOTE_CHARS + 1]
    return (cut.rsplit(None, 1)[0] if re.search(r"\s", cut) else cut[:_QUOTE_CHARS]).rstrip(" ,;:-–")


def _quotes(value: Any, source: str) -> tuple[list[str], int]:
    if value is None:
        return [], 0
    if not isinstance(value, (list, tuple)) or not all(isinstance(quote, str) for quote in value):
        raise ValueError("silver_bullet_phrases is no list of texts or of numbers of sentences")
    found = [find_quote(normalise(quote), source) for quote in value[: _MAX_QUOTES * 2]]
    literal = list(dict.fromkeys(quote[:600] for quote in found if quote))
    return literal[:_MAX_QUOTES], sum(quote is None for quote in found)


def _with_notes(reason: str, quotes: int, links: int, tags: int) -> str:
    notes = []
    if quotes:
        notes.append(f"{quotes} quote{'s' if quotes > 1 else ''} not in the text")
    if links:
        notes.append(f"{links} link{'s' if links > 1 else ''} not in the text")
    if tags:
        notes.append(f"{tags} unknown pain tag{'s' if tags > 1 else ''}")
    if not notes:
        return reason[:600]
    note = f" [taken out: {', '.join(notes)}]"
    return (reason[: 600 - len(note)] + note).strip()
