"""The scorer that learns from verdicts: a logistic regression towards the zero-label fit.

Without verdicts it ranks as the zero-label fit does. Every verdict moves it: hashed words of title and of text, fields, the
strengths of functions, and vectors, each towards a prior of 0 with a deviation that says how far it may easily go. Classes are
balanced, rare words weigh more (inverse document frequency among the verdicts), and only columns that pull hardest at the start
are fitted, so that 2,000 verdicts take well under half a second.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadd.learn.scoring.features import Batch
from leadd.learn.scoring.hashing import FIELDS_FROM, TEXT_FROM, WIDTH, Rows, row_sums
from leadd.learn.scoring.logistic import Problem, solve

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Freedom:
    """How far weights may easily go from their prior (deviations), and where those of the zero-label fit start."""

    base: float = 3.0
    odds: float = 1.0
    odds_start: float = 2.0
    title: float = 0.5
    text: float = 6.0
    fields: float = 1.0
    strengths_title: float = 0.25
    strengths_text: float = 0.1
    vectors: float = 1.0
    columns: int = 10_000


SHIPPED = Freedom()

WEAK_COUNTS = 0.3
"""What a model's label counts beside a user's verdict."""
SURE = 0.9
"""A model's label is dropped where a scorer that learnt from verdicts alone is surer than this of the opposite."""
ENOUGH_TO_DOUBT = 20
"""Verdicts of each kind from which the scorer may doubt a model's labels."""


