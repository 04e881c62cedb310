"""Real daemons in real processes, in homes of their own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from leadd.cli.client import Client
from leadd.cli.exits import Ended
from leadd.config.paths import Paths

ICP = {
    "name": "marketing",
    "description": "Small companies that look for their first marketing person.",
    "hiring_keywords": {"values": ["marketing", "marketer"], "use": "score"},
    "pain_keywords": {"values": ["overloaded", "no leads"], "use": "score"},
}


class Home:
    """A home folder, and the daemon that runs on it."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.paths = Paths.under(folder)
        self.client = Client(self.paths)
        self.environ = {k: v for k, v in os.environ.items() if not k.startswith(("LEADD_", "OLLAMA_"))}
        self.environ["LEADD_HOME"] = str(folder)
        self.process: subprocess.Popen[bytes] | None = None
        self.configure(**settings)

    def configure(self, **settings: Any) -> None:
        """Write the settings file; the TCP listener is off unless named."""
        settings.setdefault("control", {"http": {"enabled": False}})
        self.paths.config_file.write_text(json.dumps(settings))

    def leadd(self, *args: str, check: bool = False) -> subprocess.CompletedProcess[str]:
        """Run a command of the command line on this home."""
        done = subprocess.run(
            [sys.executable, "-m", "leadd", *args], env=self.environ, capture_output=True, text=True, timeout=60, check=False
        )
        assert not check or done.returncode == 0, done.stderr
        return done

    def start_without_waiting(self) -> None:
        """Start the daemon in a process of ours."""
        words = (self.folder / "words.txt").open("wb")
        with words:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "leadd", "start", "--foreground", "--quiet"],
                env=self.environ, stdout=words, stderr=words, stdin=subprocess.DEVNULL,
            )  # fmt: skip

    def start(self) -> float:
        """Start the daemon in a process of ours; the seconds until it was ready."""
        began = time.monotonic()
        self.start_without_waiting()
        assert self.process is not None
        while True:
            assert self.process.poll() is None, (self.folder / "words.txt").read_text()
            try:
                self.client.get("/readyz")
            except Ended:
                assert time.monotonic() - began < 30, "the daemon is not ready after 30 s"
                time.sleep(0.01)
                continue
            return time.monotonic() - began

    def kill(self) -> None:
        """SIGKILL: nothing can be tidied up."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def terminate(self) -> float:
        """SIGTERM; the seconds until the process had ended."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=30)
        return time.monotonic() - began

    def status(self) -> dict[str, Any]:
        """What `leadd status --json` prints."""
        found: dict[str, Any] = self.client.get("/api/status")
        return found

    def wait_outcomes(self, count: int, limit_s: float = 30.0) -> dict[str, int]:
        """Wait until `count` signals have an outcome."""
        found: dict[str, int] = {}

        def enough() -> bool:
            found.clear()
            found.update({k: v for k, v in self.status()["outcomes"].items() if v})
            return sum(found.values()) >= count

        wait(enough, limit_s)
        return found

    def signals(self) -> Iterator[dict[str, Any]]:
        """Every stored signal."""
        cursor = None
        while True:
            page = self.client.get("/api/signals", limit=500, cursor=cursor)
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return


def wait(true: Callable[[], object], limit_s: float = 30.0) -> None:
    """Until something holds; fails after `limit_s`."""
    deadline = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.01)


def ad(number: int, *, lead: bool = True) -> dict[str, str]:
    """A signal as a line of JSONL."""
    need = (
        "We are six people and hire our first marketing person: growth, content, newsletter, brand. "
        "Our founder is overloaded and there are no leads."
        if lead
        else "A driver for the early tour is wanted. The van is new and the days are short."
    )
    return {"text": f"{need} Reference {number}.", "title": f"Opening {number}", "external_id": f"ad-{number}",
            "company": f"Company {number} Ltd"}  # fmt: skip


def free_port() -> int:
    """A port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def ingest(home: Home, numbers: range, *, every_lead: int = 1) -> dict[str, Any]:
    """Hand over one signal per number and wait until they are accepted."""
    lines = b"".join(json.dumps(ad(n, lead=n % every_lead == 0)).encode() + b"\n" for n in numbers)
    found: dict[str, Any] = home.client.upload("/api/ingest/signals", iter([lines]), "application/x-ndjson")
    return found
