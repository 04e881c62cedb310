"""Reading rows out of JSONL and CSV files, plain or gzipped, in bounded memory. Blocking: run it in a thread."""

from __future__ import annotations

import csv
import json
import zlib
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, BinaryIO, Protocol

from leadd.builtin.folder.columns import BadRow, ColumnMap, explain_missing, map_columns
from leadd.builtin.folder.decoding import Decoder

SKIP_BYTES = 1 << 20
ENCODING_HINT = "set encoding to what the file is written in"


@dataclass(frozen=True, slots=True)
class Row:
    """One row: its number in the file (from 1), the bytes read up to its end, the bytes of its end, its values or its fault.

    `is_open`: the last line has no end yet and cannot be read; whoever writes it may only be pausing.
    """

    number: int
    end: int
    tail: bytes
    values: Mapping[str, Any] | None
    fault: BadRow | None = None
    is_open: bool = False


class RowReader(Protocol):
    """What every format gives: rows in order, and the columns in force once a row was read."""

    columns: ColumnMap

    def rows(self) -> Iterator[Row]: ...


@dataclass(frozen=True, slots=True)
class Line:
    """One line of bytes with its ending; `too_long` where it was cut, `ended` False where the file ends within it."""

    data: bytes
    end: int
    too_long: bool
    ended: bool


def read_lines(stream: BinaryIO, *, offset: int, max_bytes: int) -> Iterator[Line]:
    """Lines from the stream's position, which is `offset`. A line over `max_bytes` is passed over without being held."""
    while True:
        data = stream.readline(max_bytes + 1)
        if not data:
            return
        offset += len(data)
        if len(data) <= max_bytes or data.endswith(b"\n"):
            yield Line(data, offset, False, data.endswith(b"\n"))
            continue
        more = data
        while more and not more.endswith(b"\n"):
            more = stream.readline(SKIP_BYTES)
            offset += len(more)
        yield Line(data, offset, True, more.endswith(b"\n"))


class JsonlReader:
    """Rows of a JSONL file, from a byte offset on. The columns are guessed from the first good row."""

    def __init__(
        self,
        stream: BinaryIO,
        decoder: Decoder,
        *,
        offset: int,
        number: int,
        skip: int,
        named: Mapping[str, str],
        guess: bool,
        max_bytes: int,
        take_unfinished: bool,
        size: int | None = None,
    ) -> None:
        self.columns = ColumnMap(dict(named))
        self._lines = read_lines(stream, offset=offset, max_bytes=max_bytes)
        self._decoder = decoder
        self._number = number
        self._skip = skip
        self._named = named
        self._guess = guess
        self._max_bytes = max_bytes
        self._take_unfinished = take_unfinished
        self._size = size
        self._keys: tuple[str, ...] = ()

    def rows(self) -> Iterator[Row]:
        """Every line that is not blank. A last line without its end is read only where the file counts as settled.

        What was written after the folder was looked at (beyond `size`) waits for the next look: its end may be half a row.
        """
        for line in self._lines:
            unfinished = not line.ended and not self._take_unfinished
            if unfinished or (self._size is not None and line.end > self._size):
                return
            self._number += 1
            if self._number <= self._skip:
                continue
            if line.too_long:
                fault = BadRow(f"the row is longer than {self._max_bytes // 1024} KB", "raise max_row_kb, or mend the file")
                yield Row(self._number, line.end, b"", None, fault)
            elif line.data.strip(b" \t\r\n\x00\xef\xbb\xbf"):
                row = self._read(line)
                yield row if line.ended or row.fault is None else replace(row, is_open=True)

    def _read(self, line: Line) -> Row:
        try:
            values = json.loads(self._decoder.decode(line.data).lstrip("\ufeff"))
        except UnicodeDecodeError as error:
            fault = BadRow(f"not {self._decoder.encoding}: {error.reason}", ENCODING_HINT)
        except RecursionError:
            fault = BadRow("nested too deeply")
        except ValueError as error:
            fault = BadRow(f"not JSON: {str(error)[:120]}", "each line is one JSON object")
        else:
            if isinstance(values, dict):
                if tuple(values) != self._keys:
                    self._keys = tuple(values)
                    self.columns = map_columns(self._keys, self._named, guess=self._guess)
                return Row(self._number, line.end, line.data, values)
            fault = BadRow("not a JSON object", "each line is one JSON object")
        return Row(self._number, line.end, line.data, None, fault)


class CsvReader:
    """Records of a CSV file after its header. Numbers count records as a spreadsheet shows them: the header is row 1."""

    def __init__(
        self,
        stream: BinaryIO,
        decoder: Decoder,
        *,
        skip: int,
        named: Mapping[str, str],
        guess: bool,
        max_bytes: int,
        delimiter: str | None,
    ) -> None:
        self._records = CsvRecords(stream, decoder, max_bytes=max_bytes, delimiter=delimiter)
        self._skip = skip
        header = next(self._records.read(), None)
        if header is None:
            raise BadRow("the file is empty")
        if isinstance(header, BadRow):
            raise header
        self._header = [name.strip() for name in header]
        self.columns = map_columns([n for n in self._header if n], named, guess=guess)
        missing = explain_missing(self.columns, self._header)
        if missing is not None:
            raise missing

    def rows(self) -> Iterator[Row]:
        """Every record that is not blank and lies after those that are done."""
        number = 1
        for record in self._records.read():
            number += 1
            if number <= self._skip:
                continue
            if isinstance(record, BadRow):
                yield Row(number, 0, b"", None, record)
            elif any(cell.strip() for cell in record):
                yield self._check(number, record)

    def _check(self, number: int, record: list[str]) -> Row:
        width = len(self._header)
        if any(cell.strip() for cell in record[width:]):
            fault = BadRow(
                f"{len(record)} cells, but the header has {width}", "put cells that hold the delimiter into double quotes"
            )
            return Row(number, 0, b"", None, fault)
        cells = record + [""] * (width - len(record))  # programs leave empty cells at the end out
        return Row(number, 0, b"", dict(zip(self._header, cells, strict=False)))


