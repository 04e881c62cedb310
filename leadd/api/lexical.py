"""Words, keywords and sentences in any language: what the prefilter and readers of evidence see of a text.

Everything is pure, works on offsets of the text it was given, and takes time linear in that text.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import regex

from leadd.api.folding import CHARS_WITHOUT_SPACES, FOLD, NOT_ASCII, Folded, fold, significant_words, telling_words, words

__all__ = [
    "Folded",
    "KeywordSet",
    "Match",
    "Relevance",
    "fold",
    "relevance",
    "sentences",
    "significant_words",
    "telling_words",
    "weigh",
    "words",
]


@dataclass(frozen=True, slots=True)
class Match:
    """A keyword found in a text: the keyword as it was given, and the literal quote with its offsets."""

    keyword: str
    start: int
    end: int
    quote: str


_SPLIT_KEYWORD = re.compile(r"[\s\-/]+")
_SQUEEZE = re.compile(r"\(?\b[mwdfxi](?:\s?[/|]\s?[mwdfxi]){1,3}\b\)?|[:*·•(]-?(?:innen|in)\b\)?|/-?(?:innen|in)\b|[\s\-/]+")
_GENDERS = r"(?:\s{0,2}\(?[mwdfxi](?:\s?[/|]\s?[mwdfxi]){1,3}\)?)?"
_GAP = rf"{_GENDERS}[\s\-/,]{{1,3}}"
_CLOSE_GAP = rf"{_GENDERS}[\s\-/,]{{0,3}}"
_FEMALE = r"(?:[:*·•/(]?-?in(?:nen)?\)?)?"
_TAKES_FEMALE = re.compile(r"[a-z]{3}(?:er|or|ist|ent|ant|eur|eut|oge|at|it|rt|te|ge)\Z")
_SPACELESS = regex.compile(rf"[{CHARS_WITHOUT_SPACES}]", regex.V1)
_HANGUL = regex.compile(r"\p{Hangul}")
_WORD_EDGE = rf"[[\p{{L}}\p{{M}}\p{{N}}]--[{CHARS_WITHOUT_SPACES}]]"


class KeywordSet:
    """Keywords compiled once, found fast (about 10,000 texts of 1,000 characters a second and core).

    A keyword matches whole words whatever their case and accents; `word*` matches words that begin so. The words of a phrase
    may be joined by spaces, hyphens or slashes ('e-mail marketing' finds 'Email-Marketing'), German gender forms are the same
    keyword ('Manager:in', 'Managerin', 'Manager (m/w/d)'), and keywords in scripts without spaces match anywhere. Where two
    keywords start at one place, the longest is found; matches do not overlap.
    """

    def __init__(self, keywords: Iterable[str]) -> None:
        self.keywords: tuple[str, ...] = tuple(dict.fromkeys(k.strip() for k in keywords if fold(k).strip(" *-/")))
        self._by_key: dict[str, str] = {}
        self._prefixes: list[tuple[str, str]] = []
        self._stems: list[tuple[str, bool]] = []
        for keyword in sorted(self.keywords, key=len, reverse=True):
            folded = " ".join(fold(keyword).split())
            is_prefix = folded.endswith("*")
            stem = folded.rstrip("*").strip(" -/")
            key = _squeeze(stem)
            if not key:
                continue
            if is_prefix:
                self._prefixes.append((key, keyword))
            else:
                self._by_key.setdefault(key, keyword)
            self._stems.append((stem, is_prefix))
        self._plain: re.Pattern[str] | None = None
        self._scripted: regex.Pattern[str] | None = None

    def __len__(self) -> int:
        return len(self.keywords)

    def __bool__(self) -> bool:
        return bool(self.keywords)

    def find(self, text: str | Folded, *, limit: int = 1000) -> list[Match]:
        """All matches in order of their place, at most `limit`. Hand in a `Folded` where several sets read one text."""
        if not self._stems:
            return []
        read = text if isinstance(text, Folded) else Folded(text)
        folded, text = read.folded, read.text
        pattern = self._for_scripts() if read.needs_scripts else self._for_words()
        spans: list[tuple[int, int]] = []
        for match in pattern.finditer(folded):
            spans.append(match.span())
            if len(spans) >= limit:
                break
        if not spans:
            return []
        keywords = [self._keyword_of(folded[start:end]) for start, end in spans]
        if not text.isascii():
            spans = _unfold_spans(text, spans)
        return [Match(k, start, end, text[start:end]) for k, (start, end) in zip(keywords, spans, strict=True)]

    def found(self, text: str | Folded) -> bool:
        """Whether any keyword stands in the text."""
        return bool(self.find(text, limit=1))

    def _for_words(self) -> re.Pattern[str]:
        """Compiled at the first text: a daemon makes many sets as it starts, and some are never asked."""
        if self._plain is None:
            self._plain = re.compile(self._pattern(r"\b", r"(?!\w)"))
        return self._plain

    def _for_scripts(self) -> regex.Pattern[str]:
        """Compiled at the first text that needs it: it takes half a second for a hundred keywords."""
        if self._scripted is None:
            self._scripted = regex.compile(self._pattern(rf"(?<!{_WORD_EDGE})", rf"(?!{_WORD_EDGE})"), regex.V1)
        return self._scripted

    def _pattern(self, before: str, after: str) -> str:
        trie: _Trie = {}
        for stem, is_prefix in self._stems:
            _grow(trie, _bounded(_body(stem, is_prefix), stem, before, after, is_prefix))
        return _trie_pattern(trie)[0]

    def _keyword_of(self, matched: str) -> str:
        """Which keyword a matched piece of text stands for."""
        key = _squeeze(matched)
        exact = self._by_key.get(key)
        for ending in ("innen", "in"):
            if exact is None and key.endswith(ending):
                exact = self._by_key.get(key[: -len(ending)])
        if exact is not None:
            return exact
        for prefix, keyword in self._prefixes:
            if key.startswith(prefix):
                return keyword
        return next((keyword for known, keyword in self._by_key.items() if key.startswith(known)), matched)


def _squeeze(folded: str) -> str:
    return _SQUEEZE.sub("", folded.replace(",", " "))


_Trie = dict[str, Any]
"""Pieces of patterns by their beginning, so that keywords with a common beginning cost one step; '' marks an end."""


def _grow(trie: _Trie, atoms: Sequence[str]) -> None:
    node = trie
    for atom in atoms:
        node = node.setdefault(atom, {})
    node[""] = {}


def _trie_pattern(node: _Trie) -> tuple[str, int]:
    """The pattern of a trie and its depth; deeper branches first, so that the longest keyword wins."""
    found = [(atom, *_trie_pattern(child)) for atom, child in node.items()]
    branches = sorted((branch for branch in found if branch[0]), key=lambda branch: -branch[2])
    parts = [atom + pattern for atom, pattern, _ in branches]
    if "" in node:
        parts.append("")
    pattern = parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})" if parts else ""
    return pattern, 1 + max((depth for _, _, depth in found), default=0)


def _body(stem: str, is_prefix: bool) -> list[str]:
    """The pieces of pattern of a keyword: its letters, and what may stand between and after its words."""
    tokens = [t for t in _SPLIT_KEYWORD.split(stem) if t]
    joints = _SPLIT_KEYWORD.findall(stem)
    atoms: list[str] = []
    for index, token in enumerate(tokens):
        if index:
            previous = tokens[index - 1]
            may_close = "-" in joints[index - 1] or (len(token) >= 4 and len(previous) >= 4)
            female = _FEMALE if _TAKES_FEMALE.search(previous) else ""
            atoms.append(female + (_CLOSE_GAP if may_close else _GAP))
        atoms += map(re.escape, token)
    if tokens and not is_prefix and _TAKES_FEMALE.search(tokens[-1]):
        atoms.append(_FEMALE)
    return atoms


def _bounded(body: Sequence[str], stem: str, before: str, after: str, is_prefix: bool) -> list[str]:
    """The body with word boundaries at those ends that are words of a script with spaces."""
    starts_word = stem[:1].isalnum() and not _SPACELESS.match(stem[0])
    ends_word = (stem[-1:].isalnum() or unicodedata.category(stem[-1]).startswith("M")) and not _SPACELESS.match(stem[-1])
    tail = after if ends_word else ""
    if is_prefix:
        tail = r"[\w'\-]{0,40}" if ends_word else ""
    elif _HANGUL.match(stem[-1]):
        tail = ""  # Korean particles are written onto the noun
    return [*([before] if starts_word else []), *body, *([tail] if tail else [])]


def _unfold_spans(text: str, spans: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Offsets in the folded text as offsets in the text. Only characters that fold to none or to several move anything."""
    starts, shifts = [0], [0]
    shift = 0
    for run in NOT_ASCII.finditer(text):
        if len(run[0].translate(FOLD)) == run.end() - run.start() and not any(len(FOLD.get(ord(c), c)) != 1 for c in run[0]):
            continue
        for offset, char in enumerate(run[0]):
            extra = len(FOLD.get(ord(char), char)) - 1
            if extra:
                at = run.start() + offset
                # every folded character of this one stands for it; what follows is moved by all but the first
                for more in range(1, extra + 1):
                    starts.append(at + shift + more)
                    shifts.append(shift + more)
                shift += extra
                starts.append(at + 1 + shift)
                shifts.append(shift)
    if len(starts) == 1:
        return list(spans)
    return [(_unfold(start, starts, shifts), min(len(text), _unfold(end - 1, starts, shifts) + 1)) for start, end in spans]


