"""The folder source: what is dropped in a folder becomes signals, and nothing is read twice."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import ClassVar

from leadd.api import Checkpoint, ComponentConfig, Context, NeedsAttention, Problem, Retry, Source, SourceItem
from leadd.builtin.folder.progress import Progress
from leadd.builtin.folder.reading import CSV, DOCUMENT, JSONL, FileReading, format_of
from leadd.builtin.folder.scan import Found, scan_changes, scan_folder
from leadd.builtin.folder.settings import FolderConfig
from leadd.builtin.folder.settling import Settling

WAKE_S = 3.0
MAX_WATCHED_FOLDERS = 200


class FolderSource(Source):
    """Signals from the files of a folder, or from one file.

    JSONL is read row by row and followed as it grows; CSV row by row; text and Markdown as one signal a file. A file that is
    still being written is left alone, a bad row or file becomes a Problem with its place, and the cursor holds the position
    within the file that is being read, so that a restart goes on behind the last stored row.
    """

    name: ClassVar[str] = "folder"
    Config: ClassVar[type[ComponentConfig]] = FolderConfig
    interval_s: ClassVar[float] = 30.0

    def __init__(self, config: FolderConfig, ctx: Context) -> None:
        super().__init__(config, ctx)
        self._config = config
        self._settling = Settling(config.settle_s, ctx.clock)
        self._progress: Progress | None = None
        self._trusted: str | None = None
        self._folders: list[str] = []
        self._times: tuple[tuple[str, int], ...] = ()
        self._guesses: set[str] = set()

    async def open(self) -> None:
        """Raises NeedsAttention where the path does not exist: most often it was mistyped."""
        if not await asyncio.to_thread(self._config.path.exists):
            raise NeedsAttention(f"there is no folder or file {self._config.path}", hint="make it, or mend its path")

    async def check(self) -> str | None:
        """A missing path, a column that the newest file lacks (with the nearest), or what was guessed and may be wrong."""
        return await asyncio.to_thread(self._find_fault)

    async def poll(self, cursor: str | None) -> AsyncIterator[SourceItem]:
        """Drafts and problems of all files that are new, changed or were read in part, oldest file first.

        Raises Retry while the folder cannot be read (a drive that is not there yet).
        """
        try:
            found, self._folders = await asyncio.to_thread(scan_folder, self._config)
            self._times = await asyncio.to_thread(scan_changes, self._folders[:MAX_WATCHED_FOLDERS])
        except OSError as error:
            raise Retry(f"{self._config.path} cannot be read: {error.strerror or error}") from error
        progress, pending = await asyncio.to_thread(self._compare, cursor, found)
        self._settling.observe(pending)
        self._trusted, last = None, cursor
        for file in pending:
            settled = bool(file.refusal) or self._settling.is_settled(file)
            if settled or (self._settling.is_endless(file) and format_of(file.rel) == (JSONL, False)):
                async for item in self._read(file, progress, settled=settled):
                    last = item.cursor or last
                    yield item
        final = progress.dump()
        if final != last:
            yield Checkpoint(final)
        self._trusted = final

    async def wake(self) -> None:
        """Returns when a file came or went, or one that was still being written may be whole now."""
        while True:
            wait_s = self._settling.next_check_s()
            if wait_s is not None:
                await self.ctx.clock.sleep(min(max(wait_s, 0.2), 60.0))
                return
            await self.ctx.clock.sleep(WAKE_S)
            watched = self._folders[:MAX_WATCHED_FOLDERS]
            if watched and await asyncio.to_thread(scan_changes, watched) != self._times:
                return

    def _compare(self, cursor: str | None, found: Sequence[Found]) -> tuple[Progress, list[Found]]:
        # What this instance remembers holds only where the last poll came to its end and all of it was stored: then the
        # cursor is the last one it gave. After an aborted poll, a failed commit or a restart the cursor alone decides.
        if self._progress is None or cursor is None or cursor != self._trusted:
            self._progress = Progress.parse(cursor, self._config.fingerprint())
            self._progress.recall(found)
        return self._progress, self._progress.compare(found)

    async def _read(self, file: Found, progress: Progress, *, settled: bool) -> AsyncIterator[SourceItem]:
        if file.refusal:
            progress.finish(file, None)
            yield Problem(file.rel, file.refusal, file.hint, progress.dump())
            return
        reading = FileReading(
            file,
            self._config,
            progress.position(file),
            settled=settled,
            make_cursor=lambda position: progress.dump(file, position),
        )
        try:
            if format_of(file.rel)[0] == DOCUMENT:
                items = await asyncio.to_thread(reading.take)
                progress.finish(file, None)
                for item in items:
                    yield replace(item, cursor=progress.dump())
                return
            while items := await asyncio.to_thread(reading.take):
                for item in items:
                    yield item
        finally:
            await asyncio.to_thread(reading.close)
        self._log_guess(reading)
        if settled:
            progress.finish(file, reading.position)
        elif reading.position is not None:
            progress.leave(file, reading.position)

    def _log_guess(self, reading: FileReading) -> None:
        if reading.guess and reading.guess not in self._guesses and len(self._guesses) < 50:
            self._guesses.add(reading.guess)
            self.ctx.log.info("%s: columns were guessed: %s", reading.found.rel, reading.guess)

    def _find_fault(self) -> str | None:
        try:
            found, _ = scan_folder(self._config)
        except OSError as error:
            return f"{self._config.path} cannot be read: {error.strerror or error}"
        tables = [f for f in found if format_of(f.rel)[0] in (JSONL, CSV) and not f.refusal]
        if not tables:
            return None
        reading = FileReading(tables[-1], self._config, None, settled=True, make_cursor=lambda position: "")
        try:
            first = next((item for item in reading.take() if isinstance(item, Problem)), None)
        finally:
            reading.close()
        if first is not None:
            return f"{first.place}: {first.reason}" + (f" ({first.hint})" if first.hint else "")
        if reading.guess:
            return f"{tables[-1].rel}: columns were guessed: {reading.guess}; name them under columns to be sure"
        return None
