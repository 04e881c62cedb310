"""`leadd ingest`."""

from __future__ import annotations

import json
import os
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

import click

from leadd.cli.client import BodyUnreadable, Client
from leadd.cli.exits import FAILED, Ended, NotRunning
from leadd.cli.output import json_option, print_json, say

PIECE = 262_144


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path())
@click.option("--source", default="inbox", show_default=True, help="The source the signals are counted under.")
@click.option("--column", "columns", multiple=True, metavar="FIELD=COLUMN", help="Where a field stands (again for more).")
@json_option
def ingest(files: tuple[str, ...], source: str, columns: tuple[str, ...], as_json: bool) -> None:
    """Hand FILES of signals to the daemon: .jsonl and .csv (also .gz), or one text each; - reads JSONL from standard input.

    Fields are text, title, external_id, url, company, company_website, location, author, posted_at and source_type;
    usual names of columns are known, --column names others. A row that cannot be used is reported with its number, the
    others are taken. Ends with 1 where a row or a file was refused.
    """
    client = Client()
    mapping = _mapping(columns)
    answers: list[dict[str, Any]] = []
    refused = False
    for name in files:
        try:
            answer = {"file": name, **_ingest_one(client, name, source, mapping, quiet=as_json)}
        except NotRunning:
            raise
        except Ended as error:
            # The other files have nothing to do with it.
            refused = True
            error.show()
            continue
        answers.append(answer)
        if not as_json:
            _show(answer)
    if as_json:
        print_json({"files": answers})
    if refused or any(a["problem_count"] for a in answers):
        sys.exit(FAILED)


def _mapping(columns: tuple[str, ...]) -> str | None:
    for item in columns:
        if "=" not in item:
            raise click.UsageError(f"--column wants FIELD=COLUMN, got '{item}'")
    return ",".join(item.replace("=", ":", 1) for item in columns) or None


def _ingest_one(client: Client, name: str, source: str, columns: str | None, *, quiet: bool) -> dict[str, Any]:
    if name != "-" and not os.path.isfile(name):
        reason = "is a folder; name its files, or make it a source in the settings" if os.path.isdir(name) else "does not exist"
        raise Ended(f"{name} {reason}")
    kind = _kind(name)
    path, content = ("/api/ingest/csv", "text/csv") if kind == "csv" else ("/api/ingest/signals", "application/x-ndjson")
    try:
        with _progress(name, quiet) as advance:
            pieces = iter([_text(name)]) if kind == "text" else _pieces(name, advance)
            answer: dict[str, Any] = client.upload(path, pieces, content, source=source, columns=columns)
    except BodyUnreadable as error:
        raise Ended(str(error), hint="the rows before it were taken; rows known already are not taken twice") from None
    except NotRunning:
        raise
    except Ended as error:
        raise Ended(f"{name}: {error.message}", hint=error.hint, code=error.exit_code) from None
    return answer


def _kind(name: str) -> str:
    stem = name.lower().removesuffix(".gz")
    if name == "-" or stem.endswith((".jsonl", ".ndjson", ".json")):
        return "jsonl"
    return "csv" if stem.endswith((".csv", ".tsv")) else "text"


def _text(name: str) -> bytes:
    """A file that is one text, as a line of JSON. No id: when the file says something new, that is a new signal."""
    raw = b"".join(_pieces(name, lambda size: None))
    return json.dumps({"text": raw.decode("utf-8-sig", errors="replace")}).encode() + b"\n"


def _pieces(name: str, advance: Callable[[int], None]) -> Iterator[bytes]:
    """The file in pieces, unpacked; `advance` hears of each piece's size on disk. Raises BodyUnreadable."""
    try:
        if name == "-":
            while piece := os.read(sys.stdin.fileno(), PIECE):
                yield piece
            return
        with open(name, "rb") as raw:
            yield from _unpacked(raw, advance) if name.lower().endswith(".gz") else _whole(raw, advance)
    except EOFError:
        raise BodyUnreadable(f"{name} is cut short: the packed data end too early") from None
    except (OSError, zlib.error) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BodyUnreadable(f"{name} cannot be read: {reason}") from None


def _whole(raw: BinaryIO, advance: Callable[[int], None]) -> Iterator[bytes]:
    while piece := raw.read(PIECE):
        advance(len(piece))
        yield piece


def _unpacked(raw: BinaryIO, advance: Callable[[int], None]) -> Iterator[bytes]:
    import gzip

    before = 0
    with gzip.open(raw) as unpacked:
        while piece := unpacked.read(PIECE):
            advance(raw.tell() - before)
            before = raw.tell()
            yield piece


@contextmanager
def _progress(name: str, quiet: bool) -> Iterator[Callable[[int], None]]:
    """A bar on the terminal for a file; nothing where standard error is no terminal."""
    if quiet or name == "-" or not sys.stderr.isatty():
        yield lambda size: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    bars = Progress(
        TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn(), console=Console(stderr=True)
    )
    with bars:
        task = bars.add_task(os.path.basename(name), total=os.path.getsize(name))
        yield lambda size: bars.update(task, advance=size)


def _show(answer: dict[str, Any]) -> None:
    say(
        f"{answer['file']}: {answer['accepted']} accepted, {answer['repeats']} known already, {answer['problem_count']} refused"
    )
    for problem in answer["problems"][:20]:
        hint = f" ({problem['hint']})" if problem["hint"] else ""
        say(f"  {problem['place']}: {problem['reason']}{hint}")
    more = answer["problem_count"] - 20
    if more > 0:
        say(f"  … and {more} more (leadd sources show {answer['source']} keeps them, --json shows up to 200)")
