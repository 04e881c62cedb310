"""`leadd demo` from end to end: which samples become leads, which do not, and why."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_parts import Cli, Done

from leadd.cli.demo import SAMPLES, _models_at, _signals_in
from leadd.testing.ollama import Speeds, ThreadedFake, threaded_fake

NEEDS = {
    "Pelago Tools",
    "Quillbank",
    "Brightmesh",
    "Ottercrate",
    "Hofkiste GmbH",
    "Kachelwerk Brandt",
    "Moorlicht Software",
    "Saltgrove Skincare",
    "Clayframe",
}
"""Companies whose samples show the need plainly: a small team, no marketer, and they say so."""
NO_NEED = {
    "Corvanta Systems",
    "Northpike Media",
    "Bluepassage Cruises",
    "Haus am See",
    "Parcelhop",
    "Lumenfeld",
    "Stahlbau Reiners",
    "Tempofox",
    "Kulturhafen e. V.",
}
HOSTILE = {"Totally Fine Ltd", "Rapid Haul", '=HYPERLINK("http://evil.example","Bonus")'}


@pytest.fixture
def home(tmp_path: Path) -> Cli:
    """A home that the demo must leave alone; its temporary files go into a folder that can be looked at."""
    home = Cli(tmp_path / "mine")
    (tmp_path / "tmp").mkdir()
    home.environ["TMPDIR"] = str(tmp_path / "tmp")
    return home


@pytest.fixture
def ollama() -> Iterator[ThreadedFake]:
    with threaded_fake(speeds=Speeds()) as running:
        yield running


def names(found: dict[str, Any]) -> set[str]:
    return {lead["name"] for lead in found["leads"]}


def check_what_holds_with_any_judge(found: dict[str, Any]) -> None:
    assert sum(found["outcomes"].values()) == sum(_signals_in(f) for f in (SAMPLES / "signals").iterdir())
    assert found["outcomes"]["held"] == 0
    everybody = names(found) | {lead["name"] for lead in found["weak"]}
    assert not everybody & HOSTILE, "hostile text gains nothing"
    assert not names(found) & {"Haus am See", "Parcelhop", "Lumenfeld", "Stahlbau Reiners", "Tempofox"}
    by_name = {lead["name"]: lead for lead in [*found["leads"], *found["weak"]]}
    assert len(by_name) == len(found["leads"]) + len(found["weak"]), "one lead for one company"
    for company in ("Pelago Tools", "Quillbank", "Brightmesh"):
        assert by_name[company]["signal_count"] == 2, "the same ad from a board, and a second ad, fall together"
    assert found["delivered"] == len(found["leads"])
    assert [lead["score"] for lead in found["leads"]] == sorted((lead["score"] for lead in found["leads"]), reverse=True)
    for signal in found["no_leads"]:
        assert signal["rule"], "each signal that is no lead can say by which rule"
    rules = {s["rule"] for s in found["no_leads"]}
    assert rules >= {"score", "too_short"}
    # A model's first word counts by how far it agreed with the words of the texts read before it, so which of the two stages
    # ends a doubtful text depends on the order in which answers come.
    assert rules & {"triage", "classify"}


def test_without_a_language_model(home: Cli, tmp_path: Path) -> None:
    of_others = {"LEADD_PROFILE": "none", "DEBUG": "*", "PORT": "tcp://x"}
    done = home.run("demo", "--json", OLLAMA_BASE_URL="http://127.0.0.1:9", **of_others)
    assert done.code == 0, done.err
    found = done.data
    check_what_holds_with_any_judge(found)
    assert found["language_model"] is None
    assert "no language model (no Ollama answers at http://127.0.0.1:9)" in found["judged_by"]
    assert {lead["method"] for lead in found["leads"]} == {"evidence"}
    assert "triage" in {s["rule"] for s in found["no_leads"]}, "evidence decides each text by itself, in whatever order"
    assert names(found) >= NEEDS
    assert not names(found) & NO_NEED
    assert {"mila_k", "sanne", "lena"} <= names(found), "people who write in a forum, in English and German"
    assert "ines" not in names(found), "who says that she needs no marketing is no lead"
    assert {b for lead in found["leads"] for b in [lead["bucket"]]} >= {"warm", "nurture"}
    assert list((tmp_path / "tmp").iterdir()) == [], "nothing is left behind"
    assert [p.name for p in home.folder.iterdir()] == ["leadd.yaml"], "and the user's own home was not touched"


def test_with_ollama_on_a_terminal(home: Cli, ollama: ThreadedFake, tmp_path: Path) -> None:
    home.environ["OLLAMA_BASE_URL"] = ollama.fake.url
    code, shown = home.on_terminal("demo", "--keep", columns=120)
    assert code == 0, shown
    text = re.sub(r"\x1b\[[0-9;]*m", "", shown).replace("\r\n", "\n")
    assert f"judged by gemma3:1b and gemma3:4b on the Ollama at {ollama.fake.url}" in text
    assert "signals have their outcome" in text
    assert re.search(r"score +bucket +who +signals +why", text)
    assert re.search(r"\d+ +warm +Pelago Tools +2 ", text)
    assert re.search(r"No leads \(\d+ signals\), and why", text)
    assert "were delivered to the file of the demo's sink" in text
    assert ollama.fake.stats.completed["gemma3:1b", "triage"] > 10
    kept = next((tmp_path / "tmp").glob("leadd-demo-*"))
    assert f"LEADD_HOME={kept} leadd start" in text
    lines = [json.loads(x) for x in (kept / "leads.jsonl").read_text().splitlines()]
    assert len({x["key"] for x in lines}) == len(lines)
    assert home.run("status", LEADD_HOME=str(kept)).code == 3, "the daemon is gone"


def test_with_ollama_as_json(home: Cli, ollama: ThreadedFake) -> None:
    done = home.run("demo", "--json", OLLAMA_BASE_URL=ollama.fake.url)
    assert done.code == 0, done.err
    check_what_holds_with_any_judge(done.data)
    assert done.data["language_model"] == ["gemma3:1b", "gemma3:4b"]
    assert {lead["method"] for lead in done.data["leads"]} == {"model"}


def test_the_samples_are_varied() -> None:
    files = list((SAMPLES / "signals").iterdir())
    assert sum(_signals_in(f) for f in files) >= 60
    assert {f.suffix for f in files} == {".jsonl", ".csv", ".txt", ".md"}
    text = "".join(f.read_text(encoding="utf-8") for f in files)
    for mark in ("Wir suchen", "We are looking", "Ignore all previous instructions", "<script>", "\u202e", "=HYPERLINK"):
        assert mark in text, mark
    assert not re.search(r"@(?!\S+\.example\b)\S+\.\w+", text), "no address of a real person"


def test_what_is_said_of_an_ollama_that_cannot_be_asked() -> None:
    with threaded_fake(speeds=Speeds(), models=("gemma3:1b",)) as ollama:
        models, why = _models_at(ollama.fake.url)
    assert models == ("gemma3:1b", "gemma3:4b")
    assert why == "Ollama has no gemma3:4b; ollama pull fetches them"
    assert _models_at("http://127.0.0.1:9/")[1] == "no Ollama answers at http://127.0.0.1:9/"
    assert "no Ollama answers" in _models_at("ftp://nowhere")[1]


def test_a_demo_of_its_own_needs_no_home(here: Callable[..., Done]) -> None:
    assert "temporary home" in here("demo", "--help").out
