"""Whole runs of tiny size on the fake server in its own process: counts only, never how fast it was."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from leadd.bench import WAY_NAMES
from leadd.bench.figures import Figures, Quality, Work, quality_of
from leadd.bench.machine import SMALL, Machine
from leadd.bench.report import as_dict, lines, ratio
from leadd.bench.signals import BenchSignal, make_signals
from leadd.bench.ways import WAYS, Plan, run_way
from leadd.cli.bench import bench
from leadd.testing.ollama import threaded_fake

TINY = Machine(scale=0.01)


def way(name: str) -> Any:
    return next(way for way in WAYS if way.name == name)


def figures(name: str, **values: Any) -> Figures:
    known: dict[str, Any] = {
        "way": name, "signals": 10, "distinct": 10, "seconds": 60.0, "loads": 0, "loads_before": 1, "leads": 1,
        "dossiers": 1, "quality": Quality(1, 0, 0),
        "roles": {"triage": {"calls": 3, "prompt_tokens": 5, "output_tokens": 6, "early": 0, "failures": 0}},
    }  # fmt: skip
    return Figures(**{**known, **values})


def test_every_way_has_its_name_on_the_command_line() -> None:
    assert tuple(w.name for w in WAYS) == WAY_NAMES


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", ["leadd", "repeats", "no-logprobs"])
def test_leadd_gives_every_signal_its_outcome_and_asks_little(name: str) -> None:
    signals = make_signals(20)
    found = run_way(way(name), Plan(signals, TINY))
    assert found.signals == 20
    assert found.distinct == (4 if name == "repeats" else 20)
    assert found.loads == 0
    assert found.loads_before >= 1
    assert 0 < found.counted("calls") < 20
    assert "dossier" not in found.roles
    assert found.work is not None
    assert set(found.work.shown) <= {SMALL}
    assert sum(found.work.anew.values()) <= sum(found.work.shown.values())
    assert found.counted("failures") == 0
    assert found.quality.known
    assert found.quality.right + found.quality.wrong == found.leads


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", ["earlier", "earlier-repeats"])
def test_the_earlier_system_pays_for_every_text(name: str) -> None:
    found = run_way(way(name), Plan(make_signals(20), TINY))
    assert found.work is not None
    assert found.counted("calls") == 20 if name == "earlier" else 4 <= found.counted("calls") < 20
    assert found.counted("output_tokens") == found.work.written[SMALL]
    assert found.counted("prompt_tokens") == found.work.shown[SMALL]
    assert found.loads_before == 1
    assert found.busy is not None


@pytest.mark.timeout(180)
def test_a_past_with_verdicts_is_lived_through_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leadd.bench.past.ROUND", 40)
    monkeypatch.setattr("leadd.bench.past.ROUNDS", 2)
    found = run_way(way("verdicts"), Plan(make_signals(10), TINY))
    past = found.notes["past"]
    assert past["signals"] == 80
    assert past["verdicts"] == past["leads"] >= 3
    assert found.signals == 10


@pytest.mark.timeout(180)
@pytest.mark.parametrize("name", ["earlier", "leadd"])
def test_a_server_that_is_named_is_asked_as_it_is(name: str) -> None:
    signals = [replace(s, is_lead=None) for s in make_signals(20) if s.source_type != "job_ad"][:4]
    with threaded_fake(models=["smollm2"]) as server:
        found = run_way(way(name), Plan(signals, TINY, server.fake.url, "smollm2", "smollm2"))
        asked = sum(server.fake.stats.questions.values())
    assert found.signals == 4
    assert found.work is None
    assert found.busy is None
    assert found.scale == 1.0
    assert not found.quality.known
    assert asked >= found.counted("calls")
    assert found.counted("prompt_tokens") >= (0 if name == "leadd" else 4 * 400)


def test_quality_counts_leads_against_the_truth() -> None:
    signals = [BenchSignal(str(n), "", "x", is_lead=n < 4) for n in range(10)]
    quality = quality_of(signals, {"0", "1", "2", "7"})
    assert (quality.right, quality.wrong, quality.missed) == (3, 1, 1)
    assert quality.recall == quality.precision == 0.75
    unknown = quality_of([BenchSignal("1", "", "x")], {"1"})
    assert unknown.recall is unknown.precision is None
    assert quality_of(signals, set()).precision is None


def test_work_is_what_grew() -> None:
    before = {"tokens_shown": {"a": 5}, "tokens_prefilled": {"a": 5}, "tokens_decoded": {}, "loads": {"a": 1}, "compute_s": 1.0}
    after = {
        "tokens_shown": {"a": 9},
        "tokens_prefilled": {"a": 6},
        "tokens_decoded": {"a": 2},
        "loads": {"a": 1},
        "compute_s": 3.5,
    }
    assert Work.between(before, after) == Work({"a": 4}, {"a": 1}, {"a": 2}, 0, 2.5)


def test_the_report_compares_with_the_earlier_system() -> None:
    plan = Plan(make_signals(10), TINY)
    found = {"earlier": figures("earlier", seconds=120.0), "leadd": figures("leadd", seconds=6.0)}
    table = lines(plan, WAYS, found)
    row = next(line for line in table if line.startswith("| leadd, empty cache"))
    assert [cell.strip() for cell in row.split("|")][2:5] == ["100.0", "20.0", "10"]
    assert ratio(found["leadd"], None) is None
    rows = as_dict(plan, WAYS, found)["ways"]
    assert [r["times_earlier"] for r in rows] == [1.0, 20.0]
    assert json.dumps(rows)


@pytest.mark.timeout(180)
def test_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "signals.jsonl"
    rows = [{"id": s.key, "title": s.title, "text": s.text, "lead": s.is_lead} for s in make_signals(6)]
    file.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    asked = ["inference", "--signals", str(file), "--label", "lead", "--scale", "0.01", "--only", "earlier"]
    done = CliRunner().invoke(bench, [*asked, "--json"])
    assert done.exit_code == 0, done.output
    found = json.loads(done.stdout)
    assert [row["way"] for row in found["ways"]] == ["earlier"]
    assert found["ways"][0]["signals"] == 6
    shown = CliRunner().invoke(bench, asked)
    assert "| the earlier system" in shown.stdout
    none = CliRunner().invoke(bench, ["inference", "--signals", str(file), "--label", "nothing"])
    assert none.exit_code == 1
    assert "holds no signals with the label 'nothing'" in none.output
