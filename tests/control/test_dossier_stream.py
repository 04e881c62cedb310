"""A dossier over the socket: as it is, and part by part while a real core writes it."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "core"))

from core_parts import Home, until
from typist import Typist, add_lead

from leadd.control.call import Limits

KEYS = [
    "snapshot", "why_pain_bullets", "uncomfortable_truth", "reframe_suggestion", "best_angle_bullets", "challenger_insight",
]  # fmt: skip
STREAM = "http://leadd/api/leads/1/dossier?stream=true"


class Office:
    """A core with one lead that has no dossier, behind a control server."""

    def __init__(self, home: Home, core: Any, served: Any) -> None:
        self.home = home
        self.core = core
        self.served = served
        self.model: Typist = home.model  # type: ignore[assignment]

    def news(self, *, headers: dict[str, str] | None = None, url: str = STREAM) -> Any:
        """The stream's events as (kind, data); to be closed."""
        return aclosing(self._news(headers or {}, url))

    async def _news(self, headers: dict[str, str], url: str) -> AsyncIterator[tuple[str, Any]]:
        async with self.served.unix.get(url, headers=headers) as answer:
            assert answer.status == 200
            assert answer.content_type == "text/event-stream"
            kind = ""
            while raw := await answer.content.readline():
                name, _, value = raw.decode().rstrip("\n").partition(": ")
                if name == "event":
                    kind = value
                elif name == "data":
                    data = json.loads(value)
                    assert data.pop("lead_id") == 1
                    yield kind, data
                elif raw == b": still here\n":
                    yield "beat", {}

    async def row(self) -> Any:
        return await self.core.store.dossiers.get(1)


@pytest.fixture
async def open_office(serve, tmp_path):
    async with AsyncExitStack() as stack:

        async def make(limits: Limits | None = None, *, wants: bool = False) -> Office:
            home = Home(tmp_path / "core")
            home.model = Typist(tmp_path)
            core = await stack.enter_async_context(home.core(grace_s=0.1))
            assert await add_lead(core, wants=wants) == 1

            def tune(house: Any) -> None:
                house.core, house.store, house.inference = core, core.store, SimpleNamespace()

            return Office(home, core, await serve(limits=limits, tune=tune))

        yield make


@pytest.fixture
async def office(open_office):
    return await open_office()


async def take(news: AsyncIterator[tuple[str, Any]], count: int) -> list[tuple[str, Any]]:
    return [await anext(news) for _ in range(count)]


async def all_of(news: AsyncIterator[tuple[str, Any]]) -> list[tuple[str, Any]]:
    return [item async for item in news]


async def test_where_there_is_none_the_answer_says_so(office):
    found = await office.served.json("GET", "/api/leads/1/dossier", status=404)
    assert found["error"]["code"] == "no_dossier"
    for path in ("/api/leads/9/dossier", "/api/leads/9/dossier?stream=true"):
        assert (await office.served.json("GET", path, status=404))["error"]["code"] == "not_found"
    assert (await office.served.json("GET", "/api/leads/1/dossier?stream=perhaps", status=422))["error"]["code"] == "invalid"
    assert await office.row() is None


async def test_parts_come_while_it_is_written_and_then_the_whole(office):
    office.model.hold()
    async with office.news() as news:
        office.model.give(20)
        assert await take(news, 1) == [("field", {"key": "snapshot", "value": "A small company that looks for help."})]
        assert (await office.served.json("GET", "/api/leads/1/dossier"))["state"] == "leased"
        assert (await office.row()).answer is None
        async with office.news(url="http://leadd/api/leads/1/dossier", headers={"Accept": "text/event-stream"}) as late:
            assert (await take(late, 1))[0][1]["key"] == "snapshot"
            office.model.give()
            (*rest, (kind, data)) = await all_of(news)
            assert [(k, d["key"]) for k, d in rest] == [("field", key) for key in KEYS[1:]]
            assert (kind, list(data["dossier"]["answer"]), data["dossier"]["state"]) == ("done", KEYS, "done")
            assert [(k, d.get("key")) for k, d in await all_of(late)] == [*(("field", key) for key in KEYS[1:]), ("done", None)]
    assert office.model.dossiers == 1
    found = await office.served.json("GET", "/api/leads/1/dossier")
    assert found == data["dossier"]
    async with office.news() as news:
        assert await all_of(news) == [("done", {"dossier": found})]
    assert (await office.served.json("GET", "/api/leads/1"))["dossier"] == found["answer"]
    async with office.served.unix.head(STREAM) as answer:
        assert (answer.status, answer.content_type) == (200, "application/json")


