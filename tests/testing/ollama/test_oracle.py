"""The built-in judge: it fits any schema, quotes literally, and reads the last signal in the prompt."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadd.testing.ollama.answers import Answerer
from leadd.testing.ollama.oracle import find_signal, read_signal
from leadd.testing.ollama.stats import role_of
from leadd.testing.ollama.tokens import common_prefix, pieces

WANTED = {"title": "Head of Marketing", "company": "A", "location": "B", "text": "Own our SEO, content and brand. Grow fast."}
OTHER = {"title": "Plumber", "company": "A", "location": "B", "text": "Fix pipes in all our houses. Tools are yours."}

names = st.sampled_from(["worth", "icp_match", "reason", "silver_bullet_phrases", "quote", "tags", "score", "size_bucket", "x"])
strings = st.builds(
    lambda low, more: {"type": "string", "minLength": low, "maxLength": low + more}, st.integers(0, 90), st.integers(1, 200)
)
enums = st.lists(st.sampled_from(["yes", "no", "unknown", "seo", "no_leads", "2-5"]), min_size=1, max_size=5, unique=True).map(
    lambda values: {"type": "string", "enum": values}
)
numbers = st.builds(
    lambda kind, low, more: {"type": kind, "minimum": low, "maximum": low + more},
    st.sampled_from(["integer", "number"]), st.integers(-50, 50), st.integers(0, 100),
)  # fmt: skip
leaves = st.one_of(strings, enums, numbers, st.just({"type": "boolean"}), st.just({"type": ["string", "null"], "maxLength": 9}))
arrays = st.builds(
    lambda items, low, more: {"type": "array", "items": items, "minItems": low, "maxItems": low + more},
    st.one_of(strings, numbers), st.integers(0, 3), st.integers(0, 3),
)  # fmt: skip
optional = leaves.map(lambda leaf: {"anyOf": [leaf, {"type": "null"}]})


def objects(children: Any) -> Any:
    return st.dictionaries(names, children, min_size=1, max_size=5).map(
        lambda parts: {"type": "object", "properties": parts, "required": sorted(parts), "additionalProperties": False}
    )


schemas = objects(st.one_of(leaves, arrays, optional, objects(st.one_of(leaves, arrays))))
signals = st.one_of(
    st.sampled_from([WANTED, OTHER, {}]),
    st.fixed_dictionaries({"title": st.text(max_size=40), "text": st.text(max_size=300)}),
)


@settings(max_examples=120, deadline=None)
@given(schema=schemas, signal=signals)
def test_answers_fit_the_schema_and_repeat(schema: dict[str, Any], signal: dict[str, str]) -> None:
    reading = read_signal(signal, "plain text")
    answer = Answerer(schema, reading).make()
    jsonschema.validate(answer, schema)
    assert answer == Answerer(schema, read_signal(signal, "plain text")).make()


NUMBERS = {"type": "array", "maxItems": 2, "items": {"type": "integer", "minimum": 1, "maximum": 99}}


def test_quotes_are_numbers_of_sentences_where_they_are_wanted() -> None:
    text = "[1] We like trees. [2] Our SEO is bad. [3] You own content, brand and SEO. [4] You write a newsletter. […] [5] Bye."
    schema = {"type": "object", "properties": {"quotes": NUMBERS, "fit": {"type": "integer", "minimum": 0, "maximum": 50}}}
    answer = Answerer(schema, read_signal({"title": "Marketer", "text": text}, "")).make()
    assert answer["quotes"] == [3, 2]
    assert answer["fit"] > 20
    assert Answerer(schema, read_signal({"title": "Marketer", "text": "No numbers, but SEO."}, "")).make()["quotes"] == []
    assert Answerer(schema, read_signal({"text": "[1] We like trees."}, "")).make()["quotes"] == []


def test_the_compact_classification_is_known_by_its_verdict() -> None:
    assert role_of({"properties": {"quotes": NUMBERS, "match": {"type": "boolean"}}}) == "classify"
    assert role_of({"properties": {"icp_match": {"type": "boolean"}}}) == "classify"


@settings(max_examples=60, deadline=None)
@given(text=st.text(max_size=400), limit=st.integers(1, 80), least=st.integers(0, 1))
def test_quotes_are_literal(text: str, limit: int, least: int) -> None:
    items = {"type": "string", "maxLength": limit}
    schema = {"type": "object", "properties": {"quote": {"type": "array", "items": items, "minItems": least, "maxItems": 3}}}
    signal = {"text": text + " We need marketing. " + text}
    for quote in Answerer(schema, read_signal(signal, "")).make()["quote"]:
        assert quote in signal["text"]
        assert len(quote) <= limit


@pytest.mark.parametrize(
    ("signal", "worth"), [(WANTED, True), (OTHER, False), ({"title": "", "text": "Seo nicht: seoul"}, False)]
)
def test_it_judges_by_whole_words(signal: dict[str, str], worth: bool) -> None:
    reading = read_signal(signal, "")
    assert reading.worth is worth
    schema = {"type": "object", "properties": {"worth": {"enum": ["yes", "no"]}, "score": {"type": "integer", "maximum": 50}}}
    answer = Answerer(schema, reading).make()
    assert answer["worth"] == ("yes" if worth else "no")
    assert (answer["score"] >= 15) is worth


def test_topics_are_the_callers_choice() -> None:
    assert not read_signal(OTHER, "").worth
    assert read_signal(OTHER, "", ("plumber", "pipes")).worth


def test_references_and_merged_parts_are_followed() -> None:
    schema = {
        "$defs": {"Size": {"enum": ["1", "2-5"]}, "Base": {"type": "object", "properties": {"a": {"$ref": "#/$defs/Size"}}}},
        "allOf": [{"$ref": "#/$defs/Base"}],
    }
    assert Answerer(schema, read_signal(WANTED, "")).make()["a"] in ("1", "2-5")


@pytest.mark.parametrize(
    ("text", "title"),
    [
        (json.dumps(WANTED), "Head of Marketing"),
        ("Read this: " + json.dumps(OTHER) + " and then " + json.dumps(WANTED, ensure_ascii=False), "Head of Marketing"),
        (json.dumps(OTHER | {"text": 'braces {"text": } and {} in the text'}), "Plumber"),
        (json.dumps(WANTED, indent=2) + "\nAnswer in JSON {worth}.", "Head of Marketing"),
        ("no object at all", None),
        ('{"something": 1} {"text": 5, "title": "x"', None),
        ("{" * 500, None),
    ],
)
def test_the_last_signal_in_the_prompt_is_found(text: str, title: str | None) -> None:
    assert find_signal(text).get("title") == title


@given(st.text(max_size=300))
def test_pieces_are_the_whole_text(text: str) -> None:
    assert "".join(pieces(text)) == text


@given(st.text(max_size=50), st.text(max_size=50), st.text(max_size=50))
def test_common_prefix(head: str, one: str, two: str) -> None:
    count = common_prefix(head + one, head + two)
    assert count >= len(head)
    assert (head + one)[:count] == (head + two)[:count]
    assert (head + one)[count : count + 1] != (head + two)[count : count + 1] or count == len(head + one) == len(head + two)
