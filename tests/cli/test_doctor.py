"""`leadd doctor`: each kind of problem is found, and a way out named."""

from __future__ import annotations

import os
import shutil
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_parts import Cli, Done

from leadd.cli import doctor
from leadd.store.version import sqlite_version

Here = Callable[..., Done]
Make = Callable[..., Cli]


def findings(done: Done) -> dict[str, dict[str, Any]]:
    assert done.err == ""
    return {f["what"]: f for f in done.data["findings"]}


def test_an_empty_home_is_healthy(here: Here) -> None:
    done = here("doctor", "--json")
    assert done.code == 0, done.out
    found = findings(done)
    assert found["daemon"]["level"] == "note"
    assert found["daemon"]["way_out"] == "leadd start"
    assert {"leadd", "settings", "disk", "sqlite", "plugin builtin"} <= set(found)
    shown = here("doctor")
    assert "ok   leadd: 0.1.0 on Python" in shown.out
    assert "\n       leadd start\n" in shown.out


def test_bad_settings_are_named_once(here: Here, tmp_path: Path) -> None:
    home = tmp_path / "bad"
    home.mkdir()
    (home / "leadd.yaml").write_text("prefilter: {score_treshold: 3}\nscoring: {warm: 1000}\n")
    done = here("doctor", "--json", home=home)
    assert done.code == 1
    problems = [f for f in done.data["findings"] if f["level"] == "problem"]
    assert len(problems) == 2
    assert "leadd.yaml:1" in problems[0]["text"]
    assert "score_threshold" in problems[0]["text"]
    assert "leadd.yaml:2" in problems[1]["text"]


def test_open_folders_folders_of_others_and_no_folders(here: Here, tmp_path: Path) -> None:
    home = tmp_path / "open"
    (home / "data").mkdir(parents=True)
    (home / "data").chmod(0o755)
    (home / "state").write_text("")
    done = here("doctor", "--json", home=home)
    assert done.code == 1
    bad = {f["text"]: f["way_out"] for f in done.data["findings"] if f["what"] == "folder"}
    assert bad[f"{home / 'data'} can be entered by others (mode 755)"] == f"chmod 700 {home / 'data'}"
    assert any(text.endswith("is no folder") for text in bad)
    if os.geteuid() == 0:
        os.chown(home / "data", 65534, 65534)
        assert "belongs to another user" in here("doctor", home=home).out


def test_a_full_disk(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda place: usage(10**9, 10**9, 5 * 1_048_576))
    done = here("doctor", "--json")
    assert done.code == 1
    assert findings(done)["disk"]["text"] == "5 MiB free"
    assert "make room" in findings(done)["disk"]["way_out"]


def test_a_broken_plugin(here: Here, tmp_path: Path) -> None:
    home = tmp_path / "plugged"
    (home / "plugins").mkdir(parents=True, mode=0o700)
    (home / "plugins" / "broken.py").write_text("raise RuntimeError('no such luck')\n")
    done = here("doctor", "--json", home=home)
    assert done.code == 1
    assert "no such luck" in findings(done)["plugin broken"]["text"]
    assert "plugins.disabled" in findings(done)["plugin broken"]["way_out"]
    checked = here("plugins", "check", home=home)
    assert checked.code == 1
    assert "no such luck" in checked.err


@pytest.mark.parametrize(("version", "level"), [((3, 40, 1), "note"), ((3, 51, 3), "ok"), ((3, 52, 0), "ok")])
def test_the_sqlite_at_hand(here: Here, monkeypatch: pytest.MonkeyPatch, version: tuple[int, int, int], level: str) -> None:
    monkeypatch.setattr("leadd.store.version.sqlite_version", lambda: version)
    found = findings(here("doctor", "--json"))["sqlite"]
    assert found["level"] == level
    assert found["text"].startswith(".".join(str(n) for n in version))
    assert len(sqlite_version()) == 3


def test_a_look_that_fails_is_a_finding(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    def fall(place: object) -> None:
        raise OSError("the disk bites")

    monkeypatch.setattr(doctor.shutil, "disk_usage", fall)
    done = here("doctor", "--json")
    assert done.code == 1
    assert "the disk bites" in findings(done)["disk"]["text"]


def test_what_a_running_daemon_complains_of(running: Cli) -> None:
    done = running.run("doctor", "--json")
    assert done.code == 1, "degraded is a problem"
    texts = [f["text"] for f in done.data["findings"] if f["what"] == "daemon"]
    assert any("no language model" in text for text in texts)
    models = next(f for f in done.data["findings"] if f["what"].startswith("models"))
    assert models["level"] == "note"
    assert "ollama serve" in models["way_out"]
