"""What the scorer sees of a signal: hashed words, fields, the zero-label fit, and vectors where there are any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadd.learn.scoring.hashing import HashedRow, Hasher, Rows, stacked
from leadd.learn.words.tokens import read_text, read_title
from leadd.learn.words.zero import Signs, ZeroLabel

Floats32 = NDArray[np.float32]

ODDS = 0.25
"""The zero-label log-odds are written so many times smaller, to be of the size of the other columns."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one signal was read as, once: it can be kept, and does not depend on what is learnt."""

    row: HashedRow
    signs: Signs


@dataclass(frozen=True, slots=True)
class Batch:
    """The features of n signals: hashed `rows`, `odds` (n,) of the zero-label fit times `ODDS`, `strengths` (n, 2 x groups),
    and `vectors` (n, d) where d may be 0."""

    rows: Rows
    odds: Floats32
    strengths: Floats32
    vectors: Floats32

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, places: NDArray[np.int64]) -> Batch:
        """The same of some signals, in that order."""
        return Batch(self.rows.take(places), self.odds[places], self.strengths[places], self.vectors[places])


class Reader:
    """Reads signals for one ICP. Keeps caches of words: one thread at a time."""

    def __init__(self, zero: ZeroLabel) -> None:
        self.zero = zero
        self.hasher = Hasher()

    def see(self, title: str, text: str, fields: Sequence[str] = ()) -> Seen:
        """Read a signal. `fields` are known facts as 'name=value' ('size=1-10', 'source=rss'); leave out what is unknown."""
        in_title = read_title(title or text[:200].lstrip().split("\n", 1)[0])
        in_text = read_text(text)
        return Seen(self.hasher.row(in_title, in_text, fields), self.zero.find(in_title, in_text))

    def names(self, title: str, text: str, fields: Sequence[str] = ()) -> dict[int, str]:
        """What stands behind the columns of a signal, for `Scorer.explain`."""
        in_title = read_title(title or text[:200].lstrip().split("\n", 1)[0])
        return self.hasher.names(in_title, read_text(text), fields)

    def batch(
        self,
        seen: Sequence[Seen],
        *,
        near: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None,
        vectors: Floats32 | None = None,
    ) -> Batch:
        """Features by the statistics as they are. `near` as for `ZeroLabel.fits`; `vectors` (n, d), centred, of unit length."""
        fits = self.zero.fits([one.signs for one in seen], near)
        strengths = np.concatenate([fits.title, np.clip(fits.text, -3, 5)], axis=1).astype(np.float32)
        if vectors is None:
            vectors = np.zeros((len(seen), 0), dtype=np.float32)
        odds = (fits.odds * ODDS).astype(np.float32)
        return Batch(stacked([one.row for one in seen]), odds, strengths, vectors.astype(np.float32))
