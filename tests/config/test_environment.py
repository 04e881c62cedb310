"""Settings from the environment: every key can be named, every slip is named back."""

from __future__ import annotations

import json

import pytest

from leadd.config.environment import name_for
from leadd.config.listing import text_of
from leadd.config.problems import SettingsError
from leadd.config.tree import Leaf, leaves, read_text


def refused(load_text, environ: dict[str, str], text: str | None = None) -> str:
    with pytest.raises(SettingsError) as caught:
        load_text(text, environ)
    assert len(caught.value.problems) == 1
    return str(caught.value)


SIMPLE = [leaf for leaf in leaves() if leaf.default is not None and leaf.key not in ("sources", "sinks")]


@pytest.mark.parametrize("leaf", SIMPLE, ids=lambda leaf: leaf.key)
def test_every_key_can_be_set_by_the_environment(load_text, leaf: Leaf) -> None:
    loaded = load_text(None, {name_for(leaf.key): text_of(leaf.default)})
    chosen = {"prefilter.score_threshold": "prefilter: {mode: fixed}\n"}  # whoever sets a threshold wants to go by it
    assert loaded.settings == load_text(chosen.get(leaf.key, "")).settings
    assert loaded.origin[leaf.key] == f"environment {name_for(leaf.key)}"


def test_names_are_read_in_any_case(load_text) -> None:
    assert load_text(None, {"leadd__Control__HTTP__port": "81"}).settings.control.http.port == 81


@pytest.mark.parametrize(
    ("name", "text", "read"),
    [
        ("LEADD__DEBUG", "yes", ("debug", True)),
        ("LEADD__DEBUG", "0", ("debug", False)),
        ("LEADD__MODELS__TRIAGE__MODEL", "42", ("models.triage.model", "42")),
        ("LEADD__MODELS__TRIAGE__MODEL", '"quoted"', ("models.triage.model", "quoted")),
        ("LEADD__MODELS__TRIAGE__TEMPERATURE", "0.25", ("models.triage.temperature", 0.25)),
        ("LEADD__NETWORK__ALLOW_PRIVATE", "nas.local, 10.0.0.5", ("network.allow_private", ["nas.local", "10.0.0.5"])),
        ("LEADD__NETWORK__ALLOW_PRIVATE", '["nas.local"]', ("network.allow_private", ["nas.local"])),
        ("LEADD__NETWORK__ALLOW_PRIVATE", "", ("network.allow_private", [])),
        ("LEADD__PLUGINS__ENABLED", "null", ("plugins.enabled", None)),
        ("LEADD_PLUGINS", "", ("plugins.enabled", [])),
        ("LEADD_PLUGINS", "builtin,feeds", ("plugins.enabled", ["builtin", "feeds"])),
        ("LEADD__PATHS__DATA", "", ("paths.data", None)),
        ("LEADD_PROFILE", "constrained", ("profile", "constrained")),
    ],
)
def test_values_are_json_or_plain(load_text, name: str, text: str, read: tuple[str, object]) -> None:
    here: object = load_text(None, {name: text}).settings
    for part in read[0].split("."):
        here = getattr(here, part)
    assert here == read[1]


def test_entries_can_be_made_and_changed(load_text) -> None:
    environ = {
        "LEADD__SOURCES__JOBS__USE": "feeds",
        "LEADD__SOURCES__JOBS__URLS": '["http://a", "http://b"]',
        "LEADD__SOURCES__JOBS__HEADERS__X": "1",
    }
    entry = load_text(None, environ).settings.sources["jobs"]
    assert entry.use == "feeds"
    assert entry.options == {"urls": ["http://a", "http://b"], "headers": {"x": 1}}


def test_names_and_keys_with_dashes_are_found(load_text) -> None:
    text = "sinks:\n  my-file:\n    use: jsonl\n    Path-To: a\n"
    entry = load_text(text, {"LEADD__SINKS__MY_FILE__PATH_TO": "b"}).settings.sinks["my-file"]
    assert entry.options == {"Path-To": "b"}


def test_a_whole_section_as_json_is_laid_under_its_keys(load_text) -> None:
    environ = {"LEADD__SCORING": json.dumps({"red_hot": 90, "warm": 70}), "LEADD__SCORING__WARM": "65"}
    scoring = load_text(None, environ).settings.scoring
    assert (scoring.red_hot, scoring.warm, scoring.nurture) == (90, 65, 40)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("LEADD__CONTROL__HTTP__PROT", "LEADD__CONTROL__HTTP__PORT"),
        ("LEADD__INFERENCE__SLOT", "LEADD__INFERENCE__SLOTS"),
        ("LEADD__LOGG__LEVEL", "LEADD__LOG__LEVEL"),
        ("LEADD__DEBUG__MORE", "LEADD__DEBUG"),
    ],
)
def test_an_unknown_nested_name_is_an_error_with_the_nearest(load_text, name: str, hint: str) -> None:
    line = refused(load_text, {name: "1"})
    assert line.startswith(f"environment {name}: ")
    assert f"did you mean {hint}?" in line


@pytest.mark.parametrize("name", ["LEADD__", "LEADD____", "LEADD__ZZZZZZ"])
def test_an_unknown_name_like_nothing_is_still_an_error(load_text, name: str) -> None:
    assert "there is no such key" in refused(load_text, {name: "1"})


def test_a_wrong_value_names_the_variable(load_text) -> None:
    line = refused(load_text, {"LEADD__CONTROL__HTTP__PORT": "http"})
    assert line == "environment LEADD__CONTROL__HTTP__PORT: control.http.port: got 'http'; allowed: a whole number"


def test_names_that_are_no_settings_bring_no_word(load_text, tmp_path) -> None:
    environ = {"LEADD_HOME": str(tmp_path), "LEADD_EVAL_DATA": "x", "LEADD_SLACK_TOKEN": "x", "LEADDER": "x", "LEAD": "x"}
    assert load_text(None, environ).warnings == ()


def test_a_slip_of_the_finger_gets_one_line(load_text) -> None:
    (line,) = load_text(None, {"LEADD_OLAMA_BASE_URL": "http://x"}).warnings
    assert "LEADD_OLAMA_BASE_URL" in line
    assert "did you mean LEADD_OLLAMA_BASE_URL?" in line


def test_reading_text_does_not_fail_on_deep_json() -> None:
    assert read_text("[" * 100_000, dict) == "[" * 100_000
