"""The plugin on a real socket against scripted servers: ends of a conversation that no faithful server makes."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from blockbuster import blockbuster_ctx
from leadd_openai import OpenAIConfig, OpenAIModel
from leadd_openai.wire import LARGE_BODY_BYTES

from leadd.api import Failure, Message, ModelFailure, ModelRequest, Role
from leadd.testing.clock import ManualClock
from leadd.testing.context import make_context
from leadd.testing.raw_server import RawConversation, RawRequest, RawServer, body_answer, head, json_answer, silence

MODELS = {"object": "list", "data": [{"id": "m", "object": "model", "owned_by": "somebody"}]}
SSE = head(200, "text/event-stream", transfer_encoding="chunked")
Opened = Callable[..., contextlib.AbstractAsyncContextManager[OpenAIModel]]


def question(**changes: Any) -> ModelRequest:
    values: dict[str, Any] = {
        "role": Role.TRIAGE,
        "model": "m",
        "messages": (Message("user", "We hire."),),
        "max_tokens": 300,
        "num_ctx": 2048,
        "idle_s": 30.0,
        "total_s": 30.0,
    }
    return ModelRequest(**{**values, **changes})


@pytest.fixture
def opened(tmp_path: Path) -> Opened:
    @contextlib.asynccontextmanager
    async def open_model(server: RawServer | str, **config: Any) -> AsyncIterator[OpenAIModel]:
        url = server if isinstance(server, str) else server.url
        settings = OpenAIConfig.model_validate({"endpoint": url, **config})
        model = OpenAIModel(settings, make_context(tmp_path, ManualClock()))
        await model.open()
        try:
            yield model
        finally:
            await model.close()

    return open_model


def by_path(chat: Any, models: Any = MODELS) -> Any:
    """One answer for questions, another for the list of models; anything else is a plain 404."""

    async def answer(request: RawRequest, talk: RawConversation) -> None:
        given = {"/v1/chat/completions": chat, "/v1/models": models}.get(request.path)
        given = given if given is not None else body_answer(b"404", 404, "text/plain")
        await (given if callable(given) else json_answer(given))(request, talk)

    return answer


def event(content: str, finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": {"content": content}, "finish_reason": finish}
    return b"data: " + json.dumps({"model": "m", "choices": [choice]}, ensure_ascii=False).encode() + b"\n\n"


def stream(body: bytes, *, size: int = 0, ends: str = "in order") -> Any:
    """Answer with a stream of this body, cut into chunks of `size` bytes."""

    async def answer(request: RawRequest, talk: RawConversation) -> None:
        await talk.send(SSE)
        step = size or max(1, len(body))
        for at in range(0, len(body), step):
            await talk.send_chunk(body[at : at + step])
        if ends == "in order":
            await talk.send(b"0\r\n\r\n")
        elif ends == "cut":
            talk.abort()
        else:
            await talk.wait_for_client_to_go()

    return answer


WHOLE = event("grü") + event("ße") + event("!", "stop") + b"data: [DONE]\n\n"


async def failure_of(awaitable: Any) -> ModelFailure:
    with pytest.raises(ModelFailure) as caught:
        await awaitable
    return caught.value


@pytest.mark.parametrize("size", [1, 2, 5, 17, 1000])
async def test_a_stream_is_read_however_it_is_cut(size: int, opened: Opened) -> None:
    async with RawServer(by_path(stream(WHOLE, size=size))) as server, opened(server) as model:
        chunks = [chunk async for chunk in model.stream(question())]
    assert [chunk.text for chunk in chunks] == ["grü", "ße", "!", ""]
    assert chunks[-1].reply is not None
    assert chunks[-1].reply.text == "grüße!"


async def test_a_server_that_stays_on_the_line_after_its_end_is_left(opened: Opened) -> None:
    async with RawServer(by_path(stream(WHOLE, ends="open"))) as server, opened(server) as model:
        for _ in range(2):
            assert (await model.complete(question())).text == "grüße!"
        assert server.connections == 2, "what may still come on such a connection is not waited for"


@pytest.mark.parametrize(
    ("body", "ends", "kind"),
    [
        (event("a"), "cut", Failure.BROKEN_STREAM),
        (WHOLE[:-40], "cut", Failure.BROKEN_STREAM),
        (event("a"), "in order", Failure.NOT_DONE),
        (event("a") + b"data: [DONE]\n\n", "in order", Failure.NOT_DONE),
        (event("a") + event("b")[:30], "in order", Failure.BROKEN_STREAM),
        (b"data: <html>\n\n", "in order", Failure.WRONG_SERVER),
        (b"data: [1]\n\n", "in order", Failure.WRONG_SERVER),
        (b"", "in order", Failure.NOT_DONE),
        (event("a") + b'data: {"error":{"message":"Compute error.","code":500}}\n\n', "in order", Failure.CRASHED),
        (b'event: error\ndata: {"error":{"message":"nobody knows"}}\n\n', "in order", Failure.SERVER_ERROR),
    ],
)
async def test_every_other_end_of_a_stream_has_a_name(body: bytes, ends: str, kind: Failure, opened: Opened) -> None:
    async with RawServer(by_path(stream(body, ends=ends))) as server, opened(server) as model:
        assert (await failure_of(model.complete(question()))).kind is kind


async def test_pings_are_no_answer(opened: Opened) -> None:
    """A server that keeps its line open with comments while it does nothing is as silent as any other."""

    async def ping(request: RawRequest, talk: RawConversation) -> None:
        await talk.send(SSE)
        for _ in range(3000):
            await talk.send_chunk(b": ping\n\n")
            await asyncio.sleep(0.01)

    async with RawServer(by_path(ping)) as server, opened(server) as model:
        assert (await failure_of(model.complete(question(idle_s=0.3)))).kind is Failure.TIMEOUT_IDLE


async def test_an_answer_after_its_end_counts_though_the_line_breaks(opened: Opened) -> None:
    async with RawServer(by_path(stream(WHOLE, ends="cut"))) as server, opened(server) as model:
        assert (await model.complete(question())).text == "grüße!"


async def test_a_server_that_does_not_stream_is_read_as_it_is(opened: Opened) -> None:
    whole = {"model": "m", "choices": [{"message": {"content": "yes"}, "finish_reason": "stop"}]}
    async with RawServer(by_path(whole)) as server, opened(server) as model:
        chunks = [chunk async for chunk in model.stream(question())]
        assert [chunk.text for chunk in chunks] == ["yes", ""]
    async with RawServer(by_path({"error": "Unexpected endpoint or method. (POST /x)"})) as server, opened(server) as model:
        assert (await failure_of(model.complete(question()))).kind is Failure.WRONG_SERVER


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (body_answer(b"", 302, location="http://elsewhere.example/"), Failure.WRONG_SERVER),
        (body_answer(b"<html>hello</html>", 200, "text/html"), Failure.WRONG_SERVER),
        (json_answer({"models": []}), Failure.WRONG_SERVER),
        (json_answer({"error": "no"}, 503, retry_after=3), Failure.BUSY),
        (silence, Failure.TIMEOUT_TOTAL),
    ],
)
async def test_a_list_of_models_that_is_none_makes_a_server_unreachable(answer: Any, kind: Failure, opened: Opened) -> None:
    async with RawServer(answer) as server, opened(server, probe_s=0.3) as model:
        health = await model.health()
        assert not health.reachable
        assert health.reason
        assert (await failure_of(model.digest("m"))).kind in (kind, Failure.TIMEOUT_IDLE)


async def test_a_closed_connection_in_the_pool_is_no_failure(opened: Opened) -> None:
    """llama-server closes a connection that was quiet for five seconds."""

    async def close_after(request: RawRequest, talk: RawConversation) -> None:
        await json_answer(MODELS)(request, talk)
        await asyncio.sleep(0.05)
        talk.abort()

    async with RawServer(close_after, by_path(stream(WHOLE))) as server, opened(server) as model:
        await model.health()
        await asyncio.sleep(0.1)
        assert (await model.complete(question())).text


async def test_nothing_blocks_the_loop(opened: Opened) -> None:
    big = {"data": [{"index": 0, "embedding": [1.0, 0.0] * (LARGE_BODY_BYTES // 8)}]}

    async def answer(request: RawRequest, talk: RawConversation) -> None:
        await (json_answer(big) if request.path == "/v1/embeddings" else by_path(stream(WHOLE)))(request, talk)

    async with RawServer(answer) as server, opened(server) as model:
        with blockbuster_ctx():
            await model.health()
            await model.complete(question())
            await model.embed("m", ["a"], num_ctx=512)


async def test_texts_go_nowhere_but_to_the_server(opened: Opened, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    async with RawServer(by_path(stream(WHOLE))) as server, opened(server) as model:
        assert (await model.complete(question())).text
        sent = server.requests[-1]
    assert sent.json()["stream"] is True
    assert "authorization" not in sent.headers
    assert "num_ctx" not in json.dumps(sent.json())


async def test_a_question_without_text_is_not_sent(opened: Opened) -> None:
    async with RawServer(by_path(stream(WHOLE))) as server, opened(server) as model:
        failure = await failure_of(model.complete(question(messages=(Message("system", "x"), Message("user", " ")))))
        assert failure.kind is Failure.EMPTY
        assert [request.path for request in server.requests] == ["/v1/models"]
