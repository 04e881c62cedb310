"""The cheap judgement before any model: rules of the ICP's fields, then a score from 0 to 100.

The rules, in this order: too short, excluded words, exclusions by field, filters by field, score under the threshold. A field
used as a filter drops only what clearly has none of its values; unknown is never 'clearly'.

The score: the ICP's hiring words count up to 65 in the title and up to 65 in the text, its pain words up to 40, the telling
words of its description up to 15 each, and every other field used as `score` adds 8. The parts saturate together (a noisy-or),
so no single one fills the scale. Words that are denied where they stand ('not hiring', 'no agencies') do not count. Where a
signal has no title, its first line stands in. An ICP without any keyword is read by the telling words of its description.

Where a certified threshold decides (see `choosing`), the rules drop as ever and the points drop nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from leadd.api import Icp, IcpField, Signal
from leadd.api.facts import SizeFact, is_denied, overlap, range_of, read_sizes
from leadd.api.lexical import Folded, KeywordSet, Match
from leadd.api.matching import IcpTerms, join, title_or_first_line
from leadd.api.places import Places, countries_of, read_location, read_places
from leadd.core.promises.choices import Choice


@dataclass(frozen=True, slots=True)
class Drop:
    """The signal goes no further: which rule, why in one sentence, and the score where one was computed.

    `choice` is there where a certified threshold decided, here and in `Keep`.
    """

    rule: str
    reason: str
    score: float | None
    threshold: float
    choice: Choice | None = None


@dataclass(frozen=True, slots=True)
class Keep:
    """The signal is worth a model's time: its score, the threshold it passed, and what spoke for it."""

    score: float
    threshold: float
    reasons: tuple[str, ...]
    choice: Choice | None = None

    @property
    def rank(self) -> float:
        """Where the signal stands among what passes, 0 to 100: what is worth more is read first."""
        return self.score if self.choice is None else 100 * self.choice.rank


Verdict = Drop | Keep

_FIELD = 0.08


@dataclass(frozen=True, slots=True)
class CompiledIcp:
    """An ICP made ready for judging many signals; make it once with `of`."""

    icp: Icp
    terms: IcpTerms
    hiring: KeywordSet
    pain: KeywordSet
    excluded: KeywordSet
    industries: KeywordSet
    channels: KeywordSet
    places: KeywordSet
    countries: frozenset[str]
    size_ranges: tuple[tuple[int, int | None], ...]
    size_words: KeywordSet

    @classmethod
    def of(cls, icp: Icp) -> CompiledIcp:
        """Compile keywords, places and sizes."""
        ranges = [(value, range_of(value)) for value in icp.sizes.values]
        countries = frozenset(code for value in icp.locations.values for code in countries_of(value))
        return cls(
            icp=icp,
            terms=IcpTerms(icp),
            hiring=KeywordSet(icp.hiring_keywords.values),
            pain=KeywordSet(icp.pain_keywords.values),
            excluded=KeywordSet(icp.exclude_keywords.values),
            industries=KeywordSet(icp.industries.values),
            channels=KeywordSet(icp.channels.values),
            places=KeywordSet(icp.locations.values),
            countries=countries,
            size_ranges=tuple(span for _, span in ranges if span is not None),
            size_words=KeywordSet(value for value, span in ranges if span is None),
        )


SIZE_KEYS = ("company_size", "employees", "headcount", "team_size", "mitarbeiter", "size")
"""Under which names sources tell how many people a company has (`extra`)."""


@dataclass(frozen=True, slots=True)
class CompanyKnown:
    """What earlier signals have told of a company: where it is, how big it is (a label such as `6-10`). None: unknown."""

    location: str | None = None
    size: str | None = None


NOTHING_KNOWN = CompanyKnown()


