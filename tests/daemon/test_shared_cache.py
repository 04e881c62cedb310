"""Several daemons on one Redis: one call for what all of them ask, and nothing lost while the Redis is away."""

from __future__ import annotations

import importlib.util
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from daemon_parts import ICP, Home, wait

from leadd.testing.ollama.threaded import ThreadedFake, threaded_fake
from leadd.testing.ollama.timing import Speeds

SERVER = Path(__file__).parents[2] / "plugins/leadd-redis/tests/redis_server.py"
TEXT = "We are a small company and look for our first marketing person. Our founder is overloaded and we have no leads. "


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Any]:
    """A real Redis on a free port."""
    if importlib.util.find_spec("leadd_redis") is None:
        pytest.skip("the plugin leadd-redis is not installed (pip install ./plugins/leadd-redis)")
    spec = importlib.util.spec_from_file_location("redis_server", SERVER)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules.setdefault("redis_server", importlib.util.module_from_spec(spec))
    if not hasattr(module, "RedisServer"):
        spec.loader.exec_module(module)
    if module.PROGRAM is None or module.CLI is None:
        pytest.skip("redis-server is not installed (Debian: apt-get install redis-server)")
    server = module.RedisServer(tmp_path / "redis").start()
    yield server
    server.kill()


@pytest.fixture
def slow() -> Iterator[ThreadedFake]:
    """A server whose calls last long enough for the other daemons to come."""
    with threaded_fake(time_scale=1.0, speeds=Speeds(overhead_ms=700)) as fake:
        yield fake


def daemon(folder: Path, ollama: ThreadedFake, url: str) -> Home:
    redis = {"use": "redis", "url": url, "connect_s": 0.2, "answer_s": 0.2}
    home = Home(
        folder, models={"endpoint": ollama.fake.url}, scoring={"dossier_threshold": 100},
        cache={"tiers": [{"use": "memory"}, redis]}, prefilter={"min_chars": 10},
    )  # fmt: skip
    home.start()
    home.client.post("/api/icp/", ICP)
    return home


def completed(ollama: ThreadedFake) -> dict[str, int]:
    """Answers by role, over all models."""
    found: dict[str, int] = {}
    for (_, role), count in ollama.fake.stats.completed.items():
        found[role] = found.get(role, 0) + count
    return found


def test_four_daemons_on_one_redis_make_one_call(tmp_path: Path, redis: Any, slow: ThreadedFake) -> None:
    homes: list[Home] = []
    try:
        homes += [daemon(tmp_path / f"home-{number}", slow, redis.url) for number in range(4)]
        start = threading.Barrier(4)

        def ask(home: Home) -> dict[str, Any]:
            start.wait(20)
            found: dict[str, Any] = home.client.post("/api/classify/signal", {"signal_text": TEXT, "company_name": "Amber"})
            return found

        with ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(ask, homes))
        assert {answer["status"] for answer in answers} == {"ok"}
        assert len({str(answer["classification"]) for answer in answers}) == 1
        # The other triage is the question about a text without content, asked once for all as well.
        assert completed(slow) == {"triage": 2, "classify": 1}
        waited = sum(home.client.get("/api/classify/cache/stats")["waited_for_others"] for home in homes)
        assert waited >= 3
    finally:
        for home in homes:
            home.kill()


def test_a_redis_that_goes_and_comes_back_costs_no_signal_and_no_request(tmp_path: Path, redis: Any) -> None:
    with threaded_fake(time_scale=0.01, speeds=Speeds(overhead_ms=2000)) as ollama:
        homes: list[Home] = []
        try:
            home = daemon(tmp_path / "home", ollama, redis.url)
            homes.append(home)
            failures: list[Exception] = []
            answered: list[str] = []

            def load(first: int) -> None:
                for number in range(first, first + 40):
                    try:
                        body = {"signal_text": f"{TEXT} Advert {number}.", "company_name": f"Firm {number}"}
                        answered.append(home.client.post("/api/classify/signal", body)["status"])
                    except Exception as error:
                        failures.append(error)

            askers = [threading.Thread(target=load, args=(1000 * number,)) for number in range(3)]
            for asker in askers:
                asker.start()
            for _ in range(2):
                done = len(answered)
                wait(lambda done=done: len(answered) >= done + 15 or not any(a.is_alive() for a in askers))
                redis.kill()
                done = len(answered)
                wait(lambda done=done: len(answered) >= done + 15 or not any(a.is_alive() for a in askers))
                redis.start()
            for asker in askers:
                asker.join(60)
            assert failures == []
            assert answered == ["ok"] * 120
            assert home.status()["outcomes"].get("held", 0) == 0

            def hits() -> int:
                tiers = home.client.get("/api/classify/cache/stats")["tiers"]
                return next(int(tier["entries"] or 0) for tier in tiers if tier["name"] == "redis")

            def is_kept() -> bool:
                number = len(answered) + 5000
                home.client.post("/api/classify/signal", {"signal_text": f"{TEXT} Advert {number}."})
                answered.append("again")
                return hits() > 0

            wait(is_kept, 40)
            other = daemon(tmp_path / "other", ollama, redis.url)
            homes.append(other)
            before = completed(ollama)["classify"]
            known = len(answered) + 5000 - 1
            other.client.post("/api/classify/signal", {"signal_text": f"{TEXT} Advert {known}."})
            # Each daemon weighs triage by what it has seen itself; the whole answer is the same for both.
            assert completed(ollama)["classify"] == before, "what one has put there after the break is a hit for another"
            assert other.status()["cache"]["by_class"]["hit"] >= 1
        finally:
            for one in homes:
                one.kill()
