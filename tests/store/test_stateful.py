"""Leads, mergers and deliveries under random orders of events, held against a model that knows only the rules."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from leadd.api.clock import SystemClock
from leadd.api.icp import Icp
from leadd.api.leads import Receipt
from leadd.store.rows import BUCKETS, CompanyRef, IcpOutcome, LeadRecord, NewSignal, SinkRef
from leadd.store.store import Store

NAMES = [("Acme", "acme.example"), ("Boat", "boat.example"), ("Cord", "cord.example")]
SINKS = (SinkRef("all", "nurture"), SinkRef("hot", "red_hot"))


def bucket_of(total: int) -> str:
    return "red_hot" if total >= 80 else "warm" if total >= 60 else "nurture" if total >= 40 else "parked"


class Leads(RuleBasedStateMachine):
    """Every signal of a company knows its name, its domain or both; in the end all that is provably one is one lead."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.runner = asyncio.Runner()
        self.store: Store = self.run(Store.open(Path(self.folder.name) / "data", clock=SystemClock()))
        self.number = 0
        self.seen: dict[int, set[str]] = {}
        self.best: dict[tuple[int, str], list[tuple[bool, int]]] = {}
        self.keys: dict[int, tuple[str, str | None]] = {}

    def run(self, call: Any) -> Any:
        return self.runner.run(call)

    @initialize()
    def add_icp(self) -> None:
        self.icp = self.run(self.store.icps.add(Icp(name="one", description="whoever needs it")))

    @rule(
        company=st.integers(0, 2), how=st.sampled_from(["name", "domain", "both"]),
        total=st.integers(20, 100), model=st.booleans(),
    )  # fmt: skip
    def record(self, company: int, how: str, total: int, model: bool) -> None:
        self.number += 1
        key = f"k{self.number}"
        new = NewSignal(source="s", text=key, title=key, content_hash=key, dedupe_key=key)
        (signal_id,) = self.run(self.store.signals.add_many("s", [new])).ids
        name, domain = NAMES[company]
        known = CompanyRef(
            name=name if how != "domain" else None,
            name_key=name.lower() if how != "domain" else None,
            domain=domain if how != "name" else None,
        )
        outcome = IcpOutcome(self.icp.id, "one", True, total, bucket_of(total))
        method = "model" if model else "evidence"
        rec = LeadRecord(signal_id, bucket_of(total), method, (outcome,), known, sinks=SINKS)
        result = self.run(self.store.leads.record(rec))
        self.seen.setdefault(company, set()).update({"name", "domain", "both"} if how == "both" else {how})
        self.best.setdefault((company, how), []).append((model, total))
        assert result.leads[0].bucket in BUCKETS

    @rule(sink=st.sampled_from(["all", "hot"]), end=st.sampled_from(["delivered", "retry", "dead", "crash"]))
    def deliver(self, sink: str, end: str) -> None:
        for row in self.run(self.store.outbox.lease("boot", sink, 2, 60_000)):
            bytes_now = self.run(self.store.outbox.freeze(row.id, f"payload of try {self.number}"))
            key, fixed = self.keys.get(row.id, (row.key, None))
            assert row.key == key
            assert fixed in (None, bytes_now)
            self.keys[row.id] = (row.key, bytes_now)
            if end == "delivered":
                self.run(self.store.outbox.delivered(row.id, Receipt()))
            elif end == "retry":
                self.run(self.store.outbox.retry(row.id, "503", 0))
            elif end == "dead":
                self.run(self.store.outbox.dead(row.id, "410"))
        if end == "crash":
            self.run(self.store.outbox.release_stale("other boot"))

    @rule()
    def revive(self) -> None:
        for row in self.run(self.store.outbox.list(state="dead")).items:
            self.run(self.store.outbox.revive(row.id))

    @invariant()
    def one_lead_per_company_that_is_provably_one(self) -> None:
        leads = self.run(self.store.leads.list(limit=100)).items
        expected = sum(1 if "both" in kinds else len(kinds) for kinds in self.seen.values())
        assert len(leads) == expected
        assert sum(lead.signal_count for lead in leads) == self.number
        for company, kinds in self.seen.items():
            if "both" in kinds:
                weights = [w for (c, _), found in self.best.items() if c == company for w in found]
                best = max((w for w in weights if w[0]), default=max(weights))
                name, domain = NAMES[company]
                (lead,) = [x for x in leads if x.domain == domain]
                assert (lead.company, lead.score, lead.bucket) == (name, best[1], bucket_of(best[1]))

    @invariant()
    def every_sink_hears_of_what_it_wants(self) -> None:
        rows = self.run(
            self.store.db.fetch(
                "SELECT l.id, l.bucket, o.sink, o.state, o.event FROM lead AS l LEFT JOIN outbox AS o "
                "ON o.lead_id = l.id OR o.lead_id IN (SELECT id FROM lead WHERE merged_into = l.id) "
                "WHERE l.merged_into IS NULL"
            )
        )
        told: dict[int, set[str]] = {}
        buckets = {row["id"]: row["bucket"] for row in rows}
        for row in rows:
            if row["state"] not in (None, "dropped"):
                told.setdefault(row["id"], set()).add(row["sink"])
        for lead_id, bucket in buckets.items():
            if bucket == "red_hot":
                assert told.get(lead_id) == {"all", "hot"}
            elif bucket in ("nurture", "warm"):
                assert "all" in told.get(lead_id, set())

    @invariant()
    def no_row_points_nowhere(self) -> None:
        assert self.run(self.store.db.fetch("PRAGMA foreign_key_check")) == []

    def teardown(self) -> None:
        self.run(self.store.close())
        self.runner.close()
        self.folder.cleanup()


Leads.TestCase.settings = settings(
    max_examples=15, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
)
test_leads_under_random_orders = pytest.mark.timeout(120)(Leads.TestCase)
