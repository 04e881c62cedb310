"""The fake as a program, as a fixture, in a thread, and on three kinds of time."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from typing import Any

import pytest

from leadd.testing.clock import FakeClock
from leadd.testing.ollama import LAPTOP, FakeOllama, LeapClock, ScaledClock, Speeds, threaded_fake
from leadd.testing.ollama.__main__ import parser, speeds_of
from leadd.testing.ollama.raw import ask
from leadd.testing.ollama.timing import Compute
from leadd.testing.pytest_plugin import fake_clock, fake_ollama, pytest_configure  # noqa: F401 - used by name

ASK = {"model": "gemma3:1b", "prompt": "Hi", "stream": False}


def test_the_program_serves_and_stops_on_a_signal() -> None:
    command = [
        sys.executable,
        "-m",
        "leadd.testing.ollama",
        "--port",
        "0",
        "--profile",
        "0.12.11",
        "--models",
        "gemma3:1b, mine",
        "--zero",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        try:
            assert ask(url, "GET", "/api/version").json() == {"version": "0.12.11"}
            assert ask(url, "POST", "/api/generate", ASK).json()["done"] is True
            assert len(ask(url, "GET", "/api/tags").json()["models"]) == 2
            stats = ask(url, "GET", "/__leadd__/stats").json()
            assert stats["completed"] == {"gemma3:1b/other": 1}
        finally:
            process.terminate()
        assert process.wait(10) == 0


def test_flags() -> None:
    assert speeds_of(parser().parse_args([])) == LAPTOP
    assert speeds_of(parser().parse_args(["--zero", "--load-ms", "5"])) == Speeds()
    slow = speeds_of(parser().parse_args(["--load-ms", "5", "--prefill-tps", "7", "--decode-tps", "9"]))
    assert (slow.load_s(10**9), slow.prefill_tps, slow.decode_tps) == (0.005, 7, 9)


def test_the_fixture(fake_ollama: FakeOllama) -> None:  # noqa: F811
    assert ask(fake_ollama.url, "POST", "/api/generate", ASK).json()["done"] is True
    assert fake_ollama.stats.calls == {"/api/generate": 1}


async def test_the_fixture_serves_async_tests(fake_ollama: FakeOllama, asker: Any) -> None:  # noqa: F811
    fake_ollama.fail_next("busy")
    assert (await asker.chat(fake_ollama))[0] == 503
    assert (await asker.chat(fake_ollama))[0] == 200


def test_the_clock_fixture_stands_still(fake_clock: FakeClock) -> None:  # noqa: F811
    assert fake_clock.now_ms() == fake_clock.now_ms()


def test_the_marker_is_registered() -> None:
    lines: list[tuple[str, str]] = []

    class Config:
        def addinivalue_line(self, name: str, line: str) -> None:
            lines.append((name, line))

    pytest_configure(Config())  # type: ignore[arg-type]
    assert lines[0][0] == "markers"
    assert lines[0][1].startswith("fake_ollama(")


def test_a_thread_takes_orders_from_another() -> None:
    with threaded_fake(time_scale=0) as running:
        fake = running.fake
        fake.wedge()
        fake.unwedge()
        assert ask(fake.url, "POST", "/api/generate", ASK).status == 200
        running.run(fake.advance(301))
        assert fake.loaded == {}
        running.run(fake.go_down())
        with pytest.raises(ConnectionRefusedError):
            ask(fake.url, "GET", "/api/version")
        running.run(fake.come_back())
        assert ask(fake.url, "GET", "/api/version").status == 200


def test_minutes_of_loading_cost_nothing_on_leaping_time() -> None:
    with threaded_fake(time_scale=0, speeds=Speeds(load_ms=600_000, decode_tps=0.5, prefill_tps=1)) as running:
        reply = ask(running.fake.url, "POST", "/api/generate", ASK, timeout_s=10).json()
        assert reply["load_duration"] == 600_000_000_000
        assert reply["eval_duration"] == reply["eval_count"] * 2_000_000_000


def test_scaled_time_is_reported_in_the_servers_seconds() -> None:
    with threaded_fake(time_scale=0.001, speeds=Speeds(load_ms=20_000)) as running:
        reply = ask(running.fake.url, "POST", "/api/generate", ASK).json()
        assert reply["load_duration"] >= 20_000_000_000


async def test_speeds_belong_to_a_model_where_it_has_some(asker: Any) -> None:
    speeds = Speeds(load_ms=1000, models={"gemma3:4b": Speeds(load_ms=5000)})
    async with FakeOllama(time_scale=0, speeds=speeds) as fake:
        for model, seconds in (("gemma3:1b", 1), ("gemma3:4b", 5)):
            assert (await asker.chat(fake, model=model))[1]["load_duration"] == seconds * 1_000_000_000


async def test_real_time_cannot_be_moved() -> None:
    async with FakeOllama() as fake:
        with pytest.raises(TypeError, match="real time"):
            await fake.advance(1)


async def test_leaping_wakes_in_order_and_rests_do_not_push() -> None:
    clock, order = LeapClock(), []
    start, start_ms = clock.monotonic_s(), clock.now_ms()

    async def after(seconds: float) -> None:
        await clock.sleep(seconds)
        order.append((seconds, clock.monotonic_s() - start))

    resting = asyncio.create_task(clock.rest(50))
    await asyncio.gather(after(30), after(10), after(20))
    assert order == [(10, 10), (20, 20), (30, 30)]
    assert not resting.done()
    assert clock.now_ms() == start_ms + 30_000
    await clock.advance(20)
    assert resting.done()


async def test_scaled_clock_runs_faster_or_slower() -> None:
    clock = ScaledClock(0.0001)
    before, real = clock.monotonic_s(), time.monotonic()
    await clock.sleep(100)
    assert clock.monotonic_s() - before >= 99
    assert clock.now_ms() > 0
    assert time.monotonic() >= real


async def test_compute_is_shared_in_turns() -> None:
    clock, done = LeapClock(), []
    compute, start = Compute(clock), clock.monotonic_s()

    async def work(name: str, seconds: float) -> None:
        await compute.work(seconds)
        done.append((name, round(clock.monotonic_s() - start, 2)))

    await asyncio.gather(work("long", 1.0), work("short", 0.1))
    assert done == [("short", pytest.approx(0.2, abs=0.03)), ("long", pytest.approx(1.1, abs=0.03))]


async def test_compute_keeps_its_timetable_where_sleepers_wake_late() -> None:
    class Late(LeapClock):
        """Wakes everybody 3 ms late."""

        late_s = 0.02

        async def sleep(self, seconds: float) -> None:
            await super().sleep(max(0.0, seconds) + 0.003)

    clock = Late()
    compute, start = Compute(clock), clock.monotonic_s()

    async def answer() -> None:
        for _ in range(50):
            await compute.work(0.02)

    await asyncio.gather(answer(), answer())
    assert compute.used_s == pytest.approx(2.0)
    assert clock.monotonic_s() - start == pytest.approx(2.0, abs=0.05)


def test_closing_twice_and_an_unopened_fake_are_fine() -> None:
    async def run() -> None:
        fake = FakeOllama()
        await fake.close()
        async with fake:
            pass
        await fake.close()

    asyncio.run(run())
    assert json.dumps(FakeOllama().stats.as_dict())
