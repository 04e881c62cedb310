"""Figures of model servers and their models for Prometheus, out of the rows of `Inference.health`.

Labels are the names of servers and models, which the settings give, and words from fixed lists.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric

LEVELS = ("alive", "capable", "progressing")
PHASES = ("closed", "half_open", "open")

Row = Mapping[str, Any]


def server_families(servers: Sequence[Row]) -> Iterator[Metric]:
    """How each server is, its breaker, its latency, and what other programs did to its models."""
    level = _Gauge("leadd_model_server_level", "1 for what is proven of a server, and for all before it", "server", "level")
    wedged = _Gauge("leadd_model_server_wedged", "1 where a server loads no models any more", "server")
    together = _Gauge("leadd_model_server_fits", "1 where a server's models fit into its memory together", "server")
    latency = _Gauge("leadd_model_server_latency_seconds", "Time of the last hundred answers", "server", "quantile")
    thrash = _Count("leadd_model_server_foreign_reloads", "Models that other programs made a server load anew", "server")
    switches = _Count("leadd_model_server_switches", "Changes of model, where not all fit into memory", "server")
    phase, opens = _breaker_families("leadd_model_server_breaker", "server")
    for row in servers:
        name = str(row.get("name", "model"))
        reached = LEVELS.index(row["level"]) if row.get("level") in LEVELS else -1
        for place, word in enumerate(LEVELS):
            level.add([name, word], place <= reached)
        wedged.add([name], bool(row.get("wedged")))
        if row.get("together") is not None:
            together.add([name], row["together"])
        for quantile, key in (("0.5", "p50_ms"), ("0.95", "p95_ms")):
            took_ms = (row.get("latency") or {}).get(key)
            if took_ms is not None:
                latency.add([name, quantile], took_ms / 1000)
        thrash.add([name], (row.get("thrash") or {}).get("count"))
        switches.add([name], row.get("switches"))
        _add_breaker(phase, opens, [name], row.get("breaker") or {})
    yield from (found.family for found in (level, wedged, together, latency, thrash, switches, phase, opens))


def model_families(rows: Sequence[tuple[Row, Row]]) -> Iterator[Metric]:
    """Each model: its slots and queue, how much of its prompts it does not read again, its breaker; by (server, model)."""
    labels = ("server", "model")
    slots = _Gauge("leadd_model_slots", "Questions that may be with a model at a time now", *labels)
    ceiling = _Gauge("leadd_model_slots_ceiling", "The most that the settings allow", *labels)
    in_flight = _Gauge("leadd_model_in_flight", "Questions that are with a model now", *labels)
    waiting = _Gauge("leadd_model_waiting", "Questions that wait for a model's slot", *labels)
    wait = _Count("leadd_model_wait_seconds", "Time that questions waited for a model's slot", *labels)
    window = _Gauge("leadd_model_window_tokens", "The window that a model is asked with now", *labels)
    reuse = _Gauge("leadd_model_prompt_reuse_ratio", "Share of prompt tokens that were not read again", *labels)
    lost = _Gauge("leadd_model_prompt_reuse_lost", "1 where reuse has gone that should be there", *labels)
    cost = _Gauge("leadd_model_prompt_token_seconds", "Time that one prompt token takes", *labels)
    warm = _Gauge("leadd_model_warm", "1 while a model is in memory, as far as leadd knows", *labels)
    phase, opens = _breaker_families("leadd_model_breaker", *labels)
    for server, row in rows:
        names = [str(server.get("name", "model")), str(row.get("model", ""))]
        watched = row.get("reuse") or {}
        for gauge, value in (
            (slots, row.get("slots")), (ceiling, row.get("ceiling")), (in_flight, row.get("in_flight")),
            (waiting, row.get("waiting")), (window, row.get("num_ctx_now")), (reuse, watched.get("ratio")),
            (lost, watched.get("lost")), (cost, _seconds(watched.get("ns_per_token"), 1e9)), (warm, row.get("warm")),
        ):  # fmt: skip
            if value is not None:
                gauge.add(names, value)
        wait.add(names, _seconds(row.get("wait_ms"), 1e3))
        _add_breaker(phase, opens, names, row.get("breaker") or {})
    made = (slots, ceiling, in_flight, waiting, wait, window, reuse, lost, cost, warm, phase, opens)
    yield from (found.family for found in made)


class _Family:
    """A metric that takes whatever a row holds: what is missing counts 0."""

    def __init__(self, make: Callable[..., Any], name: str, help_text: str, *labels: str) -> None:
        self.family = make(name, help_text, labels=list(labels))

    def add(self, labels: list[str], value: Any) -> None:
        self.family.add_metric(labels, float(value or 0))


class _Gauge(_Family):
    def __init__(self, name: str, help_text: str, *labels: str) -> None:
        super().__init__(GaugeMetricFamily, name, help_text, *labels)


class _Count(_Family):
    def __init__(self, name: str, help_text: str, *labels: str) -> None:
        super().__init__(CounterMetricFamily, name, help_text, *labels)


def _breaker_families(name: str, *labels: str) -> tuple[_Gauge, _Count]:
    whose = labels[-1]
    return (
        _Gauge(f"{name}_state", f"1 for the state that a {whose}'s breaker is in", *labels, "state"),
        _Count(f"{name}_opens", f"How often a {whose} was left alone because it did not answer well", *labels),
    )


def _add_breaker(phase: _Gauge, opens: _Count, labels: list[str], row: Row) -> None:
    now = row.get("state", "closed")
    for word in PHASES:
        phase.add([*labels, word], word == now)
    opens.add(labels, row.get("opens"))


def _seconds(value: Any, parts: float) -> float | None:
    return None if value is None else float(value) / parts
