"""Logs: one event a line, JSON to a file that is turned over, plain text to the terminal."""

from __future__ import annotations

import json
import logging
import logging.handlers
import os
import re
import sys
import time
from pathlib import Path

from leadd.config.paths import make_private_folder

_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def harmless(text: str) -> str:
    """The text without control characters and direction marks: what a signal's author wrote must not drive a terminal."""
    return _UNSAFE.sub("�", text)


class JsonLines(logging.Formatter):
    """A record as one JSON object: at (UTC), level, name, message, and the traceback where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "at": f"{stamp}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "name": record.name,
            "message": harmless(record.getMessage()),
        }
        if record.exc_info:
            line["traceback"] = harmless(self.formatException(record.exc_info))
        return json.dumps(line, ensure_ascii=False)


class Plain(logging.Formatter):
    """A record for a person at a terminal: time, level, message."""

    def format(self, record: logging.LogRecord) -> str:
        text = f"{time.strftime('%H:%M:%S', time.localtime(record.created))} {record.levelname.lower():7} {record.getMessage()}"
        if record.exc_info:
            text += "\n" + self.formatException(record.exc_info)
        return "\n".join(harmless(line) for line in text.split("\n"))


class PrivateRotatingFile(logging.handlers.RotatingFileHandler):
    """A log file of mode 0600 from the moment it exists, turned over at a size."""

    def _open(self):  # type: ignore[no-untyped-def]  # the type is that of the standard library's method
        fd = os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        return os.fdopen(fd, "a", encoding="utf-8", errors="backslashreplace")

    def handleError(self, record: logging.LogRecord) -> None:
        """A full disk must not turn every log line into a traceback on a closed terminal."""


def open_logs(folder: Path, *, level: str, file_mb: float, files: int, foreground: bool) -> logging.Logger:
    """The logger `leadd`, writing to `folder`/leadd.log and, in the foreground, to the terminal."""
    make_private_folder(folder)
    log = logging.getLogger("leadd")
    close_logs()
    log.setLevel(level.upper())
    log.propagate = False
    handler: logging.Handler = PrivateRotatingFile(
        folder / "leadd.log", maxBytes=int(file_mb * 1024 * 1024), backupCount=max(0, files - 1)
    )
    handler.setFormatter(JsonLines())
    log.addHandler(handler)
    if foreground:
        terminal = logging.StreamHandler(sys.stderr)
        terminal.setFormatter(Plain())
        log.addHandler(terminal)
    return log


def close_logs() -> None:
    """Close what `open_logs` opened."""
    log = logging.getLogger("leadd")
    for handler in list(log.handlers):
        log.removeHandler(handler)
        handler.close()