@dataclass(slots=True)
class _Reading:
    """A signal as the rules see it; what costs time is read once, and only where a rule asks.

    What the signal says itself counts before what its source says beside it, and that before what is known of its company.
    That alone never speaks against a signal: a company may have grown, and may look for somebody elsewhere.
    """

    signal: Signal
    title: Folded
    text: Folded
    company: CompanyKnown = NOTHING_KNOWN
    _sizes: list[SizeFact] | None = None
    _places: Places | None = None
    _where: str = ""
    is_size_recalled: bool = False
    is_place_recalled: bool = False

    @property
    def sizes(self) -> list[SizeFact]:
        if self._sizes is None:
            self._sizes = read_sizes(self.text) or self._told_sizes()
        return self._sizes

    @property
    def places(self) -> Places:
        if self._places is None:
            field = read_location(self.signal.location or "")
            found = field if field.countries or field.anywhere else read_places(self.signal.text)
            if not found.countries and not found.anywhere and self.company.location:
                found = read_location(self.company.location)
                self._where = f"{self.company.location} (known of the company)"
                self.is_place_recalled = True
            self._places = found
        return self._places

    @property
    def where(self) -> str:
        """In what words the place is told; '' where it stands in the text, or nowhere."""
        return self.signal.location or (self._where if self.places.known else "")

    def _told_sizes(self) -> list[SizeFact]:
        told = [self.signal.extra.get(key) for key in SIZE_KEYS]
        for label, of_whom in (*((label, "") for label in told), (self.company.size, " (known of the company)")):
            span = range_of(label) if label else None
            if span is not None:
                self.is_size_recalled = bool(of_whom)
                return [SizeFact(span[0], span[1], f"{label}{of_whom}", 0)]
        return []

    def standing(self, keywords: KeywordSet) -> Match | None:
        """The first keyword in title or text that is not denied where it stands."""
        for folded in (self.title, self.text):
            for match in keywords.find(folded, limit=50):
                if not is_denied(folded.text, match.start, match.end):
                    return match
        return None


def judge(
    signal: Signal, icp: CompiledIcp, *, threshold: float, min_chars: int, company: CompanyKnown = NOTHING_KNOWN,
    by_points: bool = True,
) -> Verdict:  # fmt: skip
    """Drop or keep one signal for one ICP.

    `threshold` 0 to 100 is the setting; the ICP's own wins. `min_chars` holds for what sources bring, never for what a person
    or the API asks (`asked_by_person`). `company` is what is known of the signal's company; it counts where the signal itself
    says nothing of size or place, and what nobody says is unknown, never false. `by_points` false leaves the threshold to
    others: only the rules drop.
    """
    limit = float(icp.icp.score_threshold if icp.icp.score_threshold is not None else threshold)
    if not signal.text.strip() and not signal.title.strip():
        return Drop("empty", "The signal has no text.", None, limit)
    length = len(signal.title) + len(signal.text)
    if not signal.asked_by_person and length < min_chars:
        return Drop("too_short", f"Only {length} characters; sources bring at least {min_chars}.", None, limit)
    title = title_or_first_line(signal.title, signal.text)
    reading = _Reading(signal, Folded(title), Folded(signal.text), company)
    for rule in (_by_words, _by_exclusion, _by_filter):
        broken = rule(reading, icp)
        if broken is not None:
            return Drop(broken[0], broken[1], None, limit)
    points, reasons = _score(reading, icp)
    if by_points and points < limit:
        said = " ".join(reasons) or "Nothing in title or text matches the ICP's words."
        return Drop("score", f"Score {points:g} is under {limit:g}. {said}", points, limit)
    return Keep(points, limit, tuple(reasons))


_Broken = tuple[str, str] | None


def _by_words(reading: _Reading, icp: CompiledIcp) -> _Broken:
    field = icp.icp.exclude_keywords
    if field.use == "score" or not icp.excluded:
        return None
    match = reading.standing(icp.excluded)
    if field.use == "exclude" and match:
        return "exclude_keywords", f"Holds the excluded words “{match.quote}”."
    if field.use == "filter" and match is None:
        return "exclude_keywords", "Holds none of the words that it must hold."
    return None


def _fields(icp: CompiledIcp) -> list[tuple[str, IcpField, Callable[[_Reading, CompiledIcp], tuple[bool | None, str]]]]:
    return [
        ("sizes", icp.icp.sizes, _match_size),
        ("locations", icp.icp.locations, _match_place),
        ("industries", icp.icp.industries, _match_industry),
        ("hiring_keywords", icp.icp.hiring_keywords, _match_hiring),
        ("pain_keywords", icp.icp.pain_keywords, _match_pain),
        ("channels", icp.icp.channels, _match_channel),
    ]


