"""Triage in a real core: one word by its probability, joined with the words of the text, taught by verdicts."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from core_parts import AD, MODEL, Home, ScriptedModel, make_context, settled, until

from leadd.api import Capabilities, Failure, ModelFailure, ModelRequest, Reply, Role, Signal, SignalDraft, Usage
from leadd.builtin.evidence import EvidenceModel
from leadd.core import scales, triage
from leadd.core.asking import ClassifyRequest
from leadd.core.engine import Core
from leadd.core.prefilter import Keep
from leadd.learn import PRIOR, Facts, Joined
from leadd.learn.evidence import desk
from leadd.store.rows import JudgementRow

SIGNAL = Signal(1, "s", "text", "title", "hash", 0)
THIN = (
    "We look for an office manager for our workshop. You keep the calendar, order what is missing, write invoices and pick up "
    "the phone. Some marketing is part of the work, too. We pay on time and the coffee is free for everybody in the house."
)


class LabelModel(ScriptedModel):
    """Shows log-probabilities: `shares` maps a piece of a text to its share of yes, the first that fits counts."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.shares: dict[str, float] = {triage.CONTENT_FREE: 0.6, "": 0.8}
        self.asked: list[ModelRequest] = []

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(frozenset({Role.TRIAGE, Role.CLASSIFY, Role.DOSSIER}), logprobs=True)

    async def complete(self, request: ModelRequest) -> Reply:
        self.asked.append(request)
        whole = await super().complete(request)
        if not request.labels:
            return whole
        share = next(share for piece, share in self.shares.items() if piece in request.messages[-1].content)
        said = "yes" if share >= 0.5 else "no"
        top = [(" Yes", share * 0.3), ("yes", share * 0.7), ("No", (1 - share) * 0.4), ("no", (1 - share) * 0.6)]
        entry = {"token": said, "logprob": -0.1, "top_logprobs": [{"token": t, "logprob": math.log(p)} for t, p in top]}
        usage = Usage(prompt_tokens=whole.usage.prompt_tokens, output_tokens=1, total_ms=1)
        return Reply(said, MODEL, digest=self.digest_now, done_reason="length", usage=usage, logprobs=(entry,))

    def reading(self) -> list[Role]:
        """What it was asked for, dossiers apart: those come when they come."""
        return [request.role for request in self.asked if request.role is not Role.DOSSIER]

    def habits(self) -> int:
        """How often it was asked about a text without content."""
        return sum(f'"text": "{triage.CONTENT_FREE}"' in request.messages[-1].content for request in self.asked)


@pytest.fixture
def model(home: Home, tmp_path: Path) -> LabelModel:
    home.model = LabelModel(tmp_path)
    return home.model


def ad(number: int, text: str = AD, title: str = "Opening") -> SignalDraft:
    return SignalDraft(text=f"{text} Reference {number}.", title=f"{title} {number}", company=f"Acme {number} GmbH")


async def triaged(core: Core) -> list[JudgementRow]:
    """The journal's rows of triage, oldest first."""
    rows = []
    for signal in (await core.store.signals.list(limit=500)).items:
        rows += [row for row in await core.store.judgements.for_signal(signal.id) if row.stage == "triage"]
    return sorted(rows, key=lambda row: row.id)


