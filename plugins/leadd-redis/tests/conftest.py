"""Real Redis servers for the tests of this package."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from leadd_redis import RedisCache, RedisConfig

from leadd.testing.clock import ManualClock
from leadd.testing.context import make_context

_SPEC = importlib.util.spec_from_file_location("redis_server", Path(__file__).with_name("redis_server.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
redis_server = importlib.util.module_from_spec(_SPEC)
sys.modules.setdefault("redis_server", redis_server)  # tests are imported without their folder on the path
_SPEC.loader.exec_module(redis_server)

PATIENT = {"connect_s": 20.0, "answer_s": 20.0}
"""Limits that no busy machine meets."""


@pytest.fixture(scope="session")
def _needs_redis() -> None:
    if redis_server.PROGRAM is None or redis_server.CLI is None:
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")


@pytest.fixture
def start(tmp_path: Path, _needs_redis: None) -> Iterator[Callable[..., redis_server.RedisServer]]:
    """Starts servers that end with the test: start("--requirepass", "x")."""
    started: list[redis_server.RedisServer] = []

    def begin(*options: str, **how: object) -> redis_server.RedisServer:
        server = redis_server.RedisServer(tmp_path / f"redis-{len(started)}", *options, **how)
        started.append(server)
        return server.start()

    yield begin
    for server in started:
        server.kill()


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory, _needs_redis: None) -> Iterator[redis_server.RedisServer]:
    """One server for all tests that do it no harm; `server` empties it for each."""
    server = redis_server.RedisServer(tmp_path_factory.mktemp("redis")).start()
    yield server
    server.kill()


@pytest.fixture
def server(shared: redis_server.RedisServer) -> redis_server.RedisServer:
    shared.ask("FLUSHALL")
    return shared


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def make(tmp_path: Path, clock: ManualClock) -> Callable[..., RedisCache]:
    """A cache by its keys, not opened: make(url=...); `secrets` are lent to it."""

    def build(*, secrets: dict[str, str] | None = None, **options: object) -> RedisCache:
        config = RedisConfig.model_validate({**PATIENT, **options})
        return RedisCache(config, make_context(tmp_path, clock, secrets=secrets))

    return build
