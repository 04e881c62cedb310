"""Verdicts as examples: the question of today, the right answer, the split by company, no contact data."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from core_parts import AD, OTHER_AD, Home, settled

from leadd.api import Signal, SignalDraft
from leadd.core.excerpts import fit_text
from leadd.core.training.training import HELD_SHARE, split_of, written_form
from leadd.store.rows import NewJudgement

CALL = " Call Jane Doe: +49 221 1234567, jane.doe@acme{}.example."


async def lines(core: Any, **more: Any) -> list[dict[str, Any]]:
    return [example.as_line() async for example in core.training.examples(**more)]


async def test_each_verdict_becomes_a_question_with_its_right_answer(home: Home) -> None:
    home.change(prefilter={"mode": "fixed"})
    home.source.items = [
        SignalDraft(text=f"{text}{CALL.format(n)} Reference {n}.", title=f"Opening {n}", company=f"Acme {n} GmbH")
        for n, text in enumerate((AD, AD, OTHER_AD, OTHER_AD))
    ]
    async with home.core() as core:
        await settled(core, 4)
        found = {row.name[:6]: row.id for row in (await core.store.leads.list()).items}
        await core.store.leads.verdict(found["Acme 0"], "accept")
        await core.store.leads.verdict(found["Acme 1"], "reject", by="api")
        signals = {row.company[:6]: row for row in (await core.store.signals.list()).items if row.company}
        await core.judge_signal(signals["Acme 2"].id, "reject", by="user", icp=None)
        profile = core.profiles.current[0]
        audit = NewJudgement(signals["Acme 3"].id, profile.id, "audit", "no", method="model", model="small:1b")
        await core.store.judgements.add(audit)
        told = await lines(core)
        bare = await lines(core, with_contacts=True, icp="marketing")
        assert await lines(core, icp="nobody's") == []
    by = {(line["meta"]["signal_id"], line["meta"]["role"]): line for line in told}
    triage = {name: by[(row.id, "triage")] for name, row in signals.items()}
    assert [triage[f"Acme {n}"]["messages"][-1] for n in range(4)] == [
        {"role": "assistant", "content": word} for word in ("yes", "no", "no", "no")
    ]
    assert [triage[f"Acme {n}"]["meta"]["weak"] for n in range(4)] == [False, False, False, True]
    meta = triage["Acme 1"]["meta"]
    assert (meta["verdict"], meta["by"], meta["lead_id"], meta["prompt"]) == ("reject", "api", found["Acme 1"], "triage@2")
    assert meta["prompt_hash"]
    question = triage["Acme 0"]["messages"][-2]["content"]
    assert "first marketing manager" in question
    assert "Opening 0" in question
    for line in told:
        text = json.dumps(line["messages"])
        assert not [part for part in ("Jane", "1234567", ".example") if part in text], text
        assert line["meta"]["split"] == split_of(f"acme {line['meta']['signal_id'] - 1}")
    assert any("1234567" in json.dumps(line["messages"]) for line in bare)
    full = json.loads(by[(signals["Acme 0"].id, "classify")]["messages"][-1]["content"])
    assert (full["match"], full["size"], full["fit"], full["quotes"]) == (True, "6-10", 45, [1])
    none = json.loads(by[(signals["Acme 1"].id, "classify")]["messages"][-1]["content"])
    assert (none["match"], none["fit"], none["quotes"]) == (False, 0, [])
    assert list(none) == list(full)
    assert (signals["Acme 2"].id, "classify") not in by, "nobody has said what the right form would be"


def test_a_company_is_always_on_the_same_side() -> None:
    sides = [split_of(f"company {n}") for n in range(4000)]
    assert sides == [split_of(f"company {n}") for n in range(4000)]
    assert abs(sides.count("held") / 4000 - HELD_SHARE) < 0.03


def test_quotes_are_written_as_the_numbers_of_what_is_shown() -> None:
    text = "We are seven people in the middle of Cologne. We look for a marketer who begins from nothing. Coffee is free."
    excerpt = fit_text(text, {}, 10_000, numbered=True)
    schema = {"properties": {"quotes": {"type": "array", "items": {"type": "integer"}}, "match": {"type": "boolean"}}}
    answer = {"silver_bullet_phrases": ["look for a marketer", "nowhere"], "icp_match": True, "score_fit": 3}
    signal = Signal(1, "s", text, "", "h", 0)
    assert json.loads(written_form(answer, schema, True, signal, excerpt)) == {"quotes": [2], "match": True}
    assert json.loads(written_form(answer, {"properties": {"icp_match": {}}}, False, replace(signal), excerpt)) == {
        "icp_match": False
    }
