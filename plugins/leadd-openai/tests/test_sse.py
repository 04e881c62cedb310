"""Events however the network cuts them and however servers end their lines."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from leadd_openai.sse import EventSplitter, parse_object

from leadd.api import Failure, ModelFailure


def events(*pieces: bytes, limit: int = 1 << 20) -> list[bytes]:
    splitter = EventSplitter(limit)
    found = [event for piece in pieces for event in splitter.feed(piece)]
    return found + splitter.rest()


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)


@given(parts=st.lists(texts, max_size=6), crlf=st.booleans(), ping=st.booleans(), cuts=st.lists(st.integers(1, 40), min_size=1))
def test_any_cut_gives_the_same_events(parts: list[str], crlf: bool, ping: bool, cuts: list[int]) -> None:
    end = b"\r\n" if crlf else b"\n"
    data = [json.dumps({"content": part}, ensure_ascii=False).encode() for part in parts]
    body = b"".join((b": ping" + end * 2 if ping else b"") + b"data: " + item + end * 2 for item in data)
    pieces, at, turn = [], 0, 0
    while at < len(body):
        pieces.append(body[at : at + cuts[turn % len(cuts)]])
        at += cuts[turn % len(cuts)]
        turn += 1
    assert events(*pieces) == data


def test_the_shapes_that_servers_have() -> None:
    assert events(b"data: one\n\ndata:two\n\n") == [b"one", b"two"]
    assert events(b"data: one\ndata: more\n\n") == [b"one\nmore"], "several lines are one"
    assert events(b"id: 7\nretry: 3\nevent: message\ndata: one\n\n") == [b"one"]
    assert events(b"data: last") == [b"last"], "some leave the last empty line out"
    assert events(b"data: last\r\n") == [b"last"]
    assert events(b":\n\n: ping\n\n") == []
    assert events(b"\n\n\n") == []


def test_errors_in_their_three_shapes() -> None:
    for body in (
        b'event: error\ndata: {"error":{"message":"no"}}\n\n',
        b'error: {"message":"no"}\n\n',
        b'{"error":{"message":"no"}}\n',
    ):
        (event,) = events(body)
        assert parse_object(event) == {"error": {"message": "no"}}
    (event,) = events(b'error: "said" so\n\n')
    assert parse_object(event) == {"error": '"said" so'}


def test_an_event_without_end_is_cut() -> None:
    for body in ([b"data: " + b"x" * 400] * 4, [b"data: xxxx\n"] * 400):
        with pytest.raises(ModelFailure) as caught:
            events(*body, limit=1000)
        assert caught.value.kind is Failure.BROKEN_STREAM


def test_what_is_no_object_has_a_name() -> None:
    for data, kind in ((b'{"a":', Failure.BROKEN_STREAM), (b"<html>", Failure.WRONG_SERVER), (b"[1]", Failure.WRONG_SERVER)):
        with pytest.raises(ModelFailure) as caught:
            parse_object(data)
        assert caught.value.kind is kind
