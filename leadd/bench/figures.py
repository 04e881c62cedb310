"""What one way of asking came to: how fast, at what cost, and how good."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from leadd.bench.signals import BenchSignal


@dataclass(frozen=True, slots=True)
class Quality:
    """Leads found against the truth, in signals: found and right, found and wrong, missed. `known` False: nobody knows."""

    right: int = 0
    wrong: int = 0
    missed: int = 0
    known: bool = True

    @property
    def recall(self) -> float | None:
        """The share of the leads that was found; None where there are none."""
        leads = self.right + self.missed
        return self.right / leads if leads and self.known else None

    @property
    def precision(self) -> float | None:
        """The share of what was found that is a lead; None where nothing was found."""
        found = self.right + self.wrong
        return self.right / found if found and self.known else None


def quality_of(signals: Sequence[BenchSignal], found: Collection[str]) -> Quality:
    """How good a set of found leads (keys of signals) is."""
    truth = [(signal.key in found, signal.is_lead) for signal in signals]
    if any(is_lead is None for _, is_lead in truth):
        return Quality(known=False)
    counts = Counter(truth)
    return Quality(counts[True, True], counts[True, False], counts[False, True])


@dataclass(frozen=True, slots=True)
class Work:
    """What the server did between two looks at it; None where it does not tell. Tokens are by model.

    `shown` are whole prompts, `anew` the part of them that no cache held, `written` the answers; what was done for answers that
    were cut off counts as well. `busy_s` is the time that its processor worked, in its own seconds.
    """

    shown: Mapping[str, int] = field(default_factory=dict)
    anew: Mapping[str, int] = field(default_factory=dict)
    written: Mapping[str, int] = field(default_factory=dict)
    loads: int = 0
    busy_s: float = 0.0

    @classmethod
    def between(cls, before: Mapping[str, Any], after: Mapping[str, Any]) -> Work:
        """The difference of two answers of the fake's /__leadd__/stats."""

        def grown(name: str) -> dict[str, int]:
            return {k: n - before[name].get(k, 0) for k, n in after[name].items() if n != before[name].get(k, 0)}

        return cls(
            grown("tokens_shown"), grown("tokens_prefilled"), grown("tokens_decoded"), sum(grown("loads").values()),
            after["compute_s"] - before["compute_s"],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one way. `seconds` are the server's own, from the first signal to the last outcome, dossiers apart.

    `roles` hold what was asked of each role and what it cost (calls, early, prompt_tokens, output_tokens, failures). `loads`
    happened while the clock ran, `loads_before` ahead of it. `dossiers` are those that would be written next. `work` is None
    for a real server. `notes` hold what only this way has.
    """

    way: str
    signals: int
    distinct: int
    seconds: float
    roles: Mapping[str, Mapping[str, int]]
    loads: int
    loads_before: int
    leads: int
    dossiers: int
    quality: Quality
    work: Work | None = None
    scale: float = 1.0
    notes: Mapping[str, Any] = field(default_factory=dict)

    def counted(self, name: str) -> int:
        """One of the counts over all roles."""
        return sum(row.get(name, 0) for row in self.roles.values())

    @property
    def per_minute(self) -> float:
        """Signals a minute of the server's time."""
        return self.signals / self.seconds * 60 if self.seconds else 0.0

    @property
    def busy(self) -> float | None:
        """The share of the time in which the server's processor worked."""
        return self.work.busy_s / self.seconds if self.work is not None and self.seconds else None

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain values."""
        derived = {"per_minute": self.per_minute, "busy": self.busy}
        quality = asdict(self.quality) | {"recall": self.quality.recall, "precision": self.quality.precision}
        return {**asdict(self), **derived, "quality": quality}
