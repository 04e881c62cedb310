"""Taking signals in: good rows kept, bad ones named by their line, answered after the commit."""

from __future__ import annotations

import asyncio
import json
import os

import pytest

from leadd.control.call import Limits

NDJSON = {"Content-Type": "application/x-ndjson"}
CSV = {"Content-Type": "text/csv"}


async def test_good_lines_are_kept_and_bad_ones_named(served):
    data = b'{"text": "one"}\n\n{oops\n{"text": ""}\n[1]\n{"text": "bad two"}\n{"text": "one"}\n{"text": "three"}'
    answer = await served.json("POST", "/api/ingest/signals", data=data, headers=NDJSON)
    assert (answer["rows"], answer["accepted"], answer["repeats"], answer["problem_count"]) == (7, 2, 1, 4)
    reasons = {p["place"]: p["reason"] for p in answer["problems"]}
    assert reasons.keys() == {"line 3", "line 4", "line 5", "line 6"}
    assert "not JSON" in reasons["line 3"]
    assert "no text" in reasons["line 4"]
    assert "list" in reasons["line 5"]
    assert reasons["line 6"] == "the core refused it"
    assert [draft.text for _, draft in served.house.core.stored] == ["one", "three"]
    assert {p.place for p in served.house.core.problems} == {"line 3", "line 4", "line 5", "somewhere"}


async def test_columns_and_source_are_the_callers_choice(served):
    data = '{"beschreibung": "wir suchen", "firma": "Müller", "nr": 5, "ort": "Köln"}'.encode()
    path = "/api/ingest/signals?source=ads&columns=text:beschreibung,company:firma,external_id:nr"
    await served.json("POST", path, data=data, headers=NDJSON)
    source, draft = served.house.core.stored[0]
    assert (source, draft.text, draft.company, draft.external_id, draft.extra) == (
        "ads",
        "wir suchen",
        "Müller",
        "5",
        {"ort": "Köln"},
    )
    await served.json("POST", "/api/ingest/signals?columns=txt:a", data=data, headers=NDJSON, status=422)
    await served.json("POST", "/api/ingest/signals?source=../x", data=data, headers=NDJSON, status=422)


async def test_ten_thousand_rows_in_chunks_and_bounded_steps(served):
    async def body():
        for i in range(10_000):
            yield b'{"text": "row %d"}\n' % i

    answer = await served.json("POST", "/api/ingest/signals", data=body(), headers=NDJSON)
    assert (answer["accepted"], answer["problem_count"]) == (10_000, 0)
    assert served.house.core.commits == 20


async def test_the_answer_waits_for_the_commit(served):
    gate = asyncio.Event()
    real = served.house.core.ingest

    async def slow(*args, **named):
        await gate.wait()
        return await real(*args, **named)

    served.house.core.ingest = slow
    asking = asyncio.ensure_future(served.json("POST", "/api/ingest/signals", data=b'{"text": "x"}', headers=NDJSON))
    for _ in range(20):
        await asyncio.sleep(0.005)
    assert not asking.done()
    gate.set()
    assert (await asking)["accepted"] == 1


async def test_a_full_disk_says_how_far_it_came(served):
    served.house.core.fail_commit = 1
    data = b"\n".join(b'{"text": "row %d"}' % i for i in range(900))
    answer = await served.json("POST", "/api/ingest/signals", data=data, headers=NDJSON, status=503)
    assert answer["error"]["code"] == "store_unavailable"
    assert "500 rows before were accepted" in answer["error"]["message"]
    assert len(served.house.core.stored) == 500


async def test_a_body_above_the_limit_keeps_what_came_before(serve):
    served = await serve(limits=Limits(ingest_bytes=20_000, linger_s=0.1))
    data = b"\n".join(b'{"text": "row %d"}' % i for i in range(5000))

    async def body():
        for i in range(0, len(data), 5000):
            yield data[i : i + 5000]

    answer = await served.json("POST", "/api/ingest/signals", data=body(), headers=NDJSON, status=413)
    taken = len(served.house.core.stored)
    assert 0 < taken < 1500
    assert f"{taken} rows" in answer["error"]["hint"]
    # announced: refused before anything is read
    served.house.core.stored.clear()
    await served.json("POST", "/api/ingest/signals", data=data, headers=NDJSON, status=413)
    assert served.house.core.stored == []


