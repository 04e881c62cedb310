"""One daemon per home: a lock file that is never unlinked, and that says who holds it."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from leadd.api import LeaddError
from leadd.config.paths import make_private_folder

if sys.platform == "win32":
    import msvcrt

    def _try_lock(fd: int) -> bool:
        try:
            os.lseek(fd, 1 << 30, os.SEEK_SET)  # a byte far behind the text, so that the text stays readable
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

else:
    import fcntl

    def _try_lock(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Owner:
    """The daemon that holds the lock; `started_at` is ISO 8601 in UTC, `socket` where it can be asked ('' if not known)."""

    pid: int
    version: str
    started_at: str
    socket: str = ""


class Locked(LeaddError):
    """Another daemon runs on this home. `owner` is None where it has not yet written who it is."""

    def __init__(self, owner: Owner | None) -> None:
        self.owner = owner
        who = f"pid {owner.pid}, version {owner.version}, started {owner.started_at}" if owner else "it is still starting"
        super().__init__(f"leadd runs already ({who})")


class DaemonLock:
    """Held from `acquire` to `release`, or to the end of the process, however that ends.

    The file stays: unlinking it would let a third process lock a new file of the same name while the old lock is held.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._fd: int | None = None

    def acquire(self, owner: Owner) -> None:
        """Take the lock and write down who has it. Raises Locked."""
        make_private_folder(self._path.parent)
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        if not _try_lock(fd):
            os.close(fd)
            raise Locked(read_owner(self._path))
        text = json.dumps(asdict(owner)).encode()
        os.lseek(fd, 0, os.SEEK_SET)
        os.write(fd, text)
        os.ftruncate(fd, len(text))
        self._fd = fd

    def release(self) -> None:
        """Give the lock back; the file and its text stay."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None


def read_owner(path: Path) -> Owner | None:
    """Who wrote the lock file last, or None where it cannot be read."""
    try:
        return Owner(**json.loads(path.read_text()))
    except (OSError, ValueError, TypeError):
        return None
