"""The plugin on a real socket against scripted servers: every way in which a conversation can end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blockbuster import blockbuster_ctx

from leadd.api import Chunk, Failure, Message, ModelFailure, ModelRequest, Reply, Role
from leadd.builtin.ollama import OllamaConfig, OllamaModel
from leadd.builtin.ollama.wire import LARGE_BODY_BYTES
from leadd.testing.clock import ManualClock
from leadd.testing.context import make_context
from leadd.testing.raw_server import (
    RawConversation,
    RawRequest,
    RawServer,
    body_answer,
    hang_up,
    head,
    json_answer,
    silence,
    stream_answer,
)

DONE = {
    "model": "m",
    "message": {"role": "assistant", "content": '{"worth": "yes"}'},
    "done": True,
    "done_reason": "stop",
    "total_duration": 412_000_000,
    "prompt_eval_count": 512,
    "eval_count": 24,
}
TAGS = {"models": [{"name": "gemma3:1b", "digest": "aaa"}, {"name": "nomic-embed-text:latest", "digest": "bbb"}]}

Opened = Callable[..., contextlib.AbstractAsyncContextManager[OllamaModel]]


def question(**changes: Any) -> ModelRequest:
    values: dict[str, Any] = {
        "role": Role.TRIAGE,
        "model": "gemma3:1b",
        "messages": (Message("user", "We hire."),),
        "max_tokens": 24,
        "num_ctx": 2048,
        "schema": {"type": "object"},
        "idle_s": 30.0,
        "total_s": 30.0,
    }
    return ModelRequest(**{**values, **changes})


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def opened(tmp_path: Path, clock: ManualClock) -> Opened:
    @contextlib.asynccontextmanager
    async def open_model(server: RawServer | str, **config: Any) -> AsyncIterator[OllamaModel]:
        url = server if isinstance(server, str) else server.url
        model = OllamaModel(OllamaConfig(endpoint=url, **config), make_context(tmp_path, clock))
        await model.open()
        try:
            yield model
        finally:
            await model.close()

    return open_model


def by_path(**answers: Any) -> Any:
    """One answer per path: version=…, tags=…, chat=… (anything else is a plain 404)."""

    async def answer(request: RawRequest, talk: RawConversation) -> None:
        name = request.path.removeprefix("/api/")
        given = answers.get(name, body_answer(b"404 page not found", 404, "text/plain"))
        await (given if callable(given) else json_answer(given))(request, talk)

    return answer


def ndjson(*events: dict[str, Any]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def piece(content: str, **more: Any) -> dict[str, Any]:
    return {"model": "m", "message": {"role": "assistant", "content": content}, "done": False, **more}


async def failure_of(awaitable: Any) -> ModelFailure:
    with pytest.raises(ModelFailure) as caught:
        await awaitable
    return caught.value


async def chunks_of(model: OllamaModel, request: ModelRequest) -> list[Chunk]:
    return [chunk async for chunk in model.stream(request)]


# --- whole answers --------------------------------------------------------------------------------------------------


async def test_a_short_answer_is_asked_for_in_one_piece(opened: Opened) -> None:
    async with RawServer(json_answer(DONE)) as server, opened(server) as model:
        reply = await model.complete(question())
    assert reply.text == '{"worth": "yes"}'
    assert reply.usage.prompt_tokens == 512
    sent = server.requests[0]
    assert (sent.method, sent.path) == ("POST", "/api/chat")
    assert sent.headers["content-type"] == "application/json"
    assert "origin" not in sent.headers
    assert sent.json()["stream"] is False


async def test_a_long_answer_is_streamed_and_joined(opened: Opened) -> None:
    body = ndjson(piece("one "), piece("two "), {**DONE, "message": {"content": "three"}})
    async with RawServer(stream_answer([body])) as server, opened(server) as model:
        reply = await model.complete(question(max_tokens=2000))
    assert reply.text == "one two three"
    assert server.requests[0].json()["stream"] is True


async def test_a_stream_gives_pieces_and_then_the_whole(opened: Opened) -> None:
    body = ndjson(piece("grü"), piece(""), piece("ße "), {**DONE, "message": {"content": "!"}})
    cuts = [body[i : i + 7] for i in range(0, len(body), 7)]  # also inside characters and inside keys
    async with RawServer(stream_answer(cuts)) as server, opened(server) as model:
        chunks = await chunks_of(model, question())
    assert [chunk.text for chunk in chunks] == ["grü", "ße ", "!"]
    assert [chunk.reply is None for chunk in chunks] == [True, True, False]
    assert chunks[-1].reply is not None
    assert chunks[-1].reply.text == "grüße !"


async def test_a_stream_whose_last_line_has_no_newline_is_whole(opened: Opened) -> None:
    async with RawServer(stream_answer([ndjson(DONE).rstrip()])) as server, opened(server) as model:
        chunks = await chunks_of(model, question())
    assert chunks[-1].reply is not None


async def test_a_line_longer_than_any_client_buffer_is_read(opened: Opened) -> None:
    body = ndjson({**DONE, "context": list(range(300_000))})
    async with RawServer(stream_answer([body])) as server, opened(server) as model:
        assert (await chunks_of(model, question()))[-1].reply is not None


async def test_connections_are_used_again(opened: Opened) -> None:
    async with RawServer(json_answer(DONE)) as server, opened(server) as model:
        for _ in range(3):
            await model.complete(question())
        assert (len(server.requests), server.connections) == (3, 1)


async def test_nothing_blocks_the_loop(opened: Opened) -> None:
    vectors = {"embeddings": [[1.0, 0.0]] * 2}
    answers = by_path(chat=DONE, embed=vectors, tags=TAGS, version={"version": "0.33.0"}, ps={"models": []})
    async with RawServer(answers) as server, opened(server) as model:
        with blockbuster_ctx():
            await model.health()
            await model.complete(question())
            await model.embed("e", ["a", "b"], num_ctx=512)


# --- ends that are no answers ---------------------------------------------------------------------------------------

BUSY = "server busy, please try again.  maximum pending requests exceeded"
ENDS = [
    (json_answer({"error": BUSY}, 503), Failure.BUSY),
    (json_answer({"error": "model 'gemma3:1b' not found"}, 404), Failure.MISSING_MODEL),
    (body_answer(b"404 page not found", 404, "text/plain"), Failure.WRONG_SERVER),
    (body_answer(b"", 403), Failure.FORBIDDEN),
    (body_answer(b"", 302, location="http://elsewhere.example/"), Failure.WRONG_SERVER),
    (json_answer({"error": "the input length exceeds the context length"}, 400), Failure.TOO_LONG),
    (json_answer({"error": "an error was encountered while running the model: EOF"}), Failure.CRASHED),
    (json_answer({**DONE, "done": False}), Failure.NOT_DONE),
    (json_answer({**DONE, "done": False, "message": {"content": "." * 31}}), Failure.REPEATED_TOKENS),
    (json_answer({**DONE, "done_reason": "load", "message": {"content": ""}}), Failure.EMPTY),
    (json_answer({**DONE, "done_reason": "length"}), Failure.LENGTH),
    (json_answer(["not", "an", "object"]), Failure.WRONG_SERVER),
    (body_answer(b"<html>Please log in to the hotel's network", 200, "text/html"), Failure.WRONG_SERVER),
    (body_answer(b'{"done": tr', 200), Failure.BROKEN_STREAM),
    (stream_answer([ndjson(piece("a"))], cut=True), Failure.BROKEN_STREAM),
    (hang_up, Failure.UNREACHABLE),
]


@pytest.mark.parametrize(("answer", "kind"), ENDS)
@pytest.mark.parametrize("max_tokens", [24, 2000], ids=["whole", "streamed"])
async def test_every_end_has_its_name(answer: Any, kind: Failure, max_tokens: int, opened: Opened) -> None:
    async with RawServer(answer) as server, opened(server) as model:
        failure = await failure_of(model.complete(question(max_tokens=max_tokens)))
    assert (failure.kind, failure.model) == (kind, "gemma3:1b")


@pytest.mark.parametrize(("max_tokens", "kind"), [(24, Failure.WRONG_SERVER), (2000, Failure.NOT_DONE)])
async def test_an_empty_body_is_no_answer(max_tokens: int, kind: Failure, opened: Opened) -> None:
    async with RawServer(body_answer(b"")) as server, opened(server) as model:
        assert (await failure_of(model.complete(question(max_tokens=max_tokens)))).kind is kind


@pytest.mark.parametrize(
    ("pieces", "kind"),
    [
        ([ndjson(piece("a"), {"error": "an error was encountered while running the model: EOF"})], Failure.CRASHED),
        ([ndjson(piece("a"), piece("b"))], Failure.NOT_DONE),
        ([ndjson(*[piece(" no")] * 31)], Failure.REPEATED_TOKENS),
        ([ndjson(piece("a")), b'{"model":"m","mess'], Failure.BROKEN_STREAM),
        ([], Failure.NOT_DONE),
    ],
)
async def test_a_stream_that_has_begun_can_still_fail(pieces: list[bytes], kind: Failure, opened: Opened) -> None:
    async with RawServer(stream_answer(pieces)) as server, opened(server) as model:
        assert (await failure_of(chunks_of(model, question()))).kind is kind


async def test_a_status_counts_though_its_body_breaks_off(opened: Opened) -> None:
    async def half(request: RawRequest, talk: RawConversation) -> None:
        await talk.send(head(503, content_length=500) + b'{"error":')
        talk.abort()

    async with RawServer(half) as server, opened(server) as model:
        assert (await failure_of(model.complete(question()))).kind is Failure.BUSY


async def test_the_wait_that_a_proxy_asks_for_is_kept(opened: Opened) -> None:
    async with RawServer(json_answer({"error": "busy"}, 503, retry_after=9)) as server, opened(server) as model:
        assert (await failure_of(model.complete(question()))).after_s == 9.0


async def test_what_speaks_no_http_is_another_server(opened: Opened) -> None:
    async def ssh(request: RawRequest, talk: RawConversation) -> None:
        await talk.send(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")

    async with RawServer(ssh) as server, opened(server) as model:
        assert (await failure_of(model.complete(question()))).kind is Failure.WRONG_SERVER


async def test_a_server_that_is_not_there_is_unreachable(opened: Opened) -> None:
    async with RawServer(silence) as server:
        url = server.url
    async with opened(url) as model:
        assert (await failure_of(model.complete(question()))).kind is Failure.UNREACHABLE
        assert (await failure_of(chunks_of(model, question()))).kind is Failure.UNREACHABLE


async def test_a_closed_plugin_says_so_and_closes_twice(opened: Opened) -> None:
    async with RawServer(json_answer(DONE)) as server, opened(server) as model:
        await model.close()
        await model.close()
        assert (await failure_of(model.complete(question()))).kind is Failure.UNREACHABLE
        assert server.requests == []


async def test_an_option_that_cannot_be_written_is_a_bad_request(opened: Opened) -> None:
    async with RawServer(json_answer(DONE)) as server, opened(server) as model:
        failure = await failure_of(model.complete(question(options={"temperature": float("nan")})))
        assert failure.kind is Failure.BAD_REQUEST
        assert server.requests == []


# --- deadlines and cancellation -------------------------------------------------------------------------------------


async def test_silence_ends_a_call_and_its_connection(opened: Opened) -> None:
    gone = asyncio.Event()

    async def wait(request: RawRequest, talk: RawConversation) -> None:
        await talk.wait_for_client_to_go()
        gone.set()

    async with RawServer(wait) as server, opened(server) as model:
        failure = await failure_of(model.complete(question(idle_s=0.05)))
        await asyncio.wait_for(gone.wait(), 10)
    assert failure.kind is Failure.TIMEOUT_IDLE


async def test_silence_in_the_middle_of_a_stream_ends_it(opened: Opened) -> None:
    async def stall(request: RawRequest, talk: RawConversation) -> None:
        await talk.send(head(200, transfer_encoding="chunked"))
        await talk.send_chunk(ndjson(piece("a")))
        await talk.wait_for_client_to_go()

    async with RawServer(stall) as server, opened(server) as model:
        assert (await failure_of(chunks_of(model, question(idle_s=0.1)))).kind is Failure.TIMEOUT_IDLE


async def test_an_answer_that_never_ends_meets_the_total(opened: Opened) -> None:
    async def drip(request: RawRequest, talk: RawConversation) -> None:
        await talk.send(head(200, transfer_encoding="chunked"))
        while True:
            await talk.send_chunk(ndjson(piece("a")))
            await asyncio.sleep(0.001)

    async with RawServer(drip) as server, opened(server) as model:
        failure = await failure_of(chunks_of(model, question(idle_s=5.0, total_s=0.1)))
    assert failure.kind is Failure.TIMEOUT_TOTAL


async def test_a_slow_reader_of_a_stream_is_not_the_servers_fault(opened: Opened) -> None:
    body = [ndjson(piece("a")), ndjson(piece("b")), ndjson(DONE)]
    async with RawServer(stream_answer(body)) as server, opened(server) as model:
        seen = []
        async for chunk in model.stream(question(idle_s=0.2)):
            seen.append(chunk)
            if len(seen) == 1:
                await asyncio.sleep(0.4)
        assert seen[-1].reply is not None


@pytest.mark.parametrize("has_begun", [False, True])
async def test_a_cancelled_call_closes_its_connection(has_begun: bool, opened: Opened) -> None:
    started, gone = asyncio.Event(), asyncio.Event()

    async def wait(request: RawRequest, talk: RawConversation) -> None:
        if has_begun:
            await talk.send(head(200, transfer_encoding="chunked"))
            await talk.send_chunk(ndjson(piece("a")))
        started.set()
        await talk.wait_for_client_to_go()
        gone.set()

    async with RawServer(wait) as server, opened(server) as model:
        call = asyncio.create_task(model.complete(question(max_tokens=2000)))
        await started.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        await asyncio.wait_for(gone.wait(), 10)


async def test_a_stream_left_early_closes_its_connection(opened: Opened) -> None:
    gone = asyncio.Event()

    async def wait(request: RawRequest, talk: RawConversation) -> None:
        await talk.send(head(200, transfer_encoding="chunked"))
        await talk.send_chunk(ndjson(piece("a")))
        await talk.wait_for_client_to_go()
        gone.set()

    async with RawServer(wait) as server, opened(server) as model:
        stream = model.stream(question())
        assert (await anext(stream)).text == "a"
        await stream.aclose()
        await asyncio.wait_for(gone.wait(), 10)


# --- stale connections ----------------------------------------------------------------------------------------------


async def test_a_stale_connection_is_replaced_once_and_nobody_notices(opened: Opened) -> None:
    async with RawServer(json_answer(DONE), hang_up, json_answer(DONE)) as server, opened(server) as model:
        await model.complete(question())
        reply = await model.complete(question())
        assert isinstance(reply, Reply)
        assert server.connections == 2


async def test_a_second_stale_connection_ends_the_patience(opened: Opened) -> None:
    both = asyncio.Barrier(2)

    async def together(request: RawRequest, talk: RawConversation) -> None:
        await both.wait()
        await json_answer(DONE)(request, talk)

    async with RawServer(together, together, hang_up, hang_up, json_answer(DONE)) as server, opened(server) as model:
        await asyncio.gather(model.complete(question()), model.complete(question()))
        assert (await failure_of(model.complete(question()))).kind is Failure.UNREACHABLE
        assert len(server.requests) == 4


async def test_a_server_that_takes_no_connection_is_unreachable(opened: Opened) -> None:
    with socket.socket() as deaf, contextlib.ExitStack() as stack:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        for _ in range(4):  # fill what the kernel would still accept for it
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(deaf.getsockname())
        async with opened(f"http://127.0.0.1:{deaf.getsockname()[1]}", connect_s=0.2) as model:
            assert (await failure_of(model.complete(question()))).kind is Failure.UNREACHABLE


async def test_a_fresh_connection_that_is_cut_is_not_tried_again(opened: Opened) -> None:
    async with RawServer(hang_up) as server, opened(server) as model:
        assert (await failure_of(model.complete(question()))).kind is Failure.UNREACHABLE
        assert len(server.requests) == 1


async def test_a_stale_connection_to_a_server_that_is_gone_is_unreachable(opened: Opened) -> None:
    async with RawServer(json_answer(DONE)) as server, opened(server) as model:
        await model.complete(question())
        await server.stop()
        assert (await failure_of(model.complete(question()))).kind is Failure.UNREACHABLE


# --- models that leave the machine ----------------------------------------------------------------------------------


async def test_cloud_models_are_refused_before_a_byte_is_sent(opened: Opened) -> None:
    async with RawServer(json_answer(DONE)) as server, opened(server) as model:
        for call in (
            model.complete(question(model="glm-4.6:cloud")),
            chunks_of(model, question(model="gpt-oss:120b-cloud")),
            model.embed("x:cloud", ["a"], num_ctx=512),
            model.preload("x-cloud", num_ctx=512),
            model.digest("x:cloud"),
            anext(model.pull("x:cloud")),
        ):
            failure = await failure_of(call)
            assert failure.kind is Failure.FORBIDDEN
            assert "allow_cloud" in failure.message
        assert server.requests == []


async def test_a_cloud_model_under_a_plain_name_is_refused_once_it_is_known(opened: Opened) -> None:
    tags = {"models": [{"name": "gemma3:1b", "digest": "a", "remote_host": "https://ollama.com:443"}]}
    async with RawServer(by_path(tags=tags, chat=DONE, version={"version": "0.33.0"})) as server, opened(server) as model:
        assert (await failure_of(model.digest("gemma3:1b"))).kind is Failure.FORBIDDEN
        assert (await failure_of(model.complete(question()))).kind is Failure.FORBIDDEN
    async with RawServer(json_answer(DONE)) as server, opened(server, allow_cloud=True) as model:
        assert await model.complete(question(model="glm-4.6:cloud"))


# --- what the server is and has -------------------------------------------------------------------------------------


async def test_health_tells_version_latency_and_models(opened: Opened, clock: ManualClock) -> None:
    async def version(request: RawRequest, talk: RawConversation) -> None:
        clock.advance(0.25)
        await json_answer({"version": "0.33.0-rc2"})(request, talk)

    loaded = {"models": [{"name": "gemma3:1b", "digest": "aaa", "size": 10, "size_vram": 0}]}
    async with RawServer(by_path(version=version, tags=TAGS, ps=loaded)) as server, opened(server) as model:
        health = await model.health()
        assert model.capabilities.logprobs
    assert [model.name for model in health.loaded or ()] == ["gemma3:1b"]
    assert health.latency_ms == pytest.approx(250.0)
    assert health.models == {"gemma3:1b": "aaa", "nomic-embed-text:latest": "bbb"}


@pytest.mark.parametrize(
    "answers",
    [
        {},
        {"version": {"hello": "world"}},
        {"version": {"version": "0.33.0"}},
        {"version": {"version": "0.33.0"}, "tags": hang_up},
        {"version": {"version": "0.33.0"}, "tags": silence},
        {"version": hang_up},
    ],
)
async def test_health_never_raises_and_says_why(answers: Any, opened: Opened) -> None:
    async with RawServer(by_path(**answers)) as server, opened(server, probe_s=0.3) as model:
        health = await model.health()
    assert not health.reachable
    assert health.reason


async def test_a_stalled_list_of_loaded_models_does_not_make_the_server_ill(opened: Opened) -> None:
    answers = by_path(version={"version": "0.33.0"}, tags=TAGS, ps=silence)
    async with RawServer(answers) as server, opened(server, probe_s=0.3) as model:
        health = await model.health()
    assert health.reachable
    assert health.loaded is None


async def test_check_says_what_a_person_must_do(opened: Opened) -> None:
    async with RawServer(by_path(version={"version": "0.16.0"}, tags=TAGS)) as server, opened(server, probe_s=1) as model:
        assert "0.17.1" in (await model.check() or "")
        url = server.url
    async with opened(url) as model:
        assert "does not answer" in (await model.check() or "")


async def test_capabilities_follow_the_version(opened: Opened) -> None:
    async with (
        RawServer(by_path(version={"version": "0.4.7"}, tags=TAGS, ps={"models": []})) as server,
        opened(server) as model,
    ):
        assert model.capabilities.roles == frozenset(Role)
        await model.health()
        assert model.capabilities.roles == {Role.EMBED}
        assert not model.capabilities.logprobs


async def test_a_digest_is_asked_for_once_in_a_while(opened: Opened, clock: ManualClock) -> None:
    moved = {"models": [{"name": "gemma3:1b", "digest": "new"}]}
    answers = by_path(tags=TAGS, version={"version": "0.33.0"})
    async with RawServer(answers, answers, by_path(tags=moved)) as server, opened(server) as model:
        digests = await asyncio.gather(*(model.digest("GEMMA3:1b") for _ in range(20)))
        assert set(digests) == {"aaa"}
        assert [r.path for r in server.requests] == ["/api/tags", "/api/version"]
        clock.advance(11)
        assert await model.digest("gemma3:1b") == "new"


async def test_a_missing_model_and_an_absent_server_have_names(opened: Opened) -> None:
    async with RawServer(by_path(tags=TAGS, version={"version": "0.33.0"})) as server, opened(server) as model:
        failure = await failure_of(model.digest("gemma3"))
        assert failure.kind is Failure.MISSING_MODEL
        assert "ollama pull gemma3" in failure.message
    async with opened(server.url) as model:
        assert (await failure_of(model.digest("gemma3:1b"))).kind is Failure.UNREACHABLE


async def test_a_reply_names_digest_and_version_once_they_are_known(opened: Opened) -> None:
    async with RawServer(by_path(tags=TAGS, version={"version": "0.33.0"}, chat=DONE)) as server, opened(server) as model:
        assert (await model.complete(question())).digest == ""
        await model.digest("gemma3:1b")
        reply = await model.complete(question())
    assert (reply.digest, reply.server_version) == ("aaa", "0.33.0")


async def test_after_an_absence_the_server_is_looked_at_anew(opened: Opened) -> None:
    answers = by_path(tags=TAGS, version={"version": "0.33.0"})
    async with RawServer(answers, answers, hang_up, answers) as server, opened(server) as model:
        await model.digest("gemma3:1b")
        await failure_of(model.complete(question()))
        await model.digest("gemma3:1b")
        assert [r.path for r in server.requests[-2:]] == ["/api/tags", "/api/version"]


async def test_details_of_a_model(opened: Opened) -> None:
    shown = {"details": {"quantization_level": "Q4_0"}, "capabilities": ["completion", "vision"]}
    async with RawServer(by_path(show=shown)) as server, opened(server) as model:
        details = await model.show("gemma3:4b")
    assert details.quantization == "Q4_0"
    assert server.requests[0].json() == {"model": "gemma3:4b"}


# --- loading, unloading, pulling ------------------------------------------------------------------------------------


async def test_a_preload_sends_window_and_keep_alive(opened: Opened) -> None:
    loaded = {"model": "m", "message": {"content": ""}, "done": True, "done_reason": "load"}
    async with RawServer(by_path(chat=loaded)) as server, opened(server, keep_alive="-1") as model:
        await model.preload("gemma3:1b", num_ctx=2048)
    sent = server.requests[0].json()
    assert (sent["messages"], sent["keep_alive"], sent["options"]) == ([], -1, {"num_ctx": 2048})


async def test_a_model_for_vectors_is_loaded_by_an_empty_list(opened: Opened) -> None:
    refused = json_answer({"error": '"nomic-embed-text" does not support chat'}, 400)
    async with RawServer(by_path(chat=refused, embed={"embeddings": []})) as server, opened(server) as model:
        await model.preload("nomic-embed-text", num_ctx=512)
    sent = server.requests[1].json()
    assert (sent["input"], sent["options"], sent["keep_alive"]) == ([], {"num_ctx": 512}, "10m")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (silence, Failure.LOAD_STALLED),
        (json_answer({"error": "timed out waiting for llama-server to start"}, 500), Failure.LOAD_STALLED),
        (json_answer({"error": "llama-server process has terminated: exit 1"}, 500), Failure.LOADING_FAILED),
        (json_answer({"error": "model requires more system memory"}, 500), Failure.OUT_OF_MEMORY),
        (json_answer({"done": False}), Failure.LOADING_FAILED),
    ],
)
async def test_a_preload_that_fails_has_a_name(answer: Any, kind: Failure, opened: Opened) -> None:
    async with RawServer(answer) as server, opened(server, load_s=0.3 if answer is silence else 30) as model:
        assert (await failure_of(model.preload("gemma3:1b", num_ctx=2048))).kind is kind


async def test_an_unload_sends_keep_alive_zero(opened: Opened) -> None:
    async with RawServer(by_path(generate={"done": True, "done_reason": "unload"})) as server, opened(server) as model:
        await model.unload("gemma3:1b")
    assert server.requests[0].json() == {"model": "gemma3:1b", "keep_alive": 0, "stream": False}


async def test_a_pull_tells_how_far_it_is(opened: Opened) -> None:
    lines = ndjson(
        {"status": "pulling manifest"},
        {"status": "pulling 0123456789ab", "digest": "sha256:01", "total": 100, "completed": 40},
        {"status": "verifying sha256 digest"},
        {"status": "success"},
    )
    async with RawServer(stream_answer([lines])) as server, opened(server) as model:
        steps = [step async for step in model.pull("gemma3:1b")]
    assert steps[1] == ("pulling 0123456789ab", 40, 100)
    assert steps[-1] == ("success", 0, 0)


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (ndjson({"status": "pulling manifest"}, {"error": "pull model manifest: file does not exist"}), Failure.MISSING_MODEL),
        (ndjson({"status": "pulling manifest"}), Failure.BROKEN_STREAM),
        (b"", Failure.BROKEN_STREAM),
    ],
)
async def test_a_pull_that_fails_says_so_though_the_status_was_200(lines: bytes, kind: Failure, opened: Opened) -> None:
    async def pulled(model: OllamaModel) -> list[Any]:
        return [step async for step in model.pull("nope")]

    async with RawServer(stream_answer([lines] if lines else [])) as server, opened(server) as model:
        assert (await failure_of(pulled(model))).kind is kind


# --- vectors --------------------------------------------------------------------------------------------------------


def embedder(*, bad: str = "", dies: int = 0, text: str = "the input length exceeds the context length") -> Any:
    """A server whose vectors point where the text's number says; a bad text fails its batch, and the first calls may die."""
    deaths = [dies]

    async def answer(request: RawRequest, talk: RawConversation) -> None:
        texts = request.json()["input"]
        if deaths[0] > 0:
            deaths[0] -= 1
            await json_answer({"error": "do embedding request: EOF"}, 400)(request, talk)
        elif bad in texts:
            await json_answer({"error": text}, 400)(request, talk)
        else:
            angles = [float(t) for t in texts]
            await json_answer({"embeddings": [[np.cos(a), np.sin(a)] for a in angles]})(request, talk)

    return answer


