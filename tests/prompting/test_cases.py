"""The cases that ship with the prompts, and what a trial finds wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from leadd.core.prompts.expectations import ANSWERS, broken, unknown_words
from leadd.core.prompts.prompt_cases import Trials
from leadd.prompting import PromptBook, packaged_folder, restore
from leadd.prompting.cases import CaseShelf, Recorded, write_recordings

NAMES = ("triage", "classification", "dossier")
BOOK = PromptBook([packaged_folder()])
BOOK.load()


@pytest.mark.parametrize("name", NAMES)
def test_the_shipped_cases_hold(name):
    report = Trials([packaged_folder()]).report(BOOK.pick(name))
    assert report.problems == ()
    assert len(report.results) >= 20
    assert [(r.id, r.standing, r.reasons) for r in report.results if r.standing != "ok"] == []


@pytest.mark.parametrize("name", NAMES)
def test_the_shipped_recordings_say_that_no_model_gave_them(name):
    file = CaseShelf([packaged_folder()]).of(name)
    assert {r.prompt_hash for case in file.cases for r in case.recorded} == {BOOK.pick(name).info.content_hash}
    assert all("no model" in r.model for case in file.cases for r in case.recorded)
    assert not any(unknown_words(name, case.expect) for case in file.cases)


CASES = """cases:
  - id: one
    signal: {title: A marketer, text: "We are six and look for our first marketer."}
    expect: {label: yes, probability: {min: 0.5}}
