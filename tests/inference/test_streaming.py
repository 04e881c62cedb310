"""One streamed answer: told field by field, ended early where it may be, cut where nothing can come of it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from inference_parts import Scripted

from leadd.api import Capabilities, Chunk, Failure, Message, Method, ModelFailure, ModelRequest, Reply, Role, Usage
from leadd.inference.answers.runaway import MOST_BLANKS, loop_in
from leadd.inference.answers.streaming import stream_reply

SCHEMA = {
    "type": "object",
    "properties": {
        "match": {"type": "boolean"},
        "fit": {"type": "integer", "minimum": 0, "maximum": 50},
        "why": {"type": "string", "maxLength": 400},
        "tags": {"type": "array", "maxItems": 2, "items": {"type": "string", "maxLength": 8}},
        "kind": {"type": "string", "enum": ["a", "bcd"]},
    },
    "required": ["match", "fit", "why", "tags", "kind"],
}
GOOD = '{"match": true, "fit": 30, "why": "They look for help.", "tags": ["x", "y"], "kind": "bcd"}'
FIELDS = list(json.loads(GOOD).items())


class Pieces(Scripted):
    """Streams what it was given, piece by piece: texts, chunks, exceptions to be raised. Knows whether it was ended."""

    def __init__(self, *pieces: Any) -> None:
        super().__init__()
        self.pieces = pieces
        self.given = 0
        self.ended = False

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(frozenset(Role), self.language, streams=True)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        self.requests.append(request)
        try:
            for piece in self.pieces:
                await asyncio.sleep(0)
                if isinstance(piece, BaseException):
                    raise piece
                self.given += 1
                yield piece if isinstance(piece, Chunk) else Chunk(piece)
        finally:
            self.ended = True


def request(**changes: Any) -> ModelRequest:
    values: dict[str, Any] = {
        "role": Role.DOSSIER, "model": "large:4b", "messages": (Message("user", "read this"),), "max_tokens": 400,
        "num_ctx": 4096, "schema": SCHEMA,
    }  # fmt: skip
    return ModelRequest(**(values | changes))


def tokens(text: str, size: int = 4) -> list[str]:
    return [text[at : at + size] for at in range(0, len(text), size)]


def whole(text: str, size: int = 4) -> tuple[Any, ...]:
    """The pieces of an answer that ends well."""
    return (*tokens(text, size), Chunk("", Reply(text, "large:4b", usage=Usage(20, 9))))


class Told:
    """A listener that keeps what it was told."""

    def __init__(self) -> None:
        self.news: list[tuple[str, Any]] = []

    def __call__(self, key: str, value: Any) -> None:
        self.news.append((key, value))


async def failure_of(*pieces: Any, progress: Any = None, enough: Any = None, **changes: Any) -> tuple[ModelFailure, Pieces]:
    model = Pieces(*pieces)
    with pytest.raises(ModelFailure) as caught:
        await stream_reply(model, request(**changes), enough=enough, progress=progress)
    assert model.ended
    assert caught.value.model == "large:4b"
    return caught.value, model


@pytest.mark.parametrize("size", [1, 2, 5, 17, 1000])
async def test_fields_are_told_in_order_and_the_reply_is_the_models_own(size):
    told = Told()
    model = Pieces(*whole(GOOD, size))
    reply, early = await stream_reply(model, request(), progress=told)
    assert (reply.text, reply.done_reason, reply.usage.prompt_tokens, early) == (GOOD, "stop", 20, None)
    assert told.news == FIELDS
    assert model.ended


async def test_a_model_that_gives_all_in_one_piece_is_told_all_the_same():
    told = Told()
    reply, _ = await stream_reply(Pieces(Chunk(GOOD, Reply(GOOD, "large:4b"))), request(), progress=told)
    assert (reply.text, told.news) == (GOOD, FIELDS)


async def test_nobody_is_told_what_cannot_be_passed_on():
    told = Told()
    text = '{"": 1, "half": "\\ud83d", "endless": [1e999], "ok": "\\ud83d\\ude00"}'
    schema = {"type": "object", "properties": {}}
    reply, _ = await stream_reply(Pieces(*whole(text)), request(schema=schema), progress=told)
    assert (reply.text, told.news) == (text, [("ok", "😀")])


async def test_a_word_is_no_document():
    model = Pieces("y", "es", Chunk("", Reply("yes", "large:4b")))
    reply, _ = await stream_reply(model, request(schema=None, labels=("yes", "no")))
    assert reply.text == "yes"


async def test_enough_ends_the_answer_and_the_servers_work():
    seen: list[dict[str, Any]] = []

    def enough(fields):
        seen.append(dict(fields))
        return {"match": False, "fit": 0} if fields.get("match") is False else None

    model = Pieces(*whole(GOOD.replace("true", "false")))
    reply, early = await stream_reply(model, request(), enough=enough)
    assert early == {"match": False, "fit": 0}
    assert seen == [{"match": False}]
    assert model.ended
    assert model.given < 6
    assert reply.done_reason == "early"
    assert (reply.method, reply.model) == (Method.MODEL, "large:4b")
    assert reply.usage == Usage(output_tokens=model.given)
    assert reply.text == GOOD.replace("true", "false")[: 4 * model.given]


async def test_enough_is_asked_after_every_field_and_not_for_the_last_token():
    counts: list[int] = []

    def never(fields):
        counts.append(len(fields))

    reply, early = await stream_reply(Pieces(*whole(GOOD)), request(), enough=never)
    assert (reply.text, early, counts) == (GOOD, None, [1, 2, 3, 4])
    reply, early = await stream_reply(Pieces(*whole(GOOD)), request(), enough=lambda f: dict(f) if "kind" in f else None)
    assert (reply.done_reason, early) == ("stop", None)


async def test_a_stream_without_its_end_is_none():
    told = Told()
    failure, _ = await failure_of(*tokens(GOOD), progress=told)
    assert (failure.kind, failure.raw) == (Failure.NOT_DONE, GOOD)
    assert told.news == FIELDS  # told they were, and what follows takes them back: an answer they are not
    failure, _ = await failure_of()
    assert failure.kind is Failure.NOT_DONE


async def test_a_broken_stream_keeps_its_name_and_what_came():
    failure, model = await failure_of(*tokens(GOOD)[:5], ModelFailure(Failure.BROKEN_STREAM, "cut"))
    assert (failure.kind, failure.raw, model.given) == (Failure.BROKEN_STREAM, GOOD[:20], 5)
    failure, _ = await failure_of(*tokens(GOOD)[:5], ModelFailure(Failure.TIMEOUT_IDLE, "silence", raw="own", model="large:4b"))
    assert (failure.kind, failure.raw) == (Failure.TIMEOUT_IDLE, "own")


async def test_who_gives_up_ends_the_stream():
    model = Pieces(*tokens(GOOD)[:3])
    stuck = asyncio.Event()
    pieces = model.pieces

    async def stream(asked):
        try:
            for piece in pieces:
                yield Chunk(piece)
            stuck.set()
            await asyncio.Event().wait()
        finally:
            model.ended = True

    model.stream = stream
    asking = asyncio.ensure_future(stream_reply(model, request()))
    await stuck.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert model.ended


LOOP = "and the company says that it needs help, "
ROWS = {
    "prose": (["Sure", "! Here", " is"], Failure.NOT_JSON, 1),
    "fence": (["```", "json\n", "{"], Failure.NOT_JSON, 1),
    "more text": ([GOOD, " I", " hope"], Failure.NOT_JSON, 2),
    "a second document": ([GOOD, "\n", "{"], Failure.NOT_JSON, 3),
    "NaN": (['{"match": true, ', '"fit": NaN', ", "], Failure.NOT_JSON, 2),
    "a key twice": (['{"match": true, ', '"match": ', "fal"], Failure.NOT_JSON, 2),
    "brackets": (["["] * 500, Failure.SCHEMA, 1),
    "objects": (['{"match":'] + ['{"a":'] * 500, Failure.REPEATED_TOKENS, 31),
    "objects of many names": (['{"match":'] + [f'{{"a{n}":' for n in range(500)], Failure.NOT_JSON, 65),
    "blanks before": (["\n\n"] * 500, Failure.REPEATED_TOKENS, MOST_BLANKS // 2 + 1),
    "blanks inside": (['{"match": true,', *[" \t\n "] * 500], Failure.REPEATED_TOKENS, MOST_BLANKS // 4 + 2),
    "blanks after": ([GOOD, *[" "] * 500], Failure.REPEATED_TOKENS, MOST_BLANKS + 2),
    "one token": (['{"match": true, "why": "', *[" help"] * 500], Failure.REPEATED_TOKENS, 31),
    "blanks in a text": (['{"match": true, "why": "', *["  "] * 500], Failure.REPEATED_TOKENS, 155),
    "two tokens in turn": (['{"match": true, "why": "', *["so ", "on "] * 500], Failure.REPEATED_TOKENS, 105),
    "a long text": (['{"match": true, "why": "', *[f"{n:03} help, " for n in range(500)]], Failure.SCHEMA, 41),
    "a long text in a list": (['{"tags": ["', *[f"{n:03}" for n in range(500)]], Failure.SCHEMA, 4),
    "a long word": (['{"kind": "b', "c", "d", "e", "f"], Failure.SCHEMA, 4),
    "a long list": (['{"tags": ["a"', *[f', "{n}"' for n in range(500)]], Failure.SCHEMA, 3),
    "a wrong word": (['{"kind": "b"', ", ", '"fit"'], Failure.SCHEMA, 1),
    "a wrong number": (['{"fit": 51', ", ", '"match"'], Failure.SCHEMA, 2),
    "a wrong type": (['{"fit": "30"', ", ", '"match"'], Failure.SCHEMA, 1),
    "a foreign key": (['{"note"', ": ", '"', "hello"], Failure.SCHEMA, 2),
    "a list": (["[", "1", ","], Failure.SCHEMA, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
async def test_a_runaway_is_cut_at_once_and_has_its_name(name):
    pieces, kind, given = ROWS[name]
    failure, model = await failure_of(*pieces)
    assert failure.kind is kind, failure
    assert model.given <= given + 1
    assert failure.raw == "".join(pieces[: model.given])


async def test_two_tokens_in_turn_are_a_loop_where_no_length_is_set():
    schema = {"type": "object", "properties": {"why": {"type": "string"}}}
    failure, model = await failure_of('{"why": "', *["so ", "on "] * 500, schema=schema)
    assert failure.kind is Failure.REPEATED_TOKENS
    assert model.given < 120
    failure, _ = await failure_of('{"why": "', *[f"{n} " for n in range(20_000)], schema=schema, max_tokens=100)
    assert failure.kind is Failure.IMPLAUSIBLE


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(json.loads(GOOD), indent=8),
        GOOD.replace("They look for help.", "-" * 29 + " a drawn line " + "=" * 29),
        GOOD.replace("They look for help.", "very " * 20 + "long"),
        GOOD.replace("They look for help.", "x" * 20 + "\\u00e9 \\n" * 30),
        "\n" * 30 + GOOD + "\n" * 30,
    ],
)
async def test_what_only_looks_odd_is_left_alone(text):
    for size in (1, 3, 16):
        reply, _ = await stream_reply(Pieces(*whole(text, size)), request())
        assert reply.text == text


def test_loops_are_found_at_the_end_of_a_text():
    assert loop_in(LOOP * 40) == ""  # longer than what is looked for: its cap ends it
    assert loop_in("so on " * 40) == "so on "
    assert loop_in("so on " * 39) == ""
    assert loop_in("x" * 239) == ""
    assert loop_in("x" * 240) == "x"
    assert loop_in("so on " * 40 + "and") == ""
