"""What the contract does not ask: namespaces, sizes, times that Redis keeps, figures, and several processes."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from leadd_redis import RedisCache, RedisConfig
from leadd_redis.cache import COUNTED_STEPS, PAGE
from leadd_redis.keyspace import Keyspace, ms_of

from leadd.testing.context import make_context

Make = Callable[..., RedisCache]


async def test_another_namespace_is_left_alone(make: Make, server: Any) -> None:
    server.ask("SET", "leadd:other-program", "theirs")
    server.ask("SET", "leadd:10:v:key", "theirs")
    one, two = make(url=server.url), make(url=server.url, namespace="leadd2")
    await one.open()
    await two.open()
    await one.put("key", b"one")
    assert await two.get("key") is None
    await two.put("key", b"two")
    assert await one.claim("key", "me", 60)
    assert await two.claim("key", "you", 60)
    assert (await one.stats()).entries == 1
    assert await one.clear() == 1
    assert await two.get("key") == b"two"
    assert [entry.key async for entry in one.scan()] == []
    assert not await one.claim("key", "you", 60), "clearing values gave a claim away"
    await one.close()
    await two.close()
    kept = set(server.ask("KEYS", "*").split())
    assert kept == {"leadd:other-program", "leadd:10:v:key", "leadd2:1:v:key", "leadd:1:c:key", "leadd2:1:c:key"}


async def test_redis_keeps_the_time(make: Make, server: Any) -> None:
    cache = make(url=server.url, ttl_s=500)
    await cache.open()
    await cache.put("own", b"x")
    await cache.put("said", b"x", ttl_s=1000)
    await cache.put("long", b"x", ttl_s=float("inf"))
    await cache.claim("claimed", "me", 60)
    assert 400_000 < int(server.ask("PTTL", "leadd:1:v:own")) <= 500_000
    assert 900_000 < int(server.ask("PTTL", "leadd:1:v:said")) <= 1_000_000
    assert int(server.ask("PTTL", "leadd:1:v:long")) > 10**12
    assert 50_000 < int(server.ask("PTTL", "leadd:1:c:claimed")) <= 60_000
    assert await cache.claim("claimed", "me", 600)
    assert 500_000 < int(server.ask("PTTL", "leadd:1:c:claimed")) <= 600_000
    await cache.claim("claimed", "you", 6000)
    assert int(server.ask("PTTL", "leadd:1:c:claimed")) <= 600_000, "somebody else's claim was made longer"
    server.ask("PEXPIRE", "leadd:1:c:claimed", "1")
    while server.ask("EXISTS", "leadd:1:c:claimed") != "0":
        await asyncio.sleep(0.005)
    assert await cache.claim("claimed", "you", 60)
    await cache.close()


async def test_without_a_time_a_value_has_no_end(make: Make, server: Any) -> None:
    cache = make(url=server.url, ttl_s=None)
    await cache.open()
    await cache.put("key", b"x")
    assert server.ask("PTTL", "leadd:1:v:key") == "-1"
    assert [entry.left_s async for entry in cache.scan()] == [None]
    await cache.close()


async def test_what_is_too_large_is_not_kept_and_takes_the_old_value_along(make: Make, server: Any) -> None:
    cache = make(url=server.url, max_value_kb=1)
    await cache.open()
    await cache.put("key", b"x" * 1024)
    assert await cache.get("key") == b"x" * 1024
    await cache.put("key", b"x" * 1025)
    assert await cache.get("key") is None
    assert (await cache.stats()).extra["too_large"] == 1
    await cache.close()


async def test_keys_of_any_kind_come_back_from_a_scan(make: Make, server: Any) -> None:
    keys = ["a*b", "a?b", "[a]", "a\\b", "^-]", "{tag}x", "", "\n\x00", "\ud800 half", "x" * 5000, "grüße", "a:b:c"]
    cache = make(url=server.url)
    await cache.open()
    for key in keys:
        await cache.put(key, key.encode("utf-8", "surrogatepass"))
    server.ask("SET", "leadd:1:v:a*list", "x")
    found = {entry.key: entry.value async for entry in cache.scan()}
    assert {key: found[key] for key in keys} == {key: key.encode("utf-8", "surrogatepass") for key in keys}
    for key in keys:
        assert key in {entry.key async for entry in cache.scan(key)}
    assert {entry.key async for entry in cache.scan("a*")} == {"a*b", "a*list"}
    await cache.close()


async def test_values_of_another_kind_are_misses(make: Make, server: Any, caplog: pytest.LogCaptureFixture) -> None:
    server.ask("LPUSH", "leadd:1:v:key", "x")
    server.ask("LPUSH", "leadd:1:c:key", "x")
    cache = make(url=server.url)
    await cache.open()
    assert await cache.get("key") is None
    assert [entry async for entry in cache.scan()] == []
    assert await cache.claim("key", "me", 60)
    await cache.release("key", "me")
    stats = await cache.stats()
    assert (stats.extra["errors"], stats.extra["away"]) == (3, 0)
    assert len([line for line in caplog.messages if "another program" in line]) == 1
    await cache.put("key", b"ours")
    assert await cache.get("key") == b"ours"
    await cache.close()


async def test_of_many_entries_the_number_is_reckoned(make: Make, server: Any) -> None:
    many = COUNTED_STEPS * PAGE * 2
    server.ask("EVAL", "for i = 1, ARGV[1] do redis.call('SET', 'leadd:1:v:' .. i, 'xxxx') end", "0", str(many))
    cache = make(url=server.url)
    await cache.open()
    stats = await cache.stats()
    assert stats.extra["reckoned"] == 1
    assert many * 0.8 <= stats.entries <= many * 1.2
    assert stats.size_bytes == stats.entries * 4
    assert await cache.clear() == many
    assert (await cache.stats()).entries == 0
    await cache.close()


async def test_a_clear_goes_on_without_who_asked(make: Make, server: Any) -> None:
    cache = make(url=server.url)
    await cache.open()
    await asyncio.gather(*(cache.put(str(index), b"x") for index in range(2000)))
    asked = asyncio.ensure_future(cache.clear())
    await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert await cache.clear() == 2000, "the second who asks joins the first"
    await cache.close()


async def test_a_thousand_at_once(make: Make, server: Any) -> None:
    cache = make(url=server.url, max_connections=4)
    await cache.open()
    won = await asyncio.gather(*(cache.claim("key", f"owner-{index}", 60) for index in range(1000)))
    assert sum(won) == 1
    assert (await cache.stats()).extra["errors"] == 0
    assert len(server.ask("CLIENT", "LIST").splitlines()) <= 4 + 1
    await cache.close()


async def test_it_leaves_no_connection_behind(make: Make, server: Any) -> None:
    cache = make(url=server.url)
    await cache.open()
    busy = [asyncio.ensure_future(cache.put(str(index), b"x")) for index in range(50)]
    await asyncio.sleep(0)
    await cache.close()
    await asyncio.gather(*busy)
    for _ in range(500):
        if len(server.ask("CLIENT", "LIST").splitlines()) == 1:
            break
        await asyncio.sleep(0.01)
    assert len(server.ask("CLIENT", "LIST").splitlines()) == 1, "redis-cli itself is the only one"


def _claim_once(url: str, folder: str, owner: str, lease_s: float, pipe: Connection, then_hang: bool) -> None:
    """In a process of its own: claim one key when told to, and say how it went."""

    async def main() -> bool:
        config = RedisConfig.model_validate({"url": url, "connect_s": 20, "answer_s": 20})
        cache = RedisCache(config, make_context(Path(folder)))
        await cache.open()
        pipe.send("ready")
        pipe.recv()
        try:
            return await cache.claim("key", owner, lease_s)
        finally:
            await cache.close()

    pipe.send(asyncio.run(main()))
    while then_hang:
        pipe.recv()


def _claimants(url: str, folder: Path, count: int, lease_s: float, *, hang: bool = False) -> list[tuple[Any, Connection]]:
    spawn = multiprocessing.get_context("spawn")
    begun = []
    for index in range(count):
        ours, theirs = spawn.Pipe()
        args = (url, str(folder), f"owner-{index}", lease_s, theirs, hang)
        process = spawn.Process(target=_claim_once, args=args, daemon=True)
        process.start()
        begun.append((process, ours))
    for _, pipe in begun:
        assert pipe.poll(40)
        assert pipe.recv() == "ready"
    return begun


@pytest.fixture
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    """New processes find this module by its name, which it has no folder on the path for."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setitem(sys.modules, "test_cache", sys.modules[__name__])
    monkeypatch.setattr(_claim_once, "__module__", "test_cache")


