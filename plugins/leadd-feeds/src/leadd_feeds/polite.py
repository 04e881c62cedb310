"""One request at a time to each host, with a pause after it, over all feeds of a daemon."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import ClassVar
from weakref import WeakKeyDictionary, WeakValueDictionary

from leadd.api import Clock


class HostGate:
    """The door to one host. Whoever holds it asks; the next waits until `delay_s` after the last answer."""

    # Feeds are separate instances with nothing in common but the event loop, so the doors hang on the loop: kept weakly, they
    # go with the last feed that asks the host, and a second loop (another daemon in a thread, the next test) has its own.
    _by_loop: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, WeakValueDictionary[str, HostGate]]] = WeakKeyDictionary()

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._free_at_s: float | None = None

    @classmethod
    def of(cls, host: str) -> HostGate:
        """The gate of a host for the running event loop. Hold it as long as requests may follow."""
        gates = cls._by_loop.setdefault(asyncio.get_running_loop(), WeakValueDictionary())
        gate = gates.get(host)
        if gate is None:
            gate = gates[host] = cls()
        return gate

    @asynccontextmanager
    async def turn(self, clock: Clock, delay_s: float) -> AsyncIterator[None]:
        """The time in which this caller alone may ask."""
        async with self._lock:
            if self._free_at_s is not None:
                wait_s = self._free_at_s - clock.monotonic_s()
                if wait_s > 0:
                    await clock.sleep(min(wait_s, delay_s))
            try:
                yield
            finally:
                self._free_at_s = clock.monotonic_s() + delay_s
