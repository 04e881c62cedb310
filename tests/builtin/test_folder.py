"""The folder source on real files: what it yields, what it leaves alone, and where it goes on."""

from __future__ import annotations

import asyncio
import csv
import gzip
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from blockbuster import blockbuster_ctx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from leadd.api import Checkpoint, NeedsAttention, Problem, Retry, SignalDraft, SourceItem
from leadd.builtin.folder import FolderSource
from leadd.testing.clock import START_MS, ManualClock
from leadd.testing.context import make_context

Make = Callable[..., FolderSource]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


@pytest.fixture
def make(tmp_path: Path, inbox: Path, clock: ManualClock) -> Make:
    def build(**options: Any) -> FolderSource:
        options.setdefault("settle_s", 0)
        options.setdefault("path", inbox)
        return FolderSource(FolderSource.Config(**options), make_context(tmp_path, clock, name="in"))

    return build


async def pull(source: FolderSource, cursor: str | None = None) -> tuple[list[SignalDraft], list[Problem], str | None]:
    """One poll, as intake would do it: drafts, problems and the last cursor."""
    drafts, problems = [], []
    async for item in source.poll(cursor):
        cursor = item.cursor or cursor
        if isinstance(item, SignalDraft):
            drafts.append(item)
        elif isinstance(item, Problem):
            problems.append(item)
    return drafts, problems, cursor


async def until(condition: Callable[[], bool]) -> None:
    """Let other tasks and threads go on until the condition holds (the test's own time limit is the end)."""
    for _ in range(10_000):
        if condition():
            return
        await asyncio.sleep(0.001)
    raise AssertionError("it never came to that")


def rows(*texts: str) -> str:
    return "".join(json.dumps({"id": f"n{i}", "text": text}) + "\n" for i, text in enumerate(texts))


async def test_jsonl_rows_become_drafts_with_mapped_and_guessed_columns(make: Make, inbox: Path) -> None:
    row = {
        "id": "a1", "headline": "Marketer", "text": "We hire", "org": {"name": "Acme", "offices": [{"city": "Berlin"}]},
        "link": "https://a.example/1", "published": "2026-01-02T03:04:05Z",
    }  # fmt: skip
    (inbox / "a.jsonl").write_text(json.dumps(row) + "\n")
    source = make(columns={"company": "org.name", "location": "org.offices.0.city"}, source_type="job")
    [draft], problems, _ = await pull(source)
    assert not problems
    assert (draft.text, draft.title, draft.external_id, draft.url) == ("We hire", "Marketer", "a1", "https://a.example/1")
    assert (draft.company, draft.location, draft.source_type) == ("Acme", "Berlin", "job")
    assert draft.posted_at_ms == 1767323045000


async def test_bad_rows_are_problems_with_file_and_row_and_good_rows_stay(make: Make, inbox: Path) -> None:
    lines = ['{"text": "one"}', "{broken", "[1, 2]", "", '{"text": ""}', '{"text": "' + "x" * 3000 + '"}', '{"text": "two"}']
    (inbox / "f.jsonl").write_text("\n".join(lines) + "\n")
    drafts, problems, _ = await pull(make(max_row_kb=2))
    assert [d.text for d in drafts] == ["one", "two"]
    assert [p.place for p in problems] == ["f.jsonl:2", "f.jsonl:3", "f.jsonl:5", "f.jsonl:6"]
    assert [p.reason.split(":")[0] for p in problems] == [
        "not JSON",
        "not a JSON object",
        "the text is empty (column 'text')",
        "the row is longer than 2 KB",
    ]


async def test_a_headline_alone_is_a_signal(make: Make, inbox: Path) -> None:
    (inbox / "a.csv").write_text("id,title,text\n1,Marketer wanted,\n2,,\n")
    (inbox / "b.jsonl").write_text('{"title": "no text key"}\n')
    drafts, problems, _ = await pull(make())
    assert [(d.title, d.text) for d in drafts] == [("Marketer wanted", "Marketer wanted")]
    assert sorted(p.place for p in problems) == ["a.csv:3", "b.jsonl:1"]


