"""The sinks jsonl and csv: each key once, whole records only, nothing that a spreadsheet would run."""

from __future__ import annotations

import asyncio
import csv
import dataclasses
import io
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadd.api import Contact, Guarantee, Lead, LeadSignal, NeedsAttention, Sink
from leadd.builtin.appending import KeyIndex
from leadd.builtin.csv_file import COLUMNS, CsvSink, make_inert
from leadd.builtin.jsonl import JsonlSink
from leadd.testing.context import make_context

LEAD = Lead(
    id=7, revision=1, event="lead.created", icp="growth", name="Müller & Co", score=81, bucket="red_hot", status="new",
    method="model", reasons=("says “no leads”", "two\nlines"), created_at_ms=1_767_268_800_000, updated_at_ms=1_767_268_801_000,
    company="Müller & Co", domain="m.example", website="https://m.example", location="Köln",
    contacts=(Contact("email", "a@m.example"), Contact("phone", "+4930123456")),
    signals=(LeadSignal(1, "low", "feed", None, 20, 1), LeadSignal(2, "=Best", "feed", "https://m.example/2", 81, 2)),
    classification={"icp_match": True},
)  # fmt: skip

Make = Callable[..., Sink]


@pytest.fixture(params=[JsonlSink, CsvSink], ids=["jsonl", "csv"])
def kind(request: pytest.FixtureRequest) -> type[Sink]:
    found: type[Sink] = request.param
    return found


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def build(kind: type[Sink], **options: Any) -> Sink:
        return kind(kind.Config(**{"path": "out", **options}), make_context(tmp_path))

    return build


def keys_in(kind: type[Sink], data: bytes) -> list[str]:
    if kind is JsonlSink:
        return [json.loads(line)["key"] for line in data.decode().splitlines()]
    return [row["key"] for row in csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""))]


async def test_a_jsonl_line_gives_the_lead_back(make: Make, tmp_path: Path) -> None:
    receipt = await make(JsonlSink).deliver(LEAD, "k1")
    [line] = (tmp_path / "out").read_text("utf-8").splitlines()
    data = json.loads(line)
    assert data.pop("key") == "k1"
    assert Lead.from_dict(data) == LEAD
    assert receipt.reference == str(tmp_path / "out")
    assert line.startswith('{"key"')


async def test_a_csv_row_has_the_documented_columns(make: Make, tmp_path: Path) -> None:
    await make(CsvSink).deliver(LEAD, "k1")
    [row] = csv.DictReader(io.StringIO((tmp_path / "out").read_bytes().decode(), newline=""))
    assert tuple(row) == COLUMNS
    assert row["key"] == "k1"
    assert (row["score"], row["signals"], row["emails"]) == ("81", "2", "a@m.example")
    assert row["title"] == "'=Best"
    assert row["phones"] == "'+4930123456"
    assert row["reasons"] == "says “no leads”; two\nlines"
    assert row["created_at"] == "2026-01-01T12:00:00Z"


async def test_a_key_is_written_once_also_after_a_restart(kind: type[Sink], make: Make, tmp_path: Path) -> None:
    sink = make(kind)
    assert kind.guarantee is Guarantee.IDEMPOTENT
    for key in ("a", "b", "a"):
        await sink.deliver(LEAD, key)
    again = await make(kind).deliver(dataclasses.replace(LEAD, score=1), "b")
    assert again.detail == "was there already"
    await make(kind).deliver(LEAD, "c")
    assert keys_in(kind, (tmp_path / "out").read_bytes()) == ["a", "b", "c"]


async def test_files_and_folders_are_private(kind: type[Sink], make: Make, tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        await make(kind, path="deep/er/{icp}.out").deliver(LEAD, "a")
    finally:
        os.umask(old)
    assert (tmp_path / "deep/er/growth.out").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "deep").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "deep/er").stat().st_mode & 0o777 == 0o700


