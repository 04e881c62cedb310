"""Points 1, 2, 3 and 14: what the bytes look like, and how they stop."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import aiohttp
import pytest

from leadd.testing.clock import FakeClock
from leadd.testing.ollama import FakeOllama, Speeds
from leadd.testing.ollama.raw import ask, receive
from leadd.testing.ollama.threaded import threaded_fake

LONG = "Grüße aus Wien: „Öl“ und ☕. " * 8


def ask_chat(url: str, **more: Any) -> Any:
    body = {"model": "gemma3:1b", "messages": [{"role": "user", "content": "Hi"}]} | more
    return ask(url, "POST", "/api/chat", body)


@pytest.mark.parametrize("seed", range(6))
def test_writes_cut_anywhere_still_make_the_same_events(seed: int) -> None:
    with threaded_fake(split=seed) as running:
        running.fake.enqueue(LONG, LONG)
        reply = ask_chat(running.fake.url)
        assert "".join(line["message"]["content"] for line in reply.lines()) == LONG
        assert reply.complete


async def test_cut_writes_split_events_and_characters_and_merge_events() -> None:
    pieces: list[bytes] = []
    async with FakeOllama(split=11) as fake:
        fake.enqueue("Öäüß" * 200)
        async with (
            aiohttp.ClientSession() as session,
            session.post(
                fake.url + "/api/chat", json={"model": "gemma3:1b", "messages": [{"role": "user", "content": "Hi"}]}
            ) as reply,
        ):
            async for piece, _ in reply.content.iter_chunks():
                pieces.append(piece)
    assert any(not piece.endswith(b"\n") for piece in pieces)
    assert any(piece.count(b"\n") > 1 for piece in pieces)

    def breaks_a_character(piece: bytes) -> bool:
        try:
            piece.decode()
        except UnicodeDecodeError:
            return True
        return False

    assert any(breaks_a_character(piece) for piece in pieces)


def test_without_split_each_event_is_one_http_chunk() -> None:
    with threaded_fake() as running:
        running.fake.enqueue("one two")
        reply = ask_chat(running.fake.url)
        assert reply.headers["content-type"] == "application/x-ndjson"
        assert [line["done"] for line in reply.lines()] == [False, False, False, True]


def test_streaming_is_the_default_and_false_gives_one_object() -> None:
    with threaded_fake() as running:
        assert len(ask_chat(running.fake.url).lines()) > 1
        whole = ask_chat(running.fake.url, stream=False)
        assert whole.headers["content-type"] == "application/json; charset=utf-8"
        assert whole.json()["done"] is True


async def test_headers_wait_for_the_load_and_the_first_token() -> None:
    clock = FakeClock()
    speeds = Speeds(load_ms=4000, prefill_tps=10, decode_tps=2)
    endless = aiohttp.ClientTimeout(total=None)
    async with FakeOllama(clock=clock, speeds=speeds) as fake, aiohttp.ClientSession(timeout=endless) as session:
        body = {"model": "gemma3:1b", "messages": [{"role": "user", "content": "x" * 100}]}
        headers = asyncio.create_task(session.post(fake.url + "/api/chat", json=body).__aenter__())
        await clock.sleeping()
        assert fake.loaded == {}
        await clock.advance(3.9)
        assert not headers.done()
        await clock.advance(0.2)
        await clock.sleeping()
        assert fake.loaded == {"gemma3:1b": 4096}
        assert not headers.done()
        while not headers.done():
            await clock.advance(0.5)
        reply = headers.result()
        first = await reply.content.readline()
        assert json.loads(first)["done"] is False
        reading = asyncio.create_task(reply.read())
        while not reading.done():
            await clock.advance(0.5)
        last = json.loads(reading.result().splitlines()[-1])
        assert last["load_duration"] == 4_000_000_000
        assert last["prompt_eval_duration"] == 2_900_000_000
        reply.release()


def test_the_final_event_leaves_zeros_out_and_may_carry_text() -> None:
    with threaded_fake(final_text=True, time_scale=0) as running:
        running.fake.enqueue("all at the end", "")
        *_, last = ask_chat(running.fake.url).lines()
        assert last["message"]["content"] == "end"
        assert last["eval_count"] == 7
        empty = ask_chat(running.fake.url).lines()[-1]
        assert "eval_count" not in empty
        assert "eval_duration" not in empty
        assert type(empty["total_duration"]) is int


@pytest.mark.parametrize(("profile", "status"), [("0.33+", 500), ("legacy", 200)])
def test_an_error_before_the_first_event(profile: str, status: int) -> None:
    with threaded_fake(profile=profile) as running:
        running.fake.fail_next("crash")
        reply = ask_chat(running.fake.url)
        assert reply.status == status
        assert "unexpectedly stopped" in json.loads(reply.body)["error"]


def test_an_error_after_an_event_is_a_line_in_a_200() -> None:
    with threaded_fake() as running:
        running.fake.fail_next("crash", after_events=2)
        reply = ask_chat(running.fake.url)
        assert (reply.status, reply.complete) == (200, True)
        *events, last = reply.lines()
        assert len(events) == 2
        assert last["error"].startswith("an error was encountered while running the model: ")


@pytest.mark.parametrize("stream", [True, False])
def test_a_cut_answer_ends_inside_a_chunk(stream: bool) -> None:
    with threaded_fake() as running:
        running.fake.fail_next("cut", after_events=1)
        reply = ask_chat(running.fake.url, stream=stream)
        assert (reply.status, reply.complete) == (200, False)


@pytest.mark.parametrize("kind", ["close", "reset"])
def test_a_connection_may_end_without_a_byte(kind: str) -> None:
    with threaded_fake() as running:
        running.fake.fail_next(kind)
        with pytest.raises(ConnectionError):
            ask_chat(running.fake.url)


def test_one_connection_serves_many_requests_and_partial_writes() -> None:
    with threaded_fake() as running, socket.create_connection(("127.0.0.1", running.fake.port)) as sock:
        for _ in range(3):
            for piece in (b"GET /api/ver", b"sion HTTP/1.1\r\nHost: loc", b"alhost\r\n\r\n"):
                sock.sendall(piece)
            assert b'{"version":"0.33.1"}' in sock.recv(4096)


def test_chunked_request_bodies_expect_and_http_1_0() -> None:
    body = b'{"model":"gemma3:1b","messages":[]}'
    with threaded_fake() as running:
        with socket.create_connection(("127.0.0.1", running.fake.port)) as sock:
            head = b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
            sock.sendall(head + b"%x\r\n%s\r\n" % (len(body), body))
            sock.sendall(b"0\r\n\r\n")
            assert receive(sock).json()["done_reason"] == "load"
        with socket.create_connection(("127.0.0.1", running.fake.port)) as sock:
            head = b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: 100-continue\r\n"
            sock.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body))
            assert sock.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
            sock.sendall(body)
            assert receive(sock).json()["done_reason"] == "load"
        with socket.create_connection(("127.0.0.1", running.fake.port)) as sock:
            sock.sendall(b"GET /api/version HTTP/1.0\r\n\r\n")
            assert receive(sock).json() == {"version": "0.33.1"}


@pytest.mark.parametrize(
    "request_bytes", [b"garbage\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: y\r\n\r\n"]
)
def test_what_is_no_request_is_400(request_bytes: bytes) -> None:
    with threaded_fake() as running, socket.create_connection(("127.0.0.1", running.fake.port)) as sock:
        sock.sendall(request_bytes)
        assert receive(sock).status == 400


async def test_a_server_that_is_down_refuses_and_comes_back_on_the_same_port() -> None:
    async with FakeOllama() as fake, aiohttp.ClientSession(fake.url) as session:
        async with session.post("/api/generate", json={"model": "gemma3:1b"}):
            pass
        assert fake.loaded
        await fake.go_down()
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get("/api/version")
        await fake.come_back()
        async with session.get("/api/version") as reply:
            assert reply.status == 200
        assert fake.loaded == {}


def test_headers_without_a_body_and_a_foreign_server() -> None:
    with threaded_fake() as running:
        running.fake.fail_next("headers_only")
        running.fake.fail_next("html")
        with socket.create_connection(("127.0.0.1", running.fake.port), timeout=5) as sock:
            body = json.dumps({"model": "gemma3:1b", "messages": [{"role": "user", "content": "Hi"}]}).encode()
            sock.sendall(b"POST /api/chat HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            assert sock.recv(4096).endswith(b"\r\n\r\n")
        reply = ask_chat(running.fake.url)
        assert (reply.status, reply.headers["content-type"]) == (502, "text/html")