def _unfold(position: int, starts: Sequence[int], shifts: Sequence[int]) -> int:
    return position - shifts[bisect_right(starts, position) - 1]


_SENTENCE_END = regex.compile(r"[.!?…]++[\"'”’)\]]*+(?=\s|\Z)|[。！？｡]++[”」』）]*+|\n+|[•▪●◦]|\s[|]\s")
_ABBREVIATION = regex.compile(
    r"(?:\b(?:e\.g|i\.e|z\.b|d\.h|u\.a|bzw|ca|inkl|etc|vs|mr|mrs|ms|dr|prof|inc|ltd|co|corp|st|no|nr|approx|str|mind|evtl|ggf|usw|sr|jr)"
    r"|\b\p{L})\.\Z",
    regex.IGNORECASE,
)


def sentences(text: str, *, limit: int = 2000) -> list[tuple[int, int]]:
    """Spans (start, end) of the sentences of a text, without the blanks around them; lines and bullets end a sentence too."""
    spans: list[tuple[int, int]] = []
    start = 0
    for end_mark in _SENTENCE_END.finditer(text):
        end = end_mark.end()
        if end_mark[0].startswith(".") and len(end_mark[0]) == 1 and _ABBREVIATION.search(text, max(0, end - 8), end):
            continue
        _append(spans, text, start, end)
        start = end
        if len(spans) >= limit:
            return spans
    _append(spans, text, start, len(text))
    return spans