async def test_a_torn_record_is_taken_off_at_every_length(kind: type[Sink], make: Make, tmp_path: Path) -> None:
    sink = make(kind)
    await sink.deliver(LEAD, "a")
    one = (tmp_path / "out").read_bytes()
    await sink.deliver(LEAD, "b")
    two = (tmp_path / "out").read_bytes()
    for cut in [*range(len(one), len(two), 7), len(two) - 2, len(two) - 1]:
        (tmp_path / "out").write_bytes(two[:cut])
        await make(kind).deliver(LEAD, "b")
        assert keys_in(kind, (tmp_path / "out").read_bytes()) == ["a", "b"], f"cut at {cut}"
    (tmp_path / "out").write_bytes(one + b"\0" * 300)  # what a power cut can leave of a write
    await make(kind).deliver(LEAD, "b")
    assert (tmp_path / "out").read_bytes() == two


async def test_a_torn_header_is_written_again(make: Make, tmp_path: Path) -> None:
    await make(CsvSink, mark=True).deliver(LEAD, "a")
    whole = (tmp_path / "out").read_bytes()
    assert whole.startswith(b'\xef\xbb\xbf"key"')
    for cut in (1, 3, 5, 20, whole.index(b"\n")):
        (tmp_path / "out").write_bytes(whole[:cut])
        await make(CsvSink, mark=True).deliver(LEAD, "a")
        assert keys_in(CsvSink, (tmp_path / "out").read_bytes()) == ["a"], f"cut at {cut}"


async def test_foreign_text_is_never_cut(make: Make, tmp_path: Path) -> None:
    (tmp_path / "out").write_text('{"mine": 1}\nmy own last line')
    await make(JsonlSink).deliver(LEAD, "a")
    lines = (tmp_path / "out").read_text().splitlines()
    assert lines[:2] == ['{"mine": 1}', "my own last line"]
    assert len(lines) == 3