class ScorerInvalid(ValueError):
    """Bytes that are no scorer of this version of leadd."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Something that speaks for a signal (points above 0) or against it."""

    words: str
    points: float


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The truth about n signals: `wanted` (n,), `weights` (n,) what each counts (1 / size of its duplicate group), `weak` (n,)
    where a model said so rather than the user, and the duplicate `groups` (None: none of its kind)."""

    wanted: Bools
    weights: Floats
    weak: Bools
    groups: tuple[Hashable | None, ...] = ()

    @classmethod
    def of(
        cls,
        wanted: Sequence[bool] | Bools,
        *,
        weights: Sequence[float] | Floats | None = None,
        weak: Sequence[bool] | Bools | None = None,
        groups: Sequence[Hashable | None] = (),
    ) -> Verdicts:
        """Checked arrays. Raises ValueError where lengths differ or a weight is not above 0."""
        n = len(wanted)
        found = cls(
            np.asarray(wanted, dtype=bool),
            np.ones(n) if weights is None else np.asarray(weights, dtype=np.float64),
            np.zeros(n, dtype=bool) if weak is None else np.asarray(weak, dtype=bool),
            tuple(groups),
        )
        if not n == len(found.weights) == len(found.weak) or (groups and len(groups) != n):
            raise ValueError(f"{n} verdicts: as many weights, weak marks and groups are needed")
        if n and not (found.weights > 0).all():
            raise ValueError(f"weight {int((found.weights <= 0).argmax())} is not above 0")
        return found

    def take(self, places: NDArray[np.int64]) -> Verdicts:
        """Some of them, in that order."""
        groups = tuple(self.groups[place] for place in places) if self.groups else ()
        return Verdicts(self.wanted[places], self.weights[places], self.weak[places], groups)


@dataclass(frozen=True, slots=True)
class Scorer:
    """Fitted weights: of hashed columns (those not in `columns` have none), and of dense ones in the order base,
    odds, strengths, vectors. `shift` takes the balance of classes out again; `verdicts` is how many it learnt from, `dropped`
    how many of a model's labels were left out."""

    columns: NDArray[np.int32]
    weights: NDArray[np.float32]
    dense: NDArray[np.float32]
    strengths: int
    vectors: int
    shift: float = 0.0
    verdicts: int = 0
    dropped: int = 0

    @property
    def version(self) -> str:
        """A name for these numbers: 12 hex characters of their SHA-256."""
        digest = hashlib.sha256(self.columns.tobytes() + self.weights.tobytes() + self.dense.tobytes())
        digest.update(f"{FORMAT} {self.strengths} {self.vectors} {self.shift:.6f}".encode())
        return digest.hexdigest()[:12]

    def table(self) -> NDArray[np.float32]:
        """One weight per hashed column, for scoring many signals."""
        found = np.zeros(WIDTH, dtype=np.float32)
        found[self.columns] = self.weights
        return found

    def score(self, batch: Batch, table: NDArray[np.float32] | None = None) -> Floats:
        """Log-odds (n,), classes balanced: they rank, and 0 is the middle between wanted and not. `table` saves making it.

        Raises ValueError where the batch has other strengths or vectors than this scorer learnt from.
        """
        self._check(batch)
        sparse = batch.rows.times(self.table() if table is None else table)
        odds = self.dense[0] + self.dense[1] * batch.odds
        if batch.strengths.shape[1]:
            odds = odds + batch.strengths @ self.dense[2 : 2 + self.strengths]
        if self.vectors and batch.vectors.shape[1]:
            odds = odds + batch.vectors @ self.dense[2 + self.strengths :]
        found: Floats = sparse + odds
        return found

    def probability(self, batch: Batch) -> Floats:
        """How likely each is wanted at the share of wanted ones that the verdicts had; not calibrated any further."""
        found: Floats = 1.0 / (1.0 + np.exp(-np.clip(self.score(batch) + self.shift, -60, 60)))
        return found

    def explain(
        self, batch: Batch, place: int, names: Mapping[int, str], *, groups: Sequence[str] = (), most: int = 8
    ) -> list[Reason]:
        """What counts most for and against the signal at `place` of a batch, the strongest first.

        `names` are those of its columns (`Reader.names`), `groups` those of the zero-label fit (`ZeroLabel.groups`).
        """
        self._check(batch)
        rows, table = batch.rows, self.table()
        at = slice(int(rows.starts[place]), int(rows.starts[place + 1]))
        points = rows.values[at] * table[rows.columns[at]]
        found = [
            Reason(names[c], round(float(p), 3)) for c, p in zip(rows.columns[at].tolist(), points, strict=True) if c in names
        ]
        found.append(Reason("fit without verdicts", round(float(self.dense[1] * batch.odds[place]), 3)))
        many = self.strengths // 2
        for number, name in enumerate(groups[:many]):
            both = batch.strengths[place, [number, many + number]] @ self.dense[[2 + number, 2 + many + number]]
            found.append(Reason(f"function: {name or 'own words'}", round(float(both), 3)))
        if self.vectors:
            found.append(Reason("vectors", round(float(batch.vectors[place] @ self.dense[2 + self.strengths :]), 3)))
        return sorted((reason for reason in found if reason.points), key=lambda reason: -abs(reason.points))[:most]

    def to_bytes(self) -> bytes:
        """Compact bytes for the store; `from_bytes` gives an equal scorer with the same version."""
        head = {"format": FORMAT, "strengths": self.strengths, "vectors": self.vectors, "shift": self.shift}
        head |= {"verdicts": self.verdicts, "dropped": self.dropped}
        out = io.BytesIO()
        gaps = np.diff(self.columns, prepend=np.int32(0))
        kept = self.weights.astype(np.float16)
        np.savez_compressed(
            out, head=np.frombuffer(json.dumps(head).encode(), dtype=np.uint8), gaps=gaps, weights=kept, dense=self.dense
        )
        return out.getvalue()

    @classmethod
    def from_bytes(cls, data: bytes) -> Scorer:
        """The reverse of `to_bytes`. Raises ScorerInvalid where the bytes are cut, or of another version."""
        try:
            with np.load(io.BytesIO(data), allow_pickle=False) as parts:
                head = json.loads(parts["head"].tobytes())
                columns = np.cumsum(parts["gaps"], dtype=np.int32)
                weights, dense = parts["weights"].astype(np.float32), parts["dense"].astype(np.float32)
        except Exception as error:  # numpy and zipfile raise many kinds
            raise ScorerInvalid(f"these bytes are no scorer: {error}") from error
        if head.get("format") != FORMAT:
            raise ScorerInvalid(
                f"a scorer of format {head.get('format')}; this leadd reads format {FORMAT}: let it learn again"
            )
        if len(columns) != len(weights) or len(dense) != 2 + head["strengths"] + head["vectors"]:
            raise ScorerInvalid("these bytes are no scorer: its parts do not fit together")
        if len(columns) and not 0 <= columns.min() <= columns.max() < WIDTH:
            raise ScorerInvalid("these bytes are no scorer: a column is out of range")
        return cls(
            columns, weights, dense, head["strengths"], head["vectors"], head["shift"], head["verdicts"], head["dropped"]
        )

    def _check(self, batch: Batch) -> None:
        if batch.strengths.shape[1] != self.strengths:
            raise ValueError(
                f"{batch.strengths.shape[1]} strengths; this scorer learnt from {self.strengths}: let it learn again"
            )
        if batch.vectors.shape[1] not in (0, self.vectors):
            raise ValueError(f"vectors of {batch.vectors.shape[1]}; this scorer learnt from {self.vectors}: let it learn again")


