"""What a signal shows of an ICP: strength of the match, sizes, places, and the phrases that say so."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from leadd.api.facts import SizeFact, bucket_for, overlap, range_of, read_sizes
from leadd.api.icp import Icp
from leadd.api.lexical import Folded, Match, sentences, significant_words
from leadd.api.matching import IcpMatch, IcpTerms, join, title_or_first_line
from leadd.api.places import Places, countries_of, read_location, read_places
from leadd.api.signals import Signal

WORTH = 0.25
"""Strength from which a signal is worth a closer look."""
MATCH = 0.42
"""Strength from which it is called a match."""

_FULL_FIT = 0.85
_READ_CHARS = 60_000
_NEAR_TITLE = (0.30, 0.80, 0.10)
_NEAR_TEXT = (0.45, 0.70, 0.10)
_MAX_QUOTES = 5
_MAX_QUOTE_CHARS = 240


@dataclass(frozen=True, slots=True)
class Evidence:
    """One signal read for one ICP. `strength` 0 to 1 says how much it is about what the ICP looks for."""

    icp: Icp
    match: IcpMatch
    strength: float
    size: tuple[str, SizeFact] | None
    size_fits: bool | None
    region: str
    place_fits: bool | None
    quotes: tuple[str, ...]

    def triage(self) -> dict[str, Any]:
        """Worth a closer look? With the quotes that say so. No probability: a strength is none."""
        return {"worth": self.strength >= WORTH, "probability": None, "reason": self._reason()[:300]}

    def classification(self) -> dict[str, Any]:
        """The fields that can be read from the text; those that need a language model are None or empty."""
        matched = [m.quote for m in (*self.match.pain.matches, *self.match.hiring.matches)]
        is_match = self.strength >= MATCH and self.size_fits is not False and self.place_fits is not False
        return {
            "icp_match": is_match,
            "size_bucket": self.size[0] if self.size else "unknown",
            "region": self.region,
            "role_type": _named_in(self.icp.role_types, matched, whole=True) or "unclear",
            "pain_tags": _tags(self.icp.pain_tags, [m.quote for m in self.match.pain.matches]),
            "score_fit": self._fit(),
            "score_pain": self._pain(),
            "reason_short": self._reason(),
            "situation": None,
            "problem": None,
            "implication": None,
            "need_payoff": None,
            "economic_buyer_guess": None,
            "key_pain": None,
            "chaos_flags": [],
            "silver_bullet_phrases": list(self.quotes),
        }

    def _fit(self) -> int:
        fit = 50 * min(1.0, self.strength / _FULL_FIT)
        fit += {True: 4, False: -12, None: 0}[self.size_fits] + {True: 3, False: -12, None: 0}[self.place_fits]
        return max(0, min(50, round(fit)))

    def _pain(self) -> int:
        return round(40 * max(0.8 * self.match.pain.title, self.match.pain.text))

    def _reason(self) -> str:
        said = []
        in_title = _distinct(self.match.hiring.matches[: self.match.hiring.in_title])
        in_text = _distinct(self.match.hiring.matches[self.match.hiring.in_title :])
        if in_title:
            said.append(f"the title says {_quoted(in_title, 2)}")
        if in_text:
            said.append(f"the text says {_quoted(in_text, 3)}")
        if self.match.pain.matches:
            said.append(f"signs of need: {_quoted(_distinct(self.match.pain.matches), 3)}")
        if self.size:
            fits = {True: "fits", False: "does not fit", None: "is stated"}[self.size_fits]
            said.append(f"size {fits}: “{self.size[1].quote}”")
        if self.place_fits is not None:
            said.append("the place fits" if self.place_fits else "the place does not fit")
        return "Read without a language model: " + ("; ".join(said) if said else "nothing in it speaks of the ICP") + "."


class IcpReader:
    """Reads signals for one ICP; compiled once."""

    def __init__(self, icp: Icp) -> None:
        self.icp = icp
        self.terms = IcpTerms(icp)
        self._sizes = [span for value in icp.sizes.values if (span := range_of(value)) is not None]
        self._countries = frozenset(code for value in icp.locations.values for code in countries_of(value))

    def read(self, signal: Signal, nearness: tuple[float, float] | None) -> Evidence:
        """All that a signal shows. `nearness` is the cosine of title and text to the wanted words, where vectors join."""
        text = signal.text[:_READ_CHARS]
        title, folded = Folded(title_or_first_line(signal.title, text)), Folded(text)
        match = self.terms.read(title, folded)
        parts = list(match.parts)
        if nearness is not None:
            parts += [_share(nearness[0], _NEAR_TITLE), _share(nearness[1], _NEAR_TEXT)]
        sizes = read_sizes(folded)
        places = self._places(signal, text)
        return Evidence(
            icp=self.icp,
            match=match,
            strength=join(parts),
            size=bucket_for(sizes, self.icp.size_buckets) or (("unknown", sizes[0]) if sizes else None),
            size_fits=self._size_fits(sizes),
            region=region_of(places, self.icp.regions),
            place_fits=self._place_fits(places),
            quotes=_phrases(match, signal.title, text),
        )

    def _places(self, signal: Signal, text: str) -> Places:
        field = read_location(signal.location or "")
        return field if field.countries or field.anywhere else read_places(text)

    def _size_fits(self, sizes: Sequence[SizeFact]) -> bool | None:
        if not sizes or not self._sizes or self.icp.sizes.use == "exclude":
            return None
        return any(overlap((fact.low, fact.high), span) for fact in sizes for span in self._sizes)

    def _place_fits(self, places: Places) -> bool | None:
        if not places.known or not self._countries or self.icp.locations.use == "exclude":
            return None
        return bool(places.countries & self._countries)


def region_of(places: Places, regions: Sequence[str]) -> str:
    """The ICP's region that holds most of the places; 'other' where they are known and in none, else 'unknown'."""
    if not places.countries:
        return "unknown"
    best = max(regions, key=lambda region: len(places.countries & countries_of(region)), default="unknown")
    if places.countries & countries_of(best):
        return best
    return "other" if "other" in regions and places.known else "unknown"