class CsvRecords:
    """Records as lists of cells. A record that never ends (a stray quote) costs one row, not the rest of the file."""

    def __init__(self, stream: BinaryIO, decoder: Decoder, *, max_bytes: int, delimiter: str | None) -> None:
        # The csv module refuses cells over 128 KiB by default, for the whole process; a higher limit harms nobody, since the
        # length of a whole record is bounded here.
        csv.field_size_limit(max(csv.field_size_limit(), max_bytes))
        self._lines = read_lines(stream, offset=0, max_bytes=max_bytes)
        self._decoder = decoder
        self._max_bytes = max_bytes
        self._again: deque[str] = deque()
        self._held: list[str] = []
        self._held_bytes = 0
        self._delimiter = delimiter or self._find_delimiter()

    def read(self) -> Iterator[list[str] | BadRow]:
        """Records in order, and in place of one that cannot be read, why."""
        while True:
            self._held, self._held_bytes = [], 0
            try:
                record = next(csv.reader(self._feed(), delimiter=self._delimiter))
            except StopIteration:
                return
            except (csv.Error, BadRow) as error:
                # Only the record's first line is given up; those after it are read again as records of their own.
                self._again.extendleft(reversed(self._held[1:]))
                reason = error.reason if isinstance(error, BadRow) else f"not CSV: {error}"
                yield BadRow(reason, "look for a double quote that is never closed")
                continue
            yield record

    def _feed(self) -> Iterator[str]:
        while True:
            line = self._next_line()
            if line is None:
                if self._held:  # more is asked for only inside a quoted cell; csv would hand over all the rest as one cell
                    raise BadRow("a quoted cell is never closed")
                return
            self._held.append(line)
            self._held_bytes += len(line)
            if self._held_bytes > self._max_bytes:
                raise BadRow(f"the row is longer than {self._max_bytes // 1024} KB")
            yield line

    def _next_line(self) -> str | None:
        if self._again:
            return self._again.popleft()
        line = next(self._lines, None)
        if line is None:
            return None
        if line.too_long:
            return " " * (self._max_bytes + 1)
        try:
            return self._decoder.decode(line.data)
        except UnicodeDecodeError as error:
            raise BadRow(f"not {self._decoder.encoding}: {error.reason}", ENCODING_HINT) from error

    def _find_delimiter(self) -> str:
        """The delimiter that the header shows; Excel's `sep=;` line is obeyed."""
        first = self._next_line()
        if first is None:
            return ","
        stated = first.lstrip("\ufeff").strip()
        if stated.lower().startswith("sep=") and len(stated) == 5:
            return stated[4]
        self._again.appendleft(first.lstrip("\ufeff"))
        return max(",;\t|", key=lambda d: len(next(csv.reader([first], delimiter=d), [])))


def unpack(stream: BinaryIO, *, max_bytes: int) -> BinaryIO:
    """A gzip stream as its content, read in pieces; BadRow once it unpacks to more than `max_bytes` or is broken."""
    return _Unpacked(stream, max_bytes)  # type: ignore[return-value]


class _Unpacked:
    """Just `readline` and `read`: gzip.GzipFile would also do, but has no bound on what a line unpacks to."""

    def __init__(self, stream: BinaryIO, max_bytes: int) -> None:
        self._stream = stream
        self._left = max_bytes
        self._max_mb = max_bytes >> 20
        self._inflate = zlib.decompressobj(wbits=31)
        self._buffer = b""
        self._pending = b""

    def readline(self, limit: int) -> bytes:
        pieces: list[bytes] = []
        size = 0
        while size < limit:
            if not self._buffer:
                self._buffer = self._more()
                if not self._buffer:
                    break
            cut = self._buffer.find(b"\n", 0, limit - size) + 1
            piece = self._buffer[: cut or limit - size]
            self._buffer = self._buffer[len(piece) :]
            pieces.append(piece)
            size += len(piece)
            if cut:
                break
        return b"".join(pieces)

    def _more(self) -> bytes:
        while True:
            if self._inflate.eof:
                self._pending = self._inflate.unused_data or self._stream.read(65_536)
                if not self._pending.lstrip(b"\0"):
                    return b""
                self._inflate = zlib.decompressobj(wbits=31)  # archives are often several gzip members in a row
            elif not self._pending:
                self._pending = self._stream.read(65_536)
                if not self._pending:
                    raise BadRow("the gzip file ends too early", "copy it again")
            try:
                data = self._inflate.decompress(self._pending, 65_536)
            except zlib.error as error:
                raise BadRow(f"not a sound gzip file: {error}", "copy it again") from error
            self._pending = self._inflate.unconsumed_tail
            self._left -= len(data)
            if self._left < 0:
                raise BadRow(f"it unpacks to more than {self._max_mb} MB", "raise max_file_mb if that is right")
            if data:
                return data

    def close(self) -> None:
        self._stream.close()
