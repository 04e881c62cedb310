"""A model server at work: what is known of it, its loads, and the looks after it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from leadd.api import Clock, Model
from leadd.inference.questions import InferenceSettings
from leadd.inference.servers.loading import Loads
from leadd.inference.servers.probing import Probes
from leadd.inference.servers.server import Server
from leadd.inference.servers.states import ModelState


class Endpoint(Server):
    """A server with those who load its models and look after it. Its tasks (loads, looks) end with `close`."""

    def __init__(
        self,
        name: str,
        model: Model,
        *,
        settings: InferenceSettings,
        clock: Clock,
        log: logging.Logger,
        changed: Callable[[], None],
        hurry: Callable[[], None],
    ) -> None:
        super().__init__(name, model, settings=settings, clock=clock, log=log, changed=changed, hurry=hurry)
        self._loads = Loads(self)
        self._probes = Probes(self, self._loads)
        self._look: asyncio.Task[None] | None = None

    async def warm(self, state: ModelState) -> None:
        """Return once the model is loaded. Raises ModelFailure, always an outage: no text is at fault for a load."""
        await self._loads.warm(state)

    def want(self, state: ModelState) -> None:
        """A question would have gone to this model; one that may be tried again is loaded, so that the next question can."""
        super().want(state)
        may_be_tried = not (self.breaker.is_open or state.breaker.is_open or state.missing)
        if may_be_tried and not (self.breaker.is_closed and state.breaker.is_closed) and not self.is_warm(state):
            self._loads.begin(state)

    async def probe(self) -> None:
        """Ask the server how it is and whether it holds its roles' models. Askers of the same moment share one probe."""
        await self._probes.probe()

    def next_due_s(self) -> float:
        """When there is next something to look at, on the monotonic clock."""
        return self._probes.next_due_s()

    @property
    def is_looked_at(self) -> bool:
        """Whether a look is under way."""
        return self._look is not None and not self._look.done()

    def look(self) -> asyncio.Task[None]:
        """Look at what is due, in the background: a look at one server never holds up another. One at a time."""
        if self._look is None or self._look.done():
            self._look = asyncio.create_task(self._turn(), name=f"look at {self.name}")
        return self._look

    def look_again(self) -> None:
        """Somebody may have changed something there: everything that is left alone is looked at now."""
        self.due_s = self.clock.monotonic_s()
        for breaker in (self.breaker, *(state.breaker for state in self.states.values())):
            breaker.hasten()

    async def close(self) -> None:
        """End loads and looks."""
        if self._look is not None:
            self._look.cancel()
            await asyncio.gather(self._look, return_exceptions=True)
        await self._loads.close()

    async def _turn(self) -> None:
        try:
            await self._probes.turn()
        except Exception:
            self.log.exception("a look at model server %s failed by a bug of leadd", self.name)
            self.look_soon()
