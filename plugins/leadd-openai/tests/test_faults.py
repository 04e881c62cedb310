"""The plugin against faithful servers of each kind: what it does over many calls, and each fault under its name."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from leadd_openai import OpenAIConfig, OpenAIModel

from leadd.api import Failure, Message, ModelFailure, ModelRequest, Reply, Role, SystemClock
from leadd.testing.context import make_context
from leadd.testing.openai import FLAVOURS, FakeOpenAI, Served

SCHEMA = {"type": "object", "properties": {"worth": {"type": "string", "enum": ["yes", "no"]}}, "required": ["worth"]}
HIRE = "We look for our first marketing manager."


def question(model: str, text: str = HIRE, **changes: Any) -> ModelRequest:
    values: dict[str, Any] = {
        "role": Role.TRIAGE,
        "model": model,
        "messages": (Message("system", "Answer in JSON."), Message("user", text)),
        "max_tokens": 32,
        "num_ctx": 2048,
        "schema": SCHEMA,
        "options": {"temperature": 0},
    }
    return ModelRequest(**{**values, **changes})


@pytest.fixture(params=FLAVOURS)
async def fake(request: pytest.FixtureRequest) -> AsyncIterator[FakeOpenAI]:
    async with FakeOpenAI(request.param, embeddings=True, time_scale=0, split=3) as fake:
        yield fake


@pytest.fixture
async def model(fake: FakeOpenAI, tmp_path: Path) -> AsyncIterator[OpenAIModel]:
    model = OpenAIModel(OpenAIConfig(endpoint=f"{fake.url}/v1"), make_context(tmp_path))
    await model.open()
    yield model
    await model.close()


@pytest.fixture
def name(fake: FakeOpenAI) -> str:
    return fake.model_names[0]


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(20_000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came to that")


async def streamed(model: OpenAIModel, request: ModelRequest) -> Reply | None:
    last = None
    async for chunk in model.stream(request):
        last = chunk.reply
    return last


async def failure_of(awaitable: Any) -> ModelFailure:
    with pytest.raises(ModelFailure) as caught:
        await awaitable
    return caught.value


async def test_whole_and_streamed_answers_agree(model: OpenAIModel, name: str) -> None:
    whole, pieces = await model.complete(question(name)), await streamed(model, question(name))
    long = await model.complete(question(name, max_tokens=900))
    assert pieces is not None
    assert whole.text == pieces.text == long.text
    assert whole.usage.prompt_tokens == pieces.usage.prompt_tokens > 0
    assert whole.usage.output_tokens == pieces.usage.output_tokens > 0
    assert whole.digest == pieces.digest == await model.digest(name)


async def test_connections_are_used_again(fake: FakeOpenAI, model: OpenAIModel, name: str) -> None:
    for _ in range(4):
        await model.complete(question(name))
        await streamed(model, question(name))
        await model.health()
    assert len(fake._connections) == 1


async def test_labels_are_asked_by_their_probability(fake: FakeOpenAI, model: OpenAIModel, name: str) -> None:
    await model.preload(name, num_ctx=2048)
    asked = question(name, "Marketing manager for SEO, content and growth", schema=None, max_tokens=3, labels=("yes", "no"))
    if not model.capabilities.logprobs:
        return
    reply = await model.complete(asked)
    first = reply.logprobs[0]
    assert (first["token"], reply.text) == ("yes", "yes")
    assert {"token", "logprob", "top_logprobs"} <= first.keys()
    others = {entry["token"]: math.exp(entry["logprob"]) for entry in first["top_logprobs"]}
    assert others["yes"] > others["no"] > 0


async def test_only_servers_that_give_log_probabilities_are_asked_for_them(model: OpenAIModel, name: str) -> None:
    await model.preload(name, num_ctx=2048)
    assert model.capabilities.logprobs is (not name.startswith("google/gemma-3-1b"))


async def test_a_label_may_end_at_its_cap(fake: FakeOpenAI, model: OpenAIModel, name: str) -> None:
    fake.enqueue("yes, since they hire", "yes, since they hire")
    asked = question(name, schema=None, max_tokens=2, labels=("yes", "no"))
    await model.health()
    if model.capabilities.logprobs:
        reply = await model.complete(asked)
        assert (reply.done_reason, len(reply.logprobs)) == ("length", 2)
    assert (await failure_of(model.complete(question(name, schema=None, max_tokens=2)))).kind is Failure.LENGTH


@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        ("busy", {Failure.BUSY}),
        ("forbidden", {Failure.FORBIDDEN}),
        ("html", {Failure.UNREACHABLE}),
        ("close", {Failure.UNREACHABLE}),
        ("reset", {Failure.UNREACHABLE}),
        ("crash", {Failure.CRASHED}),
        ("oom", {Failure.OUT_OF_MEMORY}),
        ("error_line", {Failure.SERVER_ERROR}),
        ("cut", {Failure.BROKEN_STREAM, Failure.UNREACHABLE}),
        ("not_done", {Failure.NOT_DONE}),
        ("empty", {Failure.EMPTY}),
        ("length", {Failure.LENGTH}),
        ("repeat", {Failure.LENGTH}),
    ],
)
@pytest.mark.parametrize("way", ["whole", "streamed"])
async def test_every_fault_has_its_name_and_the_next_call_works(
    fault: str, kinds: set[Failure], way: str, fake: FakeOpenAI, model: OpenAIModel, name: str
) -> None:
    for after in (0, 2):
        # a connection that is closed under a question is tried once more, as one that the server had given up before
        fake.fail_next(fault, times=2 if fault in ("close", "reset") else 1, after_events=after)
        call = model.complete(question(name)) if way == "whole" else streamed(model, question(name))
        assert (await failure_of(call)).kind in kinds
        fake.clear_faults()
        assert (await model.complete(question(name, "Another text"))).text


@pytest.mark.parametrize("fault", ["hang", "stall", "headers_only"])
@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_silence_is_cut_and_the_server_is_told(fault: str, flavour: str, tmp_path: Path) -> None:
    async with FakeOpenAI(flavour) as fake:
        model = OpenAIModel(OpenAIConfig(endpoint=fake.url), make_context(tmp_path))
        await model.open()
        fake.fail_next(fault, delay_s=3600.0) if fault == "stall" else fake.fail_next(fault)
        asked = question(fake.model_names[0], idle_s=0.2, max_tokens=600)
        assert (await failure_of(model.complete(asked))).kind is Failure.TIMEOUT_IDLE
        await until(lambda: not fake.stats.in_flight)
        await model.close()


async def test_a_cancelled_question_frees_the_servers_slot(tmp_path: Path) -> None:
    async with FakeOpenAI(slots=1) as fake:
        model = OpenAIModel(OpenAIConfig(endpoint=fake.url), make_context(tmp_path))
        await model.open()
        fake.hold()
        name = fake.model_names[0]
        call = asyncio.create_task(model.complete(question(name)))
        await until(lambda: fake.stats.in_flight > 0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await until(lambda: not fake.stats.in_flight)
        fake.release()
        assert (await model.complete(question(name))).text
        await model.close()


async def test_a_server_that_comes_back_with_another_model_is_looked_at_again(
    fake: FakeOpenAI, model: OpenAIModel, name: str
) -> None:
    assert (await model.complete(question(name))).text
    before = await model.digest(name)
    await fake.go_down()
    assert (await failure_of(model.complete(question(name)))).kind is Failure.UNREACHABLE
    assert not (await model.health()).reachable
    await fake.come_back([Served("another", publisher="else")])
    assert (await failure_of(model.complete(question(name)))).kind is Failure.MISSING_MODEL
    assert (await model.complete(question("another"))).digest == await model.digest("another") != before


async def test_other_weights_under_the_same_name_have_another_digest(tmp_path: Path) -> None:
    async with FakeOpenAI(models=[Served("alias", revision=1, aliases=("other-name",))]) as fake:
        model = OpenAIModel(OpenAIConfig(endpoint=fake.url), make_context(tmp_path))
        await model.open()
        before = await model.digest("alias")
        assert await model.digest("OTHER-name") == before
        await fake.go_down()
        await model.health()
        await fake.come_back([Served("alias", revision=2)])
        assert await model.digest("alias") != before
        await model.close()


async def test_a_digest_does_not_change_with_the_clock(fake: FakeOpenAI, model: OpenAIModel, name: str) -> None:
    before = (await model.health()).models
    await fake.advance(7200)
    assert (await model.health()).models == before


async def test_a_fault_of_the_moment_is_not_taken_for_another_model(fake: FakeOpenAI, model: OpenAIModel) -> None:
    before = (await model.health()).models
    for endpoint in ("props", "details", "version"):
        fake.fail_next("error", endpoint=endpoint, status=500)
        seen = await model.health()
        assert not seen.reachable or seen.models == before
        fake.clear_faults()
    assert (await model.health()).models == before


async def test_health_tells_what_is_loaded_and_in_which_window(fake: FakeOpenAI, model: OpenAIModel, name: str) -> None:
    await model.complete(question(name))
    health = await model.health()
    assert health.loaded is not None
    assert [(one.name, one.num_ctx) for one in health.loaded] == [(name, 4096)]
    assert model.catalog is not None
    if model.catalog.flavour == "llamacpp":
        assert (model.catalog.slots, health.version[:1]) == (2, "b")


async def test_a_prompt_beyond_the_window_is_too_long(fake: FakeOpenAI, model: OpenAIModel, name: str) -> None:
    for way in (model.complete, lambda asked: streamed(model, asked)):
        assert (await failure_of(way(question(name, "many words " * 4000)))).kind is Failure.TOO_LONG


async def test_asking_the_wrong_model_says_what_it_cannot_do(fake: FakeOpenAI, model: OpenAIModel, name: str) -> None:
    assert (await failure_of(model.embed("no-such-model", ["a"], num_ctx=512))).kind is Failure.MISSING_MODEL
    if fake.model_names[0].startswith("google/gemma-3-1b"):
        assert (await failure_of(model.complete(question(fake.model_names[2])))).kind is Failure.MISSING_CAPABILITY
        assert (await failure_of(model.embed(name, ["a"], num_ctx=512))).kind is Failure.MISSING_CAPABILITY


async def test_a_server_without_vectors_says_so(tmp_path: Path) -> None:
    async with FakeOpenAI() as fake:
        model = OpenAIModel(OpenAIConfig(endpoint=fake.url), make_context(tmp_path))
        await model.open()
        failure = await failure_of(model.embed(fake.model_names[0], ["a"], num_ctx=512))
        assert failure.kind is Failure.MISSING_CAPABILITY
        await model.close()


@pytest.mark.parametrize("fault", ["zero_vector", "missing_vector"])
async def test_a_wrong_vector_is_never_returned(fault: str, tmp_path: Path) -> None:
    async with FakeOpenAI(embeddings=True) as fake:
        name = fake.model_names[0]
        model = OpenAIModel(OpenAIConfig(endpoint=fake.url), make_context(tmp_path))
        await model.open()
        fake.fail_next(fault)
        assert (await failure_of(model.embed(name, ["a", "b"], num_ctx=2048))).kind is Failure.BAD_VECTOR
        assert (await model.embed(name, ["a", "b"] * 40, num_ctx=2048)).shape == (80, 1152)
        assert (await failure_of(model.embed(name, ["a", "word " * 4000], num_ctx=2048))).kind is Failure.TOO_LONG
        await model.close()


async def test_a_key_is_sent_and_a_wrong_one_named(tmp_path: Path) -> None:
    for flavour in FLAVOURS:
        async with FakeOpenAI(flavour, api_key="k-1") as fake:
            for value in ("k-1", "k-2"):
                ctx = make_context(tmp_path, secrets={"{env:KEY}": value})
                config = OpenAIConfig.model_validate({"endpoint": fake.url, "api_key": "{env:KEY}"})
                model = OpenAIModel(config, ctx)
                await model.open()
                call = model.complete(question(fake.model_names[0]))
                if value == "k-1":
                    assert (await call).text
                else:
                    failure = await failure_of(call)
                    assert failure.kind is Failure.FORBIDDEN
                    assert "api_key" in failure.message
                    assert "k-2" not in str(failure) + failure.raw
                await model.close()


async def test_a_busy_server_says_how_long_to_wait(fake: FakeOpenAI, model: OpenAIModel, name: str) -> None:
    for status in (429, 503):
        fake.fail_next("busy", status=status, delay_s=7)
        failure = await failure_of(model.complete(question(name)))
        assert (failure.kind, failure.after_s) == (Failure.BUSY, 7.0)


async def test_timings_tell_the_wait_in_the_servers_queue(tmp_path: Path) -> None:
    """llama-server tells what reading and writing took; the rest of the time a question waited for a slot."""
    async with FakeOpenAI(slots=1) as fake:
        fake.set_speeds(overhead_ms=60)
        model = OpenAIModel(OpenAIConfig(endpoint=fake.url), make_context(tmp_path, SystemClock()))
        await model.open()
        await model.health()
        replies = await asyncio.gather(*(model.complete(question(fake.model_names[0], f"Text {i}")) for i in range(3)))
        assert all(reply.usage.prompt_ms > 50 for reply in replies)
        assert sorted(reply.usage.queue_ms for reply in replies)[2] > 100
        await model.close()
