"""An experiment on two versions of a prompt as it is kept: what it was fed, and where that leaves it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from leadd.api import Method
from leadd.core.prompts.arms import unit_of
from leadd.core.reading import RULE
from leadd.core.scales import GOOD
from leadd.learn.proofs.experiments import Arm, Experiment
from leadd.store.experiments import ExperimentRow, OutcomeRow

RuleWord = Literal["ask", "auto"]
STAGES: Mapping[str, str] = {"triage": "triage", "classification": "classify"}
"""Prompts that can be experimented on, with the stage of their answers in the journal."""
SAYS_YES = frozenset({"yes", "match"})
AUDIT_WANTED = frozenset({"miss", "match", "yes"})
HISTORY_POINTS = 120
_MARKS: Mapping[tuple[str, bool], str] = {("A", False): "a", ("A", True): "A", ("B", False): "b", ("B", True): "B"}


@dataclass(frozen=True, slots=True)
class Variant:
    """One version: its name (`triage@3`) and the hash of its content, which its answers are stamped with."""

    label: str
    content_hash: str

    @property
    def told(self) -> str:
        """As people see it."""
        return f"{self.label} ({self.content_hash[:8]})"


@dataclass(slots=True)
class Trial:
    """An experiment while it runs. `outcomes` has a letter for each that counted, in order: a or b for the variant, capital
    where the outcome was good; `passed_over` are verdicts on answers that neither variant gave. `cursor` is the id of the last
    verdict that was looked at."""

    name: str
    prompt: str
    a: Variant
    b: Variant
    rule: RuleWord
    test: Experiment
    since_ms: int
    cursor: int = 0
    outcomes: str = ""
    passed_over: int = 0
    reason: str = ""
    told: bool = False
    b_in_file: bool = False

    @classmethod
    def of(cls, row: ExperimentRow) -> Trial:
        """The experiment as it was kept. Raises ValueError where that is damaged."""
        body = row.body
        try:
            a, b = (Variant(str(body[arm]["label"]), str(body[arm]["content_hash"])) for arm in ("a", "b"))
            return cls(
                row.name, row.prompt, a, b, body["rule"], Experiment.from_state(body["test"]), row.created_at_ms,
                int(body["cursor"]), str(body["outcomes"]), int(body["passed_over"]), str(body["reason"]), bool(body["told"]),
                bool(body["b_in_file"]),
            )  # fmt: skip
        except (KeyError, TypeError) as error:
            raise ValueError(f"the kept state of experiment '{row.name}' is damaged ({error!r}): start it anew") from None

    def as_body(self) -> dict[str, Any]:
        """All that is known, as plain JSON values."""
        return {
            **{arm: {"label": v.label, "content_hash": v.content_hash} for arm, v in (("a", self.a), ("b", self.b))},
            "rule": self.rule, "test": self.test.to_state(), "cursor": self.cursor, "outcomes": self.outcomes,
            "passed_over": self.passed_over, "reason": self.reason, "told": self.told, "b_in_file": self.b_in_file,
        }  # fmt: skip

    def feed(self, rows: Sequence[OutcomeRow]) -> None:
        """Take in verdicts in their order; each moves the cursor, whether it counts or not.

        An outcome is good where the user agrees with what the variant's answer came to. The answer has to be one of the
        variant that the company was drawn to, of a model or settled in its name, given since the experiment began.
        """
        for row in rows:
            self.cursor = row.id
            unit, arm = self._asked(row)
            if arm is None:
                self.passed_over += 1
                continue
            good = (row.word in GOOD) == (row.made_lead or row.decision in SAYS_YES)
            repeats = self.test.repeats
            self.test.observe(arm, good, unit)
            if self.test.repeats == repeats:
                self.outcomes += _MARKS[arm, good]

    def agreement(self, rows: Sequence[OutcomeRow]) -> Agreement:
        """How often the audit agrees with each variant, the first word on each company."""
        counts = {"A": [0, 0], "B": [0, 0]}
        known: set[str] = set()
        for row in rows:
            unit, arm = self._asked(row)
            if arm is None or unit in known:
                continue
            known.add(unit)
            counts[arm][0] += (row.word in AUDIT_WANTED) == (row.decision in SAYS_YES)
            counts[arm][1] += 1
        return Agreement(*counts["A"], *counts["B"])

    def _asked(self, row: OutcomeRow) -> tuple[str, Arm | None]:
        """Whom a word is about, and the variant whose answer it judges; None where it judges none of theirs."""
        unit = unit_of(row.company, row.author, row.content_hash)
        arm = self.test.assign(unit)
        variant = self.b if arm == "B" else self.a
        # What was settled without asking counts for the version it was settled for: that one has settled more of the easy ones
        # must not make its other answers look worse.
        counts = row.method in (Method.MODEL, RULE) and row.prompt_hash == variant.content_hash
        return unit, arm if counts and (row.answered_at_ms or 0) >= self.since_ms else None

    def replayed(self) -> Experiment:
        """The test fed anew with the outcomes that counted: its evidence is the same to the last bit."""
        test = Experiment(self.test.name, self.test.share, self.test.rule)
        for letter in self.outcomes:
            test.observe("A" if letter in "aA" else "B", letter.isupper())
        return test

    def history(self, points: int = HISTORY_POINTS) -> list[Point]:
        """Evidence and difference on the way, at evenly spaced outcomes, the last one always."""
        test = Experiment(self.test.name, self.test.share, self.test.rule)
        total = len(self.outcomes)
        wanted = {round((n + 1) * total / points) for n in range(points)} if total > points else set(range(1, total + 1))
        found = []
        for number, letter in enumerate(self.outcomes, 1):
            test.observe("A" if letter in "aA" else "B", letter.isupper())
            if number in wanted:
                now = test.report()
                found.append(Point(number, now.better, now.worse, now.difference, now.low, now.high))
        return found


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of `seen` answers of a variant that the audit looked behind, with how many it agrees."""

    agree_a: int = 0
    seen_a: int = 0
    agree_b: int = 0
    seen_b: int = 0


