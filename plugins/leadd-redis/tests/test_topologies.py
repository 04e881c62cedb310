"""TLS, Unix sockets, Sentinel and Cluster, with real servers on this machine."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from leadd_redis import RedisCache
from leadd_redis.link import LONGEST_PAUSE_S
from redis_server import CLI, OPENSSL, RedisServer, free_port

from leadd.testing.clock import ManualClock

Make = Callable[..., RedisCache]


async def works(cache: RedisCache) -> None:
    """Each call once, on a server that is empty."""
    await cache.open()
    assert await cache.check() is None
    keys = [f"key-{index}" for index in range(60)] + ["{one}tag", "\ud800 half", "a*b"]
    for key in keys:
        await cache.put(key, key.encode("utf-8", "surrogatepass"), ttl_s=100)
    for key in keys:
        assert await cache.get(key) == key.encode("utf-8", "surrogatepass")
    for key in keys:
        assert await cache.claim(key, "me", 60)
        assert await cache.claim(key, "me", 60)
        assert not await cache.claim(key, "you", 60)
        await cache.release(key, "me")
        assert await cache.claim(key, "you", 60)
        await cache.release(key, "you")
    assert {entry.key for entry in [entry async for entry in cache.scan()]} == set(keys)
    stats = await cache.stats()
    assert (stats.entries, stats.hits, stats.extra["errors"]) == (len(keys), len(keys), 0)
    assert await cache.delete("a*b") is True
    assert await cache.clear() == len(keys) - 1
    assert (await cache.stats()).entries == 0


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ca.pem, ca.key, server.pem and server.key; the server's is for localhost only."""
    if OPENSSL is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("papers")

    def run(*args: str) -> None:
        subprocess.run((OPENSSL, *args), cwd=folder, check=True, capture_output=True, timeout=40)

    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    run("req", "-x509", *key, "-days", "2", "-subj", "/CN=a test", "-keyout", "ca.key", "-out", "ca.pem")
    run("req", *key, "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr")
    (folder / "names").write_text("subjectAltName=DNS:localhost\n")
    signed = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-extfile", "names", "-days", "2")
    run("x509", "-req", "-in", "server.csr", *signed, "-out", "server.pem")
    return folder


def tls_options(papers: Path, port: int, *more: str) -> tuple[str, ...]:
    files = (
        "--tls-cert-file",
        papers / "server.pem",
        "--tls-key-file",
        papers / "server.key",
        "--tls-ca-cert-file",
        papers / "ca.pem",
    )
    return ("--port", "0", "--tls-port", str(port), *map(str, files), *more)


async def test_tls(make: Make, start: Any, papers: Path) -> None:
    port = free_port()
    try:
        start(*tls_options(papers, port, "--tls-auth-clients", "no"), port=port)
    except AssertionError:
        pytest.skip("this redis-server speaks no TLS")
    ca = str(papers / "ca.pem")
    for options in (
        {"url": f"rediss://localhost:{port}/0", "tls_cafile": ca},
        {"url": f"rediss://localhost:{port}/0?ssl_ca_certs={ca}"},
        {"url": f"rediss://127.0.0.1:{port}/0?ssl_cert_reqs=none"},
        {"url": f"rediss://127.0.0.1:{port}/0", "tls_verify": False},
    ):
        cache = make(**options)
        await works(cache)
        await cache.close()
    for options, sentence in (
        ({"url": f"rediss://localhost:{port}/0"}, "certificate is not trusted"),
        ({"url": f"rediss://127.0.0.1:{port}/0", "tls_cafile": ca}, "certificate is not trusted"),
        ({"url": f"rediss://localhost:{port}/0", "tls_cafile": "/no/such/file"}, "cannot be read"),
        ({"url": f"redis://localhost:{port}/0"}, "closes the connection"),
    ):
        cache = make(**options)
        await cache.open()
        assert sentence in (await cache.check() or ""), options
        assert await cache.claim("key", "me", 60) is True
        await cache.close()


async def test_tls_with_a_certificate_of_our_own(make: Make, start: Any, papers: Path) -> None:
    port = free_port()
    try:
        start(*tls_options(papers, port, "--tls-auth-clients", "yes"), port=port)
    except AssertionError:
        pytest.skip("this redis-server speaks no TLS")
    options = {"url": f"rediss://localhost:{port}/0", "tls_cafile": str(papers / "ca.pem")}
    cache = make(**options)
    await cache.open()
    assert await cache.check() is not None
    await cache.close()
    cache = make(**options, tls_certfile=str(papers / "server.pem"), tls_keyfile=str(papers / "server.key"))
    await works(cache)
    await cache.close()