def untaught(strengths: int, vectors: int = 0, freedom: Freedom = SHIPPED) -> Scorer:
    """The scorer before any verdict: the zero-label fit."""
    dense = np.zeros(2 + strengths + vectors, dtype=np.float32)
    dense[1] = freedom.odds_start
    return Scorer(np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.float32), dense, strengths, vectors)


def fit(batch: Batch, verdicts: Verdicts, *, freedom: Freedom = SHIPPED) -> Scorer:
    """Learn from verdicts on the signals of a batch, from the prior on: equal input gives an equal scorer.

    A model's label is left out where the user judged one of the same duplicate group otherwise, and where a scorer that learnt
    from the user alone is sure of the opposite. Raises ValueError where lengths differ.
    """
    if len(batch) != len(verdicts.wanted):
        raise ValueError(f"{len(batch)} signals and {len(verdicts.wanted)} verdicts: as many of each are needed")
    if not len(batch):
        return untaught(batch.strengths.shape[1], batch.vectors.shape[1], freedom)
    kept = trusted(batch, verdicts, freedom)
    found = _fit(batch.take(kept), verdicts.take(kept), freedom)
    return Scorer(
        found.columns, found.weights, found.dense, found.strengths, found.vectors, found.shift,
        int((~verdicts.weak).sum()), len(batch) - len(kept),
    )  # fmt: skip


def trusted(batch: Batch, verdicts: Verdicts, freedom: Freedom = SHIPPED) -> NDArray[np.int64]:
    """The places of all verdicts of the user and of those labels of a model that nothing speaks against."""
    kept = np.ones(len(batch), dtype=bool)
    if not verdicts.weak.any():
        return np.flatnonzero(kept)
    users = ~verdicts.weak
    if verdicts.groups:
        said: dict[Hashable, set[bool]] = {}
        for place in np.flatnonzero(users):
            group = verdicts.groups[place]
            if group is not None:
                said.setdefault(group, set()).add(bool(verdicts.wanted[place]))
        for place in np.flatnonzero(verdicts.weak):
            known = said.get(verdicts.groups[place]) if verdicts.groups[place] is not None else None
            kept[place] = known is None or bool(verdicts.wanted[place]) in known
    judged = verdicts.wanted[users]
    if min(int(judged.sum()), int((~judged).sum())) >= ENOUGH_TO_DOUBT:
        places = np.flatnonzero(users)
        alone = _fit(batch.take(places), verdicts.take(places), freedom).probability(batch)
        sure_of_opposite = np.where(verdicts.wanted, alone < 1 - SURE, alone > SURE)
        kept &= users | ~sure_of_opposite
    return np.flatnonzero(kept)


