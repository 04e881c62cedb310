"""Texts without case, accents and width, and their words, in any script."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

import regex

from leadd.api.stopwords import STOPWORDS, VAGUE_WORDS

NOT_ASCII = re.compile(r"[^\x00-\x7f]+")


def _fold_char(char: str) -> str:
    """One character without case, accent or width: 'É' → 'e', 'ß' → 'ss', a combining accent → ''."""
    decomposed = unicodedata.normalize("NFKD", char.casefold())
    kept = "".join(c for c in decomposed if not _is_accent(c))
    return unicodedata.normalize("NFKC", kept).casefold()


def _is_accent(char: str) -> bool:
    """Accents of Latin, Greek and Cyrillic, Hebrew points, Arabic vowel signs. Other marks are letters of their words."""
    return (
        "\u0300" <= char <= "\u036f" or "\u0591" <= char <= "\u05c7" or "\u064b" <= char <= "\u065f" or char in "\u0640\u0670"
    )


def _fold_table() -> Mapping[int, str]:
    """What str.translate needs for the ranges in which folding does anything; built once, 6,000 characters."""
    ranges = ((0x80, 0x670), (0x10A0, 0x1100), (0x1C80, 0x1CC0), (0x1E00, 0x2000), (0x2070, 0x2190), (0x2460, 0x2500),
              (0x2C00, 0x2D30), (0xA640, 0xA7FF), (0xFB00, 0xFB50), (0xFF00, 0xFFF0), (0x1D400, 0x1D800))  # fmt: skip
    table = {code: _fold_char(chr(code)) for start, end in ranges for code in range(start, end)}
    table |= dict.fromkeys((0x2018, 0x2019, 0x201B, 0x2032, 0x00B4, 0x02BC, 0xFF07), "'")
    table |= dict.fromkeys((0x2010, 0x2011, 0x2012, 0x2013, 0x2014, 0x2015, 0x2212), "-")
    table |= dict.fromkeys((0x00A0, 0x202F, 0x3000), " ")
    return {code: folded for code, folded in table.items() if folded != chr(code)}


FOLD = _fold_table()


def fold(text: str) -> str:
    """The text without case, accents, width and typographic variants of quotes and dashes; '_' becomes a space.

    'Café-Straße' → 'cafe-strasse'. Lengths may change; `KeywordSet` maps offsets back.
    """
    if not text.isascii():
        text = NOT_ASCII.sub(lambda run: run[0].translate(FOLD), text)
    return text.lower().replace("_", " ")


CHARS_WITHOUT_SPACES = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}\u30fc"
_WORD = regex.compile(
    rf"[[\p{{L}}\p{{N}}]--[{CHARS_WITHOUT_SPACES}]][[\p{{L}}\p{{M}}\p{{N}}]--[{CHARS_WITHOUT_SPACES}]]*+"
    rf"(?:['’][\p{{L}}][\p{{L}}\p{{M}}]*+)*+|[{CHARS_WITHOUT_SPACES}][{CHARS_WITHOUT_SPACES}\p{{M}}]*+",
    regex.V1,
)
_ASCII_WORD = re.compile(r"[a-z0-9]++(?:'[a-z]++)*+", re.IGNORECASE)
_NEEDS_SCRIPTS = re.compile("[\u0590-\u1fff\u2c00-\ud7ff\uf900-\U0001efff\U0001fb00-\U0010ffff]")
"""Characters whose word boundaries the standard library does not know: marks that belong to words, scripts without spaces."""


def words(text: str) -> list[str]:
    """The folded words of a text in order. Marks and inner apostrophes stay in their words; a run of a script without spaces
    is one word."""
    folded = fold(text)
    return (_ASCII_WORD if folded.isascii() else _WORD).findall(folded)


def significant_words(text: str) -> list[str]:
    """The folded words that carry meaning: no stop words (of eight languages), no numbers, nothing of one letter."""
    return [w for w in words(text) if len(w) > 1 and w not in STOPWORDS and not w.isdigit()]


def telling_words(description: str) -> tuple[str, ...]:
    """The words of a description of a customer that tell it from others, as keywords (long ones as `word*`), at most 40."""
    significant = list(dict.fromkeys(significant_words(description)))
    telling = [w for w in significant if w not in VAGUE_WORDS and len(w) > 2] or significant
    return tuple(f"{w}*" if len(w) >= 6 and w.isascii() and w.isalpha() else w for w in telling[:40])


class Folded:
    """A text with its folded form, for several keyword sets to read."""

    __slots__ = ("folded", "needs_scripts", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.folded = fold(text)
        self.needs_scripts = not self.folded.isascii() and _NEEDS_SCRIPTS.search(self.folded) is not None
