"""Each rule of the check, with the line that it names."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadd.prompting import PromptBook, packaged_folder
from leadd.prompting.schemas import longest_answer_tokens, needed_max_tokens

GOOD = """---
name: classification
version: 1
variables:
  icp_name: {type: text}
  regions: {type: list}
schema:
  type: object
  properties:
    region: {type: string, enum: $regions}
    words: {type: array, maxItems: 2, items: {type: string, maxLength: 20}}
    points: {type: integer, minimum: 0, maximum: 50}
  required: [region, words, points]
max_tokens: 100
---
For {{ icp_name }}.

{{ signal }}
"""


def load(folder: Path, text: str, name: str = "classification.yaml"):
    (folder / name).write_text(text, encoding="utf-8")
    return PromptBook([folder, packaged_folder()]).load()


def test_the_good_one_is_good(tmp_path):
    result = load(tmp_path, GOOD)
    assert (result.problems, result.warnings) == ((), ())


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("name: classification", "name: classify", 2, "the name is 'classify'"),
        ("version: 1", "version: 0", 3, "whole number from 1"),
        ("version: 1", "version: true", 3, "whole number from 1"),
        ("version: 1", "versoin: 1", 3, "did you mean 'version'"),
        ("icp_name: {type: text}", "icp_name: {type: string}", 5, "needs a type"),
        ("icp_name: {type: text}", "icp_name: {type: list}", 5, "is a text, not a list"),
        ("icp_name: {type: text}", "icp_name: {type: text, defualt: 1}", 5, "unknown key"),
        ("icp_name: {type: text}", "icp_name: {type: text, default: [1]}", 5, "is no text"),
        ("icp_name: {type: text}", "icp_nam: {type: text}", 5, "did you mean 'icp_name'"),
        ("regions: {type: list}", "signal: {type: text}", 6, "cannot be the name"),
        ("{{ icp_name }}", "{{ icp_nam }}", 16, "is not declared"),
        ("{{ icp_name }}", "{{ icp-name }}", 16, "two braces"),
        ("{{ signal }}", "nothing", 16, "once, at its end"),
        ("For {{ icp_name }}.", "{{ signal }} {{ icp_name }}", 16, "once, at its end"),
        ("{{ signal }}\n", "{{ signal }}\n\nNow answer.\n", 20, "behind {{ signal }}"),
        ("For {{ icp_name }}.\n", "", 17, "nothing before"),
        ("enum: $regions", "enum: $region", 10, "is not declared"),
        ("enum: $regions", "enum: $icp_name", 10, "must be of type list"),
        ("enum: $regions", "enum: regions", 10, "$name"),
        ("enum: $regions", "pattern: x", 10, "dropped silently"),
        ("enum: $regions", "format: uri, maxLength: 9", 10, "dropped silently"),
        ("{type: string, maxLength: 20}", "{type: string}", 11, "needs `maxLength`"),
        ("maxItems: 2, ", "", 11, "needs `maxItems`"),
        (", items: {type: string, maxLength: 20}", "", 11, "needs `items`"),
        ("type: integer", "type: number", 12, "'minimum' on type number"),
        ("type: integer, minimum: 0", "type: integer, minimum: low", 12, "must be a whole number"),
        ("type: integer", "type: [integer, string]", 12, "`type` must be one of"),
        ("required: [region", "required: [religion", 13, "is required but is no property"),
        ("type: object\n", "type: array\n", 7, "must be an object"),
        ("max_tokens: 100", "max_tokens: 0", 14, "from 1 to"),
        ("max_tokens: 100", "max_tokens: many", 14, "from 1 to"),
        ("max_tokens: 100", "options: {num_ctx: 4096}", 14, "load it again"),
        ("max_tokens: 100", "options: {temperture: 0}", 14, "did you mean 'temperature'"),
        ("max_tokens: 100", "options: {temperature: hot}", 14, "must be a number"),
        ("max_tokens: 100", "options: {top_k: 1.5}", 14, "must be a whole number"),
        ("max_tokens: 100", "options: [1]", 14, "is a mapping"),
        ("max_tokens: 100", "max_tokens: 100\nmax_tokens: 200", 15, "stands twice"),
        ("max_tokens: 100", "max_tokens: [1", 0, "not YAML"),
        ("max_tokens: 100", "max_tokens: 100\nbody: again", 15, "the body stands twice"),
        ("variables:\n  icp_name: {type: text}\n  regions: {type: list}\n", "variables: [a]\n", 4, "is a mapping of names"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path, old, new, line, reason):
    assert old in GOOD
    result = load(tmp_path, GOOD.replace(old, new, 1))
    assert not result.applied
    matching = [p for p in result.problems if reason in p.reason]
    assert matching, [str(p) for p in result.problems]
    if line:
        assert matching[0].line == line
    assert matching[0].file.endswith("classification.yaml")


@pytest.mark.parametrize(
    ("old", "new", "line", "reason"),
    [
        ("max_tokens: 100", "max_tokens: 10", 14, "may cut long answers"),
        ("integer, minimum: 0, maximum: 50", "integer", 12, "can be any number"),
        ("words, points]", "points]", 11, "not required"),
        ("For {{ icp_name }}.", "For somebody.", 5, "declared and not used"),
    ],
)
def test_what_is_only_unwise_is_a_warning(tmp_path, old, new, line, reason):
    result = load(tmp_path, GOOD.replace(old, new, 1))
    assert result.applied
    assert any(reason in w.reason and w.line == line for w in result.warnings), [str(w) for w in result.warnings]


def test_a_name_that_nobody_asks_for_is_a_warning(tmp_path):
    result = load(tmp_path, GOOD.replace("name: classification", "name: classify"), "classify.yaml")
    assert result.applied
    assert "did you mean 'classification'" in result.warnings[0].reason


@pytest.mark.parametrize(
    ("raw", "line", "reason"),
    [
        (b"\xff\xfe", 1, "not UTF-8"),
        (b"---\nname: x\n---\n" + b"a\xe4", 4, "not UTF-8"),
        (b"x" * 300_000, 0, "larger than"),
        (b"name: triage\n", 1, "no body"),
        (b"just words", 1, "key: value"),
        (b"body: [1]\n", 1, "no text"),
    ],
)
def test_files_that_are_no_prompts(tmp_path, raw, line, reason):
    (tmp_path / "triage.yaml").write_bytes(raw)
    result = PromptBook([tmp_path, packaged_folder()]).load()
    assert any(reason in p.reason and p.line == line for p in result.problems), [str(p) for p in result.problems]


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ('{"name": "triage",\n "name": 1}', 0, "twice"),
        ('{"a":\n,}', 2, "not JSON"),
        ("[]", 1, "an object"),
        ("[" * 100_000, 0, "JSON"),
    ],
)
def test_json_files_that_are_no_prompts(tmp_path, text, line, reason):
    (tmp_path / "triage.json").write_text(text, encoding="utf-8")
    result = PromptBook([tmp_path, packaged_folder()]).load()
    assert any(reason in p.reason and p.line == line for p in result.problems), [str(p) for p in result.problems]


def test_max_tokens_may_be_left_to_the_schema(tmp_path):
    result = load(tmp_path, GOOD.replace("max_tokens: 100\n", ""))
    assert result.applied


def test_the_estimate_grows_with_all_that_lengthens_an_answer():
    def tokens(**changes):
        text = {"type": "string", "maxLength": changes.get("length", 30)}
        array = {"type": "array", "maxItems": changes.get("items", 2), "items": text}
        return longest_answer_tokens({"type": "object", "properties": {changes.get("key", "a"): array}})

    base = tokens()
    assert tokens(length=60) > base
    assert tokens(items=3) > base
    assert tokens(key="a_long_key_of_many_letters") > base
    schema = {"type": "object", "properties": {"a": {"type": "string", "maxLength": 300}}}
    assert longest_answer_tokens(schema) >= 100
    assert needed_max_tokens(schema) == pytest.approx(1.3 * longest_answer_tokens(schema), abs=2)


def test_what_varies_belongs_right_before_the_signal(tmp_path):
    text = """---
