"""Files, folders, versions, all or nothing, the last good kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from leadd.prompting import PromptBook, PromptError, packaged_folder

HEAD = """---
name: triage
version: {version}
variables:
  icp_name: {{type: text}}
schema:
  type: object
  properties:
    worth: {{type: string, enum: [yes, no]}}
  required: [worth]
max_tokens: 24
---
"""
BODY = "Is this for {{ icp_name }}?\n\nText:\n{{ signal }}\n"
SIGNAL = {"title": "A title", "company": None, "text": "A text"}


def write(folder: Path, text: str, name: str = "triage.yaml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def prompt(version: int = 1, body: str = BODY) -> str:
    return HEAD.format(version=version) + body


def book(*folders: Path) -> PromptBook:
    return PromptBook([*folders, packaged_folder()])


def test_the_packaged_prompts_load_without_problem_or_warning():
    found = PromptBook([packaged_folder()])
    result = found.load()
    assert result.applied
    assert result.problems == ()
    assert result.warnings == ()
    assert set(result.versions) == {"triage", "classification", "dossier", "expansion"}
    assert all(info.builtin for info in found.in_force().values())
    assert result.versions["triage"] == f"triage@2 ({found.in_force()['triage'].content_hash[:8]})"


def test_a_prompt_becomes_a_constant_system_message_and_the_signal(tmp_path):
    write(tmp_path, prompt())
    one = book(tmp_path)
    assert one.load().applied
    rendered = one.render("triage", {"icp_name": "bakers", "regions": ["not declared"]}, SIGNAL)
    system, user = rendered.messages
    assert (system.role, system.content) == ("system", "Is this for bakers?\n\nText:")
    assert (user.role, json.loads(user.content)) == ("user", {"title": "A title", "text": "A text"})
    assert (rendered.label, rendered.max_tokens, rendered.name, rendered.version) == ("triage@1", 24, "triage", 1)
    assert rendered.content_hash == one.in_force()["triage"].content_hash
    assert not one.in_force()["triage"].builtin


def test_the_constant_part_and_the_schema_are_the_same_objects_for_equal_variables(tmp_path):
    one = book(tmp_path)
    one.load()
    variables = {name: ["a", "b"] for name in ("size_buckets", "regions", "role_types", "pain_tags")}
    variables |= dict.fromkeys(("icp_name", "icp_description", "icp_fields"), "words")
    first = one.render("classification", variables, SIGNAL)
    second = one.render("classification", {**variables, "regions": ["a", "b"]}, {"text": "another"})
    other = one.render("classification", {**variables, "regions": ["c"]}, SIGNAL)
    assert second.messages[0] is first.messages[0]
    assert second.schema is first.schema
    assert other.schema["properties"]["region"]["enum"] == ["c"]
    assert first.schema["properties"]["region"]["enum"] == ["a", "b"]


def test_yaml_alone_and_json_say_the_same(tmp_path):
    write(tmp_path / "front", prompt())
    fields = {
        "name": "triage", "version": 1, "variables": {"icp_name": {"type": "text"}}, "max_tokens": 24, "body": BODY,
        "schema": {"type": "object", "properties": {"worth": {"type": "string", "enum": ["yes", "no"]}}, "required": ["worth"]},
    }  # fmt: skip
    write(tmp_path / "json", json.dumps(fields), "triage.json")
    alone = HEAD.format(version=1).replace("---\n", "") + "body: |\n" + "".join(f"  {line}\n" for line in BODY.splitlines())
    write(tmp_path / "alone", alone, "triage.yml")
    hashes = set()
    for kind in ("front", "json", "alone"):
        one = book(tmp_path / kind)
        result = one.load()
        assert result.problems == (), kind
        hashes.add(one.in_force()["triage"].content_hash)
    assert len(hashes) == 1


def test_the_first_folder_wins_by_name_and_the_rest_stays_packaged(tmp_path):
    path = write(tmp_path, prompt(version=7))
    one = book(tmp_path)
    one.load()
    assert one.in_force()["triage"].file == str(path)
    assert one.in_force()["dossier"].builtin


def test_the_highest_version_of_a_folder_is_in_force(tmp_path):
    for version in (2, 10, 9):
        write(tmp_path, prompt(version, BODY + ""), f"triage/{version}.yaml")
    one = book(tmp_path)
    assert one.load().versions["triage"].startswith("triage@10 ")


def test_two_files_of_one_version_are_a_problem(tmp_path):
    write(tmp_path, prompt(2), "triage/a.yaml")
    write(tmp_path, prompt(2), "triage/b.yaml")
    result = book(tmp_path).load()
    assert not result.applied
    assert "version 2 stands in" in result.problems[0].reason


def test_a_broken_file_changes_nothing_and_the_last_good_stay(tmp_path):
    path = write(tmp_path, prompt(1))
    good_dossier = (packaged_folder() / "dossier.yaml").read_text(encoding="utf-8")
    one = book(tmp_path)
    one.load()
    before = one.in_force()
    path.write_text(prompt(2, "Is this for {{ icp_nam }}?\n{{ signal }}"), encoding="utf-8")
    write(tmp_path, good_dossier.replace("version: 1", "version: 5"), "dossier.yaml")
    result = one.load()
    assert not result.applied
    assert one.in_force() == before, "neither the broken nor the good one was taken"
    assert result.versions["triage"].startswith("triage@1 ")
    assert result.changes == ()
    assert any(p.file == str(path) and p.line == 13 and "icp_nam" in p.reason for p in result.problems)
    assert one.revision == 1
    path.write_text(prompt(3), encoding="utf-8")
    mended = one.load()
    assert one.revision == 2
    one.load()
    assert one.revision == 2
    assert mended.applied
    assert len(mended.changes) == 2
    assert "triage@1" in mended.changes[1]
    assert "triage@3" in mended.changes[1]


def test_a_first_load_with_a_problem_falls_back_to_the_packaged_ones_and_says_so(tmp_path):
    write(tmp_path, "---\nname: triage\n---\nno signal here")
    one = book(tmp_path)
    result = one.load()
    assert not result.applied
    assert result.problems
    assert set(one.in_force()) == {"triage", "classification", "dossier", "expansion"}
    assert one.in_force()["triage"].builtin


def test_a_prompt_that_is_gone_is_named(tmp_path):
    path = write(tmp_path, prompt(4))
    one = book(tmp_path)
    one.load()
    path.unlink()
    assert any("triage@4" in line and "triage@2" in line for line in one.load().changes)


def test_no_prompt_files_at_all_is_a_problem(tmp_path):
    one = PromptBook([tmp_path / "missing"])
    result = one.load()
    assert not result.applied
    assert "no prompt files" in str(result.problems[0])
    with pytest.raises(PromptError, match="no prompt 'triage'"):
        one.render("triage", {}, SIGNAL)


def test_other_files_are_passed_over(tmp_path):
    write(tmp_path, prompt())
    for name in ("README.md", ".triage.yaml.swp", "triage.cases.yaml", "#triage.yaml#", "_old.yaml", "triage.yaml~"):
        write(tmp_path, "{{{ nothing of ours", name)
    assert book(tmp_path).load().applied


@pytest.mark.parametrize(
    ("variables", "message"),
    [({}, "needs the variable 'icp_name'"), ({"icp_name": ["a"]}, "is no text"), ({"icp_name": None}, "needs the variable")],
)
def test_variables_that_do_not_fit_are_refused(tmp_path, variables, message):
    write(tmp_path, prompt())
    one = book(tmp_path)
    one.load()
    with pytest.raises(PromptError, match=message):
        one.render("triage", variables, SIGNAL)


def test_defaults_stand_in(tmp_path):
    text = prompt(body="For {{ icp_name }} in {{ tone }} {{ most }}.\n{{ signal }}")
    text = text.replace("max_tokens", "max_tokens").replace(
        "schema:", "  tone: {type: text, default: plain}\n  most: {type: number, default: 3}\nschema:"
    )
    write(tmp_path, text)
    one = book(tmp_path)
    result = one.load()
    assert result.problems == ()
    rendered = one.render("triage", {"icp_name": "x"}, SIGNAL)
    assert rendered.messages[0].content == "For x in plain 3."


def test_the_hash_tells_every_change_that_can_change_an_answer(tmp_path):
    base = prompt()
    changed = {
        "body": base.replace("Is this", "Was this"),
        "schema": base.replace("[yes, no]", "[no, yes]"),
        "tokens": base.replace("24", "25"),
        "options": base.replace("max_tokens", "options: {temperature: 0.2}\nmax_tokens"),
        "default": base.replace("{type: text}", "{type: text, default: x}"),
    }
    same = {
        "notes": base.replace("max_tokens", "notes: something\nmax_tokens"),
        "version": base.replace("version: 1", "version: 2"),
        "line ends": base.replace("\n", "\r\n"),
    }

    def hash_of(text: str, place: str) -> str:
        write(tmp_path / place, text)
        one = book(tmp_path / place)
        assert one.load().problems == ()
        return one.in_force()["triage"].content_hash

    original = hash_of(base, "original")
    hashes = [hash_of(text, f"changed {name}") for name, text in changed.items()]
    assert len({original, *hashes}) == len(hashes) + 1
    assert {hash_of(text, f"same {name}") for name, text in same.items()} == {original}
