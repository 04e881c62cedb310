"""Splitting a body of server-sent events by hand: the network cuts it anywhere, and servers differ in how they end lines."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from leadd.api import Failure, ModelFailure

MAX_EVENT_BYTES = 8 * 1024 * 1024
DONE = b"[DONE]"


class EventSplitter:
    """Takes bytes as the network cuts them and gives the data of whole events, in order.

    Comments (a server's pings) and fields other than data are left out. Old llama.cpp servers tell an error in a field
    named `error`, other servers as a bare JSON object: both count as data.
    """

    def __init__(self, max_bytes: int = MAX_EVENT_BYTES) -> None:
        self._max = max_bytes
        self._line = bytearray()
        self._data: list[bytes] = []
        self._held = 0

    def feed(self, data: bytes) -> list[bytes]:
        """The data of the events that `data` completes. Raises ModelFailure(BROKEN_STREAM) where one is too long."""
        *lines, rest = data.split(b"\n")
        found: list[bytes] = []
        for line in lines:
            whole = bytes(self._line) + line
            self._line.clear()
            found.extend(self._take(whole.removesuffix(b"\r")))
        self._line += rest
        if self._held + len(self._line) > self._max:
            raise ModelFailure(Failure.BROKEN_STREAM, f"one event of the answer is longer than {self._max} bytes")
        return found

    def rest(self) -> list[bytes]:
        """What stands after the last empty line when the body has ended."""
        line = bytes(self._line).removesuffix(b"\r")
        self._line.clear()
        return [*self._take(line), *(self._take(b"") if line else ())] if line or self._data else []

    def _take(self, line: bytes) -> Iterator[bytes]:
        if not line:
            if self._data:
                data = b"\n".join(self._data)
                self._data, self._held = [], 0
                yield data
            return
        if line.startswith(b"{"):
            self._hold(line)
            return
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._hold(value)
        elif name == b"error":
            self._hold(b'{"error":' + value + b"}" if value.startswith(b"{") else _as_error(value))

    def _hold(self, line: bytes) -> None:
        self._data.append(line)
        self._held += len(line) + 1


def _as_error(words: bytes) -> bytes:
    return json.dumps({"error": words.decode("utf-8", errors="replace")}).encode()


def parse_object(data: bytes, *, model: str = "") -> dict[str, Any]:
    """The JSON object in `data`. Raises ModelFailure: BROKEN_STREAM for half of one, WRONG_SERVER for other things."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        shown = data[:4000].decode("utf-8", errors="replace")
        if data.lstrip()[:1] == b"{":
            raise ModelFailure(
                Failure.BROKEN_STREAM, "the answer breaks off inside an object", raw=shown, model=model
            ) from None
        raise ModelFailure(Failure.WRONG_SERVER, "the answer is not JSON", raw=shown, model=model) from None
    if not isinstance(value, dict):
        raise ModelFailure(Failure.WRONG_SERVER, "the answer is no JSON object", raw=str(value)[:4000], model=model)
    return value
