"""One call for many equal askers. A flight outlives its askers: what was begun is finished and kept."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from leadd.api import ModelFailure
from leadd.inference.lanes.slots import Lane, Turn
from leadd.inference.questions import Answer, Progress, Question


@dataclass(frozen=True, slots=True)
class Landing:
    """How a flight ended well: the leader's answer, and the data as JSON text for those who came along."""

    answer: Answer
    text: str


Outcome = Landing | ModelFailure


class Flight:
    """A question on its way. Askers wait on futures of their own, so cancelling one touches nobody else."""

    def __init__(self, question: Question, key: str) -> None:
        self.question = question
        self.key = key
        self.outcome: Outcome | None = None
        self.task: asyncio.Task[None] | None = None
        self.lane: Lane | None = None
        self.turn: Turn | None = None
        self.priority = question.priority
        self.group = f"{question.prompt_hash[:16]}/{question.icp_hash[:16]}"
        """Questions of one group begin with the same text, which a server that answers them in a row reads once."""
        self._askers: list[asyncio.Future[Outcome]] = []
        self._host: Flight | None = None
        self._listeners: list[Progress] = []
        self._told: dict[str, Any] = {}

    async def wait(self, priority: int) -> Outcome:
        """How it ended; returns at once where it has."""
        if self.outcome is not None:
            return self.outcome
        self.rise(priority)
        asker: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._askers.append(asker)
        return await asker

    def rise(self, priority: int) -> None:
        """Somebody more urgent asks the same."""
        if priority <= self.priority:
            return
        self.priority = priority
        if self._host is not None:
            self._host.rise(priority)
        elif self.lane is not None and self.turn is not None:
            self.lane.raise_priority(self.turn, priority)

    async def come_along(self, host: Flight) -> Outcome:
        """How another flight with the same question ended, whose progress is told here as well."""
        self._host = host
        host.listen(self.tell)
        return await host.wait(self.priority)

    def land(self, outcome: Outcome) -> None:
        """Tell all askers, once; a second landing changes nothing. Listeners get the fields that they were not told."""
        if self.outcome is not None:
            return
        if self._listeners and isinstance(outcome, Landing) and not self._told:
            self._tell_all(outcome.answer.data)
        self.outcome = outcome
        for asker in self._askers:
            if not asker.done():
                asker.set_result(outcome)
        self._askers.clear()

    # -- progress --

    @property
    def is_watched(self) -> bool:
        """Whether somebody wants each field as it is complete."""
        return bool(self._listeners)

    def listen(self, progress: Progress) -> None:
        """Tell of each field from now on; those that are complete already are told at once."""
        self._listeners.append(progress)
        if isinstance(self.outcome, Landing) and not self._told:
            self._told.update(self.outcome.answer.data)
        for key, value in self._told.items():
            progress(key, value)

    def tell(self, key: str, value: Any) -> None:
        """A field is complete; ('', None): the answer begins again."""
        if key:
            self._told[key] = value
        elif self._told:
            self._told.clear()
        else:
            return  # nobody has seen anything yet
        for progress in self._listeners:
            progress(key, value)

    def begin_again(self) -> None:
        """What was told so far is no part of the answer that comes now."""
        self.tell("", None)

    def _tell_all(self, data: Mapping[str, Any]) -> None:
        for key, value in data.items():
            self.tell(key, value)


def copy_of(failure: ModelFailure) -> ModelFailure:
    """The same failure as an exception of its own: one that is raised in many tasks would mix up their tracebacks."""
    return ModelFailure(failure.kind, failure.message, raw=failure.raw, model=failure.model, after_s=failure.after_s)
