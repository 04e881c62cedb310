"""How one kind of evidence is spread over the signals of an ICP, and how far it goes along with the words of the texts.

Nothing here needs to know which signals were leads. Small models differ in scale and in bias (some say yes to everything), so
a value is read by where it stands among the others. And a model that sees something real tends to agree with the lexical
evidence, which is known to be good; one at chance does not. On real ads a judge of AUC .80 correlates with the words by about
.35, one of AUC .54 by .05 (benchmarks/triage_evidence.py). So until there are verdicts, trust is measured by agreement.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

FULL_TRUST = 0.4
"""The correlation with the lexical evidence from which a kind of evidence is trusted as much as the prior weights say."""

FIRST_GUESS = 0.15
GUESS_COUNTS = 50.0
"""The correlation that is assumed before anything is known, and for how many signals this assumption counts."""

SPREAD_COUNTS = 20.0
"""For how many signals the assumed mean and deviation count."""

MEMORY = 2000.0
"""About how many of the last signals count."""

Z_MOST = 2.5
"""No value stands further from the middle than this, in deviations: one odd value must not decide."""


@dataclass(slots=True)
class Spread:
    """Running mean and deviation of one kind of evidence, and its correlation with the lexical evidence.

    `mean` and `deviation` are assumed at first. Where the scale of a kind of evidence is not known beforehand, `unknown_until`
    is the number of values before which it says nothing.
    """

    mean: float = 0.0
    deviation: float = 1.0
    unknown_until: int = 0
    count: int = 0
    _weight: float = 0.0
    _squares: float = 0.0
    _sum: float = 0.0
    _sum2: float = 0.0
    _paired: float = 0.0
    _words: float = 0.0
    _words2: float = 0.0
    _both: float = 0.0
    _value: float = 0.0
    _value2: float = 0.0

    def note(self, value: float, words: float | None, weight: float = 1.0) -> None:
        """Take in a value and the lexical strength (0 to 1) beside it; `weight` signals like it were not looked at."""
        if not math.isfinite(value) or weight <= 0:
            return
        self.count += 1
        kept = 1.0 - weight / (MEMORY + weight)
        self._weight = self._weight * kept + weight
        self._squares = self._squares * kept * kept + weight * weight
        self._sum = self._sum * kept + weight * value
        self._sum2 = self._sum2 * kept + weight * value * value
        if words is not None:
            self._paired = self._paired * kept + weight
            self._value = self._value * kept + weight * value
            self._value2 = self._value2 * kept + weight * value * value
            self._words = self._words * kept + weight * words
            self._words2 = self._words2 * kept + weight * words * words
            self._both = self._both * kept + weight * value * words

    def standing(self, value: float | None) -> float:
        """Where a value stands, in deviations from the middle; 0 where there is none, or where its scale is not known yet."""
        if value is None or not math.isfinite(value) or self.count < self.unknown_until:
            return 0.0
        assumed = 0.0 if self.unknown_until else SPREAD_COUNTS
        total = self._weight + assumed
        if total <= 0:
            return 0.0
        mean = (self._sum + assumed * self.mean) / total
        squares = (self._sum2 + assumed * (self.deviation**2 + self.mean**2)) / total
        deviation = math.sqrt(max(squares - mean * mean, 1e-6))
        return max(-Z_MOST, min(Z_MOST, (value - mean) / deviation))

    @property
    def agreement(self) -> float:
        """The correlation with the lexical evidence (-1 to 1), drawn towards the first guess while little is known."""
        if self._paired <= 0 or self._squares <= 0:
            return FIRST_GUESS
        n = self._paired
        words = self._words2 / n - (self._words / n) ** 2
        values = self._value2 / n - (self._value / n) ** 2
        both = self._both / n - self._words * self._value / n**2
        found = both / math.sqrt(words * values) if words > 1e-9 and values > 1e-9 else 0.0
        counted = self._weight**2 / self._squares  # values that stand for many others tell less than as many values
        return (counted * found + GUESS_COUNTS * FIRST_GUESS) / (counted + GUESS_COUNTS)

    @property
    def trust(self) -> float:
        """0 (no better than chance, as far as can be seen) to 1 (as good as the prior weights take it for)."""
        return max(0.0, min(1.0, self.agreement / FULL_TRUST))
