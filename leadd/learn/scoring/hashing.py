"""Titles and texts as hashed word n-grams: sparse rows of a fixed width that need no vocabulary (Weinberger et al. 2009).

Single words and pairs of neighbours, of title and text apart. Hashes are the same on every machine and in every run. A word
counts by its zone (`tokens`), a repeated one by the logarithm; the title's values and the text's have length 1 each.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadd.learn.words.tokens import TextWords, TitleWords

TITLE_BITS = 17
TEXT_BITS = 18
FIELD_BITS = 12
TEXT_FROM = 1 << TITLE_BITS
FIELDS_FROM = TEXT_FROM + (1 << TEXT_BITS)
WIDTH = FIELDS_FROM + (1 << FIELD_BITS)
"""Columns of a row: those of the title, then of the text, then of fields."""
FIELD_VALUE = 0.5

_HEAD, _LATER = "\x01", "\x02"
_CACHED_WORDS = 400_000


@dataclass(frozen=True, slots=True)
class HashedRow:
    """The columns (int32, ascending, different) of one signal and their values (float32)."""

    columns: NDArray[np.int32]
    values: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows in one piece (CSR): row i has `columns[starts[i]:starts[i + 1]]` and the values there."""

    starts: NDArray[np.int64]
    columns: NDArray[np.int32]
    values: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.starts) - 1

    def times(self, weights: NDArray[Any]) -> NDArray[np.float64]:
        """The product with one weight per column, shape (rows,)."""
        products = np.multiply(self.values, weights[self.columns], dtype=np.float32)
        return row_sums(products, self.starts)

    def take(self, places: NDArray[np.int64]) -> Rows:
        """Some rows, in that order."""
        lengths = np.diff(self.starts)[places]
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        where = np.repeat(self.starts[:-1][places] - starts[:-1], lengths) + np.arange(starts[-1])
        return Rows(starts, self.columns[where], self.values[where])


def row_sums(products: NDArray[Any], starts: NDArray[np.int64]) -> NDArray[np.float64]:
    """The sum of each row's products; 0 for an empty row."""
    out = np.zeros(len(starts) - 1)
    filled = starts[1:] > starts[:-1]
    if filled.any():
        out[filled] = np.add.reduceat(products, starts[:-1][filled])
    return out


def stacked(rows: Sequence[HashedRow]) -> Rows:
    """Many rows in one piece."""
    starts = np.zeros(len(rows) + 1, dtype=np.int64)
    if not rows:
        return Rows(starts, np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32))
    np.cumsum([len(row.columns) for row in rows], out=starts[1:])
    return Rows(starts, np.concatenate([row.columns for row in rows]), np.concatenate([row.values for row in rows]))


class _Hashes(dict[str, int]):
    """Hashes of words, made at the first look."""

    def __missing__(self, word: str) -> int:
        self[word] = made = zlib.crc32(word.encode())
        return made


class Hasher:
    """Makes rows of words. Keeps the hashes of words it has seen (bounded)."""

    def __init__(self) -> None:
        self._known = _Hashes()

    def row(self, title: TitleWords, text: TextWords, fields: Sequence[str] = ()) -> HashedRow:
        """The row of a signal; `fields` as 'name=value'."""
        names, marked = _title_words(title)
        ids = self._ids(marked)
        pairs = _pairs(self._ids(names))
        columns = np.concatenate([_fold_to(ids, TITLE_BITS), _fold_to(pairs, TITLE_BITS)])
        in_title = _summed(columns, np.ones(len(columns), dtype=np.float32), 0)
        words, counts = self._ids(text.words), np.asarray(text.counts, dtype=np.float32)
        columns = np.concatenate([_fold_to(words, TEXT_BITS), _fold_to(_pairs(words), TEXT_BITS)])
        weights = np.concatenate([counts, np.minimum(counts[1:], counts[:-1])])
        in_text = _summed(columns, weights, TEXT_FROM)
        known = np.unique(_fold_to(self._ids(fields), FIELD_BITS)) + np.int32(FIELDS_FROM)
        values = np.full(len(known), FIELD_VALUE, dtype=np.float32)
        return HashedRow(
            np.concatenate([in_title.columns, in_text.columns, known]),
            np.concatenate([in_title.values, in_text.values, values]),
        )

    def names(self, title: TitleWords, text: TextWords, fields: Sequence[str] = ()) -> dict[int, str]:
        """What stands behind the columns of a signal, for explaining: 'title: head of', 'text: campaigns'."""
        names, marked = _title_words(title)
        found: dict[int, str] = {}
        shown = [word.rstrip(_HEAD + _LATER) for word in marked]
        self._name(found, "title: ", shown, self._ids(marked), TITLE_BITS, 0)
        self._name_pairs(found, "title: ", names, TITLE_BITS, 0)
        self._name(found, "text: ", text.words, self._ids(text.words), TEXT_BITS, TEXT_FROM)
        self._name_pairs(found, "text: ", text.words, TEXT_BITS, TEXT_FROM)
        self._name(found, "", fields, self._ids(fields), FIELD_BITS, FIELDS_FROM)
        return found

    def _name(self, found: dict[int, str], place: str, words: Sequence[str], ids: NDArray[Any], bits: int, first: int) -> None:
        for word, column in zip(words, _fold_to(ids, bits).tolist(), strict=True):
            found.setdefault(column + first, place + word)

    def _name_pairs(self, found: dict[int, str], place: str, words: Sequence[str], bits: int, first: int) -> None:
        pairs = [f"{one} {two}" for one, two in pairwise(words)]
        self._name(found, place, pairs, _pairs(self._ids(words)), bits, first)

    def _ids(self, words: Sequence[str]) -> NDArray[np.uint64]:
        known = self._known
        if len(known) > _CACHED_WORDS:
            known.clear()
        return np.fromiter(map(known.__getitem__, words), dtype=np.uint64, count=len(words))


def _title_words(title: TitleWords) -> tuple[list[str], list[str]]:
    """All words, and single words marked by whether they stand in the first part, and its last word once more as the head."""
    names = [word for part in title.parts for word in part]
    marked = list(names)
    if title.parts:
        marked += [word + _HEAD for word in title.parts[0]]
        marked += [title.parts[0][-1] + _HEAD + _HEAD]
    return names, marked


def _pairs(ids: NDArray[np.uint64]) -> NDArray[np.uint64]:
    if len(ids) < 2:
        return np.zeros(0, dtype=np.uint64)
    mixed: NDArray[np.uint64] = (ids[:-1] * np.uint64(0x9E3779B97F4A7C15)) ^ (ids[1:] + np.uint64(0x7F4A7C15))
    return mixed


def _fold_to(ids: NDArray[np.uint64], bits: int) -> NDArray[np.int32]:
    mixed = (ids ^ (ids >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
    return (mixed >> np.uint64(64 - bits)).astype(np.int32)


def _summed(columns: NDArray[np.int32], weights: NDArray[np.float32], first: int) -> HashedRow:
    """Equal columns as one, with the logarithm of their sum, all of length 1 together."""
    if not len(columns):
        return HashedRow(np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32))
    order = np.argsort(columns, kind="stable")
    ordered = columns[order]
    begins = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    values = np.log1p(np.add.reduceat(weights[order], begins))
    values /= math.sqrt(float(values @ values))
    return HashedRow(ordered[begins] + np.int32(first), values.astype(np.float32))
