"""Leased rows that go back to their queue, now or as soon as the database can be written again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence

from leadd.store import StoreUnavailable


class Owed:
    """What a loop has leased and must return. A daemon's own leases never run out, so none of them may be forgotten."""

    def __init__(self, release: Callable[[Sequence[int]], Awaitable[None]]) -> None:
        self._release = release
        self._ids: set[int] = set()

    def add(self, ids: Iterable[int]) -> None:
        """Note rows to be returned by the next `pay`."""
        self._ids |= set(ids)

    async def pay(self) -> None:
        """Return what is owed; where the database cannot be written now it stays owed, for a later call."""
        if not self._ids:
            return
        ids = sorted(self._ids)
        try:
            await self._release(ids)
        except StoreUnavailable:
            return
        self._ids -= set(ids)