async def test_the_journal_holds_all_that_the_decision_stands_on(home: Home, model: LabelModel) -> None:
    model.shares = {triage.CONTENT_FREE: 0.6, "Reference 2": 0.3, "": 0.9}
    home.source.items = [ad(1), ad(2)]
    async with home.core() as core:
        assert await settled(core, 2) == {"red_hot": 2}, "where the words are plain a no alone drops nothing"
        rows = {row.answer["said"]["probability"]: row for row in await triaged(core) if row.answer}
        assert sorted(rows) == pytest.approx([0.3, 0.9])
        high, low = rows[max(rows)], rows[min(rows)]
    assert high.answer is not None
    assert low.answer is not None
    evidence = high.answer["evidence"]
    assert evidence["content_free"] == pytest.approx(0.6)
    assert evidence["model"] == pytest.approx(math.log(9) - math.log(1.5), abs=1e-3)
    assert evidence["prefilter"] > 40
    assert evidence["embedding"] is None
    assert (high.answer["label"], low.answer["label"]) == ("yes", "yes")
    assert low.answer["said"]["worth"] is False
    assert high.answer["probability"] > low.answer["probability"] > 0.5
    assert high.score == pytest.approx(100 * high.answer["probability"], abs=0.1)
    assert high.threshold == 50
    assert high.answer["weights"]["version"].startswith("prior@")
    assert "the model says no (30% yes)" in low.reasons[0]
    assert model.habits() == 1, "what it says by habit is asked once for all signals"
    [request, *_] = model.asked
    assert (request.labels, request.schema, request.max_tokens) == (("yes", "no"), None, 3)


async def test_words_that_say_little_leave_it_to_the_model(home: Home, model: LabelModel, monkeypatch: Any) -> None:
    monkeypatch.setattr(desk, "FIRST_ANSWERS", 1000)
    home.change(prefilter={"score_threshold": 10})
    model.shares = {triage.CONTENT_FREE: 0.5, "workshop": 0.02, "": 0.98}
    home.source.items = [*[ad(n) for n in range(60)], *[ad(n, THIN, "Office manager") for n in range(60, 120)]]
    async with home.core() as core:
        outcomes = await settled(core, 120)
        rows = await triaged(core)
    assert outcomes["red_hot"] == 60, outcomes
    assert outcomes["filtered"] > 20, "once it has agreed with the words often enough, its no counts"
    dropped = [row for row in rows if row.decision == "no"]
    assert len(dropped) == outcomes["filtered"]
    assert {row.method for row in dropped} == {"model"}
    assert dropped[-1].answer is not None
    assert dropped[-1].answer["parts"]["model"] < -0.5


async def test_what_the_words_have_settled_is_not_asked(home: Home, model: LabelModel, monkeypatch: Any) -> None:
    monkeypatch.setattr(desk, "FIRST_ANSWERS", 3)
    home.change(pipeline={"in_flight": 1})
    home.source.items = [ad(n) for n in range(30)]
    async with home.core() as core:
        assert await settled(core, 30) == {"red_hot": 30}
        rows = await triaged(core)
        by_rule = [row for row in rows if row.method == "rule"]
        assert 18 <= len(by_rule) <= 27, "but for the first ones, and one in ten"
        row = by_rule[0]
        assert (row.decision, row.rule, row.cache, row.prompt_tokens) == ("yes", "evidence", "", 0)
        assert "no answer of the model could change that" in row.reasons[0]
        assert row.digest == "sha-1"
        assert row.answer is not None
        assert (row.answer["said"], row.answer["stands_for"]) == (None, 0)
        asked = [r for r in rows[3:] if r.method == "model" and r.answer]
        assert {r.answer["stands_for"] for r in asked if r.answer} <= {1, desk.SAMPLED_IN}
        before = len(model.reading())
        known = next(s for s in (await core.store.signals.list(limit=50)).items if s.id == row.signal_id)
        await core.ingest([SignalDraft(text=known.text, title=known.title, company=known.company)], source="again")
        await settled(core, 31)
        assert len(model.reading()) == before, "its twin costs nothing"
        found = await core.classify(ClassifyRequest(signal_text=f"{AD} A person asks.", title="Opening"))
        assert found.status == "ok"
        assert model.reading()[before:] == [Role.CLASSIFY], "nobody waits for a word that changes nothing"


async def test_a_desk_is_filled_from_the_journal_at_the_next_start(home: Home, model: LabelModel, monkeypatch: Any) -> None:
    monkeypatch.setattr(desk, "FIRST_ANSWERS", 5)
    home.source.items = [ad(n) for n in range(8)]
    async with home.core() as core:
        await settled(core, 8)
    before = sum(request.role is Role.TRIAGE for request in model.asked)
    home.source.items += [ad(100)]
    async with home.core() as core:
        core.traffic.poll_now("ads")
        await settled(core, 9)
        [row] = [row for row in await triaged(core) if row.signal_id == 9]
    asked = sum(request.role is Role.TRIAGE for request in model.asked) - before
    assert asked == (1 if row.method == "model" else 0)
    assert row.method == "rule" or (row.answer or {}).get("stands_for") == desk.SAMPLED_IN


