"""The servers and their models as `health()` shows them: plain values that can be written as JSON."""

from __future__ import annotations

from typing import Any

from leadd.inference.servers.breakers import Breaker
from leadd.inference.servers.endpoints import Endpoint
from leadd.inference.servers.states import ModelState

PROGRESS_S = 300.0
"""A server that has work and has finished none for so long is not known to get on."""


def server_row(endpoint: Endpoint) -> dict[str, Any]:
    """One model server. `state` is up, down or unknown; `level` what is proven of it: '' nothing, alive, capable, progressing.

    alive: it answers. capable: it holds its models, and none is left alone. progressing: it has finished work in the last five
    minutes, or since it last got some. `latency` is that of answers, in ms, over the last hundred; `thrash` counts what other
    programs did to its models; `wedged` is the advice where it has stopped loading models, else None.
    """
    health, states = endpoint.health, list(endpoint.states.values())
    answers, failures = sum(s.answers for s in states), sum(s.failures for s in states)
    down = endpoint.down
    return {
        "name": endpoint.name,
        "kind": endpoint.model.name,
        "method": endpoint.method.value,
        "state": ("up" if down is None else "down") if endpoint.probes else "unknown",
        "level": level_of(endpoint),
        "reachable": bool(endpoint.probes) and down is None,
        "reason": down.message if down is not None else endpoint.wedged.message if endpoint.wedged else health.reason,
        "version": health.version,
        "latency_ms": health.latency_ms,
        "latency": latency_of(endpoint),
        "since_ms": endpoint.since_ms,
        "checked_at_ms": endpoint.checked_at_ms,
        "next_check_s": max(0.0, endpoint.next_due_s() - endpoint.clock.monotonic_s()),
        "answers": answers,
        "failures": failures,
        "success_rate": answers / (answers + failures) if answers + failures else None,
        "wedged": endpoint.wedged.message if endpoint.wedged is not None else None,
        "thrash": {"count": endpoint.thrashed, "reason": endpoint.thrash_reason},
        "together": endpoint.stage.together,
        "switches": endpoint.stage.switches,
        "canaries": endpoint.canaries,
        "breaker": _breaker(endpoint.breaker, endpoint),
        "available": sorted(health.models),
        "models": [model_row(endpoint, state) for state in states],
    }


def model_row(endpoint: Endpoint, state: ModelState) -> dict[str, Any]:
    """One model of one server. `num_ctx` is the window of the settings, `num_ctx_now` the one it is asked with."""
    problems = [endpoint.problem(state, role) for role in sorted(state.roles)]
    problem = next((p for p in problems if p is not None), None)
    return {
        "model": state.name,
        "roles": sorted(role.value for role in state.roles),
        "digest": state.digest,
        "num_ctx": state.full_ctx,
        "num_ctx_now": state.num_ctx,
        "ok": problem is None,
        "optional": state.optional,
        "failure": problem.kind.value if problem is not None else None,
        "reason": problem.message if problem is not None else "",
        "breaker": _breaker(state.breaker, endpoint),
        "warm": endpoint.is_warm(state),
        "loading": state.loading is not None,
        "slots": state.lane.slots,
        "ceiling": state.lane.ceiling,
        "search": state.lane.figures(),
        "in_flight": state.lane.busy,
        "waiting": state.lane.waiting,
        "wait_ms": state.wait_ms,
        "together": endpoint.stage.together,
        "reuse": {
            "ratio": state.reuse.ratio,
            "ns_per_token": state.reuse.ns_per_token,
            "lost": state.reuse.lost,
            "text": state.reuse.text(),
        },
        "chars_per_token": state.chars.value,
        "logprobs": endpoint.capabilities.logprobs and state.reads_labels,
    }


def level_of(endpoint: Endpoint) -> str:
    """What is proven of a server: '' nothing, alive, capable, progressing."""
    if not endpoint.probes or endpoint.down is not None:
        return ""
    states = [state for state in endpoint.states.values() if not state.optional]
    if endpoint.wedged is not None or any(s.missing is not None or s.breaker.is_open for s in states):
        return "alive"
    has_work = any(s.lane.waiting or s.lane.busy for s in states)
    idle_s = endpoint.clock.monotonic_s() - endpoint.progress_s
    proven = endpoint.progress_s > float("-inf") and (not has_work or idle_s < PROGRESS_S)
    return "progressing" if proven else "capable"


def latency_of(endpoint: Endpoint) -> dict[str, float | None]:
    """Milliseconds that the last hundred answers took: median, 95th percentile, and the last one."""
    seen = sorted(endpoint.latencies)
    if not seen:
        return {"p50_ms": None, "p95_ms": None, "last": None}
    return {
        "p50_ms": seen[len(seen) // 2],
        "p95_ms": seen[min(len(seen) - 1, int(len(seen) * 0.95))],
        "last": endpoint.latencies[-1],
    }


def _breaker(breaker: Breaker, endpoint: Endpoint) -> dict[str, Any]:
    due_s = breaker.due_s - endpoint.clock.monotonic_s()
    return {
        "state": breaker.phase.value,
        "reason": str(breaker.failure) if breaker.failure is not None else "",
        "opens": breaker.opens,
        "next_probe_s": max(0.0, due_s) if breaker.is_open else None,
    }
