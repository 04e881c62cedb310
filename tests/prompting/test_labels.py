"""Prompts that want one word: `labels` in the front matter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from leadd.prompting import PromptBook, Reload, packaged_folder

GOOD = """---
name: triage
version: 3
labels: [yes, no]
max_tokens: 12
---
Worth a look? Answer yes or no.
{{ signal }}
"""


def load(folder: Path, text: str, name: str = "triage.yaml") -> tuple[PromptBook, Reload]:
    (folder / name).write_text(text, encoding="utf-8")
    book = PromptBook([folder, packaged_folder()])
    return book, book.load()


def test_labels_make_their_own_schema(tmp_path: Path) -> None:
    book, result = load(tmp_path, GOOD)
    assert (result.problems, result.warnings) == ((), ())
    rendered = book.render("triage", {}, {"text": "t"})
    assert rendered.labels == ("yes", "no")
    assert rendered.schema == {"type": "string", "enum": ["yes", "no"]}
    assert rendered.max_tokens == 12


def test_a_prompt_without_labels_goes_on_as_it_was(tmp_path: Path) -> None:
    old = GOOD.replace(
        "labels: [yes, no]",
        "schema:\n  type: object\n  properties:\n    worth: {type: string, enum: [yes, no]}\n  required: [worth]",
    )
    book, result = load(tmp_path, old)
    assert result.problems == ()
    rendered = book.render("triage", {}, {"text": "t"})
    assert rendered.labels == ()
    assert rendered.schema is not None
    assert rendered.schema["required"] == ["worth"]


def test_labels_are_part_of_what_can_change_an_answer(tmp_path: Path) -> None:
    hashes = set()
    for text in (GOOD, GOOD.replace("[yes, no]", "[Yes, No]"), GOOD.replace("labels: [yes, no]", WORD)):
        book, result = load(tmp_path, text)
        assert result.problems == (), result.problems
        hashes.add(book.in_force()["triage"].content_hash)
    assert len(hashes) == 3


WORD = """labels: [yes, no]
schema:
  type: object
  properties:
    worth: {type: string, enum: [yes, no]}
  required: [worth]"""


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("[yes, no]", "yes", "`labels` is a list of 2 to 10 words"),
        ("[yes, no]", "[yes]", "`labels` is a list of 2 to 10 words"),
        ("[yes, no]", "[yes, not at all]", "is no single word"),
        ("[yes, no]", "[yes, YES]", "stands twice"),
        ("[yes, no]", "[no, yes]", "the labels [yes, no], in this order"),
        ("[yes, no]", "[good, bad]", "the labels [yes, no], in this order"),
        ("labels: [yes, no]\n", "", "no `schema`"),
        ("labels: [yes, no]", "lables: [yes, no]", "did you mean 'labels'"),
        ("labels: [yes, no]", WORD.replace("enum: [yes, no]", "enum: [ja, nein]"), "no enum with the labels yes, no"),
        ("labels: [yes, no]", "schema: {type: string, enum: [yes, no]}", "must be an object"),
    ],
)
def test_mistakes_are_found_with_their_line(tmp_path: Path, old: str, new: str, reason: str) -> None:
    _, result = load(tmp_path, GOOD.replace(old, new))
    assert any(reason in problem.reason for problem in result.problems), result.problems
    assert all(problem.line for problem in result.problems)


def test_only_triage_is_asked_for_one_word(tmp_path: Path) -> None:
    _, result = load(tmp_path, GOOD.replace("name: triage", "name: dossier"), "dossier.yaml")
    assert any("`labels` is for triage" in problem.reason for problem in result.problems)


def test_the_shipped_triage_is_short_and_ends_with_the_signal() -> None:
    book = PromptBook([packaged_folder()])
    assert book.load().problems == ()
    variables: dict[str, Any] = {"icp_description": "d" * 350, "icp_fields": "f" * 220}
    rendered = book.render("triage", variables, {"title": "t", "text": "x"})
    assert rendered.labels == ("yes", "no")
    assert len(rendered.messages[0].content) < 1150, "about 250 tokens with an ICP like the shipped ones"
    assert rendered.messages[-1].content == '{"title": "t", "text": "x"}'
