"""The health monitor: probes when they are due, and tells those who wait that something changed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from leadd.api import Clock, Failure, Method, ModelFailure, Role
from leadd.inference.questions import Availability
from leadd.inference.servers.seats import Seat, Seating

LONGEST_REST_S = 60.0
"""Timers stand still while a laptop sleeps, so a rest is never longer than this."""

SHORTEST_TURN_S = 0.05
TURN_S = 2.0
"""How long one turn waits for its looks."""
LATER_S = 1.0


class Watch:
    """Waits on behalf of others. Whoever waits also probes when probes are due, so recovery needs no one else."""

    def __init__(self, clock: Clock, idle_s: float) -> None:
        self.closed = False
        self._clock = clock
        self._idle_s = idle_s
        self._change = asyncio.Event()

    def announce(self) -> None:
        """What can be asked, or by whom, may have changed: wake all who wait."""
        before, self._change = self._change, asyncio.Event()
        before.set()

    async def turn(self, seating: Seating) -> float:
        """Probe the servers whose time has come; seconds until the next turn is due."""
        endpoints = seating.servers
        if not endpoints:
            return self._idle_s
        now_s = self._clock.monotonic_s()
        looks = [endpoint.look() for endpoint in endpoints if endpoint.is_looked_at or endpoint.next_due_s() <= now_s]
        if looks:
            # One that takes long (a server that hangs, a load) goes on by itself and says when it is over.
            await asyncio.wait(looks, timeout=TURN_S)
        dues = [LATER_S + now_s if endpoint.is_looked_at else endpoint.next_due_s() for endpoint in endpoints]
        return max(SHORTEST_TURN_S, min(dues) - self._clock.monotonic_s())

    async def look(self, seats: Sequence[Seat]) -> None:
        """Look at the servers of these seats whose time has come, and wait for what is seen there."""
        now_s = self._clock.monotonic_s()
        endpoints = {seat.endpoint for seat in seats}
        looks = [endpoint.look() for endpoint in endpoints if endpoint.is_looked_at or endpoint.next_due_s() <= now_s]
        if looks:
            await asyncio.wait(looks)

    async def wait_available(self, seating: Seating, role: Role, method: Method | None) -> Availability:
        """Return once the role can be asked (by `method`, where one is named). Raises ModelFailure at the end."""
        while True:
            change = self._change
            now = seating.availability(role)
            if now.ok and method in {None, now.method}:
                return now
            if self.closed:
                raise stopping()
            await self._turn_or(seating, change)

    async def changed(self, seating: Seating) -> None:
        """Return at the next change."""
        change = self._change
        while not change.is_set() and not self.closed:
            await self._turn_or(seating, change)

    async def _turn_or(self, seating: Seating, change: asyncio.Event) -> None:
        delay_s = min(await self.turn(seating), LONGEST_REST_S)
        if change.is_set():
            return
        rests = [asyncio.ensure_future(self._clock.sleep(delay_s)), asyncio.ensure_future(change.wait())]
        try:
            await asyncio.wait(rests, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for rest in rests:
                rest.cancel()
            await asyncio.gather(*rests, return_exceptions=True)


def stopping() -> ModelFailure:
    """What those get who still wait when leadd stops: an outage, so that their signals wait for the next start."""
    return ModelFailure(Failure.UNREACHABLE, "leadd is stopping")
