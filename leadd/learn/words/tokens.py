"""Titles and texts as words with a weight for where they stand.

What an ad is about stands in its title, and in the part that describes the role; half of it is about the employer, the benefits
and the law, and names departments that nobody is wanted for. So a word counts by its zone, and more where a role is named
('you report to …', 'we are looking for a …').
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import regex

from leadd.api.folding import CHARS_WITHOUT_SPACES, fold

_WORD = re.compile(r"[^\W_]+(?:'[a-z]+)?")
_SPACELESS_RUN = regex.compile(rf"[{CHARS_WITHOUT_SPACES}]+")
_MARKS = re.compile("[\u0900-\u109f\u0e00-\u0fff]")
_MARKED_WORD = regex.compile(r"[\p{L}\p{N}][\p{L}\p{M}\p{N}]*+")
_HAS_SPACELESS = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\U00020000-\U0003ffff]")

_PARTS = re.compile(r"\s[-|/]+\s?|[,(\[\]|:;@]+|\s+at\s+|\s+bei\s+|\s+chez\s+")
MAX_CHARS = 20_000
"""What stands behind so many characters of a text is not read."""

ROLE, PLAIN, ASIDE = 1.0, 0.6, 0.25
"""How much a word counts in the part on the role, where nothing is known of the part, and in the part on employer or law."""
NAMING = 2.5
"""How many times as much a word counts behind words that name the role."""
_NAMING_REACH = 7

_ROLE_HEADING = re.compile(
    r"\b(role|responsibilit|what you|you'll|you will|your (?:tasks|mission|impact|day|role|job|profile|responsib)|the job|"
    r"position|job summary|day.to.day|requirements|qualifications|about you|who you are|we're looking|we are looking|"
    r"looking for|duties|skills|experience|aufgaben|dein profil|ihr profil|das bringst|das machst|was dich|tatigkeit|"
    r"missions?|profil|poste|responsabilidades|requisitos|funciones|perfil|puesto|tareas)"
)
_ASIDE_HEADING = re.compile(
    r"\b(about us|who we are|about (?!you|the (?:role|job|position|team))|our (?:story|mission|values|culture|investors|"
    r"company|client)|company|benefits?|perks|we offer|what we offer|why (?:join|work|us)|equal opportunit|eeo|diversity|"
    r"privacy|salary|compensation|pay range|interview process|hiring process|our process|uber uns|wir bieten|datenschutz|"
    r"qui sommes|a propos|nous offrons|avantages|sobre nosotros|quienes somos|ofrecemos|beneficios)"
)
_ASIDE_LINE = re.compile(
    r"equal opportunity|regardless of|protected by law|sexual orientation|reasonable accommodation|recruitment agenc|"
    r"personal data|background check|unsolicited|series [a-e]\b|backed by|401\(?k|health insurance|"
    r"dental|parental leave|paid time off"
)
_NAMES_A_ROLE = re.compile(
    r"\b(?:report(?:s|ing)? (?:directly )?(?:in)?to|looking for|seeking|hiring|join (?:us|our|the)|as (?:a|an|our|the)|"
    r"(?:member|part) of (?:our|the)|suchen|als|berichtest an|recherchons|recrute|en tant que|buscamos|como)\b"
)


_TO_THE_READER = re.compile(
    r"\b(?:ignore|disregard|forget|ignoriere|vergiss|ignorez?|oubliez?|ignora|olvida)\b.{0,40}"
    r"\b(?:instruction|prompt|rule|anweisung|regel|consigne|instruccion|regla)|"
    r"^\W*(?:(?:assistant|system|user|ai|llm|model)\s*:|(?:assistant|classifier|chatbot|language model)\s*,)|"
    r"\b(?:reading|reviewing|screening|dear|you are an?)\s+(?:ai|llm|model|assistant|classifier|language model)\b|"
    r"\b(?:answer|reply|respond|say|output|antworte|repond[sz]?|responde)\b(?: (?:with|mit|par|con))?"
    r"[ \"':]{0,4}(?:yes|no|ja|nein|oui|non|si|true|false)\b|"
    r"<\|?/?(?:im_start|im_end|system|user|assistant|inst)|\[/?inst\]|^\W*#+\s*(?:system|assistant|user)\b|"
    r"[\"'](?:label|icp_match|match|worth|score|total_score|role)[\"']\s*:|"
    r"display\s*:\s*none|visibility\s*:\s*hidden|font-size\s*:\s*0|<!--"
)
"""What speaks to whoever judges the text rather than to whoever reads it for a job. Such a line is not counted."""
_STUFFED_WORDS, _STUFFED_VARIETY = 12, 1.5
"""A line of so many words whose variety (different words over the root of all: Guiraud 1954; people write 4 and more) is no
higher says one thing over and over: it is not counted, and its words are not counted anywhere in the text."""
_UNSEEN = re.compile("[\u200b-\u200f\u2060-\u2064\ufeff\u00ad]")
"""Characters that take no room: they hide words from a machine, or words for a machine."""
_MIXED_SCRIPTS = regex.compile(r"\p{Latin}[\p{Cyrillic}\p{Greek}]|[\p{Cyrillic}\p{Greek}]\p{Latin}")
"""Letters of another script that look alike within a word: nobody types so who writes for people."""


def split_words(folded: str) -> list[str]:
    """The words of a folded text in order; of scripts without spaces every two neighbouring characters."""
    if folded.isascii():
        return _WORD.findall(folded)
    found: list[str] = (_MARKED_WORD if _MARKS.search(folded) else _WORD).findall(folded)
    if _HAS_SPACELESS.search(folded):
        return [piece for word in found for piece in _pieces(word)]
    return found


def _pieces(word: str) -> list[str]:
    run = _SPACELESS_RUN.search(word)
    if run is None:
        return [word]
    inner = run[0]
    pairs = [inner[i : i + 2] for i in range(max(1, len(inner) - 1))]
    outer = [part for part in (word[: run.start()], word[run.end() :]) if part]
    return pairs + [piece for part in outer for piece in _pieces(part)]


@dataclass(frozen=True, slots=True)
class TitleWords:
    """The words of a title, part by part: 'Engineer, Marketing Platform (Berlin)' has three."""

    parts: tuple[tuple[str, ...], ...]


def read_title(title: str) -> TitleWords:
    """The words of a title in its parts, empty parts left out."""
    parts = (tuple(split_words(part)) for part in _PARTS.split(fold(title[:300])))
    return TitleWords(tuple(part for part in parts if part))


@dataclass(frozen=True, slots=True)
class TextWords:
    """The words of a text, and how much each counts (same length)."""

    words: list[str]
    counts: list[float]


def read_text(text: str) -> TextWords:
    """The words of a text with the weight of their zone, without lines that are there for a machine to read. Time is linear in
    the text."""
    folded = fold(text[:MAX_CHARS])
    if not folded.isascii():
        folded = _UNSEEN.sub("", folded)
    found: list[str] = []
    counts: list[float] = []
    stuffed: set[str] = set()
    zone = PLAIN
    for line in folded.split("\n"):
        if not line or line.isspace():
            continue
        words = split_words(line)
        if _is_stuffed(words):
            stuffed.update(words)
            continue
        if _speaks_to_a_judge(line):
            continue
        if len(words) <= 9:
            zone = _zone_of(line, zone)
        here = ASIDE if zone != ASIDE and _ASIDE_LINE.search(line) else zone
        found += words
        counts += _counts(line, words, here)
    if stuffed:
        kept = [place for place, word in enumerate(found) if word not in stuffed]
        return TextWords([found[place] for place in kept], [counts[place] for place in kept])
    return TextWords(found, counts)


def _is_stuffed(words: list[str]) -> bool:
    return len(words) >= _STUFFED_WORDS and len(set(words)) <= _STUFFED_VARIETY * math.sqrt(len(words))


def _speaks_to_a_judge(line: str) -> bool:
    """Whether a line is there for a machine and not for people."""
    return _TO_THE_READER.search(line) is not None or (not line.isascii() and _MIXED_SCRIPTS.search(line) is not None)


def _zone_of(line: str, zone: float) -> float:
    if line.lstrip()[:1] in "-*•·" or line.rstrip()[-1:] in ".;":
        return zone
    if _ROLE_HEADING.search(line):
        return ROLE
    return ASIDE if _ASIDE_HEADING.search(line) else zone


def _counts(line: str, words: list[str], here: float) -> list[float]:
    counts = [here] * len(words)
    if here == ASIDE:
        return counts
    for cue in _NAMES_A_ROLE.finditer(line):
        begin = len(split_words(line[: cue.end()]))
        for place in range(begin, min(begin + _NAMING_REACH, len(words))):
            counts[place] = here * NAMING
    return counts


def role_part(text: str, *, most_chars: int = 1500) -> str:
    """The part of a text on the role, for embedding: lines of the role's zone, else of no known zone, at most `most_chars`."""
    zone = PLAIN
    parts: dict[float, list[str]] = {ROLE: [], PLAIN: [], ASIDE: []}
    for line in text[:MAX_CHARS].split("\n"):
        if not line or line.isspace():
            continue
        if len(line) <= 80:
            zone = _zone_of(fold(line), zone)
        parts[zone].append(line)
    return "\n".join(parts[ROLE] + parts[PLAIN] or parts[ASIDE])[:most_chars]