async def test_verdicts_teach_the_scales(home: Home, model: LabelModel, monkeypatch: Any) -> None:
    monkeypatch.setattr(scales, "LOOK_EVERY_S", 0.0)
    home.source.items = [ad(n) for n in range(30)]
    async with home.core() as core:
        await settled(core, 30)
        for lead in (await core.store.leads.list(limit=50)).items:
            await core.store.leads.verdict(lead.id, "accept" if lead.id % 2 else "reject")
        home.source.items += [ad(100), ad(101)]
        core.traffic.poll_now("ads")
        await settled(core, 32)
        last = (await triaged(core))[-1]
    assert last.answer is not None
    assert last.answer["weights"]["verdicts"] == 30
    assert last.answer["weights"]["version"].startswith("verdicts@")
    assert "weighed by 30 verdicts" in last.reasons[0]


async def test_without_the_habit_of_a_model_its_word_is_taken_as_it_is(home: Home, model: LabelModel) -> None:
    def fail(request: ModelRequest) -> ModelFailure | None:
        is_habit = f'"text": "{triage.CONTENT_FREE}"' in request.messages[-1].content
        return ModelFailure(Failure.CRASHED, "not this one") if is_habit else None

    model.fail = fail
    home.source.items = [ad(1), ad(2)]
    async with home.core() as core:
        assert await settled(core, 2) == {"red_hot": 2}
        rows = await triaged(core)
    assert {row.answer["evidence"]["content_free"] for row in rows if row.answer} == {None}
    assert rows[0].answer is not None
    assert rows[0].answer["evidence"]["model"] == pytest.approx(math.log(4), abs=1e-3)


async def test_a_bare_word_is_evidence_too(home: Home) -> None:
    home.source.items = [ad(1)]
    async with home.core() as core:
        assert await settled(core, 1) == {"red_hot": 1}
        [row] = await triaged(core)
    assert row.answer is not None
    assert row.answer["said"] == {"worth": True, "probability": None}
    assert row.answer["evidence"]["model"] == triage.SAID_ODDS
    assert "the model says yes" in row.reasons[0]
    assert [role for role, _ in home.model.calls].count(Role.TRIAGE) == 1, "a bare word has no habit to ask for"


async def test_the_more_promising_are_asked_first_and_a_person_before_all(home: Home, model: LabelModel) -> None:
    asked: list[tuple[Role, int]] = []
    home.source.items = [ad(1)]
    async with home.core() as core:
        ask = core.inference.ask

        async def noted(question: Any, **more: Any) -> Any:
            asked.append((question.role, question.priority))
            return await ask(question, **more)

        core.inference.ask = noted  # type: ignore[method-assign]
        await settled(core, 1)
        [row] = await triaged(core)
        score = next(r.score for r in await core.store.judgements.for_signal(row.signal_id) if r.stage == "prefilter")
        await until(lambda: any(role is Role.DOSSIER for role, _ in asked))
        machine, asked[:] = [a for a in asked if a[0] is not Role.DOSSIER], []
        await core.classify(ClassifyRequest(signal_text=f"{AD} A person asks.", title="Opening"))
    assert score is not None
    assert row.score is not None
    first, habit, then = machine
    assert first == habit == (Role.TRIAGE, round(score))
    assert then[0] is Role.CLASSIFY
    assert then[1] == pytest.approx(100 + row.score, abs=1)
    assert {priority for _, priority in asked} == {1000}


