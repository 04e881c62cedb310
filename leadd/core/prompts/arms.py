"""Which version of a prompt each signal is asked with: the one in force, or the variant that its company was drawn to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

from leadd.api import Signal
from leadd.core.companies import fold_name
from leadd.prompting import PromptBook, Template
from leadd.prompting.book import mark_of

Draw = Callable[[str], Literal["A", "B"]]


@dataclass(frozen=True, slots=True)
class _Pair:
    a: str
    b: Template
    draw: Draw


class Arms:
    """The versions that signals are asked with. An experiment counts only while its variant A is the version in force."""

    def __init__(self, prompts: PromptBook) -> None:
        self._prompts = prompts
        self._pairs: Mapping[str, _Pair] = {}
        self._revision = 0

    @property
    def revision(self) -> str:
        """Another word whenever a signal may be asked with another version than before."""
        return f"{self._prompts.revision}.{self._revision}"

    def template(self, name: str, signal: Signal | None = None) -> Template:
        """The version of a prompt for a signal; without one, the version in force. Raises PromptError."""
        now = self._prompts.pick(name)
        pair = self._pairs.get(name)
        if signal is None or pair is None or pair.a != mark_of(now):
            return now
        return pair.b if pair.draw(unit_of(signal.company, signal.author, signal.content_hash)) == "B" else now

    def begin(self, a: Template, b: Template, draw: Draw) -> None:
        """Ask those whom `draw` puts on side B with `b` from now on."""
        self._pairs = {**self._pairs, a.info.name: _Pair(mark_of(a), b, draw)}
        self._revision += 1

    def end(self, name: str) -> None:
        """Ask everybody with the version in force again."""
        if name in self._pairs:
            self._pairs = {other: pair for other, pair in self._pairs.items() if other != name}
            self._revision += 1


def unit_of(company: str | None, author: str | None, content_hash: str) -> str:
    """Whom a signal is drawn with: its company however it is spelt, else its author, else all signals of the same text."""
    folded = fold_name(company or "")
    if folded:
        return f"company {folded}"
    who = " ".join((author or "").casefold().split())
    return f"author {who}" if who else f"text {content_hash}"