async def test_deep_and_odd_json_is_one_problem_each(make: Make, inbox: Path) -> None:
    odd = ["[" * 100_000, '{"text": ' + "9" * 5000 + "}", '{"text": "half \\ud83d"}', '{"text": {"a": 1}}', '{"text": null}']
    (inbox / "f.jsonl").write_text("\n".join(odd) + "\n")
    drafts, problems, _ = await pull(make())
    assert len(drafts) == 1
    drafts[0].text.encode()  # the half character is gone: no database takes it
    assert [p.place for p in problems] == ["f.jsonl:1", "f.jsonl:2", "f.jsonl:4", "f.jsonl:5"]


async def test_a_file_of_only_bad_rows_is_not_a_flood(make: Make, inbox: Path) -> None:
    (inbox / "f.jsonl").write_text("{x\n" * 5000)
    drafts, problems, cursor = await pull(make())
    assert not drafts
    assert len(problems) == 101
    assert problems[-1].reason == "4900 more rows could not be read"
    assert (await pull(make(), cursor))[:2] == ([], [])


async def test_missing_column_names_the_nearest(make: Make, inbox: Path) -> None:
    (inbox / "a.csv").write_text("id,Job Text,company\n1,hello,Acme\n")
    source = make(columns={"text": "job_txt"})
    drafts, [problem], _ = await pull(source)
    assert not drafts
    assert problem == Problem(
        "a.csv", "there is no column 'job_txt'", "the nearest is 'Job Text'; mend columns.text", problem.cursor
    )
    assert await source.check() == "a.csv: there is no column 'job_txt' (the nearest is 'Job Text'; mend columns.text)"


async def test_check_says_what_was_guessed_and_is_silent_where_names_fit(make: Make, inbox: Path) -> None:
    (inbox / "a.csv").write_text("id,description\n1,hello\n")
    found = await make().check()
    assert found is not None
    assert "external_id from 'id', text from 'description'" in found
    assert "name them" in found
    (inbox / "a.csv").write_text("external_id,text\n1,hello\n")
    assert await make().check() is None
    assert "cannot be read" in (await make(path=inbox / "gone").check() or "")


async def test_mending_the_columns_reads_all_again(make: Make, inbox: Path) -> None:
    (inbox / "a.csv").write_text("a,b\nhello,world\n")
    _, problems, cursor = await pull(make())
    assert problems[0].reason == "no column looks like the text"
    assert "'a', 'b'" in problems[0].hint
    drafts, problems, _ = await pull(make(columns={"text": "b"}), cursor)
    assert [d.text for d in drafts] == ["world"]
    assert not problems


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
async def test_csv_quoted_newlines_bom_and_delimiters(make: Make, inbox: Path, delimiter: str) -> None:
    d = delimiter
    body = f'\ufeffid{d}text{d}title\r\n1{d}"two\r\nlines, ""quoted""{d}x"{d}T\r\n\r\n2{d}plain\r\n'
    (inbox / "a.csv").write_bytes(body.encode())
    drafts, problems, _ = await pull(make())
    assert not problems
    assert [(x.external_id, x.text, x.title) for x in drafts] == [
        ("1", f'two\r\nlines, "quoted"{d}x', "T"),
        ("2", "plain", ""),
    ]


async def test_csv_excel_sep_line_and_tsv(make: Make, inbox: Path) -> None:
    (inbox / "a.csv").write_text("sep=;\nid;text\n1;a,b\n")
    (inbox / "b.tsv").write_text("id,x\ttext\n1\tc\n")
    drafts, problems, _ = await pull(make())
    assert sorted(x.text for x in drafts) == ["a,b", "c"]
    assert not problems


async def test_csv_stray_quote_costs_one_row_only(make: Make, inbox: Path) -> None:
    (inbox / "a.csv").write_text('id,text\n1,one\n2,"never closed\n3,three\n4,four\n')
    drafts, problems, _ = await pull(make())
    assert [x.text for x in drafts] == ["one", "three", "four"]
    assert [(p.place, p.reason) for p in problems] == [("a.csv:3", "a quoted cell is never closed")]


