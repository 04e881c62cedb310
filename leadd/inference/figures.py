"""Counting: per role, and apart for language models and for evidence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from leadd.api import Failure, Method, Role, Usage
from leadd.inference.questions import RoleStats


@dataclass(slots=True)
class Tally:
    """The running figures of one role and method; the names are those of RoleStats."""

    hits: int = 0
    shared: int = 0
    misses: int = 0
    calls: int = 0
    answers: int = 0
    retries: int = 0
    failures: Counter[str] = field(default_factory=Counter)
    prompt_tokens: int = 0
    output_tokens: int = 0
    load_ms: float = 0.0
    prompt_ms: float = 0.0
    output_ms: float = 0.0
    queue_ms: float = 0.0
    call_ms: float = 0.0
    wait_ms: float = 0.0
    early: int = 0
    failovers: int = 0

    def paid(self, usage: Usage) -> None:
        """Add what one call cost, whether or not its reply became an answer."""
        self.prompt_tokens += usage.prompt_tokens
        self.output_tokens += usage.output_tokens
        self.load_ms += usage.load_ms
        self.prompt_ms += usage.prompt_ms
        self.output_ms += usage.output_ms
        self.queue_ms += usage.queue_ms

    def failed(self, kind: Failure) -> None:
        """Count a call that gave no answer."""
        self.failures[kind.value] += 1

    def snapshot(self) -> RoleStats:
        """The figures as they are now."""
        return RoleStats(
            asked=self.hits + self.shared + self.misses, hits=self.hits, shared=self.shared, misses=self.misses,
            calls=self.calls, answers=self.answers, retries=self.retries, failures=dict(self.failures),
            prompt_tokens=self.prompt_tokens, output_tokens=self.output_tokens, load_ms=self.load_ms,
            prompt_ms=self.prompt_ms, output_ms=self.output_ms, queue_ms=self.queue_ms, call_ms=self.call_ms,
            wait_ms=self.wait_ms, early=self.early, failovers=self.failovers,
        )  # fmt: skip


class Figures:
    """One tally for each method and role."""

    def __init__(self) -> None:
        self._tallies: dict[tuple[Method, Role], Tally] = {}

    def of(self, method: Method, role: Role) -> Tally:
        """The tally to add to."""
        tally = self._tallies.get((method, role))
        if tally is None:
            tally = self._tallies[method, role] = Tally()
        return tally

    def snapshot(self, method: Method, roles: Iterable[Role]) -> dict[Role, RoleStats]:
        """Figures of one method: of `roles`, at zero where nothing was asked, and of all that were asked."""
        found = {role: tally.snapshot() for (kind, role), tally in self._tallies.items() if kind is method}
        return {role: RoleStats() for role in roles} | found
