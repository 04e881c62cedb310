"""Several versions in one file, versions asked for by name, and the schema that editors use."""

from __future__ import annotations

import json

import jsonschema
import pytest

from leadd.prompting import PromptBook, PromptError, packaged_folder, restore
from leadd.prompting.editor_schema import editor_schema
from leadd.prompting.reading import read_file

FILE = """---
name: triage
variables:
  icp_description: {type: text}
labels: [yes, no]
max_tokens: 12
variants:
  - version: 3
    notes: the short one
  - version: 4
    max_tokens: 9
    body: |
      Four? {{ icp_description }}
      {{ signal }}
---
Three? {{ icp_description }}

{{ signal }}
"""
VALUES = {"icp_description": "bakers"}


def book(folder, text=FILE, name="triage.yaml"):
    (folder / name).write_text(text, encoding="utf-8")
    return PromptBook([folder, packaged_folder()])


def test_variants_share_what_the_file_says_and_their_own_wins(tmp_path):
    one = book(tmp_path)
    assert one.load().versions["triage"].startswith("triage@4 ")
    four, three = one.render("triage", VALUES, {"text": "t"}), one.render("triage", VALUES, {"text": "t"}, version=3)
    assert (four.label, four.max_tokens, four.messages[0].content) == ("triage@4", 9, "Four? bakers")
    assert (three.label, three.max_tokens, three.messages[0].content) == ("triage@3", 12, "Three? bakers")
    assert one.render("triage", VALUES, {"text": "t"}, version=four.content_hash[:8]).label == "triage@4"
    assert one.pick("triage", "triage@3").info.version == 3
    for version in ("9", "candidate", "abc", four.content_hash[:5]):
        with pytest.raises(PromptError):
            one.pick("triage", version)


def test_a_hint_for_editors_may_stand_first(tmp_path):
    hinted = "# yaml-language-server: $schema=prompt.schema.json\n\n" + FILE
    assert book(tmp_path, hinted).load().versions["triage"].startswith("triage@4 ")
    moved = book(tmp_path, hinted.replace("Three? {{ icp_description }}", "Three? {{ icp }}")).load()
    assert moved.problems[0].line == 18


def test_variants_in_json(tmp_path):
    text = json.dumps({
        "$schema": "prompt.schema.json", "name": "triage", "labels": ["yes", "no"], "max_tokens": 12,
        "variables": {"icp_description": "text"},
        "variants": [{"version": 5, "body": "Five? {{ icp_description }} {{ signal }}"}],
    })  # fmt: skip
    assert book(tmp_path, text, "triage.json").load().versions["triage"].startswith("triage@5 ")


def test_a_version_comes_back_out_of_the_text_that_was_kept_of_its_file(tmp_path):
    one = book(tmp_path)
    one.load()
    for version in (3, 4):
        template = one.pick("triage", version)
        assert restore("triage", version, template.text).info.content_hash == template.info.content_hash
    as_json = json.dumps({"version": 7, "labels": ["yes", "no"], "body": "Seven? {{ signal }}"})
    assert restore("triage", 7, as_json).body == "Seven?"
    for version, text in ((9, FILE), (7, as_json.replace("signal", "sign")), (7, "half of a fi")):
        with pytest.raises(PromptError, match=f"triage@{version} cannot be used any more"):
            restore("triage", version, text)


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("  - version: 3\n    notes: the short one\n", "  - notes: none\n", 8, "variant 1 has no `version`"),
        ("  - version: 4", "  - version: 3", 10, "version 3 stands in the file twice"),
        ("    max_tokens: 9", "    max_token: 9", 11, "did you mean 'max_tokens'"),
        ("Four? {{ icp_description }}", "Four? {{ icp }}", 13, "is not declared"),
        ("Three? {{ icp_description }}", "Three? {{ icp }}", 16, "is not declared"),
        ("      {{ signal }}\n", "      {{ signal }}\n      More.\n", 15, "behind {{ signal }}"),
        ("variants:\n  - version: 3\n    notes: the short one\n", "variants: 3\nother:\n", 7, "is a list of mappings"),
    ],
)
def test_a_mistake_in_a_variant_has_its_line(tmp_path, old, new, line, reason):
    assert old in FILE
    found = book(tmp_path, FILE.replace(old, new, 1)).load()
    assert not found.applied
    assert any(p.line == line and reason in p.reason for p in found.problems), [str(p) for p in found.problems]


def test_an_unchanged_file_gives_the_very_same_templates(tmp_path):
    one = book(tmp_path)
    one.load()
    before = {name: one.pick(name) for name in one.in_force()}
    (tmp_path / "triage.yaml").write_text(FILE + "\n\n", encoding="utf-8")
    assert one.load().changes == ()
    assert one.pick("dossier") is before["dossier"]
    assert one.pick("classification") is before["classification"]


@pytest.mark.parametrize("name", ["triage", "classification", "dossier"])
def test_editors_accept_the_shipped_files(name):
    check = jsonschema.Draft202012Validator(editor_schema())
    check.check_schema(editor_schema())
    values = dict(read_file(packaged_folder() / f"{name}.yaml", name)[0].values)
    assert [error.message for error in check.iter_errors(values)] == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"versoin": 2},
        {"version": 0},
        {"options": {"num_ctx": 4096}},
        {"variables": {"a": {"type": "string"}}},
        {"schema": {"type": "object", "properties": {"a": {"type": "string"}}}},
        {"schema": {"type": "object", "properties": {"a": {"type": "string", "maxLength": 4, "pattern": "x"}}}},
        {"schema": {"type": "object", "properties": {"a": {"type": "array", "items": {"type": "boolean"}}}}},
        {"schema": {"type": "object", "properties": {"a": {"type": "number", "minimum": 1}}}},
        {"variants": [{"body": "no version"}]},
    ],
)
def test_editors_see_mistakes(wrong):
    assert list(jsonschema.Draft202012Validator(editor_schema()).iter_errors(wrong))