def _share(cosine: float, scale: tuple[float, float, float]) -> float:
    low, high, most = scale
    return most * max(0.0, min(1.0, (cosine - low) / (high - low)))


def _phrases(match: IcpMatch, title: str, text: str) -> tuple[str, ...]:
    """The sentences in which needs are said, literally as they stand; the wanted words alone where no need is said."""
    quotes: dict[str, None] = {}
    in_text = match.pain.matches[match.pain.in_title :]
    spans = sentences(text) if in_text else []
    for found in in_text:
        quotes.setdefault(_sentence_around(found, spans, text))
    for found in match.pain.matches[: match.pain.in_title]:
        if title and found.quote in title:
            quotes.setdefault(found.quote)
    if title and match.hiring.in_title:
        quotes.setdefault(title[:_MAX_QUOTE_CHARS].strip())
    return tuple(quote for quote in quotes if quote)[:_MAX_QUOTES]


def _sentence_around(found: Match, spans: Sequence[tuple[int, int]], text: str) -> str:
    for start, end in spans:
        if start <= found.start and found.end <= end and end - start <= _MAX_QUOTE_CHARS:
            return text[start:end]
    return found.quote


def _distinct(matches: Iterable[Match]) -> list[str]:
    return list({m.quote.casefold(): m.quote for m in matches}.values())


def _quoted(quotes: Sequence[str], most: int) -> str:
    more = f" and {len(quotes) - most} more" if len(quotes) > most else ""
    return ", ".join(f"“{quote}”" for quote in quotes[:most]) + more


def _tags(names: Sequence[str], quotes: Sequence[str]) -> list[str]:
    return [name for name in names if _named_in([name], quotes, whole=False)]


def _named_in(names: Sequence[str], quotes: Sequence[str], *, whole: bool) -> str | None:
    """The first name whose words stand in one quote, all of them or at least half, compared by their first six letters."""
    for name in names:
        stems = [word[:6] for word in significant_words(name) or re.split(r"[_\s]+", name.lower())]
        for quote in quotes:
            present = set(word[:6] for word in significant_words(quote))
            held = sum(stem in present for stem in stems)
            if held and (held == len(stems) if whole else 2 * held >= len(stems)):
                return name
    return None
