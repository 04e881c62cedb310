"""One write for many callers: what is handed in while a write waits for its turn goes along with it.

A commit is shared by the writer's groups already. This shares the statements too: each of them gives the interpreter's lock
away and has to win it back, which costs more than the work of the statement (see `bulk`).
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from leadd.store.database import Database
from leadd.store.errors import StoreUnavailable

T = TypeVar("T")


class _Batch(Generic[T]):
    """Items until the writer takes them; from then on closed."""

    __slots__ = ("_lock", "_taken", "done", "items")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken = False
        self.items: list[T] = []
        self.done: asyncio.Future[None] | None = None

    def add(self, items: Sequence[T]) -> bool:
        """False where the writer has taken the batch already."""
        with self._lock:
            if self._taken:
                return False
            self.items.extend(items)
            return True

    def take(self) -> list[T]:
        with self._lock:
            self._taken = True
            return self.items


class Joint(Generic[T]):
    """Runs `work(connection, items)` over the items of all who came while the writer was busy, in the order they came."""

    def __init__(self, db: Database, work: Callable[[sqlite3.Connection, list[T]], object]) -> None:
        self._db = db
        self._work = work
        self._open: _Batch[T] | None = None

    async def write(self, items: Sequence[T]) -> None:
        """Return once these items are committed.

        Raises what `work` raises for these items, whatever the items of others do; StoreUnavailable as any write.
        """
        batch = self._open
        alone = batch is None or batch.done is None or batch.done.get_loop() is not asyncio.get_running_loop()
        if alone or batch is None or not batch.add(items):
            batch = self._start(items)
        assert batch.done is not None
        try:
            # Shielded: one caller that is cancelled must not take the write from the others.
            await asyncio.shield(batch.done)
        except StoreUnavailable as problem:
            raise StoreUnavailable(str(problem)) from problem  # one exception raised in many tasks would mix their tracebacks
        except Exception:
            if len(batch.items) == len(items):
                raise
            # Something in the batch was refused, and all of it undone: each tries its own part again.
            own = list(items)
            await self._db.write(lambda conn: self._work(conn, own))

    def _start(self, items: Sequence[T]) -> _Batch[T]:
        batch: _Batch[T] = _Batch()
        batch.add(items)

        def run(conn: sqlite3.Connection) -> None:
            self._work(conn, batch.take())

        batch.done = self._db.enqueue(run)
        batch.done.add_done_callback(_heard)
        self._open = batch
        return batch


def _heard(done: asyncio.Future[None]) -> None:
    """Nobody may be left to hear of a failure; without this asyncio would report it as lost."""
    if not done.cancelled():
        done.exception()
