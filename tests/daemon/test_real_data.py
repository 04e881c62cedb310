"""The main job on real ads: every signal has one outcome, and list, why and sink agree."""

from __future__ import annotations

import gzip
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from daemon_parts import Home, wait

from leadd.testing.ollama import Speeds, threaded_fake

DATA = Path(os.environ.get("LEADD_EVAL_DATA", Path(__file__).parents[2].parent / "shared" / "data"))
COLUMNS = {
    "external_id": "id", "text": "text", "title": "title", "company": "company", "location": "location", "url": "url",
    "posted_at": "posted_at",
}  # fmt: skip
ICP = {
    "name": "marketing_role",
    "description": "Companies that hire for a marketing role: growth, content, brand, performance, communications, events.",
    "hiring_keywords": {"values": ["marketing", "growth", "content", "brand", "seo", "communications", "social media"]},
}
OUTCOMES = {"filtered", "parked", "nurture", "warm", "red_hot", "held"}


def all_items(home: Home, path: str, **query: Any) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor = None
    while True:
        page = home.client.get(path, limit=500, cursor=cursor, **query)
        items += page["items"]
        cursor = page["next"]
        if cursor is None:
            return items


def run_over(make_home: Callable[..., Home], file: Path, rows: int, limit_s: float) -> None:
    with threaded_fake(speeds=Speeds()) as ollama:
        home = make_home(models={"endpoint": ollama.fake.url})
        folder = home.folder / "in"
        folder.mkdir()
        home.configure(
            models={"endpoint": ollama.fake.url}, control={"http": {"enabled": False}},
            sources={"ads": {"use": "folder", "path": str(folder), "columns": COLUMNS, "settle_s": 0, "interval_s": 1}},
            sinks={"file": {"use": "jsonl", "path": str(home.folder / "leads.jsonl")}},
        )  # fmt: skip
        home.start()
        home.client.post("/api/icp/", ICP)
        shutil.copy(file, folder / "x.part")
        (folder / "x.part").rename(folder / file.name)
        outcomes = home.wait_outcomes(rows, limit_s)
        assert sum(outcomes.values()) == rows
        assert set(outcomes) <= OUTCOMES
        wait(lambda: not all_items(home, "/api/deliveries", state="pending"), 60)
        wait(lambda: not all_items(home, "/api/deliveries", state="leased"), 60)
        leads = {lead["id"]: lead["bucket"] for lead in all_items(home, "/api/leads/", bucket="nurture")}
        lines = [json.loads(line) for line in (home.folder / "leads.jsonl").read_text().splitlines()]
        assert {line["id"]: line["bucket"] for line in lines} == leads, "the last line of a lead says what the list says"
        for lead_id, bucket in list(leads.items())[:20]:
            why = home.client.get(f"/api/leads/{lead_id}/why")
            assert why["lead"]["bucket"] == bucket
            stages = [j["stage"] for entry in why["signals"] for j in entry["judgements"]]
            assert {"prefilter", "triage", "classify", "score"} <= set(stages)
        assert not ollama.fake.stats.paid_twice


@pytest.mark.timeout(240)
def test_two_hundred_real_ads(make_home: Callable[..., Home]) -> None:
    file = DATA / "signals-sample.jsonl"
    if not file.exists():
        pytest.skip(f"the real data is not at {DATA} (LEADD_EVAL_DATA names another place)")
    run_over(make_home, file, 200, 120)


@pytest.mark.faults
def test_seven_thousand_real_ads(make_home: Callable[..., Home], tmp_path: Path) -> None:
    packed = DATA / "signals-dev.jsonl.gz"
    if not packed.exists():
        pytest.skip(f"the real data is not at {DATA} (LEADD_EVAL_DATA names another place)")
    file = tmp_path / "dev.jsonl"
    with gzip.open(packed) as source, file.open("wb") as target:
        shutil.copyfileobj(source, target)
    run_over(make_home, file, 7074, 1200)
