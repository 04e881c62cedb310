"""Loading models: one at a time, in a server that was emptied first, with its own deadline; and what to do when it hangs."""

from __future__ import annotations

import asyncio

from leadd.api import Failure, Health, ModelFailure
from leadd.inference.flights import copy_of
from leadd.inference.retries import SERVER_WIDE
from leadd.inference.servers.server import Server
from leadd.inference.servers.states import ModelState, full_name

LOOK_S = 3.0
"""How long a look at what is loaded may take; /api/ps waits for locks that an unload holds."""
UNLOADING_S = 10.0
"""How long unloads may take to show before the load is tried again."""
WEDGED_FIRST_S = 20.0
"""The first budget of a load on a server that is taken for wedged, doubled each time up to the usual one."""

RESTART = "it answers, but loads nothing any more (known fault of Ollama's scheduler, ollama/ollama#17408): restart Ollama"


class Loads:
    """The loads of one server's models.

    A model that is loaded while others are asked can leave Ollama's scheduler waiting for ever, with every health check green.
    So nothing new is sent, what runs comes to its end, and then the model is loaded. No caller that goes away ends a load: a
    server throws a load away whose client has gone, and the next one starts from the beginning.
    """

    def __init__(self, server: Server) -> None:
        self._server = server
        self._budget_s = 0.0
        self._running = 0

    async def warm(self, state: ModelState) -> None:
        """Return once the model is loaded. Raises ModelFailure, always an outage: no text is at fault for a load."""
        if self._server.is_warm(state):
            return
        try:
            await asyncio.shield(self.begin(state))
        except ModelFailure as failure:
            raise copy_of(failure) from None

    def begin(self, state: ModelState) -> asyncio.Task[None]:
        """Load a model in the background; where it is being loaded already, that load."""
        if state.loading is None:
            state.loading = asyncio.create_task(self._load(state), name=f"load {state.name}")
            state.loading.add_done_callback(lambda task: _forget(state, task))
        return state.loading

    async def close(self) -> None:
        """End loads that run."""
        loads = [state.loading for state in self._server.states.values() if state.loading is not None]
        for load in loads:
            load.cancel()
        await asyncio.gather(*loads, return_exceptions=True)

    async def _load(self, state: ModelState) -> None:
        server = self._server
        if server.wedged is None:
            failure = await self._alone(state)
        else:
            # It hangs in any case: nobody else has to stand still for finding out whether it still does.
            failure = await self._bring_in(state)
        if failure is not None:
            server.preload_failures += 1
            raise server.note_failure(state, failure)
        if not state.breaker.sticky:
            state.breaker.hasten()
        server.changed()
        server.hurry()

    async def _alone(self, state: ModelState) -> ModelFailure | None:
        server = self._server
        self._running += 1
        if server.loading_since_s is None:
            server.loading_since_s = server.clock.monotonic_s()
            server.nothing_loads.clear()
        try:
            async with server.gate.alone():
                return await self._bring_in(state)
        finally:
            self._running -= 1
            if not self._running:
                server.loading_since_s = None
                server.nothing_loads.set()

    async def _bring_in(self, state: ModelState) -> ModelFailure | None:
        """None once the model is there; else why it is not."""
        server = self._server
        in_use = [other for other in server.states.values() if other is not state and server.is_in_use(other)]
        while True:
            window = state.num_ctx
            failure = await self._preload(state, self._budget())
            if failure is not None and failure.kind is Failure.LOAD_STALLED and not failure.raw:
                failure = await self._unstall(state, failure)
            if failure is None:
                break
            if failure.kind is not Failure.OUT_OF_MEMORY or not server.shrink(state, window):
                return failure
        server.note_warm(state)
        state.lane.cooled()
        state.reuse.emptied()
        if server.wedged is not None:
            server.log.info("model server %s loads models again", server.name)
            server.wedged, self._budget_s = None, 0.0
            for other in server.states.values():
                other.breaker.hasten()
        await self._look_who_stayed(state, in_use)
        return None

    async def _preload(self, state: ModelState, budget_s: float) -> ModelFailure | None:
        server = self._server
        server.preloads += 1
        try:
            async with asyncio.timeout(budget_s):
                await server.model.preload(state.name, num_ctx=state.num_ctx)
        except TimeoutError:
            return ModelFailure(Failure.LOAD_STALLED, f"not loaded after {budget_s:g} s", model=state.name)
        except ModelFailure as error:
            return as_outage(error, state.name)
        except (Exception, SystemExit) as error:
            server.log.exception("model server %s: loading %s failed", server.name, state.name)
            return ModelFailure(Failure.LOADING_FAILED, f"the load failed: {error!r}", model=state.name)
        return None

    def _budget(self) -> float:
        """Seconds that a load may take: short at first on a wedged server, since it is only to show whether that goes on."""
        if self._server.wedged is None:
            return self._server.settings.load_s
        self._budget_s = min(self._server.settings.load_s, max(WEDGED_FIRST_S, self._budget_s * 2))
        return self._budget_s

    async def _unstall(self, state: ModelState, failure: ModelFailure) -> ModelFailure | None:
        """A load had no answer for longer than any may take: None where it is there all the same, or after a second try.

        The server is taken for wedged where that does not help. What is loaded is sent away first, other programs' models
        too: nobody can load anything there, and what is idle is loaded again when it is wanted.
        """
        server = self._server
        seen = await self._look()
        if seen is None or seen.loaded is None:
            return failure  # it does not even say what is loaded, or never does: nothing to go by
        if full_name(state.name) in _names(seen):
            return None
        if server.wedged is not None:
            return ModelFailure(Failure.LOAD_STALLED, RESTART, model=state.name)
        server.log.warning("model server %s: %s of %s; its models are sent away once", server.name, failure.message, state.name)
        await self._send_away(seen)
        again = await self._preload(state, server.settings.load_s)
        if again is None or again.kind is not Failure.LOAD_STALLED:
            return again
        server.wedged = ModelFailure(Failure.LOAD_STALLED, RESTART, model=state.name)
        server.log.error("model server %s is wedged: %s", server.name, RESTART)
        return server.wedged

    async def _send_away(self, seen: Health) -> None:
        server = self._server
        for loaded in seen.loaded or ():
            try:
                async with asyncio.timeout(LOOK_S):
                    await server.model.unload(loaded.name)
            except (Exception, SystemExit) as error:
                server.log.warning("model server %s: %s was not sent away: %r", server.name, loaded.name, error)
        for other in server.states.values():
            server.cool(other)
        ends_s = server.clock.monotonic_s() + UNLOADING_S
        while server.clock.monotonic_s() < ends_s:
            now = await self._look()
            if now is None or not now.loaded:
                return
            await server.clock.sleep(1.0)

    async def _look(self) -> Health | None:
        """How the server is, with what is loaded; None where it does not say so at once."""
        try:
            async with asyncio.timeout(LOOK_S):
                seen = await self._server.model.health()
        except (Exception, SystemExit):
            return None
        return seen if seen.reachable else None

    async def _look_who_stayed(self, state: ModelState, in_use: list[ModelState]) -> None:
        """Whether the models fit into memory together: seen by who is still there after a load."""
        server = self._server
        if (server.health.loaded is None and server.probes) or not server.capabilities.is_language_model:
            return  # it does not tell
        seen = await self._look()
        if seen is None or not seen.loaded:
            return
        names = _names(seen)
        state.granted_ctx = next((m.num_ctx for m in seen.loaded if full_name(m.name) == full_name(state.name)), 0)
        gone = [other for other in in_use if full_name(other.name) not in names]
        for other in gone:
            server.cool(other)
        if gone:
            if server.stage.together:
                pushed = ", ".join(other.name for other in gone)
                server.log.info("%s: %s pushed %s out of memory; they take turns", server.name, state.name, pushed)
            server.stage.together = False
        elif all(full_name(other.name) in names for other in server.states.values() if other.answers):
            server.stage.together = True


def as_outage(failure: ModelFailure, model: str) -> ModelFailure:
    """What a failed load is called."""
    if failure.kind in {Failure.TIMEOUT_IDLE, Failure.TIMEOUT_TOTAL}:
        return ModelFailure(Failure.LOAD_STALLED, failure.message, raw=failure.raw, model=model)
    kept = SERVER_WIDE | {
        Failure.BUSY, Failure.FORBIDDEN, Failure.MISSING_MODEL, Failure.MISSING_CAPABILITY, Failure.OUT_OF_MEMORY,
        Failure.LOAD_STALLED, Failure.SERVER_ERROR, Failure.LOADING_FAILED,
    }  # fmt: skip
    kind = failure.kind if failure.kind in kept else Failure.LOADING_FAILED
    return ModelFailure(kind, failure.message, raw=failure.raw, model=model, after_s=failure.after_s)


def _names(seen: Health) -> set[str]:
    return {full_name(model.name) for model in seen.loaded or ()}


def _forget(state: ModelState, task: asyncio.Task[None]) -> None:
    if state.loading is task:
        state.loading = None
    if not task.cancelled():
        task.exception()  # read, so that a failed load that nobody waits for any more makes no noise
