"""Servers that go away, come back, hang, refuse, or are no Redis: misses and sentences, never an error."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from leadd_redis import RedisCache
from leadd_redis.link import FIRST_PAUSE_S, LONGEST_PAUSE_S

from leadd.api import NeedsAttention
from leadd.testing.clock import ManualClock

Make = Callable[..., RedisCache]
CANARY = "hunter2-canary"


async def everything(cache: RedisCache) -> None:
    """Each call once, on a server that is away."""
    assert await cache.get("key") is None
    await cache.put("key", b"value")
    assert await cache.delete("key") is False
    assert await cache.clear() == 0
    assert await cache.claim("key", "me", 60) is True
    assert await cache.claim("key", "you", 60) is True
    await cache.release("key", "me")
    assert [entry async for entry in cache.scan()] == []
    stats = await cache.stats()
    assert (stats.entries, stats.size_bytes, stats.hits) == (0, 0, 0)
    assert stats.extra["away"] == 1


async def comes_back(cache: RedisCache, clock: ManualClock) -> None:
    """Let the pause pass and ask until the server is found: what is kept then comes back."""
    clock.advance(LONGEST_PAUSE_S)
    for _ in range(2000):
        await cache.put("back", b"again")
        if await cache.get("back") == b"again":
            return
        await asyncio.sleep(0.005)
        clock.advance(LONGEST_PAUSE_S)
    pytest.fail("it never came back")


@pytest.fixture
async def silent() -> AsyncIterator[tuple[str, list[int]]]:
    """A server that takes every connection and says nothing; its URL, and a list that grows with each connection."""
    dialled: list[int] = []

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        dialled.append(1)
        while await reader.read(1000):
            pass
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    yield f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0", dialled
    server.close()
    await server.wait_closed()
    await asyncio.sleep(0.05)


async def test_a_server_that_never_was(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # nobody listens on it, and nobody else can
        cache = make(url=f"redis://me:{CANARY}@127.0.0.1:{taken.getsockname()[1]}/0")
        await cache.open()
        for _ in range(20):
            await everything(cache)
        problem = await cache.check()
        await cache.close()
    assert problem is not None
    assert "connection refused" in problem
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "connection refused" in caplog.text
    assert CANARY not in caplog.text + problem


async def test_who_asks_never_waits_for_a_server_that_hangs(make: Make, silent: Any, clock: ManualClock) -> None:
    url, dialled = silent
    cache = make(url=url, connect_s=0.05, answer_s=0.05)
    await cache.open()
    while not dialled:
        await asyncio.sleep(0.005)
    for _ in range(50):
        await everything(cache)
    assert len(dialled) == 1, "it was dialled again before its pause was over"
    clock.advance(FIRST_PAUSE_S)
    for _ in range(50):
        await everything(cache)  # it is dialled beside these calls, once
    for _ in range(1000):
        if len(dialled) == 2:
            break
        await asyncio.sleep(0.005)
    assert len(dialled) == 2
    assert "does not answer within" in (await cache.check() or "")
    await cache.close()


async def test_a_server_that_begins_to_hang(make: Make, start: Any, clock: ManualClock) -> None:
    server = start()
    cache = make(url=server.url, answer_s=0.1)
    await cache.open()
    await cache.put("key", b"value")
    server.pause()
    assert await asyncio.gather(*(cache.get("key") for _ in range(100))) == [None] * 100
    stats = await cache.stats()
    assert stats.extra["away"] == 1
    server.go_on()
    await comes_back(cache, clock)
    await cache.close()


async def test_pauses_grow_and_end(make: Make, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        cache = make(url=f"redis://127.0.0.1:{taken.getsockname()[1]}/0")
        await cache.open()
        pauses = []
        for _ in range(8):
            before_s = clock.monotonic_s()
            look = cache._link._look
            while cache._link._look is look:
                clock.advance(0.25)
                await cache.get("key")
            assert cache._link._look is not None
            await cache._link._look
            pauses.append(clock.monotonic_s() - before_s)
        await cache.close()
    assert pauses == [0.5, 1, 2, 4, 8, 15, 15, 15]


async def test_stopped_and_started_under_load(
    make: Make, start: Any, clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    server = start()
    cache = make(url=server.url)
    await cache.open()
    going = True
    hits = [0]

    async def worker(number: int) -> int:
        rounds = 0
        while going:
            key = f"{number}.{rounds % 10}"
            assert await cache.claim(key, f"owner-{number}", 60) is True
            await cache.put(key, key.encode())
            found = await cache.get(key)
            assert found in (None, key.encode())
            hits[0] += found is not None
            await cache.release(key, f"owner-{number}")
            rounds += 1
            await asyncio.sleep(0)
        return rounds

    async def until_hits(more: int) -> None:
        wanted = hits[0] + more
        while hits[0] < wanted:
            await asyncio.sleep(0.005)
            clock.advance(0.25)

    workers = [asyncio.ensure_future(worker(number)) for number in range(8)]
    for _ in range(3):
        await until_hits(50)
        await asyncio.to_thread(server.kill)
        while not (await cache.stats()).extra["away"]:
            await asyncio.sleep(0.005)
        await asyncio.to_thread(server.start)
    await until_hits(50)
    going = False
    assert min(await asyncio.gather(*workers)) > 0
    stats = await cache.stats()
    assert stats.extra["reconnects"] >= 3
    await cache.close()
    told = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    assert len(told) <= 3, told  # refused, lost, loading: each once
    assert sum("answers again" in message for message in caplog.messages) == stats.extra["reconnects"]


async def test_a_restart_between_two_calls_is_not_even_a_miss(make: Make, start: Any) -> None:
    server = start()
    cache = make(url=server.url)
    await cache.open()
    await asyncio.gather(*(cache.put(str(index), b"old") for index in range(20)))
    await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    await cache.put("key", b"value")
    assert await cache.get("key") == b"value"
    assert (await cache.stats()).extra["errors"] == 0
    await cache.close()


async def test_all_is_flushed_in_between(make: Make, server: Any) -> None:
    cache = make(url=server.url)
    await cache.open()
    await cache.put("key", b"value")
    assert await cache.claim("key", "me", 60)
    server.ask("FLUSHALL")
    server.ask("SCRIPT", "FLUSH")
    assert await cache.get("key") is None
    assert await cache.claim("key", "you", 60)
    assert not await cache.claim("key", "me", 60)
    await cache.release("key", "you")
    assert await cache.claim("key", "me", 60)
    assert (await cache.stats()).extra["errors"] == 0
    await cache.close()


async def test_passwords_and_users(make: Make, start: Any, caplog: pytest.LogCaptureFixture) -> None:
    server = start("--requirepass", CANARY)
    server.password = CANARY
    server.ask("ACL", "SETUSER", "leadd", "on", f">{CANARY}-2", "~leadd:*", "+@all", "-@dangerous")
    server.ask("ACL", "SETUSER", "reader", "on", f">{CANARY}-3", "~leadd:*", "+@read", "+@connection")
    place = server.url.removeprefix("redis://")

    for url, sentence in (
        (server.url, "it wants a password"),
        (f"redis://:wrong-{CANARY}@{place}", "refuses the user name or the password"),
        (f"redis://nobody:{CANARY}@{place}", "refuses the user name or the password"),
    ):
        cache = make(url=url)
        await cache.open()
        await everything(cache)
        assert sentence in (await cache.check() or "")
        await cache.close()

    for options in (
        {"url": f"redis://:{CANARY}@{place}"},
        {"url": f"redis://leadd:{CANARY}-2@{place}"},
        {"url": server.url, "username": "leadd", "password": "{env:PW}", "secrets": {"{env:PW}": f"{CANARY}-2"}},
        {"url": "{file:/url}", "secrets": {"{file:/url}": f"redis://leadd:{CANARY}-2@{place}"}},
    ):
        cache = make(**options)
        await cache.open()
        assert await cache.check() is None
        await cache.put("key", b"value")
        assert await cache.get("key") == b"value"
        assert await cache.clear() == 1
        await cache.close()

    cache = make(url=f"redis://reader:{CANARY}-3@{place}")
    await cache.open()
    assert "may not do what a cache does" in (await cache.check() or "")
    await cache.put("key", b"value")
    assert await cache.get("key") is None
    assert await cache.claim("key", "me", 60) is True
    assert (await cache.stats()).extra["away"] == 0
    await cache.close()
    assert CANARY not in caplog.text


async def test_a_secret_that_is_missing_is_said(make: Make, server: Any) -> None:
    cache = make(url=server.url, password="{env:GONE}")
    with pytest.raises(NeedsAttention, match=r"\{env:GONE\}"):
        await cache.open()
    assert "{env:GONE}" in (await cache.check() or "")
    assert await cache.get("key") is None
    await cache.close()


async def test_a_full_memory_keeps_what_is_there(make: Make, start: Any, caplog: pytest.LogCaptureFixture) -> None:
    server = start()
    cache = make(url=server.url)
    await cache.open()
    await cache.put("key", b"value")
    server.ask("CONFIG", "SET", "maxmemory", "1")
    for index in range(20):
        await cache.put(f"more-{index}", b"value")
    assert await cache.get("key") == b"value"
    assert await cache.claim("key", "me", 60) is True
    assert "memory is full" in (await cache.check() or "")
    assert len(caplog.messages) == 1
    server.ask("CONFIG", "SET", "maxmemory", "0")
    await cache.put("key", b"new")
    assert await cache.get("key") == b"new"
    await cache.close()


async def test_a_replica_is_read(make: Make, start: Any, caplog: pytest.LogCaptureFixture) -> None:
    primary = start("--repl-diskless-sync-delay", "0")
    first = make(url=primary.url)
    await first.open()
    await first.put("key", b"value")
    await first.close()
    replica = start("--replicaof", "127.0.0.1", str(primary.port))
    while "master_link_status:up" not in replica.ask("INFO", "replication"):
        await asyncio.sleep(0.02)
    cache = make(url=replica.url)
    await cache.open()
    assert await cache.get("key") == b"value"
    await cache.put("key", b"new")
    assert await cache.get("key") == b"value"
    assert await cache.delete("key") is False
    assert await cache.clear() == 0
    assert await cache.claim("key", "me", 60) is True
    assert "read-only replica" in (await cache.check() or "")
    assert len(caplog.messages) == 1
    await cache.close()


@pytest.mark.parametrize(
    ("greeting", "sentence"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "no Redis"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "no Redis"),
        (b"", "closes the connection"),
        (b"-LOADING Redis is loading the dataset in memory\r\n", "still loading"),
    ],
)
async def test_what_answers_there_is_something_else(make: Make, greeting: bytes, sentence: str) -> None:
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(10_000)
        writer.write(greeting * 3)
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    cache = make(url=f"redis://127.0.0.1:{server.sockets[0].getsockname()[1]}/0")
    await cache.open()
    await everything(cache)
    assert sentence in (await cache.check() or "")
    await cache.close()
    server.close()
    await server.wait_closed()


async def test_places_that_are_not_there(make: Make, server: Any) -> None:
    place = server.url.removesuffix("/0")
    for url, sentence in (
        ("redis://no-such-host.invalid/0", "name leads nowhere"),
        ("unix:///no/such/redis.sock", "no such socket"),
        (f"{place}/99", "no database of this number"),
        (place.replace("redis://", "redis+cluster://"), "it is no cluster"),
        (place.replace("redis://", "redis+sentinel://") + "/leads/0", "it is no sentinel"),
    ):
        cache = make(url=url)
        await cache.open()
        await everything(cache)
        problem = await cache.check() or ""
        assert sentence in problem, f"{url}: {problem}"
        assert "\n" not in problem
        await cache.close()
    cache = make(url=place.replace("redis://", "rediss://"), connect_s=0.1, answer_s=0.1)
    await cache.open()
    assert "is it a server without TLS?" in (await cache.check() or "")
    await cache.close()
