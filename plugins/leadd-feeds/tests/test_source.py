"""The source `feed` against a real loopback server that follows a script."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from feed_server import LoopHttp, Script
from leadd_feeds import FeedSource, leadd_sources
from leadd_feeds.polite import HostGate

from leadd.api import Context, HttpReply, NeedsAttention, Problem, Retry, SignalDraft, Source
from leadd.testing.clock import ManualClock
from leadd.testing.context import make_context
from leadd.testing.contracts import SourceContract
from leadd.testing.http import ScriptedHttp

Make = Callable[..., FeedSource]


def rss(*names: str, extra: str = "") -> bytes:
    """A feed with these entries, the newest first."""
    items = "".join(
        f"<item><guid>{name}</guid><link>https://h.example/{name}</link><title>{name}</title>"
        f"<description>text {name}</description></item>"
        for name in names
    )
    return f'<rss version="2.0"><channel><title>T</title>{extra}{items}</channel></rss>'.encode()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def make(script: Script, clock: ManualClock, tmp_path: Path) -> Make:
    def build(path: str = "/feed", **options: Any) -> FeedSource:
        options = {"url": script.base + path, "host_delay_s": 0, **options}
        return FeedSource(FeedSource.Config(**options), make_context(tmp_path, clock, LoopHttp()))

    return build


async def pull(source: FeedSource, cursor: str | None = None) -> tuple[list[str], list[Problem], str | None]:
    names, problems = [], []
    async for item in source.poll(cursor):
        cursor = item.cursor or cursor
        if isinstance(item, SignalDraft):
            names.append(item.title)
        elif isinstance(item, Problem):
            problems.append(item)
    return names, problems, cursor


async def until(condition: Callable[[], object]) -> None:
    """Let other tasks go on until the condition holds."""
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came to that")


async def test_new_entries_come_once_oldest_first(script: Script, make: Make) -> None:
    script.answers["/feed"] = web.Response(body=rss("b", "a"))
    source = make()
    [first, _] = [item async for item in source.poll(None) if isinstance(item, SignalDraft)]
    assert (first.external_id, first.url, first.text, first.source_type) == ("a", "https://h.example/a", "text a", "feed")
    names, _, cursor = await pull(source)
    assert names == ["a", "b"]
    script.answers["/feed"] = web.Response(body=rss("d", "c", "b", "a"))
    names, _, cursor = await pull(make(), cursor)
    assert names == ["c", "d"]
    assert (await pull(make(), cursor)) == ([], [], cursor)


async def test_validators_go_back_and_a_304_brings_nothing(script: Script, make: Make) -> None:
    def answer(request: web.Request) -> web.Response:
        if request.headers.get("If-None-Match") == '"v1"':
            return web.Response(status=304)
        return web.Response(body=rss("a"), headers={"ETag": '"v1"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"})

    script.answers["/feed"] = answer
    source = make(user_agent="me/1")
    names, _, cursor = await pull(source)
    assert names == ["a"]
    assert await pull(source, cursor) == ([], [], cursor)
    headers = script.asked[1][1]
    assert headers["if-none-match"] == '"v1"'
    assert headers["if-modified-since"] == "Thu, 01 Jan 2026 00:00:00 GMT"
    assert headers["user-agent"] == "me/1"


async def test_a_crash_between_entries_loses_none_to_a_304(script: Script, make: Make) -> None:
    def answer(request: web.Request) -> web.Response:
        if request.headers.get("If-None-Match"):
            return web.Response(status=304)
        return web.Response(body=rss("c", "b", "a"), headers={"ETag": '"v1"'})

    script.answers["/feed"] = answer
    items = make().poll(None)
    first = await anext(items)
    await items.aclose()  # type: ignore[attr-defined]
    names, _, cursor = await pull(make(), first.cursor)
    assert names == ["b", "c"]
    assert (await pull(make(), cursor))[0] == []
    assert script.asked[-1][1]["if-none-match"] == '"v1"'


async def test_max_items_keeps_the_newest(script: Script, make: Make) -> None:
    script.answers["/feed"] = web.Response(body=rss(*[str(n) for n in range(50, 0, -1)]))
    assert (await pull(make(max_items=3)))[0] == ["48", "49", "50"]


@pytest.mark.parametrize(("status", "after"), [(429, 120.0), (503, 120.0), (500, 120.0), (408, 120.0)])
async def test_busy_servers_are_waited_out(script: Script, make: Make, status: int, after: float) -> None:
    script.answers["/feed"] = web.Response(status=status, headers={"Retry-After": "120"})
    with pytest.raises(Retry) as caught:
        await pull(make())
    assert caught.value.after_s == after


async def test_gone_needs_a_person_and_missing_only_after_a_while(script: Script, make: Make) -> None:
    script.answers["/feed"] = web.Response(status=410)
    with pytest.raises(NeedsAttention, match="gone for good") as gone:
        await pull(make())
    assert gone.value.hint
    source = make("/missing")
    for _ in range(2):
        with pytest.raises(Retry, match="404"):
            await pull(source)
    with pytest.raises(NeedsAttention, match="404"):
        await pull(source)


async def test_a_page_instead_of_a_feed_names_the_feed(script: Script, make: Make) -> None:
    page = web.Response(body=b'<html><link rel="alternate" type="application/atom+xml" href="/real.xml">')
    script.answers["/feed"] = page
    with pytest.raises(NeedsAttention, match="web page") as caught:
        await pull(make())
    assert caught.value.hint == f"the page names this feed: {script.base}/real.xml"


async def test_a_login_page_after_good_days_is_retried_first(script: Script, make: Make) -> None:
    script.answers["/feed"] = web.Response(body=rss("a"))
    source = make()
    _, _, cursor = await pull(source)
    script.answers["/feed"] = web.Response(body=b"<html>hotel")
    for _ in range(2):
        with pytest.raises(Retry, match="web page"):
            await pull(source, cursor)
    script.answers["/feed"] = web.Response(body=rss("b", "a"))
    names, _, cursor = await pull(source, cursor)
    assert names == ["b"]
    script.answers["/feed"] = web.Response(body=b"<html>hotel")
    for _ in range(2):
        with pytest.raises(Retry):
            await pull(source, cursor)
    with pytest.raises(NeedsAttention):
        await pull(source, cursor)


async def test_moved_for_good_is_told_once_and_a_detour_never(script: Script, make: Make) -> None:
    script.answers["/feed"] = lambda r: web.Response(status=301, headers={"Location": "/new"})
    script.answers["/detour"] = lambda r: web.Response(status=302, headers={"Location": "/feed"})
    script.answers["/new"] = web.Response(body=rss("a"))
    names, [problem], cursor = await pull(make())
    assert names == ["a"]
    assert problem.hint == f"change its url to {script.base}/new"
    assert (await pull(make(), cursor))[1] == []
    assert (await pull(make("/detour")))[1] == []


async def test_broken_markup_is_used_and_told_once(script: Script, make: Make) -> None:
    script.answers["/feed"] = web.Response(body=rss("a").replace(b"</rss>", b""))
    names, [problem], cursor = await pull(make())
    assert names == ["a"]
    assert problem.reason.startswith("its markup is broken")
    script.answers["/feed"] = web.Response(body=rss("b", "a").replace(b"</rss>", b""))
    assert (await pull(make(), cursor))[:2] == (["b"], [])


async def test_empty_entries_are_problems(script: Script, make: Make) -> None:
    body = rss("a").replace(b"</channel>", b"<item><guid>e</guid></item></channel>")
    script.answers["/feed"] = web.Response(body=body)
    names, problems, cursor = await pull(make())
    assert names == ["a"]
    assert [(p.place, p.reason) for p in problems] == [("e", "the entry has neither title nor text")]
    assert (await pull(make(), cursor))[1] == []


async def test_the_wish_to_be_left_alone_is_obeyed(script: Script, make: Make, clock: ManualClock) -> None:
    script.answers["/feed"] = web.Response(body=rss("a"), headers={"Cache-Control": "public, max-age=7200", "Age": "200"})
    source = make()
    _, _, cursor = await pull(source)
    clock.advance(6000)
    assert await pull(source, cursor) == ([], [], cursor)
    assert len(script.asked) == 1
    clock.advance(1000)
    await pull(source, cursor)
    assert len(script.asked) == 2
    # What it gave was not stored (the cursor is an older one): then it asks again at once.
    assert (await pull(source, None))[0] == ["a"]


async def test_ttl_and_skip_hours(script: Script, make: Make, clock: ManualClock) -> None:
    extra = "<ttl>60</ttl><skipHours><hour>13</hour><hour>14</hour></skipHours>"
    script.answers["/feed"] = web.Response(body=rss("a", extra=extra))
    source = make()  # it is 12:00 UTC
    _, _, cursor = await pull(source)
    for seconds, asked in ((1800, 1), (1800, 1), (3600, 1), (3600, 2)):
        clock.advance(seconds)
        await pull(source, cursor)
        assert len(script.asked) == asked


async def test_one_request_at_a_time_to_one_host(script: Script, make: Make, clock: ManualClock) -> None:
    for n in range(4):
        script.answers[f"/{n}"] = web.Response(body=rss(f"f{n}"))
    sources = [make(f"/{n}", host_delay_s=10) for n in range(4)]
    polls = [asyncio.create_task(pull(source)) for source in sources]
    for round_number in range(1, 5):
        await until(lambda n=round_number: sum(p.done() for p in polls) >= n and (n == 4 or clock.sleeping))
        assert len(script.asked) == round_number, "the next one waits for its pause"
        clock.advance(10)
    assert script.most_busy == 1
    assert sorted(name for poll in polls for name in poll.result()[0]) == ["f0", "f1", "f2", "f3"]


async def test_gates_go_with_their_feeds() -> None:
    gate = HostGate.of("h.example")
    assert HostGate.of("h.example") is gate
    assert HostGate.of("other.example") is not gate
    del gate
    gc.collect()
    gates = HostGate._by_loop[asyncio.get_running_loop()]
    assert "h.example" not in gates


@pytest.mark.parametrize("url", ["ftp://h/x", "file:///etc/passwd", "h.example/feed", "https://"])
def test_other_addresses_are_settings_errors(url: str) -> None:
    with pytest.raises(ValueError):
        FeedSource.Config(url=url)


def test_feed_addresses_of_browsers_are_understood() -> None:
    assert FeedSource.Config(url="feed://h.example/x").url == "https://h.example/x"
    assert FeedSource.Config(url="feed:https://h.example/x").url == "https://h.example/x"
    assert leadd_sources() == [FeedSource]


class TestFeedContract(SourceContract):
    """leadd's own suite for sources."""

    min_drafts = 4

    def context(self, folder: Path, clock: ManualClock) -> Context:
        answer = HttpReply(200, "https://h.example/feed", {"ETag": '"1"'}, rss("d", "c", "b", "a"))
        return make_context(folder, clock, ScriptedHttp(lambda asked: answer))

    def make(self, ctx: Context) -> Source:
        return FeedSource(FeedSource.Config(url="https://h.example/feed", host_delay_s=0), ctx)

    def make_hostile(self, ctx: Context) -> Source | None:
        broken = HttpReply(200, "https://h.example/feed", {}, rss("a", "b")[:-40] + b"\xff\xfe<item><guid>")
        lent = make_context(ctx.data_folder, None, ScriptedHttp([broken]))
        return FeedSource(FeedSource.Config(url="https://h.example/feed", host_delay_s=0), lent)


@pytest.fixture(autouse=True)
async def _nothing_left() -> AsyncIterator[None]:
    yield
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not [task for task in others if "pull" in repr(task)], "a poll was left running"