async def test_a_csv_with_other_columns(make: Make, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a,b\n1,2\n")
    with pytest.raises(NeedsAttention, match="no column 'key'"):
        await make(CsvSink).deliver(LEAD, "a")
    assert (tmp_path / "out").read_text() == "a,b\n1,2\n"
    (tmp_path / "out").write_text("name,key,mine\nAcme,a,x\n")  # columns moved and added by hand
    sink = make(CsvSink)
    assert (await sink.deliver(LEAD, "a")).detail == "was there already"
    await sink.deliver(LEAD, "b")
    assert (tmp_path / "out").read_bytes().endswith('"Müller & Co","b",""\r\n'.encode())


async def test_a_file_that_was_moved_away_or_changed_is_read_anew(kind: type[Sink], make: Make, tmp_path: Path) -> None:
    sink = make(kind)
    await sink.deliver(LEAD, "a")
    await sink.deliver(LEAD, "b")
    (tmp_path / "out").rename(tmp_path / "old")
    await sink.deliver(LEAD, "a")
    assert keys_in(kind, (tmp_path / "out").read_bytes()) == ["a"]
    os.replace(tmp_path / "old", tmp_path / "out")
    assert (await sink.deliver(LEAD, "b")).detail == "was there already"


async def test_many_deliveries_at_once_keep_whole_records(kind: type[Sink], make: Make, tmp_path: Path) -> None:
    sink = make(kind)
    keys = [f"k{n % 20}" for n in range(60)]
    await asyncio.gather(*(sink.deliver(LEAD, key) for key in keys))
    assert sorted(keys_in(kind, (tmp_path / "out").read_bytes())) == sorted(set(keys))


async def test_a_cancelled_delivery_leaves_the_key_once(kind: type[Sink], make: Make, tmp_path: Path) -> None:
    sink = make(kind)
    for number in range(20):
        task = asyncio.create_task(sink.deliver(LEAD, f"k{number}"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await sink.deliver(LEAD, f"k{number}")
    assert keys_in(kind, (tmp_path / "out").read_bytes()) == [f"k{n}" for n in range(20)]


@pytest.mark.skipif(sys.platform != "linux", reason="file size limit as on Linux")
async def test_a_full_disk_is_a_retry_and_leaves_no_half_record(kind: type[Sink], make: Make, tmp_path: Path) -> None:
    sink = make(kind)
    await sink.deliver(LEAD, "a")
    before = (tmp_path / "out").read_bytes()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _FULL, kind.__module__, kind.__name__, str(tmp_path), str(len(before) + 100),
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, _ = await process.communicate()
    assert out.decode().split()[0] == "Retry"
    assert (tmp_path / "out").read_bytes() == before
    await sink.deliver(LEAD, "b")
    assert keys_in(kind, (tmp_path / "out").read_bytes()) == ["a", "b"]


_FULL = """
import asyncio, importlib, json, resource, signal, sys
from pathlib import Path
from leadd.api import LeaddError, Lead
from leadd.testing.context import make_context
module, name, folder, limit = sys.argv[1:]
kind = getattr(importlib.import_module(module), name)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
lead = Lead(1, 1, "lead.created", "i", "n", 1, "warm", "new", "model", ("r" * 500,), 1, 1)
try:
    asyncio.run(kind(kind.Config(path="out"), make_context(Path(folder))).deliver(lead, "b"))
except LeaddError as error:
    print(type(error).__name__, error)
"""


async def test_a_folder_in_the_way_needs_attention(kind: type[Sink], make: Make, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    sink = make(kind)
    with pytest.raises(NeedsAttention, match="cannot be written"):
        await sink.deliver(LEAD, "a")
    assert "cannot be written" in (await sink.check() or "")
    assert "cannot be written" in (await sink.test()).detail


async def test_templates_stay_in_their_folder(kind: type[Sink], make: Make, tmp_path: Path) -> None:
    sink = make(kind, path="o/{year}-{month}/{icp}.{bucket}")
    await sink.deliver(dataclasses.replace(LEAD, icp="../../../etc/x", bucket=".."), "a")
    assert (tmp_path / "o/2026-01/_________etc_x.__").exists()
    for number in range(40):
        await sink.deliver(dataclasses.replace(LEAD, icp=f"i{number}"), "a")
    assert (await sink.deliver(dataclasses.replace(LEAD, icp="i0"), "a")).detail == "was there already"
    assert await sink.check() is None


@pytest.mark.parametrize("path", ["{nope}.x", "a/", "", "{icp.__class__}/"])
def test_bad_paths_are_settings_errors(kind: type[Sink], path: str) -> None:
    with pytest.raises(ValueError):
        kind.Config(path=path)


def test_the_key_index_knows_a_hundred_thousand_keys_in_little_room() -> None:
    index = KeyIndex()
    for number in range(100_000):
        index.add(f"lead-{number}")
    assert len(index) == 100_000
    assert all(f"lead-{number}" in index for number in range(0, 100_000, 997))
    assert "lead-100000" not in index


@pytest.mark.parametrize(
    "cell",
    [
        "=1+1",
        "+1",
        "-1",
        "@x",
        "\tx",
        "\rx",
        "＝1",
        "＋1",
        "－1",
        "＠x",
        "  =1",
        "\u200b=1",
        "\ufeff=1",
        "\n=1",
        "\u00a0＝1",
        "−1",
    ],
)
def test_formulas_become_text(cell: str) -> None:
    assert make_inert(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["", "plain", "a=b", "1-2", "é", "'=1", "  x", "(=1)"])
def test_plain_cells_stay(cell: str) -> None:
    assert make_inert(cell) == cell


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=60))
async def test_any_text_makes_one_whole_row(make: Make, tmp_path: Path, text: str) -> None:
    (tmp_path / "out").unlink(missing_ok=True)
    lead = dataclasses.replace(LEAD, name=text, reasons=(text,))
    await make(CsvSink).deliver(lead, "a")
    await make(CsvSink).deliver(lead, "a")
    await make(CsvSink).deliver(lead, "b")
    data = (tmp_path / "out").read_bytes().decode()
    found = list(csv.DictReader(io.StringIO(data, newline="")))
    assert [row["key"] for row in found] == ["a", "b"]
    assert found[0]["name"].removeprefix("'") == text.replace("\0", "").removeprefix("'")
