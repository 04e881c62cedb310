"""How far the files of a folder were read, in a cursor of bounded size.

Three things are kept. For each file that was read last, up to `MAX_ENTRIES`: the position within it. For all files that were
read to their end: a watermark (the newest change among them) and, in `BUCKETS` groups by path, the sum of their identities.
A sum that still fits says that no file of its group was added, changed or removed; one that does not means that the group
is read again, which costs time but no signal (repeats fall to their ids). So ten thousand files need no more room than ten,
and no file is missed because it carries an old date.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from leadd.builtin.folder.scan import Found

BUCKETS = 64
MAX_ENTRIES = 32
_MASK = (1 << 64) - 1
PROOF_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Position:
    """Where reading stands in one file: byte offset (0 where only rows count), rows, and what the file was then.

    `proof` is a hash over the head of the file and the end of the last row, `tail` bytes long; it tells an appended file from
    one that was written anew.
    """

    offset: int
    rows: int
    size: int
    mtime_ns: int
    inode: int
    tail: int = 0
    proof: str = ""

    def is_same_file(self, found: Found) -> bool:
        """True where the folder shows the very file that was read."""
        return (self.size, self.mtime_ns, self.inode) == (found.size, found.mtime_ns, found.inode)


def make_proof(head: bytes, tail: bytes) -> str:
    """The hash for `Position.proof`."""
    return hashlib.blake2b(head + b"\0" + tail, digest_size=8).hexdigest()


class Progress:
    """The state behind one cursor. `known` maps paths to identities of files that were read to their end."""

    def __init__(self, fingerprint: str) -> None:
        self._fingerprint = fingerprint
        self._watermark = 0
        self._sums = [0] * BUCKETS
        self._positions: dict[str, Position] = {}
        self._known: dict[str, int] = {}
        self._prefix: str | None = None

    @classmethod
    def parse(cls, cursor: str | None, fingerprint: str) -> Progress:
        """What a cursor says; from the start where there is none, it is unreadable, or the settings read otherwise now."""
        progress = cls(fingerprint)
        if cursor is None:
            return progress
        try:
            data = json.loads(cursor)
            if data["v"] != 1 or data["c"] != fingerprint:
                return progress
            raw = base64.b64decode(data["d"], validate=True)
            sums = [int.from_bytes(raw[i : i + 8], "big") for i in range(0, len(raw), 8)]
            positions = {key: Position(*values) for key, values in data["f"].items()}
            if "n" in data:  # the file that was being read; it counts as the last one
                key, *values = data["n"]
                positions.pop(key, None)
                positions[key] = Position(*values)
            if len(sums) != BUCKETS:
                return progress
            progress._watermark, progress._sums, progress._positions = int(data["w"]), sums, positions
        except (ValueError, KeyError, TypeError, AttributeError):
            return cls(fingerprint)
        return progress

    def recall(self, found: Sequence[Found]) -> None:
        """After `parse`: settle which of the files that lie there were read to their end."""
        groups: list[list[Found]] = [[] for _ in range(BUCKETS)]
        for file in found:
            if file.stamp <= self._watermark:
                groups[_bucket(file.key)].append(file)
        for number, group in enumerate(groups):
            if sum(file.identity for file in group) & _MASK == self._sums[number]:
                self._known.update((file.key, file.identity) for file in group)
            else:
                self._sums[number] = 0
        self._prefix = None

    def compare(self, found: Sequence[Found]) -> list[Found]:
        """The files that are new or changed, in their order; forgets those that are gone."""
        here = {file.key: file.identity for file in found}
        for key, identity in list(self._known.items()):
            if here.get(key) != identity:
                self._forget(key)
        for key in [k for k in self._positions if k not in here]:
            del self._positions[key]
            self._prefix = None
        return [file for file in found if file.key not in self._known]

    def position(self, found: Found) -> Position | None:
        """The position kept for a file, or None."""
        return self._positions.get(found.key)

    def finish(self, found: Found, position: Position | None) -> None:
        """The file was read to its end; its position is kept where it may grow."""
        if found.key not in self._known:
            self._known[found.key] = found.identity
            bucket = _bucket(found.key)
            self._sums[bucket] = (self._sums[bucket] + found.identity) & _MASK
        self._watermark = max(self._watermark, found.stamp)
        self._positions.pop(found.key, None)
        if position is not None:
            self._positions[found.key] = position
            while len(self._positions) > MAX_ENTRIES:
                del self._positions[next(iter(self._positions))]
        self._prefix = None

    def leave(self, found: Found, position: Position) -> None:
        """The file was read in part; the position is kept, and the next poll looks again."""
        self._positions.pop(found.key, None)
        self._positions[found.key] = position
        self._prefix = None

    def dump(self, found: Found | None = None, position: Position | None = None) -> str:
        """The cursor, with the position inside the file that is being read, where there is one."""
        if self._prefix is None:
            self._prefix = self._dump_rest()
        if found is None or position is None:
            return self._prefix + "}"
        return f'{self._prefix},"n":{json.dumps([found.key, *_values(position)], separators=(",", ":"))}}}'

    def _dump_rest(self) -> str:
        sums = b"".join(value.to_bytes(8, "big") for value in self._sums)
        data: dict[str, Any] = {
            "v": 1,
            "c": self._fingerprint,
            "w": self._watermark,
            "d": base64.b64encode(sums).decode(),
            "f": {key: _values(position) for key, position in self._positions.items()},
        }
        return json.dumps(data, separators=(",", ":"))[:-1]

    def _forget(self, key: str) -> None:
        bucket = _bucket(key)
        self._sums[bucket] = (self._sums[bucket] - self._known.pop(key)) & _MASK
        self._prefix = None


def _values(position: Position) -> list[Any]:
    return [
        position.offset,
        position.rows,
        position.size,
        position.mtime_ns,
        position.inode,
        position.tail,
        position.proof,
    ]


def _bucket(key: str) -> int:
    return int(key[:4], 16) % BUCKETS
