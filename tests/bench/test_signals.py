"""The made-up signals: what they are, what the prefilter makes of them, repeats, and signals out of files."""

from __future__ import annotations

import json
import statistics
from collections import Counter
from pathlib import Path

import pytest

from leadd.api import Signal
from leadd.bench.signals import AD_CHARS, LEADS, BenchSignal, make_signals, read_signals, repeated
from leadd.core.icp_templates import DEFAULT_TEMPLATE, TEMPLATES
from leadd.core.prefilter import CompiledIcp, Keep, judge


def stored(number: int, signal: BenchSignal) -> Signal:
    return Signal(number, "bench", signal.text, signal.title, "-", 0, company=signal.company, location=signal.location)


def test_signals_are_mixed_and_always_the_same() -> None:
    signals = make_signals(400)
    assert len({s.text for s in signals}) == len({s.key for s in signals}) == 400
    assert sum(s.is_lead is True for s in signals) == 400 * LEADS
    assert Counter(s.source_type for s in signals) == {"job_ad": 240, "forum_post": 160}
    ads = [len(s.text) for s in signals if s.source_type == "job_ad"]
    assert abs(statistics.mean(ads) - AD_CHARS) < 250
    assert make_signals(400) == signals
    assert not {s.text for s in signals} & {s.text for s in make_signals(400, seed=2)}


def test_the_prefilter_finds_them_as_hard_as_real_ones() -> None:
    signals = make_signals(600, seed=3)
    icp = CompiledIcp.of(TEMPLATES[DEFAULT_TEMPLATE])
    judged = [(judge(stored(n, s), icp, threshold=20, min_chars=40), s.is_lead) for n, s in enumerate(signals)]
    kept = [(verdict.score, is_lead) for verdict, is_lead in judged if isinstance(verdict, Keep)]
    assert 0.24 <= len(kept) / len(judged) <= 0.34
    wanted = [score for score, is_lead in kept if is_lead]
    assert len(wanted) / sum(s.is_lead is True for s in signals) >= 0.94
    other = [score for score, is_lead in kept if not is_lead]
    assert 0.90 <= sum(w > o for w in wanted for o in other) / len(wanted) / len(other) <= 0.97


@pytest.mark.parametrize(("count", "distinct"), [(100, 22), (50, 11), (2, 1), (1, 1)])
def test_a_stream_of_repeats_holds_each_text_and_no_key_twice(count: int, distinct: int) -> None:
    stream = repeated(make_signals(count), 0.78)
    assert len(stream) == len({s.key for s in stream}) == count
    assert len({s.text for s in stream}) == distinct
    assert repeated(make_signals(count), 0.78) == stream


def test_signals_of_a_file_with_and_without_a_label(tmp_path: Path) -> None:
    rows = [
        {"id": "a", "text": "one", "title": "A", "company": "C", "labels": {"good": True}},
        {"text": "two", "labels": {"good": None}},
        {"text": "three", "good": False, "location": "Rome"},
    ]
    file = tmp_path / "signals.jsonl"
    file.write_text("\n".join(map(json.dumps, rows)) + "\n\n", encoding="utf-8")
    labelled = read_signals(file, "good")
    assert [(s.key, s.is_lead) for s in labelled] == [("a", True), ("3", False)]
    assert labelled[1].location == "Rome"
    assert [s.is_lead for s in read_signals(file)] == [None, None, None]
    assert [s.key for s in read_signals(file, count=1)] == ["a"]


@pytest.mark.parametrize(
    ("line", "said"), [("{", "line 1 is no JSON"), ("[]", "line 1 has no text"), ('{"text": " "}', "no text")]
)
def test_what_is_no_signal_is_named_by_its_line(tmp_path: Path, line: str, said: str) -> None:
    file = tmp_path / "signals.jsonl"
    file.write_text(line, encoding="utf-8")
    with pytest.raises(ValueError, match=said):
        read_signals(file)