@dataclass(frozen=True, slots=True)
class Point:
    """Where an experiment stood after so many outcomes: evidence that B is better, and that it is worse (e-values, 1 is none);
    the difference of the rates, B minus A, with its interval."""

    outcomes: int
    better: float
    worse: float
    difference: float | None
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class ExperimentView:
    """An experiment as people see it. `state` is running, promoted, rolled_back, stopped or ended; `reason` says why it stands
    so, in words; `action` is what the test says to do. Evidence acts from `needed_better` and `needed_worse` on."""

    name: str
    prompt: str
    state: str
    rule: str
    share: float
    same: bool
    a: str
    b: str
    a_hash: str
    b_hash: str
    action: str
    reason: str
    advice: str
    good_a: int
    seen_a: int
    good_b: int
    seen_b: int
    difference: float | None
    low: float
    high: float
    confidence: float
    better: float
    worse: float
    needed_better: float
    needed_worse: float
    repeats: int
    passed_over: int
    created_at_ms: int
    ended_at_ms: int | None
    audit: Agreement = field(default_factory=Agreement)
    history: tuple[Point, ...] = ()


def view_of(trial: Trial, row: ExperimentRow, audit: Agreement | None = None, history: Sequence[Point] = ()) -> ExperimentView:
    """What is shown of an experiment; `row` gives its state and times."""
    test, found = trial.test, trial.test.report()
    return ExperimentView(
        trial.name, trial.prompt, row.state, trial.rule, test.share, test.rule.same, trial.a.told, trial.b.told,
        trial.a.content_hash, trial.b.content_hash, found.action, trial.reason or found.reason,
        advice_of(trial) if row.state == "running" else "", found.good_a, found.seen_a, found.good_b, found.seen_b,
        found.difference, found.low, found.high, test.rule.confidence, found.better, found.worse,
        1 / test.rule.promote_level, 1 / test.rule.harm_level, found.repeats, trial.passed_over,
        row.created_at_ms, row.ended_at_ms, audit or Agreement(), tuple(history),
    )  # fmt: skip


def advice_of(trial: Trial) -> str:
    """What a person may do now that the test has decided; '' while it has not."""
    if trial.test.report().action == "promote":
        return f"leadd experiment promote {trial.name}"
    if trial.test.report().action == "roll back":
        return f"leadd experiment rollback {trial.name}"
    return f"leadd experiment stop {trial.name}" if trial.test.report().action != "go on" else ""
