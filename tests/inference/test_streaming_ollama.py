"""Streams of the builtin model `ollama` from the faithful server: ended early, cut as runaways, broken on the way."""

from __future__ import annotations

import asyncio
import json

import pytest

from leadd.api import Failure, Message, ModelFailure, ModelRequest, Role, SystemClock
from leadd.builtin.ollama import OllamaConfig, OllamaModel
from leadd.inference.answers.streaming import stream_reply
from leadd.testing.context import make_context
from leadd.testing.ollama import FakeOllama, Speeds

KEYS = ("one", "two", "three", "four")
SCHEMA = {"type": "object", "properties": {key: {"type": "string"} for key in KEYS}, "required": list(KEYS)}
ANSWER = {key: " ".join(f"{key} {n}" for n in range(60)) for key in KEYS}


def request(**changes: object) -> ModelRequest:
    messages = (Message("system", "Answer."), Message("user", json.dumps({"text": "We look for help."})))
    values = {"role": Role.DOSSIER, "model": "gemma3:1b", "messages": messages, "max_tokens": 4000, "num_ctx": 8192}
    return ModelRequest(**(values | {"schema": SCHEMA, "idle_s": 20.0} | changes))  # type: ignore[arg-type]


@pytest.fixture
async def slow():
    """A server that writes 400 tokens a second: a whole ANSWER takes it a few seconds."""
    async with FakeOllama(speeds=Speeds(decode_tps=400.0)) as server:
        yield server


@pytest.fixture
async def model(slow, tmp_path):
    found = OllamaModel(OllamaConfig(endpoint=slow.url), make_context(tmp_path, clock=SystemClock()))
    await found.open()
    yield found
    await found.close()


async def nobody_works(fake: FakeOllama) -> None:
    async with asyncio.timeout(20):
        while fake.stats.in_flight:
            await asyncio.sleep(0.01)


async def test_an_answer_that_is_enough_stops_the_server(slow, model):
    slow.enqueue(ANSWER)
    told: dict[str, str] = {}
    reply, early = await stream_reply(
        model, request(), enough=lambda fields: dict(fields) if "two" in fields else None, progress=told.__setitem__
    )
    assert early == told == {key: ANSWER[key] for key in KEYS[:2]}
    assert reply.done_reason == "early"
    assert json.dumps(ANSWER).startswith(reply.text)
    assert 0 < reply.usage.output_tokens < len(json.dumps(ANSWER)) * 0.6
    await nobody_works(slow)
    assert slow.stats.cancelled == 1
    assert slow.stats.tokens_written == 0  # nothing was answered to its end


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('{"one": "' + "help " * 3000, Failure.REPEATED_TOKENS),
        ("I am happy to help you. " * 300, Failure.NOT_JSON),
        ('{"one": "x", "five": "' + "so many words " * 300, Failure.SCHEMA),
    ],
)
async def test_a_runaway_stops_the_server(slow, model, text, kind):
    slow.enqueue(text)
    with pytest.raises(ModelFailure) as caught:
        await stream_reply(model, request())
    assert caught.value.kind is kind
    assert text.startswith(caught.value.raw)
    assert len(caught.value.raw) < 400
    await nobody_works(slow)
    assert slow.stats.tokens_written == 0


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("cut", Failure.BROKEN_STREAM), ("crash", Failure.CRASHED), ("not_done", Failure.NOT_DONE),
        ("error_line", Failure.CRASHED), ("stall", Failure.TIMEOUT_IDLE),
    ],
)  # fmt: skip
async def test_a_stream_that_breaks_is_no_answer_however_much_came(slow, model, fault, kind):
    slow.enqueue(ANSWER)
    slow.fail_next(fault, after_events=300)
    told: dict[str, str] = {}
    with pytest.raises(ModelFailure) as caught:
        await stream_reply(model, request(idle_s=1.0), progress=told.__setitem__)
    assert caught.value.kind is kind
    assert 0 < len(told) < len(KEYS)
    await nobody_works(slow)


async def test_silence_before_the_first_token_has_its_deadline(slow, model):
    slow.fail_next("hang")
    with pytest.raises(ModelFailure) as caught:
        await stream_reply(model, request(idle_s=0.3))
    assert caught.value.kind is Failure.TIMEOUT_IDLE
