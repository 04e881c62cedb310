"""How one signal was chosen for one ICP under a promise, as the journal and the user see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leadd.store.choice_rows import NewChoice

CERTIFIED = "certified"
AUDIT = "audit"
"""Rules in the journal: what a certified threshold decided, and what was drawn although it lies below."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What the scorer says of a signal, and what follows from it.

    `score` and `rank` lie in 0..1: the first decides, the second (by the newest scorer) orders what passes. `policy` is
    (threshold, floor, near, reach) as it was drawn by; `audited` says that it lies below and was drawn. `certificate` and
    `scorer` name the versions that this rests on. `speaks_for` and `against` are the words that count most, where they were
    looked for.
    """

    chooser_id: int
    bin: int
    score: float
    rank: float
    policy: tuple[float, float, float, float]
    audited: bool
    certificate: str
    scorer: str
    speaks_for: tuple[str, ...] = ()
    against: tuple[str, ...] = ()

    @property
    def threshold(self) -> float:
        """The threshold in force, 0 where everything passes."""
        return self.policy[0]

    @property
    def passed(self) -> bool:
        """At or above the threshold."""
        return self.score >= self.threshold

    @property
    def goes_on(self) -> bool:
        """Whether it is read: it passed or was drawn."""
        return self.passed or self.audited

    @property
    def rule(self) -> str:
        """What decided, for the journal."""
        return AUDIT if self.audited else CERTIFIED

    @property
    def reason(self) -> str:
        """One or two sentences for the user."""
        said = f"Score {100 * self.score:.1f}"
        if self.threshold <= 0:
            told = f"{said}; no threshold is certified yet, so everything passes."
        elif self.passed:
            told = f"{said} reaches the certified threshold of {100 * self.threshold:g}."
        elif self.audited:
            told = (
                f"{said} is under the certified threshold of {100 * self.threshold:g}; drawn at random to be read "
                "all the same, which shows what the threshold misses."
            )
        else:
            told = f"{said} is under the certified threshold of {100 * self.threshold:g}."
        words = [f"for it: {', '.join(self.speaks_for)}"] if self.speaks_for else []
        words += [f"against it: {', '.join(self.against)}"] if self.against else []
        if not words and not self.passed:
            words = ["no word of title or text speaks for it"]
        return f"{told}{' ' + '; '.join(words).capitalize() + '.' if words else ''}"

    def journal(self, points: float) -> dict[str, Any]:
        """What the journal keeps beside score and threshold; `points` are those of the rules."""
        return {
            "points": points,
            "certificate": self.certificate,
            "scorer": self.scorer,
            "for": list(self.speaks_for),
            "against": list(self.against),
        }

    def row(self, matched: bool | None) -> NewChoice:
        """The same for the store; `matched` is the last word of whoever read it, None where nobody did."""
        return NewChoice(self.chooser_id, self.bin, self.score, self.policy, self.passed, self.audited, matched)


def points_of(answer: Mapping[str, Any] | None) -> float | None:
    """The points of a journaled judgement that a promise stood behind; None where none did."""
    points = (answer or {}).get("points")
    return float(points) if isinstance(points, int | float) else None
