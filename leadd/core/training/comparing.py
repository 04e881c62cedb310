"""Two models on the same questions: which one is right more often, and how sure that is."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass

Z95 = 1.959964


@dataclass(frozen=True, slots=True)
class Compared:
    """How often each was right (0 to 1) of `count` questions, the gain, and its 95% interval.

    `only_before` and `only_after` are the questions on which just one of them was.
    """

    count: int
    before: float
    after: float
    gain: float
    low: float
    high: float
    only_before: int
    only_after: int

    @property
    def wins(self) -> bool:
        """Whether the second is better beyond chance: the whole interval is above 0."""
        return self.low > 0

    def as_dict(self) -> dict[str, float]:
        """The same as plain values."""
        return asdict(self)


def paired(pairs: Sequence[tuple[bool, bool]]) -> Compared:
    """Compare (was the first right, was the second) question by question. Raises ValueError without any.

    The interval is Wald's for paired shares with half a question added to each of the two discordant counts (Agresti and Min,
    Statistics in Medicine 24, 2005), which keeps its level for few questions too.
    """
    count = len(pairs)
    if not count:
        raise ValueError("there is nothing to compare")
    only_before = sum(first and not second for first, second in pairs)
    only_after = sum(second and not first for first, second in pairs)
    b, c, n = only_before + 0.5, only_after + 0.5, count + 2
    middle = (c - b) / n
    half = Z95 * math.sqrt(max(0.0, b + c - (c - b) ** 2 / n)) / n
    return Compared(
        count, sum(first for first, _ in pairs) / count, sum(second for _, second in pairs) / count,
        (only_after - only_before) / count, middle - half, middle + half, only_before, only_after,
    )  # fmt: skip
