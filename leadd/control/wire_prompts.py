"""The shapes of prompts: their versions, what would change, and how their cases go. Times are UTC ms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from leadd.control.wire import Answer, Asked

Version = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
"""A number, the beginning of a content hash (6 characters at least), or a label: production, candidate."""


class PromptOut(Answer):
    """One version of a prompt. `state` is `in force`, `candidate`, `file` (in a file, not used) or `kept` (of earlier times);
    `why` says in words why it is in force or is not."""

    name: str
    version: int
    content_hash: str
    file: str
    builtin: bool
    state: str = "in force"
    why: str = ""
    first_at_ms: int | None = None
    last_at_ms: int | None = None


class PromptList(Answer):
    """`edition` names all that is in force in one word; another one whenever any prompt changed. `problems` are those of the
    last reload, for which the last good prompts have stayed."""

    items: list[PromptOut]
    edition: str = ""
    problems: list[str] = Field(default_factory=list)


class PromptText(PromptOut):
    """A version with the text of its file."""

    text: str


class PromptDiffQuery(Asked):
    """Two versions; `b` is the one in force where it is not named."""

    a: Version
    b: Version = "production"


class PromptDiff(Answer):
    """What of the text changed, as a unified diff; no lines where nothing did."""

    a: str
    b: str
    lines: list[str]


class RollbackIn(Asked):
    """To which version; None is the one that was in force before. `undo` ends a rollback instead."""

    version: Version | None = None
    undo: bool = False


class LabelIn(Asked):
    version: Version
    label: Literal["production", "candidate"]


class PromptChanged(Answer):
    """What is in force, or labelled, after the request."""

    status: Literal["ok"] = "ok"
    message: str
    name: str
    version: str
    content_hash: str


class BehaviourIn(Asked):
    """Two versions to compare on the `last` stored signals; the model is asked `calls` times at most. `b` is the version in
    force where it is not named."""

    a: Version
    b: Version = "production"
    last: Annotated[int, Field(ge=1, le=5000)] = 300
    calls: Annotated[int, Field(ge=0, le=5000)] = 0


class ToldOut(Answer):
    """What one version says: in a few words, and where that is from (journal, cache, model)."""

    verdict: str
    detail: str
    origin: str


class ChangeOut(Answer):
    signal_id: int
    icp: str
    title: str
    company: str | None
    a: ToldOut
    b: ToldOut


class BehaviourOut(Answer):
    """Of `looked_at` signals, `compared` have an answer of both versions and `changed` of these differ; `settled` were decided
    by other evidence without a model; of `unknown` one version has no answer, and no call was left to get it."""

    message: str
    a: str
    b: str
    looked_at: int
    compared: int
    changed: int
    settled: int
    unknown: int
    calls: int
    failures: int
    origins: Mapping[str, int]
    changes: list[ChangeOut]


class TrialIn(Asked):
    """Try the cases of a prompt; `live` puts them to the model, `calls` at most. `record` takes no kept answers and gives back
    what the model wrote, for the file of recordings."""

    version: Version | None = None
    live: bool = False
    record: bool = False
    calls: Annotated[int, Field(ge=1, le=1000)] = 100


class CaseOut(Answer):
    """One case: ok, failed, stale (recorded with another version only) or unrecorded."""

    id: str
    line: int
    standing: str
    reasons: tuple[str, ...] = ()


class TrialOut(Answer):
    """How the cases of a version went. `recorded` are the model's answers by case, where they were asked for."""

    name: str
    version: str
    file: str
    results: list[CaseOut]
    problems: list[str]
    recorded: dict[str, list[dict[str, Any]]] = Field(default_factory=dict)
