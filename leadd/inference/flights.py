"""One call for many equal askers. A flight outlives its askers: what was begun is finished and kept."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from leadd.api import ModelFailure
from leadd.inference.questions import Answer, Question
from leadd.inference.slots import Lane, Turn


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
        self._askers: list[asyncio.Future[Outcome]] = []

    async def wait(self, priority: int) -> Outcome:
        """How it ended; returns at once where it has."""
        if self.outcome is not None:
            return self.outcome
        if priority > self.priority:
            self.priority = priority
            if self.lane is not None and self.turn is not None:
                self.lane.raise_priority(self.turn, priority)
        asker: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._askers.append(asker)
        return await asker

    def land(self, outcome: Outcome) -> None:
        """Tell all askers, once; a second landing changes nothing."""
        if self.outcome is not None:
            return
        self.outcome = outcome
        for asker in self._askers:
            if not asker.done():
                asker.set_result(outcome)
        self._askers.clear()


def copy_of(failure: ModelFailure) -> ModelFailure:
    """The same failure as an exception of its own: one that is raised in many tasks would mix up their tracebacks."""
    return ModelFailure(failure.kind, failure.message, raw=failure.raw, model=failure.model, after_s=failure.after_s)
