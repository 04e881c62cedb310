"""The judge inside the fake: it reads the signal in the prompt by keywords, and always judges the same text the same way."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from leadd.testing.ollama.stats import role_of

TOPICS = (
    "marketing", "marketer", "growth", "content", "seo", "sea", "brand", "branding", "campaign", "campaigns", "newsletter",
    "social media", "copywriter", "copywriting", "paid ads", "performance marketing", "demand generation", "lead generation",
    "go-to-market", "crm", "positioning", "storytelling",
)  # fmt: skip
TITLE_WEIGHT = 3
WORTH_FROM = 3
MATCH_FROM = 4
STRONGEST = 12
SIGNAL_KEYS = frozenset({"title", "company", "location", "text"})

_DECODER = json.JSONDecoder()
_SENTENCE = re.compile(r"[^.!?\n]+[.!?]?")
_NUMBERED = re.compile(r"\[(\d{1,3})\] (.*?)(?=\[\d{1,3}\] |\Z)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Question:
    """What an oracle is asked. `signal` is the last JSON object in the user's last message, {} where there is none.

    Where it `asks_label`, the answer is one word, `yes` or `no`, and no schema bounds it.
    """

    model: str
    endpoint: str
    messages: Sequence[Mapping[str, Any]]
    user_text: str
    schema: Mapping[str, Any] | None
    signal: Mapping[str, str]
    asks_label: bool = False

    @property
    def role(self) -> str:
        return "triage" if self.asks_label else role_of(self.schema)


Oracle = Callable[[Question], "str | Mapping[str, Any] | Reading | None"]
"""Answers a question: a text, an object (sent as JSON), how the signal reads (what fits the question is made of it), or None
for the built-in judge."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a signal reads. `strength` is 0 to 1; `hits` are the words found, as they stand in the text."""

    text: str
    weight: int
    hits: tuple[str, ...] = ()
    seed: int = 0
    low: str = field(default="")

    @property
    def worth(self) -> bool:
        return self.weight >= WORTH_FROM

    @property
    def match(self) -> bool:
        return self.weight >= MATCH_FROM

    @property
    def strength(self) -> float:
        return min(1.0, self.weight / STRONGEST)

    @property
    def certainty(self) -> float:
        """Probability that the judge gives to its own yes or no: never below one half, never one."""
        return min(0.98, 0.55 + abs(self.weight - WORTH_FROM + 0.5) * 0.06)


def _find_word(low: str, word: str) -> int:
    """Where a whole word (or group of words) stands in a lower-case text, -1 where it does not."""
    at = low.find(word)
    while at >= 0:
        end = at + len(word)
        if not (at and low[at - 1].isalnum()) and not (end < len(low) and low[end].isalnum()):
            return at
        at = low.find(word, at + 1)
    return -1


def read_signal(signal: Mapping[str, str], user_text: str, topics: tuple[str, ...] = TOPICS) -> Reading:
    """Read a signal (or the bare text of a prompt that holds none)."""
    title = signal.get("title") or ""
    text = signal.get("text") or ("" if signal else user_text)
    low, low_title = text.lower(), title.lower()
    found = sorted((at, topic) for topic in topics if topic in low and (at := _find_word(low, topic)) >= 0)
    straight = len(low) == len(text)
    hits = tuple(text[at : at + len(topic)] if straight else topic for at, topic in found)
    in_title = len([topic for topic in topics if topic in low_title and _find_word(low_title, topic) >= 0])
    seed = zlib.crc32(f"{title}\0{text}".encode("utf-8", "replace"))
    return Reading(text, TITLE_WEIGHT * in_title + len(hits), hits, seed, f"{low_title}\n{low}")


def find_signal(text: str) -> dict[str, str]:
    """The last JSON object with a signal's keys in a text; {} where there is none."""
    at = text.rfind("{")
    for _ in range(200):
        if at < 0:
            return {}
        try:
            value, _end = _DECODER.raw_decode(text, at)
        except ValueError:
            value = None
        if isinstance(value, dict) and "text" in value and SIGNAL_KEYS & value.keys():
            return {key: str(value[key]) for key in SIGNAL_KEYS if isinstance(value.get(key), str)}
        at = text.rfind("{", 0, at)
    return {}


def quotes(reading: Reading, limit: int, most: int) -> list[str]:
    """Literal pieces of the text around what was found, each at most `limit` characters, at most `most` of them."""
    found: list[str] = []
    for match in _SENTENCE.finditer(reading.text):
        sentence = match[0]
        low = sentence.lower()
        word = next((hit for hit in reading.hits if hit.lower() in low), None)
        if word is None:
            continue
        start = max(0, low.find(word.lower()) - limit // 3) if len(sentence) > limit else 0
        piece = sentence[start : start + limit].strip()
        if piece and piece not in found:
            found.append(piece)
        if len(found) >= most:
            break
    return found


def numbers(reading: Reading, low: int, high: int, most: int) -> list[int]:
    """The numbers of the sentences (`[1] First. [2] Second.`) in which something was found, those with the most first."""
    found = []
    for match in _NUMBERED.finditer(reading.text):
        said = match[2].lower()
        hits = len({hit.lower() for hit in reading.hits if hit.lower() in said})
        if hits and low <= int(match[1]) <= high:
            found.append((-hits, int(match[1])))
    return [number for _, number in sorted(found)[:most]]
