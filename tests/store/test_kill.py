"""SIGKILL at random moments: whatever was acknowledged is in the file, and the file is whole."""

from __future__ import annotations

import contextlib
import json
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

CHILD = Path(__file__).with_name("kill_child.py")


class Killer:
    """Lets a worker work on a folder for a moment, kills it, and gives what it acknowledged."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = subprocess.Popen([sys.executable, str(CHILD)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def round(self, delay_s: float, *, early: bool = False) -> list[dict[str, Any]]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"folder": str(self.folder), "early": early, "delay_s": delay_s}) + "\n")
        self.process.stdin.flush()
        acknowledged: list[dict[str, Any]] = json.loads(self.process.stdout.readline())
        return acknowledged


@pytest.fixture
def killer(tmp_path: Path) -> Iterator[Killer]:
    made = Killer(tmp_path / "data")
    yield made
    assert made.process.stdin is not None
    assert made.process.stdout is not None
    made.process.stdin.close()
    made.process.wait(30)
    made.process.stdout.close()


def lost(folder: Path, acknowledged: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What was acknowledged and is not in the file."""
    with contextlib.closing(sqlite3.connect(folder / "leadd.db")) as conn:
        keys = {row[0] for row in conn.execute("SELECT dedupe_key FROM signal")}
        links = set(conn.execute("SELECT lead_id, signal_id FROM lead_signal"))
        verdicts = {row[0] for row in conn.execute("SELECT note FROM verdict")}
    missing = []
    for item in acknowledged:
        there = (
            (item["key"] in keys)
            if "key" in item
            else ((item["lead"], item["of_signal"]) in links if "lead" in item else item["verdict"] in verdicts)
        )
        if not there:
            missing.append(item)
    return missing


def faults(folder: Path) -> list[Any]:
    """What a whole file must not have."""
    with contextlib.closing(sqlite3.connect(folder / "leadd.db")) as conn:
        found: list[Any] = [row for row in conn.execute("PRAGMA quick_check") if row[0] != "ok"]
        found += conn.execute("PRAGMA foreign_key_check").fetchall()
        found += conn.execute("SELECT company_id, icp_id FROM lead GROUP BY 1, 2 HAVING count(*) > 1").fetchall()
        found += conn.execute("SELECT name_key FROM company GROUP BY 1 HAVING count(*) > 1").fetchall()
        found += conn.execute(
            "SELECT lead.id FROM lead LEFT JOIN outbox ON lead_id = lead.id GROUP BY lead.id "
            "HAVING count(outbox.id) <> 2 * lead.revision"
        ).fetchall()
        found += conn.execute(
            "SELECT id FROM signal WHERE state = 'done' AND id NOT IN (SELECT signal_id FROM lead_signal)"
        ).fetchall()
    return found


def test_twenty_kills_lose_nothing_that_was_acknowledged(killer: Killer) -> None:
    dice = random.Random(7)
    acknowledged: list[dict[str, Any]] = []
    for _ in range(20):
        acknowledged += killer.round(dice.uniform(0.02, 0.15))
        assert lost(killer.folder, acknowledged) == []
        assert faults(killer.folder) == []
    assert sum("lead" in item for item in acknowledged) > 20
    assert sum("verdict" in item for item in acknowledged) > 20


def test_a_store_that_acknowledges_before_the_commit_is_caught(killer: Killer) -> None:
    acknowledged: list[dict[str, Any]] = []
    for delay in range(20):
        acknowledged += killer.round(0.02 + delay / 500, early=True)
        if lost(killer.folder, acknowledged):
            return
    pytest.fail("twenty kills found nothing lost: the test above cannot fail either")
