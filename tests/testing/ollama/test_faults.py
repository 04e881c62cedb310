"""Failures on demand, the counts, and the admin paths by which another process does the same."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from leadd.testing.ollama import KINDS, FakeOllama, Fault, Speeds


async def admin(asker: Any, fake: FakeOllama, path: str, body: Any = None, method: str = "POST") -> tuple[int, Any]:
    async with asker.session.request(method, fake.url + "/__leadd__/" + path, json=body) as reply:
        return reply.status, await reply.json()


async def statuses(asker: Any, fake: FakeOllama, count: int, **more: Any) -> list[int]:
    return [(await asker.chat(fake, **more))[0] for _ in range(count)]


async def test_the_next_requests_fail_and_no_more(asker: Any) -> None:
    async with FakeOllama() as fake:
        fake.fail_next("error", times=2, status=500, message="boom")
        assert (await asker.chat(fake)) == (500, {"error": "boom"})
        assert await statuses(asker, fake, 3) == [500, 200, 200]
        assert fake.stats.faults == {"error": 2}


async def test_a_fault_may_be_meant_for_a_model_a_role_or_an_endpoint_or_come_later(asker: Any) -> None:
    async with FakeOllama() as fake:
        fake.fail_next("busy", times=None, model="gemma3:4b")
        fake.fail_next("error", role="triage", skip=1)
        fake.fail_next("error", endpoint="tags", status=503)
        assert await statuses(asker, fake, 2, model="gemma3:4b") == [503, 503]
        assert await statuses(asker, fake, 3) == [200, 500, 200]
        async with asker.session.get(fake.url + "/api/tags") as reply:
            assert reply.status == 503
        fake.clear_faults()
        assert await statuses(asker, fake, 1, model="gemma3:4b") == [200]


async def test_questions_fail_by_default_but_preloads_and_lists_do_not(asker: Any) -> None:
    async with FakeOllama() as fake:
        fake.fail_next("error")
        await asker.get(fake, "/api/ps")
        assert (await asker.post(fake, "/api/generate", {"model": "gemma3:1b"}))[0] == 200
        assert await statuses(asker, fake, 2) == [500, 200]
        fake.fail_next("error", endpoint="preload")
        assert await statuses(asker, fake, 1) == [200]
        assert (await asker.post(fake, "/api/generate", {"model": "gemma3:1b"}))[0] == 500


async def test_a_share_of_requests_fails_and_the_same_seed_repeats_it(asker: Any) -> None:
    runs = []
    for seed in (1, 1, 2):
        async with FakeOllama() as fake:
            fake.fail_next("error", times=None, probability=0.3, seed=seed)
            runs.append(await statuses(asker, fake, 60))
    assert runs[0] == runs[1] != runs[2]
    assert 6 <= runs[0].count(500) <= 32


async def test_slow_and_stalled_answers_take_the_servers_time(asker: Any) -> None:
    async with FakeOllama(time_scale=0) as fake:
        clock = fake._state.clock
        start = clock.monotonic_s()
        fake.fail_next("slow", delay_s=120)
        fake.fail_next("stall", delay_s=60, after_events=1)
        assert (await asker.chat(fake))[0] == 200
        assert clock.monotonic_s() - start >= 180


@pytest.mark.parametrize("kind", ["hang", "stall", "headers_only"])
async def test_answers_that_never_come_end_with_the_client(asker: Any, kind: str) -> None:
    async with FakeOllama() as fake:
        fake.fail_next(kind)
        task = asker.start(fake)
        await asker.until(fake, in_flight=1)
        while not fake.stats.faults:
            await asyncio.sleep(0)
        assert not task.done()
        task.cancel()
        await asker.until(fake, cancelled=1)
        assert (await asker.chat(fake))[0] == 200


@pytest.mark.parametrize("kind", sorted(KINDS))
async def test_after_any_fault_the_server_goes_on(asker: Any, kind: str) -> None:
    async with FakeOllama(time_scale=0) as fake:
        fake.fail_next(kind)
        task = asker.start(fake)
        for _ in range(300):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        fake.clear_faults()
        assert (await asker.chat(fake))[0] == 200


def test_unknown_names_are_refused() -> None:
    fake = FakeOllama()
    with pytest.raises(ValueError, match="no fault"):
        fake.fail_next("explode")
    with pytest.raises(TypeError):
        fake.fail_next("error", colour="red")
    with pytest.raises(TypeError):
        fake.set_speeds(warp=9)
    with pytest.raises(ValueError):
        Fault("nothing")


async def test_counts(asker: Any) -> None:
    async with FakeOllama() as fake:
        await asker.get(fake, "/api/version")
        await asker.chat(fake)
        await asker.chat(fake, model="gemma3:4b")
        await asker.post(fake, "/api/embed", {"model": "nomic-embed-text", "input": ["a", "b"]})
        stats = fake.stats
        assert stats.calls == {"/api/version": 1, "/api/chat": 2, "/api/embed": 1}
        assert stats.questions == {
            ("gemma3:1b", "triage"): 1,
            ("gemma3:4b", "triage"): 1,
            ("nomic-embed-text:latest", "embed"): 1,
        }
        assert stats.completed == stats.questions
        assert stats.tokens_read > 60
        assert stats.tokens_written > 5
        assert stats.texts_embedded == 2
        assert stats.statuses == {200: 4}
        fake.reset()
        assert stats.as_dict()["calls"] == {}
        assert stats.tokens_read == stats.in_flight == 0


async def test_another_process_scripts_it_over_http(asker: Any) -> None:
    async with FakeOllama(time_scale=0, speeds=Speeds(load_ms=1000)) as fake:
        assert await admin(asker, fake, "faults", {"kind": "error", "times": 1, "status": 418, "model": "gemma3:1b"}) == (
            200,
            {"ok": True},
        )
        await admin(asker, fake, "answers", {"answers": [{"worth": "no"}], "role": "triage"})
        assert (await asker.chat(fake))[0] == 418
        assert json.loads((await asker.chat(fake))[1]["message"]["content"]) == {"worth": "no"}
        status, stats = await admin(asker, fake, "stats", method="GET")
        assert status == 200
        assert stats["questions"] == {"gemma3:1b/triage": 2}
        assert stats["completed"] == {"gemma3:1b/triage": 1}
        assert stats["loaded"] == {"gemma3:1b": 2048}
        assert stats["faults"] == {"error": 1}
        assert stats["calls"] == {"/api/chat": 2}
        await admin(asker, fake, "faults", {"kind": "busy", "times": None})
        assert (await asker.chat(fake))[0] == 503
        await admin(asker, fake, "faults", method="DELETE")
        await admin(asker, fake, "clock", {"advance_s": 3600})
        assert fake.loaded == {}
        await admin(asker, fake, "speeds", {"load_ms": 7000})
        assert (await asker.chat(fake))[1]["load_duration"] == 7_000_000_000
        await admin(asker, fake, "models", {"add": ["mistral:7b"]})
        assert (await asker.chat(fake, model="mistral:7b"))[0] == 200
        await admin(asker, fake, "reset")
        assert (await admin(asker, fake, "stats", method="GET"))[1]["questions"] == {}


async def test_holding_and_wedging_over_http(asker: Any) -> None:
    async with FakeOllama() as fake:
        for stop, go in (("wedge", "unwedge"), ("hold", "release")):
            await admin(asker, fake, stop)
            task = asker.start(fake)
            await asker.until(fake, in_flight=1)
            await admin(asker, fake, "stats", method="GET")
            assert not task.done()
            await admin(asker, fake, go)
            assert (await task)[0] == 200


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("faults", {"kind": "explode"}, 400),
        ("faults", {"kind": "busy", "tims": 1}, 400),
        ("faults", {}, 400),
        ("answers", {"answers": ["x"], "modle": "y"}, 400),
        ("answers", {}, 400),
        ("clock", {"advance_s": "soon"}, 400),
        ("clock", {"advance_s": 1}, 400),
        ("speeds", {"warp": 9}, 400),
        ("nothing", {}, 404),
        ("faults", [], 400),
    ],
)
async def test_admin_mistakes_are_named(asker: Any, path: str, body: Any, status: int) -> None:
    async with FakeOllama() as fake:
        got, reply = await admin(asker, fake, path, body)
        assert got == status
        assert reply["error"]