@pytest.mark.usefixtures("importable")
def test_of_four_processes_one_wins(server: Any, tmp_path: Path) -> None:
    begun = _claimants(server.url, tmp_path, 4, 60)
    for _, pipe in begun:
        pipe.send("go")
    assert sum(pipe.recv() for _, pipe in begun if pipe.poll(40)) == 1
    for process, _ in begun:
        process.join(40)
        assert process.exitcode == 0


@pytest.mark.usefixtures("importable")
async def test_who_is_killed_is_followed_when_the_lease_ends(make: Make, server: Any, tmp_path: Path) -> None:
    ((process, pipe),) = _claimants(server.url, tmp_path, 1, 3600, hang=True)
    pipe.send("go")
    assert pipe.poll(40)
    assert pipe.recv() is True
    os.kill(process.pid, signal.SIGKILL)
    process.join(40)
    cache = make(url=server.url)
    await cache.open()
    assert not await cache.claim("key", "next", 60), "the lease outlives its owner"
    server.ask("PEXPIRE", "leadd:1:c:key", "1")  # the hour is over
    while server.ask("EXISTS", "leadd:1:c:key") != "0":
        await asyncio.sleep(0.005)
    assert await cache.claim("key", "next", 60)
    await cache.close()


def test_keys_and_times_of_the_keyspace() -> None:
    keys = Keyspace("n")
    assert keys.value("\ud800") == b"n:1:v:\xed\xa0\x80"
    assert keys.key_of(keys.value("\ud800")) == "\ud800"
    assert keys.key_of(b"n:1:v:\xff") is None
    assert keys.pattern("a*[b]\\") == b"n:1:v:a\\*\\[b\\]\\\\*"
    assert (ms_of(0), ms_of(-5), ms_of(1.5), ms_of(float("inf"))) == (1, 1, 1500, 2**53)