"""


def shelf_with(folder: Path, cases: str = CASES, **recorded: object) -> Trials:
    (folder / "triage.cases.yaml").write_text(cases, encoding="utf-8")
    if recorded:
        base = {"model": "m", "digest": "d", "prompt": "triage@2", "prompt_hash": BOOK.pick("triage").info.content_hash}
        (folder / "triage.recorded.json").write_text(json.dumps({"answers": {"one": [base | recorded]}}), encoding="utf-8")
    return Trials([folder, packaged_folder()])


def only(trials: Trials):
    report = trials.report(BOOK.pick("triage"))
    assert report.problems == ()
    return report.results[0]


def test_a_recording_that_says_otherwise_fails_with_the_place_of_the_case(tmp_path):
    trials = shelf_with(tmp_path, label="no", probability=0.2)
    assert only(trials).standing == "failed"
    problem = trials.problems(BOOK.pick("triage"))[0]
    assert str(problem).startswith(f"{tmp_path / 'triage.cases.yaml'}:2: triage@2 fails case 'one': m: label is no, not yes")
    assert "probability is 0.2, below 0.5" in problem.reason


@pytest.mark.parametrize(
    ("recorded", "standing"),
    [
        ({}, "unrecorded"),
        ({"label": "yes", "probability": 0.9}, "ok"),
        ({"label": "yes", "probability": 0.9, "prompt_hash": "of another version"}, "stale"),
        ({"label": "maybe"}, "failed"),
        ({"answer": '"yes"'}, "failed"),
        ({"answer": '"YES" and more'}, "failed"),
    ],
)
def test_how_a_case_stands(tmp_path, recorded, standing):
    found = only(shelf_with(tmp_path, **recorded))
    assert found.standing == standing, found.reasons


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("label: yes", "lable: yes", "'lable' is no field of an answer of triage"),
        ("{min: 0.5}", "{least: 0.5}", "unknown test 'least'"),
        ("    expect", "    icp: nobody\n    expect", "there is no ICP template 'nobody'"),
        ("    expect", "    icp: {name: x}\n    expect", "icp:"),
    ],
)
def test_a_case_that_cannot_be_tried_fails(tmp_path, old, new, reason):
    found = only(shelf_with(tmp_path, CASES.replace(old, new)))
    assert found.standing == "failed"
    assert reason in found.reasons[0]


@pytest.mark.parametrize(
    ("cases", "line", "reason"),
    [
        ("cases: 3\n", 1, "holds `cases:`"),
        (CASES + "  - id: one\n    signal: {text: b}\n", 5, "stands twice"),
        ("cases:\n  - signal: {text: b}\n", 2, "with an `id`"),
        ("cases:\n  - id: a\n    signal: {title: b}\n", 2, "at least the text"),
        ("cases:\n  - id: a\n    signal: {text: 5}\n", 2, "put quotes around it"),
        ("cases:\n  - id: a\n    signal: {text: b}\n    expects: {}\n", 2, "unknown key 'expects'"),
        ("cases:\n\t- id: a\n", 2, "indent with spaces"),
    ],
)
def test_a_case_file_that_cannot_be_read_names_the_line(tmp_path, cases, line, reason):
    problem = shelf_with(tmp_path, cases).problems(BOOK.pick("triage"))[0]
    assert (problem.file, problem.line) == (str(tmp_path / "triage.cases.yaml"), line)
    assert reason in problem.reason


def test_recordings_are_replaced_case_by_case_and_those_of_gone_cases_go(tmp_path):
    shelf_with(tmp_path, CASES + "  - id: two\n    signal: {text: b}\n", label="yes")
    file = CaseShelf([tmp_path]).of("triage")
    new = Recorded("other", "d2", "triage@2", "h", label="no", probability=0.25)
    write_recordings(file, {"two": [new], "gone": [new]})
    again = CaseShelf([tmp_path]).of("triage")
    assert [[r.model for r in case.recorded] for case in again.cases] == [["m"], ["other"]]
    assert again.cases[1].recorded == (new,)
    (tmp_path / "triage.recorded.json").write_text("{", encoding="utf-8")
    assert "no recordings" in CaseShelf([tmp_path]).of("triage").problems[0].reason


ANSWER = {
    "icp_match": True, "score_fit": 30, "role_type": "first_marketer", "pain_tags": ["no_leads"], "situation": None,
    "silver_bullet_phrases": ["The agency left us"], "reason_short": "They hire",
}  # fmt: skip


@pytest.mark.parametrize(
    ("expect", "reason"),
    [
        (
            {"match": True, "fit": {"min": 20, "max": 50}, "role": {"in": ["first_marketer"]}, "pains": {"has": ["no_leads"]}},
            "",
        ),
        ({"quote_contains": "AGENCY", "situation": "empty", "lacks": ["http"], "why": "they hire"}, ""),
        ({"match": False}, "icp_match is True, not False"),
        ({"score_fit": {"min": 31}}, "score_fit is 30, below 31"),
        ({"situation": {"max": 3}}, "situation is nothing, no number"),
        ({"role_type": {"not_in": ["first_marketer"]}}, "role_type is 'first_marketer', one of first_marketer"),
        ({"pain_tags": {"has": ["no_strategy"]}}, "pain_tags has no 'no_strategy'"),
        ({"pain_tags": {"has_none": "no_leads"}}, "pain_tags has 'no_leads'"),
        ({"situation": "nonempty"}, "situation is empty"),
        ({"pain_tags": "empty"}, "pain_tags is ['no_leads'], and should be empty"),
        ({"quote_contains": "founder"}, "no quote with 'founder'"),
        ({"lacks": ["left us"]}, "'left us' stands in it"),
        ({"reason_short": {"contains": "fire"}}, "reason_short does not contain 'fire'"),
        ({"reason_short": {"lacks": "hire"}}, "reason_short contains 'hire'"),
    ],
)
def test_what_expect_can_say(expect, reason):
    assert unknown_words("classification", expect) == []
    assert broken(expect, ANSWER) == ([reason] if reason else [])


def test_every_answer_has_its_fields_and_versions_come_back_out_of_their_text():
    for name in NAMES:
        template = BOOK.pick(name)
        again = restore(name, template.info.version, template.text)
        assert again.info.content_hash == template.info.content_hash
        assert unknown_words(name, dict.fromkeys(ANSWERS[name].model_fields, "nonempty")) == []