def _by_exclusion(reading: _Reading, icp: CompiledIcp) -> _Broken:
    for name, field, match in _fields(icp):
        if field.use == "exclude" and field.values:
            holds, quote = match(reading, icp)
            if holds:
                return name, f"Excluded by {name.replace('_', ' ')}: “{quote}”."
    return None


def _by_filter(reading: _Reading, icp: CompiledIcp) -> _Broken:
    for name, field, match in _fields(icp):
        if field.use == "filter" and field.values:
            holds, quote = match(reading, icp)
            if holds is False:
                found = f": “{quote}”" if quote else ""
                return name, f"Clearly none of the ICP's {name.replace('_', ' ')}{found}."
    return None


def _match_size(reading: _Reading, icp: CompiledIcp) -> tuple[bool | None, str]:
    word = reading.standing(icp.size_words) if icp.size_words else None
    if word:
        return True, word.quote
    if not reading.sizes or not icp.size_ranges:
        return None, ""
    for fact in reading.sizes:
        if any(overlap((fact.low, fact.high), span) for span in icp.size_ranges):
            return True, fact.quote
    return None if reading.is_size_recalled else False, reading.sizes[0].quote


def _match_place(reading: _Reading, icp: CompiledIcp) -> tuple[bool | None, str]:
    location = reading.signal.location or ""
    named = icp.places.find(location, limit=1)
    if named:
        return True, named[0].quote
    places = reading.places
    location = reading.where
    if not named and reading.company.location and places.known and not reading.signal.location:
        named = icp.places.find(location, limit=1)
        if named:
            return True, named[0].quote
    if places.countries & icp.countries:
        return True, location or ", ".join(sorted(places.countries & icp.countries)[:3])
    if not places.known or not icp.countries:
        return None, location
    return None if reading.is_place_recalled else False, location or ", ".join(sorted(places.countries)[:3])


def _match_industry(reading: _Reading, icp: CompiledIcp) -> tuple[bool | None, str]:
    match = reading.standing(icp.industries)
    return (True, match.quote) if match else (None, "")


def _match_hiring(reading: _Reading, icp: CompiledIcp) -> tuple[bool | None, str]:
    match = reading.standing(icp.hiring)
    return (True, match.quote) if match else (False, "")


def _match_pain(reading: _Reading, icp: CompiledIcp) -> tuple[bool | None, str]:
    match = reading.standing(icp.pain)
    return (True, match.quote) if match else (False, "")


def _match_channel(reading: _Reading, icp: CompiledIcp) -> tuple[bool | None, str]:
    """Where the signal was found; the source's name and type are always known."""
    signal = reading.signal
    match = icp.channels.find(f"{signal.source} {signal.source_type} {signal.url or ''}", limit=1)
    return (True, match[0].quote) if match else (False, signal.source)


def _score(reading: _Reading, icp: CompiledIcp) -> tuple[float, list[str]]:
    match = icp.terms.read(reading.title, reading.text)
    parts = list(match.parts)
    reasons: list[str] = []
    _tell(reasons, "described" if icp.terms.derived else "wanted", match.hiring.matches)
    _tell(reasons, "of pain", match.pain.matches)
    if not reasons:
        _tell(reasons, "described", match.described.matches)
    for name, field, rule in _fields(icp):
        if field.use == "score" and field.values and name not in ("hiring_keywords", "pain_keywords"):
            holds, quote = rule(reading, icp)
            if holds:
                parts.append(_FIELD)
                reasons.append(f"{name.replace('_', ' ').capitalize()} fit: “{quote}”.")
    return round(100 * join(parts), 1), reasons


def _tell(reasons: list[str], what: str, matches: Sequence[Match]) -> None:
    quotes = list(dict.fromkeys(match.quote for match in matches))
    if quotes:
        more = f" and {len(quotes) - 3} more" if len(quotes) > 3 else ""
        reasons.append(f"Words {what}: {', '.join(f'“{q}”' for q in quotes[:3])}{more}.")
