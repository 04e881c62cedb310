from __future__ import annotations

import sqlite3
from dataclasses import fields, replace
from types import MappingProxyType
from typing import Any

import pytest

from leadd.store.rows import NewJudgement
from leadd.store.store import Store


async def test_every_field_of_the_provenance_comes_back(store: Store, make: Any, clock: Any) -> None:
    icp = await make.icp()
    (signal_id,) = await make.stored()
    full = NewJudgement(
        signal_id=signal_id, icp_id=icp.id, stage="classify", decision="match", score=71.25, method="model",
        answer={"icp_match": True, "tags": ["a", "ü"], "none": None, "n": 1.5}, reasons=("one", "zwei ü"), key="k" * 64,
        prompt="classification@1", prompt_hash="p" * 64, model="gemma3:4b", digest="d" * 64, server_version="0.9", cache="miss",
        prompt_tokens=911, output_tokens=200, load_ms=1.25, prompt_ms=2.5, output_ms=3.75, queue_ms=0.5, total_ms=8.0,
        done_reason="stop", failure="", raw="{}", threshold=40.0, rule="score", created_at_ms=77,
        wait_ms=12.5, shown={"chars": 5000, "kept": 2400, "gaps": 3}, instead_of="ollama/gemma3:4b",
    )  # fmt: skip
    assert all(getattr(full, f.name) != f.default for f in fields(NewJudgement) if f.name != "failure")
    judgement_id = await store.judgements.add(full)
    (row,) = await store.judgements.for_signal(signal_id)
    assert (row.id, row.superseded, row.lead_id) == (judgement_id, False, None)
    assert NewJudgement(**{f.name: getattr(row, f.name) for f in fields(NewJudgement)}) == full
    await store.judgements.add(replace(full, created_at_ms=0))
    assert (await store.judgements.for_signal(signal_id))[1].created_at_ms == clock.ms


async def test_an_answer_is_found_by_its_key_unless_it_failed_or_was_superseded(store: Store, make: Any) -> None:
    icp = await make.icp()
    a, b = await make.stored(2)

    async def find(signal_id: int = a, stage: str = "triage", key: str = "K") -> Any:
        found = await store.judgements.find_answer(signal_id, icp.id, stage, key)
        return None if found is None else found.answer

    await store.judgements.add(make.judgement(a, icp.id, stage="triage", decision="failed", failure="length", answer={"x": 0}))
    await store.judgements.add(make.judgement(a, icp.id, stage="triage", decision="yes", answer=None))
    assert await find() is None
    await store.judgements.add(make.judgement(a, icp.id, stage="triage", decision="yes", answer={"x": 1}))
    await store.judgements.add(make.judgement(a, icp.id, stage="triage", decision="yes", answer={"x": 2}))
    assert await find() == {"x": 2}
    assert await find(stage="classify") is None
    assert await find(key="other") is None
    assert await find(signal_id=b) is None


async def test_the_last_pairs_that_were_judged_and_all_their_answers(store: Store, make: Any) -> None:
    one, other = await make.icp("one"), await make.icp("other")
    a, b, c = await make.stored(3)
    rows = [(a, one, "first"), (b, one, "second"), (a, other, "third"), (a, one, "fourth")]
    for signal_id, icp, word in rows:
        await store.judgements.add(make.judgement(signal_id, icp.id, stage="triage", decision="yes", answer={"word": word}))
    await store.judgements.add(
        make.judgement(c, one.id, stage="triage", decision="failed", failure="length", answer={"word": "x"})
    )
    await store.judgements.add(make.judgement(c, one.id, stage="classify", decision="match", answer={"word": "y"}))
    assert await store.judgements.latest_asked("triage", 10) == [(a, one.id), (a, other.id), (b, one.id)]
    assert await store.judgements.latest_asked("triage", 2) == [(a, one.id), (a, other.id)]
    found = await store.judgements.answers_of([a, c], "triage")
    assert [(row.signal_id, row.icp_id, row.answer) for row in found] == [
        (a, one.id, {"word": "first"}), (a, other.id, {"word": "third"}), (a, one.id, {"word": "fourth"}),
    ]  # fmt: skip
    assert [row.id for row in await store.signals.get_many([c, a, 999])] == sorted([a, c])
    assert await store.signals.get_many([]) == []


async def test_odd_values_do_not_lose_the_batch(store: Store, make: Any) -> None:
    icp = await make.icp()
    (a,) = await make.stored()
    odd = make.judgement(
        a, icp.id, raw="nul \0 lone \ud800", score=float("nan"), total_ms=float("inf"),
        answer=MappingProxyType({"set": {1}, "nan": float("nan"), "who": object}), reasons=("\ud800",),
    )  # fmt: skip
    await store.judgements.add_many([make.judgement(a, icp.id), odd, make.judgement(a, None)])
    await store.judgements.add_many([])
    rows = await store.judgements.for_signal(a)
    assert len(rows) == 3
    assert (rows[1].raw, rows[1].score, rows[1].total_ms, rows[1].reasons) == ("nul \ufffd lone ?", None, 0.0, ("?",))
    assert rows[1].answer is not None
    assert (rows[1].answer["set"], rows[1].answer["nan"]) == ([1], None)


async def test_a_judgement_needs_a_signal(store: Store, make: Any) -> None:
    (a,) = await make.stored()
    with pytest.raises(sqlite3.IntegrityError):
        await store.judgements.add_many([make.judgement(a, None), make.judgement(10**9, None)])
    assert await store.judgements.for_signal(a) == []


async def test_figures_add_up_by_stage(store: Store, make: Any, clock: Any) -> None:
    icp = await make.icp()
    (a,) = await make.stored()
    await store.judgements.add(make.judgement(a, icp.id, stage="triage", decision="old"))
    clock.ms += 1_000
    await store.judgements.add_many(
        [
            make.judgement(
                a, icp.id, stage="triage", decision="yes", cache="miss", prompt_tokens=10, output_tokens=2, total_ms=5.0
            ),
            make.judgement(a, icp.id, stage="triage", decision="no", cache="hit", prompt_tokens=1),
            make.judgement(a, icp.id, stage="triage", decision="failed", failure="length", cache="miss", method="evidence"),
            make.judgement(a, icp.id, stage="prefilter", decision="drop", method="rule"),
        ]
    )
    figures = await store.judgements.figures(clock.ms)
    assert list(figures) == ["prefilter", "triage"]
    triage = figures["triage"]
    assert (triage.count, triage.failures, triage.model_calls) == (3, 1, 2)
    assert (triage.prompt_tokens, triage.output_tokens, triage.total_ms) == (11, 2, 5.0)
    assert triage.by_decision == {"yes": 1, "no": 1, "failed": 1}
    assert triage.by_method == {"model": 2, "evidence": 1}
    assert triage.by_cache == {"miss": 2, "hit": 1}
    assert figures["prefilter"].by_cache == {}
    assert (await store.judgements.figures())["triage"].count == 4
