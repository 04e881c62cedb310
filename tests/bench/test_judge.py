"""The judge: as noisy as is stated, the same for every way, and not to be confused by how a prompt shows a text."""

from __future__ import annotations

from typing import Any

import pytest

from leadd.bench.earlier import full_answer, prompt_of, signal_in
from leadd.bench.judge import FULL, TRIAGE, Judge, JudgedReading, Truth, size_of, stated
from leadd.bench.signals import BenchSignal, make_signals
from leadd.core.icp_templates import DEFAULT_TEMPLATE, TEMPLATES
from leadd.testing.ollama import Question, Reading
from leadd.testing.ollama.tokens import count, pieces

SMALL, LARGE = "gemma3:1b", "gemma3:4b"
CLASSIFY = {"type": "object", "properties": {"match": {"type": "boolean"}}}
ICP = TEMPLATES[DEFAULT_TEMPLATE]


def truths(number: int) -> list[Truth]:
    return [Truth(f"title{n}", "company", "opening" * 12 + str(n), n % 2 == 0) for n in range(number)]


def asked(signal: dict[str, str], schema: dict[str, Any] | None = None, model: str = SMALL) -> Question:
    return Question(model, "chat", [], str(signal), schema, signal)


def reading(given: object) -> JudgedReading:
    assert isinstance(given, JudgedReading)
    return given


def auc(values: list[tuple[float, bool]]) -> float:
    ranks = [rank for rank, (_, is_lead) in enumerate(sorted(values), start=1) if is_lead]
    return (sum(ranks) - len(ranks) * (len(ranks) + 1) / 2) / len(ranks) / (len(values) - len(ranks))


@pytest.mark.parametrize("model", [SMALL, LARGE])
def test_triage_is_as_good_as_stated(model: str) -> None:
    known = truths(4000)
    judge = Judge(known)
    found = [(judge.triage({}, "", truth, model), truth.is_lead) for truth in known]
    values = [(r.sure if r.yes else 1 - r.sure, is_lead) for r, is_lead in found]
    assert auc(values) == pytest.approx(TRIAGE[size_of(model)].auc, abs=0.02)


@pytest.mark.parametrize("model", [SMALL, LARGE])
def test_full_answers_are_as_good_as_stated(model: str) -> None:
    known = truths(4000)
    judge, ability = Judge(known), FULL[size_of(model)]
    found = [(judge.full({}, "", truth, model), truth.is_lead) for truth in known]
    assert auc([(r.strength, is_lead) for r, is_lead in found]) == pytest.approx(ability.auc, abs=0.02)
    yes = [[r.match for r, is_lead in found if is_lead is wanted] for wanted in (True, False)]
    assert sum(yes[0]) / len(yes[0]) == pytest.approx(ability.true_yes, abs=0.03)
    assert sum(yes[1]) / len(yes[1]) == pytest.approx(ability.false_yes, abs=0.03)


def test_one_answer_however_the_text_is_shown() -> None:
    signals = make_signals(60)
    judge = Judge(map(Truth.of, signals))
    for signal in signals:
        whole = {"title": signal.title, "text": signal.text}
        cut = {"title": signal.title, "company": signal.company or "", "text": f"{signal.text[:60]} […] {signal.text[-80:]} …"}
        numbered = {"title": signal.title, "text": "[1] " + signal.text[:250].replace(". ", ". [2] ")}
        prompt = prompt_of(ICP, signal.title, signal.company or "", signal.location or "", signal.text)
        said = {reading(judge(asked(shown, CLASSIFY))).match for shown in (whole, cut, numbered)}
        assert len(said) == 1
        given = judge(Question(SMALL, "generate", [], prompt, {}, {}))
        assert isinstance(given, str)
        assert f'"icp_match": {str(said.pop()).lower()}' in given
    assert judge.unknown == 0


def test_a_text_without_content_shows_the_leaning_alone() -> None:
    judge = Judge(truths(10))
    empty = reading(judge(asked({"title": "N/A", "text": "N/A"})))
    assert empty.yes
    assert empty.certainty == pytest.approx(1 / (1 + 2.718281828 ** -TRIAGE["small"].lean))
    assert judge.unknown == 1


def test_dossiers_are_left_to_the_fake_itself() -> None:
    assert Judge(truths(1))(asked({"text": "x"}, {"properties": {"snapshot": {}}})) is None


def test_truth_without_a_label_is_what_the_words_say() -> None:
    assert Truth.of(BenchSignal("1", "Marketing manager", "SEO and brand and campaigns")).is_lead
    assert not Truth.of(BenchSignal("2", "Night nurse", "We look for a nurse.")).is_lead


@pytest.mark.parametrize(
    ("name", "size"), [("gemma3:1b", "small"), ("gemma3:4b-it-qat", "large"), ("smollm2:135m", "small"), ("x", "small")]
)
def test_abilities_go_by_the_size_in_the_name(name: str, size: str) -> None:
    assert size_of(name) == size


def test_what_is_stated_names_every_model_once() -> None:
    assert len(stated([SMALL, LARGE, SMALL])) == 2


def test_the_earlier_prompt_is_as_long_as_was_measured_and_can_be_read_back() -> None:
    signals = make_signals(200)
    prompts = [prompt_of(ICP, s.title, s.company or "", s.location or "", s.text) for s in signals]
    assert 1150 <= sum(map(count, prompts)) / len(prompts) <= 1350
    for signal, prompt in zip(signals, prompts, strict=True):
        assert signal_in(prompt)["text"] == signal.text
        assert signal_in(prompt)["title"] == signal.title
        assert 0 < prompt.index(signal.text[:40]) < prompt.index("score_fit")
    judge = Judge(map(Truth.of, signals))
    answers = [full_answer(judge.full(signal_in(p), p, judge.find(signal_in(p)), SMALL)) for p in prompts]
    assert 135 <= sum(len(pieces(a)) for a in answers) / len(answers) <= 165


def test_a_reading_is_what_the_fake_takes_for_one() -> None:
    assert isinstance(reading(Judge(truths(1))(asked({"text": "x"}))), Reading)
