"""Splitting a body of newline-delimited JSON by hand.

aiohttp's own line iteration raises on long lines, and where it draws that border differs between its versions.
"""

from __future__ import annotations

import json
from typing import Any

from leadd.api import Failure, ModelFailure

MAX_LINE_BYTES = 8 * 1024 * 1024
"""What Ollama's own client takes as one line."""


class LineSplitter:
    """Takes bytes as the network cuts them and gives whole lines; blank ones are left out."""

    def __init__(self, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self._max = max_line_bytes
        self._parts: list[bytes] = []
        self._held = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes. Raises ModelFailure(BROKEN_STREAM) where one grows beyond the limit."""
        head, newline, tail = data.partition(b"\n")
        if not newline:
            self._hold(data)
            return []
        self._hold(head)
        lines = [b"".join(self._parts)]
        *whole, rest = tail.split(b"\n")
        lines.extend(whole)
        self._parts, self._held = [], 0
        self._hold(rest)
        return [line for line in lines if line.strip()]

    def rest(self) -> bytes:
        """What stands after the last newline when the body has ended."""
        return b"".join(self._parts)

    def _hold(self, part: bytes) -> None:
        self._held += len(part)
        if self._held > self._max:
            raise ModelFailure(Failure.BROKEN_STREAM, f"one line of the answer is longer than {self._max} bytes")
        if part:
            self._parts.append(part)


def parse_object(line: bytes, *, model: str = "") -> dict[str, Any]:
    """The JSON object in `line`. Raises ModelFailure: BROKEN_STREAM for half of one, WRONG_SERVER for other things."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        shown = line[:4000].decode("utf-8", errors="replace")
        if line.lstrip()[:1] == b"{":
            raise ModelFailure(
                Failure.BROKEN_STREAM, "the answer breaks off inside an object", raw=shown, model=model
            ) from None
        raise ModelFailure(Failure.WRONG_SERVER, "the answer is not JSON", raw=shown, model=model) from None
    if not isinstance(value, dict):
        raise ModelFailure(Failure.WRONG_SERVER, "the answer is no JSON object", raw=str(value)[:4000], model=model)
    return value
