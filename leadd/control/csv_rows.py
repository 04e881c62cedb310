"""CSV as it comes: records cut from a stream of lines, each bad one alone.

The csv module reads whole texts or blocking iterators, and one quote that is never closed makes it swallow the rest of a
file. Here a record that does not end within 256 KiB is given back as its first line (bad) and the lines after it (read anew).
"""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

MAX_RECORD_BYTES = 262_144
MAX_RESTARTS = 50
"""How often a never-closed quote is stepped over; each costs reading up to one record size again."""

OPEN = "unexpected end of data"
"""What csv says in strict mode where a quoted cell is not closed yet."""

QUOTED = re.compile(r'"(?:[^"]|"")*"')


@dataclass(frozen=True, slots=True)
class Record:
    """One record: the number of its first line, and its cells, or why it is none."""

    number: int
    cells: tuple[str, ...] = ()
    problem: str = ""


def sniff(header: str) -> str:
    """The delimiter that stands most often in the first line outside quotes; a comma where none does."""
    bare = QUOTED.sub("", header)
    return max(",;\t|", key=lambda c: (bare.count(c), c == ","))


class Records:
    """Turns physical lines into records. `feed` and `finish` yield what is complete."""

    def __init__(self, delimiter: str, encoding: str = "utf-8") -> None:
        self._delimiter = delimiter
        self._encoding = encoding
        self._held: list[tuple[int, bytes]] = []
        self._size = 0
        self._quotes = 0
        self._restarts = 0

    def feed(self, number: int, line: bytes) -> Iterator[Record]:
        """Take one line without its newline."""
        waiting = deque([(number, line)])
        while waiting:
            yield from self._take(*waiting.popleft())
            if self._size > MAX_RECORD_BYTES:
                yield from self._give_up(waiting)

    def finish(self) -> Iterator[Record]:
        """The data is over: what is still open is bad, what stands after its first line may be good."""
        waiting: deque[tuple[int, bytes]] = deque()
        while self._held:
            yield from self._give_up(waiting)
            while waiting:
                yield from self._take(*waiting.popleft())

    def _give_up(self, waiting: deque[tuple[int, bytes]]) -> Iterator[Record]:
        first, *others = self._let_go()
        self._restarts += 1
        if self._restarts > MAX_RESTARTS:
            last = others[-1][0] if others else first[0]
            yield Record(first[0], problem=f"a quote is never closed; lines {first[0]} to {last} were left out")
            return
        yield Record(first[0], problem="a quote is never closed")
        waiting.extendleft(reversed(others))

    def _take(self, number: int, line: bytes) -> Iterator[Record]:
        if not self._held and not line.strip():
            return
        self._held.append((number, line))
        self._size += len(line) + 1
        if len(self._held) > 1:
            # An open cell is closed where the quotes since then are odd in number (a quote inside a cell is written twice).
            # Parsing anew at every line instead would cost the square of a record's length.
            self._quotes += line.count(b'"')
            if not self._quotes % 2:
                return
        record = self._parse()
        if record is not None:
            self._let_go()
            yield record

    def _let_go(self) -> list[tuple[int, bytes]]:
        held, self._held = self._held, []
        self._size = self._quotes = 0
        return held

    def _parse(self) -> Record | None:
        number = self._held[0][0]
        try:
            text = b"\n".join(line for _, line in self._held).decode(self._encoding)
            if '"' not in text and "\r" not in text:
                return Record(number, tuple(text.split(self._delimiter)))
            rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=self._delimiter, strict=True))
        except UnicodeDecodeError as error:
            return Record(number, problem=f"not {self._encoding}: {error.reason}")
        except csv.Error as error:
            return None if str(error) == OPEN else Record(number, problem=f"not CSV: {error}")
        return Record(number, tuple(rows[0]) if rows else ())
