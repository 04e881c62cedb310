"""Four real processes on one cache file and one faithful Ollama: one call, also where the one who makes it is killed."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from leadd.testing.ollama.threaded import ThreadedFake, threaded_fake
from leadd.testing.ollama.timing import Speeds

CHILD = Path(__file__).with_name("ask_child.py")
LEASE_S = 2.0


class Child:
    def __init__(self, folder: Path, url: str, count: int) -> None:
        words = [sys.executable, str(CHILD), str(folder), url, str(count), str(LEASE_S)]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.owner = ""

    def wait_ready(self) -> None:
        assert self.process.stdout is not None
        self.owner = self.process.stdout.readline().strip()
        assert self.owner

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("go\n")
        self.process.stdin.flush()

    def result(self) -> dict[str, dict[str, int]]:
        out, _ = self.process.communicate(timeout=50)
        return json.loads(out)

    def close(self) -> None:
        if self.process.stdin is not None and not self.process.stdin.closed:
            self.kill()

    def kill(self) -> None:
        """No chance to give anything back."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.communicate()


@pytest.fixture
def slow() -> ThreadedFake:
    """A server whose calls last long enough for the others to come and for one to be killed: about a second and a half."""
    with threaded_fake(time_scale=1.0, speeds=Speeds(overhead_ms=1500)) as fake:
        yield fake


def family(folder: Path, url: str, count: int) -> list[Child]:
    children = [Child(folder, url, count) for _ in range(4)]
    for child in children:
        child.wait_ready()
    return children


def holder(folder: Path) -> str:
    """Whose claim stands in the file; waits for one."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with closing(sqlite3.connect(folder / "cache.db", timeout=5)) as connection:
            row = connection.execute("select owner from claim").fetchone()
        if row is not None:
            return str(row[0])
        time.sleep(0.01)
    raise AssertionError("nobody claimed anything")


def test_a_thousand_askers_in_four_processes_make_one_call(tmp_path: Path, slow: ThreadedFake) -> None:
    children = family(tmp_path, slow.fake.url, 250)
    try:
        for child in children:
            child.go()
        found = [child.result() for child in children]
    finally:
        for child in children:
            child.close()
    assert sum(one["calls"] for one in found) == 1
    ends = [kind for one in found for kind, count in one["ends"].items() for _ in range(count)]
    assert len(ends) == 1000
    assert set(ends) <= {"hit", "shared", "miss"}
    assert ends.count("miss") == 1


def test_a_process_that_is_killed_in_mid_call_is_followed_by_one(tmp_path: Path, slow: ThreadedFake) -> None:
    children = family(tmp_path, slow.fake.url, 5)
    try:
        for child in children:
            child.go()
        owner = holder(tmp_path)
        next(child for child in children if child.owner == owner).kill()
        found = [child.result() for child in children if child.owner != owner]
    finally:
        for child in children:
            child.close()
    assert sum(one["calls"] for one in found) == 1, "exactly one took over"
    assert all(set(one["ends"]) <= {"hit", "shared", "miss"} and sum(one["ends"].values()) == 5 for one in found)
