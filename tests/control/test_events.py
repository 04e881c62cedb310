"""Server-sent events: news in order, resume, heartbeats, slow readers dropped."""

from __future__ import annotations

import asyncio
import json

from leadd.control.call import Limits
from leadd.control.routes.events import frame
from leadd.core.events import Event


async def frames(answer, count):
    """The next events as (id, kind, data); comments and the retry line are left out."""
    found = []
    while len(found) < count:
        fields = {}
        while (line := (await answer.content.readline()).decode().rstrip("\n")) != "":
            if not line.startswith(":"):
                key, _, value = line.partition(": ")
                fields[key] = value
        if "event" in fields:
            found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return found


async def test_news_come_in_order_as_they_happen(served):
    async with served.unix.get("http://leadd/api/events") as answer:
        assert answer.content_type == "text/event-stream"
        served.house.core.events.publish("lead.created", lead_id=4, bucket="warm")
        served.house.core.events.publish("signal.held", signal_id=9, reason="x")
        got = await frames(answer, 2)
    assert [(i, kind) for i, kind, _ in got] == [(1, "lead.created"), (2, "signal.held")]
    assert got[0][2]["lead_id"] == 4
    assert got[0][2]["at_ms"] > 0


async def test_a_reader_that_comes_back_gets_what_it_missed(served):
    bus = served.house.core.events
    for number in range(5):
        bus.publish("lead.created", lead_id=number)
    async with served.unix.get("http://leadd/api/events", headers={"Last-Event-ID": "3"}) as answer:
        assert [i for i, *_ in await frames(answer, 2)] == [4, 5]
        bus.publish("lead.created", lead_id=9)
        assert [i for i, *_ in await frames(answer, 1)] == [6]


async def test_after_a_restart_old_ids_mean_everything_is_new(served):
    served.house.core.events.publish("lead.created", lead_id=1)
    async with served.unix.get("http://leadd/api/events", headers={"Last-Event-ID": "5000"}) as answer:
        assert [i for i, *_ in await frames(answer, 1)] == [1]


async def test_a_last_id_that_is_none_is_refused(served):
    for text in ("x", "-1", "1" * 30, "²"):
        async with served.unix.get("http://leadd/api/events", headers={"Last-Event-ID": text}) as answer:
            assert answer.status == 422


async def test_a_quiet_stream_beats(serve):
    served = await serve(limits=Limits(heartbeat_s=0.05))
    async with served.unix.get("http://leadd/api/events") as answer:
        await answer.content.readuntil(b": still here\n\n")
        await answer.content.readuntil(b": still here\n\n")
        served.house.core.events.publish("lead.created", lead_id=1)
        assert await frames(answer, 1)


async def test_a_slow_reader_is_dropped_and_the_publisher_never_waits(serve):
    served = await serve(limits=Limits(write_s=0.2))
    bus = served.house.core.events
    reader, writer = await asyncio.open_unix_connection(str(served.house.paths.socket_file), limit=1024)
    writer.write(b"GET /api/events HTTP/1.1\r\nHost: x\r\n\r\n")
    async with served.unix.get("http://leadd/api/events") as quick:
        while len(bus._readers) < 2:
            await asyncio.sleep(0.01)
        for number in range(3000):
            bus.publish("lead.created", lead_id=number, text="x" * 2000)
            if number % 100 == 0:
                await frames(quick, number and 100)  # the other reader keeps up and misses nothing
        await frames(quick, 100)
        while len(bus._readers) > 1:
            await asyncio.sleep(0.01)
        bus.publish("lead.created", lead_id=-1)
        assert (await frames(quick, 1))[0][0] == 3001
    writer.transport.abort()
    del reader


async def test_a_reader_who_goes_is_forgotten(serve):
    served = await serve(limits=Limits(heartbeat_s=0.05))
    answer = await served.unix.get("http://leadd/api/events")
    assert len(served.house.core.events._readers) == 1
    answer.close()
    while served.house.core.events._readers:
        await asyncio.sleep(0.01)


def test_no_text_can_forge_an_event():
    made = frame(Event(7, "kind\nevent: forged", 1, {"text": "a\n\nevent: forged\ndata: x\r\u2028"}))
    assert made.count(b"\n") == 4
    assert made.startswith(b"id: 7\nevent: kind event: forged\ndata: {")
    assert json.loads(made.split(b"data: ", 1)[1])["text"] == "a\n\nevent: forged\ndata: x\r\u2028"
