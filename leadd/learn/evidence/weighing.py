"""Several kinds of evidence joined into one probability that a signal deserves a closer look.

A logistic over the lexical strength (the prefilter's score), where a model's answer stands among its answers, and where the
similarity to the ICP stands. Each kind may be missing. The prior weights trust the words of a text more than a small model:
small models are close to chance on ads, and what they say is bounded (`most`), so that it never decides alone. From the user's
verdicts the weights are fitted towards the prior (maximum a posteriori, Newton's method); a missed lead costs `MISS_COST`
times as much as a look in vain, so 0.5 is where a look begins to pay.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from leadd.learn.evidence.spread import Z_MOST

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

MISS_COST = 20.0
LEAST_VERDICTS = 20
LEAST_ACCEPTED = 5
"""With fewer verdicts than these the prior weights stay."""

ACCEPTED_LOST = 0.005
"""The share of accepted leads that may lie below the line that a fit draws; it is lowered until the others are above it."""

MARGIN = 10.0
"""Log-odds, divided by the number of accepted leads, that the line is lowered further: few leads do not show the lowest one."""

PRIOR_DEVIATION = (1.0, 2.0, 1.0, 0.5)
"""How far a fitted weight may easily go from the prior: base, lexical, model, embedding."""

TYPICAL_STRENGTH = 0.27
"""The lexical strength that stands in where none is known: the middle one of real signals that pass the prefilter."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one signal, each None where it is not: `lexical` strength 0 to 1, `model` and `embedding` as standings
    among the others, in deviations (`Spread.standing`)."""

    lexical: float | None = None
    model: float | None = None
    embedding: float | None = None


@dataclass(frozen=True, slots=True)
class Weights:
    """Log-odds for each unit of evidence. `most` bounds what model and embedding may move together, None where verdicts have
    shown what they are worth; `verdicts` is how many those were."""

    base: float
    lexical: float
    model: float
    embedding: float
    most: float | None = None
    verdicts: int = 0

    def trusting(self, model: float, embedding: float) -> Weights:
        """The same with less weight on kinds of evidence that are trusted less (0 to 1)."""
        return replace(self, model=self.model * model, embedding=self.embedding * embedding)

    @property
    def version(self) -> str:
        """A name for these numbers, for the journal."""
        numbers = (self.base, self.lexical, self.model, self.embedding, self.most or 0.0)
        mark = hashlib.sha256(" ".join(f"{number:.4f}" for number in numbers).encode()).hexdigest()[:8]
        return f"{'verdicts' if self.verdicts else 'prior'}@{mark}"


PRIOR = Weights(base=0.0, lexical=3.0, model=2.5, embedding=0.5, most=1.5)


@dataclass(frozen=True, slots=True)
class Joined:
    """The probability, and what each kind of evidence added to its log-odds (`base` among them)."""

    probability: float
    parts: dict[str, float]


@dataclass(frozen=True, slots=True)
class Example:
    """A signal whose end is known: the evidence on it, whether it was worth a look, and how much it counts."""

    evidence: Evidence
    worth: bool
    weight: float = 1.0


def strength(score: float, threshold: float) -> float:
    """A prefilter score (0 to 100) as lexical strength: 0 at the threshold that it had to pass, 1 at the top.

    The root spreads the low end, where most signals are.
    """
    return math.sqrt(max(0.0, min(1.0, (score - threshold) / max(1e-9, 100.0 - threshold)))) if threshold < 100 else 1.0


def log_odds(share: float) -> float:
    """The log-odds of a probability, finite at 0 and 1."""
    share = min(1 - 1e-6, max(1e-6, share))
    return math.log(share / (1 - share))


def probability(odds: float) -> float:
    """The probability of log-odds."""
    return 1 / (1 + math.exp(-max(-60.0, min(60.0, odds))))


def join(evidence: Evidence, weights: Weights) -> Joined:
    """All the evidence as one probability."""
    lexical = TYPICAL_STRENGTH if evidence.lexical is None else evidence.lexical
    model, embedding = weights.model * (evidence.model or 0.0), weights.embedding * (evidence.embedding or 0.0)
    bounded = _bounded(model + embedding, weights)
    if model + embedding:
        share = bounded / (model + embedding)
        model, embedding = model * share, embedding * share
    parts = {"base": weights.base, "lexical": weights.lexical * lexical, "model": model, "embedding": embedding}
    return Joined(probability(sum(parts.values())), {name: round(part, 4) for name, part in parts.items()})


def outlook(evidence: Evidence, weights: Weights) -> tuple[float, float]:
    """The least and the highest probability that a model's answer, still unknown, could make of the evidence."""
    ends = [join(replace(evidence, model=end), weights).probability for end in (-Z_MOST, Z_MOST)]
    return min(ends), max(ends)


def fit(examples: Sequence[Example], prior: Weights = PRIOR, *, verdicts: int) -> Weights | None:
    """The weights that the examples speak for, drawn towards the prior; None where there are too few.

    `verdicts` is how many of the examples a person judged. The line at 0.5 is drawn by cost, and lower where accepted leads
    would lie below it.
    """
    if verdicts < LEAST_VERDICTS or sum(example.worth for example in examples) < LEAST_ACCEPTED:
        return None
    import numpy as np  # noqa: PLC0415 - only fitting needs it

    rows = np.array([_row(example.evidence) for example in examples])
    worth = np.array([example.worth for example in examples])
    counts = np.array([example.weight for example in examples]) * np.where(worth, MISS_COST, 1.0)
    start = np.array([prior.base, prior.lexical, prior.model, prior.embedding])
    found = _most_likely(rows, worth, counts / counts.mean(), start)
    if (found[1:] < 0).any():  # evidence for a signal never counts against it
        used = np.concatenate([[True], found[1:] >= 0])
        found = _most_likely(rows * used, worth, counts / counts.mean(), start * used)
    lowest = float(np.quantile(rows[worth] @ found, ACCEPTED_LOST)) - min(1.0, MARGIN / int(worth.sum()))
    found[0] += max(0.0, 1e-6 - lowest)
    base, lexical, model, embedding = (round(max(0.0, float(number)) if place else float(number), 6)
                                       for place, number in enumerate(found))  # fmt: skip
    return Weights(base, lexical, model, embedding, None, verdicts)


def _most_likely(rows: Array, worth: Array, counts: Array, start: Array) -> Array:
    """Newton's method on the logistic loss with a normal prior around `start`."""
    import numpy as np  # noqa: PLC0415 - only fitting needs it

    tight = 1 / np.array(PRIOR_DEVIATION) ** 2
    found = start.copy()
    for _ in range(50):
        said = 1 / (1 + np.exp(-np.clip(rows @ found, -30, 30)))
        slope = rows.T @ (counts * (said - worth)) + tight * (found - start)
        bend = (rows * (counts * said * (1 - said))[:, None]).T @ rows + np.diag(tight)
        step = np.linalg.solve(bend, slope)
        found = found - np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-7:
            break
    return found


def _row(evidence: Evidence) -> tuple[float, float, float, float]:
    lexical = TYPICAL_STRENGTH if evidence.lexical is None else evidence.lexical
    return 1.0, lexical, evidence.model or 0.0, evidence.embedding or 0.0


def _bounded(odds: float, weights: Weights) -> float:
    return odds if weights.most is None else max(-weights.most, min(weights.most, odds))
