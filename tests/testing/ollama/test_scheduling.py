"""Points 4 to 10 and 15: slots, the line for loads, reloads, evictions, keep-alive, cancelled loads, the deadlock, crashes."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import aiohttp
import pytest

from leadd.testing.clock import FakeClock
from leadd.testing.ollama import FakeOllama, Limits, Speeds

BUSY = "server busy, please try again.  maximum pending requests exceeded"


async def preload(asker: Any, fake: FakeOllama, model: str, **more: Any) -> Any:
    status, reply = await asker.post(fake, "/api/generate", {"model": model, "options": {"num_ctx": 2048}} | more)
    assert status == 200
    return reply


async def in_line(fake: FakeOllama, count: int) -> None:
    while fake.stats.in_flight < count:
        await asyncio.sleep(0)
    for _ in range(20):
        await asyncio.sleep(0)


async def test_one_slot_is_first_come_first_served_and_unbounded_when_warm(asker: Any) -> None:
    order: list[int] = []
    async with FakeOllama(limits=Limits(max_queue=1)) as fake:
        await preload(asker, fake, "gemma3:1b")
        fake.hold()

        async def one(number: int) -> None:
            status, _ = await asker.chat(fake, text=f"text {number}")
            order.append(number)
            assert status == 200

        tasks = []
        for number in range(30):
            tasks.append(asyncio.create_task(one(number)))
            await in_line(fake, number + 1)
        assert fake.stats.in_flight_max == 30
        fake.release()
        await asyncio.gather(*tasks)
        assert order == list(range(30))
        assert fake.stats.busy == 0


async def test_slots_work_side_by_side_and_embedding_models_have_one(asker: Any) -> None:
    clock = FakeClock()
    async with FakeOllama(limits=Limits(slots=2), clock=clock, speeds=Speeds(overhead_ms=10)) as fake:
        await preload(asker, fake, "gemma3:1b")
        tasks = [asker.start(fake, text=f"text {n}") for n in range(3)]
        await in_line(fake, 3)
        await clock.advance(0.021)
        done = await asyncio.gather(*tasks[:2])
        assert [status for status, _ in done] == [200, 200]
        assert not tasks[2].done()
        await clock.sleeping()
        await clock.advance(0.011)
        status, third = await tasks[2]
        queue_ns = third["total_duration"] - third["load_duration"] - third["prompt_eval_duration"] - third["eval_duration"]
        assert status == 200
        assert queue_ns >= 9_000_000


async def test_a_cold_burst_above_the_queue_is_busy(asker: Any) -> None:
    async with FakeOllama(limits=Limits(max_queue=2)) as fake:
        fake.wedge()
        tasks = []
        for number in range(3):
            tasks.append(asker.start(fake, text=f"text {number}"))
            await in_line(fake, number + 1)
        async with asker.session.post(fake.url + "/api/generate", json={"model": "gemma3:4b"}) as reply:
            assert reply.status == 503
            assert (await reply.json()) == {"error": BUSY}
            assert "Retry-After" not in reply.headers
        fake.unwedge()
        assert [status for status, _ in await asyncio.gather(*tasks)] == [200] * 3
        assert fake.stats.loads == {"gemma3:1b": 1}
        assert fake.stats.busy == 1


@pytest.mark.parametrize(
    ("first", "second", "reloads"),
    [
        ({"num_ctx": 2048}, {"num_ctx": 2048}, 0),
        ({"num_ctx": 2048}, {"num_ctx": 4096}, 1),
        ({"num_ctx": 4096}, {"num_ctx": 2048}, 1),
        ({}, {}, 0),
        ({"num_ctx": 8192}, {}, 1),
        ({"num_ctx": 99_999_999}, {"num_ctx": 32768}, 0),
        ({}, {"num_thread": 2}, 1),
        ({}, {"num_batch": 64}, 1),
        ({}, {"num_gpu": -1}, 0),
        ({}, {"num_gpu": 0}, 1),
        ({}, {"temperature": 0.3, "seed": 1, "top_k": 3, "num_predict": 2, "stop": ["x"]}, 0),
    ],
)
async def test_which_options_reload(asker: Any, first: dict[str, Any], second: dict[str, Any], reloads: int) -> None:
    async with FakeOllama() as fake:
        for options in (first, second):
            await preload(asker, fake, "gemma3:1b", options=options)
        assert fake.stats.reloads == reloads
        assert fake.stats.loads["gemma3:1b"] == 1 + reloads
        assert fake.stats.unloads["gemma3:1b"] == reloads


async def test_the_vision_floor_hides_small_windows(asker: Any) -> None:
    async with FakeOllama() as fake:
        await preload(asker, fake, "gemma3:4b", options={"num_ctx": 512})
        await preload(asker, fake, "gemma3:4b", options={"num_ctx": 2048})
        assert fake.loaded == {"gemma3:4b": 2048}
        assert fake.stats.reloads == 0


@pytest.mark.parametrize(("profile", "reloads"), [("0.33+", 1), ("0.12.11", 0)])
async def test_shift_reloads_since_llama_server(asker: Any, profile: str, reloads: int) -> None:
    async with FakeOllama(profile) as fake:
        await asker.chat(fake)
        await asker.chat(fake, shift=False)
        assert fake.stats.reloads == reloads


async def test_two_tags_of_one_blob_share_a_runner(asker: Any) -> None:
    async with FakeOllama() as fake:
        fake.catalog.copy("gemma3:1b", "mine")
        await preload(asker, fake, "gemma3:1b")
        await preload(asker, fake, "mine")
        assert sum(fake.stats.loads.values()) == 1


async def test_a_reload_waits_for_who_is_being_answered(asker: Any) -> None:
    async with FakeOllama() as fake:
        await preload(asker, fake, "gemma3:1b")
        fake.hold()
        first = asker.start(fake)
        await in_line(fake, 1)
        second = asker.start(fake, options={"num_ctx": 4096})
        await in_line(fake, 2)
        assert fake.loaded == {"gemma3:1b": 2048}
        fake.release()
        assert [status for status, _ in await asyncio.gather(first, second)] == [200, 200]
        assert fake.loaded == {"gemma3:1b": 4096}


async def test_models_that_do_not_fit_evict_each_other(asker: Any) -> None:
    async with FakeOllama(limits=Limits(memory_gb=4.4)) as fake:
        for model in ("gemma3:1b", "gemma3:4b", "gemma3:1b", "gemma3:4b"):
            await preload(asker, fake, model)
        assert fake.stats.evictions == 3
        assert fake.stats.loads == {"gemma3:1b": 2, "gemma3:4b": 2}
        assert list(fake.loaded) == ["gemma3:4b"]


async def test_models_that_fit_stay_and_the_cap_evicts_the_shortest_keep_alive(asker: Any) -> None:
    async with FakeOllama(limits=Limits(memory_gb=16, max_loaded=2), models=("gemma3:1b", "gemma3:4b", "gemma3:270m")) as fake:
        await preload(asker, fake, "gemma3:1b", keep_alive="1h")
        await preload(asker, fake, "gemma3:4b", keep_alive="1m")
        assert len(fake.loaded) == 2
        await preload(asker, fake, "gemma3:270m")
        assert set(fake.loaded) == {"gemma3:1b", "gemma3:270m"}


@pytest.mark.parametrize(("profile", "words"), [("legacy", "requires more system memory"), ("0.33+", "out-of-memory")])
async def test_a_model_too_large_for_the_machine(asker: Any, profile: str, words: str) -> None:
    async with FakeOllama(profile, limits=Limits(memory_gb=2)) as fake:
        status, reply = await asker.chat(fake, model="gemma3:4b")
        assert status == 500
        assert words in reply["error"]


async def test_keep_alive_over_time(asker: Any) -> None:
    async with FakeOllama(time_scale=0) as fake:
        await preload(asker, fake, "gemma3:1b")
        await preload(asker, fake, "gemma3:4b", keep_alive="10m")
        await preload(asker, fake, "nomic-embed-text", keep_alive=-1)
        await fake.advance(299)
        assert len(fake.loaded) == 3
        await asker.chat(fake)
        await fake.advance(200)
        assert "gemma3:1b" in fake.loaded
        await fake.advance(100.5)
        assert set(fake.loaded) == {"gemma3:4b", "nomic-embed-text:latest"}
        await fake.advance(86_400)
        assert set(fake.loaded) == {"nomic-embed-text:latest"}
        assert fake.stats.unloads == {"gemma3:1b": 1, "gemma3:4b": 1}


async def test_keep_alive_is_shown_overwritten_and_left_alone(asker: Any) -> None:
    async with FakeOllama(time_scale=0) as fake:

        async def minutes_left() -> float:
            entry = (await asker.get(fake, "/api/ps"))["models"][0]
            await preload(asker, fake, "gemma3:4b", keep_alive=0)
            stamp = datetime.fromisoformat(entry["expires_at"].replace("Z", "+00:00"))
            return (stamp.timestamp() * 1000 - fake._state.clock.now_ms()) / 60_000

        await preload(asker, fake, "gemma3:1b", keep_alive="10m")
        assert await minutes_left() == pytest.approx(10, abs=0.01)
        await asker.chat(fake)
        assert await minutes_left() == pytest.approx(10, abs=0.01)
        await asker.chat(fake, keep_alive=30)
        assert await minutes_left() == pytest.approx(0.5, abs=0.01)
        await asker.chat(fake, keep_alive="-1m")
        assert await minutes_left() > 1e6
        await asker.chat(fake, keep_alive=0)
        assert "gemma3:1b" not in fake.loaded


async def test_preload_and_unload_replies(asker: Any) -> None:
    async with FakeOllama() as fake:
        for path, body in (("/api/chat", {"messages": []}), ("/api/generate", {"prompt": ""})):
            status, reply = await asker.post(fake, path, {"model": "gemma3:1b"} | body)
            assert (status, reply["done_reason"]) == (200, "load")
            status, reply = await asker.post(fake, path, {"model": "gemma3:1b", "keep_alive": 0} | body)
            assert (status, reply["done_reason"], fake.loaded) == (200, "unload", {})
        assert fake.stats.preloads == 2


async def test_unloading_a_busy_model_answers_at_once_and_happens_later(asker: Any) -> None:
    async with FakeOllama() as fake:
        await preload(asker, fake, "gemma3:1b")
        fake.hold()
        task = asker.start(fake)
        await in_line(fake, 1)
        reply = await preload(asker, fake, "gemma3:1b", keep_alive=0)
        assert reply["done_reason"] == "unload"
        assert fake.loaded
        fake.release()
        assert (await task)[0] == 200
        assert fake.loaded == {}


async def test_a_load_is_aborted_when_the_client_that_caused_it_leaves(asker: Any) -> None:
    clock = FakeClock()
    async with FakeOllama(clock=clock, speeds=Speeds(load_ms=60_000)) as fake:
        for attempt in (1, 2):
            task = asker.start(fake)
            await clock.sleeping()
            await clock.advance(59)
            task.cancel()
            await asker.until(fake, cancelled=attempt)
            while fake.stats.load_aborts["gemma3:1b"] < attempt:
                await asyncio.sleep(0)
        assert fake.loaded == {}
        assert fake.stats.loads == {}


async def test_a_cancelled_request_in_line_is_skipped(asker: Any) -> None:
    async with FakeOllama() as fake:
        fake.wedge()
        first = asker.start(fake)
        await in_line(fake, 1)
        second = asker.start(fake, model="gemma3:4b")
        await in_line(fake, 2)
        second.cancel()
        await asker.until(fake, cancelled=1)
        fake.unwedge()
        assert (await first)[0] == 200
        await asker.until(fake, skipped_in_queue=1)
        assert list(fake.loaded) == ["gemma3:1b"]


async def test_wedged_loads_hang_while_all_else_is_green(asker: Any) -> None:
    async with FakeOllama() as fake:
        await preload(asker, fake, "gemma3:1b")
        fake.wedge()
        stuck = asker.start(fake, model="gemma3:4b")
        await in_line(fake, 1)
        assert (await asker.chat(fake))[0] == 200
        for path in ("/api/tags", "/api/ps", "/api/version"):
            await asker.get(fake, path)
        assert not stuck.done()
        fake.unwedge()
        assert (await stuck)[0] == 200


async def test_the_deadlock_grows_out_of_an_eviction_and_a_keep_alive(asker: Any) -> None:
    async with FakeOllama("0.31.1", limits=Limits(max_loaded=1), time_scale=0) as fake:
        await preload(asker, fake, "gemma3:1b")
        fake.hold()
        busy = asker.start(fake)
        await in_line(fake, 1)
        waiting = asker.start(fake, model="gemma3:4b")
        await in_line(fake, 2)
        spoiler = asker.start(fake, keep_alive="30m")
        await in_line(fake, 3)
        fake.release()
        assert (await busy)[0] == (await spoiler)[0] == 200
        await in_line(fake, 1)
        assert fake.loaded == {"gemma3:1b": 2048}
        assert not waiting.done()
        # The way out without a restart: stop sending to the busy model and unload it.
        await preload(asker, fake, "gemma3:1b", keep_alive=0)
        assert (await waiting)[0] == 200
        assert list(fake.loaded) == ["gemma3:4b"]


async def test_a_crash_fails_those_on_the_runner_and_the_next_pays_a_load(asker: Any) -> None:
    async with FakeOllama() as fake:
        await preload(asker, fake, "gemma3:1b")
        fake.hold()
        fake.fail_next("crash")
        tasks = [asker.start(fake, text=f"text {n}") for n in range(3)]
        await in_line(fake, 3)
        fake.release()
        assert [status for status, _ in await asyncio.gather(*tasks)] == [500] * 3
        assert fake.loaded == {}
        assert (await asker.chat(fake))[0] == 200
        assert fake.stats.loads["gemma3:1b"] == 2


async def test_running_out_of_memory_unloads_every_model(asker: Any) -> None:
    async with FakeOllama() as fake:
        await preload(asker, fake, "gemma3:1b")
        await preload(asker, fake, "gemma3:4b")
        fake.fail_next("oom")
        status, reply = await asker.chat(fake)
        assert status == 500
        assert "memory" in reply["error"]
        assert fake.loaded == {}


@pytest.mark.parametrize(
    ("kind", "words"),
    [("load_oom", "memory"), ("load_crash", "process has terminated"), ("load_stall", "timed out waiting for")],
)
@pytest.mark.parametrize("profile", ["legacy", "0.33+"])
async def test_loads_fail_by_name_and_the_next_one_works(asker: Any, kind: str, words: str, profile: str) -> None:
    async with FakeOllama(profile, time_scale=0) as fake:
        fake.fail_next(kind)
        status, reply = await asker.chat(fake)
        assert status == 500
        assert words in reply["error"]
        assert (await asker.chat(fake))[0] == 200


async def test_old_servers_put_warm_requests_behind_a_waiting_load(asker: Any) -> None:
    for profile, passes in (("legacy", False), ("0.12.11", True)):
        async with FakeOllama(profile) as fake:
            await preload(asker, fake, "gemma3:1b")
            fake.wedge()
            cold = asker.start(fake, model="gemma3:4b")
            await in_line(fake, 1)
            warm = asker.start(fake)
            await in_line(fake, 1 if passes else 2)
            for _ in range(200):
                await asyncio.sleep(0)
            assert warm.done() is passes
            fake.unwedge()
            await asyncio.gather(cold, warm)


async def test_a_client_that_leaves_gives_slot_and_place_back(asker: Any) -> None:
    async with FakeOllama() as fake:
        await preload(asker, fake, "gemma3:1b")
        fake.hold()
        tasks = [asker.start(fake, text=f"text {n}") for n in range(3)]
        await in_line(fake, 3)
        tasks[0].cancel()
        tasks[1].cancel()
        await asker.until(fake, cancelled=2)
        fake.release()
        assert (await tasks[2])[0] == 200
        assert (await asker.chat(fake))[0] == 200
        assert fake.stats.in_flight == 0


@pytest.mark.parametrize(("profile", "late"), [("legacy", True), ("0.33+", False)])
async def test_old_engines_notice_a_leaving_client_at_the_first_token(asker: Any, profile: str, late: bool) -> None:
    clock = FakeClock()
    async with FakeOllama(profile, clock=clock, speeds=Speeds(prefill_tps=100)) as fake:
        await preload(asker, fake, "gemma3:1b")
        left = asker.start(fake, text="word " * 400)
        await clock.sleeping(2)
        left.cancel()
        await asker.until(fake, cancelled=1)
        task = asker.start(fake, text="short")
        await in_line(fake, 1)
        await clock.advance(1.5)
        for _ in range(50):
            await asyncio.sleep(0)
        assert task.done() is not late
        while not task.done():
            await clock.advance(1)
        assert (await task)[0] == 200


async def test_closing_ends_whatever_is_going_on(asker: Any) -> None:
    async with FakeOllama() as fake:
        fake.hold()
        task = asker.start(fake)
        await in_line(fake, 1)
    with pytest.raises(aiohttp.ClientConnectionError):
        await task
