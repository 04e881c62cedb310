"""Lines cut from chunks, lines written to slow readers, CSV records, rows: the pure parts, by properties."""

from __future__ import annotations

import asyncio
import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadd.control.csv_rows import MAX_RECORD_BYTES, MAX_RESTARTS, Records, sniff
from leadd.control.errors import ApiError
from leadd.control.ndjson import LineWriter, read_lines
from leadd.control.rows import BadRow, draft_of, parse_columns


def cut(data, cuts):
    places = sorted({min(c, len(data)) for c in cuts})
    return [data[a:b] for a, b in zip([0, *places], [*places, len(data)], strict=True)]


async def lines_of(chunks, **options):
    async def feed():
        for chunk in chunks:
            yield chunk

    return [line async for line in read_lines(feed(), **{"most_bytes": 1000, **options})]


def gather(chunks, **options):
    return asyncio.run(lines_of(chunks, **options))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=40)), st.lists(st.integers(0, 400), max_size=8))
def test_lines_are_the_same_however_the_data_is_cut(pieces, cuts):
    data = b"\n".join(pieces)
    expected = [
        (n, piece.strip()) for n, piece in enumerate((data.removeprefix(b"\xef\xbb\xbf")).split(b"\n"), 1) if piece.strip()
    ]
    assert [tuple(line) for line in gather(cut(data, cuts))] == expected


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.dictionaries(st.text(max_size=5), st.text(max_size=20)), max_size=10), st.lists(st.integers(0, 900), max_size=9)
)
def test_json_survives_the_way_whatever_the_text(rows, cuts):
    data = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows).encode("utf-8", "surrogatepass")
    assert [
        json.loads(line.data.decode("utf-8", "surrogatepass")) for line in gather(cut(data, cuts), most_bytes=1 << 20)
    ] == rows


def test_a_line_too_long_is_named_and_the_next_is_read():
    data = b"a\n" + b"x" * 2500 + b"\nb\n" + b"y" * 1001
    for size in (1, 7, 999, 5000):
        found = gather([data[i : i + size] for i in range(0, len(data), size)])
        assert [(line.number, line.data and line.data[:1]) for line in found] == [(1, b"a"), (2, None), (3, b"b"), (4, None)]


def test_blank_lines_stay_where_cells_may_hold_them():
    assert [tuple(line) for line in gather([b"a\n\n b \n"], keep_blank=True)] == [(1, b"a"), (2, b""), (3, b" b ")]


async def test_many_lines_go_out_in_few_writes_and_in_order():
    writes = []
    gate = asyncio.Event()

    async def write(data):
        await gate.wait()
        writes.append(data)

    async with LineWriter(write, limit_s=5) as out:
        for number in range(100):
            await out.put(b"%d" % number)
        await asyncio.sleep(0)
        gate.set()
    assert b"".join(writes) == b"".join(b"%d\n" % n for n in range(100))
    assert len(writes) <= 3


async def test_a_writer_that_is_full_waits_and_never_grows():
    taken = 0
    gate = asyncio.Event()

    async def write(data):
        nonlocal taken
        await gate.wait()
        taken += len(data)

    async with LineWriter(write, limit_s=5) as out:
        put = 0

        async def fill():
            nonlocal put
            for _ in range(100):
                await out.put(b"x" * 65_535)
                put += 1

        filling = asyncio.ensure_future(fill())
        for _ in range(50):
            await asyncio.sleep(0)
        assert put < 15
        gate.set()
        await filling
    assert taken == 100 * 65_536


async def test_a_reader_gone_or_asleep_ends_the_writing():
    async def gone(data):
        raise ConnectionResetError("gone")

    async def send_many(write, limit_s):
        async with LineWriter(write, limit_s=limit_s) as out:
            for _ in range(100):
                await out.put(b"x")
                await asyncio.sleep(0)

    with pytest.raises(ConnectionResetError):
        await send_many(gone, 5)

    async def asleep(data):
        await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await send_many(asleep, 0.05)


# -- CSV --


def records_of(text, delimiter=",", encoding="utf-8"):
    records = Records(delimiter, encoding)
    found = []
    for number, line in enumerate(text.encode(encoding).split(b"\n"), 1):
        found += records.feed(number, line.removesuffix(b"\r"))
    return [*found, *records.finish()]


CELL = st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\r\0"), max_size=12)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.lists(CELL, min_size=2, max_size=4), max_size=8), st.sampled_from(",;\t|"))
def test_what_the_csv_module_writes_is_read_back(rows, delimiter):
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    found = records_of(out.getvalue(), delimiter)
    assert [record.problem for record in found] == [""] * len(rows)
    assert [list(record.cells) for record in found] == rows


def test_records_over_several_lines_know_their_first_line():
    found = records_of('a,b\n"x\ny\n\nz",1\nq,"2"\n')
    assert [(r.number, r.cells) for r in found] == [(1, ("a", "b")), (2, ("x\ny\n\nz", "1")), (6, ("q", "2"))]


