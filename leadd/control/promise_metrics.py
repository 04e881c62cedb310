"""Figures of the prefilter's promises for Prometheus. ICPs are no labels: their names are the user's, and the worst alarms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric

if TYPE_CHECKING:
    from leadd.core.promises.promise_figures import PromiseFigures


def promise_families(promises: Sequence[PromiseFigures]) -> Iterator[Metric]:
    """Promises in force and proven, what passes under them, audits, misses and drift, over all ICPs."""
    certified = [p for p in promises if p.mode == "certified"]
    yield GaugeMetricFamily(
        "leadd_prefilter_promises", "ICPs whose threshold is certified", value=sum(p.is_certified for p in certified)
    )
    for name, what in (
        ("passed", "Signals that passed under the promises in force"),
        ("dropped", "Signals below the threshold under the promises in force"),
        ("audits", "Signals below the threshold that were read all the same"),
        ("misses", "Leads that audits found below the threshold"),
        ("alarms", "Drifts that were noticed under the promises in force"),
    ):
        yield GaugeMetricFamily(f"leadd_prefilter_{name}", what, value=sum(getattr(p, name) for p in certified))
    worst = max((p.drift for p in certified), default=0.0)
    yield GaugeMetricFamily(
        "leadd_prefilter_drift_ratio", "How strongly the last leads speak for a drift: 1 is an alarm", value=worst
    )
