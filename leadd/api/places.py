"""Which countries a text names: a small table of countries, their spellings and main cities, and groups of countries.

Unknown is unknown: a place that is not in the table gives no country, never a wrong one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from leadd.api.lexical import KeywordSet, fold
from leadd.api.place_table import CA_PROVINCES, COUNTRIES, GROUPS, US_STATES

_ANYWHERE = frozenset(("remote", "worldwide", "global", "anywhere", "weltweit", "international"))


def _index() -> tuple[dict[str, tuple[str, ...]], frozenset[str]]:
    names: dict[str, tuple[str, ...]] = dict(GROUPS)
    codes = set()
    for line in COUNTRIES.replace("\n  ", "").strip().splitlines():
        iso, countries, cities = line.split("|")
        codes.add(iso)
        for name in [*countries.split(","), *cities.split(",")]:
            if name:
                names[fold(name)] = (iso,)
    return names, frozenset(codes)


_NAMES, _CODES = _index()
_NOT_ALONE = ("us", "eu", "uk", "nice", "split", "essen", "eea", "anz", "amer")


@cache
def _all() -> KeywordSet:
    """Every name that stands for itself in a text. Made at its first use: it takes a tenth of a second."""
    return KeywordSet(name for name in _NAMES if name not in _NOT_ALONE)


_SHOUTED = re.compile(r"(?<![A-Za-z0-9.])(?:US|USA|U\.S\.|EU|UK|U\.K\.|EEA)(?![A-Za-z0-9])")
_SEGMENT = re.compile(r"[,;/|()\n]|\s[-–—]\s|\bor\b|\boder\b")


@dataclass(frozen=True, slots=True)
class Places:
    """What is known of a place: ISO codes of the countries it may lie in ('Europe' gives them all), or that it is anywhere."""

    countries: frozenset[str] = frozenset()
    anywhere: bool = False

    @property
    def known(self) -> bool:
        """Whether the place is clear enough to be held against somebody."""
        return bool(self.countries) and not self.anywhere


def countries_of(name: str) -> frozenset[str]:
    """The countries that one name of a place stands for ('DACH' → AT, CH, DE; 'Berlin' → DE; 'US' → US), else none.

    Underscores count as spaces: 'north_america'. A bare ISO code counts where it is written in capitals.
    """
    stripped = name.strip().strip(".")
    key = " ".join(fold(stripped).split())
    if key in _NAMES:
        return frozenset(_NAMES[key])
    return frozenset({stripped}) if stripped in _CODES else frozenset()


def read_location(location: str) -> Places:
    """The places named by a location field such as 'Berlin, Germany (Remote)', 'US, TX, Austin' or 'Remote - Europe'."""
    location = location[:300]
    countries: set[str] = set()
    segments = [segment.strip() for segment in _SEGMENT.split(location) if segment.strip()]
    first_is_country = len(segments) > 1 and segments[0] in _CODES
    if first_is_country:
        countries.add(segments[0])
    else:
        for index, segment in enumerate(segments):
            if (
                index
                and segment in US_STATES
                and (segment not in ("DE", "IN", "CO", "CA", "IL") or not countries - {"US", "CA"})
            ):
                countries.add("US")
            elif index and segment in CA_PROVINCES:
                countries.add("CA")
            else:
                countries |= countries_of(segment)
        if not countries:
            countries |= _named(location)
    words = set(re.split(r"\W+", fold(location)))
    return Places(frozenset(countries), anywhere=bool(words & _ANYWHERE) and not countries)


def _named(text: str) -> set[str]:
    found: set[str] = set()
    for match in _all().find(text, limit=50):
        found |= set(_NAMES.get(" ".join(fold(match.keyword).split()), ()))
    for shouted in _SHOUTED.finditer(text):
        found |= set(_NAMES.get(fold(shouted[0]), ()))
    return found


_STANDS_BEFORE = re.compile(
    r"(?:\b(?:based|located|headquartered|offices?|hq|team|startup|company|agency|studio|shop)\s(?:is\s|are\s)?(?:in|out of)"
    r"|\b(?:location|standort|arbeitsort|lieu|ubicación|sede|ort|hq|dienstsitz)\s?:|\b(?:mit )?sitz in"
    r"|\bremote\s?[(,:\-–]|\bonsite\s?[(,:\-–]"
    r"|\baus (?=[A-ZÄÖÜ]))\s{0,3}(?:the |downtown |der )?(?P<place>[^.;\n|)]{2,60})",
    re.IGNORECASE,
)


def read_places(text: str) -> Places:
    """The places that a text gives as its own ('based in Lyon', 'Standort: Wien', a field of an 'A | B | C' line); places that
    only occur in it do not count."""
    head = text[:20_000]
    countries: set[str] = set()
    for match in _STANDS_BEFORE.finditer(head):
        countries |= read_location(match["place"]).countries
    first_line = head.split("\n", 1)[0]
    fields = first_line[:600].split("|")
    if len(fields) >= 3:
        for part in fields[1:]:
            countries |= read_location(part).countries
    return Places(frozenset(countries))
