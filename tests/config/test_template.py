"""The file that `leadd init` writes, and the pages made from the tree."""

from __future__ import annotations

import re
from pathlib import Path

import jsonschema
import pytest
import yaml

from leadd.config.document import read_document
from leadd.config.paths import Paths
from leadd.config.reference import migration_table, settings_page
from leadd.config.settings import Settings, settings_schema
from leadd.config.template import commented_settings
from leadd.config.tree import leaves

REPO = Path(__file__).resolve().parents[2]
SETTING = re.compile(r"^( *)#(?! |$)(.*)$")
HOME = Paths.under("/home/someone/leadd")
LINES = commented_settings(HOME).splitlines()
COMMENTED = [at for at, line in enumerate(LINES) if SETTING.match(line)]


def uncommented(*numbers: int) -> str:
    return "\n".join(SETTING.sub(r"\1\2", line) if at in numbers else line for at, line in enumerate(LINES)) + "\n"


def test_as_it_is_written_it_gives_the_defaults(load_text) -> None:
    loaded = load_text(commented_settings(HOME))
    assert loaded.settings == Settings()
    assert loaded.warnings == ()
    assert set(loaded.origin.values()) == {"default"}


def test_every_key_of_the_tree_is_in_it(load_text) -> None:
    loaded = load_text(uncommented(*COMMENTED))
    missing = [leaf.key for leaf in leaves() if loaded.origin[leaf.key] == "default" and leaf.key not in ("sources", "sinks")]
    assert missing == []


@pytest.mark.parametrize("at", COMMENTED, ids=lambda at: LINES[at].strip("# ").split(":")[0])
def test_each_line_is_valid_by_itself(load_text, at: int) -> None:
    text = uncommented(at)
    loaded = load_text(text)
    written = SETTING.sub(r"\2", LINES[at])
    if "{use: folder" in written or "{use: jsonl" in written:
        assert loaded.settings != Settings()
    else:
        chosen = {"prefilter": {"mode": "fixed"}} if "score_threshold" in written else {}  # who sets it wants to go by it
        assert loaded.settings == Settings.model_validate(chosen), written
    assert (
        loaded.warnings == ()
        or "tiers" in written
        or any(word in written for word in ("quantized", "redis", "fallback", "embedding_ttl"))
    )


def test_all_lines_together_are_the_defaults_and_the_examples(load_text) -> None:
    settings = load_text(uncommented(*COMMENTED)).settings
    assert settings.model_copy(update={"sources": {}, "sinks": {}}) == Settings()
    (source,), (sink,) = settings.sources.values(), settings.sinks.values()
    assert source.options == {"path": str(HOME.inbox_folder)}
    assert sink.options == {"path": str(HOME.data_folder / "leads.jsonl")}


def test_a_folder_with_strange_signs_is_still_one_path(load_text) -> None:
    paths = Paths.under('/home/a "b": {c} #d/leadd')
    lines = commented_settings(paths).splitlines()
    text = "\n".join(SETTING.sub(r"\1\2", line) if "use: folder" in line else line for line in lines)
    assert load_text(text).settings.sources["inbox-folder"].options["path"] == str(paths.inbox_folder)


def test_every_line_is_short_and_no_value_is_a_secret() -> None:
    assert max(len(line) for line in LINES) <= 140
    assert "(not shown)" not in "\n".join(LINES)


def test_other_readers_of_yaml_read_the_same() -> None:
    """Editors and people's own scripts use plain YAML: the template has no word that they would read otherwise."""
    text = uncommented(*COMMENTED)
    assert yaml.safe_load(text) == read_document(text.encode()).tree


def test_the_schema_takes_the_template_and_refuses_what_is_unknown() -> None:
    schema = settings_schema()
    jsonschema.Draft202012Validator.check_schema(schema)
    check = jsonschema.Draft202012Validator(schema)
    tree = yaml.safe_load(uncommented(*COMMENTED))
    assert list(check.iter_errors(tree)) == []
    assert list(check.iter_errors(yaml.safe_load(commented_settings(HOME)))) == []
    assert list(check.iter_errors({"controll": {}}))
    assert list(check.iter_errors({"control": {"http": {"port": "x"}}}))
    assert not list(check.iter_errors({"sources": {"a": {"use": "x", "its-own": 1}}}))


def test_the_reference_page_is_up_to_date() -> None:
    page = REPO / "docs" / "reference" / "settings.md"
    assert page.read_text(encoding="utf-8") == settings_page(), "python -m leadd.config.reference settings > " + str(page)


def test_the_migration_table_is_up_to_date() -> None:
    page = (REPO / "docs" / "migration.md").read_text(encoding="utf-8")
    assert migration_table() in page, "python -m leadd.config.reference migration prints the table"


def test_every_key_of_the_reference_says_what_it_does() -> None:
    for leaf in leaves():
        assert leaf.description, leaf.key
        assert f"| `{leaf.key}` |" in settings_page()
