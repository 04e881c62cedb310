"""The signals of a bench: made by rule, or read from a file; and streams of them in which texts come again."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from leadd.api import SignalDraft
from leadd.bench import words

AD_CHARS, POST_CHARS, SHORT_CHARS = 4500, 1000, 300
SHARES = {"ad": 0.60, "post": 0.25, "short": 0.15}
"""What the made-up signals are: job ads, forum posts, short posts."""
LEADS = 0.10
LOUD_ADS, MILD_ADS = 0.05, 0.27
"""The shares of other ads whose 'about us' is full of marketing words, or holds a few."""
OFFERS, ADVICE = 0.08, 0.06
"""The shares of other posts that sell what the seller sells, or talk about it."""
QUIET_LEADS = 0.04
"""The share of leads that use none of the words that one would look for."""
RANGES = {"small": (2, 9), "year": (1994, 2022), "number": (12, 98), "more": (99, 160), "towns": (2, 11)}
"""What the numbers in the made-up texts lie between."""
_PLACE = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class BenchSignal:
    """One signal and the truth about it: `is_lead` None where nobody knows. `key` tells it from all others."""

    key: str
    title: str
    text: str
    company: str | None = None
    location: str | None = None
    source_type: str = ""
    is_lead: bool | None = None

    def draft(self) -> SignalDraft:
        """The same as a source hands it over."""
        return SignalDraft(
            text=self.text, title=self.title, company=self.company, location=self.location, external_id=self.key,
            url=f"https://bench.example/{self.key}", source_type=self.source_type,
        )  # fmt: skip


def make_signals(count: int, *, seed: int = 1, leads: float = LEADS) -> list[BenchSignal]:
    """`count` signals, no two alike, always the same for one seed: kinds and leads in fixed shares, in mixed order."""
    rng = random.Random(seed)
    kinds = _spread(count, SHARES)
    is_lead = _marked(count, leads)
    rng.shuffle(kinds)
    rng.shuffle(is_lead)
    quiet = _marked(sum(is_lead), QUIET_LEADS)
    made = []
    for number, (kind, lead) in enumerate(zip(kinds, is_lead, strict=True)):
        hidden = quiet.pop() if lead else False
        made.append(_Maker(rng, number, seed).make(kind, lead, hidden))
    return made


def read_signals(file: Path, label: str = "", *, count: int | None = None) -> list[BenchSignal]:
    """Signals of a JSONL file: `text` and, where there, title, company, location, id, source_type.

    `label` names what holds the truth: a key of the row, or of its object `labels`; rows in which it is not true or false are
    left out. Raises ValueError with the number of the line for what is no signal.
    """
    found: list[BenchSignal] = []
    with file.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            if count is not None and len(found) >= count:
                break
            signal = _read_row(line, number, label)
            if signal is not None:
                found.append(signal)
    return found


def repeated(signals: Sequence[BenchSignal], share: float, *, seed: int = 1) -> list[BenchSignal]:
    """As many signals of which a `share` says again what another one said, posted anew: the same text, another id."""
    rng = random.Random(seed)
    distinct = max(1, round(len(signals) * (1 - share)))
    first = list(signals[:distinct])
    chosen = rng.choices(first, k=len(signals) - distinct)
    again = [replace(signal, key=f"{signal.key}-again{n}") for n, signal in enumerate(chosen)]
    # Every text comes at least once; where its repeats stand, before or after, does not matter for what has to be paid.
    stream = first + again
    rng.shuffle(stream)
    return stream


def _read_row(line: str, number: int, label: str) -> BenchSignal | None:
    try:
        row: Any = json.loads(line)
    except ValueError:
        raise ValueError(f"line {number} is no JSON") from None
    if not isinstance(row, dict) or not isinstance(row.get("text"), str) or not row["text"].strip():
        raise ValueError(f"line {number} has no text")
    truth = None
    if label:
        known = row.get("labels")
        truth = row.get(label, known.get(label) if isinstance(known, dict) else None)
        if not isinstance(truth, bool):
            return None
    return BenchSignal(
        key=str(row.get("id") or number), title=str(row.get("title") or ""), text=row["text"],
        company=row.get("company") or None, location=row.get("location") or None,
        source_type=str(row.get("source_type") or row.get("source") or ""), is_lead=truth,
    )  # fmt: skip


def _spread(count: int, shares: dict[str, float]) -> list[str]:
    kinds: list[str] = []
    due = 0.0
    for kind, share in shares.items():
        due += share * count
        kinds += [kind] * (round(due) - len(kinds))
    return kinds


def _marked(count: int, share: float) -> list[bool]:
    marked = round(count * share)
    return [True] * marked + [False] * (count - marked)


class _Maker:
    """Makes one signal."""

    def __init__(self, rng: random.Random, number: int, seed: int) -> None:
        self._rng = rng
        self._key = f"bench-{seed}-{number}"
        self._company = f"{rng.choice(words.FIRST)} {rng.choice(words.SECOND)} {seed}{number:04d}"
        self._number = number

    def make(self, kind: str, lead: bool, quiet: bool) -> BenchSignal:
        """A signal of a kind; a `quiet` lead does not use the usual words."""
        if kind == "ad":
            title, text = self._ad(lead, quiet)
        else:
            title, text = self._post(lead, quiet, POST_CHARS if kind == "post" else SHORT_CHARS)
        company = self._company if kind == "ad" else None
        location = self._rng.choice(words.PLACES) if kind == "ad" else None
        source_type = "job_ad" if kind == "ad" else "forum_post"
        return BenchSignal(self._key, title, text, company, location or None, source_type, lead)

    def _ad(self, lead: bool, quiet: bool) -> tuple[str, str]:
        rng = self._rng
        small = lead or rng.random() < 0.3
        people = rng.randint(3, 19) if small else rng.randint(40, 900)
        titles, duties = rng.choice(words.ROLES)
        if lead:
            titles = words.LEAD_QUIET_TITLES if quiet else words.LEAD_TITLES
            duties = words.COMMON_DUTIES if quiet else words.LEAD_DUTIES
        title = rng.choice(titles)
        about = rng.sample(words.ABOUT, rng.randint(7, 9))
        for sentence in () if lead else self._noise():
            about.insert(rng.randrange(len(about)), sentence)
        needs = rng.sample(words.COMMON_NEEDS, 6)
        if lead and not quiet:
            needs[:2] = rng.sample(words.LEAD_NEEDS, 2)
        opening = [f"{self._company} looks for a {title} ({self._place()})."]
        if lead:
            opening += rng.sample(words.ASKS_QUIET if quiet else words.LEAD_PAINS, 2)
        tasks = rng.sample(duties, min(len(duties), 5)) + rng.sample(words.COMMON_DUTIES, rng.randint(4, 6))
        sections = [
            "About us\n" + " ".join(about),
            "The position\n" + " ".join(opening),
            "What you do\n" + _bullets(tasks),
            "What you bring\n" + _bullets(needs),
            "What we offer\n" + _bullets(rng.sample(words.BENEFITS, 8)),
            "How it goes on\n" + " ".join(rng.sample(words.PROCESS, 5)),
            "\n".join(rng.sample(words.LEGAL, 4)),
        ]
        text = self._filled("\n\n".join(sections), people)
        return title, self._lengthened(text, AD_CHARS, words.ABOUT + words.BENEFITS, people)

    def _noise(self) -> list[str]:
        """Sentences with marketing words for an ad about other work; most ads have none."""
        dice = self._rng.random()
        if dice < LOUD_ADS:
            return self._rng.sample(words.ABOUT_LOUD, self._rng.randint(1, 3))
        if dice < LOUD_ADS + MILD_ADS:
            return self._rng.sample(words.ABOUT_MILD, self._rng.randint(1, 3))
        return []

    def _post(self, lead: bool, quiet: bool, chars: int) -> tuple[str, str]:
        rng = self._rng
        short = chars <= SHORT_CHARS
        dice = rng.random()
        core: tuple[str, ...]
        if lead:
            core = words.ASKS_QUIET if quiet else words.ASKS
        elif dice < OFFERS:
            core = words.OFFERS
        elif dice < OFFERS + ADVICE:
            core = words.ADVICE
        else:
            core = words.CHATTER
        said = rng.sample(core, 2 if short else min(len(core), 3))
        filler = rng.sample(words.FILLER, 2 if short else 7)
        text = self._filled(" ".join([said[0], filler[0], *said[1:], *filler[1:]]), rng.randint(1, 9))
        title = "" if short else re.split(r"(?<=[.?:,])\s", self._filled(said[0], 5))[0].rstrip(",:")[:90]
        return title, self._lengthened(f"{text} (#{self._number})", chars, words.FILLER, 5)

    def _lengthened(self, text: str, chars: int, pool: Sequence[str], people: int) -> str:
        """The text with more of the same until it is about as long as it should be: lengths vary by a third either way."""
        aim = chars * self._rng.uniform(0.7, 1.3)
        parts = [text]
        length = len(text)
        for sentence in self._rng.sample(pool, len(pool)):
            if length >= aim:
                break
            parts.append(self._filled(sentence, people))
            length += len(parts[-1]) + 1
        return " ".join(parts)

    def _filled(self, text: str, people: int) -> str:
        """The text with its places filled in, each time with other numbers."""
        rng = self._rng

        def fill(place: re.Match[str]) -> str:
            name = place[1]
            if name in RANGES:
                return str(rng.randint(*RANGES[name]))
            if name == "trade":
                return rng.choice(words.TRADES)
            return self._company if name == "company" else str(people)

        return _PLACE.sub(fill, text)

    def _place(self) -> str:
        return self._rng.choice([place for place in words.PLACES if place])


def _bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
