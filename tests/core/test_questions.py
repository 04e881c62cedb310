"""Questions, the texts they show, and the checks of their answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from leadd.api import Classification, DossierAnswer, Message, Role, Signal
from leadd.core import questions, triage
from leadd.core.answer_checks import check_classification, check_dossier, check_triage, find_quote
from leadd.core.icp_templates import DEFAULT_TEMPLATE, TEMPLATES
from leadd.inference import Question
from leadd.prompting import PromptBook, Rendered, packaged_folder

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
    question = triage.question(ICP, signal(), rendered(), priority=3)
    assert question.role is Role.TRIAGE
    assert (question.prompt_label, question.prompt_hash, question.max_tokens, question.priority) == ("triage@1", "abc", 40, 3)
    assert question.subject is not None
    assert question.subject.signal == signal()
    assert question.icp_hash == ICP.content_hash()
    assert questions.classify(ICP, signal(), rendered()).role is Role.CLASSIFY
    assert questions.dossier(ICP, signal(), rendered()).role is Role.DOSSIER


def test_the_text_hash_is_over_all_that_an_answer_depends_on() -> None:
    def text_hash(**fields: Any) -> str:
        return triage.question(ICP, signal(**fields), rendered()).text_hash

    assert text_hash() == text_hash(id=99, source="other", found_at_ms=5, url="https://x.io")
    assert (
        len({text_hash(), text_hash(location="Berlin"), text_hash(company="Acme"), text_hash(text="x"), text_hash(title="y")})
        == 5
    )
    assert triage.question(ICP, signal(), rendered("other")).text_hash != text_hash()


@pytest.mark.parametrize(("said", "worth"), [(True, True), ("yes", True), ("Ja", True), ("no", False), (False, False)])
def test_triage_takes_yes_and_true(said: object, worth: bool) -> None:
    answer = check_triage({"worth": said}, signal())
    assert answer == {"worth": worth, "probability": None, "reason": ""}
    assert triage.is_worth(answer) is worth
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
    assert triage.reason_of(answer, "model") == "Triage by the model says no (12% yes): too big"
    assert (
        triage.reason_of({"worth": True, "probability": None, "reason": ""}, "evidence") == "The evidence in the text says yes."
    )


def test_a_good_classification_passes_and_passes_again() -> None:
    once = classified(size_bucket="6-10", region="europe", pain_tags=["no_leads"], silver_bullet_phrases=["We have no leads"])
    assert once["silver_bullet_phrases"] == ["We have  no leads"]
    assert once["reason_short"] == ""
    assert check_classification(once, ICP, signal()) == once
    assert Classification.model_validate(once).model_dump(mode="json") == once


@pytest.mark.parametrize("fields", [{"score_fit": 51}, {"score_pain": -1}, {"score_fit": "many"},
        {"icp_match": None}, {"size_bucket": "500"},
    {"region": "the moon"}, {"role_type": ["x"]}, {"silver_bullet_phrases": "one"}, {"silver_bullet_phrases": [[3]]},
        {"pain_tags": "x"}, {"reason_short": 5}])  # fmt: skip
def test_what_is_no_classification(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        classified(**fields)


def test_compact_keys_mean_the_same() -> None:
    said = {"quotes": ["no leads"], "size": "6-10", "region": "europe", "role": "unclear", "pains": ["no_leads"], "match": True,
            "fit": 30, "pain": 20, "why": "small", "key": "no leads", "situation": "s", "problem": "p", "implication": "i",
            "payoff": "", "chaos": ["haste"], "buyer": "founder"}  # fmt: skip
    long = {"silver_bullet_phrases": ["no leads"], "size_bucket": "6-10", "region": "europe", "role_type": "unclear",
            "pain_tags": ["no_leads"], "icp_match": True, "score_fit": 30, "score_pain": 20, "reason_short": "small",
            "key_pain": "no leads", "situation": "s", "problem": "p", "implication": "i", "need_payoff": None,
            "chaos_flags": ["haste"], "economic_buyer_guess": "founder"}  # fmt: skip
    answer = check_classification(said, ICP, signal())
    assert answer == long == check_classification(answer, ICP, signal())
    assert check_classification(said | {"match": False, "icp_match": True}, ICP, signal())["icp_match"]


def test_numbers_become_the_literal_sentences() -> None:
    shown = questions.excerpt(signal(), ICP, 900, numbered=True)
    assert shown.text.startswith("[1] We are “Acme”, a team of 8. [2] We have  no leads – and no plan. [3] See ")
    said = {"match": True, "fit": 1, "pain": 1, "quotes": [2, 9, 2, 1, "[1]"]}
    answer = check_classification(said, ICP, signal(), shown.sentences)
    assert answer["silver_bullet_phrases"] == ["We have  no leads – and no plan.", "We are “Acme”, a team of 8."]
    assert answer["reason_short"] == "[taken out: 1 quote not in the text]"
    assert check_classification(answer, ICP, signal()) == answer
    assert check_classification(said, ICP, signal())["silver_bullet_phrases"] == []


def test_numbers_do_not_stay_in_prose() -> None:
    shown = questions.excerpt(signal(), ICP, 900, numbered=True)
    said = {
        "match": True,
        "fit": 1,
        "pain": 1,
        "why": "[2] No leads [1, 2].",
        "situation": "A team [8 people]",
        "problem": "[1]",
    }
    answer = check_classification(said, ICP, signal(), shown.sentences)
    assert (answer["reason_short"], answer["situation"], answer["problem"]) == ("No leads.", "A team [8 people]", None)
    assert check_classification(said, ICP, signal())["reason_short"] == "[2] No leads [1, 2]."


def test_a_long_sentence_is_cut_at_a_word() -> None:
    long = signal("We need somebody who " + "builds and runs and " * 20 + "ends.")
    shown = questions.excerpt(long, ICP, 900, numbered=True)
    (quote,) = check_classification({"match": True, "fit": 1, "pain": 1, "quotes": [1]}, ICP, long, shown.sentences)[
        "silver_bullet_phrases"
    ]
    assert 100 < len(quote) <= 140
    assert quote in long.text
    assert quote.endswith(("builds", "and", "runs"))


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


def test_fields_shown_to_a_model() -> None:
    shown = questions.signal_fields(signal("x " * 5000, company="", location="Berlin"), ICP, 400)
    assert list(shown) == ["title", "company", "location", "text"]
    assert shown["company"] is None
    assert shown["location"] == "Berlin"
    assert len(shown["text"] or "") < 700
    assert questions.excerpt(signal("x " * 5000), ICP, 400).is_cut


def book() -> PromptBook:
    prompts = PromptBook([packaged_folder()])
    assert prompts.load().applied
    return prompts


def text_of(shown: questions.Shown) -> str:
    return str(json.loads(shown.rendered.messages[-1].content)["text"])


def test_a_prompt_is_shown_with_as_much_text_as_fits() -> None:
    prompts, long = book(), signal("We build gardens for people. " * 400)
    whole = questions.show(prompts, "classification", ICP, signal(), ceiling_chars=questions.CLASSIFY_CHARS)
    assert not whole.excerpt.is_cut
    assert text_of(whole).startswith("[1] We are ")
    ceiling = questions.show(prompts, "classification", ICP, long, ceiling_chars=2400)
    tight = questions.show(prompts, "classification", ICP, long, ceiling_chars=2400, chars_per_token=4, limit_tokens=900)
    assert 2000 < len(text_of(ceiling)) <= 2410
    assert len(text_of(tight)) < 1200
    assert (tight.excerpt.total_chars, tight.excerpt.gaps) == (11_600, 1)
    assert sum(len(message.content) for message in tight.rendered.messages) / 4 + 0.25 * tight.rendered.max_tokens <= 900
    assert whole.rendered.messages[0] == ceiling.rendered.messages[0] == tight.rendered.messages[0]


def test_only_a_prompt_that_asks_for_numbers_gets_them(tmp_path: Path) -> None:
    own = """---
