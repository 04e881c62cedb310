"""What tests of plugins are lent: context, clock, network and the raw server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from leadd.api import Clock, HttpReply, NeedsAttention, Reject, Retry, SecretRef
from leadd.testing.clock import START_MS, ManualClock
from leadd.testing.context import make_context
from leadd.testing.http import PlainHttp, ScriptedHttp
from leadd.testing.raw_server import RawServer, body_answer, hang_up, json_answer, silence


async def test_a_bare_context_has_no_network_and_a_still_clock(tmp_path: Path) -> None:
    ctx = make_context(tmp_path)
    assert ctx.data_folder == tmp_path
    assert ctx.clock.now_ms() == ctx.clock.now_ms() == START_MS
    with pytest.raises(Retry, match="no network"):
        await ctx.http.get("https://example.org/")


def test_secrets_are_known_by_their_reference(tmp_path: Path) -> None:
    ctx = make_context(tmp_path, secrets={"{env:TOKEN}": "s3cret"})
    assert ctx.secret(SecretRef.parse("{env:TOKEN}")) == "s3cret"
    with pytest.raises(NeedsAttention, match="env:OTHER"):
        ctx.secret(SecretRef.parse("{env:OTHER}"))


async def test_the_clock_wakes_sleepers_in_order_and_only_when_due() -> None:
    clock, woken = ManualClock(), []

    async def sleeper(seconds: float) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)

    tasks = [asyncio.create_task(sleeper(s)) for s in (30, 10, 20)]
    await asyncio.sleep(0)
    assert clock.sleeping == 3
    await clock.advance(20)
    assert woken == [10, 20]
    await clock.advance(10)
    assert woken == [10, 20, 30]
    await asyncio.gather(*tasks)
    assert isinstance(clock, Clock)


async def test_the_clock_forgets_sleepers_that_were_cancelled() -> None:
    clock = ManualClock()
    task = asyncio.create_task(clock.sleep(10))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert clock.sleeping == 0
    await clock.advance(20)
    await clock.sleep(0)


def test_the_wall_clock_moves_alone() -> None:
    clock = ManualClock()
    before_s = clock.monotonic_s()
    clock.set_wall_ms(clock.now_ms() - 7_200_000)
    assert clock.now_ms() == START_MS - 7_200_000
    assert clock.monotonic_s() == before_s


@pytest.mark.parametrize(
    ("status", "error"),
    [(401, NeedsAttention), (403, NeedsAttention), (404, Reject), (410, Reject), (429, Retry), (503, Retry)],
)
async def test_both_networks_raise_what_the_real_one_promises(status: int, error: type[Exception]) -> None:
    async with RawServer(body_answer(b"no", status, retry_after=7)) as server, PlainHttp() as plain:
        scripted = ScriptedHttp([HttpReply(status, "u", {"retry-after": "7"}, b"no")])
        caught = []
        for http in (plain, scripted):
            with pytest.raises(error) as one:
                await http.get(server.url)
            caught.append(one.value)
    for each in caught:
        assert getattr(each, "after_s", 7.0) == 7.0
        assert getattr(each, "status", status) == status


async def test_the_plain_network_gets_and_posts() -> None:
    async with RawServer(json_answer({"a": 1}, etag="x")) as server, PlainHttp() as http:
        got = await http.get(f"{server.url}/feed", headers={"If-None-Match": "y"})
        await http.post(f"{server.url}/hook", body=b"payload")
    assert (got.status, got.text(), got.headers["etag"]) == (200, '{"a": 1}', "x")
    assert server.requests[0].headers["if-none-match"] == "y"
    assert (server.requests[1].method, server.requests[1].path, server.requests[1].body) == ("POST", "/hook", b"payload")


@pytest.mark.parametrize(("answer", "error"), [(hang_up, Retry), (silence, Retry), (body_answer(b"x" * 100), Reject)])
async def test_the_plain_network_names_faults(answer: object, error: type[Exception]) -> None:
    async with RawServer(answer) as server, PlainHttp() as http:  # type: ignore[arg-type]
        with pytest.raises(error):
            await http.get(server.url, max_bytes=50, timeout_s=0.2 if answer is silence else 30)


async def test_the_plain_network_cannot_reach_what_is_not_there() -> None:
    async with RawServer(silence) as server:
        url = server.url
    async with PlainHttp() as http:
        with pytest.raises(Retry):
            await http.get(url)
        with pytest.raises(Reject):
            await http.get("no address")


async def test_a_script_is_a_function_or_a_list_and_keeps_what_was_asked() -> None:
    by_function = ScriptedHttp(lambda asked: HttpReply(200, asked.url, {}, asked.method.encode()))
    assert (await by_function.post("u", body=b"b")).body == b"POST"
    by_list = ScriptedHttp([HttpReply(200, "u", {}, b"one"), NeedsAttention("key")])
    assert (await by_list.get("u", headers={"A": "b"})).body == b"one"
    with pytest.raises(NeedsAttention):
        await by_list.get("u")
    assert by_list.asked[0].headers == {"A": "b"}
    with pytest.raises(Reject):
        await ScriptedHttp([HttpReply(200, "u", {}, b"too much")]).get("u", max_bytes=3)


async def test_an_error_in_a_scripted_answer_reaches_the_test() -> None:
    async def broken(request: object, talk: object) -> None:
        raise LookupError("a mistake in the test")

    async def whole_test() -> None:
        async with RawServer(broken) as server, PlainHttp() as http:
            with pytest.raises(Retry):
                await http.get(server.url)

    with pytest.raises(LookupError):
        await whole_test()
