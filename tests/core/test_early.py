"""When the fields of a classification that are there suffice."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadd.api import Bucket, Classification
from leadd.core.early import NO_MATCH, enough_below, stop_rule
from leadd.core.forms import LONG_NAMES, asks_for_numbers, long_names
from leadd.core.scoring import Thresholds, score

TEXT = {"type": "string", "maxLength": 50}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "quotes": {"type": "array", "maxItems": 2, "items": {"type": "integer", "minimum": 1, "maximum": 99}},
        "size": {"type": "string", "enum": ["1", "unknown"]},
        "match": {"type": "boolean"},
        "fit": {"type": "integer", "minimum": 0, "maximum": 50},
        "pain": {"type": "integer", "minimum": 0, "maximum": 40},
        "why": TEXT,
        "key": TEXT,
        "chaos": {"type": "array", "maxItems": 2, "items": TEXT},
        "buyer": TEXT,
    },
}
SO_FAR: dict[str, Any] = {"quotes": [1], "size": "1", "match": True, "fit": 30, "pain": 15, "why": "w"}


def test_below_the_threshold_the_prose_is_not_waited_for() -> None:
    enough = enough_below(60, SCHEMA)
    assert enough(SO_FAR) == SO_FAR | {"key": "", "chaos": [], "buyer": ""}
    assert enough(SO_FAR | {"pain": 20}) is None
    assert enough(SO_FAR | {"pain": 40, "match": False}) is not None
    assert enough_below(101, SCHEMA)(SO_FAR | {"fit": 50, "pain": 40}) is not None


def test_a_text_that_is_no_match_is_read_no_further() -> None:
    enough = enough_below(60, SCHEMA)
    whole = enough({"quotes": [1], "match": False})
    assert whole == {
        "quotes": [1], "size": "unknown", "match": False, "fit": 0, "pain": 0, "why": NO_MATCH[:50], "key": "", "chaos": [],
        "buyer": "",
    }  # fmt: skip
    assert enough({"quotes": [1], "match": True}) is None
    assert enough_below(60, SCHEMA, match_only=True)({"quotes": [1], "match": False}) is None  # a person sees points and reason
    for rule in ({"type": "string", "enum": ["1", "2"]}, {"type": "integer", "minimum": 1, "maximum": 9}):
        strict = {"properties": SCHEMA["properties"] | {"size": rule}}
        assert enough_below(60, strict)({"quotes": [1], "match": False}) is None


@pytest.mark.parametrize("missing", ["match", "fit", "pain", "why"])
def test_nothing_ends_before_the_verdict_is_whole(missing: str) -> None:
    enough = enough_below(60, SCHEMA)
    assert enough({name: value for name, value in SO_FAR.items() if name != missing}) is None
    assert enough({}) is None


def test_what_is_there_already_is_kept() -> None:
    said = SO_FAR | {"key": "no leads"}
    assert enough_below(60, SCHEMA)(said) == said | {"chaos": [], "buyer": ""}
    assert enough_below(60, SCHEMA)(said | {"chaos": [], "buyer": "x"}) is None


@pytest.mark.parametrize(
    "wrong", [{"match": "no"}, {"match": None}, {"fit": "30"}, {"pain": True}, {"fit": None}, {"fit": 3.5}]
)
def test_values_of_another_kind_are_left_to_the_check(wrong: dict[str, Any]) -> None:
    assert enough_below(60, SCHEMA)(SO_FAR | wrong) is None


def test_an_answer_that_lacks_more_than_prose_is_waited_for() -> None:
    for rule in (
        {"type": "string", "enum": ["a"]},
        {"type": "string", "minLength": 3},
        {"type": "integer"},
        {"type": "array", "minItems": 1},
    ):
        schema = {"properties": SCHEMA["properties"] | {"more": rule}}
        assert enough_below(60, schema)(SO_FAR) is None
    assert enough_below(60, None)(SO_FAR) is None


def test_long_keys_are_understood_too() -> None:
    schema = {"properties": {LONG_NAMES[name]: rule for name, rule in SCHEMA["properties"].items()}}
    assert enough_below(60, schema)(long_names(SO_FAR)) == long_names(SO_FAR) | {
        "key_pain": "", "chaos_flags": [], "economic_buyer_guess": ""
    }  # fmt: skip


def test_a_person_sees_the_prose_of_every_match() -> None:
    enough = enough_below(60, SCHEMA, match_only=True)
    assert enough(SO_FAR | {"fit": 0, "pain": 0}) is None
    assert enough(SO_FAR | {"match": False}) is not None
    assert (stop_rule(60), stop_rule(60, match_only=True)) == ("below:60", "no_match")


@given(st.booleans(), st.integers(0, 50), st.integers(0, 40), st.integers(0, 10), st.integers(1, 101))
def test_no_lead_from_the_threshold_on_is_without_prose(match: bool, fit: int, pain: int, quality: int, threshold: int) -> None:
    early = enough_below(threshold, SCHEMA)(SO_FAR | {"match": match, "fit": fit, "pain": pain})
    result = score(Classification(icp_match=match, score_fit=fit, score_pain=pain), quality, Thresholds())
    if early is not None:
        assert result.total < threshold or (not match and result.bucket is Bucket.PARKED)
    elif match:
        assert fit + pain + 10 >= threshold


def test_the_names_of_the_compact_form() -> None:
    assert set(LONG_NAMES.values()) == set(Classification.model_fields)
    assert long_names({"fit": 1, "score_fit": 2, "other": 3}) == {"score_fit": 2, "other": 3}
    assert asks_for_numbers(SCHEMA)
    assert asks_for_numbers({"properties": {"silver_bullet_phrases": {"type": "array", "items": {"type": "integer"}}}})
    for other in (
        None,
        {},
        {"type": "string"},
        {"properties": {"quotes": TEXT}},
        {"properties": {"quotes": {"type": "array", "items": TEXT}}},
    ):
        assert not asks_for_numbers(other)