def _append(spans: list[tuple[int, int]], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    stripped = piece.strip().strip(" \t\n\r•▪●◦|-*").strip()
    if stripped:
        start += piece.index(stripped)
        spans.append((start, start + len(stripped)))


@dataclass(frozen=True, slots=True)
class Relevance:
    """How much a text is about some terms, each part 0 to 1: the title alone, the text alone, and both together."""

    title: float
    text: float
    total: float
    matches: tuple[Match, ...] = ()
    """Those of the title first; `in_title` says how many they are."""
    in_title: int = 0


_NOTHING = Relevance(0.0, 0.0, 0.0)
_K1 = 1.2
_B = 0.75
_USUAL_CHARS = 2400
_USUAL_TITLE_CHARS = 48
_PHRASE_WEIGHT = 1.5


def relevance(title: str | Folded, text: str | Folded, terms: KeywordSet | Sequence[str]) -> Relevance:
    """How much title and text are about some terms: `find` in both, then `weigh`."""
    terms = terms if isinstance(terms, KeywordSet) else KeywordSet(terms)
    title = title if isinstance(title, Folded) else Folded(title)
    text = text if isinstance(text, Folded) else Folded(text)
    return weigh(terms.find(title), terms.find(text), title_chars=len(title.text), text_chars=len(text.text))


def weigh(in_title: Sequence[Match], in_text: Sequence[Match], *, title_chars: int, text_chars: int) -> Relevance:
    """BM25-like weight of matches in title and text, apart (Robertson and Zaragoza 2009, k1 1.2, b 0.75).

    There is no collection to take document frequencies from; a phrase of several words weighs half as much again as one word,
    because it is rarer. Title and text are each squeezed into 0 to 1; `total` counts the title for more, as what it names is
    what the text is about.
    """
    if not in_title and not in_text:
        return _NOTHING
    title_part = _saturate(_bm25(in_title, title_chars / _USUAL_TITLE_CHARS), 1.0)
    text_part = _saturate(_bm25(in_text, text_chars / _USUAL_CHARS), 4.0)
    total = 1.0 - (1.0 - 0.85 * title_part) * (1.0 - 0.65 * text_part)
    return Relevance(title_part, text_part, total, (*in_title, *in_text), len(in_title))


def _bm25(matches: Sequence[Match], relative_length: float) -> float:
    counts: dict[str, int] = {}
    for match in matches:
        counts[match.keyword] = counts.get(match.keyword, 0) + 1
    norm = _K1 * (1 - _B + _B * relative_length)
    return sum((_PHRASE_WEIGHT if " " in k else 1.0) * n * (_K1 + 1) / (n + norm) for k, n in counts.items())


def _saturate(value: float, half: float) -> float:
    return value / (value + half) if value > 0 else 0.0
