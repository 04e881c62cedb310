"""A tiny run of every measurement: that it works and counts right. Never how fast it is."""

from __future__ import annotations

import json
import statistics
from typing import Any

import pytest

from benchmarks import cache_tiers
from benchmarks.__main__ import main, table
from benchmarks.measures import MEASURES, QUICK, Measure
from benchmarks.texts import CHARS, ICP, make_drafts
from leadd.api import Signal
from leadd.core.prefilter import CompiledIcp, Drop, judge


def measures(capsys: pytest.CaptureFixture[str], name: str) -> dict[str, dict[str, Any]]:
    assert main(["--quick", "--json", "--only", name]) == 0
    found = json.loads(capsys.readouterr().out)
    return {measure["name"]: measure for measure in found["measures"]}


def test_every_cache_is_driven_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    assert cache_tiers.main(["--quick", "--json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert {"leadd: a cached question", "memory", "sqlite", "dict", "functools.lru_cache"} <= set(rows)
    assert all(row["hits"] > 0 and row["misses"] > 0 for row in rows.values())
    assert all(rows[name]["writes"] > 0 and rows[name]["hits_at_once"] > 0 for name in ("memory", "sqlite"))


def test_texts_are_varied_and_of_the_size_that_is_stated() -> None:
    drafts = make_drafts(200)
    assert len({draft.text for draft in drafts}) == 200
    assert abs(statistics.mean(len(draft.text) for draft in drafts) - CHARS) < 100
    assert make_drafts(200) == drafts
    assert make_drafts(200, seed=2) != drafts


@pytest.mark.parametrize("share", [1.0, 0.1, 0.0])
def test_the_prefilter_keeps_the_share_that_is_wanted(share: float) -> None:
    icp = CompiledIcp.of(ICP)
    signals = [Signal(n, "bench", d.text, d.title, "-", 0) for n, d in enumerate(make_drafts(100, wanted=share))]
    kept = [s for s in signals if not isinstance(judge(s, icp, threshold=20, min_chars=40), Drop)]
    assert len(kept) == round(100 * share)


@pytest.mark.parametrize(("name", "few", "rows"), [("instant", 4, 4), ("ollama", 1, 2)])
def test_leadd_and_the_plain_loop_do_the_same_work(capsys: pytest.CaptureFixture[str], name: str, few: int, rows: int) -> None:
    found = list(measures(capsys, name).values())
    assert len(found) == rows
    for measure in found:
        counts = measure["counts"]
        # One more asks about a text without content; what the words of a text settle is not asked at all.
        assert 0 < counts["model_calls"] <= counts["plain_calls"] + 1
        assert counts["leads"] <= counts["plain_leads"]  # parked ones do not reach the sink
        assert counts["filtered"] <= counts["signals"]
        assert counts["commits"] > 0
        assert counts["plain_commits"] >= 2 * counts["signals"]
        assert counts["prompt_tokens"] > 0
    assert found[1]["counts"]["signals"] == QUICK.signals * few
    assert found[1]["counts"]["model_calls"] < found[1]["counts"]["signals"] * 0.6


def test_the_batch_answers_every_text_without_the_model(capsys: pytest.CaptureFixture[str]) -> None:
    found = measures(capsys, "batch")
    assert set(found) == {"batch: cached texts a minute, NDJSON", "batch: cached texts a minute, JSON array"}
    for measure in found.values():
        counts = measure["counts"]
        assert counts["texts"] == QUICK.texts * QUICK.rounds
        # each text was asked once, before anything was measured, and once a text without content
        assert QUICK.texts <= counts["model_calls"] <= 2 * QUICK.texts + 1


def test_the_process_is_measured_from_outside(capsys: pytest.CaptureFixture[str]) -> None:
    found = measures(capsys, "process")
    assert found["process: memory at rest"]["leadd"] > 10
    assert found["process: memory under load"]["counts"]["signals"] == QUICK.signals
    assert found["process: from start to ready"]["leadd"] > 0


def test_a_table_names_every_measure_with_ratio_and_aim() -> None:
    shown = table(
        [
            Measure("fast", "a minute", 300.0, 100.0, 200.0, {"signals": 1234}),
            Measure("small", "MB", 50.0, 100.0, None, lower_is_better=True),
            Measure("alone", "s", 1.5, None, 1.0),
        ]
    )
    assert "| fast (a minute) | 300 | 100 | 3.0 | 200 |" in shown
    assert "| small (MB) | 50.00 | 100 | 2.0 |  |" in shown
    assert "| alone (s) | 1.50 |  |  | 1.00 |" in shown
    assert "signals 1,234" in shown


def test_all_measures_can_be_named() -> None:
    assert list(MEASURES) == ["instant", "ollama", "batch", "process"]
    with pytest.raises(SystemExit):
        main(["--only", "nothing"])
