"""The incremental parser gives at every prefix what json.loads gives for the whole, at a fixed cost per character."""

from __future__ import annotations

import json
import random

import pytest
from documents import around, cuts, document, spoilt

from leadd.api import ModelFailure
from leadd.inference.answers.fields import FieldStream, NotJson
from leadd.inference.answers.success import parse


def agrees_at_every_prefix(whole: str) -> None:
    """Feed character by character and hold every claim against the whole."""
    wanted = json.loads(whole)
    members = list(wanted.items()) if isinstance(wanted, dict) else []
    stream = FieldStream()
    told = []
    for mark in whole:
        told += stream.feed(mark)
        assert repr(told) == repr(members[: len(told)])
        assert list(stream.fields) == [key for key, _ in told]
        if stream.partial is not None:
            key, so_far = stream.partial
            assert key == members[len(told)][0] == stream.member
            assert members[len(told)][1].startswith(so_far)
        if stream.complete:
            assert repr(stream.value) == repr(wanted)
        elif stream.member is not None:
            assert stream.member == members[len(told)][0]
    assert repr(stream.end()) == repr(wanted)
    assert repr(list(stream.fields.items())) == repr(told) == repr(members)
    assert stream.steps <= 2 * len(whole)


def agrees_where_it_is_spoilt(rng: random.Random, text: str) -> bool:
    """The same verdict as the success rule, whatever the pieces; what was told before is part of what comes out."""
    try:
        wanted = parse(text)
        is_json = True
    except ModelFailure:
        is_json = False
    stream = FieldStream()
    told = []
    try:
        for piece in cuts(rng, text):
            told += stream.feed(piece)
        found = stream.end()
    except NotJson:
        assert not is_json, text
        with pytest.raises(NotJson):
            stream.feed(" ")
        with pytest.raises(NotJson):
            stream.end()
    else:
        assert is_json, text
        assert repr(found) == repr(wanted)
        if isinstance(wanted, dict):
            assert repr(told) == repr(list(wanted.items()))
    return is_json


def check_documents(count: int, seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(count):
        agrees_at_every_prefix(around(rng, document(rng)))


def check_spoilt(count: int, seed: int) -> int:
    rng = random.Random(seed)
    return sum(agrees_where_it_is_spoilt(rng, spoilt(rng, document(rng))) for _ in range(count))


def test_every_prefix_of_random_documents():
    check_documents(4_000, 1)


def test_texts_that_are_almost_json():
    good = check_spoilt(4_000, 2)
    assert 200 < good < 3_000  # of both kinds there were enough


@pytest.mark.faults
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("part", range(4))
def test_every_prefix_of_a_hundred_thousand_random_documents(part):
    check_documents(25_000, 100 + part)
    check_spoilt(25_000, 200 + part)


@pytest.mark.parametrize("size", [1, 3, 10**9])
def test_the_work_grows_with_the_length_alone(size):
    rng = random.Random(5)
    per_char = []
    for members in (20, 200, 2_000):
        whole = json.dumps({f"key {n}": [rng.random(), "a \\ b é" * 3, {"x": None}] for n in range(members)})
        stream = FieldStream()
        for at in range(0, len(whole), size):
            stream.feed(whole[at : at + size])
        assert stream.end() == json.loads(whole)
        per_char.append(stream.steps / len(whole))
    assert max(per_char) <= 2.0
    assert max(per_char) < 1.1 * min(per_char)


def test_a_long_text_is_one_step_for_each_piece():
    stream = FieldStream()
    stream.feed('{"a": "')
    before = stream.steps
    for _ in range(1_000):
        stream.feed("x" * 1_000)
    assert stream.steps - before == 1_000
    assert stream.open_chars == 1_000_000
    assert stream.partial == ("a", "x" * 1_000_000)


def test_fields_come_when_they_are_complete():
    stream = FieldStream()
    assert stream.feed('{"fit": 4') == []
    assert stream.member == "fit"
    assert stream.feed("5") == []
    assert stream.feed(', "why": "They lo') == [("fit", 45)]
    assert stream.partial == ("why", "They lo")
    assert stream.feed('ok", "tags": ["a"') == [("why", "They look")]
    assert (stream.partial, stream.open_items, stream.depth) == (None, 1, 2)
    assert stream.feed(', {"b": "c') == []
    assert (stream.partial, stream.open_chars, stream.open_items) == (None, 1, 1)
    assert stream.feed('"}], "ok": tr') == [("tags", ["a", {"b": "c"}])]
    assert stream.feed("ue") == [("ok", True)]
    assert not stream.complete
    assert stream.feed("}\n\n") == []
    assert (stream.complete, stream.blanks) == (True, 2)
    assert stream.end() == {"fit": 45, "why": "They look", "tags": ["a", {"b": "c"}], "ok": True}


@pytest.mark.parametrize("whole", ["7", " -0.5e3 ", '"a\\u00e9"', "true", "null", "[]", "[1, [2]]", "{}"])
def test_any_document_is_understood(whole):
    stream = FieldStream()
    stream.feed(whole)
    assert repr(stream.end()) == repr(json.loads(whole))
    assert stream.fields == {}


@pytest.mark.parametrize(
    ("good", "mark"),
    [
        ("", "S"), ("", "`"), ("", "/"), ("", "\x00"), ("", "\ufeff"), ("", "+"), ("", "}"), ("", "N"), ("-", "I"), ("[", "I"),
        ("nul", "1"), ("{", "'"), ("{", "1"), ("{", ","), ("{", "]"), ('{"a"', "1"), ('{"a":1 ', '"'), ('{"a":1,', "}"),
        ('{"a":', "+"), ('{"a":01', ","), ('{"a":1.', ","), ('{"a":1e', "}"), ('{"a":0', "x"), ('{"a":1}', "x"),
        ('{"a":1}\n', "{"), ("[1,", "]"), ("[", ","), ("[", "}"), ("[1]", "]"), ('"a', "\n"), ('"', "\x1f"), ('"\\', "x"),
        ('"\\u12', "g"), ('"a"', '"'), ('{"a":1,"a', '"'), ('{"x":{"b":1,"b', '"'), ("[" + "9" * 5000, ","),
        ("[" * 64, "["), ('{"a":' * 64, "{"),
    ],
)  # fmt: skip
def test_what_cannot_become_json_is_refused_at_the_character_that_shows_it(good, mark):
    stream = FieldStream()
    stream.feed(good)
    with pytest.raises(NotJson):
        stream.feed(mark)


@pytest.mark.parametrize("text", ["", " ", "{", '{"a', '{"a":', "[1", '"a', "tru", "-", '{"a":1', "[1.e", "1.", "1e"])
def test_half_a_document_is_none(text):
    stream = FieldStream()
    stream.feed(text)
    with pytest.raises(NotJson):
        stream.end()
