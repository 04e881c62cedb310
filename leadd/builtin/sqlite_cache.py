"""The cache `sqlite`: answers kept over restarts in a file of its own, which may be deleted at any time.

All SQL runs on one thread. Whatever is wrong with the file (locked, full disk, garbage) makes misses, never an error: a cache
that can fail is worse than none.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import Field

from leadd.api import CacheBackend, CacheEntry, CacheStats, ComponentConfig, Context
from leadd.builtin.cache_file import CacheFile

FILE_NAME = "cache.db"
MAX_WAITING = 1000
"""Calls that may wait for the thread; on a disk that hangs, more would only pile up."""
CLAIM_TRIES = 10
"""How often a claim waits for a file that another process is writing to, a tenth of a second each time."""
VISIT_JOBS = 16
"""Jobs in one visit of the thread: the first of them waits for the last."""
T = TypeVar("T")


class _Ticket:
    """A job on its way through the thread, and what came of it."""

    __slots__ = ("answer", "error", "job", "loop", "result")

    def __init__(self, job: Callable[[], Any], loop: asyncio.AbstractEventLoop) -> None:
        self.job = job
        self.loop = loop
        self.answer: asyncio.Future[Any] = loop.create_future()
        self.result: Any = None
        self.error: Exception | None = None

    def run(self) -> None:
        try:
            self.result = self.job()
        except Exception as error:
            self.error = error


def _answer(done: list[_Ticket]) -> None:
    for ticket in done:
        if ticket.answer.done():
            continue  # its asker was cancelled
        if ticket.error is not None:
            ticket.answer.set_exception(ticket.error)
        else:
            ticket.answer.set_result(ticket.result)


class SqliteCacheConfig(ComponentConfig):
    """How much is kept, and for how long."""

    max_mb: Annotated[float, Field(gt=0)] = 256.0
    ttl_s: Annotated[float, Field(gt=0)] | None = 2_592_000.0
    """Seconds that an answer is kept; None keeps it until it must make room."""


class SqliteCache(CacheBackend):
    """Answers in `cache.db` in the component's own folder."""

    name: ClassVar[str] = "sqlite"
    Config: ClassVar[type[ComponentConfig]] = SqliteCacheConfig
    shared: ClassVar[bool] = True
    config: SqliteCacheConfig

    def __init__(self, config: SqliteCacheConfig, ctx: Context) -> None:
        super().__init__(config, ctx)
        self._file = CacheFile(ctx.data_folder / FILE_NAME, int(config.max_mb * 1024 * 1024), ctx.clock)
        self._thread: ThreadPoolExecutor | None = None
        self._waiting = 0
        self._tickets: deque[_Ticket] = deque()

    async def open(self) -> None:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="leadd-cache")
        await self._run(self._file.ensure_open, None)
        self._prune()

    async def close(self) -> None:
        thread, self._thread = self._thread, None
        if thread is not None:
            self._file.is_closing = True  # a prune under way ends with its step
            with suppress(RuntimeError):
                thread.submit(self._file.close)
            await asyncio.to_thread(thread.shutdown, wait=True)
            self._file.is_closing = False

    async def check(self) -> str | None:
        await self._run(self._file.ensure_open, None)
        reason = self._file.trouble
        return None if reason is None else f"{self._file.path} cannot be used ({reason}): answers are not kept over restarts"

    async def get(self, key: str) -> bytes | None:
        return await self._run(lambda: self._file.get(key), None)

    async def put(self, key: str, value: bytes, *, ttl_s: float | None = None) -> None:
        lives_s = self.config.ttl_s if ttl_s is None else ttl_s
        await self._run(lambda: self._file.put(key, value, lives_s), None)
        if self._file.wants_prune:
            self._prune()

    async def delete(self, key: str) -> bool:
        return await self._run(lambda: self._file.delete(key), False)

    async def clear(self) -> int:
        last = await self._run(self._file.clear_claims, 0)
        dropped, has_more = 0, True
        while has_more:  # in steps, like a prune: `get` and `put` have their turn in between
            count, has_more = await self._run(partial(self._file.clear_step, last), (0, False))
            dropped += count
        return dropped

    async def claim(self, key: str, owner: str, lease_s: float) -> bool:
        answers: bool | None = True
        for _ in range(CLAIM_TRIES):
            # A model's answer costs far more than a moment's wait for another process's lock.
            won = await self._run(lambda: self._file.claim(key, owner, lease_s), answers)
            if won is not None:
                return won
        return True  # a cache that cannot answer keeps nobody from computing

    async def release(self, key: str, owner: str) -> None:
        await self._run(lambda: self._file.release(key, owner), None)

    async def scan(self, prefix: str = "") -> AsyncIterator[CacheEntry]:
        after: int | None = 0
        nothing: tuple[int | None, list[CacheEntry]] = (None, [])
        while after is not None:
            after, entries = await self._run(partial(self._file.page, after), nothing)
            for entry in entries:
                if entry.key.startswith(prefix):
                    yield entry

    async def stats(self) -> CacheStats:
        entries, size = await self._run(self._file.count, (0, 0))
        file = self._file
        extra = {"errors": file.errors, "pruned": file.pruned, "replaced": file.replaced, "max_bytes": file.max_bytes}
        return CacheStats(entries, size, file.hits, file.misses, None, self.config.ttl_s, extra)

    async def _run(self, job: Callable[[], T], otherwise: T) -> T:
        """What `job` gives on the cache's thread, `otherwise` where the cache is closed or its file cannot be used."""
        if self._thread is None or self._waiting >= MAX_WAITING:
            return otherwise
        self._waiting += 1
        ticket = _Ticket(lambda: self._file.attempt(job, otherwise), asyncio.get_running_loop())
        self._tickets.append(ticket)
        try:
            # A visit of the thread does all that waits, as waking it costs more than most jobs do. There are as many visits as
            # tickets, so that none is left behind.
            self._thread.submit(self._visit)
            result: T = await ticket.answer
            return result
        finally:
            self._waiting -= 1

    def _visit(self) -> None:
        """On the thread: some of what waits, answered in one call into the event loop."""
        done: list[_Ticket] = []
        with suppress(IndexError):
            while len(done) < VISIT_JOBS:
                ticket = self._tickets.popleft()
                ticket.run()
                done.append(ticket)
        if done:
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                done[0].loop.call_soon_threadsafe(_answer, done)

    def _prune(self) -> None:
        """Drop rows step by step at the back of the thread's queue, so that no caller waits for more than one step."""
        thread = self._thread
        if thread is None or self._file.is_pruning:
            return
        self._file.is_pruning = True

        def step() -> None:
            has_more = not self._file.is_closing and self._file.attempt(self._file.prune_step, False)
            if has_more:
                with suppress(RuntimeError):  # shut down in the meantime
                    thread.submit(step)
                    return
            self._file.is_pruning = False

        thread.submit(step)
