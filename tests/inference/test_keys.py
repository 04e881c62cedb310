"""The cache key: each part flipped alone gives another key; what is no part gives the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from inference_parts import ICP, SCHEMA, SIGNAL, question

from leadd.api import Message, Method, ModelRequest, Role, Subject
from leadd.inference.cache.keys import PARTS as NAMES
from leadd.inference.cache.keys import KeyMaker, Place, key_of_parts

PLACE = Place(Method.MODEL, "ollama", "digest", "q4")
EVIDENCE = replace(PLACE, method=Method.EVIDENCE)


def request(**changes):
    asked = question()
    values = {
        "role": asked.role, "model": "small:1b", "messages": asked.messages, "max_tokens": 40, "num_ctx": 2048,
        "schema": SCHEMA, "options": {"temperature": 0.0}, "subject": asked.subject,
    }  # fmt: skip
    return ModelRequest(**(values | changes))


def key(place=PLACE, asked=None, sent=None, maker=None):
    return (maker or KeyMaker()).key(place, sent or request(), asked or question())


SYSTEM, USER = question().messages
PARTS = {
    "method": {"place": EVIDENCE},
    "server": {"place": replace(PLACE, server="llamacpp")},
    "digest": {"place": replace(PLACE, digest="other")},
    "quantization": {"place": replace(PLACE, quantization="q8")},
    "role": {"asked": question(role=Role.CLASSIFY)},
    "num_ctx": {"sent": request(num_ctx=4096)},
    "temperature": {"sent": request(options={"temperature": 0.1})},
    "another option": {"sent": request(options={"temperature": 0.0, "top_k": 5})},
    "the type of an option": {"sent": request(options={"temperature": "0.0"})},
    "max_tokens": {"sent": request(max_tokens=41)},
    "prompt hash": {"asked": question(prompt_hash="prompt-2")},
    "schema": {"sent": request(schema={**SCHEMA, "required": []})},
    "order of the schema": {"sent": request(schema=dict(reversed(list(SCHEMA.items()))))},
    "no schema": {"sent": request(schema=None)},
    "constant message": {"sent": request(messages=(Message("system", "Answer no or yes."), USER))},
    "role of a message": {"sent": request(messages=(Message("user", SYSTEM.content), USER))},
    "one message more": {"sent": request(messages=(SYSTEM, SYSTEM, USER))},
    "signal message": {"sent": request(messages=(SYSTEM, Message("user", USER.content + " ")))},
    "role of the signal message": {"sent": request(messages=(SYSTEM, Message("tool", USER.content)))},
    "icp hash": {"asked": question(icp_hash="icp-2")},
    "text hash": {"asked": question(text_hash="text-2")},
    "normaliser version": {"asked": question(normaliser_version=2)},
    "type of the normaliser version": {"asked": question(normaliser_version="1")},
    "labels": {"asked": question(labels=("yes", "no"))},
    "labels read by a schema": {"asked": question(labels=("yes", "no")), "sent": request(labels=("yes", "no"))},
    "stop rule": {"asked": question(stop_rule="below:60")},
}


FLIPS = {
    "method": "method", "server": "server", "digest": "digest", "quantization": "quantization", "role": "role",
    "num_ctx": "window", "temperature": "options", "another option": "options", "the type of an option": "options",
    "max_tokens": "max_tokens", "prompt hash": "prompt", "schema": "schema", "order of the schema": "schema",
    "no schema": "schema", "constant message": "constant", "role of a message": "constant", "one message more": "constant",
    "signal message": "message", "role of the signal message": "message", "icp hash": "icp", "text hash": "text",
    "normaliser version": "normaliser", "type of the normaliser version": "normaliser", "labels": "labels",
    "labels read by a schema": "labels", "stop rule": "stop_rule",
}  # fmt: skip


def parts(place=PLACE, asked=None, sent=None):
    return KeyMaker().parts(place, sent or request(), asked or question())


@pytest.mark.parametrize("part", PARTS)
def test_a_flip_of_one_part_shows_in_that_part_alone(part):
    before, after = parts(), parts(**PARTS[part])
    assert list(before) == list(NAMES)
    expected = {FLIPS[part], "subject"} if part == "method" else {FLIPS[part]}
    assert {name for name in NAMES if before[name] != after[name]} == expected
    assert key_of_parts(after) == key(**PARTS[part]), "the key is the key of its parts"


def test_every_part_is_flipped_by_some_test():
    assert set(NAMES) - set(FLIPS.values()) == {"recipe", "subject"}, "the recipe is a constant, subjects are tested below"


@pytest.mark.parametrize("spoilt", [{}, {"digest": 1}, {"digest": None}, {"extra": "x"}])
def test_what_are_no_parts_has_no_key(spoilt):
    made = {**parts(), **spoilt} if spoilt else {}
    with pytest.raises(ValueError, match="not the parts"):
        key_of_parts(made)


@pytest.mark.parametrize("part", PARTS)
def test_each_part_alone_makes_another_key(part):
    assert key(**PARTS[part]) != key()


def test_all_flips_differ_from_each_other():
    maker = KeyMaker()
    keys = [key(maker=maker)] + [key(**changes, maker=maker) for changes in PARTS.values()]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    "changes",
    [
        {"asked": question(prompt_label="triage@2")},
        {"asked": question(priority=9)},
        {"asked": question(check=dict)},
        {"sent": request(idle_s=1.0, total_s=2.0)},
        {"sent": request(model="an-alias:latest")},
        {"asked": question(subject=None)},
    ],
)
def test_what_cannot_change_an_answer_is_no_part(changes):
    assert key(**changes) == key()


@pytest.mark.parametrize("field", ["company", "company_website", "location", "author", "source_type", "content_hash"])
def test_a_reader_of_evidence_sees_fields_outside_the_text(field):
    other = question(subject=Subject(ICP, replace(SIGNAL, **{field: "else"})))
    assert key(EVIDENCE, other) != key(EVIDENCE)
    assert key(PLACE, other) == key(PLACE), "a language model sees only what the messages say"
    assert key(EVIDENCE, question(subject=Subject(ICP, replace(SIGNAL, extra={"a": "b"})))) != key(EVIDENCE)
    assert key(EVIDENCE, question(subject=Subject(ICP, replace(SIGNAL, id=99, found_at_ms=5, url="x")))) == key(EVIDENCE)


def test_the_form_of_a_key():
    method, role, digest = key().split(".")
    assert (method, role, len(digest)) == ("model", "triage", 64)


def test_a_schema_is_hashed_by_what_it_says_and_kept_by_identity():
    maker = KeyMaker()
    assert maker.schema_hash(dict(SCHEMA)) == maker.schema_hash(SCHEMA)
    for number in range(600):
        made = {"type": "object", "title": str(number)}
        assert maker.schema_hash(made) == KeyMaker().schema_hash(made), "an id that was used before must not be trusted"


PART = st.text(max_size=12)


@settings(deadline=None)
@given(st.lists(st.tuples(PART, PART, PART, PART), min_size=2, max_size=8, unique=True))
def test_no_two_questions_share_a_key(quadruples):
    """Also not those whose parts would be equal if they were only written one behind the other."""
    maker = KeyMaker()
    keys = set()
    for system, user, icp, text in quadruples:
        sent = request(messages=(Message("system", system), Message("user", user)))
        keys.add(maker.key(PLACE, sent, question(icp_hash=icp, text_hash=text)))
    assert len(keys) == len(quadruples)


@settings(deadline=None)
@given(st.text(), st.text())
def test_a_key_does_not_depend_on_what_was_asked_before(system, user):
    sent = request(messages=(Message("system", system), Message("user", user)))
    warm = KeyMaker()
    for number in range(3):
        warm.key(PLACE, request(num_ctx=number), question())
    assert warm.key(PLACE, sent, question()) == KeyMaker().key(PLACE, sent, question()) == warm.key(PLACE, sent, question())