async def test_the_reader_of_evidence_decides_alone_and_leaves_what_it_saw(home: Home) -> None:
    home.without_model = "evidence"
    home.model.reachable = False
    home.source.items = [ad(1)]
    evidence = EvidenceModel(EvidenceModel.Config.model_validate({"vectors": "off"}), make_context("evidence", home.folder))
    await evidence.open()
    async with home.core(evidence=evidence) as core:
        await settled(core, 1)
        [row] = await triaged(core)
    await evidence.close()
    assert row.method == "evidence"
    assert row.answer is not None
    assert set(row.answer) == {"worth", "probability", "reason", "evidence"}
    assert row.answer["evidence"]["lexical"] > 0
    assert row.score is None


async def test_what_was_left_out_of_a_text_is_told(home: Home) -> None:
    long = f"{AD} " + "The office has a view of the harbour and a table for table tennis, and lunch is at noon. " * 60
    home.source.items = [ad(1, long), ad(2)]
    async with home.core() as core:
        await settled(core, 2)
        shown = {}
        for signal in (await core.store.signals.list()).items:
            rows = await core.store.judgements.for_signal(signal.id)
            shown[signal.title] = {row.stage: row.shown for row in rows if row.stage in ("triage", "classify")}
    assert shown["Opening 2"] == {"triage": None, "classify": None}
    for cut in shown["Opening 1"].values():
        assert cut is not None
        assert cut["chars"] > 5000 > cut["kept"] > 300
        assert cut["gaps"] >= 1
    assert (shown["Opening 1"]["triage"] or {})["kept"] < (shown["Opening 1"]["classify"] or {})["kept"]


def test_a_label_an_object_and_what_was_kept_are_one_answer() -> None:
    by_label = triage.checked({"label": "yes", "probability": 0.7}, SIGNAL)
    assert by_label == {"worth": True, "probability": 0.7, "reason": ""}
    assert triage.checked({"label": "no"}, SIGNAL) == {"worth": False, "probability": None, "reason": ""}
    assert triage.checked(by_label, SIGNAL) == by_label
    assert triage.checked({"worth": "yes"}, SIGNAL)["worth"] is True
    for wrong in ({"label": "perhaps"}, {"label": None}, {"label": "yes", "probability": 2}, {}):
        with pytest.raises(ValueError):
            triage.checked(wrong, SIGNAL)


def test_odds_are_those_above_the_habit() -> None:
    assert triage.odds_of({"worth": True, "probability": 0.9}, math.log(9)) == pytest.approx(0.0)
    assert triage.odds_of({"worth": True, "probability": 1.0}, 0.0) < 20
    assert triage.odds_of({"worth": True, "probability": None}, 5.0) == -triage.odds_of({"worth": False}, 5.0)


def test_a_prefilter_that_is_off_is_no_evidence() -> None:
    off = triage.Known(Keep(100.0, 0.0, ("the prefilter is switched off",)))
    assert off.lexical is None
    assert off.evidence()["lexical"] is None
    said = {"worth": False, "probability": 0.2}
    decision = triage.Decision(off, "d/p", Joined(0.4, {"base": 0.0}), PRIOR, 0.5, said, -1.0, 0.3)
    assert "prefilter off" in decision.reason
    assert "says no (40%)" in decision.reason
    assert triage.Known(Keep(36.0, 20.0, ()), 0.25).lexical == pytest.approx(math.sqrt(0.2))


def test_what_the_journal_holds_is_weighed_again_as_it_was() -> None:
    known = triage.Known(Keep(36.0, 20.0, ()), 0.25)
    said = {"worth": True, "probability": 0.7}
    decision = triage.Decision(known, "d/p", Joined(0.61, {"base": 0.0}), PRIOR, 0.5, said, 0.5, 0.6, 10)
    facts = triage.facts_of(decision.answer, "d/p")
    assert facts == Facts(pytest.approx(known.lexical, abs=1e-4), 0.5, 0.25, "d/p")
    assert "similarity 0.25" in decision.reason
    for old in ({"worth": True, "probability": None, "reason": ""}, {"evidence": None}, {}):
        assert triage.facts_of(old, "d/p") is None
    assert triage.facts_of({"evidence": {"lexical": True, "model": "x", "embedding": None}}, "") == Facts(asked="")