name: dossier
variables:
  icp_name: {type: text}
  lead: {type: text}
schema:
  type: object
  properties:
    snapshot: {type: string, maxLength: 400}
  required: [snapshot]
---
Known: {{ lead }}

For {{ icp_name }}. {rules}

{{ signal }}
"""
    found = load(tmp_path, text.replace("{rules}", "Write plain English. " * 10), "dossier.yaml")
    assert found.applied
    (warning,) = found.warnings
    assert (warning.line, "{{ lead }} is another text for every lead" in warning.reason) == (12, True)
    assert load(tmp_path, text.replace("{rules}", "Be short."), "dossier.yaml").warnings == ()


@pytest.mark.parametrize(("name", "limit", "model"), [("triage", 900, "gemma3:1b"), ("classification", 1400, "gemma3:4b")])
def test_a_prompt_too_long_for_its_model_is_told_by_how_much(tmp_path, name, limit, model):
    shipped = (packaged_folder() / f"{name}.yaml").read_text(encoding="utf-8")
    found = load(
        tmp_path,
        shipped.replace("\n---\n", "\n---\n" + "A rule that nobody needs, said once more. " * 80 + "\n", 1),
        f"{name}.yaml",
    )
    assert found.applied
    (warning,) = found.warnings
    assert f"over the {limit} within which {model} reuses what it has read" in warning.reason
    assert load(tmp_path, shipped, f"{name}.yaml").warnings == ()
