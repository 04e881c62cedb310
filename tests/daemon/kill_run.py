"""Killing a daemon again and again under load, and counting what is left."""

from __future__ import annotations

import json
import random
import sqlite3
import time
from collections.abc import Callable
from typing import Any

from daemon_parts import ICP, Home, ingest, wait

from leadd.testing.ollama import ThreadedFake

SLOTS = 2


def run_kills(make_home: Callable[..., Home], ollama: ThreadedFake, *, kills: int, seed: int) -> dict[str, Any]:
    """Start, load, SIGKILL after a random while, `kills` times; then let it finish and check every promise. The figures."""
    rng = random.Random(seed)
    home = make_home(models={"endpoint": ollama.fake.url}, inference={"slots": SLOTS})
    home.configure(
        models={"endpoint": ollama.fake.url},
        inference={"slots": SLOTS},
        sinks={"file": {"use": "jsonl", "path": str(home.folder / "leads.jsonl")}},
        control={"http": {"enabled": False}},
    )
    acknowledged: set[str] = set()
    ready_s = []
    number = 0
    for _ in range(kills):
        ready_s.append(home.start())
        if number == 0:
            home.client.post("/api/icp/", ICP)
        deadline = time.monotonic() + rng.uniform(0.02, 0.25)
        while time.monotonic() < deadline:
            numbers = range(number, number + 2)
            number += 2
            assert ingest(home, numbers, every_lead=2)["accepted"] == 2
            acknowledged |= {f"Opening {n}" for n in numbers}
            time.sleep(0.01)
        home.kill()
    ready_s.append(home.start())
    outcomes = home.wait_outcomes(len(acknowledged), 120)
    signals = list(home.signals())
    assert len(signals) == sum(outcomes.values()), "every signal has exactly one outcome"
    assert {s["title"] for s in signals} >= acknowledged, "nothing acknowledged is lost"
    _check_deliveries(home)
    paid_again = sum(n - 1 for n in ollama.fake.stats.paid_twice.values())
    # An answer that was on its way at the moment of a kill is one that no daemon can know of.
    assert paid_again <= kills * SLOTS
    home.kill()
    with sqlite3.connect(home.paths.database_file) as db:
        assert db.execute("PRAGMA quick_check").fetchone() == ("ok",)
    db.close()
    return {"kills": kills, "signals": len(signals), "paid_again": paid_again, "ready_s": sorted(ready_s), **outcomes}


def _check_deliveries(home: Home) -> None:
    def states() -> set[str]:
        return {d["state"] for d in home.client.get("/api/deliveries", limit=500)["items"]}

    wait(lambda: states() <= {"delivered"}, 60)
    leads = home.client.get("/api/leads/", limit=500, bucket="nurture")["items"]
    lines = [json.loads(line) for line in (home.folder / "leads.jsonl").read_text().splitlines()]
    assert len({line["key"] for line in lines}) == len(lines), "an idempotent sink has each delivery once"
    assert {line["id"] for line in lines} == {lead["id"] for lead in leads}
