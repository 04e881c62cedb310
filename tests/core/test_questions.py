"""Questions, the texts they show, and the checks of their answers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from leadd.api import Classification, DossierAnswer, Message, Role, Signal
from leadd.core import questions
from leadd.core.answer_checks import check_classification, check_dossier, check_triage, find_quote
from leadd.core.excerpts import GAP, fit_text
from leadd.core.icp_templates import DEFAULT_TEMPLATE, TEMPLATES
from leadd.prompting import Rendered

ICP = TEMPLATES[DEFAULT_TEMPLATE]
TEXT = "We are “Acme”, a team of 8.\nWe have  no leads – and no plan. See https://acme.io/jobs for more. Write to jane@acme.io."


def signal(text: str = TEXT, **fields: Any) -> Signal:
    return Signal(
        **({"id": 1, "source": "s", "text": text, "title": "Marketer", "content_hash": "h", "found_at_ms": 0} | fields)
    )


def rendered(shown: str = '"shown"') -> Rendered:
    return Rendered(
        (Message("system", "constant"), Message("user", shown)), {"type": "object"}, {"temperature": 0}, 40, "triage", 1, "abc"
    )


def classified(**fields: Any) -> dict[str, Any]:
    return check_classification({"icp_match": True, "score_fit": 30, "score_pain": 20} | fields, ICP, signal())


def test_variables_are_the_same_for_one_icp() -> None:
    variables = questions.variables_of(ICP)
    assert variables == questions.variables_of(ICP.model_copy())
    assert variables["pain_tags"] == list(ICP.pain_tags)
    assert "Company sizes: 1-20" in variables["icp_fields"]
    assert len(variables["icp_fields"]) < 1200


def test_a_question_carries_prompt_subject_and_hashes() -> None:
    question = questions.triage(ICP, signal(), rendered(), priority=3)
    assert question.role is Role.TRIAGE
    assert (question.prompt_label, question.prompt_hash, question.max_tokens, question.priority) == ("triage@1", "abc", 40, 3)
    assert question.subject is not None
    assert question.subject.signal == signal()
    assert question.icp_hash == ICP.content_hash()
    assert questions.classify(ICP, signal(), rendered()).role is Role.CLASSIFY
    assert questions.dossier(ICP, signal(), rendered()).role is Role.DOSSIER


def test_the_text_hash_is_over_all_that_an_answer_depends_on() -> None:
    def text_hash(**fields: Any) -> str:
        return questions.triage(ICP, signal(**fields), rendered()).text_hash

    assert text_hash() == text_hash(id=99, source="other", found_at_ms=5, url="https://x.io")
    assert (
        len({text_hash(), text_hash(location="Berlin"), text_hash(company="Acme"), text_hash(text="x"), text_hash(title="y")})
        == 5
    )
    assert questions.triage(ICP, signal(), rendered("other")).text_hash != text_hash()


@pytest.mark.parametrize(("said", "worth"), [(True, True), ("yes", True), ("Ja", True), ("no", False), (False, False)])
def test_triage_takes_yes_and_true(said: object, worth: bool) -> None:
    answer = check_triage({"worth": said}, signal())
    assert answer == {"worth": worth, "probability": None, "reason": ""}
    assert questions.is_worth(answer) is worth
    assert check_triage(answer, signal()) == answer


@pytest.mark.parametrize(
    "data",
    [{}, {"worth": "perhaps"}, {"worth": None}, {"worth": 3}, {"worth": True, "probability": 2}, {"worth": True, "reason": 5}],
)
def test_triage_takes_nothing_else(data: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        check_triage(data, signal())


def test_the_reason_of_a_triage_names_who_said_it() -> None:
    answer = {"worth": False, "probability": 0.12, "reason": "too big"}
    assert questions.triage_reason(answer, "model") == "Triage by the model says no (12% yes): too big"
    assert (
        questions.triage_reason({"worth": True, "probability": None, "reason": ""}, "evidence")
        == "The evidence in the text says yes."
    )


def test_a_good_classification_passes_and_passes_again() -> None:
    once = classified(size_bucket="6-10", region="europe", pain_tags=["no_leads"], silver_bullet_phrases=["We have no leads"])
    assert once["silver_bullet_phrases"] == ["We have  no leads"]
    assert once["reason_short"] == ""
    assert check_classification(once, ICP, signal()) == once
    assert Classification.model_validate(once).model_dump(mode="json") == once


@pytest.mark.parametrize("fields", [{"score_fit": 51}, {"score_pain": -1}, {"score_fit": "many"},
        {"icp_match": None}, {"size_bucket": "500"},
    {"region": "the moon"}, {"role_type": ["x"]}, {"silver_bullet_phrases": "one"}, {"silver_bullet_phrases": [3]},
        {"pain_tags": "x"}, {"reason_short": 5}])  # fmt: skip
def test_what_is_no_classification(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        classified(**fields)


def test_enumerations_are_the_icps_own_spelling() -> None:
    answer = classified(
        size_bucket="2–5", region="North America", role_type="First-Marketer", pain_tags=["No leads", "no_leads"]
    )
    assert (answer["size_bucket"], answer["region"], answer["role_type"]) == ("2-5", "north_america", "first_marketer")
    assert answer["pain_tags"] == ["no_leads"]
    assert classified(size_bucket=1)["size_bucket"] == "1"
    assert classified(size_bucket=None, region="")["region"] == "unknown"


def test_what_is_taken_out_is_noted() -> None:
    answer = classified(
        reason_short="Look at https://evil.example/x now",
        silver_bullet_phrases=["we are drowning", "no leads – and no plan"],
        pain_tags=["no_leads", "made_up"],
    )
    assert answer["silver_bullet_phrases"] == ["no leads – and no plan"]
    assert answer["pain_tags"] == ["no_leads"]
    assert answer["reason_short"] == (
        "Look at now [taken out: 1 quote not in the text, 1 link not in the text, 1 unknown pain tag]"
    )


def test_links_of_the_text_may_stay() -> None:
    answer = classified(reason_short="See https://acme.io/jobs or jane@acme.io.", situation="Mail eve@evil.example")
    assert answer["reason_short"].startswith("See https://acme.io/jobs or jane@acme.io.")
    assert answer["situation"] == "Mail"


def test_unknown_is_nothing() -> None:
    answer = classified(situation="N/A", problem=" unknown. ", key_pain="", chaos_flags=["none", "two roles in one"])
    assert (answer["situation"], answer["problem"], answer["key_pain"]) == (None, None, None)
    assert answer["chaos_flags"] == ["two roles in one"]


def test_keys_that_nobody_asked_for_are_dropped() -> None:
    assert "score_data_quality" not in classified(score_data_quality=9, note="x")


@pytest.mark.parametrize(
    ("quote", "literal"),
    [
        ("no leads", "no leads"),
        ('"We have no leads"', "We have  no leads"),
        ("WE HAVE NO LEADS", "We have  no leads"),
        ('We are "Acme"', "We are “Acme”"),
        ("no leads - and no plan...", "no leads – and no plan"),
        ("a team of 8. We have", "a team of 8.\nWe have"),
        ("we have many leads", None),
        ("no ... plan", None),
        ("", None),
        ("..", None),
        ("a", None),
    ],
)
def test_quotes_are_found_literally(quote: str, literal: str | None) -> None:
    assert find_quote(quote, TEXT) == literal


@settings(deadline=None)
@given(st.text(max_size=40), st.text(max_size=80))
def test_a_found_quote_stands_in_the_text(quote: str, text: str) -> None:
    found = find_quote(quote, text)
    assert found is None or found in text


def dossier(**fields: Any) -> dict[str, Any]:
    base = {"snapshot": "s", "why_pain_bullets": ["a"], "uncomfortable_truth": "u", "reframe_suggestion": "r",
            "best_angle_bullets": ["b"], "challenger_insight": "c"}  # fmt: skip
    return check_dossier(base | fields, signal())


def test_a_dossier_passes_without_foreign_links() -> None:
    answer = dossier(snapshot="Acme, see https://evil.example now")
    assert answer["snapshot"] == "Acme, see now"
    assert DossierAnswer.model_validate(answer).snapshot == answer["snapshot"]
    assert check_dossier(answer, signal()) == answer


@pytest.mark.parametrize(
    "fields",
    [
        {"snapshot": ""},
        {"why_pain_bullets": []},
        {"challenger_insight": " "},
        {"best_angle_bullets": ["a"] * 4},
        {"snapshot": None},
    ],
)
def test_half_a_dossier_is_none(fields: dict[str, Any]) -> None:
    with pytest.raises((ValueError, ValidationError)):
        dossier(**fields)


def test_a_lead_in_a_few_lines() -> None:
    text = questions.lead_summary("Acme", 82, "red_hot", ["Fit 40 of 50."], {"key_pain": "no leads", "role_type": "unclear"})
    assert text == "Lead: Acme\nScore: 82 of 100 (red_hot)\n- Fit 40 of 50.\nkey pain: no leads"


def test_a_text_that_fits_is_not_touched() -> None:
    excerpt = fit_text(TEXT, "anything", 1000)
    assert (excerpt.text, excerpt.is_cut, excerpt.gaps) == (TEXT, False, 0)


def test_a_long_text_keeps_its_opening_and_what_speaks_of_the_icp() -> None:
    filler = [f"Sentence number {i} speaks of gardens and of trees." for i in range(80)]
    filler[50] = "We need a marketing manager who runs our campaigns."
    excerpt = fit_text(" ".join(filler), "marketing manager campaigns", 800)
    assert excerpt.text.startswith("Sentence number 0")
    assert filler[50] in excerpt.text
    assert excerpt.is_cut
    assert excerpt.gaps >= 1
    assert GAP in excerpt.text
    assert len(excerpt.text) <= 900
    assert excerpt.total_chars == len(" ".join(filler))


def test_scripts_that_take_more_tokens_get_fewer_characters() -> None:
    latin, han = fit_text("word here. " * 500, "x", 600), fit_text("我们公司需要市场经理。" * 300, "x", 600)
    assert len(han.text) < 0.6 * len(latin.text)


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=400), st.integers(60, 200))
def test_excerpts_of_any_text(text: str, budget: int) -> None:
    excerpt = fit_text(text, "marketing", budget)
    assert excerpt.kept_chars <= excerpt.total_chars == len(text)
    if excerpt.is_cut:
        assert len(excerpt.text) < 3 * budget + 40


@pytest.mark.parametrize("hostile", ["x" * 200_000, "a. " * 60_000, "\n" * 100_000 + "x" * 9000, "マ" * 50_000])
def test_hostile_texts_are_cut_in_bounds(hostile: str) -> None:
    assert len(fit_text(hostile, "marketing", 1600).text) < 3000


def test_fields_shown_to_a_model() -> None:
    shown = questions.signal_fields(signal("x " * 5000, company="", location="Berlin"), ICP, 400)
    assert list(shown) == ["title", "company", "location", "text"]
    assert shown["company"] is None
    assert shown["location"] == "Berlin"
    assert len(shown["text"] or "") < 700
    assert questions.excerpt(signal("x " * 5000), ICP, 400).is_cut
