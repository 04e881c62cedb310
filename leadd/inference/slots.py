"""Bounded calls in flight, served by priority, and a gate that empties a server before it loads a model."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Turn:
    """A place in the queue of a lane. `priority` may be raised while it waits; higher is served first, then first come."""

    __slots__ = ("holds", "number", "priority", "ready")

    def __init__(self, priority: int, number: int, ready: asyncio.Future[None] | None) -> None:
        self.priority = priority
        self.number = number
        self.ready = ready
        self.holds = ready is None


class Lane:
    """At most `slots` calls at a time to one model of one server.

    The server's own queue is first come first served and without bound, so the queue has to stand here.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self.busy = 0
        self._count = 0
        self._queue: list[tuple[int, int, Turn]] = []
        self._waiting: set[Turn] = set()

    @property
    def waiting(self) -> int:
        """Calls that wait for a slot."""
        return len(self._waiting)

    def enter(self, priority: int) -> Turn:
        """Take a place; await `wait` on it before the call and `leave` after it, whatever happened."""
        self._count += 1
        if self.busy < self.slots and not self._waiting:
            self.busy += 1
            return Turn(priority, self._count, None)
        turn = Turn(priority, self._count, asyncio.get_running_loop().create_future())
        self._waiting.add(turn)
        heapq.heappush(self._queue, (-priority, turn.number, turn))
        return turn

    async def wait(self, turn: Turn) -> None:
        """Return when the slot is the caller's."""
        if turn.ready is not None:
            await turn.ready

    def raise_priority(self, turn: Turn, priority: int) -> None:
        """Move a waiting turn forward; one that is served already is left alone."""
        if turn in self._waiting and priority > turn.priority:
            turn.priority = priority
            heapq.heappush(self._queue, (-priority, turn.number, turn))  # the older entry is passed over when it comes up

    def leave(self, turn: Turn) -> None:
        """Give the slot (or the place in the queue) back."""
        self._waiting.discard(turn)
        if not turn.holds:
            return
        turn.holds = False
        self.busy -= 1
        while self._queue and self.busy < self.slots:
            _, _, first = heapq.heappop(self._queue)
            if first not in self._waiting:
                continue
            self._waiting.discard(first)
            if first.ready is not None and not first.ready.done():  # one that was cancelled a moment ago gets no slot
                self.busy += 1
                first.holds = True
                first.ready.set_result(None)


class Gate:
    """Lets calls to one server pass, except while it is being emptied for the load of a model.

    A model that is loaded while others are asked can leave Ollama's scheduler waiting for ever (ollama/ollama#17408), with
    every health check green. So: nothing new is sent, what runs comes to its end, then the model is loaded.
    """

    def __init__(self) -> None:
        self.inside = 0
        self._open = asyncio.Event()
        self._open.set()
        self._empty = asyncio.Event()
        self._empty.set()
        self._one = asyncio.Lock()

    @asynccontextmanager
    async def passage(self) -> AsyncIterator[None]:
        """Hold while a call is with the server."""
        while not self._open.is_set():
            await self._open.wait()
        self.inside += 1
        self._empty.clear()
        try:
            yield
        finally:
            self.inside -= 1
            if not self.inside:
                self._empty.set()

    @asynccontextmanager
    async def alone(self) -> AsyncIterator[None]:
        """Hold while nothing else may be with the server; waits for what is."""
        async with self._one:
            self._open.clear()
            try:
                await self._empty.wait()
                yield
            finally:
                self._open.set()
