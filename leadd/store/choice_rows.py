"""The rows of choosing with a promise: what was chosen and why it may count, the promises, and the scorers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class NewChoice:
    """How a signal that ends now was chosen under one promise (`chooser_id`). Written in the transaction of that end.

    `bin` is the place of its `score` (0 to 1) on the grid of thresholds. `policy` is (threshold, floor, near, reach) as it was
    drawn by. Where it was not read, or its answer was taken over from another signal, `matched` is None: it is only counted.
    """

    chooser_id: int
    bin: int
    score: float
    policy: tuple[float, float, float, float]
    passed: bool
    audited: bool
    matched: bool | None


@dataclass(frozen=True, slots=True)
class ChoiceRow:
    """A signal that was read, as evidence: the last word on it and the policy that brought it."""

    id: int
    signal_id: int
    score: float
    policy: tuple[float, float, float, float]
    audited: bool
    matched: bool


@dataclass(frozen=True, slots=True)
class ChooserRow:
    """A promise: of an ICP in one `scope` (its words, the prompts, the models), by one way of scoring (`epoch`).

    `deciding` and `ranking` are versions of scorers ('' is the fit without verdicts). `fixed` are the statistics it scores by,
    `learnt` those of the stream so far; `state` is that of the certifier, None while the stream is being got to know. `cursor`
    is the last choice in the state, `user_cursor` the last one whose verdict is; `trained` the verdicts of the last training.
    """

    id: int
    icp_id: int
    scope: str
    epoch: int
    deciding: str
    ranking: str
    fixed: Mapping[str, Any] = field(default_factory=dict)
    learnt: Mapping[str, Any] = field(default_factory=dict)
    state: Mapping[str, Any] | None = None
    cursor: int = 0
    user_cursor: int = 0
    trained: int = 0


@dataclass(frozen=True, slots=True)
class ScorerRow:
    """A scorer that learnt from verdicts; `body` is what it was kept as."""

    version: str
    body: bytes
    verdicts: int
    labels: int
    dropped: int
    made_at_ms: int


@dataclass(frozen=True, slots=True)
class LessonRow:
    """A signal whose end is known, with its text. `verdict` is the user's word (accept, reject, won, lost) or '', then
    `matched` is the model's, with the score and the probability at which it was asked."""

    signal_id: int
    title: str
    text: str
    source: str
    content_hash: str
    verdict: str = ""
    matched: bool = False
    score: float = 0.0
    policy: tuple[float, float, float, float] = (0.0, 1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class JudgedRow:
    """A lead that the policy brought, by its first choice, and the user's last word on it ('' where there is none)."""

    choice_id: int
    score: float
    policy: tuple[float, float, float, float]
    verdict: str


@dataclass(frozen=True, slots=True)
class ChoiceCounts:
    """Of one promise: signals that passed and that were dropped by bin, audits, and wanted ones among these."""

    passed: Mapping[int, int] = field(default_factory=dict)
    dropped: Mapping[int, int] = field(default_factory=dict)
    audits: int = 0
    misses: int = 0
