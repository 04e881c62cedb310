"""Ads that never were, and what makes two of them different openings: for tests of whatever calls two signals the same.

Everything is drawn from a seed: the same `random.Random` gives the same ads, reposts and alterations.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass, replace

KINDS = ("negation", "number", "date", "company", "role", "place", "seniority", "terms")


@dataclass(frozen=True, slots=True)
class Ad:
    """One opening as a source would bring it."""

    title: str
    text: str
    company: str
    location: str


_COMPANIES = ("Larkfield", "Nordhaven", "Quillpath", "Brightmoor", "Tessera Labs", "Oakline", "Ferrowave", "Mondsee Foods",
              "Palegate", "Rivenstone", "Sundial Health", "Umbra Robotics")  # fmt: skip
_CITIES = (
    "Berlin",
    "Hamburg",
    "Vienna",
    "Zurich",
    "Lyon",
    "Madrid",
    "Dublin",
    "Boston",
    "Toronto",
    "Amsterdam",
    "Lisbon",
    "Oslo",
)
_FIELDS = ("marketing", "sales", "finance", "design", "logistics", "engineering", "support", "recruiting")
_POSTS = ("manager", "analyst", "coordinator", "specialist", "consultant", "assistant")
_RANKS = ("junior", "senior", "principal", "lead")
_MONTHS = ("January", "March", "April", "June", "September", "October", "November")
_DAYS = ("Monday", "Tuesday", "Thursday", "Friday")
_TERMS = (("remote", "onsite"), ("full-time", "part-time"), ("permanent", "temporary"), ("paid", "unpaid"),
          ("required", "optional"), ("flexible", "fixed"))  # fmt: skip
_NUMBER_WORDS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "twelve")

_BODY = (
    "{company} is a group of {people} people that makes {thing} for {buyers}.",
    "Our founder has looked after {field} alone so far and is overloaded.",
    "You will take {field} into your own hands and report to the founder every {day}.",
    "The work is {term} and we are open to candidates from {city}.",
    "You bring {years} years of experience in {field} and like to write.",
    "We are looking for a {rank} {post} who can start in {month} {year}.",
    "The salary is between {low},000 and {high},000 euros with {days} days of holiday.",
    "Knowledge of {thing} is {need} and we will teach you the rest.",
    "We do not work with agencies and we will not ask for references.",
    "You can choose your tools and you are trusted to use them well.",
    "The team meets in {city} once a quarter and everybody is welcome to bring a dog.",
    "Applications are read by people and you will hear from us within {answer} days.",
    "We have grown by {growth}% since {year} and are profitable.",
    "Your first campaign is to bring {thing} to {buyers} who have never heard of us.",
)
_CLOSING = (
    "Everybody gets the same friendly answer.",
    "We believe that good ideas come from calm and curious minds.",
    "Kindness is how we treat each other and the world around us.",
)
_THINGS = ("garden tools", "payroll software", "glass lamps", "training plans", "sensors", "tea blends", "e-bikes")
_BUYERS = ("small hotels", "dentists", "city councils", "farmers", "online shops", "schools")


def make_ad(rng: random.Random) -> Ad:
    """An ad of ten to fourteen sentences in two or three paragraphs."""
    company, city = rng.choice(_COMPANIES), rng.choice(_CITIES)
    rank, field, post = rng.choice(_RANKS), rng.choice(_FIELDS), rng.choice(_POSTS)
    slots = {
        "company": company, "city": city, "rank": rank, "field": field, "post": f"{field} {post}", "thing": rng.choice(_THINGS),
        "buyers": rng.choice(_BUYERS), "day": rng.choice(_DAYS), "month": rng.choice(_MONTHS), "year": rng.randint(2019, 2026),
        "people": rng.randint(4, 90), "years": rng.choice(_NUMBER_WORDS), "low": rng.randint(38, 55),
        "high": rng.randint(56, 90),
        "days": rng.randint(25, 32), "answer": rng.choice(_NUMBER_WORDS), "growth": rng.randint(12, 95),
        "term": f"{rng.choice(_TERMS[0])}, {rng.choice(_TERMS[1])} and {rng.choice(_TERMS[2])}", "need": rng.choice(_TERMS[4]),
    }  # fmt: skip
    chosen = sorted(rng.sample(range(len(_BODY)), rng.randint(10, 13)))
    sentences = [_BODY[n].format(**slots) for n in chosen]
    cut = rng.randint(3, len(sentences) - 3)
    paragraphs = [" ".join(sentences[:cut]), " ".join(sentences[cut:]), " ".join(rng.sample(_CLOSING, 2))]
    return Ad(f"{rank.capitalize()} {field} {post}", "\n\n".join(paragraphs), company, city)


def repost(ad: Ad, rng: random.Random) -> Ad:
    """The same opening, brought again by a system that sets type in its own way. The text is never the very same."""
    ways: list[Callable[[str], str]] = [
        lambda t: t.replace("\n\n", "\n"),
        lambda t: t.replace(". ", ".\n"),
        lambda t: t.replace(" - ", " – ").replace("'", "’") + "\n\n#LI-AB1",
        lambda t: "\n".join(line.capitalize() if line.isupper() else line for line in t.split("\n")).replace(". ", ".  "),
        lambda t: re.sub(r"\.(?=\n|\Z)", "!", t),
        lambda t: t + "\n\nJob ID: 20417",
        lambda t: t.replace("You will ", "You will also ", 1) if "You will " in t else t + " ",
        lambda t: f"{t}\n\n{t.split(chr(10))[-1]}",
    ]
    text = ad.text
    for way in rng.sample(ways, rng.randint(1, 3)):
        text = way(text)
    return replace(ad, text=text if text != ad.text else text + "\n\nJob ID: 20418")


def alter(ad: Ad, kind: str, rng: random.Random) -> Ad | None:
    """The ad with one thing of this kind (one of `KINDS`) changed, as little as can be; None where it holds no such thing.

    Works on any English ad. Raises KeyError for an unknown kind.
    """
    changed = _ALTERATIONS[kind](ad, rng)
    return None if changed is None or changed == ad else changed


def _swap(text: str, choices: dict[str, tuple[str, ...]], rng: random.Random) -> str | None:
    """One occurrence of one of the words becomes another of its choices, in the same case; None where there is none."""
    pattern = re.compile(r"(?<![\w\-])(?:" + "|".join(map(re.escape, choices)) + r")(?![\w\-])", re.IGNORECASE)
    found = [m for m in pattern.finditer(text) if choices[m[0].lower()]]
    if not found:
        return None
    match = rng.choice(found)
    new = rng.choice(choices[match[0].lower()])
    new = new.capitalize() if match[0][0].isupper() else new
    return text[: match.start()] + new + text[match.end() :]


def _others(*words: str) -> dict[str, tuple[str, ...]]:
    lower = tuple(w.lower() for w in words)
    return {w: tuple(o for o in lower if o != w) for w in lower}


def _in_text(choices: dict[str, tuple[str, ...]]) -> Callable[[Ad, random.Random], Ad | None]:
    def change(ad: Ad, rng: random.Random) -> Ad | None:
        text = _swap(ad.text, choices, rng)
        return None if text is None else replace(ad, text=text)

    return change


def _in_title_or_text(choices: dict[str, tuple[str, ...]]) -> Callable[[Ad, random.Random], Ad | None]:
    change_text = _in_text(choices)

    def change(ad: Ad, rng: random.Random) -> Ad | None:
        title = _swap(ad.title, choices, rng) if rng.random() < 0.5 else None
        return replace(ad, title=title) if title is not None else change_text(ad, rng)

    return change


_AUXILIARY = re.compile(r"\b(?:is|are|will|can|do|does|would|should|must)\b(?! not\b)(?=\s\w)", re.IGNORECASE)
_NOT = re.compile(r"\s(?:not|never)\b(?=\s\w)", re.IGNORECASE)
_ADDED = ("We are not looking for anybody at the moment.", "This is no longer open.", "You need not apply without a referral.",
          "Nobody from an agency is considered.")  # fmt: skip


def _negation(ad: Ad, rng: random.Random) -> Ad | None:
    way = rng.randrange(3)
    if way == 0:
        return replace(ad, text=f"{ad.text} {rng.choice(_ADDED)}")
    found = list((_NOT if way == 1 else _AUXILIARY).finditer(ad.text)) or list(_AUXILIARY.finditer(ad.text))
    if not found:
        return None
    match = rng.choice(found)
    dropped = match[0][:1].isspace()
    new = "" if dropped else f"{match[0]} {rng.choice(('not', 'never', 'no longer'))}"
    return replace(ad, text=ad.text[: match.start()] + new + ad.text[match.end() :])


_COUNTED = re.compile(r"(?<![\w#/\-.])\d{1,3}(?:[.,]\d{3})*(?![\w/])")
_WORDED = _others(*_NUMBER_WORDS)


def _number(ad: Ad, rng: random.Random) -> Ad | None:
    found = [
        m for m in _COUNTED.finditer(ad.text) if not re.search(r"(?:id|ref|nr|no)\W{0,3}\Z", ad.text[: m.start()][-8:].lower())
    ]
    if not found or rng.random() < 0.2:
        text = _swap(ad.text, _WORDED, rng)
        return None if text is None else replace(ad, text=text)
    match = rng.choice(found)
    digits = [n for n, c in enumerate(match[0]) if c.isdigit()]
    place = rng.choice(digits)
    least = 1 if place == 0 else 0
    digit = rng.choice([d for d in "0123456789"[least:] if d != match[0][place]])
    new = match[0][:place] + digit + match[0][place + 1 :]
    return replace(ad, text=ad.text[: match.start()] + new + ad.text[match.end() :])


_DATED = {
    **_others(
        "January", "February", "March", "April", "June", "July", "August", "September", "October", "November", "December"
    ),
    **_others("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"),
    **_others("week", "month", "quarter", "year"),
    **_others("weeks", "months", "years", "days"),
    **_others("today", "tomorrow"),
}
_YEAR = re.compile(r"\b(?:19|20)\d\d\b")


def _date(ad: Ad, rng: random.Random) -> Ad | None:
    years = list(_YEAR.finditer(ad.text))
    if years and rng.random() < 0.5:
        match = rng.choice(years)
        new = str(int(match[0]) + rng.choice((-2, -1, 1, 2)))
        return replace(ad, text=ad.text[: match.start()] + new + ad.text[match.end() :])
    text = _swap(ad.text, _DATED, rng)
    return None if text is None else replace(ad, text=text)


def _company(ad: Ad, rng: random.Random) -> Ad | None:
    new = rng.choice([name for name in _COMPANIES if name.lower() != ad.company.lower()])
    spot = ad.text.lower().find(ad.company.lower()) if ad.company else -1
    if spot >= 0 and rng.random() < 0.5:
        # the field is left alone: a cross-post under the name of an agency
        return replace(ad, text=ad.text[:spot] + new + ad.text[spot + len(ad.company) :])
    return replace(ad, company=new)


_PLACED = _others(*_CITIES, "London", "Paris", "Munich", "Chicago", "Seattle", "Sydney", "Singapore") | _others(
    "Germany", "France", "Spain", "Canada", "India", "Ireland", "Poland"
) | _others("Europe", "Asia", "Africa")  # fmt: skip


def _place(ad: Ad, rng: random.Random) -> Ad | None:
    text = _swap(ad.text, _PLACED, rng)
    if text is not None and rng.random() < 0.7:
        return replace(ad, text=text)
    return replace(ad, location=rng.choice([city for city in _CITIES if city != ad.location]))


_ALTERATIONS: dict[str, Callable[[Ad, random.Random], Ad | None]] = {
    "negation": _negation,
    "number": _number,
    "date": _date,
    "company": _company,
    "role": _in_title_or_text(_others(*_FIELDS, "product", "legal", "operations") | _others(*_POSTS, "engineer", "developer")),
    "place": _place,
    "seniority": _in_title_or_text(_others(*_RANKS, "intern", "director", "head")),
    "terms": _in_text({a: (b,) for pair in _TERMS for a, b in (pair, pair[::-1])} | _others("hybrid", "remote", "onsite")),
}
