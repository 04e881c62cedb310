"""Tells when something in some folders was saved. On Linux the kernel says so, and an idle watch costs nothing; elsewhere, and
where it cannot, the files are looked at every few seconds."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

QUIET_S = 0.03
"""How long nothing more must happen before a save counts as done: editors write, rename and delete in one go."""
PATIENCE_S = 0.15
"""After which it counts as done all the same."""
LOOK_EVERY_S = 3.0
LOOK_ANYWAY_S = 30.0
"""How often files are looked at although the kernel watches: it knows nothing of what others save on a shared disk."""

_IN_CLOSE_WRITE, _IN_MOVED_FROM, _IN_MOVED_TO, _IN_CREATE, _IN_DELETE = 0x8, 0x40, 0x80, 0x100, 0x200
_IN_DELETE_SELF, _IN_MOVE_SELF, _IN_ONLYDIR, _IN_MASK_ADD = 0x400, 0x800, 0x1000000, 0x20000000
_SAVED = _IN_CLOSE_WRITE | _IN_MOVED_FROM | _IN_MOVED_TO | _IN_CREATE | _IN_DELETE | _IN_DELETE_SELF | _IN_MOVE_SELF
_FLAGS = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)

Snapshot = tuple[tuple[str, int, int, int], ...]


def snapshot(folders: Sequence[Path]) -> Snapshot:
    """Every file in the folders and one level below, with time, size and inode: two that are equal are the same files."""
    found = []
    for folder in folders:
        for entry in _entries(folder):
            if entry.is_dir():
                found += [mark for inner in _entries(Path(entry.path)) if (mark := _mark(inner)) is not None]
            elif (mark := _mark(entry)) is not None:
                found.append(mark)
    return tuple(sorted(found))


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        yield from entries


def _mark(entry: os.DirEntry[str]) -> tuple[str, int, int, int] | None:
    if entry.name.startswith((".", "#")) or entry.name.endswith("~"):
        return None  # what editors leave lying about
    with contextlib.suppress(OSError):
        stat = entry.stat()
        return entry.path, stat.st_mtime_ns, stat.st_size, stat.st_ino
    return None


class FolderWatch:
    """Waits for saves in folders and one level below them. A folder may come into being later.

    `by_kernel` says whether the kernel watches. Use it from one task; `close` gives everything back.
    """

    def __init__(self, folders: Sequence[Path], *, kernel: bool = True, look_every_s: float = LOOK_EVERY_S) -> None:
        self._folders = tuple(folders)
        self._look_every_s = look_every_s
        self._inotify = _Inotify.open() if kernel else None
        self._seen = snapshot(folders)
        self._arm()

    @property
    def by_kernel(self) -> bool:
        """Whether the kernel tells of saves, so that nothing has to be looked at while there are none."""
        return self._inotify is not None and self._inotify.watches > 0

    async def changed(self) -> None:
        """Return once files are others than at the last call (or at the start), and the saving has come to rest."""
        while True:
            await self._stirred()
            now = await asyncio.to_thread(self._look)
            if now != self._seen:
                self._seen = now
                return

    def _look(self) -> Snapshot:
        self._arm()
        return snapshot(self._folders)

    async def _stirred(self) -> None:
        """Something happened, and then nothing for a moment; or it is time to look."""
        if not self.by_kernel or self._inotify is None:
            await asyncio.sleep(self._look_every_s)
            return
        if not await self._inotify.wait_for(LOOK_ANYWAY_S):
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while await self._inotify.wait_for(QUIET_S):
                    pass

    def _arm(self) -> None:
        """Watch the folders and their sub-folders; of one that is not there the nearest that is, to see it come."""
        if self._inotify is None:
            return
        for folder in self._folders:
            if folder.is_dir():
                self._inotify.add(folder)
                for entry in _entries(folder):
                    if entry.is_dir():
                        self._inotify.add(Path(entry.path))
            else:
                parent = next((parent for parent in folder.parents if parent.is_dir()), folder)
                self._inotify.add(parent, _IN_CREATE | _IN_MOVED_TO)

    def close(self) -> None:
        """Stop watching."""
        if self._inotify is not None:
            self._inotify.close()
            self._inotify = None


class _Inotify:
    """The kernel's own notification of changes (Linux, inotify(7)), through the C library that is loaded anyway."""

    def __init__(self, library: Any, descriptor: int) -> None:
        self._library = library
        self._descriptor = descriptor
        self._paths: set[str] = set()
        self._stirred = asyncio.Event()
        self._reads = False

    @classmethod
    def open(cls) -> _Inotify | None:
        """None where this system has no such thing, or no more of it to give."""
        if not sys.platform.startswith("linux"):
            return None
        try:
            library = ctypes.CDLL(None, use_errno=True)
            descriptor = library.inotify_init1(_FLAGS)
        except (OSError, AttributeError):
            return None
        return cls(library, descriptor) if descriptor >= 0 else None

    @property
    def watches(self) -> int:
        """How many folders are watched."""
        return len(self._paths)

    def add(self, folder: Path, events: int = _SAVED) -> None:
        """Watch a folder; nothing happens where that is so already, or it cannot be watched."""
        # Adding a watch again is no second one, and it is needed where a folder was deleted and made anew.
        number = self._library.inotify_add_watch(self._descriptor, os.fsencode(folder), events | _IN_ONLYDIR | _IN_MASK_ADD)
        (self._paths.add if number >= 0 else self._paths.discard)(str(folder))

    async def wait(self) -> None:
        """Until something happens; what happened before the call counts."""
        if not self._reads:
            asyncio.get_running_loop().add_reader(self._descriptor, self._drain)
            self._reads = True
        await self._stirred.wait()
        self._stirred.clear()

    async def wait_for(self, seconds: float) -> bool:
        """Whether something happens within this time."""
        try:
            async with asyncio.timeout(seconds):
                await self.wait()
        except TimeoutError:
            return False
        return True

    def _drain(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while os.read(self._descriptor, 65_536):
                self._stirred.set()

    def close(self) -> None:
        if self._reads:
            asyncio.get_running_loop().remove_reader(self._descriptor)
        os.close(self._descriptor)
