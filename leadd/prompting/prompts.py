"""The shapes of prompting: a rendered prompt, what is in force, what went wrong in a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leadd.api import LeaddError, Message


class PromptError(LeaddError):
    """A prompt that cannot be rendered: no such name, or variables that do not fit what it declares."""


@dataclass(frozen=True, slots=True)
class PromptProblem:
    """What is wrong in a prompt file, and on which line (1 is the first; 0 where the file as a whole is meant)."""

    file: str
    line: int
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}" if self.line else f"{self.file}: {self.reason}"


@dataclass(frozen=True, slots=True)
class PromptInfo:
    """A prompt in force. `content_hash` is over all that can change an answer; `builtin` where it came with leadd."""

    name: str
    version: int
    content_hash: str
    file: str
    builtin: bool

    @property
    def label(self) -> str:
        """Name and version in one word: `triage@1`."""
        return f"{self.name}@{self.version}"

    @property
    def with_hash(self) -> str:
        """The same with the beginning of the hash: `triage@1 (ab12cd34)`."""
        return f"{self.label} ({self.content_hash[:8]})"


@dataclass(frozen=True, slots=True)
class Reload:
    """What a load did. `applied` is False where nothing changed hands because a file has a problem.

    `versions` is what is in force now, by name: `classification@1 (ab12cd34)`. `changes` are lines for the user. `warnings`
    are things worth mending that did not stop the load. `edition` names all that is in force in one word: another one
    whenever any prompt changed. `released` are prompts that were held at an earlier version until their file changed, which
    it has.
    """

    applied: bool
    versions: Mapping[str, str]
    problems: tuple[PromptProblem, ...] = ()
    changes: tuple[str, ...] = ()
    warnings: tuple[PromptProblem, ...] = ()
    edition: str = ""
    released: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Rendered:
    """A prompt for one signal: a system message that is byte-identical for all signals of one ICP, then the signal.

    `schema` is one object for all renderings with equal variables; it must not be changed. Where `labels` are named, the answer
    is one of these words, and `schema` bounds it for models that show no log-probabilities.
    """

    messages: tuple[Message, ...]
    schema: Mapping[str, Any] | None
    options: Mapping[str, float | int | str]
    max_tokens: int
    name: str
    version: int
    content_hash: str
    labels: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """Name and version in one word: `triage@1`."""
        return f"{self.name}@{self.version}"
