"""Servers that lack something: what they refuse is not sent again, and loading ends in a state with a name."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from leadd_openai import OpenAIConfig, OpenAIModel

from leadd.api import Failure, Message, ModelFailure, ModelRequest, Role
from leadd.testing.clock import ManualClock
from leadd.testing.context import make_context
from leadd.testing.openai import FakeOpenAI, Served

SCHEMA = {"type": "object", "properties": {"worth": {"type": "string", "enum": ["yes", "no"]}}, "required": ["worth"]}


def question(model: str, **changes: object) -> ModelRequest:
    base = ModelRequest(Role.TRIAGE, model, (Message("user", "We hire a marketer."),), 300, 2048, SCHEMA)
    return ModelRequest(**{**{name: getattr(base, name) for name in base.__dataclass_fields__}, **changes})


async def opened(fake: FakeOpenAI, folder: Path, clock: ManualClock | None = None, **config: object) -> OpenAIModel:
    model = OpenAIModel(OpenAIConfig.model_validate({"endpoint": fake.url, **config}), make_context(folder, clock))
    await model.open()
    return model


@pytest.mark.parametrize(
    ("flavour", "quirk", "calls"),
    [
        ("llamacpp", "no_json_schema", 2),
        ("llamacpp", "no_response_format", 4),
        ("vllm", "no_json_schema", 2),
        ("lmstudio", "no_stream_options", 2),
        ("vllm", "no_stream_options", 2),
    ],
)
async def test_what_a_server_refuses_is_not_sent_again(
    flavour: str, quirk: str, calls: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with FakeOpenAI(flavour, quirks=(quirk,)) as fake:
        model = await opened(fake, tmp_path)
        path, name = "/v1/chat/completions", fake.model_names[0]
        with caplog.at_level(logging.WARNING):
            await model.complete(question(name))
        assert fake.stats.calls[path] == calls
        assert len(caplog.records) == calls - 1, "each thing that is left out is said once"
        await model.complete(question(name))
        assert fake.stats.calls[path] == calls + 1
        await model.close()


async def test_a_schema_that_a_server_cannot_read_spoils_no_other(tmp_path: Path) -> None:
    async with FakeOpenAI() as fake:
        model = await opened(fake, tmp_path)
        name = fake.model_names[0]
        await model.complete(question(name, schema={"type": "hiccup"}))
        fake.stats.reset()
        await model.complete(question(name))
        assert fake.stats.calls["/v1/chat/completions"] == 1
        await model.close()


async def test_log_probabilities_in_vain_are_no_capability(tmp_path: Path) -> None:
    for quirk in ("no_logprobs", "refuses_logprobs"):
        async with FakeOpenAI("vllm", quirks=(quirk,)) as fake:
            name = fake.model_names[0]
            model = await opened(fake, tmp_path)
            await model.health()
            assert model.capabilities.logprobs, "so its kind promises"
            await model.preload(name, num_ctx=2048)
            assert not model.capabilities.logprobs
            assert (await model.complete(question(name))).text
            await model.close()


async def test_a_refusal_of_log_probabilities_is_a_missing_capability(tmp_path: Path) -> None:
    async with FakeOpenAI("vllm", quirks=("refuses_logprobs",)) as fake:
        model = await opened(fake, tmp_path)
        with pytest.raises(ModelFailure) as caught:
            await model.complete(question(fake.model_names[0], schema=None, labels=("yes", "no")))
        assert caught.value.kind is Failure.MISSING_CAPABILITY
        assert not model.capabilities.logprobs
        await model.close()


async def test_options_that_only_some_know_go_only_to_those(tmp_path: Path) -> None:
    options = {"temperature": 0.5, "top_k": 3, "repeat_penalty": 1.2, "mirostat": 1}
    for flavour, sent in (("vllm", "repetition_penalty"), ("llamacpp", "repeat_penalty"), ("other", None)):
        async with FakeOpenAI("lmstudio" if flavour == "other" else flavour) as fake:
            model = await opened(fake, tmp_path, flavour=flavour)
            await model.health()
            entry = model.catalog.entries[0]  # type: ignore[union-attr]
            payload = model._question(question(entry.id, options=options), entry, stream=False)
            assert payload["temperature"] == 0.5
            assert "mirostat" not in payload
            assert ("top_k" in payload) is (flavour != "other")
            assert sent is None or payload[sent] == 1.2
            await model.close()


async def test_a_preload_waits_until_the_server_has_loaded(tmp_path: Path) -> None:
    clock = ManualClock()
    async with FakeOpenAI() as fake:
        fake.start_loading()
        model = await opened(fake, tmp_path, clock)
        health = await model.health()
        assert not health.reachable
        assert "Loading model" in health.reason
        with pytest.raises(ModelFailure) as caught:
            await model.complete(question(fake.model_names[0]))
        assert caught.value.kind is Failure.BUSY
        load = asyncio.create_task(model.preload(fake.model_names[0], num_ctx=2048))
        async with asyncio.timeout(20):
            for _ in range(10_000):
                if load.done():
                    break
                if fake.stats.calls["/v1/models"] >= 4:
                    fake.finish_loading()
                await clock.advance(1.0)
                await asyncio.sleep(0.002)
            await load
        assert fake.stats.calls["/v1/models"] >= 4
        assert fake.stats.preloads == 1
        await model.close()


async def test_a_load_without_end_is_stalled(tmp_path: Path) -> None:
    async with FakeOpenAI("lmstudio") as fake:
        model = await opened(fake, tmp_path, load_s=0.2)
        fake.fail_next("load_stall", endpoint="load")
        with pytest.raises(ModelFailure) as caught:
            await model.preload(fake.model_names[0], num_ctx=2048)
        assert caught.value.kind is Failure.LOAD_STALLED
        await model.close()


@pytest.mark.parametrize(("fault", "kind"), [("load_oom", Failure.OUT_OF_MEMORY), ("load_crash", Failure.LOADING_FAILED)])
async def test_a_load_that_fails_says_why(fault: str, kind: Failure, tmp_path: Path) -> None:
    async with FakeOpenAI("lmstudio") as fake:
        model = await opened(fake, tmp_path)
        name = fake.model_names[1]
        fake.fail_next(fault, endpoint="load")
        with pytest.raises(ModelFailure) as caught:
            await model.preload(name, num_ctx=2048)
        assert caught.value.kind is kind
        await model.preload(name, num_ctx=2048)
        assert fake.stats.loads == {name: 1}
        await model.close()


async def test_a_model_for_vectors_is_loaded_by_a_vector(tmp_path: Path) -> None:
    async with FakeOpenAI("lmstudio") as fake:
        model = await opened(fake, tmp_path)
        await model.preload(fake.model_names[2], num_ctx=512)
        assert fake.stats.texts_embedded == 1
        await model.close()
    async with FakeOpenAI(models=["nomic-embed-text"], embeddings=True) as fake:
        model = await opened(fake, tmp_path)
        await model.preload("nomic-embed-text", num_ctx=512)
        assert fake.stats.texts_embedded == 1
        await model.close()


async def test_a_small_window_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with FakeOpenAI(num_ctx=1024) as fake:
        model = await opened(fake, tmp_path)
        with caplog.at_level(logging.WARNING):
            await model.preload(fake.model_names[0], num_ctx=2048)
        assert "window of 1024 tokens, 2048 are set" in caplog.text
        assert "window of 1024 tokens" in str(await model.check())
        await model.close()


async def test_an_answer_of_another_model_is_not_taken(tmp_path: Path) -> None:
    """LM Studio answers with the one model it has loaded, whatever the name; what it has was read a moment ago."""
    clock = ManualClock()
    async with FakeOpenAI("lmstudio", models=[Served("one"), Served("two")]) as fake:
        model = await opened(fake, tmp_path, clock)
        await model.complete(question("one"))
        fake._house.models.pop("two")
        with pytest.raises(ModelFailure) as caught:
            await model.complete(question("two"))
        assert caught.value.kind is Failure.MISSING_MODEL
        await model.close()


async def test_a_model_is_sent_out_where_a_server_lets_others_do_that(tmp_path: Path) -> None:
    async with FakeOpenAI("lmstudio") as fake:
        model = await opened(fake, tmp_path)
        name = fake.model_names[0]
        await model.preload(name, num_ctx=2048)
        await model.unload(name)
        assert fake.stats.unloads == {name: 1}
        await model.unload(name)
        assert (await model.health()).loaded == ()
        await model.close()
    for flavour, quirks in (("llamacpp", ()), ("vllm", ()), ("lmstudio", ("no_status_paths",))):
        async with FakeOpenAI(flavour, quirks=quirks) as fake:
            model = await opened(fake, tmp_path)
            await model.unload(fake.model_names[0])
            await model.unload("no-such-model")
            await model.close()
