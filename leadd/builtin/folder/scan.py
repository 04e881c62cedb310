"""What lies in the watched folder. Blocking: run it in a thread."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from leadd.builtin.folder.settings import FolderConfig

UNFINISHED = (".part", ".tmp", ".crdownload", ".partial", ".download", ".swp")
"""Endings by which browsers, editors and copying tools mark a file that is not whole yet."""

MAX_DEPTH = 32


@dataclass(frozen=True, slots=True)
class Found:
    """One file as the folder shows it. `refusal` says why it is not read, where it is not."""

    rel: str
    path: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    refusal: str = ""
    hint: str = ""

    @property
    def stamp(self) -> int:
        """When it last changed or came here (a move keeps the time of change, but not that of the entry)."""
        return max(self.mtime_ns, self.ctime_ns)

    @property
    def key(self) -> str:
        """A short name of the path: 16 hex digits."""
        return _digest(self.rel)

    @property
    def identity(self) -> int:
        """A number that changes with every change of the file that its folder entry shows."""
        return int(_digest(f"{self.rel}\0{self.size}\0{self.mtime_ns}\0{self.ctime_ns}\0{self.refusal}"), 16)


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=8).hexdigest()


def scan_folder(config: FolderConfig) -> tuple[list[Found], list[str]]:
    """Files that match, in the order in which they changed, and the folders that were looked into.

    Raises OSError where the watched path itself cannot be read.
    """
    root = config.path
    if stat.S_ISDIR(os.stat(root).st_mode):
        folders = [str(root)]
        found = list(_walk(str(root), "", config, os.path.realpath(root), folders, 0))
    else:
        folders = [str(root.parent)]
        found = [_look(str(root), root.name, config, None)]
    return sorted(found, key=lambda f: (f.stamp, f.rel)), folders


def scan_changes(folders: list[str]) -> tuple[tuple[str, int], ...]:
    """The times of the folders themselves: they change when a file comes, goes or is renamed. Cheap: one call a folder."""
    times = []
    for folder in folders:
        try:
            times.append((folder, os.stat(folder).st_mtime_ns))
        except OSError:
            times.append((folder, 0))
    return tuple(times)


def _walk(folder: str, prefix: str, config: FolderConfig, real_root: str, folders: list[str], depth: int) -> Iterator[Found]:
    with os.scandir(folder) as entries:
        listed = list(entries)
    for entry in listed:
        rel = prefix + entry.name
        if entry.name.startswith(".") or entry.name.lower().endswith(UNFINISHED):
            continue
        if entry.is_dir(follow_symlinks=False):
            if config.recursive and depth < MAX_DEPTH:
                folders.append(entry.path)
                yield from _walk_inner(entry, rel, config, real_root, folders, depth)
        elif any(fnmatch.fnmatch(entry.name.lower(), pattern.lower()) for pattern in config.patterns):
            yield _look(entry.path, rel, config, real_root)


def _walk_inner(
    entry: os.DirEntry[str], rel: str, config: FolderConfig, real_root: str, folders: list[str], depth: int
) -> Iterator[Found]:
    try:
        yield from _walk(entry.path, f"{rel}/", config, real_root, folders, depth + 1)
    except OSError as error:
        yield _refuse(entry.path, f"{rel}/", f"the folder cannot be read: {error.strerror}", "mend its permissions")


def _look(path: str, rel: str, config: FolderConfig, real_root: str | None) -> Found:
    """One file. A link is followed only to a place inside the folder, so that a file dropped in cannot show others."""
    try:
        if real_root is not None and os.path.islink(path) and not Path(os.path.realpath(path)).is_relative_to(real_root):
            return _refuse(path, rel, "a link that leads out of the folder is not followed", "copy the file itself here")
        status = os.stat(path)
    except OSError as error:
        return _refuse(path, rel, f"it cannot be looked at: {error.strerror}", "")
    if not stat.S_ISREG(status.st_mode):
        return _refuse(path, rel, "it is not a plain file", "")
    refusal = ""
    if status.st_size > config.max_file_mb << 20:
        refusal = f"the file is larger than {config.max_file_mb} MB"
    hint = "raise max_file_mb if that is right" if refusal else ""
    return Found(rel, path, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, refusal=refusal, hint=hint)


def _refuse(path: str, rel: str, reason: str, hint: str) -> Found:
    try:
        status = os.lstat(path)
    except OSError:
        return Found(rel, path, 0, 0, 0, 0, refusal=reason, hint=hint)
    return Found(rel, path, 0, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, refusal=reason, hint=hint)
