"""Figures for Prometheus, from a registry of its own: two daemons in one process never mix theirs.

Every label is from a fixed list and starts at 0, so that a rate has a first point; nothing that a signal's author or a caller
chooses ever becomes a label. Times are in seconds, sizes in bytes, and ages are left to the reader: timestamps are given.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from leadd import __version__
from leadd.api import Failure, Role
from leadd.control.house import House
from leadd.control.model_figures import model_rows
from leadd.control.model_metrics import model_families, server_families
from leadd.control.promise_metrics import promise_families
from leadd.inference import RoleStats
from leadd.store.rows import BUCKETS, OUTBOX_STATES, OUTCOMES, SIGNAL_STATES, Counts

if TYPE_CHECKING:
    from leadd.core.promises.promise_figures import PromiseFigures

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"
CODES = ("2xx", "3xx", "4xx", "5xx", "gone")
"""Classes of answers; gone: the caller left before there was one."""

AREAS = (
    "classify", "cache", "icp", "leads", "signals", "prefilter", "ingest", "sources", "sinks", "deliveries", "events", "models",
    "prompts", "experiments", "daemon", "none",
)  # fmt: skip
"""Areas of routes; none: no route was found, or the caller was refused before one was looked for."""

SECONDS = (0.005, 0.025, 0.1, 0.5, 2.5, 10, 60)


@dataclass(slots=True)
class Snapshot:
    """The figures of the house at one moment, read before the exposition, which cannot wait for anything."""

    counts: Counts
    leads: Mapping[str, int]
    deliveries: Mapping[str, Mapping[str, int]]
    roles: Mapping[Role, RoleStats]
    evidence: Mapping[Role, RoleStats]
    in_flight: int
    waiting: int
    servers: list[dict[str, Any]]
    loads: int
    load_failures: int
    tiers: list[Mapping[str, object]]
    store: Mapping[str, float]
    ready: bool
    started_s: float
    sources: list[tuple[str, int, int, int]] = field(default_factory=list)
    promises: Sequence[PromiseFigures] = ()


class Metrics:
    """The HTTP counters, and the exposition of everything."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self._figures = _Figures()
        self._registry.register(self._figures)
        self.requests = Counter(
            "leadd_http_requests", "Requests answered, by area and class of status", ["area", "code"], registry=self._registry
        )
        self.seconds = Histogram(
            "leadd_http_request_duration_seconds",
            "Time to the end of the answer, streams left out",
            ["area"],
            buckets=SECONDS,
            registry=self._registry,
        )
        for area in AREAS:
            self.seconds.labels(area)
            for code in CODES:
                self.requests.labels(area, code)

    def count(self, area: str, status: int | None, seconds: float | None) -> None:
        """One request is over; `status` None where the caller left, `seconds` None for a stream."""
        code = "gone" if status is None else f"{status // 100}xx"
        self.requests.labels(area if area in AREAS else "none", code if code in CODES else "gone").inc()
        if seconds is not None:
            self.seconds.labels(area if area in AREAS else "none").observe(seconds)

    async def render(self, house: House) -> bytes:
        """The text format, version 0.0.4."""
        self._figures.snapshot = await take_snapshot(house)
        return generate_latest(self._registry)


async def take_snapshot(house: House) -> Snapshot:
    """Read what the exposition shows."""
    stats = house.inference.stats()
    return Snapshot(
        counts=await house.store.signals.counts(),
        leads=await house.store.leads.bucket_counts(),
        deliveries=await house.store.outbox.counts_by_sink(),
        roles=stats.roles,
        evidence=stats.evidence,
        in_flight=stats.in_flight,
        waiting=stats.waiting,
        servers=[dict(row) for row in house.inference.health()],
        loads=stats.preloads,
        load_failures=stats.preload_failures,
        tiers=[dict(tier) for tier in await house.inference.cache_stats()],
        store=house.store.db.figures(),
        ready=house.state == "running",
        started_s=house.started_at_ms / 1000,
        sources=[(s.name, s.accepted, s.repeats, s.problems) for s in house.core.traffic.source_statuses()],
        promises=await house.core.promises(closely=False),
    )


class _Figures(Collector):
    """Turns the last snapshot into metrics; before the first there are none."""

    def __init__(self) -> None:
        self.snapshot: Snapshot | None = None

    def collect(self) -> Iterable[Metric]:
        now = self.snapshot
        if now is None:
            return
        yield GaugeMetricFamily("leadd_ready", "1 while work is taken", value=float(now.ready))
        yield GaugeMetricFamily("leadd_start_time_seconds", "When this run began, since 1970", value=now.started_s)
        yield _gauge("leadd_build_info", "The version that runs", ["version"], {(__version__,): 1})
        yield from _signals(now)
        yield from _models("leadd_model", "language models", now.roles)
        yield from _models("leadd_evidence", "the reading of evidence", now.evidence)
        yield GaugeMetricFamily("leadd_model_calls_in_flight", "Calls that are with a model now", value=now.in_flight)
        yield GaugeMetricFamily("leadd_model_calls_waiting", "Questions that wait for a slot", value=now.waiting)
        yield CounterMetricFamily("leadd_model_loads", "Loads of models that leadd asked for", value=now.loads)
        yield CounterMetricFamily("leadd_model_load_failures", "Those of them that failed", value=now.load_failures)
        yield _gauge(
            "leadd_model_server_up", "1 where the server answers", ["server"],
            {(str(row.get("name", "model")),): float(bool(row.get("reachable"))) for row in now.servers},
        )  # fmt: skip
        yield from server_families(now.servers)
        yield from model_families(list(model_rows(now.servers)))
        yield from _cache(now)
        yield from _store(now)
        yield from promise_families(now.promises)


