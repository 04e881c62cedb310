"""The classify routes: one text, an array, and NDJSON both ways."""

from __future__ import annotations

import asyncio
import json

import aiohttp
import pytest

from leadd.control.call import Limits


async def test_one_text_answers_with_the_fields_of_the_earlier_service(served):
    answer = await served.json("POST", "/api/classify/signal", json={"signal_text": "looking for a marketer"})
    assert answer["status"] == "ok"
    assert {"icp_match", "total_score", "score_bucket", "classification", "company_id", "lead_id"} <= answer.keys()
    assert answer["cached"] is False
    again = await served.json("POST", "/api/classify/signal", json={"signal_text": "looking for a marketer"})
    assert again["cached"] is True


async def test_unknown_keys_are_ignored_as_before(served):
    answer = await served.json("POST", "/api/classify/signal", json={"signal_text": "x y", "campaign": 7})
    assert answer["lead_id"] == 7


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, "not_json"),
        (b"", 400, "not_json"),
        (b"{}", 422, "invalid"),
        (b'{"signal_text": ""}', 422, "invalid"),
        (b'{"signal_text": 3}', 422, "invalid"),
        (b"[]", 422, "invalid"),
        (b'{"signal_text": "bad one"}', 422, "rejected"),
        (b'{"signal_text": "full"}', 503, "store_unavailable"),
        (b'{"signal_text": "\xff"}', 400, "not_json"),
        (b"[" * 100_000, 400, "not_json"),
    ],
)
async def test_a_bad_body_is_an_error_by_name(served, body, status, code):
    answer = await served.json(
        "POST", "/api/classify/signal", data=body, headers={"Content-Type": "application/json"}, status=status
    )
    assert answer["error"]["code"] == code
    assert answer["error"]["message"]
    assert isinstance(answer["error"]["hint"], str)


async def test_a_bug_answers_500_without_its_text(served, caplog):
    answer = await served.json("POST", "/api/classify/signal", json={"signal_text": "bug"}, status=500)
    assert answer["error"]["code"] == "internal"
    assert "secret-traceback-text" not in json.dumps(answer)
    assert "secret-traceback-text" in caplog.text


async def test_an_array_is_answered_in_input_order_item_by_item(served):
    batch = [{"signal_text": "one"}, {"signal_text": "no thanks"}, {"text": "wrong key"}, {"signal_text": "bad"}, 7]
    answer = await served.json("POST", "/api/classify/signal/batch", json=batch)
    assert (answer["count"], answer["created_leads"], answer["filtered"], answer["errors"]) == (5, 1, 1, 3)
    assert [r["status"] for r in answer["results"]] == ["ok", "filtered", "error", "error", "error"]
    assert [r["index"] for r in answer["results"]] == [0, 1, 2, 3, 4]
    assert "signal_text" in answer["results"][2]["error"]
    assert answer["results"][0]["lead_id"] == 7


async def test_an_empty_array_is_an_empty_answer(served):
    answer = await served.json("POST", "/api/classify/signal/batch", json=[])
    assert (answer["count"], answer["results"]) == (0, [])


@pytest.mark.parametrize(("body", "status"), [(b"[1,", 400), (b'{"signal_text": "x"}', 422), (b"null", 422)])
async def test_a_batch_that_is_no_array_is_refused_as_a_whole(served, body, status):
    headers = {"Content-Type": "application/json"}
    await served.json("POST", "/api/classify/signal/batch", data=body, headers=headers, status=status)


async def ndjson(served, chunks):
    """Post NDJSON chunk by chunk; the parsed lines of the answer."""

    async def body():
        for chunk in chunks:
            yield chunk
            await asyncio.sleep(0)

    headers = {"Content-Type": "application/x-ndjson"}
    async with served.unix.post("http://leadd/api/classify/signal/batch", data=body(), headers=headers) as answer:
        assert answer.status == 200
        assert answer.content_type == "application/x-ndjson"
        return [json.loads(line) for line in (await answer.read()).splitlines()]


async def test_ten_thousand_lines_both_ways(served):
    lines = [json.dumps({"signal_text": f"text {i % 50}"}) for i in range(10_000)]
    data = "\n".join(lines).encode()
    results = await ndjson(served, [data[i : i + 50_000] for i in range(0, len(data), 50_000)])
    assert sorted(r["index"] for r in results) == list(range(10_000))
    assert sum(not r["cached"] for r in results) == 50
    assert served.house.core.peak <= 8


async def test_utf8_cut_apart_anywhere_and_no_newline_at_the_end(served):
    data = b"\xef\xbb\xbf" + '{"signal_text": "Zürich 🙂 sucht"}\r\n\n{"signal_text": "日本"}'.encode()
    results = await ndjson(served, [data[i : i + 1] for i in range(len(data))])
    assert [(r["index"], r["status"]) for r in results] == [(0, "ok"), (1, "ok")]
    assert served.house.core.seen == {"Zürich 🙂 sucht", "日本"}


async def test_a_bad_line_is_an_error_for_that_line_only(served):
    served_lines = [
        b'{"signal_text": "a"}',
        b"{broken",
        b'{"signal_text": "\xff\xfe"}',
        b'{"other": 1}',
        b'{"signal_text": "bad"}',
        b'"text"',
        b'{"signal_text": "' + b"x" * 1_100_000 + b'"}',
        b'{"signal_text": "z"}',
    ]
    results = {r["index"]: r for r in await ndjson(served, [b"\n".join(served_lines)])}
    assert [results[i]["status"] for i in range(8)] == ["ok", *["error"] * 6, "ok"]
    assert all(results[i]["error"] for i in range(1, 7))
    assert "longer than" in results[6]["error"]
    assert results[1]["line"] == 2


