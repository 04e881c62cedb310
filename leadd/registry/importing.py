"""Runs code of plugins so that it can neither hang nor end the daemon, and says in one line what went wrong in it."""

from __future__ import annotations

import sysconfig
import threading
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")
_LONGEST_REASON = 300
_LIBRARY = sysconfig.get_path("stdlib")


class PluginFailure(Exception):
    """Code of a plugin failed; the message is one line with file and line."""


class TooSlow(PluginFailure):
    """Code of a plugin did not end within its time. It may still run, in a thread that ends with the process."""


class Work(Generic[T]):
    """A piece of a plugin's code, running in a thread of its own from the moment this is made."""

    def __init__(self, work: Callable[[], T], what: str) -> None:
        self.what = what
        self._work = work
        self._value: T | None = None
        self._error: BaseException | None = None
        self._is_done = False
        self._started_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, name=f"plugin {what}", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._value = self._work()
        except BaseException as error:  # a plugin's SystemExit must not end the daemon
            self._error = error
        self._is_done = True

    def wait(self, limit_s: float) -> bool:
        """True once it has ended, False where `limit_s` seconds from its beginning are over first."""
        self._thread.join(max(0.0, self._started_s + limit_s - time.monotonic()))
        return self._is_done

    def result(self, limit_s: float) -> T:
        """What it returned. Raises PluginFailure for whatever it raised, and TooSlow where it did not end in time."""
        if not self.wait(limit_s):
            raise TooSlow(f"{self.what} did not end within {limit_s:g} s")
        if self._error is not None:
            raise PluginFailure(last_line(self._error)) from self._error
        return self._value  # type: ignore[return-value]  # `_value` is set where there is no error


def run_limited(work: Callable[[], T], *, limit_s: float, what: str) -> T:
    """What `work` returns. Raises PluginFailure for whatever it raises, SystemExit too, and TooSlow after `limit_s`."""
    return Work(work, what).result(limit_s)


def last_line(error: BaseException) -> str:
    """The last line of the traceback with the file and line it points at: 'KeyError: 'x' (feeds.py:12)'."""
    text = "".join(traceback.format_exception_only(error)).strip().splitlines()
    message = one_line(text[-1] if text else type(error).__name__)
    if isinstance(error, SyntaxError):
        place = f"{Path(error.filename).name}:{error.lineno}" if error.filename else ""
    else:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if not _is_machinery(frame.filename)]
        frames = [frame for frame in frames if not _is_library(frame.filename)] or frames
        place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{message} ({place})" if place else message


def one_line(text: str) -> str:
    """Text that is safe in a table or a log: one line, printable, not long."""
    clean = "".join(sign if sign.isprintable() else " " for sign in text)
    clean = " ".join(clean.split())
    return clean if len(clean) <= _LONGEST_REASON else f"{clean[: _LONGEST_REASON - 1]}…"


def _is_machinery(filename: str) -> bool:
    """Frames that say nothing about the plugin: the import system, and what called into it."""
    return filename.startswith("<frozen importlib") or Path(filename).name in ("importing.py", "discovery.py", "_callers.py")


def _is_library(filename: str) -> bool:
    """Frames of Python's own library: what the plugin asked of it says more than where it stumbled."""
    return filename.startswith(_LIBRARY) and "site-packages" not in filename