async def test_vectors_come_in_order_over_several_batches(opened: Opened) -> None:
    texts = [str(i / 100) for i in range(70)]
    async with RawServer(embedder()) as server, opened(server) as model:
        vectors = await model.embed("e", texts, num_ctx=512)
    assert vectors.shape == (70, 2)
    assert vectors.dtype == np.float32
    assert np.allclose(vectors[:, 0], np.cos(np.arange(70) / 100), atol=1e-6)
    sent = [request.json() for request in server.requests]
    assert [len(body["input"]) for body in sent] == [32, 32, 6]
    assert all(body["truncate"] is False and body["options"] == {"num_ctx": 512} for body in sent)
    assert not any("keep_alive" in body for body in sent)


async def test_a_dead_runner_behind_a_400_is_asked_once_more(opened: Opened) -> None:
    async with RawServer(embedder(dies=1)) as server, opened(server) as model:
        assert (await model.embed("e", ["0", "1"], num_ctx=512)).shape == (2, 2)
        assert len(server.requests) == 2


async def test_a_batch_that_fails_twice_is_halved(opened: Opened) -> None:
    async with RawServer(embedder(dies=2)) as server, opened(server) as model:
        assert (await model.embed("e", ["0", "1", "2"], num_ctx=512)).shape == (3, 2)
        assert [len(r.json()["input"]) for r in server.requests] == [3, 3, 1, 2]