async def test_csv_too_many_cells_is_a_problem_not_a_cut_text(make: Make, inbox: Path) -> None:
    (inbox / "a.csv").write_text("id,text\n1,a, b and c\n2,fine,\n3\n")
    drafts, problems, _ = await pull(make())
    assert [x.text for x in drafts] == ["fine"]
    assert [(p.place, p.reason) for p in problems] == [
        ("a.csv:2", "3 cells, but the header has 2"),
        ("a.csv:4", "the text is empty (column 'text')"),
    ]


async def test_csv_cells_over_the_standard_limit_and_rows_over_ours(make: Make, inbox: Path) -> None:
    (inbox / "a.csv").write_text(f"id,text\n1,{'x' * 200_000}\n2,{'y' * 400_000}\n3,ok\n")
    drafts, problems, _ = await pull(make(max_row_kb=300))
    assert [len(x.text) for x in drafts] == [200_000, 2]
    assert [(p.place, p.reason) for p in problems] == [("a.csv:3", "the row is longer than 300 KB")]


async def test_windows_1252_is_read_and_named(make: Make, inbox: Path) -> None:
    (inbox / "a.csv").write_bytes("id,text\n1,Café – prêt\n".encode("cp1252"))
    (inbox / "b.jsonl").write_bytes('{"text": "Büro\x9d"}\n'.encode("latin-1"))
    (inbox / "c.txt").write_bytes("naïve".encode("cp1252"))
    drafts, problems, _ = await pull(make())
    assert sorted(x.text for x in drafts) == ["Büro\ufffd", "Café – prêt", "naïve"]
    assert {p.place for p in problems} == {"a.csv:2", "b.jsonl:1", "c.txt"}
    assert {p.reason for p in problems} == {"not UTF-8; read as Windows-1252"}


async def test_utf16_is_read(make: Make, inbox: Path) -> None:
    (inbox / "a.csv").write_bytes("id\ttext\r\n1\tGrüße\r\n".encode("utf-16"))
    (inbox / "b.txt").write_bytes("Überschrift".encode("utf-16"))
    (inbox / "c.jsonl").write_bytes(rows("Übung").encode("utf-16"))
    drafts, problems, _ = await pull(make())
    assert sorted(x.text for x in drafts) == ["Grüße", "Überschrift", "Übung"]
    assert not problems


async def test_a_named_encoding_that_does_not_fit_is_a_problem(make: Make, inbox: Path) -> None:
    (inbox / "a.csv").write_bytes("id,text\n1,é\n2,ok\n".encode())
    (inbox / "b.jsonl").write_bytes('{"text":"é"}\n{"text":"ok"}\n'.encode())
    drafts, problems, _ = await pull(make(encoding="ascii"))
    assert [x.text for x in drafts] == ["ok", "ok"]
    assert sorted(p.place for p in problems) == ["a.csv:2", "b.jsonl:1"]
    assert all("not ascii" in p.reason for p in problems)


async def test_gzip_is_read_and_a_broken_or_bombed_one_is_a_problem(make: Make, inbox: Path) -> None:
    packed = gzip.compress(rows("a", "b").encode())
    (inbox / "a.jsonl.gz").write_bytes(packed + gzip.compress(rows("c").encode()))
    (inbox / "b.jsonl.gz").write_bytes(packed[:-12])
    (inbox / "c.csv.gz").write_bytes(gzip.compress(b"id,text\n" + b"\0" * (3 << 20)))
    (inbox / "d.jsonl.gz").write_bytes(b"no gzip")
    drafts, problems, cursor = await pull(make(max_file_mb=2))
    assert [x.text for x in drafts if x.text in "abc"][:3] == ["a", "b", "c"]
    reasons = {p.place.split(":")[0]: p.reason for p in problems}
    assert reasons["b.jsonl.gz"] == "the gzip file ends too early"
    assert "unpacks to more than 2 MB" in reasons["c.csv.gz"] or "longer than" in reasons["c.csv.gz"]
    assert "not a sound gzip file" in reasons["d.jsonl.gz"]
    assert (await pull(make(max_file_mb=2), cursor))[:2] == ([], [])


