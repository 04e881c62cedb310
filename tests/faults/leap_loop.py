"""An event loop whose time leaps: it stands still while anything runs, and jumps to the next timer once nothing is left to do.

Real sockets, real deadlines, and a minute of them takes a second. What the machine is busy with beside the test costs no time.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

QUIET_S = 0.001
"""Loopback delivers at once; where nothing has come for so long (real seconds, twice), nothing will without time passing."""

T = TypeVar("T")


class LeapLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.now_s = 1000.0
        super().__init__(_LeapSelector(self))

    def time(self) -> float:
        return self.now_s


class _LeapSelector(selectors.DefaultSelector):
    def __init__(self, loop: LeapLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return super().select(timeout)
        for _ in range(2):
            events = super().select(QUIET_S)
            if events:
                return events
        self._loop.now_s += timeout
        return []


class LoopClock:
    """leadd's clock on the time of the running loop."""

    def now_ms(self) -> int:
        return 1_800_000_000_000 + round(self.monotonic_s() * 1000)

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run it to its end in leaping time."""
    with asyncio.Runner(loop_factory=LeapLoop) as runner:
        return runner.run(work)