async def test_a_broken_stream_begins_again_and_half_an_answer_is_never_a_whole_one(office):
    office.model.breaks = [45, None]
    async with office.news() as news:
        told = [(kind, data.get("key")) for kind, data in await all_of(news)]
    restart = told.index(("restart", None))
    assert 1 < restart < len(KEYS)
    assert told[:restart] == [("field", key) for key in KEYS[:restart]]
    assert told[restart + 1 :] == [*(("field", key) for key in KEYS), ("done", None)]
    assert office.model.dossiers == 2


async def test_one_that_fails_is_taken_back_and_says_what_it_waits_for(office):
    office.model.breaks = [45] * 9
    async with office.news() as news:
        told = []
        async for kind, data in news:
            told.append((kind, data))
            if kind == "waits":
                break
    assert told[-2][0] == "restart"
    assert told[-1][1]["reason"].startswith("broken_stream")
    assert (await office.row()).answer is None
    office.model.breaks = []
    async with office.news() as news:  # who asks again does not wait for the minute to pass
        assert (await all_of(news))[-1][0] == "done"


async def test_one_that_failed_for_good_is_tried_again_for_a_person_but_not_for_a_browser_by_itself(office):
    await office.core.store.dossiers.want(1)
    await office.core.store.dossiers.fail(1, "schema: too short", None)
    async with office.news(headers={"Last-Event-ID": "3"}) as news:
        assert await all_of(news) == [("failed", {"reason": "schema: too short"})]
    assert (await office.row()).state == "held"
    assert (await office.served.json("GET", "/api/leads/1/dossier"))["failure"] == "schema: too short"
    async with office.news() as news:
        assert (await all_of(news))[-1][0] == "done"


async def test_without_a_model_it_waits_and_is_written_when_one_comes(office):
    office.model.reachable = False
    await office.core.inference.look_again()
    async with office.news() as news:
        assert await take(news, 1) == [("waits", {"reason": office.core.dossiers.waits_for()})]
        assert (await office.row()).state == "wanted"
        office.model.reachable = True
        await office.core.inference.look_again()
        assert (await all_of(news))[-1][0] == "done"


async def test_a_quiet_stream_beats_also_while_others_are_loud(open_office):
    office = await open_office(Limits(heartbeat_s=0.1))
    office.model.hold()
    loud = True

    async def shout() -> None:
        while loud:
            office.core.events.publish("lead.changed", lead_id=2)
            await asyncio.sleep(0.01)

    shouting = asyncio.ensure_future(shout())
    async with office.news() as news:
        assert await take(news, 2) == [("beat", {})] * 2
        loud = False
        await shouting
        assert await take(news, 2) == [("beat", {})] * 2
        # Nobody tells of this one: it is found by looking.
        await office.core.store.db.write(
            lambda conn: conn.execute("UPDATE dossier SET state = 'held', failure = 'x', lease_owner = NULL").rowcount
        )
        assert [item for item in await all_of(news) if item[0] != "beat"] == [("failed", {"reason": "x"})]
    office.model.give()


async def test_whoever_goes_leaves_the_work_to_go_on(office):
    office.model.hold()
    async with office.news() as news:
        office.model.give(20)
        await take(news, 1)
    office.model.give()
    async with asyncio.timeout(20):
        while (await office.row()).state != "done":
            await asyncio.sleep(0.01)
    await until(lambda: not office.core.events._readers)


async def test_a_server_that_closes_ends_the_stream_without_a_last_word(office):
    office.model.hold()
    async with office.news() as news:
        office.model.give(20)
        await take(news, 1)
        closing = asyncio.ensure_future(office.served.server.close(2.0))
        assert await all_of(news) == []
        await closing
    assert (await office.row()).state == "leased"


async def test_a_dossier_that_the_score_asked_for_is_the_same(open_office):
    office = await open_office(wants=True)
    async with office.news() as news:
        assert (await all_of(news))[-1][0] == "done"
    assert office.model.dossiers == 1
