"""The contract about chat, generate, embeddings, loading and unloading."""

from __future__ import annotations

import json
import math
import threading
import time
from typing import Any

import ollama
import pytest

from leadd.testing.ollama.contract_base import HI, SCHEMA, SHORT, ContractBase, Served
from leadd.testing.ollama.raw import connect, send


class TalkContract(ContractBase):
    """Chat, generate, embeddings, loading and unloading."""

    def test_a_whole_chat_answer(self, server: Served, client: ollama.Client) -> None:
        shape = server.chat().json()
        assert shape["message"]["role"] == "assistant"
        assert shape["done"] is True
        assert shape["model"] == server.model
        _check_figures(shape)
        assert client.chat(server.model, HI, options=SHORT).message.content

    def test_a_streamed_chat_answer(self, server: Served, client: ollama.Client) -> None:
        reply = server.post("/api/chat", {"model": server.model, "messages": HI, "options": SHORT})
        assert reply.headers["content-type"] == "application/x-ndjson"
        assert reply.headers["transfer-encoding"] == "chunked"
        *events, last = reply.lines()
        assert all(event["done"] is False and event.keys() == {"model", "created_at", "message", "done"} for event in events)
        assert last["done"] is True
        _check_figures(last)
        chunks = list(client.chat(server.model, HI, stream=True, options=SHORT))
        assert chunks[-1].done

    def test_generate_whole_and_streamed(self, server: Served, client: ollama.Client) -> None:
        body: dict[str, Any] = {"model": server.model, "prompt": "Hi", "options": SHORT}
        shape = server.post("/api/generate", body | {"stream": False}).json()
        _check_figures(shape)
        assert len(shape["context"]) >= shape["prompt_eval_count"]
        assert "context" not in server.post("/api/generate", body | {"stream": False, "raw": True}).json()
        lines = server.post("/api/generate", body).lines()
        assert "".join(line["response"] for line in lines)
        assert "context" in lines[-1]
        assert client.generate(server.model, "Hi", options=SHORT).done

    async def test_the_async_client(self, server: Served) -> None:
        client = ollama.AsyncClient(host=server.url, timeout=120, verify=False, trust_env=False)
        try:
            assert (await client.chat(server.model, HI, options=SHORT)).done
            chunks = [chunk async for chunk in await client.generate(server.model, "Hi", stream=True, options=SHORT)]
            assert chunks[-1].done
            assert (await client.ps()).models[0].name
            assert len((await client.embed(server.model, "a", options=SHORT)).embeddings) == 1
        finally:
            await client._client.aclose()

    def test_the_cap_ends_an_answer_with_length(self, server: Served) -> None:
        shape = server.chat(options=SHORT | {"num_predict": 1}).json()
        assert (shape["done_reason"], shape["eval_count"]) == ("length", 1)

    def test_an_answer_follows_the_schema(self, server: Served) -> None:
        shape = server.chat(format=SCHEMA, options=SHORT | {"num_predict": 60}).json()
        assert shape["done_reason"] == "stop"
        assert json.loads(shape["message"]["content"])["worth"] in ("yes", "no")

    @pytest.mark.parametrize("bad", ["xml", 12, [], {"type": "nonsense"}])
    def test_a_bad_format(self, server: Served, bad: object) -> None:
        whole = server.chat(format=bad)
        assert whole.status in (400, 500)
        streamed = server.chat(format=bad, stream=True)
        if server.profile.early_error_status:
            assert streamed.status == whole.status
        else:
            assert streamed.status == 200
            assert streamed.lines() == [whole.json()]

    def test_unknown_fields_and_options_are_ignored(self, server: Served) -> None:
        assert server.chat(no_such_field=1, options=SHORT | {"no_such_option": 1, "mirostat": 2}).json()["done"] is True

    def test_the_name_comes_back_as_it_was_asked(self, server: Served) -> None:
        for name in (server.model.upper(), f"library/{server.model}"):
            assert server.chat(model=name).json()["model"] == name

    def test_an_empty_question_loads_and_one_with_zero_keep_alive_unloads(self, server: Served) -> None:
        server.unload()
        empties: tuple[tuple[str, dict[str, Any]], ...] = (("/api/chat", {"messages": []}), ("/api/generate", {}))
        for path, body in empties:
            reply = server.post(path, {"model": server.model, "options": SHORT} | body)
            assert reply.headers["content-type"] == "application/json; charset=utf-8"
            assert (reply.json()["done"], reply.json()["done_reason"]) == (True, "load")
            assert "total_duration" not in reply.json()
            assert server.loaded()
            gone = server.post(path, {"model": server.model, "keep_alive": 0} | body).json()
            assert (gone["done"], gone["done_reason"]) == (True, "unload")
            server.unload()
            assert not server.loaded()

    def test_ps_and_keep_alive(self, server: Served, client: ollama.Client) -> None:
        server.chat(keep_alive="10m")
        entry = server.get("/api/ps").json()["models"][0]
        assert {"name", "model", "size", "size_vram", "digest", "details", "expires_at"} <= entry.keys()
        assert ("context_length" in entry) == server.profile.ps_context_length
        ten = client.ps().models[0].expires_at
        server.chat()
        again = client.ps().models[0].expires_at
        server.chat(keep_alive=-1)
        ever = client.ps().models[0].expires_at
        assert ten is not None
        assert again is not None
        assert ever is not None
        assert 0 <= (again - ten).total_seconds() < 60
        assert (ever - ten).total_seconds() > 1e9
        server.chat(keep_alive="5m")

    def test_zero_keep_alive_unloads_after_the_answer(self, server: Served) -> None:
        assert server.chat(keep_alive=0).json()["done"] is True
        end = time.monotonic() + 20
        while server.loaded() and time.monotonic() < end:
            time.sleep(0.02)
        assert server.loaded() == []

    def test_another_window_reloads_and_the_same_does_not(self, server: Served) -> None:
        server.unload()
        times = [server.chat(options=SHORT | {"num_ctx": window}).json()["load_duration"] for window in (512, 512, 1024, 1024)]
        assert times[1] < times[0]
        assert times[3] < times[2]

    def test_a_client_that_leaves_frees_the_model(self, server: Served) -> None:
        server.chat()
        with connect(server.url) as sock:
            send(sock, "POST", "/api/chat", {
                "model": server.model, "messages": [{"role": "user", "content": "Tell me a long story."}],
                "options": SHORT | {"num_predict": 400},
            })  # fmt: skip
            sock.recv(64)
        started = time.monotonic()
        assert server.chat().json()["done"] is True
        assert time.monotonic() - started < 30

    def test_one_slot_answers_one_after_the_other(self, server: Served) -> None:
        server.chat()
        done: list[dict[str, Any]] = []
        threads = [threading.Thread(target=lambda: done.append(server.chat().json())) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [shape["done"] for shape in done] == [True] * 3

    def test_the_oldest_messages_are_dropped_in_silence(self, server: Served) -> None:
        history = [{"role": "user", "content": "old words " * 400}, {"role": "assistant", "content": "ok"}]
        shape = server.chat(messages=[{"role": "system", "content": "Be kind."}, *history, *HI]).json()
        assert shape["done"] is True
        assert shape["prompt_eval_count"] < 400

    def test_embed(self, server: Served, client: ollama.Client) -> None:
        shape = server.post("/api/embed", {"model": server.model, "input": ["a b", "c d", "a b"], "options": SHORT}).json()
        one, other, again = shape["embeddings"]
        assert math.isclose(sum(value * value for value in one), 1.0, rel_tol=1e-4)
        assert sum(x * y for x, y in zip(one, again, strict=True)) > sum(x * y for x, y in zip(one, other, strict=True))
        assert shape["prompt_eval_count"] >= 3
        assert shape["total_duration"] >= shape["load_duration"]
        assert len(client.embed(server.model, ["a"], options=SHORT).embeddings[0]) == len(one)

    @pytest.mark.parametrize("empty", ["", []])
    def test_embedding_nothing(self, server: Served, empty: object) -> None:
        body: dict[str, object] = {"model": server.model, "input": empty, "options": SHORT}
        assert server.post("/api/embed", body).json() == {"model": server.model, "embeddings": []}

    def test_embedding_what_is_no_text(self, server: Served) -> None:
        for wrong in ([1], 5):
            reply = server.post("/api/embed", {"model": server.model, "input": wrong})
            assert (reply.status, reply.json()) == (400, {"error": "invalid input type"})

    def test_one_empty_text_fails_the_whole_batch(self, server: Served) -> None:
        assert server.post("/api/embed", {"model": server.model, "input": ["a", ""], "options": SHORT}).status in (400, 500)

    def test_a_text_too_long_to_embed_without_cutting(self, server: Served) -> None:
        body = {"model": server.model, "input": "word " * 900, "truncate": False, "options": SHORT}
        reply = server.post("/api/embed", body)
        assert reply.status == 400
        assert "context length" in reply.json()["error"]

    def test_the_old_embeddings_endpoint_does_not_normalise(self, server: Served, client: ollama.Client) -> None:
        body: dict[str, Any] = {"model": server.model, "prompt": "a b c", "options": SHORT}
        vector = server.post("/api/embeddings", body).json()["embedding"]
        assert abs(sum(value * value for value in vector) - 1.0) > 0.01
        assert server.post("/api/embeddings", body | {"prompt": ""}).json() == {"embedding": []}
        assert len(client.embeddings(server.model, "a b c", options=SHORT).embedding) == len(vector)


def _check_figures(shape: dict[str, Any]) -> None:
    """The figures of a final event: whole nanoseconds that fit together, and a reason."""
    for name in ("total_duration", "load_duration", "prompt_eval_count", "prompt_eval_duration", "eval_count", "eval_duration"):
        assert type(shape[name]) is int
        assert shape[name] > 0
    parts = shape["load_duration"] + shape["prompt_eval_duration"] + shape["eval_duration"]
    assert shape["total_duration"] * 1.05 + 20_000 >= parts
    assert shape["done_reason"] in ("stop", "length")
    assert shape["created_at"].endswith("Z")
