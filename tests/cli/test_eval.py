"""`leadd eval` at the command line: offline, as text, JSON and a picture."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_parts import Done

Here = Callable[..., Done]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    rows = [
        {"title": title, "text": f"Number {n}.", "company": f"Firm {n % 25}", "hot": title == "Marketing Manager"}
        for n, title in enumerate(["Marketing Manager", "Backend Engineer", "Nurse", "Accountant"] * 25)
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return path


def test_it_measures_without_a_daemon(here: Here, file: Path, tmp_path: Path) -> None:
    picture = tmp_path / "curve.svg"
    done = here("eval", str(file), "--label", "hot", "--plot", str(picture))
    assert done.code == 0, done.err
    assert "hot: 100 signals of 25 companies, 25 wanted" in done.out
    assert "passed at 95% recall" in done.out
    assert "recall, fixed beforehand, with a margin" in done.out
    assert "no labels: what its probabilities mean" in done.out
    assert "red_hot" in done.out
    assert picture.read_text(encoding="utf-8").startswith("<svg")


def test_json_holds_the_figures_and_nothing_else(here: Here, file: Path) -> None:
    done = here("eval", str(file), "--label", "hot", "--sentence", "companies that hire a marketer", "--json")
    found = json.loads(done.out)
    assert (found["signals"], found["wanted"], found["unknown"]) == (100, 25, 0)
    assert found["ways"]["no labels"]["average precision"]["value"] > 0.95


@pytest.mark.parametrize(
    ("flags", "code", "said"),
    [
        (["--label", "cold"], 1, "no row has the label 'cold'"),
        (["--label", "hot", "--template", "nope"], 1, "there is no template 'nope'"),
        (["--label", "hot", "--template", "recruiter", "--sentence", "x"], 2, "one of them only"),
        (["--label", "hot", "--plot", "x.gif"], 2, "ends in .svg or .png"),
        (["--label", "hot", "--icp", "mine"], 3, "the daemon is not running"),
        ([], 2, "--label"),
    ],
)
def test_what_cannot_be_done_is_said(here: Here, file: Path, flags: list[str], code: int, said: str) -> None:
    done = here("eval", str(file), *flags)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
