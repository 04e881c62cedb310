"""When a file counts as whole: once it stood still for a while."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from leadd.api import Clock
from leadd.builtin.folder.scan import Found

ENDLESS_FACTOR = 10


@dataclass(frozen=True, slots=True)
class _Seen:
    identity: int
    since_s: float
    first_s: float


class Settling:
    """Watches files that are not read yet, by the injected clock.

    A file is settled where its time of change lies `settle_s` back, or where it was seen unchanged for that long (its time
    may lie in the future when two machines' clocks differ).
    """

    def __init__(self, settle_s: float, clock: Clock) -> None:
        self._settle_s = settle_s
        self._clock = clock
        self._seen: dict[str, _Seen] = {}
        self._waiting: set[str] = set()

    def observe(self, pending: Sequence[Found]) -> None:
        """Take note of how the files look now; files that are no longer pending are forgotten."""
        now_s = self._clock.monotonic_s()
        seen = {}
        for file in pending:
            old = self._seen.get(file.key)
            if old is None:
                seen[file.key] = _Seen(file.identity, now_s, now_s)
            elif old.identity != file.identity:
                seen[file.key] = _Seen(file.identity, now_s, old.first_s)
            else:
                seen[file.key] = old
        self._seen = seen
        self._waiting = {file.key for file in pending if not file.refusal and not self.is_settled(file)}

    def is_settled(self, file: Found) -> bool:
        """True where the file can be read to its end."""
        if self._settle_s <= 0:
            return True
        if self._clock.now_ms() - file.mtime_ns / 1e6 >= self._settle_s * 1000:
            return True
        seen = self._seen.get(file.key)
        return seen is not None and self._clock.monotonic_s() - seen.since_s >= self._settle_s

    def is_endless(self, file: Found) -> bool:
        """True where a file keeps growing: its ended rows should not wait for a pause that never comes."""
        seen = self._seen.get(file.key)
        return seen is not None and self._clock.monotonic_s() - seen.first_s >= self._settle_s * ENDLESS_FACTOR

    def next_check_s(self) -> float | None:
        """Seconds until a waiting file may have settled; None where none waits."""
        waits = [self._seen[key].since_s for key in self._waiting if key in self._seen]
        if not waits:
            return None
        return max(0.0, min(waits) + self._settle_s - self._clock.monotonic_s())
