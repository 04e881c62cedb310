"""A fake Ollama in a thread of its own, for tests (and clients) that know nothing of asyncio."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

from leadd.testing.ollama.server import FakeOllama

T = TypeVar("T")


class ThreadedFake:
    """A running fake and its thread. `fake` may be used from any thread; its coroutines go through `run`."""

    def __init__(self, fake: FakeOllama, loop: asyncio.AbstractEventLoop) -> None:
        self.fake = fake
        self._loop = loop

    def run(self, work: Coroutine[Any, Any, T], timeout_s: float = 30.0) -> T:
        """Do something in the fake's own loop (go_down, come_back, advance) and wait for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_s)


@contextlib.contextmanager
def threaded_fake(**settings: Any) -> Iterator[ThreadedFake]:
    """Run a FakeOllama with these settings in a thread until the block ends."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="fake-ollama", daemon=True)
    thread.start()
    try:
        fake = asyncio.run_coroutine_threadsafe(_make(settings), loop).result(30)
        try:
            yield ThreadedFake(fake, loop)
        finally:
            asyncio.run_coroutine_threadsafe(fake.close(), loop).result(30)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


async def _make(settings: dict[str, Any]) -> FakeOllama:
    fake = FakeOllama(**settings)
    await fake.open()
    return fake