async def test_a_sender_who_breaks_off_loses_only_the_open_line(served):
    _, writer = await asyncio.open_unix_connection(str(served.house.paths.socket_file))
    writer.write(
        b"POST /api/ingest/signals HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-ndjson\r\nContent-Length: 999\r\n\r\n"
    )
    writer.write(b'{"text": "whole"}\n{"text": "ha')
    await writer.drain()
    writer.close()
    for _ in range(200):
        if served.house.core.stored:
            break
        await asyncio.sleep(0.01)
    assert [draft.text for _, draft in served.house.core.stored] == ["whole"]


async def test_csv_with_quotes_lines_and_problems(served):
    data = 'text;company;id\n"we need\nhelp; now";Müller;1\nshort;2\n;empty;3\n"open;x;4\nlast;y;5\n'.encode()
    answer = await served.json("POST", "/api/ingest/csv?columns=external_id:id", data=data, headers=CSV)
    assert answer["accepted"] == 2
    assert {p["place"]: p["reason"] for p in answer["problems"]} == {
        "line 4": "2 cells where the header has 3",
        "line 5": "there is no text in 'text'",
        "line 6": "a quote is never closed",
    }
    drafts = [draft for _, draft in served.house.core.stored]
    assert (drafts[0].text, drafts[0].company, drafts[0].external_id) == ("we need\nhelp; now", "Müller", "1")
    assert drafts[1].text == "last"


@pytest.mark.parametrize(
    ("data", "query", "code"),
    [
        (b"", "", "no_header"),
        (b"\n\n", "", "no_header"),
        (b"a,b\n1,2\n", "", "no_column"),
        (b"text,text\n1,2\n", "", "no_header"),
        (b"text,b\n1,2\n", "?columns=company:firm", "no_column"),
        (b"\xff\xfet\x00e\x00x\x00t\x00", "", "wrong_charset"),
        (b"text\nx\n", "?delimiter=ab", "invalid"),
    ],
)
async def test_csv_that_cannot_be_understood_is_refused_as_a_whole(served, data, query, code):
    answer = await served.json("POST", f"/api/ingest/csv{query}", data=data, headers=CSV, status=None)
    assert answer["error"]["code"] == code
    assert served.house.core.stored == []


async def test_csv_in_another_charset_and_with_tabs(served):
    data = "text\ttitle\nBüro\tChef\n".encode("latin-1")
    headers = {"Content-Type": "text/csv; charset=latin-1"}
    await served.json("POST", "/api/ingest/csv?delimiter=tab", data=data, headers=headers)
    assert served.house.core.stored[0][1].text == "Büro"
    headers = {"Content-Type": "text/csv; charset=klingon"}
    await served.json("POST", "/api/ingest/csv", data=data, headers=headers, status=415)


async def test_a_file_of_this_machine(served, tmp_path):
    lines = tmp_path / "a.jsonl"
    lines.write_text('{"text": "from a file"}\nnot json\n')
    answer = await served.json("POST", "/api/ingest/file", json={"path": str(lines)})
    assert (answer["accepted"], answer["problem_count"]) == (1, 1)
    table = tmp_path / "b.csv"
    table.write_text("body,title\nhello,t\n")
    answer = await served.json(
        "POST", "/api/ingest/file", json={"path": str(table), "columns": {"text": "body"}, "source": "files"}
    )
    assert answer["accepted"] == 1
    text = tmp_path / "mail.txt"
    text.write_text("dear sirs")
    await served.json("POST", "/api/ingest/file", json={"path": str(text)})
    assert [(source, draft.text) for source, draft in served.house.core.stored] == [
        ("inbox", "from a file"),
        ("files", "hello"),
        ("inbox", "dear sirs"),
    ]


async def test_files_that_are_none_or_never_end_are_refused(served, tmp_path):
    fifo = tmp_path / "pipe.jsonl"
    os.mkfifo(fifo)
    (tmp_path / "x.doc").write_text("x")
    for path, status in [
        (fifo, 422),
        ("/dev/zero", 422),
        (tmp_path / "none.jsonl", 404),
        ("a.jsonl", 422),
        (tmp_path / "x.doc", 422),
    ]:
        body = {"path": str(path), **({"format": "jsonl"} if path == "/dev/zero" else {})}
        await served.json("POST", "/api/ingest/file", json=body, status=status)
    await served.json("POST", "/api/ingest/file", json={"path": str(tmp_path), "format": "text"}, status=422)


async def test_json_is_not_taken_where_lines_are(served):
    body = json.dumps([{"text": "x"}]).encode()
    await served.json("POST", "/api/ingest/signals", data=body, headers={"Content-Type": "application/json"}, status=415)
