"""The shapes of the figures of models and caches."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from leadd.control.wire import Answer


class CacheFigures(Answer):
    """All tiers together since the start; `tiers` has each. Hits are answers that cost no call to a model; `shared` are those
    of them that were not kept yet, but came of another asker's call."""

    backend: str
    hits: int
    shared: int
    misses: int
    total_requests: int
    hit_rate_percent: float
    cache_size: int
    max_size: int | None
    ttl_seconds: float | None
    tiers: list[dict[str, Any]] = Field(default_factory=list)


class CandidateOut(Answer):
    """One model that may play a role, and how it is now.

    `state`: ready, cold (not in memory now), loading, trial (the next question tries it), resting (left alone until a look at
    it goes well), missing, down (its server), unknown. `for_memory`: it is asked only where memory is short for those before.
    """

    server: str
    model: str
    state: str
    reason: str = ""
    for_memory: bool = False


class OllamaFigures(Answer):
    """The language models: which plays which role, the counts of each role, and the health of their servers.

    `candidates` are those who may play a role, in the order in which they are asked. In `counts`, `time_ms` says where the time
    of questions went: leadd's own queue, the server's, loading, reading prompts, writing answers, and
    `prompt_tokens_not_read_again` is an estimate, by the share that the last calls show.
    """

    status: str
    models: dict[str, str]
    counts: dict[str, dict[str, Any]]
    health: list[dict[str, Any]]
    candidates: dict[str, list[CandidateOut]] = Field(default_factory=dict)
    in_flight: int = 0
    waiting: int = 0
    loads: int = 0
    load_failures: int = 0


class MetricsOut(Answer):
    """Figures of asking since the start. `evidence` stands apart: answers read from the text, without a language model."""

    ollama: OllamaFigures
    cache: CacheFigures
    evidence: dict[str, dict[str, Any]] = Field(default_factory=dict)
