"""Files that only grow, a whole record at a time: what the sinks jsonl and csv share. Blocking: run it in a thread."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import re
import threading
from abc import ABC, abstractmethod
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, BinaryIO, ClassVar

from pydantic import Field, field_validator

from leadd.api import ComponentConfig, Context, Guarantee, Lead, LeaddError, NeedsAttention, Receipt, Retry, Sink

_PLACEHOLDER = re.compile(r"\{([a-z]*)\}")
PLACEHOLDERS = ("icp", "bucket", "year", "month", "day")
_FULL = (
    errno.ENOSPC,
    errno.EDQUOT,
    errno.EFBIG,
    errno.EIO,
    errno.EMFILE,
    errno.ENFILE,
    errno.EAGAIN,
    errno.EBUSY,
    errno.ETXTBSY,
)
_MERGE = 20_000
MAX_FILES = 16


class KeyIndex:
    """The keys that are in a file, as 64-bit hashes: 8 bytes a key, so a million deliveries need 8 MB."""

    def __init__(self) -> None:
        self._runs: list[array[int]] = []
        self._fresh: set[int] = set()

    def add(self, key: str) -> None:
        """Remember a key."""
        self._fresh.add(_hash(key))
        if len(self._fresh) >= _MERGE:
            self._runs.append(array("Q", sorted(h for h in self._fresh if not self._stands(h))))
            self._fresh.clear()

    def __contains__(self, key: str) -> bool:
        wanted = _hash(key)
        return wanted in self._fresh or self._stands(wanted)

    def __len__(self) -> int:
        return sum(map(len, self._runs)) + sum(not self._stands(h) for h in self._fresh)

    def _stands(self, wanted: int) -> bool:
        for run in self._runs:
            place = bisect_left(run, wanted)
            if place < len(run) and run[place] == wanted:
                return True
        return False


def _hash(key: str) -> int:
    return int.from_bytes(hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def check_template(template: str) -> str:
    """The template, with `~` filled in. Raises ValueError for an unknown placeholder, or where it names no file."""
    for name in _PLACEHOLDER.findall(template):
        if name not in PLACEHOLDERS:
            raise ValueError(f"'{{{name}}}' is not known here; there are {', '.join('{' + p + '}' for p in PLACEHOLDERS)}")
    if not Path(_PLACEHOLDER.sub("x", template)).name or template.endswith(("/", os.sep)):
        raise ValueError("name a file, not a folder")
    return os.path.expanduser(template)


def fill_template(template: str, folder: Path, lead: Lead) -> Path:
    """The file for a lead. Values come from the lead as it was first sent, so each try names the same file.

    A value never leads out of the folder that the template names: all but letters, digits, `-` and `_` become `_`.
    """
    created = datetime.fromtimestamp(lead.created_at_ms / 1000, UTC)
    values = {
        "icp": lead.icp,
        "bucket": lead.bucket,
        "year": f"{created:%Y}",
        "month": f"{created:%m}",
        "day": f"{created:%d}",
    }
    filled = _PLACEHOLDER.sub(lambda match: re.sub(r"[^\w-]", "_", values[match[1]], flags=re.ASCII)[:80] or "_", template)
    return folder / filled


class AppendedFile(ABC):
    """One file that gets records appended, each key once.

    The keys are read from the file itself, again whenever it was moved, cut or written by somebody else. A record counts as
    written after fsync; a record that a crash tore is taken off at the next opening.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.keys = KeyIndex()
        self._state: tuple[int, int, int] | None = None
        # A cancelled delivery leaves its thread writing; the lock keeps the next one from writing between its bytes.
        self._lock = threading.Lock()

    @abstractmethod
    def scan(self, stream: BinaryIO, size: int) -> Iterator[tuple[str, int]]:
        """Yield (key or '', end of the record) for each whole record."""

    @abstractmethod
    def is_torn_record(self, rest: bytes) -> bool:
        """True where bytes without an end, at the end of the file, are half a record of ours."""

    @abstractmethod
    def encode(self, lead: Lead, key: str) -> bytes:
        """A record with its end. Asked after `prepare`."""

    def prepare(self, size: int) -> bytes:
        """What goes before the first record of a file of this size. Raises NeedsAttention for a file of another kind."""
        return b""

    def append(self, lead: Lead, key: str) -> bool:
        """Write a record unless its key is there; False where it was. Raises Retry or NeedsAttention."""
        with self._lock:
            try:
                return self._append(lead, key)
            except OSError as error:
                self._state = None  # after a failed write or sync only the file itself knows what it holds
                raise explain(error, self.path) from error

    def probe(self) -> None:
        """Open the file (making it) and read its keys, without writing a record. Raises as `append`."""
        with self._lock:
            try:
                with self._open() as stream:
                    self._learn(stream)
            except OSError as error:
                raise explain(error, self.path) from error

    def _append(self, lead: Lead, key: str) -> bool:
        with self._open() as stream:
            if self._state != _state_of(stream):
                self._learn(stream)
            if key in self.keys:
                return False
            size = os.fstat(stream.fileno()).st_size
            record = self.prepare(size) + self.encode(lead, key)
            try:
                _write_all(stream.fileno(), record)
                os.fsync(stream.fileno())
            except OSError:
                os.ftruncate(stream.fileno(), size)  # half a record must not stand before a whole one
                raise
            self.keys.add(key)
            self._state = _state_of(stream)
            return True

    def _open(self) -> BinaryIO:
        _make_private_folder(self.path.parent)
        flags = os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0)
        try:
            return os.fdopen(os.open(self.path, flags), "r+b", buffering=0)
        except FileNotFoundError:
            descriptor = os.open(self.path, flags | os.O_CREAT, 0o600)
            _sync_folder(self.path.parent)
            return os.fdopen(descriptor, "r+b", buffering=0)

    def _learn(self, stream: BinaryIO) -> None:
        """Read the keys, and take a torn record off the end."""
        self.keys = KeyIndex()
        size = os.fstat(stream.fileno()).st_size
        stream.seek(0)
        whole = 0
        with os.fdopen(os.dup(stream.fileno()), "rb", buffering=1 << 16) as reading:
            for key, end in self.scan(reading, size):
                whole = end
                if key:
                    self.keys.add(key)
            reading.seek(whole)
            rest = reading.read(1 << 20) if whole < size else b""
        if rest:
            if self.is_torn_record(rest):
                os.ftruncate(stream.fileno(), whole)
            else:
                _write_all(stream.fileno(), b"\n")
                self._learn(stream)  # the record that lacked only its line end may be one of ours, with a key
                return
            os.fsync(stream.fileno())
        self._state = _state_of(stream)


