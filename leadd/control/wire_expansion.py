"""The shapes of an ICP's expansion: what its words stand for."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from leadd.control.wire import Answer, Asked

By = Literal["table", "model", "you"]


class TermOut(Answer):
    """A word or phrase, what it weighs (below 0 it speaks against), where it counts, and who named it."""

    words: str
    weight: float
    where: Literal["title", "text", "anywhere"]
    by: By = "table"


class ExpansionOut(Answer):
    """What counts for an ICP now."""

    icp: str
    by: By = Field(description="who worked on it last: the shipped table, a model, or you")
    model: str = Field(description="the model that was asked; empty where none was")
    is_stale: bool = Field(description="your edits were made for another wording of the ICP")
    problem: str = Field(description="why what was kept cannot be read; empty where all is well")
    waits_for: str = Field(description="why no model can be asked now; empty where one can")
    expansion_hash: str = Field(description="another text whenever something else is found")
    functions: dict[str, list[TermOut]] = Field(description="what is wanted, with all its words")
    rivals: list[str] = Field(description="functions of the shipped table that speak against")
    terms: list[TermOut]


class ExpansionIn(Asked):
    """The whole of an expansion; what is left out is gone. An entry is a word, or {words, weight, where}."""

    functions: Any = Field(default=None, description="by function, a list of entries")
    rivals: Any = Field(default=None, description="names of functions of the shipped table")
    terms: Any = Field(default=None, description="a list of entries; a weight below 0 speaks against")


class ExpandIn(Asked):
    again: bool = Field(default=False, description="ask the model once more; edits are dropped")
