"""The plugin against the faithful Ollama: what it does to a server over many calls, and each fault under its name."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from leadd.api import Failure, Message, ModelFailure, ModelRequest, Reply, Role
from leadd.builtin.ollama import OllamaConfig, OllamaModel
from leadd.testing.context import make_context
from leadd.testing.ollama import FakeOllama, Limits

SCHEMA = {"type": "object", "properties": {"worth": {"type": "string", "enum": ["yes", "no"]}}, "required": ["worth"]}
PROFILES = ["legacy", "0.30-0.32", "0.33+"]


def question(text: str = "We look for our first marketing manager.", **changes: Any) -> ModelRequest:
    values: dict[str, Any] = {
        "role": Role.TRIAGE,
        "model": "gemma3:1b",
        "messages": (Message("system", "Answer in JSON."), Message("user", text)),
        "max_tokens": 32,
        "num_ctx": 2048,
        "schema": SCHEMA,
        "options": {"temperature": 0},
    }
    return ModelRequest(**{**values, **changes})


@pytest.fixture(params=PROFILES)
async def fake(request: pytest.FixtureRequest) -> AsyncIterator[FakeOllama]:
    async with FakeOllama(profile=request.param, time_scale=0, split=3) as fake:
        yield fake


@pytest.fixture
async def model(fake: FakeOllama, tmp_path: Path) -> AsyncIterator[OllamaModel]:
    model = OllamaModel(OllamaConfig(endpoint=fake.url), make_context(tmp_path))
    await model.open()
    yield model
    await model.close()


async def streamed(model: OllamaModel, request: ModelRequest) -> Reply | None:
    last = None
    async for chunk in model.stream(request):
        last = chunk.reply
    return last


async def failure_of(awaitable: Any) -> Failure:
    with pytest.raises(ModelFailure) as caught:
        await awaitable
    return caught.value.kind


async def test_preload_work_and_vectors_load_each_model_once(fake: FakeOllama, model: OllamaModel) -> None:
    await model.preload("gemma3:1b", num_ctx=2048)
    await model.preload("nomic-embed-text", num_ctx=2048)
    for index in range(5):
        assert (await model.complete(question(f"Text {index}"))).text
        await streamed(model, question(f"Other text {index}", max_tokens=600))
        await model.embed("nomic-embed-text", [f"Text {index}"], num_ctx=2048)
    assert fake.stats.loads == {"gemma3:1b": 1, "nomic-embed-text:latest": 1}
    assert fake.stats.reloads == 0


async def test_a_preloaded_model_stays_as_long_as_the_settings_say(fake: FakeOllama, tmp_path: Path) -> None:
    async with FakeOllama(time_scale=0) as other:
        model = OllamaModel(OllamaConfig(endpoint=other.url, keep_alive=3600), make_context(tmp_path))
        await model.open()
        await model.preload("gemma3:1b", num_ctx=2048)
        await model.complete(question())
        await other.advance(3000)
        assert [m.name for m in await model.loaded()] == ["gemma3:1b"], "work sends no keep_alive of its own"
        await model.unload("gemma3:1b")
        assert await model.loaded() == ()
        await model.close()


async def test_whole_and_streamed_answers_agree(model: OllamaModel) -> None:
    whole, pieces = await model.complete(question()), await streamed(model, question())
    assert pieces is not None
    assert whole.text == pieces.text
    assert whole.usage.prompt_tokens == pieces.usage.prompt_tokens > 0
    assert whole.usage.output_tokens > 0


async def test_digest_and_health_name_the_same_weights(fake: FakeOllama, model: OllamaModel) -> None:
    health = await model.health()
    assert await model.digest("GEMMA3:1B") == health.models["gemma3:1b"]
    assert health.version
    assert (await model.complete(question())).digest == health.models["gemma3:1b"]


async def test_a_pull_under_the_same_tag_brings_new_weights(model: OllamaModel) -> None:
    before = await model.digest("gemma3:1b")
    steps = [step async for step in model.pull("gemma3:1b")]
    assert steps[-1][0] == "success"
    assert any(total and done == total for _, done, total in steps)
    assert await model.digest("gemma3:1b") != before


@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        ("busy", {Failure.BUSY}),
        ("forbidden", {Failure.FORBIDDEN}),
        ("html", {Failure.WRONG_SERVER, Failure.UNREACHABLE}),
        ("close", {Failure.UNREACHABLE}),
        ("reset", {Failure.UNREACHABLE}),
        ("crash", {Failure.CRASHED}),
        ("oom", {Failure.OUT_OF_MEMORY}),
        ("cut", {Failure.BROKEN_STREAM, Failure.UNREACHABLE}),
        ("not_done", {Failure.NOT_DONE}),
        ("repeat", {Failure.REPEATED_TOKENS}),
        ("empty", {Failure.EMPTY}),
        ("length", {Failure.LENGTH}),
        ("load_oom", {Failure.OUT_OF_MEMORY}),
        ("load_crash", {Failure.LOADING_FAILED}),
        ("load_stall", {Failure.LOAD_STALLED}),
    ],
)
@pytest.mark.parametrize("way", ["whole", "streamed"])
async def test_every_fault_has_its_name_and_the_next_call_works(
    fault: str, kinds: set[Failure], way: str, fake: FakeOllama, model: OllamaModel
) -> None:
    fake.fail_next(fault)
    asked = question(max_tokens=200)  # room for what an old server repeats before it gives up
    call = model.complete(asked) if way == "whole" else streamed(model, asked)
    assert await failure_of(call) in kinds
    assert (await model.complete(question("Another text"))).text


@pytest.mark.parametrize("fault", ["hang", "stall", "headers_only"])
async def test_silence_is_cut_and_the_server_is_told(fault: str, tmp_path: Path) -> None:
    async with FakeOllama() as fake:
        model = OllamaModel(OllamaConfig(endpoint=fake.url), make_context(tmp_path))
        await model.open()
        fake.fail_next(fault, delay_s=3600.0) if fault == "stall" else fake.fail_next(fault)
        assert await failure_of(model.complete(question(idle_s=0.1))) is Failure.TIMEOUT_IDLE
        while fake.stats.in_flight:
            await asyncio.sleep(0.001)
        await model.close()


async def test_a_cancelled_question_frees_the_servers_slot(tmp_path: Path) -> None:
    async with FakeOllama() as fake:
        model = OllamaModel(OllamaConfig(endpoint=fake.url), make_context(tmp_path))
        await model.open()
        fake.hold()
        call = asyncio.create_task(model.complete(question()))
        while not fake.stats.in_flight:
            await asyncio.sleep(0.001)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        while fake.stats.in_flight:
            await asyncio.sleep(0.001)
        fake.release()
        assert (await model.complete(question())).text
        await model.close()


async def test_a_server_that_goes_and_comes_back_is_found_again(fake: FakeOllama, model: OllamaModel) -> None:
    assert (await model.complete(question())).text
    await fake.go_down()
    assert await failure_of(model.complete(question())) is Failure.UNREACHABLE
    assert not (await model.health()).reachable
    await fake.come_back()
    assert (await model.complete(question())).text
    assert (await model.health()).reachable


async def test_a_full_queue_of_cold_requests_is_busy(tmp_path: Path) -> None:
    async with FakeOllama(limits=Limits(max_queue=2)) as fake:
        model = OllamaModel(OllamaConfig(endpoint=fake.url), make_context(tmp_path))
        await model.open()
        fake.wedge()
        calls = [asyncio.create_task(model.complete(question(f"Text {i}"))) for i in range(8)]
        while fake.stats.busy < 1:
            await asyncio.sleep(0.001)
        fake.unwedge()
        ends = await asyncio.gather(*calls, return_exceptions=True)
        kinds = {end.kind for end in ends if isinstance(end, ModelFailure)}
        assert kinds == {Failure.BUSY}
        assert any(isinstance(end, Reply) for end in ends)
        await model.close()


async def test_a_prompt_beyond_the_window_is_too_long_where_the_server_can_say_so(tmp_path: Path) -> None:
    ends: dict[str, Any] = {}
    for profile in ("legacy", "0.12.6", "0.33+"):
        async with FakeOllama(profile=profile, time_scale=0) as fake:
            model = OllamaModel(OllamaConfig(endpoint=fake.url), make_context(tmp_path))
            await model.open()
            try:
                ends[profile] = await model.complete(question("many words " * 4000))
            except ModelFailure as failure:
                ends[profile] = failure.kind
            await model.close()
    assert ends["0.12.6"] is Failure.TOO_LONG
    assert ends["0.33+"] is Failure.TOO_LONG
    assert isinstance(ends["legacy"], Reply), "an old server cuts in silence"
    assert ends["legacy"].usage.prompt_tokens <= 2048, "which only its count of tokens tells"


async def test_a_bad_text_among_vectors_is_named(model: OllamaModel) -> None:
    texts = ["short"] * 5 + ["many words " * 4000] + ["short"]
    with pytest.raises(ModelFailure) as caught:
        await model.embed("nomic-embed-text", texts, num_ctx=2048)
    assert caught.value.kind is Failure.TOO_LONG
    assert caught.value.message.startswith("text 6 of 7:")


@pytest.mark.parametrize("fault", ["zero_vector", "not_normalised", "missing_vector"])
async def test_a_wrong_vector_is_never_returned(fault: str, fake: FakeOllama, model: OllamaModel) -> None:
    fake.fail_next(fault)
    assert await failure_of(model.embed("nomic-embed-text", ["a", "b"], num_ctx=2048)) is Failure.BAD_VECTOR
    assert (await model.embed("nomic-embed-text", ["a", "b"], num_ctx=2048)).shape == (2, 768)


async def test_asking_the_wrong_model_says_what_it_cannot_do(model: OllamaModel) -> None:
    assert await failure_of(model.complete(question(model="nomic-embed-text"))) is Failure.MISSING_CAPABILITY
    assert await failure_of(model.complete(question(model="no-such-model"))) is Failure.MISSING_MODEL
    assert await failure_of(model.embed("no-such-model", ["a"], num_ctx=512)) is Failure.MISSING_MODEL
    assert await failure_of(model.show("no-such-model")) is Failure.MISSING_MODEL


async def test_details_are_read(model: OllamaModel) -> None:
    details = await model.show("gemma3:4b")
    assert details.trained_ctx == 131072
    assert details.quantization == "Q4_K_M"
    assert "completion" in details.capabilities
