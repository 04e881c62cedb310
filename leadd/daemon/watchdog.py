"""Seeing a blocked event loop from outside of it: a plugin that blocks stops everything, and must be named."""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import traceback

LOOK_S = 5.0
BLOCKED_S = 10.0


class Watchdog:
    """A thread that asks the loop for a sign every few seconds and logs where it hangs when none comes."""

    def __init__(self, log: logging.Logger, *, look_s: float = LOOK_S, blocked_s: float = BLOCKED_S) -> None:
        self._log = log
        self._look_s = look_s
        self._blocked_s = blocked_s
        self._over = threading.Event()
        self._sign = threading.Event()
        self._thread: threading.Thread | None = None

    def open(self) -> None:
        """Begin to watch the running loop."""
        loop, ident = asyncio.get_running_loop(), threading.get_ident()
        self._thread = threading.Thread(target=self._watch, args=(loop, ident), name="watchdog", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End watching."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(self._blocked_s)

    def _watch(self, loop: asyncio.AbstractEventLoop, ident: int) -> None:
        while not self._over.wait(self._look_s):
            self._sign.clear()
            try:
                loop.call_soon_threadsafe(self._sign.set)
            except RuntimeError:
                return  # the loop is closed
            if self._sign.wait(self._blocked_s):
                continue
            self._log.error("everything waits for %s", _place(ident))
            while not self._sign.wait(1.0):
                if self._over.is_set():
                    return
            self._log.warning("the loop goes on")


def _place(ident: int) -> str:
    """Where a thread is, from the outermost call that is not leadd's own or the standard library's machinery."""
    frame = sys._current_frames().get(ident)
    if frame is None:
        return "a thread that has ended"
    stack = traceback.extract_stack(frame)
    lines = [f"{entry.filename}:{entry.lineno} in {entry.name}" for entry in stack if "asyncio" not in entry.filename]
    return " < ".join(reversed(lines[-4:])) or "the event loop"