def _signals(now: Snapshot) -> Iterator[Metric]:
    yield _gauge(
        "leadd_signals", "Signals by where they stand", ["state"],
        {(s,): now.counts.by_state.get(s, 0) for s in SIGNAL_STATES},
    )  # fmt: skip
    yield _gauge(
        "leadd_signal_outcomes", "Signals by what they came to", ["outcome"],
        {(o,): now.counts.by_outcome.get(o, 0) for o in OUTCOMES},
    )  # fmt: skip
    yield GaugeMetricFamily(
        "leadd_signals_waiting_for_model", "Signals that wait for a model", value=now.counts.waiting_for_model
    )
    if now.counts.oldest_due_ms is not None:
        yield GaugeMetricFamily(
            "leadd_oldest_due_timestamp_seconds", "Due time of the oldest queued signal", value=now.counts.oldest_due_ms / 1000
        )
    yield _gauge("leadd_leads", "Leads by bucket", ["bucket"], {(b,): now.leads.get(b, 0) for b in BUCKETS})
    yield _gauge(
        "leadd_deliveries", "Deliveries by sink and state", ["sink", "state"],
        {(sink, s): states.get(s, 0) for sink, states in now.deliveries.items() for s in OUTBOX_STATES},
    )  # fmt: skip
    items = CounterMetricFamily("leadd_source_items", "Items of each source since the start", labels=["source", "result"])
    for name, accepted, repeats, problems in now.sources:
        for result, value in (("accepted", accepted), ("repeat", repeats), ("problem", problems)):
            items.add_metric([name, result], value)
    yield items


def _models(prefix: str, what: str, roles: Mapping[Role, RoleStats]) -> Iterator[Metric]:
    every = {role: roles.get(role, RoleStats()) for role in Role}
    asked = CounterMetricFamily(f"{prefix}_answers", f"Answers of {what} by how they came", labels=["role", "cache"])
    failures = CounterMetricFamily(f"{prefix}_failures", f"Calls to {what} that gave no answer", labels=["role", "failure"])
    tokens = CounterMetricFamily(f"{prefix}_tokens", f"Tokens of calls to {what}", labels=["role", "direction"])
    seconds = CounterMetricFamily(f"{prefix}_call_seconds", f"Time that calls to {what} took", labels=["role", "stage"])
    calls = CounterMetricFamily(f"{prefix}_calls", f"Calls to {what}, retries among them", labels=["role"])
    early = CounterMetricFamily(f"{prefix}_early_ends", f"Answers of {what} ended once enough was there", labels=["role"])
    failovers = CounterMetricFamily(f"{prefix}_failovers", f"Questions to {what} that went to another", labels=["role"])
    for role, figures in every.items():
        for counter, count in ((calls, figures.calls), (early, figures.early), (failovers, figures.failovers)):
            counter.add_metric([role.value], count)
        for cache, count in (("hit", figures.hits), ("shared", figures.shared), ("miss", figures.answers)):
            asked.add_metric([role.value, cache], count)
        for kind in Failure:
            failures.add_metric([role.value, kind.value], figures.failures.get(kind.value, 0))
        tokens.add_metric([role.value, "input"], figures.prompt_tokens)
        tokens.add_metric([role.value, "output"], figures.output_tokens)
        for stage in ("wait", "queue", "load", "prompt", "output", "call"):
            seconds.add_metric([role.value, stage], getattr(figures, f"{stage}_ms") / 1000)
    yield from (calls, asked, failures, tokens, seconds, early, failovers)


def _cache(now: Snapshot) -> Iterator[Metric]:
    entries = GaugeMetricFamily("leadd_cache_entries", "Answers kept, by tier", labels=["tier"])
    size = GaugeMetricFamily("leadd_cache_size_bytes", "Size of a tier", labels=["tier"])
    looks = CounterMetricFamily("leadd_cache_requests", "Look-ups in a tier", labels=["tier", "result"])
    for tier in now.tiers:
        name = str(tier.get("name", "?"))
        entries.add_metric([name], _number(tier.get("entries")))
        size.add_metric([name], _number(tier.get("size_bytes")))
        looks.add_metric([name, "hit"], _number(tier.get("hits")))
        looks.add_metric([name, "miss"], _number(tier.get("misses")))
    yield from (entries, size, looks)


def _store(now: Snapshot) -> Iterator[Metric]:
    for name in ("commits", "writes", "failures"):
        yield CounterMetricFamily(f"leadd_store_{name}", f"{name.capitalize()} of the database", value=now.store.get(name, 0))
    yield GaugeMetricFamily("leadd_store_wal_bytes", "Size of the write-ahead log", value=now.store.get("wal_bytes", 0))
    yield GaugeMetricFamily("leadd_store_largest_group", "Writes in the largest commit", value=now.store.get("max_group", 0))
    yield GaugeMetricFamily(
        "leadd_store_last_commit_duration_seconds", "Time of the last commit", value=now.store.get("last_commit_ms", 0) / 1000
    )


def _gauge(name: str, help_text: str, labels: list[str], values: Mapping[tuple[str, ...], float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_text, labels=labels)
    for key, value in values.items():
        family.add_metric(list(key), float(value))
    return family


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) else 0.0
