"""Reading one file, piece by piece, into drafts and problems. Blocking: run it in a thread."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import BinaryIO

from leadd.api import Problem, SignalDraft
from leadd.builtin.folder.columns import BadRow, make_draft
from leadd.builtin.folder.decoding import Decoder, decode_whole, is_utf16
from leadd.builtin.folder.documents import make_document
from leadd.builtin.folder.progress import PROOF_BYTES, Position, make_proof
from leadd.builtin.folder.rows import CsvReader, JsonlReader, Row, RowReader, unpack
from leadd.builtin.folder.scan import Found
from leadd.builtin.folder.settings import FolderConfig

MAX_PROBLEMS = 100
"""Problems told one by one for each file; a file of a million bad rows is one mistake, not a million."""

MAX_UTF16_BYTES = 64 << 20
WIDE = ("utf-16", "utf_16", "utf16", "utf-32", "utf_32", "utf32")
PIECE_ROWS = 64
PIECE_CHARS = 262_144

Item = SignalDraft | Problem
JSONL, CSV, DOCUMENT = "jsonl", "csv", "document"


def format_of(rel: str) -> tuple[str, bool]:
    """(jsonl, csv or document; whether it is gzipped), by the name."""
    name = rel.lower()
    packed = name.endswith(".gz")
    stem = name.removesuffix(".gz")
    if stem.endswith((".jsonl", ".ndjson", ".json")):
        return JSONL, packed
    if stem.endswith((".csv", ".tsv", ".tab")):
        return CSV, packed
    return DOCUMENT, packed


def open_plain(path: str) -> BinaryIO:
    """The file, never waiting for the other end of a pipe that took its place. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    return os.fdopen(descriptor, "rb")


