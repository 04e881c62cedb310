"""Failures on demand: the next request, one model, a share of all, each by name."""

from __future__ import annotations

import random
from dataclasses import dataclass, fields, replace
from typing import Any

EARLY = frozenset({"error", "busy", "html", "hang", "close", "reset", "slow", "headers_only", "forbidden"})
"""Faults that come before the scheduler sees the request."""
LOADING = frozenset({"load_oom", "load_crash", "load_stall"})
"""Faults of loading: they wait until a model is really loaded."""
RUNNING = frozenset({"crash", "oom", "error_line", "cut", "stall", "repeat", "not_done"})
"""Faults of the runner while it answers; `after_events` says how far it gets."""
OUTPUT = frozenset({"wrong_enum", "missing_key", "early_close", "ignore_format", "whitespace", "empty", "not_json", "length"})
"""Answers that arrive well and are wrong."""
VECTORS = frozenset({"zero_vector", "not_normalised", "missing_vector"})
"""Embeddings that arrive well and are wrong."""
PULLING = frozenset({"pull_error", "pull_stall"})
KINDS = EARLY | LOADING | RUNNING | OUTPUT | VECTORS | PULLING
WORK = frozenset({"chat", "generate", "embed", "embeddings"})


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to fail. `kind` is in KINDS; `status` and `message` belong to `error`, `delay_s` to `slow` and `stall`.

    `after_events` is how many events of a stream (for a whole answer: tokens) come before a RUNNING fault strikes.
    """

    kind: str
    status: int = 500
    message: str = ""
    after_events: int = 0
    delay_s: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no fault '{self.kind}': use one of {', '.join(sorted(KINDS))}")


@dataclass(slots=True)
class Rule:
    """When a fault strikes: `times` None means always, `skip` lets that many matching requests pass first."""

    fault: Fault
    times: int | None = 1
    model: str | None = None
    role: str | None = None
    endpoint: str | None = None
    probability: float = 1.0
    dice: random.Random | None = None
    skip: int = 0

    def strikes(self, kinds: frozenset[str], endpoint: str, model: str, role: str) -> bool:
        """True where the rule is meant for this request and the dice say so; counts `skip` and `times` down."""
        if self.fault.kind not in kinds or self.times == 0 or not self._meant(endpoint, model, role):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        if self.dice is not None and self.dice.random() >= self.probability:
            return False
        if self.times is not None:
            self.times -= 1
        return True

    def _meant(self, endpoint: str, model: str, role: str) -> bool:
        if self.endpoint is None:
            if endpoint not in WORK and self.fault.kind not in PULLING | LOADING:
                return False
        elif self.endpoint != endpoint:
            return False
        return self.model in (None, model) and self.role in (None, role)


class FaultBook:
    """All rules, asked in the order in which they were made."""

    def __init__(self) -> None:
        self.rules: list[Rule] = []

    def add(self, rule: Rule) -> None:
        self.rules.append(rule)

    def clear(self) -> None:
        self.rules.clear()

    def take(self, kinds: frozenset[str], endpoint: str, model: str = "", role: str = "") -> Fault | None:
        """The fault that strikes this request, or None."""
        if not self.rules:
            return None
        for rule in self.rules:
            if rule.strikes(kinds, endpoint, model, role):
                self.rules = [other for other in self.rules if other.times != 0]
                return rule.fault
        return None


def make_fault(fault: Fault | str, **changes: Any) -> Fault:
    """A fault by name or as it is, with fields changed. Raises ValueError or TypeError."""
    return replace(Fault(fault) if isinstance(fault, str) else fault, **changes)


FAULT_FIELDS = frozenset(item.name for item in fields(Fault)) - {"kind"}