async def test_text_and_markdown_files_are_one_signal_each(make: Make, inbox: Path) -> None:
    (inbox / "plain.txt").write_text("\n  First line \nSecond\n")
    (inbox / "head.md").write_text("intro\n\n## The heading ##\nbody\n")
    (inbox / "under.md").write_text("Big title\n=========\nbody")
    (inbox / "front.md").write_text(
        "---\ntitle: Own title\ncompany: Acme\nurl: https://a.example\ndate: 2026-01-02\n---\n# Other\ntext"
    )
    (inbox / "bad.md").write_text("---\na: [\n---\nkept")
    (inbox / "empty.txt").write_text("  \n")
    (inbox / "bin.txt").write_bytes(b"\x00\x01\x02")
    drafts, problems, _ = await pull(make())
    by_file = {d.extra["file"]: d for d in drafts}
    assert {name: d.title for name, d in by_file.items()} == {
        "plain.txt": "First line", "head.md": "The heading", "under.md": "Big title", "front.md": "Own title", "bad.md": "bad",
    }  # fmt: skip
    front = by_file["front.md"]
    assert (front.company, front.url, front.text) == ("Acme", "https://a.example", "# Other\ntext")
    assert front.posted_at_ms == 1767312000000
    assert {p.place: p.reason.split(":")[0] for p in problems} == {
        "bad.md": "the front matter is not YAML",
        "empty.txt": "the file is empty",
        "bin.txt": "it is no text",
    }


async def test_front_matter_cannot_grow_or_loop(make: Make, inbox: Path) -> None:
    bomb = "a0: &a0 lol\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9))
    (inbox / "bomb.md").write_text(f"---\n{bomb}title: *a8\ncompany: &c [*c]\n---\nthe text")
    [draft], _, _ = await pull(make())
    assert (draft.title, draft.company) == ("the text", None)


async def test_appended_rows_are_picked_up_from_where_reading_stood(make: Make, inbox: Path) -> None:
    file = inbox / "a.jsonl"
    file.write_text(rows("one", "two"))
    source = make()
    drafts, _, cursor = await pull(source)
    with file.open("a") as out:
        out.write('{"text": "three"}\n{bad}\n')
    for reader in (source, make()):  # with what it remembers, and after a restart
        drafts, [problem], last = await pull(reader, cursor)
        assert [d.text for d in drafts] == ["three"]
        assert problem.place == "a.jsonl:4"
        assert (await pull(reader, last))[0] == []


async def test_a_file_written_anew_is_read_again(make: Make, inbox: Path) -> None:
    file = inbox / "a.jsonl"
    file.write_text(rows("one", "two"))
    _, _, cursor = await pull(make())
    file.write_text(rows("ONE", "two", "three"))  # longer, same inode, other beginning
    drafts, _, cursor = await pull(make(), cursor)
    assert [d.text for d in drafts] == ["ONE", "two", "three"]
    file.write_text(rows("x"))  # shorter
    assert [d.text for d in (await pull(make(), cursor))[0]] == ["x"]
    _, _, cursor = await pull(make(), cursor)
    (inbox / "new").write_text(rows("x", "y"))  # another file under the old name
    os.replace(inbox / "new", file)
    assert [d.text for d in (await pull(make(), cursor))[0]] == ["x", "y"]


async def test_every_cursor_in_the_middle_goes_on_behind_its_row(make: Make, inbox: Path) -> None:
    (inbox / "1.jsonl").write_text(rows("a", "b") + "{bad\n" + rows("c"))
    (inbox / "2.csv").write_text("id,text\n1,d\n2,e\n3,f\n")
    (inbox / "3.jsonl.gz").write_bytes(gzip.compress(rows("g", "h").encode()))
    (inbox / "4.txt").write_text("i")
    for number, name in enumerate(["1.jsonl", "2.csv", "3.jsonl.gz", "4.txt"]):
        os.utime(inbox / name, ns=(number * 10**9 + 4 * 10**18, number * 10**9 + 4 * 10**18))
    items: list[SourceItem] = [item async for item in make().poll(None)]
    texts = [i.text for i in items if isinstance(i, SignalDraft)]
    assert texts == list("abcdefghi")
    for cut, item in enumerate(items):
        rest, _, _ = await pull(make(), item.cursor)
        seen = [i.text for i in items[: cut + 1] if isinstance(i, SignalDraft)]
        assert seen + [d.text for d in rest] == texts, f"after item {cut}"


