"""The strict reading of YAML: nothing is lost, nothing is taken for what it is not, every place is known."""

from __future__ import annotations

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from leadd.config.document import MAX_BYTES, DocumentError, Mark, read_document


def refused(text: str | bytes) -> DocumentError:
    with pytest.raises(DocumentError) as caught:
        read_document(text.encode() if isinstance(text, str) else text)
    return caught.value


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("yes", "yes"),
        ("no", "no"),
        ("on", "on"),
        ("Off", "Off"),
        ("1:30", "1:30"),
        ("12:30:45", "12:30:45"),
        ("007", "007"),
        ("0x1F", "0x1F"),
        ("0o17", "0o17"),
        ("1_000", "1_000"),
        ("2026-11-22", "2026-11-22"),
        ("+49 30 1234", "+49 30 1234"),
        ("1.2.3", "1.2.3"),
        (".inf", ".inf"),
        ("=", "="),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("10", 10),
        ("-3", -3),
        ("0", 0),
        ("1.50", 1.5),
        (".5", 0.5),
        ("1e3", 1000.0),
        ('"10"', "10"),
        ("'true'", "true"),
        ("{env:TOKEN}", "{env:TOKEN}"),
        ("{file:/etc/my key}", "{file:/etc/my key}"),
        ('"{keyring:leadd/me}"', "{keyring:leadd/me}"),
        ("{env: TOKEN}", {"env": "TOKEN"}),
    ],
)
def test_a_plain_word_means_what_it_says(written: str, meant: object) -> None:
    value = read_document(f"key: {written}\n".encode()).tree["key"]
    assert value == meant
    assert type(value) is type(meant)


def test_the_usual_loader_would_have_been_wrong() -> None:
    """What the strict reading prevents: without it these tests could not fail."""
    assert yaml.safe_load("key: 1:30")["key"] == 90
    assert yaml.safe_load("key: no")["key"] is False
    assert yaml.safe_load("key: 1\nkey: 2") == {"key": 2}


def test_places_of_keys_and_values_are_known() -> None:
    document = read_document(b"log:\n  level:   info\ncache:\n  tiers:\n    - use: memory\n")
    assert document.keys["log", "level"] == Mark(2, 3)
    assert document.values["log", "level"] == Mark(2, 12)
    assert document.values["cache", "tiers", 0, "use"] == Mark(5, 12)


def test_equal_keys_name_both_lines() -> None:
    error = refused("log:\n  level: info\n  files: 3\n  level: debug\n")
    assert error.mark == Mark(4, 3)
    assert error.key == "log.level"
    assert "lines 2 and 4" in error.message


def test_equal_keys_in_different_sections_are_fine() -> None:
    assert read_document(b"a: {x: 1}\nb: {x: 2}").tree == {"a": {"x": 1}, "b": {"x": 2}}


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("a: 1\nb: [1, 2\n", 3, "not YAML"),
        ("a:\n\tb: 1\n", 2, "not YAML"),
        ("- 1\n", 1, "must hold"),
        ("just words", 1, "must hold"),
        ("a: &x {y: 1}\nb: *x\n", 2, "aliases"),
        ("a: 1\nb: !!python/object/apply:os.system [id]\n", 2, "tag"),
        ("a: !secret x\n", 1, "tag"),
        ("a: !!set {x}\n", 1, "tag"),
        ("a: !!int word\n", 1, "tag"),
        ("a: 1\n---\nb: 2\n", 2, "not YAML"),
        ("? [a, b]\n: 1\n", 1, "one word"),
        ("a: 1\nb: \x00\n", 2, "does not allow"),
    ],
)
def test_what_is_no_settings_document_is_refused_with_its_line(text: str, line: int, part: str) -> None:
    error = refused(text)
    assert error.mark.line == line
    assert part in error.message


def test_tabs_get_a_hint() -> None:
    assert "spaces" in refused("a:\n\tb: 1\n").hint


def test_bytes_that_are_no_text_name_their_line() -> None:
    assert refused(b"a: 1\nb: \xff\xfe\n").mark == Mark(2, 1)


def test_a_mark_at_the_head_of_the_file_is_no_part_of_the_first_key() -> None:
    assert read_document("\ufeffa: 1".encode()).tree == {"a": 1}


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "null"])
def test_nothing_is_an_empty_document(text: str) -> None:
    assert read_document(text.encode()).tree == {}


def test_deep_nesting_and_great_size_end() -> None:
    assert "nested" in refused("[" * 5000).message
    assert "nested" in refused("".join(f"{' ' * n}a:\n" for n in range(450))).message
    assert "larger" in refused(b"#" * (MAX_BYTES + 1)).message


def test_errors_repeat_no_values() -> None:
    error = refused("token: hunter2-very-secret\ntoken: hunter2-very-secret\n")
    assert "hunter2" not in str(error)
    error = refused("token: hunter2-very-secret: x\n")
    assert "hunter2" not in str(error)


words = st.text(
    st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), min_size=1, max_size=60
)  # JSON splits what lies above
plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False) | words,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(words, plain, max_size=5))
def test_what_json_writes_is_read_back(tree: dict[str, object]) -> None:
    assert read_document(json.dumps(tree).encode()).tree == tree


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=200))
def test_no_bytes_bring_anything_but_a_document_or_a_named_error(raw: bytes) -> None:
    found: object
    try:
        found = read_document(raw).tree
    except DocumentError as error:
        found = error
    assert isinstance(found, dict) or (isinstance(found, DocumentError) and found.message and found.mark.line >= 1)
