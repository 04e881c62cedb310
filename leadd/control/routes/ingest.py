"""Taking signals in over HTTP: NDJSON, CSV, or a file of this machine. Good rows are kept, bad ones named."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from pydantic_core import from_json

from leadd.api import Problem, SignalDraft
from leadd.control.call import CSV, NDJSON, Call
from leadd.control.csv_rows import Record, Records, sniff
from leadd.control.errors import JSON, ApiError
from leadd.control.house import House
from leadd.control.ndjson import Line, read_lines
from leadd.control.router import Route
from leadd.control.rows import BadRow, Columns, check_columns, draft_of, parse_columns
from leadd.control.wire_house import CsvQuery, FileIn, IngestOut, IngestQuery, RowProblem
from leadd.store.errors import StoreUnavailable

CHUNK_ROWS = 500
"""Rows in one transaction: enough to make its sync cheap, few enough to hold in memory."""

SHOWN_PROBLEMS = 200
READ_BYTES = 262_144
ENDINGS = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".tsv": "csv", ".txt": "text", ".md": "text"}
UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the input: a draft, or the reason why it is none."""

    place: str
    draft: SignalDraft | None
    reason: str = ""


@dataclass(slots=True)
class Tally:
    """What became of the rows so far."""

    source: str
    rows: int = 0
    accepted: int = 0
    repeats: int = 0
    problem_count: int = 0
    problems: list[RowProblem] = field(default_factory=list)

    def add_problem(self, place: str, reason: str, hint: str = "") -> None:
        """Count one; the first of them are kept to be shown."""
        self.problem_count += 1
        if len(self.problems) < SHOWN_PROBLEMS:
            self.problems.append(RowProblem(place=place, reason=reason, hint=hint))


class IngestRoutes:
    """POST /api/ingest/…"""

    def __init__(self, house: House) -> None:
        self._house = house

    def table(self) -> tuple[Route, ...]:
        """The routes of this area."""
        return (
            Route(
                "POST",
                "/api/ingest/signals",
                "ingest",
                "Take signals in, one JSON object a line; answered after the commit",
                self.signals,
                IngestOut,
                query=IngestQuery,
                takes=NDJSON,
                size="ingest",
            ),
            Route(
                "POST",
                "/api/ingest/csv",
                "ingest",
                "Take signals in from CSV with a header line; answered after the commit",
                self.csv,
                IngestOut,
                query=CsvQuery,
                takes=CSV,
                size="ingest",
            ),
            Route(
                "POST",
                "/api/ingest/file",
                "ingest",
                "Take signals in from a file of this machine (Unix socket or token only)",
                self.file,
                IngestOut,
                body=FileIn,
                takes=(JSON,),
                proven_only=True,
            ),
        )

    async def signals(self, call: Call) -> IngestOut:
        """NDJSON: one signal a line."""
        query: IngestQuery = call.query
        columns = parse_columns(query.columns)
        return await self._take(query.source, _json_rows(call.chunks(), columns, call.limits.line_bytes))

    async def csv(self, call: Call) -> IngestOut:
        """CSV with a header line."""
        query: CsvQuery = call.query
        columns = parse_columns(query.columns)
        charset = call.request.charset or "utf-8"
        rows = _csv_rows(call.chunks(), columns, query.delimiter, charset, call.limits.line_bytes)
        return await self._take(query.source, rows)

    async def file(self, call: Call) -> IngestOut:
        """A file that the daemon reads itself."""
        asked: FileIn = call.body
        columns = check_columns(asked.columns)
        path = Path(asked.path)
        kind = asked.format or ENDINGS.get(path.suffix.lower())
        if kind is None:
            raise ApiError(422, "unknown_format", f"'{path.suffix}' tells no format", "give format: jsonl, csv or text")
        file = await asyncio.to_thread(_open, path)
        try:
            rows: AsyncIterator[Row]
            if kind == "jsonl":
                rows = _json_rows(_read(file), columns, call.limits.line_bytes)
            elif kind == "csv":
                rows = _csv_rows(_read(file), columns, asked.delimiter, "utf-8", call.limits.line_bytes)
            else:
                rows = _whole(file, path)
            return await self._take(asked.source, rows)
        finally:
            await asyncio.to_thread(file.close)

    async def _take(self, source: str, rows: AsyncIterator[Row]) -> IngestOut:
        tally = Tally(source)
        batch: list[Row] = []
        try:
            async for row in rows:
                tally.rows += 1
                batch.append(row)
                if len(batch) >= CHUNK_ROWS:
                    await self._commit(tally, batch)
                    batch = []
            if batch:
                await self._commit(tally, batch)
        except StoreUnavailable as error:
            raise StoreUnavailable(f"{error} ({tally.accepted} rows before were accepted)") from error
        except (ApiError, ConnectionError) as error:
            # A body that breaks off keeps what was good in it: the caller is told how far it came.
            if batch:
                await self._commit(tally, batch)
            if isinstance(error, ApiError) and tally.rows:
                error.hint = f"{tally.accepted + tally.repeats} rows before that were taken; sending them again is harmless"
            raise
        return IngestOut(
            source=source,
            rows=tally.rows,
            accepted=tally.accepted,
            repeats=tally.repeats,
            problem_count=tally.problem_count,
            problems=tally.problems,
        )

    async def _commit(self, tally: Tally, batch: list[Row]) -> None:
        good = [(row.place, row.draft) for row in batch if row.draft is not None]
        bad = [Problem(row.place, row.reason) for row in batch if row.draft is None]
        done = await self._house.core.ingest([draft for _, draft in good], source=tally.source, problems=bad)
        tally.accepted += done.new
        tally.repeats += done.repeats
        for problem in bad:
            tally.add_problem(problem.place, problem.reason)
        # The core names a draft that it refused by its title; the caller wants the line.
        refused = [place for (place, _), given in zip(good, done.ids, strict=True) if given is None]
        for place, problem in zip(refused, done.problems[len(bad) :], strict=False):
            tally.add_problem(place, problem.reason, problem.hint)