async def test_an_aborted_poll_of_the_same_instance_goes_on_too(make: Make, inbox: Path) -> None:
    (inbox / "a.jsonl").write_text(rows(*[f"t{i}" for i in range(300)]))
    source = make()
    seen: list[str] = []
    cursor = None
    for _ in range(5):
        items = source.poll(cursor)
        for _ in range(50):
            item = await anext(items)
            assert isinstance(item, SignalDraft)
            seen.append(item.text)
            cursor = item.cursor
        await items.aclose()  # type: ignore[attr-defined]
    assert seen == [f"t{i}" for i in range(250)]


async def test_a_file_being_written_is_left_alone_until_it_stands_still(make: Make, inbox: Path, clock: ManualClock) -> None:
    file = inbox / "a.txt"
    file.write_text("half")
    future = START_MS * 1_000_000 + 10**18
    os.utime(file, ns=(future, future))
    source = make(settle_s=5)
    assert (await pull(source))[0] == []
    clock.advance(4)
    file.write_text("half and more")
    os.utime(file, ns=(future + 1, future + 1))
    _, _, cursor = await pull(source)
    clock.advance(4)
    drafts, _, cursor = await pull(source, cursor)
    assert drafts == []
    clock.advance(1)
    drafts, _, cursor = await pull(source, cursor)
    assert [d.text for d in drafts] == ["half and more"]
    assert (await pull(source, cursor))[0] == []


async def test_an_old_file_needs_no_waiting(make: Make, inbox: Path) -> None:
    (inbox / "a.txt").write_text("old")
    old = (START_MS - 60_000) * 1_000_000
    os.utime(inbox / "a.txt", ns=(old, old))
    assert len((await pull(make(settle_s=5)))[0]) == 1


async def test_a_jsonl_that_never_rests_gives_its_ended_rows(make: Make, inbox: Path, clock: ManualClock) -> None:
    file = inbox / "log.jsonl"
    source = make(settle_s=2)
    seen: list[str] = []
    cursor = None
    future = START_MS * 1_000_000 + 10**18
    for number in range(15):
        with file.open("a") as out:
            out.write(f'{{"text": "r{number}"}}\n{{"text": "unfin')
        os.utime(file, ns=(future + number, future + number))
        drafts, problems, cursor = await pull(source, cursor)
        assert not problems
        seen += [d.text for d in drafts]
        with file.open("a") as out:
            out.write(f'ished {number}"}}\n')
        clock.advance(1.9)
    assert seen[:3] == ["r0", "unfinished 0", "r1"]
    assert len(seen) > 20
    clock.advance(60)
    await pull(source, cursor)
    clock.advance(3)
    drafts, problems, _ = await pull(source, cursor)
    assert not problems
    assert (seen + [d.text for d in drafts])[-1] == "unfinished 14"


async def test_an_unfinished_last_line_is_read_once_settled(make: Make, inbox: Path) -> None:
    (inbox / "a.jsonl").write_text('{"text": "one"}\n{"text": "two"}')
    assert [d.text for d in (await pull(make()))[0]] == ["one", "two"]


async def test_unfinished_hidden_and_foreign_names_are_ignored(make: Make, inbox: Path) -> None:
    for name in ("a.jsonl.part", "b.tmp", "c.crdownload", ".d.jsonl", "e.png", "F.JSONL"):
        (inbox / name).write_text(rows(name))
    assert [d.text for d in (await pull(make()))[0]] == ["F.JSONL"]


async def test_subfolders_only_where_asked(make: Make, inbox: Path) -> None:
    (inbox / "sub").mkdir()
    (inbox / "sub" / "a.txt").write_text("deep")
    assert (await pull(make()))[0] == []
    assert [d.extra["file"] for d in (await pull(make(recursive=True)))[0]] == ["sub/a.txt"]


async def test_a_folder_moved_in_with_old_files_is_not_missed(make: Make, inbox: Path, tmp_path: Path) -> None:
    (tmp_path / "batch").mkdir()
    for number in range(5):
        (tmp_path / "batch" / f"{number}.txt").write_text(f"old {number}")
    (inbox / "later.txt").write_text("newest")
    _, _, cursor = await pull(make(recursive=True))
    os.rename(tmp_path / "batch", inbox / "batch")
    drafts, _, _ = await pull(make(recursive=True), cursor)
    assert {f"old {n}" for n in range(5)} <= {d.text for d in drafts}