async def test_an_answer_comes_before_the_next_line_is_sent(served):
    first_seen = asyncio.Event()

    async def body():
        yield b'{"signal_text": "first"}\n'
        await first_seen.wait()
        yield b'{"signal_text": "second"}\n'

    headers = {"Content-Type": "application/x-ndjson"}
    async with served.unix.post("http://leadd/api/classify/signal/batch", data=body(), headers=headers) as answer:
        first = json.loads(await answer.content.readline())
        first_seen.set()
        second = json.loads(await answer.content.readline())
    assert (first["index"], second["index"]) == (0, 1)


async def test_results_come_as_they_are_ready_not_in_input_order(served):
    async def body():
        yield b'{"signal_text": "late"}\n{"signal_text": "quick"}\n'

    headers = {"Content-Type": "application/x-ndjson"}
    async with served.unix.post("http://leadd/api/classify/signal/batch", data=body(), headers=headers) as answer:
        assert json.loads(await answer.content.readline())["index"] == 1
        served.house.core.gate.set()
        assert json.loads(await answer.content.readline())["index"] == 0


async def test_a_reader_who_takes_nothing_holds_the_work_up_not_the_memory(serve):
    served = await serve()
    core = served.house.core
    line = b'{"signal_text": "' + b"y" * 900 + b'"}\n'
    _, writer = await asyncio.open_unix_connection(str(served.house.paths.socket_file), limit=4096)
    writer.write(
        b"POST /api/classify/signal/batch HTTP/1.1\r\nHost: leadd\r\nContent-Type: application/x-ndjson\r\n"
        b"Transfer-Encoding: chunked\r\n\r\n"
    )

    async def flood():
        for _ in range(40_000):
            writer.write(b"%x\r\n%s\r\n" % (len(line), line))
            await writer.drain()

    sending = asyncio.ensure_future(flood())
    before = -1
    while core.pulled != before:  # until nothing moves any more
        before = core.pulled
        await asyncio.sleep(0.2)
    assert 0 < core.pulled < 20_000
    assert not sending.done()
    assert (await served.json("GET", "/livez"))["status"] == "ok"  # others are served meanwhile
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    writer.transport.abort()


async def test_a_reader_who_takes_nothing_for_long_is_cut(serve):
    served = await serve(limits=Limits(write_s=0.2))
    line = b'{"signal_text": "' + b"y" * 900 + b'"}\n'
    _, writer = await asyncio.open_unix_connection(str(served.house.paths.socket_file), limit=4096)
    head = b"POST /api/classify/signal/batch HTTP/1.1\r\nHost: leadd\r\nContent-Type: application/x-ndjson\r\n"
    writer.write(head + b"Content-Length: %d\r\n\r\n" % (40_000 * len(line)))

    async def flood():
        for _ in range(40_000):
            writer.write(line)
            await writer.drain()

    with pytest.raises(ConnectionError):
        await flood()
    writer.transport.abort()
    while any(gate.transports for gate in served.server._gates):
        await asyncio.sleep(0.01)


async def test_a_caller_who_leaves_does_not_disturb_the_others(served):
    going = asyncio.ensure_future(ndjson(served, [b'{"signal_text": "late 1"}\n']))
    staying = asyncio.ensure_future(ndjson(served, [b'{"signal_text": "late 2"}\n']))
    while served.house.core.pulled < 2:
        await asyncio.sleep(0.01)
    going.cancel()
    await asyncio.gather(going, return_exceptions=True)
    served.house.core.gate.set()
    assert (await staying)[0]["status"] == "ok"


async def test_a_broken_core_ends_the_stream_visibly(served):
    headers = {"Content-Type": "application/x-ndjson"}
    data = b'{"signal_text": "bug"}\n'
    with pytest.raises(aiohttp.ClientPayloadError):
        async with served.unix.post("http://leadd/api/classify/signal/batch", data=data, headers=headers) as answer:
            await answer.read()


async def test_metrics_have_the_fields_of_the_earlier_service(served):
    answer = await served.json("GET", "/api/classify/metrics")
    assert answer["ollama"]["status"] == "ok"
    assert answer["ollama"]["models"]["triage"] == "gemma3:1b"
    assert answer["ollama"]["counts"]["triage"]["success_rate"] == 0.75
    assert answer["ollama"]["health"][0]["latency_ms"] == 3.5
    cache = answer["cache"]
    assert cache["backend"] == "memory"
    assert (cache["hits"], cache["shared"], cache["misses"], cache["total_requests"]) == (7, 1, 5, 12)
    assert cache["hit_rate_percent"] == pytest.approx(58.33)
    assert (cache["cache_size"], cache["max_size"], cache["ttl_seconds"]) == (4, 1000, 2_592_000)


async def test_cache_clear_and_templates_reload(served):
    cleared = await served.json("POST", "/api/classify/cache/clear")
    assert (cleared["status"], cleared["count"]) == ("ok", 5)
    reloaded = await served.json("POST", "/api/classify/templates/reload")
    assert reloaded["status"] == "ok"
    assert reloaded["templates"] == {"triage": "triage@1 (ab12cd34)"}
    served.house.break_prompts()
    refused = await served.json("POST", "/api/classify/templates/reload", status=422)
    assert refused["error"]["code"] == "prompt_problem"
    assert "triage.yaml:7: unknown variable 'x'" in refused["error"]["message"]