def _fit(batch: Batch, verdicts: Verdicts, freedom: Freedom) -> Scorer:
    counts, shift = _balanced(verdicts)
    rows, columns, scales = _chosen(batch, verdicts, counts, freedom)
    dense, deviations = _dense(batch, freedom)
    offset = freedom.odds_start * batch.odds.astype(np.float64)
    found = solve(Problem(rows, len(columns), dense, verdicts.wanted, counts, offset), tolerance=0.02)
    weights = (found[: len(columns)] * scales).astype(np.float16).astype(np.float32)  # as the store keeps them
    kept = np.abs(weights) > 1e-4
    ends = (found[len(columns) :] * deviations).astype(np.float32)
    ends[1] += freedom.odds_start
    return Scorer(
        columns[kept].astype(np.int32), weights[kept], ends, batch.strengths.shape[1], batch.vectors.shape[1], round(shift, 6)
    )


def _balanced(verdicts: Verdicts) -> tuple[Floats, float]:
    """What each verdict counts, both kinds the same in sum; and the log-odds of wanted that this takes out."""
    counts = verdicts.weights * np.where(verdicts.weak, WEAK_COUNTS, 1.0)
    total = counts.sum()
    wanted, other = counts[verdicts.wanted].sum(), counts[~verdicts.wanted].sum()
    if not wanted or not other:
        return counts * 0.5, 0.0
    balanced = np.where(verdicts.wanted, counts * total / (2 * wanted), counts * total / (2 * other))
    return balanced, float(np.log(wanted / other))


def _chosen(batch: Batch, verdicts: Verdicts, counts: Floats, freedom: Freedom) -> tuple[Rows, NDArray[np.int64], Floats]:
    """The rows with those columns alone that pull hardest at the start, scaled; which columns they are; and their scales."""
    rows = batch.rows
    lengths = np.diff(rows.starts)
    having = np.bincount(rows.columns, weights=np.repeat(verdicts.weights, lengths), minlength=WIDTH)
    scales = np.log((1.0 + verdicts.weights.sum()) / (1.0 + having))
    scales[:TEXT_FROM] *= freedom.title
    scales[TEXT_FROM:FIELDS_FROM] *= freedom.text * (having[TEXT_FROM:FIELDS_FROM] > 1.01)  # one text's own words teach nothing
    scales[FIELDS_FROM:] = freedom.fields
    odds = freedom.odds_start * batch.odds
    signs = np.where(verdicts.wanted, 1.0, -1.0)
    pull = signs * counts / (1.0 + np.exp(np.clip(signs * odds, -30, 30)))
    slopes = np.bincount(rows.columns, weights=rows.values * np.repeat(pull, lengths), minlength=WIDTH)
    slopes = np.abs(slopes * scales)
    active = np.flatnonzero(slopes)
    if len(active) > freedom.columns:
        active = np.sort(active[np.argpartition(-slopes[active], freedom.columns)[: freedom.columns]])
    places = np.full(WIDTH, -1, dtype=np.int32)
    places[active] = np.arange(len(active))
    kept = places[rows.columns] >= 0
    many = row_sums(kept.astype(np.int64), rows.starts).astype(np.int64)
    values = (rows.values[kept] * scales[rows.columns[kept]]).astype(np.float32)
    starts = np.concatenate([[0], np.cumsum(many)]).astype(np.int64)
    return Rows(starts, places[rows.columns[kept]], values), active, scales[active]


def _dense(batch: Batch, freedom: Freedom) -> tuple[Floats, Floats]:
    """The dense columns times their deviations, and the deviations."""
    half = batch.strengths.shape[1] // 2
    deviations = np.concatenate(
        [
            [freedom.base, freedom.odds],
            np.full(half, freedom.strengths_title),
            np.full(batch.strengths.shape[1] - half, freedom.strengths_text),
            np.full(batch.vectors.shape[1], freedom.vectors),
        ]
    )
    parts: list[NDArray[Any]] = [np.ones((len(batch), 1)), batch.odds[:, None], batch.strengths, batch.vectors]
    return np.concatenate(parts, axis=1).astype(np.float64) * deviations, deviations
