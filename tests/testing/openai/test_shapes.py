"""The fake OpenAI-compatible server answers in the shapes of the real ones (a llama-server was asked the same)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from leadd.testing.openai import FLAVOURS, QUIRKS, FakeOpenAI, Served

ASK = {"messages": [{"role": "user", "content": "Marketing, SEO and growth: yes or no?"}], "max_tokens": 40}
SCHEMA = {"type": "object", "properties": {"worth": {"type": "string", "enum": ["yes", "no"]}}, "required": ["worth"]}
FORM = {"type": "json_schema", "json_schema": {"name": "a", "schema": SCHEMA}}


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def post(
    http: aiohttp.ClientSession, fake: FakeOpenAI, path: str = "/v1/chat/completions", **body: Any
) -> tuple[int, Any]:
    model = fake.model_names[0]
    async with http.post(fake.url + path, json={"model": model, **ASK, **body} if "chat" in path else body) as answer:
        return answer.status, json.loads(await answer.read())


async def get(http: aiohttp.ClientSession, fake: FakeOpenAI, path: str) -> tuple[int, Any]:
    async with http.get(fake.url + path) as answer:
        raw = await answer.read()
        return answer.status, json.loads(raw) if raw else None


async def stream(http: aiohttp.ClientSession, fake: FakeOpenAI, **body: Any) -> list[Any]:
    asked = {"model": fake.model_names[0], **ASK, "stream": True, **body}
    async with http.post(f"{fake.url}/v1/chat/completions", json=asked) as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        lines = [line for line in (await answer.text()).splitlines() if line.startswith("data: ")]
    assert lines[-1] == "data: [DONE]"
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-1]]


async def test_a_llama_server_tells_times_and_what_it_had_cached(http: aiohttp.ClientSession) -> None:
    async with FakeOpenAI() as fake:
        (_, first), (_, again) = await post(http, fake), await post(http, fake)
    assert first["object"] == "chat.completion"
    assert first["choices"][0]["message"]["role"] == "assistant"
    assert first["choices"][0]["finish_reason"] == "stop"
    assert first["timings"]["cache_n"] == 0
    assert again["timings"]["cache_n"] == again["usage"]["prompt_tokens_details"]["cached_tokens"] > 0
    assert again["timings"]["prompt_n"] + again["timings"]["cache_n"] == again["usage"]["prompt_tokens"]


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_a_stream_makes_the_same_answer(flavour: str, http: aiohttp.ClientSession) -> None:
    async with FakeOpenAI(flavour, split=5) as fake:
        _, whole = await post(http, fake, response_format=FORM)
        events = await stream(http, fake, response_format=FORM, stream_options={"include_usage": True})
    *pieces, last, usage = events
    text = "".join(piece["choices"][0]["delta"].get("content") or "" for piece in pieces)
    assert text == whole["choices"][0]["message"]["content"]
    assert json.loads(text)["worth"] in ("yes", "no")
    assert (last["choices"][0]["delta"], last["choices"][0]["finish_reason"]) == ({}, "stop")
    assert (usage["choices"], usage["usage"]["completion_tokens"]) == ([], whole["usage"]["completion_tokens"])
    assert ("timings" in usage) is (flavour == "llamacpp")


@pytest.mark.parametrize("flavour", FLAVOURS)
async def test_log_probabilities_stand_beside_the_tokens(flavour: str, http: aiohttp.ClientSession) -> None:
    async with FakeOpenAI(flavour) as fake:
        status, whole = await post(http, fake, logprobs=True, top_logprobs=5)
        assert status == 200
        found = whole["choices"][0].get("logprobs")
        if flavour == "lmstudio":
            assert found is None
            return
        assert whole["choices"][0]["message"]["content"] == found["content"][0]["token"] == "yes"
        assert [entry["token"] for entry in found["content"][0]["top_logprobs"]][:2] == ["yes", "no"]
        events = await stream(http, fake, logprobs=True, top_logprobs=5)
    assert any(event["choices"][0].get("logprobs") for event in events)


async def test_each_server_has_its_own_words_for_what_is_wrong(http: aiohttp.ClientSession) -> None:
    long = [{"role": "user", "content": "many words " * 4000}]
    async with FakeOpenAI() as llamacpp, FakeOpenAI("vllm") as vllm, FakeOpenAI("lmstudio") as lmstudio:
        status, body = await post(http, llamacpp, messages=long)
        assert (status, body["error"]["type"], body["error"]["n_ctx"]) == (400, "exceed_context_size_error", 4096)
        status, body = await post(http, vllm, messages=long)
        assert (status, body["error"]["type"], body["error"]["code"]) == (400, "BadRequestError", 400)
        status, body = await post(http, lmstudio, messages=long)
        assert (status, type(body["error"])) == (400, str)

        assert (await post(http, llamacpp, model="anything"))[0] == 200, "it answers whatever the name"
        assert (await post(http, vllm, model="anything"))[0] == 404
        assert (await post(http, lmstudio, model="anything"))[0] == 200, "one model is loaded: it answers"
        await post(http, lmstudio, model=lmstudio.model_names[1])
        status, body = await post(http, lmstudio, model="anything")
        assert (status, body["error"]["code"]) == (404, "model_not_found")

        assert await get(http, llamacpp, "/nope") == (
            404, {"error": {"code": 404, "message": "File Not Found", "type": "not_found_error"}},
        )  # fmt: skip
        assert await get(http, vllm, "/nope") == (404, {"detail": "Not Found"})
        assert await get(http, lmstudio, "/nope") == (200, {"error": "Unexpected endpoint or method. (GET /nope)"})
        assert (await post(http, lmstudio, response_format={"type": "json_object"}))[0] == 400


async def test_the_windows_end_is_the_answers_end(http: aiohttp.ClientSession) -> None:
    async with FakeOpenAI(num_ctx=20) as fake:
        fake.enqueue("word " * 100)
        _, body = await post(http, fake, max_tokens=500)
        assert body["choices"][0]["finish_reason"] == "length"
        assert body["usage"]["total_tokens"] == 20


async def test_while_it_loads_a_llama_server_answers_nothing_else(http: aiohttp.ClientSession) -> None:
    async with FakeOpenAI() as fake:
        fake.start_loading()
        for path in ("/health", "/v1/models", "/props"):
            assert await get(http, fake, path) == (
                503, {"error": {"code": 503, "message": "Loading model", "type": "unavailable_error"}},
            )  # fmt: skip
        fake.finish_loading()
        assert await get(http, fake, "/health") == (200, {"status": "ok"})


async def test_what_a_server_says_of_itself(http: aiohttp.ClientSession) -> None:
    async with FakeOpenAI(models=[Served("m", aliases=("n",))], slots=3) as fake:
        _, models = await get(http, fake, "/v1/models")
        assert models["data"][0]["owned_by"] == "llamacpp"
        assert models["data"][0]["meta"]["n_params"] > 0
        _, props = await get(http, fake, "/props")
        assert (props["total_slots"], props["default_generation_settings"]["n_ctx"]) == (3, 4096)
        assert len((await get(http, fake, "/slots"))[1]) == 3
    async with FakeOpenAI("vllm") as fake:
        assert (await get(http, fake, "/health")) == (200, None)
        assert (await get(http, fake, "/v1/models"))[1]["data"][0]["max_model_len"] == 4096
    async with FakeOpenAI("lmstudio") as fake:
        await post(http, fake)
        _, details = await get(http, fake, "/api/v0/models")
        assert [row["state"] for row in details["data"]] == ["loaded", "not-loaded", "not-loaded"]
        assert fake.stats.loads == {fake.model_names[0]: 1}


async def test_vectors_come_for_each_text_under_its_index(http: aiohttp.ClientSession) -> None:
    async with FakeOpenAI(embeddings=True, split=1) as fake:
        _, body = await post(http, fake, "/v1/embeddings", input=["a plumber", "marketing", "a plumber"])
        rows = sorted(body["data"], key=lambda row: row["index"])
        assert rows[0]["embedding"] == rows[2]["embedding"] != rows[1]["embedding"]
        assert sum(value * value for value in rows[0]["embedding"]) == pytest.approx(1.0, abs=1e-4)
        assert (await post(http, fake, "/v1/embeddings", input=[]))[0] == 400
    async with FakeOpenAI() as fake:
        assert (await post(http, fake, "/v1/embeddings", input=["a"]))[0] == 501


def test_unknown_names_are_refused() -> None:
    for wrong in ({"flavour": "gpt"}, {"quirks": ["no_sense"]}):
        with pytest.raises(ValueError, match="use "):
            FakeOpenAI(**wrong)  # type: ignore[arg-type]


def test_every_quirk_stands_in_the_doc() -> None:
    for quirk in QUIRKS:
        assert quirk in (FakeOpenAI.__doc__ or "")
