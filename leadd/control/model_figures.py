"""The figures of asking, as `/api/classify/metrics` and `/health` show them: roles, candidates, servers, cache."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from typing import Any

from leadd.api import Role
from leadd.config.entries import RoleModel
from leadd.control.house import House
from leadd.control.wire_models import CacheFigures, CandidateOut, OllamaFigures
from leadd.inference import RoleStats

STAGES = {"own_queue": "wait_ms", "server_queue": "queue_ms", "load": "load_ms", "prompt": "prompt_ms", "output": "output_ms"}
"""Where the time of a question goes, in its order, and which figure of a role holds it."""

Row = Mapping[str, Any]


def ollama_figures(house: House) -> OllamaFigures:
    """The language models by role, their counts, and their servers' health."""
    health = [dict(entry) for entry in house.inference.health()]
    reachable = [bool(entry.get("reachable")) for entry in health]
    stats = house.inference.stats()
    up_s = max(0.0, (house.clock.now_ms() - house.started_at_ms) / 1000)
    candidates = {role: candidates_of(role, plan, health) for role, plan in _plans(house) if plan.enabled}
    counts = {role.value: role_counts(figures, up_s) for role, figures in stats.roles.items()}
    for role, count in counts.items():
        share = _reuse(candidates.get(role, ()), health)
        count["prompt_tokens_not_read_again"] = None if share is None else round(share * count["prompt_tokens"])
    return OllamaFigures(
        status="ok" if reachable and all(reachable) else "unreachable" if health else "none",
        models={role: plan.model for role, plan in _plans(house) if plan.enabled},
        counts=counts,
        health=health,
        candidates=candidates,
        in_flight=stats.in_flight,
        waiting=stats.waiting,
        loads=stats.preloads,
        load_failures=stats.preload_failures,
    )


def role_counts(figures: RoleStats, up_s: float) -> dict[str, Any]:
    """The figures of one role, with what follows from them. Rates are None where there is nothing to divide by."""
    failed = sum(figures.failures.values())
    return {
        **asdict(figures),
        "failed": failed,
        "success_rate": _share(figures.answers, figures.calls),
        "answers_per_minute": _rate(figures.answers * 60, up_s),
        "prompt_tokens_per_s": _rate(figures.prompt_tokens * 1000, figures.prompt_ms),
        "output_tokens_per_s": _rate(figures.output_tokens * 1000, figures.output_ms),
        "time_ms": {stage: round(getattr(figures, name), 1) for stage, name in STAGES.items()},
    }


def candidates_of(role: str, plan: RoleModel, health: list[dict[str, Any]]) -> list[CandidateOut]:
    """Who may play a role, in the order in which they are asked, each as it is now.

    First the role's own model, then those that the settings name, then those that stand by for want of memory.
    """
    places = {(plan.use, plan.model): 0}
    for number, candidate in enumerate(plan.candidates, 1):
        places.setdefault((candidate.use, candidate.model), number)
    found = []
    for server, row in model_rows(health):
        if role in row.get("roles", ()) and not (row.get("optional") and not row.get("digest")):
            place = places.pop((str(server.get("name")), str(row.get("model"))), None)
            found.append((len(plan.candidates) + 1 if place is None else place, _candidate(server, row, place is None)))
    for (use, model), place in places.items():  # servers that could not be opened have no row
        reason = f"the model server '{use}' is out of service (leadd plugins)"
        found.append((place, CandidateOut(server=use, model=model, state="down", reason=reason)))
    return [candidate for _, candidate in sorted(found, key=lambda pair: pair[0])]


def _reuse(candidates: Iterable[CandidateOut], health: list[dict[str, Any]]) -> float | None:
    """The share of its prompts that the model which plays a role now did not read again lately; None where it is not known."""
    rows = {(str(server.get("name")), str(row.get("model"))): row for server, row in model_rows(health)}
    for candidate in candidates:
        if candidate.state in ("ready", "cold") and not candidate.for_memory:
            ratio = (rows.get((candidate.server, candidate.model), {}).get("reuse") or {}).get("ratio")
            return None if ratio is None else float(ratio)
    return None


def model_rows(health: list[dict[str, Any]]) -> Iterator[tuple[Row, Row]]:
    """Each server with each of its models."""
    for server in health:
        models = server.get("models", ())
        for row in models if isinstance(models, list) else ():
            yield server, row


def state_of(server: Row, row: Row) -> str:
    """One word for how a model is: unknown, down, missing, resting, trial, loading, ready or cold.

    resting: it answered badly or not at all, and is left alone until a look at it goes well; trial: the next question tries it;
    cold: well, and not in memory now.
    """
    if server.get("state") == "unknown":
        return "unknown"
    if not server.get("reachable"):
        return "down"
    phase = (row.get("breaker") or {}).get("state")
    checks = (
        ("missing", row.get("failure") == "missing_model"),
        ("loading", row.get("loading")),
        ("resting", phase == "open" or not row.get("ok", True)),
        ("trial", phase == "half_open"),
        ("ready", row.get("warm")),
    )
    return next((word for word, holds in checks if holds), "cold")


async def cache_figures(house: House) -> CacheFigures:
    """The cache as askers see it: one look-up counts once, whichever tier answers."""
    tiers = await house.inference.cache_stats()
    stats = house.inference.stats()
    roles = [*stats.roles.values(), *stats.evidence.values()]
    hits = sum(role.hits + role.shared for role in roles)
    misses = sum(role.misses for role in roles)
    first = tiers[0] if tiers else {}
    return CacheFigures(
        backend=" + ".join(str(tier.get("name", "?")) for tier in tiers) or "none",
        hits=hits,
        shared=sum(role.shared for role in roles),
        misses=misses,
        total_requests=hits + misses,
        hit_rate_percent=round(100 * hits / (hits + misses), 2) if hits + misses else 0.0,
        cache_size=max((int(tier.get("entries") or 0) for tier in tiers), default=0),
        max_size=first.get("max_entries"),
        ttl_seconds=house.loaded.settings.cache.ttl_s if house.loaded.settings.cache.enabled else None,
        tiers=tiers,
    )


def _plans(house: House) -> Iterator[tuple[str, RoleModel]]:
    for role in Role:
        plan: RoleModel = getattr(house.loaded.settings.models, role.value)
        yield role.value, plan


def _candidate(server: Row, row: Row, for_memory: bool) -> CandidateOut:
    return CandidateOut(
        server=str(server.get("name", "")),
        model=str(row.get("model", "")),
        state=state_of(server, row),
        reason=str(row.get("reason") or (row.get("breaker") or {}).get("reason") or ""),
        for_memory=for_memory,
    )


def _share(part: float, whole: float) -> float | None:
    return round(min(1.0, part / whole), 4) if whole else None


def _rate(amount: float, time: float) -> float | None:
    return round(amount / time, 2) if time > 0 else None
