"""Fixtures of the command line's tests."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "daemon"))
sys.path.insert(0, str(Path(__file__).parent))

from cli_parts import HOSTILE, Cli, Done

from leadd.cli.main import main

Here = Callable[..., Done]

SIGNALS = [
    {
        "title": "Founding Marketer",
        "company": "Brightmesh GmbH",
        "text": "Six engineers, no marketing team, no leads. We look "
        "for our first marketing hire, a founding marketer, to build marketing from scratch.",
    },
    {
        "title": f"Marketing Manager {HOSTILE}",
        "company": "Sneaky Ltd",
        "text": f"We have no marketing team and need leads: our first marketing hire. {HOSTILE}",
        "url": "https://sneaky.example/1",
    },
    {"title": "Truck Driver", "company": "Rapid Haul", "text": "We look for drivers with licence C and E for tours to Spain."},
]


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """A home with a daemon that has judged SIGNALS by their evidence, and a sink. Shared: tests add to it, none take away."""
    folder = tmp_path_factory.mktemp("cli") / "home"
    home = Cli(
        folder,
        models={"without_model": "evidence", "endpoint": "http://127.0.0.1:9"},
        sinks={"file": {"use": "jsonl", "path": str(folder / "leads.jsonl")}},
        control={"http": {"enabled": False}},
    )
    home.start()
    home.client.post("/api/icp/templates/marketing_first_hire")
    lines = b"".join(json.dumps(s).encode() + b"\n" for s in SIGNALS)
    home.client.upload("/api/ingest/signals", iter([lines]), "application/x-ndjson")
    home.wait_outcomes(len(SIGNALS))
    yield home
    home.kill()


@pytest.fixture
def make_cli(tmp_path: Path) -> Iterator[Callable[..., Cli]]:
    """Makes homes; whatever runs on them is ended."""
    made: list[Cli] = []

    def make(**settings: Any) -> Cli:
        home = Cli(tmp_path / f"home{len(made)}", **settings)
        made.append(home)
        return home

    yield make
    for home in made:
        home.kill()
        home.run("stop")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Here:
    """Calls the command line in this process, on an empty home or on the one given: quick, where no process is needed."""

    def call(*args: str, home: Path = tmp_path / "empty", **environ: str) -> Done:
        monkeypatch.setenv("LEADD_HOME", str(home))
        for key, value in environ.items():
            monkeypatch.setenv(key, value)
        monkeypatch.setattr(sys, "argv", ["leadd", *args])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Done(ended.value.code, said.out, said.err)

    return call