async def test_a_unix_socket(make: Make, start: Any, tmp_path: Path) -> None:
    path = tmp_path / "r.sock"
    start("--unixsocket", str(path))
    cache = make(url=f"unix://{path}?db=3")
    await works(cache)
    await cache.close()


@pytest.fixture
def sentinel(start: Any, tmp_path: Path) -> tuple[RedisServer, RedisServer, RedisServer]:
    """A primary, its replica, and a sentinel that watches them under the name `leads`."""
    primary = start("--repl-diskless-sync-delay", "0")
    replica = start("--replicaof", "127.0.0.1", str(primary.port))
    folder = tmp_path / "redis-2"
    folder.mkdir()
    (folder / "sentinel.conf").write_text(
        f"sentinel monitor leads 127.0.0.1 {primary.port} 1\n"
        "sentinel down-after-milliseconds leads 500\nsentinel failover-timeout leads 3000\n"
    )
    return primary, replica, start(sentinel=True)


async def test_sentinel_and_its_failover(make: Make, sentinel: Any, clock: ManualClock) -> None:
    primary, replica, watcher = sentinel
    while "master_link_status:up" not in replica.ask("INFO", "replication"):
        await asyncio.sleep(0.02)
    while "slaves=1" not in watcher.ask("INFO", "sentinel"):
        await asyncio.sleep(0.02)
    cache = make(url=f"redis+sentinel://127.0.0.1:1,127.0.0.1:{watcher.port}/leads/0")
    await works(cache)
    primary.kill()
    for _ in range(3000):
        await cache.put("key", b"value")
        if await cache.get("key") == b"value":
            break
        await asyncio.sleep(0.01)
        clock.advance(LONGEST_PAUSE_S)
    assert await cache.get("key") == b"value"
    assert replica.ask("GET", "leadd:1:v:key") == "value"
    await cache.close()
    other = make(url=f"redis+sentinel://127.0.0.1:{watcher.port}/nobody/0")
    await other.open()
    assert "knows a primary of 'nobody'" in (await other.check() or "")
    await other.close()


@pytest.fixture
def cluster(start: Any) -> list[RedisServer]:
    """Three primaries."""
    ports = []
    while len(ports) < 3:
        port = free_port()
        if port < 55_000 and port not in ports:  # the servers talk to each other on their port + 10000
            ports.append(port)
    servers = [start("--cluster-enabled", "yes", "--cluster-node-timeout", "2000", port=port) for port in ports]
    places = [f"127.0.0.1:{port}" for port in ports]
    made = subprocess.run(
        (str(CLI), "--cluster", "create", *places, "--cluster-yes"), capture_output=True, timeout=40, check=False
    )
    if made.returncode:
        pytest.skip(f"no cluster comes about here: {made.stdout[-200:]!r}")
    for server in servers:
        while "cluster_state:ok" not in server.ask("CLUSTER", "INFO"):
            time.sleep(0.02)
    return servers


async def test_cluster(make: Make, cluster: list[RedisServer], clock: ManualClock) -> None:
    one, two, _ = cluster
    cache = make(url=f"redis+cluster://127.0.0.1:1,127.0.0.1:{one.port}")
    await works(cache)
    for index in range(300):
        await cache.put(f"key-{index}", b"value")
    assert all(int(server.ask("DBSIZE")) > 0 for server in cluster)
    assert await cache.clear() == 300
    await cache.close()
    single = make(url=two.url)
    await single.open()
    await single.get("key-1")
    assert "write redis+cluster://" in (await single.check() or "")
    await single.close()


async def test_a_cluster_of_which_one_server_dies(make: Make, cluster: list[RedisServer], clock: ManualClock) -> None:
    cache = make(url=f"redis+cluster://127.0.0.1:{cluster[0].port}", answer_s=1.0, connect_s=1.0)
    await cache.open()
    cluster[2].kill()
    for index in range(100):
        assert await cache.get(f"key-{index}") is None
        await cache.put(f"key-{index}", b"value")
        assert await cache.claim(f"key-{index}", "me", 60) is True
    for server in cluster[:2]:
        server.kill()
    for index in range(100):
        assert await cache.get(f"key-{index}") in (None, b"value")
        assert await cache.claim(f"key-{index}", "me", 60) is True
    assert (await cache.stats()).extra["away"] == 1
    assert await cache.check() is not None
    await cache.close()