def test_a_quote_in_the_middle_of_a_cell_is_a_quote():
    assert records_of('5" pipe,a\nb,c')[0].cells == ('5" pipe', "a")


def test_a_quote_never_closed_costs_one_row_and_not_the_rest():
    found = records_of('a,b\n"open,1\nc,2\nd,3\n')
    assert [(r.number, r.cells, bool(r.problem)) for r in found] == [
        (1, ("a", "b"), False),
        (2, (), True),
        (3, ("c", "2"), False),
        (4, ("d", "3"), False),
    ]
    long = '"open\n' + "x,1\n" * (MAX_RECORD_BYTES // 4 + 10)
    found = records_of(long)
    assert [r.number for r in found if r.problem] == [1]
    assert len(found) == MAX_RECORD_BYTES // 4 + 11


@pytest.mark.parametrize("line", ['x,"open\nplain\n', '""\n', '"\n', 'a"b\n', '"""\n', '"a","b\n'])
def test_a_file_full_of_quotes_is_read_once_or_fifty_times_but_never_once_a_line(line, monkeypatch):
    parsed = 0
    real = Records._parse

    def counted(self):
        nonlocal parsed
        parsed += self._size
        return real(self)

    monkeypatch.setattr(Records, "_parse", counted)
    text = '"\n' + line * 20_000
    found = records_of(text)
    assert found
    assert parsed <= 2 * len(text) + (MAX_RESTARTS + 2) * 2 * MAX_RECORD_BYTES


def test_bytes_of_another_charset_cost_their_row_only():
    records = Records(",", "utf-8")
    found = [r for n, line in enumerate([b"a,b", b"\xff,1", b"c,2"], 1) for r in records.feed(n, line)]
    assert [bool(r.problem) for r in found] == [False, True, False]
    assert next(Records(",", "windows-1252").feed(1, b"M\xfcller,1")).cells == ("Müller", "1")


@pytest.mark.parametrize(("line", "sign"), [("a,b", ","), ("a;b;c,d", ";"), ("a\tb", "\t"), ('"x;y;z",b', ","), ("text", ",")])
def test_the_delimiter_is_seen_in_the_header(line, sign):
    assert sniff(line) == sign


# -- rows --


def test_a_row_becomes_a_draft_and_the_rest_is_kept():
    row = {
        "signal_text": "we hire",
        "company_name": " Acme ",
        "url": None,
        "id": 7,
        "tags": ["a"],
        "extra": {"k": 1},
        "posted_at": "2024-05-01",
    }
    draft = draft_of(row, {"external_id": "id"})
    assert (draft.text, draft.company, draft.url, draft.external_id) == ("we hire", "Acme", None, "7")
    assert draft.posted_at_ms == 1_714_521_600_000
    assert draft.extra == {"tags": "['a']", "k": "1"}


def test_a_mapped_column_wins_over_one_of_the_fields_name():
    draft = draft_of({"text": "short", "body": "the whole text"}, {"text": "body"})
    assert draft.text == "the whole text"
    assert draft.extra == {"text": "short"}


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({}, "no text in 'text'"),
        ({"text": "  "}, "no text in 'text'"),
        ({"text": ["a"]}, "'text' is a list"),
        ({"text": "a", "url": {"x": 1}}, "'url' is a dict"),
        ({"text": "a", "title": True}, "'title' is a bool"),
        ({"text": "a", "posted_at": "yesterday"}, "is no time"),
        ({"text": "a", "posted_at": "9" * 40}, "is no time"),
    ],
)
def test_a_row_that_gives_no_draft_says_why(row, why):
    with pytest.raises(BadRow, match=why):
        draft_of(row, {})


@pytest.mark.parametrize(
    ("value", "ms"),
    [
        (1_714_521_600_000, 1_714_521_600_000),
        (1_714_521_600, 1_714_521_600_000),
        ("1714521600000", 1_714_521_600_000),
        ("2024-05-01T02:00:00+02:00", 1_714_521_600_000),
        ("2024-05-01T00:00:00Z", 1_714_521_600_000),
        ("", None),
    ],
)
def test_times_are_understood(value, ms):
    assert draft_of({"text": "a", "posted_at": value}, {}).posted_at_ms == ms


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(
        st.text(max_size=8), st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=3)
    )
)
def test_no_row_breaks_the_reading(row):
    try:
        draft = draft_of(row, {})
    except BadRow:
        return
    assert draft.text.strip()
    assert all(isinstance(value, str) for value in draft.extra.values())


def test_columns_name_fields_that_exist():
    assert parse_columns("text:description,company:employer name") == {"text": "description", "company": "employer name"}
    with pytest.raises(ApiError, match="'txt' is no field"):
        parse_columns("txt:description")
