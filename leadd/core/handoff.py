"""A bounded way from one feeder to many readers that can be closed, so that nobody waits on it when leadd stops."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Handoff(Generic[T]):
    """Items in order, at most `size` of them waiting. After `close`, `take` gives None and `put` takes nothing more."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._items: deque[T] = deque()
        self._closed = False
        self._takers: deque[asyncio.Future[None]] = deque()
        self._putters: deque[asyncio.Future[None]] = deque()

    def __len__(self) -> int:
        return len(self._items)

    async def put(self, item: T) -> bool:
        """Wait for room and hand over; False where the way is closed and the item stays with the caller."""
        while len(self._items) >= self._size and not self._closed:
            await _wait_in(self._putters)
        if self._closed:
            return False
        self._items.append(item)
        _wake_one(self._takers)
        return True

    async def take(self) -> T | None:
        """Wait for an item; None once the way is closed."""
        while not self._items and not self._closed:
            await _wait_in(self._takers)
        if self._closed:
            return None
        item = self._items.popleft()
        _wake_one(self._putters)
        return item

    def close(self) -> list[T]:
        """Let everybody go; the items that nobody took."""
        self._closed = True
        left = list(self._items)
        self._items.clear()
        for waiting in (self._takers, self._putters):
            while waiting:
                _wake_one(waiting)
        return left


async def _wait_in(line: deque[asyncio.Future[None]]) -> None:
    place: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    line.append(place)
    try:
        await place
    except asyncio.CancelledError:
        if place.done() and not place.cancelled():
            _wake_one(line)  # this waiter was woken and leaves: the next one must hear of it
        elif place in line:
            line.remove(place)
        raise


def _wake_one(line: deque[asyncio.Future[None]]) -> None:
    while line:
        place = line.popleft()
        if not place.done():
            place.set_result(None)
            return
