"""One model of one server as leadd knows it, and how servers spell the names of models."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from leadd.api import ModelFailure, Role
from leadd.inference.slots import Lane


@dataclass(slots=True)
class ModelState:
    """One model of one server. `missing` and `blocked` say why it cannot be asked; `blocked` ends by time."""

    name: str
    num_ctx: int
    lane: Lane
    roles: set[Role] = field(default_factory=set)
    digest: str = ""
    missing: ModelFailure | None = None
    blocked: ModelFailure | None = None
    blocked_until_s: float = 0.0
    delay_s: float = 0.0
    warm_until_s: float = float("-inf")
    timeouts: int = 0
    answers: int = 0
    failures: int = 0
    loading: asyncio.Task[None] | None = None


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