name: classification
version: 9
schema:
  type: object
  properties:
    silver_bullet_phrases: {type: array, maxItems: 2, items: {type: string, maxLength: 80}}
    icp_match: {type: boolean}
  required: [silver_bullet_phrases, icp_match]
---
What of this? {{ signal }}
"""
    (tmp_path / "classification.yaml").write_text(own, encoding="utf-8")
    prompts = PromptBook([tmp_path, packaged_folder()])
    assert prompts.load().applied
    shown = questions.show(prompts, "classification", ICP, signal(), ceiling_chars=900)
    assert text_of(shown) == TEXT
    assert shown.excerpt.sentences == ()
    dossier = questions.show(prompts, "dossier", ICP, signal(), ceiling_chars=900, variables={"lead": "Lead: Acme"})
    assert text_of(dossier) == TEXT
    assert "Lead: Acme" in dossier.rendered.messages[0].content


def test_the_rule_for_an_early_end_is_part_of_the_question() -> None:
    verdict = {"match": True, "fit": 20, "pain": 5, "why": "w"}
    shown = questions.show(book(), "classification", ICP, signal(), ceiling_chars=900)

    def asked(**more: Any) -> Question:
        return questions.classify(ICP, signal(), shown.rendered, excerpt=shown.excerpt, **more)

    fields = {"quotes": [2], "size": "1", "region": "other", "role": "unclear", "pains": [], **verdict}
    usual, person, all_of_it = asked(), asked(priority=questions.PERSON_PRIORITY), asked(details_from=0)
    assert (usual.stop_rule, person.stop_rule, all_of_it.stop_rule) == ("below:60", "no_match", "")
    assert usual.enough is not None
    assert person.enough is not None
    assert all_of_it.enough is None
    assert person.enough(fields) is None
    assert person.enough(fields | {"match": False}) is not None
    early = usual.enough(fields)
    assert early is not None
    assert list(early) == list((shown.rendered.schema or {})["properties"])
    kept = usual.check(early)
    assert kept["silver_bullet_phrases"] == ["We have  no leads – and no plan."]
    assert usual.check(kept) == kept


def test_the_shipped_prompts_are_short() -> None:
    prompts = book()
    for icp in TEMPLATES.values():
        shown = questions.show(prompts, "classification", icp, signal(), ceiling_chars=900)
        assert len(shown.rendered.messages[0].content) <= 1800


def test_keywords_of_a_prompt_say_something_new() -> None:
    fields = questions.variables_of(ICP)["icp_fields"]
    assert "marketing manager" in ICP.description
    assert "marketing manager" not in fields
    assert all(len(line) < 180 for line in fields.splitlines())