async def _json_rows(chunks: AsyncIterator[bytes], columns: Columns, most_bytes: int) -> AsyncIterator[Row]:
    async for line in read_lines(chunks, most_bytes=most_bytes):
        yield _json_row(line, columns, most_bytes)


def _json_row(line: Line, columns: Columns, most_bytes: int) -> Row:
    place = f"line {line.number}"
    if line.data is None:
        return Row(place, None, f"the line is longer than {most_bytes:,} bytes")
    try:
        data = from_json(line.data, allow_inf_nan=False)
        if not isinstance(data, dict):
            return Row(place, None, f"a line is a JSON object, not a {type(data).__name__}")
        return Row(place, draft_of(data, columns))
    except BadRow as error:
        return Row(place, None, str(error))
    except ValueError as error:
        return Row(place, None, f"not JSON: {str(error)[:200]}")


async def _csv_rows(
    chunks: AsyncIterator[bytes], columns: Columns, delimiter: str | None, charset: str, most_bytes: int
) -> AsyncIterator[Row]:
    records: Records | None = None
    make: Callable[[Record], Row] | None = None
    async for line in read_lines(chunks, most_bytes=most_bytes, keep_blank=True):
        if line.data is None:
            yield Row(f"line {line.number}", None, f"the line is longer than {most_bytes:,} bytes")
            continue
        if records is None:
            records = Records(*_how(line.data, delimiter, charset))
        for record in records.feed(line.number, line.data.removesuffix(b"\r")):
            if make is None:
                make = _row_maker(record, columns)
            else:
                yield make(record)
    for record in records.finish() if records else ():
        if make is None:
            make = _row_maker(record, columns)
        else:
            yield make(record)
    if make is None:
        raise ApiError(422, "no_header", "there is no header line, so nothing says which cell is the text")


def _how(first: bytes, delimiter: str | None, charset: str) -> tuple[str, str]:
    if first.startswith(UTF16):
        raise ApiError(415, "wrong_charset", "this is UTF-16", "save it as UTF-8")
    try:
        header = first.decode(charset, errors="replace")
    except LookupError:
        raise ApiError(415, "wrong_charset", f"there is no charset '{charset[:40]}'") from None
    if delimiter is None:
        return sniff(header), charset
    sign = "\t" if delimiter in ("tab", "\\t") else delimiter
    if len(sign) != 1:
        raise ApiError(422, "invalid", "a delimiter is one character, or 'tab'")
    return sign, charset


def _row_maker(header: Record, columns: Columns) -> Callable[[Record], Row]:
    """What turns the records after the header into rows. Raises ApiError where the header cannot be used."""
    names = tuple(cell.strip() for cell in header.cells)
    if header.problem or not any(names):
        raise ApiError(422, "no_header", f"the header line cannot be read: {header.problem or 'it is empty'}")
    missing = sorted(set(columns.values()) - set(names))
    if missing:
        raise ApiError(422, "no_column", f"there is no column '{missing[0]}'", f"columns: {_named(names)}")
    if "text" not in columns and not {"text", "signal_text"} & set(names):
        raise ApiError(
            422,
            "no_column",
            "no column is named 'text'",
            f"say which one holds the text, as in columns=text:{names[0]}; columns: {_named(names)}",
        )
    doubled = sorted({name for name in names if name and names.count(name) > 1})
    if doubled:
        raise ApiError(422, "no_header", f"two columns are named '{doubled[0]}'")

    def make(record: Record) -> Row:
        place = f"line {record.number}"
        if record.problem:
            return Row(place, None, record.problem)
        if len(record.cells) != len(names):
            return Row(place, None, f"{len(record.cells)} cells where the header has {len(names)}")
        try:
            return Row(place, draft_of(dict(zip(names, record.cells, strict=True)), columns))
        except BadRow as error:
            return Row(place, None, str(error))

    return make


def _named(names: Iterable[str]) -> str:
    return ", ".join(names)[:400]


def _open(path: Path) -> BinaryIO:
    """The file, opened. Raises ApiError where it is no ordinary file: a pipe or a device would never end."""
    if not path.is_absolute():
        raise ApiError(422, "invalid", "the path must be absolute: the daemon's folder is not yours")
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
    except OSError as error:
        raise ApiError(404, "no_file", f"{path} cannot be opened: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ApiError(422, "no_file", f"{path} is no ordinary file")
    return os.fdopen(descriptor, "rb")


async def _read(file: BinaryIO) -> AsyncIterator[bytes]:
    while chunk := await asyncio.to_thread(file.read, READ_BYTES):
        yield chunk


async def _whole(file: BinaryIO, path: Path) -> AsyncIterator[Row]:
    data = await asyncio.to_thread(file.read, 1_048_577)
    if len(data) > 1_048_576:
        yield Row(path.name, None, "a text file above 1 MiB is no signal")
        return
    text = data.decode("utf-8-sig", errors="replace")
    if not text.strip():
        yield Row(path.name, None, "there is no text in it")
        return
    yield Row(path.name, SignalDraft(text=text, title=path.stem, source_type="file"))
