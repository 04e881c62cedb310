"""The small validator says what a full one says, for schemas of the small part; objects are closed."""

from __future__ import annotations

from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadd.inference.answers.shapes import misfit

names = st.sampled_from(["a", "b", "c"])
scalars = st.one_of(
    st.fixed_dictionaries(
        {"type": st.just("string")}, optional={"maxLength": st.integers(0, 4), "minLength": st.integers(0, 3)}
    ),
    st.fixed_dictionaries({"type": st.just("string"), "enum": st.lists(st.sampled_from(["x", "yes", ""]), min_size=1)}),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["integer", "number"])},
        optional={"minimum": st.integers(-3, 3), "maximum": st.integers(-3, 9)},
    ),
    st.just({"type": "boolean"}),
    st.just({"type": "null"}),
    st.just({"type": ["string", "null"]}),
    st.just({"enum": [1, True, "x", None]}),
    st.just({"const": 1}),
    st.just({}),
)


def deeper(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    arrays = st.fixed_dictionaries(
        {"type": st.just("array")}, optional={"items": inner, "maxItems": st.integers(0, 2), "minItems": st.integers(0, 2)}
    )
    objects = st.builds(
        lambda properties, required: {
            "type": "object", "properties": properties, "required": sorted(required & set(properties)),
            "additionalProperties": False,
        },
        st.dictionaries(names, inner, min_size=1, max_size=3),
        st.sets(names),
    )  # fmt: skip
    return st.one_of(arrays, objects)


schemas = st.recursive(scalars, deeper, max_leaves=6)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 12), st.floats(-3, 9), st.sampled_from(["", "x", "yes", "longer"])),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(names, inner, max_size=3)),
    max_leaves=6,
)


@settings(max_examples=400, deadline=None)
@given(schemas, values)
def test_it_agrees_with_a_full_validator(schema, value):
    fits = jsonschema.Draft202012Validator(schema).is_valid(value)
    assert (misfit(value, schema) is None) == fits


def test_objects_are_closed_unless_they_say_otherwise():
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    assert misfit({"a": 1, "b": 2}, schema) == "answer has a key that was not asked for"
    assert misfit({"a": 1, "b": 2}, {**schema, "additionalProperties": True}) is None
    assert misfit({"b": 2}, {"type": "object"}) is None


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ({"list": [{"n": 1}, {"n": "x"}]}, "list[1].n is no integer"),
        ({"list": [1, 2, 3]}, "list has more than 2 items"),
        ({}, "answer has no 'list'"),
        ({"list": []}, "list has fewer than 1 items"),
    ],
)
def test_the_reason_names_the_place(value, reason):
    item = {"type": "object", "properties": {"n": {"type": "integer"}}}
    array = {"type": "array", "minItems": 1, "maxItems": 2, "items": item}
    assert misfit(value, {"type": "object", "properties": {"list": array}, "required": ["list"]}) == reason