class FileConfig(ComponentConfig):
    """`path`: the file; a relative one lies in the sink's data folder. `{icp}`, `{bucket}`, `{year}`, `{month}` and `{day}`
    are filled from the lead and the day it was found, so that each ICP or month can have a file of its own."""

    path: Annotated[str, Field(min_length=1, max_length=1000)] = "leads"

    @field_validator("path")
    @classmethod
    def _template(cls, value: str) -> str:
        return check_template(value)


class FileSink(Sink):
    """Appends leads to a file, or to several by a template."""

    Config: ClassVar[type[ComponentConfig]] = FileConfig
    guarantee: ClassVar[Guarantee] = Guarantee.IDEMPOTENT

    def __init__(self, config: FileConfig, ctx: Context) -> None:
        super().__init__(config, ctx)
        self._template = config.path
        self._files: dict[Path, AppendedFile] = {}

    @abstractmethod
    def make_file(self, path: Path) -> AppendedFile:
        """The file of this sink's format at a path."""

    async def check(self) -> str | None:
        """Why the file could not be written, or None. With placeholders there is no one file to try."""
        if _PLACEHOLDER.search(self._template):
            return None
        try:
            await asyncio.to_thread(self._file(self.ctx.data_folder / self._template).probe)
        except LeaddError as error:
            return str(error)
        return None

    async def deliver(self, lead: Lead, key: str) -> Receipt:
        """Returns once the record is on disk, or was there already."""
        file = self._file(fill_template(self._template, self.ctx.data_folder, lead))
        wrote = await asyncio.to_thread(file.append, lead, key)
        return Receipt(reference=str(file.path), detail="" if wrote else "was there already")

    def _file(self, path: Path) -> AppendedFile:
        if path not in self._files:
            while len(self._files) >= MAX_FILES:  # the keys of files that are done with must not stay in memory
                del self._files[next(iter(self._files))]
            self._files[path] = self.make_file(path)
        return self._files[path]


def explain(error: OSError, path: Path) -> LeaddError:
    """A full or failing disk passes by itself; a missing right does not."""
    reason = f"{path} cannot be written: {error.strerror or error}"
    if error.errno in _FULL:
        return Retry(reason)
    return NeedsAttention(reason, hint="mend its permissions, or name another path")


def _state_of(stream: BinaryIO) -> tuple[int, int, int]:
    status = os.fstat(stream.fileno())
    return status.st_dev, status.st_ino, status.st_size


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _make_private_folder(folder: Path) -> None:
    if not folder.exists():
        _make_private_folder(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)


def _sync_folder(folder: Path) -> None:
    """A new file's name is lost with the power unless its folder was synced too."""
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