async def test_a_bad_text_is_found_and_named(opened: Opened) -> None:
    texts = [str(i) for i in range(40)]
    async with RawServer(embedder(bad="37")) as server, opened(server) as model:
        failure = await failure_of(model.embed("e", texts, num_ctx=512))
    assert failure.kind is Failure.TOO_LONG
    assert failure.message.startswith("text 38 of 40:")


async def test_one_text_alone_is_tried_twice_for_an_unclear_400(opened: Opened) -> None:
    async with RawServer(embedder(dies=9)) as server, opened(server) as model:
        failure = await failure_of(model.embed("e", ["0"], num_ctx=512))
        assert failure.kind is Failure.BAD_REQUEST
        assert len(server.requests) == 2


async def test_no_texts_give_no_vectors_and_ask_nobody(opened: Opened) -> None:
    async with RawServer(embedder()) as server, opened(server) as model:
        assert (await model.embed("e", [], num_ctx=512)).shape[0] == 0
        assert server.requests == []


async def test_an_empty_text_is_refused_by_its_place(opened: Opened) -> None:
    async with RawServer(embedder()) as server, opened(server) as model:
        failure = await failure_of(model.embed("e", ["1", " "], num_ctx=512))
    assert (failure.kind, failure.message) == (Failure.BAD_REQUEST, "text 2 of 2 is empty")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (json_answer({"embeddings": [[0.5, 0.5]]}), Failure.BAD_VECTOR),
        (json_answer({"embeddings": []}), Failure.BAD_VECTOR),
        (json_answer({"error": 'model "e" not found, try pulling it first'}, 404), Failure.MISSING_MODEL),
        (json_answer({"error": '"e" does not support embeddings'}, 400), Failure.MISSING_CAPABILITY),
        (silence, Failure.TIMEOUT_TOTAL),
    ],
)
async def test_a_wrong_end_of_an_embedding_is_not_tried_again(answer: Any, kind: Failure, opened: Opened) -> None:
    async with RawServer(answer) as server, opened(server, embed_s=0.3 if answer is silence else 30) as model:
        assert (await failure_of(model.embed("e", ["1"], num_ctx=512))).kind is kind
        assert len(server.requests) == 1


async def test_vectors_that_change_their_length_between_batches_are_bad(opened: Opened) -> None:
    long, short = json_answer({"embeddings": [[1.0, 0.0]] * 32}), json_answer({"embeddings": [[1.0]]})
    async with RawServer(long, short) as server, opened(server) as model:
        assert (await failure_of(model.embed("e", ["x"] * 33, num_ctx=512))).kind is Failure.BAD_VECTOR


async def test_a_large_batch_of_vectors_is_read_off_the_loop(opened: Opened) -> None:
    rows = np.eye(32, 1024).tolist()
    assert len(json.dumps(rows)) > LARGE_BODY_BYTES
    async with RawServer(json_answer({"embeddings": rows, "error": None})) as server, opened(server) as model:
        vectors = await model.embed("e", [str(i) for i in range(32)], num_ctx=512)
    assert vectors.shape == (32, 1024)
    assert vectors[3, 3] == 1.0
