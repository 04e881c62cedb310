"""One model of one server as leadd knows it, and how servers spell the names of models."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from leadd.api import Clock, ModelFailure, Role
from leadd.inference.budget import CharsPerToken
from leadd.inference.lanes.slots import Lane, Turn
from leadd.inference.servers.breakers import BadAnswers, Breaker
from leadd.inference.servers.drift import Drift
from leadd.inference.servers.reuse import ReuseWatch

PACE_CALLS = 50
PACE_LEAST = 5
PATIENCE_TIMES = 4.0
PATIENCE_LEAST_S = 6.0


class Pace:
    """How long the answers of one model in one role take."""

    def __init__(self) -> None:
        self._seconds: deque[float] = deque(maxlen=PACE_CALLS)

    def note(self, seconds: float) -> None:
        """One call that became an answer."""
        self._seconds.append(seconds)

    @property
    def slowest_s(self) -> float:
        """The slowest of the last ones; 0 before the first."""
        return max(self._seconds, default=0.0)

    @property
    def patience_s(self) -> float:
        """How long to wait for an answer where somebody else could give it: four times the slowest of the last ones."""
        if len(self._seconds) < PACE_LEAST:
            return float("inf")
        return max(PATIENCE_LEAST_S, PATIENCE_TIMES * self.slowest_s)


@dataclass(slots=True, eq=False)
class ModelState:
    """One model of one server. `missing` and its breaker say why it cannot be asked.

    `num_ctx` is the window it is asked with now, `full_ctx` the one of the settings: a server without memory for that gets a
    smaller one for a while. `granted_ctx` is what the server made of it at our last load (0: it does not tell). One that is
    `optional` is not missed where the server does not have it.
    """

    name: str
    num_ctx: int
    lane: Lane
    breaker: Breaker
    full_ctx: int = 0
    optional: bool = False
    granted_ctx: int = 0
    shrunk_at_s: float = 0.0
    roles: set[Role] = field(default_factory=set)
    digest: str = ""
    missing: ModelFailure | None = None
    warm_until_s: float = float("-inf")
    timeouts: int = 0
    answers: int = 0
    failures: int = 0
    unread_labels: int = 0
    wait_ms: float = 0.0
    asked_at_s: float = float("-inf")
    loading: asyncio.Task[None] | None = None
    bad: BadAnswers = field(default_factory=BadAnswers)
    drifts: dict[Role, Drift] = field(default_factory=dict)
    paces: dict[Role, Pace] = field(default_factory=dict)
    reuse: ReuseWatch = field(default_factory=ReuseWatch)
    chars: CharsPerToken = field(default_factory=CharsPerToken)
    queued: set[Turn] = field(default_factory=set)

    @property
    def reads_labels(self) -> bool:
        """False once the server has shown that it gives no log-probabilities that labels could be read from."""
        return self.unread_labels < UNREAD_LABELS

    def send_away(self) -> None:
        """Let those who stand in the queue go and ask elsewhere; they find that they have no slot."""
        for turn in self.queued:
            if turn.ready is not None and not turn.ready.done():
                turn.ready.set_result(None)


UNREAD_LABELS = 3
"""Answers in a row without a readable label; after so many the model is asked for a bounded word instead."""


def make_state(name: str, num_ctx: int, lane: Lane, clock: Clock) -> ModelState:
    """A model of which nothing is known yet."""
    return ModelState(name, num_ctx, lane, Breaker(clock), full_ctx=num_ctx)


def full_name(model: str) -> str:
    """A model's name as servers list it: lower case, with `:latest` where no tag is given."""
    name = model.lower()
    return name if ":" in name.rsplit("/", 1)[-1] else f"{name}:latest"


def held(models: Mapping[str, str], name: str) -> str:
    """The digest of a model in a server's list, or ''."""
    if name in models:
        return models[name]
    wanted = full_name(name)
    return next((digest for other, digest in models.items() if full_name(other) == wanted), "")