class FileReading:
    """One pass over one file. `take` gives the next items, and an empty list at the end; then `position` says how far.

    `settled` False reads only rows that are ended, of a file that is still growing.
    """

    def __init__(
        self,
        found: Found,
        config: FolderConfig,
        kept: Position | None,
        *,
        settled: bool,
        make_cursor: Callable[[Position], str],
    ) -> None:
        self.found = found
        self.position: Position | None = None
        self.guess = ""
        self._config = config
        self._kept = kept
        self._settled = settled
        self._make_cursor = make_cursor
        self._decoder = Decoder(config.encoding)
        self._stream: BinaryIO | None = None
        self._items: Iterator[Item] | None = None
        self._told = 0
        self._told_date = self._told_encoding = False
        # A poll that is cancelled leaves the thread reading; the lock makes `close` wait for it.
        self._lock = threading.Lock()
        self._closed = False

    def take(self) -> list[Item]:
        """Up to `PIECE_ROWS` items, or about `PIECE_CHARS` of text. Faults of the file come as Problems, never as errors."""
        with self._lock:
            if self._closed:
                return []
            if self._items is None:
                self._items = self._read()
            items: list[Item] = []
            size = 0
            for item in self._items:
                items.append(item)
                size += len(item.text) if isinstance(item, SignalDraft) else 1000
                if len(items) >= PIECE_ROWS or size >= PIECE_CHARS:
                    break
            return items

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            self._closed = True
            if self._stream is not None:
                self._stream.close()

    def _read(self) -> Iterator[Item]:
        try:
            yield from self._read_format()
        except BadRow as fault:
            yield Problem(self.found.rel, fault.reason, fault.hint)
        except OSError as error:
            yield Problem(self.found.rel, f"it cannot be read: {error.strerror or error}", "mend its permissions")
        if self._told > MAX_PROBLEMS:
            yield Problem(self.found.rel, f"{self._told - MAX_PROBLEMS} more rows could not be read")

    def _read_format(self) -> Iterator[Item]:
        kind, packed = format_of(self.found.rel)
        raw = self._stream = open_plain(self.found.path)
        stream = unpack(raw, max_bytes=self._config.max_file_mb << 20) if packed else raw
        if kind == DOCUMENT:
            yield from self._read_document(stream)
            return
        counts_bytes = kind == JSONL and not packed
        head = b"" if packed else raw.read(PROOF_BYTES)
        if not packed:
            raw.seek(0)
        if is_utf16(head) or self._config.encoding.lower().startswith(WIDE):
            stream, counts_bytes = self._recode(raw), False
        start = self._find_start(raw, head, counts_bytes=counts_bytes)
        reader = self._open_reader(kind, stream, start, counts_bytes=counts_bytes)
        yield from self._read_rows(reader, start, head if counts_bytes else b"")
        self.guess = reader.columns.describe_guess()

    def _find_start(self, raw: BinaryIO, head: bytes, *, counts_bytes: bool) -> Position:
        """Where to go on: after what was read, where this is still that file; else at the beginning."""
        found, kept = self.found, self._kept
        fresh = Position(0, 0, found.size, found.mtime_ns, found.inode)
        if kept is None:
            return fresh
        if not counts_bytes:
            return kept if kept.is_same_file(found) and kept.offset == 0 else fresh
        appended = kept.inode == found.inode and (found.size > kept.size or kept.is_same_file(found))
        if not appended or kept.offset > found.size:
            return fresh
        raw.seek(kept.offset - kept.tail)
        if make_proof(head[: kept.offset], raw.read(kept.tail)) != kept.proof:
            raw.seek(0)
            return fresh
        return replace(fresh, offset=kept.offset, rows=kept.rows, tail=kept.tail, proof=kept.proof)

    def _open_reader(self, kind: str, stream: BinaryIO, start: Position, *, counts_bytes: bool) -> RowReader:
        config = self._config
        named, max_bytes = config.columns.named(), config.max_row_kb << 10
        if kind == CSV:
            delimiter = config.delimiter or ("\t" if ".tsv" in self.found.rel.lower() else None)
            return CsvReader(
                stream,
                self._decoder,
                skip=start.rows,
                named=named,
                guess=config.guess_columns,
                max_bytes=max_bytes,
                delimiter=delimiter,
            )
        return JsonlReader(
            stream,
            self._decoder,
            offset=start.offset,
            number=start.rows if counts_bytes else 0,
            skip=0 if counts_bytes else start.rows,
            named=named,
            guess=config.guess_columns,
            max_bytes=max_bytes,
            take_unfinished=self._settled,
            size=self.found.size if counts_bytes else None,
        )

    def _read_rows(self, reader: RowReader, start: Position, head: bytes) -> Iterator[Item]:
        self.position = start
        for row in reader.rows():
            if not row.is_open:
                self.position = _after(row, start, head)
            # An open row is told of and stays where it is: when its rest comes it is read from its beginning.
            cursor = self._make_cursor(self.position)
            yield from self._convert(row, reader, cursor)

    def _convert(self, row: Row, reader: RowReader, cursor: str) -> Iterator[Item]:
        place = f"{self.found.rel}:{row.number}"
        if self._decoder.fell_back and not self._told_encoding:
            self._told_encoding = True
            yield Problem(place, "not UTF-8; read as Windows-1252", "where letters look wrong, name the encoding", cursor)
        try:
            if row.fault is not None or row.values is None:
                raise row.fault or BadRow("the row is empty")
            draft, remark = make_draft(row.values, reader.columns, source_type=self._config.source_type, cursor=cursor)
        except BadRow as fault:
            self._told += 1
            if self._told <= MAX_PROBLEMS:
                yield Problem(place, fault.reason, fault.hint, cursor)
            return
        if remark and not self._told_date:
            self._told_date = True
            yield Problem(place, remark, "the row was kept without it; write dates as 2026-03-31", cursor)
        yield draft

    def _read_document(self, stream: BinaryIO) -> Iterator[Item]:
        limit = self._config.max_row_kb << 10
        data = b""
        while len(data) <= limit and (piece := stream.readline(limit + 1)):
            data += piece
        if len(data) > limit:
            raise BadRow(f"the text is longer than {self._config.max_row_kb} KB", "raise max_row_kb, or cut the file")
        if b"\0" in data and not is_utf16(data):
            raise BadRow("it is no text", "leave such files out with patterns")
        try:
            text = decode_whole(data, self._decoder)
        except UnicodeDecodeError as error:
            raise BadRow(f"not {self._decoder.encoding}: {error.reason}", "set encoding to what it is written in") from error
        if not text.strip():
            raise BadRow("the file is empty")
        draft, remark = make_document(text, self.found.rel, source_type=self._config.source_type)
        if self._decoder.fell_back:
            yield Problem(self.found.rel, "not UTF-8; read as Windows-1252", "where letters look wrong, name the encoding")
        if remark:
            yield Problem(self.found.rel, remark, "the text was kept whole")
        if not draft.text.strip():
            raise BadRow("there is no text after the front matter")
        yield draft

    def _recode(self, raw: BinaryIO) -> BinaryIO:
        """UTF-16 as UTF-8, in memory: its line ends cannot be found byte by byte."""
        if self.found.size > MAX_UTF16_BYTES:
            raise BadRow(f"a UTF-16 file over {MAX_UTF16_BYTES >> 20} MB", "save it as UTF-8")
        self._decoder = Decoder("auto")
        encoding = "utf-16" if self._config.encoding == "auto" else self._config.encoding
        return io.BytesIO(raw.read().decode(encoding, errors="replace").encode())


def _after(row: Row, start: Position, head: bytes) -> Position:
    """The position behind a row."""
    if not head:
        return Position(0, row.number, start.size, start.mtime_ns, start.inode)
    tail = row.tail[-PROOF_BYTES:]
    proof = make_proof(head[: row.end], tail)
    return Position(row.end, row.number, start.size, start.mtime_ns, start.inode, len(tail), proof)
