"""The shapes of experiments and of better prompts. Times are UTC ms."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, StringConstraints

from leadd.control.wire import Answer, Asked
from leadd.control.wire_prompts import Version
from leadd.control.wire_verdicts import ComparedOut

ExperimentName = Annotated[str, StringConstraints(max_length=60, pattern=r"^[a-z0-9][a-z0-9_.-]*$")]


class ExperimentIn(Asked):
    """What to try: `a` has to be the version in force; `share` of the companies are asked with `b`. `rule` `auto` lets the test
    promote or roll back, `ask` only tells. `same` (A/A) runs the version in force on both sides."""

    prompt: Literal["triage", "classification"]
    a: Version = "production"
    b: Version = "candidate"
    share: Annotated[float, Field(gt=0, lt=1)] = 0.2
    name: ExperimentName | None = None
    rule: Literal["ask", "auto"] = "ask"
    same: bool = False


class AgreementOut(Answer):
    """Of `seen` answers of a variant that the audit looked behind, with how many it agrees. No part of the test."""

    agree_a: int
    seen_a: int
    agree_b: int
    seen_b: int


class PointOut(Answer):
    """Where an experiment stood after so many outcomes: evidence that B is better, and that it is worse (e-values, 1 is none);
    the difference of the rates, B minus A, with its interval."""

    outcomes: int
    better: float
    worse: float
    difference: float | None
    low: float
    high: float


class ExperimentOut(Answer):
    """An experiment. `state` is running, promoted, rolled_back, stopped or ended; `reason` says why it stands so, `action` is
    what the test says to do, `advice` the command that does it. Outcomes are the user's first verdict on each company:
    `good_a` of `seen_a`, `good_b` of `seen_b`; the interval of the difference (`low` to `high`) holds at every look. Evidence
    (`better`, `worse`) acts from `needed_better` and `needed_worse` on. `repeats` are later verdicts on a company,
    `passed_over` verdicts on answers that neither variant gave."""

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
    audit: AgreementOut
    history: list[PointOut] = Field(default_factory=list)


class ExperimentList(Answer):
    """The latest first."""

    items: list[ExperimentOut]


class ImproveIn(Asked):
    """How to look for a better prompt: `budget` calls of models in all, `candidates` proposals, made by `model` (else by the
    largest one that is set)."""

    budget: Annotated[int, Field(ge=1, le=2000)] = 40
    candidates: Annotated[int, Field(ge=1, le=10)] = 3
    model: Annotated[str, StringConstraints(max_length=200, pattern=r"^[\w./:-]*$")] = ""


class ImproveStep(Answer):
    """A line of what goes on. Kinds: cases, proposal, refused, result (the last), error (`code` and `text` say what). A result
    with a `file` proposes it: `diff` of the bodies, `compared` on companies held back. `calls` are those so far."""

    kind: str
    text: str
    calls: int = 0
    file: str = ""
    version: int = 0
    diff: list[str] = Field(default_factory=list)
    compared: ComparedOut | None = None
    code: str = ""
    hint: str = ""


class CandidateIn(Asked):
    """A version that no file holds: the text of its file, and the version in it."""

    version: Annotated[int, Field(ge=1)]
    text: Annotated[str, StringConstraints(min_length=1, max_length=262_144)]