async def test_links_out_of_the_folder_are_refused_and_told_once(make: Make, inbox: Path, tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("secret")
    (inbox / "real.txt").write_text("real")
    (inbox / "out.txt").symlink_to(tmp_path / "secret.txt")
    (inbox / "in.txt").symlink_to(inbox / "real.txt")
    (inbox / "dir").symlink_to(tmp_path)
    drafts, [problem], cursor = await pull(make(recursive=True))
    assert [d.text for d in drafts] == ["real", "real"]
    assert problem.place == "out.txt"
    assert "leads out of the folder" in problem.reason
    assert (await pull(make(recursive=True), cursor))[1] == []


@pytest.mark.skipif(sys.platform == "win32", reason="no named pipes in folders there")
async def test_pipes_and_big_files_are_problems(make: Make, inbox: Path) -> None:
    os.mkfifo(inbox / "pipe.txt")
    with (inbox / "big.txt").open("wb") as out:
        out.truncate(2 << 20)
    (inbox / "long.txt").write_text("x" * 3000)
    _, problems, cursor = await pull(make(max_file_mb=1, max_row_kb=2))
    assert {p.place: p.reason for p in problems} == {
        "pipe.txt": "it is not a plain file",
        "big.txt": "the file is larger than 1 MB",
        "long.txt": "the text is longer than 2 KB",
    }
    assert (await pull(make(max_file_mb=1, max_row_kb=2), cursor))[1] == []


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root reads everything")
async def test_an_unreadable_file_is_told_once_until_it_changes(make: Make, inbox: Path) -> None:
    (inbox / "a.txt").write_text("x")
    (inbox / "a.txt").chmod(0)
    _, problems, cursor = await pull(make())
    assert problems[0].reason.startswith("it cannot be read")
    assert (await pull(make(), cursor))[1] == []
    (inbox / "a.txt").chmod(0o600)
    assert len((await pull(make(), cursor))[0]) == 1


async def test_one_file_as_path(make: Make, inbox: Path) -> None:
    (inbox / "a.jsonl").write_text(rows("a"))
    (inbox / "b.jsonl").write_text(rows("b"))
    assert [d.text for d in (await pull(make(path=inbox / "b.jsonl")))[0]] == ["b"]


async def test_missing_paths(make: Make, inbox: Path) -> None:
    source = make(path=inbox / "no")
    with pytest.raises(NeedsAttention, match="there is no folder"):
        await source.open()
    with pytest.raises(Retry, match="cannot be read"):
        await pull(source)
    with pytest.raises(ValueError, match="write the whole path"):
        FolderSource.Config(path="relative")
    with pytest.raises(ValueError, match="no encoding"):
        FolderSource.Config(path="/x", encoding="klingon")


async def test_thousands_of_text_files_need_a_cursor_of_bounded_size(make: Make, inbox: Path) -> None:
    def write(start: int, stop: int) -> None:
        for number in range(start, stop):
            (inbox / f"{number}.txt").write_text(f"text {number}")

    write(0, 40)
    _, _, small = await pull(make())
    write(40, 1500)
    drafts, _, large = await pull(make(), small)
    assert len(drafts) == 1460
    assert small is not None
    assert large is not None
    assert len(large) < 1500
    assert len(large) - len(small) < 20
    drafts, problems, again = await pull(make(), large)
    assert (drafts, problems, again) == ([], [], large)
    os.remove(inbox / "7.txt")
    (inbox / "new.txt").write_text("new")
    drafts, _, _ = await pull(make(), large)
    assert "new" in [d.text for d in drafts]
    assert len(drafts) < 100, "only the group of the removed file may be read again"


async def test_many_growing_files_keep_a_bounded_cursor(make: Make, inbox: Path) -> None:
    for number in range(100):
        (inbox / f"{number}.jsonl").write_text(rows(f"t{number}"))
    drafts, _, cursor = await pull(make())
    assert len(drafts) == 100
    assert cursor is not None
    assert len(cursor) < 6000
    assert (await pull(make(), cursor))[0] == []


async def test_an_idle_folder_writes_nothing(make: Make, inbox: Path) -> None:
    (inbox / "a.txt").write_text("a")
    source = make()
    _, _, cursor = await pull(source)
    assert [item async for item in source.poll(cursor)] == []
    os.remove(inbox / "a.txt")
    [item] = [item async for item in source.poll(cursor)]
    assert isinstance(item, Checkpoint)


@pytest.mark.parametrize("cursor", ["", "null", "{}", "[]", '{"v":1}', '{"v":1,"c":"x","d":"!!","f":{},"w":0}', "\0"])
async def test_a_broken_cursor_reads_from_the_start(make: Make, inbox: Path, cursor: str) -> None:
    (inbox / "a.txt").write_text("a")
    assert len((await pull(make(), cursor))[0]) == 1


async def test_wake_returns_when_a_file_comes_or_may_have_settled(make: Make, inbox: Path, clock: ManualClock) -> None:
    source = make(settle_s=5)
    await pull(source)
    waking = asyncio.create_task(source.wake())
    await until(lambda: clock.sleeping > 0)
    clock.advance(4)
    await until(lambda: clock.sleeping > 0)
    assert not waking.done(), "nothing changed"
    (inbox / "a.txt").write_text("a")
    future = START_MS * 1_000_000 + 10**18
    os.utime(inbox / "a.txt", ns=(future, future))
    clock.advance(4)
    await asyncio.wait_for(waking, 10)
    assert (await pull(source))[0] == []
    waking = asyncio.create_task(source.wake())
    await until(lambda: clock.sleeping > 0)
    clock.advance(5)
    await asyncio.wait_for(waking, 10)
    assert len((await pull(source))[0]) == 1


async def test_no_blocking_call_on_the_event_loop(make: Make, inbox: Path) -> None:
    (inbox / "a.jsonl").write_text(rows("a"))
    (inbox / "b.csv").write_text("id,text\n1,b\n")
    (inbox / "c.md").write_text("# c")
    source = make()
    with blockbuster_ctx("leadd.builtin"):
        await source.open()
        assert len((await pull(source))[0]) == 3
        await source.check()


async def test_a_cancelled_poll_lets_the_file_go(make: Make, inbox: Path) -> None:
    (inbox / "a.jsonl").write_text(rows(*["x" * 100] * 20_000))
    source = make()
    task = asyncio.create_task(pull(source))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    if sys.platform == "linux":
        assert not [f for f in os.listdir("/proc/self/fd") if str(inbox) in _target(f)]


def _target(descriptor: str) -> str:
    try:
        return os.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        return ""


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(min_size=1, max_size=30).filter(lambda t: t.strip() and "\0" not in t), min_size=1, max_size=8))
async def test_any_texts_come_back_from_jsonl_and_csv(make: Make, inbox: Path, texts: list[str]) -> None:
    safe = [t.encode("utf-8", "ignore").decode() or "x" for t in texts]
    (inbox / "a.jsonl").write_text("".join(json.dumps({"text": t}) + "\n" for t in safe))
    with (inbox / "b.csv").open("w", newline="", encoding="utf-8") as out:
        csv.writer(out, quoting=csv.QUOTE_ALL).writerows([["id", "text"], *[[str(i), t] for i, t in enumerate(safe)]])
    drafts, problems, _ = await pull(make())
    assert not problems
    kept = [t for t in safe if t.strip()]
    assert sorted(d.text for d in drafts) == sorted(kept + kept)


async def test_a_writer_who_pauses_within_a_row_loses_nothing(make: Make, inbox: Path, clock: ManualClock) -> None:
    file = inbox / "grow.jsonl"
    file.write_text(rows("one") + '{"id": "two", "te')
    source = make(settle_s=0)
    drafts, problems, cursor = await pull(source)
    assert len(drafts) == 1
    assert [p.place for p in problems] == ["grow.jsonl:2"]
    with file.open("a") as out:
        out.write('xt": "the second row"}\n')
    drafts, problems, cursor = await pull(source, cursor)
    assert [d.text for d in drafts] == ["the second row"]
    assert problems == []
