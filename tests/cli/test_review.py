"""`leadd review`: one key for each verdict, on a terminal and from a pipe."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_parts import HOSTILE, Cli

SIGNALS = [
    {
        "title": f"First marketing hire {HOSTILE}",
        "company": f"Firm {n} GmbH",
        "text": f"No marketing team, no leads: our first marketing hire, number {n}. {HOSTILE}",
        "url": f"https://firm{n}.example/1",
    }
    for n in range(3)
]


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """A home whose daemon has made three warm leads of SIGNALS and dropped one signal."""
    home = Cli(
        tmp_path_factory.mktemp("review") / "home",
        models={"without_model": "evidence", "endpoint": "http://127.0.0.1:9"},
        scoring={"warm": 1, "nurture": 0},
        control={"http": {"enabled": False}},
    )
    home.start()
    home.client.post("/api/icp/templates/marketing_first_hire")
    drop = {"title": "Truck Driver", "company": "Rapid Haul", "text": "We look for drivers with licence C for tours to Spain."}
    lines = b"".join(json.dumps(signal).encode() + b"\n" for signal in (*SIGNALS, drop))
    home.client.upload("/api/ingest/signals", iter([lines]), "application/x-ndjson")
    home.wait_outcomes(4)
    yield home
    home.kill()


def test_from_a_pipe_a_line_is_a_key(reviewed: Cli) -> None:
    items = reviewed.run("review", "--json").data["items"]
    assert sum(i["kind"] == "hot" for i in items) == 3
    assert items[0]["lead_id"]
    said = reviewed.run("review", given="x\n?\na\nu\nr\nk\ns\nq\n")
    assert said.code == 0, said.err
    told = [line for line in said.out.splitlines() if line in ("  accepted", "  taken back", "  rejected")]
    assert told == ["  accepted", "  taken back", "  rejected"]
    assert "prefilter: keep" in said.out
    assert "\x1b" not in said.out
    assert "\x9b" not in said.out
    assert "the effect shows from 60 verdicts on leads (" in said.out
    assert reviewed.run("leads", "show", str(items[0]["lead_id"]), "--json").data["verdict"] == "reject"
    timeline = reviewed.run("leads", "show", str(items[0]["lead_id"]), "--json").data["timeline"]
    assert [e["kind"] for e in timeline if "verdict" in e["kind"]] == ["verdict", "verdict_undone", "verdict"]
    left = reviewed.run("review", "--json").data["items"]
    assert items[0]["lead_id"] not in [i["lead_id"] for i in left]


def test_a_dropped_signal_is_judged_by_its_own_verdict(reviewed: Cli) -> None:
    items = reviewed.run("review", "--json").data["items"]
    place = next(n for n, i in enumerate(items) if i["lead_id"] is None)
    said = reviewed.run("review", given="k\n" * place + "s\nr\n")
    assert "only leads can be snoozed" in said.out, said.err
    assert items[place]["signal_id"] not in [i["signal_id"] for i in reviewed.run("review", "--json").data["items"]]
    assert reviewed.run("signals", "undo", str(items[place]["signal_id"])).code == 0


def test_on_a_terminal_a_key_is_enough_and_texts_cannot_drive_it(reviewed: Cli) -> None:
    code, said = reviewed.on_terminal("review", typed="ukq")
    assert code == 0
    assert "there is nothing to take back" in said
    assert "0 verdicts given" in said
    for part in ("\x1b]0;", "\x1b[2J", "\x9b", "\u202e", "\nlead 1: forged"):
        assert part not in said


def test_without_a_daemon_it_says_so(tmp_path: Path) -> None:
    said = Cli(tmp_path / "none").run("review", "--json")
    assert said.code != 0
    assert "the daemon is not running" in said.err


def test_verdicts_are_exported_as_training_data(reviewed: Cli, tmp_path: Path) -> None:
    drop = next(i["id"] for i in reviewed.run("signals", "--outcome", "filtered", "--json").data["items"])
    assert reviewed.run("signals", "reject", str(drop)).code == 0
    file = tmp_path / "teach.jsonl"
    said = reviewed.run("export", "training-data", str(file))
    assert said.code == 0, said.err
    assert said.out == ""
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert f"{len(lines)} examples (" in said.err
    mine = next(line for line in lines if line["meta"]["signal_id"] == drop)
    assert (mine["messages"][-1], mine["meta"]["verdict"]) == ({"role": "assistant", "content": "no"}, "reject")
    assert file.stat().st_mode & 0o777 == 0o600
    assert reviewed.run("export", "training-data", "-").out == file.read_text()
    assert "contact data is in it" in reviewed.run("export", "training-data", "-", "--with-contacts").err
    assert "no verdicts" in reviewed.run("export", "training-data", "-", "--icp", "nobody's").err
    assert reviewed.run("signals", "undo", str(drop)).code == 0
    refused = reviewed.run("export", "training-data", str(tmp_path / "no" / "such" / "folder"))
    assert refused.code == 1
    assert "cannot be written" in refused.err
