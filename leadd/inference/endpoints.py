"""A model server as it is now: alive, holding the models of its roles, warm or cold, and for how long it is left alone."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from leadd.api import Clock, Failure, Health, Method, Model, ModelFailure, Role
from leadd.inference.flights import copy_of
from leadd.inference.questions import InferenceSettings
from leadd.inference.retries import SERVER_WIDE
from leadd.inference.slots import Gate
from leadd.inference.states import ModelState, full_name, held

FIRST_DELAY_S = 1.0
MOST_DELAY_S = 15.0
TIMEOUTS_IN_A_ROW = 3


class Endpoint:
    """Watches one model server and loads its models.

    `changed` is called whenever what can be asked may have changed, `hurry` when the next probe is due sooner than was said.
    """

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
        self.name = name
        self.model = model
        self.capabilities = model.capabilities
        self.gate = Gate()
        self.states: dict[str, ModelState] = {}
        self.down: ModelFailure | None = None
        self.health = Health(reachable=False, reason="not asked yet")
        self.probes = 0
        self.preloads = 0
        self.preload_failures = 0
        self.since_ms = self.checked_at_ms = clock.now_ms()
        self.due_s = clock.monotonic_s()
        self._delay_s = 0.0
        self._settings = settings
        self._clock = clock
        self._log = log
        self._changed = changed
        self._hurry = hurry
        self._probing = asyncio.Lock()

    @property
    def method(self) -> Method:
        """Whether this is a language model, or a reader of evidence."""
        return Method.MODEL if self.capabilities.is_language_model else Method.EVIDENCE

    def problem(self, state: ModelState, role: Role) -> ModelFailure | None:
        """Why this model cannot be asked for this role now, or None."""
        if self.down is not None:
            return self.down
        if not self.probes:
            return ModelFailure(Failure.UNREACHABLE, "the model server was not asked yet", model=state.name)
        if role not in self.capabilities.roles:
            return ModelFailure(Failure.MISSING_CAPABILITY, f"'{self.name}' cannot answer {role}", model=state.name)
        if state.missing is not None:
            return state.missing
        if state.blocked is not None and self._clock.monotonic_s() < state.blocked_until_s:
            return state.blocked
        return None

    def next_due_s(self) -> float:
        """When there is next something to do, on the monotonic clock: a probe, or the end of a model's block."""
        ends = [state.blocked_until_s for state in self.states.values() if state.blocked is not None]
        return min([self.due_s, *ends])

    async def turn(self) -> None:
        """Probe if a probe is due, and let go of blocks that have ended."""
        now_s = self._clock.monotonic_s()
        for state in self.states.values():
            if state.blocked is not None and now_s >= state.blocked_until_s:
                state.blocked = None  # the next question is the test; its failure blocks again, for longer
                self._changed()
        if now_s >= self.due_s:
            await self.probe()

    async def probe(self) -> None:
        """Ask the server how it is and whether it holds its roles' models. Askers of the same moment share one probe."""
        seen = self.probes
        async with self._probing:
            if self.probes != seen:
                return
            health = await self._health()
            self.checked_at_ms = self._clock.now_ms()
            self.capabilities = self.model.capabilities  # may have grown with the server's version
            if health.reachable:
                await self._look_for_models(health)
            self.probes += 1
            self._note(health)

    async def _health(self) -> Health:
        try:
            async with asyncio.timeout(self._settings.health_timeout_s):
                return await self.model.health()
        except TimeoutError:
            return Health(False, f"no answer to a health check within {self._settings.health_timeout_s:g} s")
        except ModelFailure as failure:
            return Health(False, failure.message)
        except (Exception, SystemExit) as error:
            self._log.warning("model server %s: health check failed: %r", self.name, error)
            return Health(False, f"the health check failed: {error!r}")

    async def _look_for_models(self, health: Health) -> None:
        for state in self.states.values():
            was = state.digest
            try:
                state.digest = await self._digest(state.name, held(health.models, state.name))
                state.missing = None
            except ModelFailure as failure:
                state.missing = failure
                state.warm_until_s = float("-inf")
            if was and state.digest != was:
                self._log.info("model %s on %s changed: %s, was %s", state.name, self.name, state.digest[:12], was[:12])
        self._note_loaded(health)

    def _note_loaded(self, health: Health) -> None:
        if health.loaded is None:
            return
        names = {full_name(model.name) for model in health.loaded}
        for state in self.states.values():
            if full_name(state.name) in names:
                self._warm(state)
            elif names:
                state.warm_until_s = float("-inf")  # another model pushed it out

    async def _digest(self, model: str, listed: str) -> str:
        """The model's own word goes first: it may refuse a model that is listed. A plugin without one only has the list."""
        try:
            async with asyncio.timeout(self._settings.health_timeout_s):
                said = await self.model.digest(model)
        except ModelFailure as failure:
            if listed and failure.kind is Failure.MISSING_MODEL:
                return listed
            raise
        except (Exception, SystemExit) as error:
            self._log.warning("model server %s: digest of %s failed: %r", self.name, model, error)
            raise ModelFailure(Failure.MISSING_MODEL, f"no digest: {error!r}", model=model) from None
        return listed if listed and said == model else said

    def _note(self, health: Health) -> None:
        up = health.reachable and not any(state.missing for state in self.states.values())
        if health.reachable != self.health.reachable or health.reason != self.health.reason or self.probes == 1:
            self.since_ms = self.checked_at_ms
            level = logging.INFO if up else logging.WARNING
            self._log.log(level, "model server %s: %s", self.name, "reachable" if health.reachable else health.reason)
        if up and self.health.reachable and self.down is None:
            self._delay_s = 0.0
        self.health = health
        if health.reachable:
            self.down = None
        elif self.down is None or self.down.kind is Failure.UNREACHABLE:
            self.down = ModelFailure(Failure.UNREACHABLE, health.reason or "the model server does not answer")
        if up:
            self.due_s = self._clock.monotonic_s() + self._settings.health_every_s
        else:
            self._back_off()
        self._changed()

    def _back_off(self) -> None:
        self._delay_s = _doubled(self._delay_s)
        self.due_s = self._clock.monotonic_s() + self._delay_s

    def note_answer(self, state: ModelState) -> None:
        """A question was answered: the one proof that all is well, so all waits begin anew."""
        state.answers += 1
        state.timeouts = 0
        state.delay_s = 0.0
        self._delay_s = 0.0
        if state.blocked is not None:
            state.blocked = None
            self._changed()
        self._warm(state)

    def note_digest(self, state: ModelState, digest: str) -> bool:
        """Take up the digest that came with an answer; True where it is another than the one that was known."""
        new, known = digest.removeprefix("sha256:"), state.digest.removeprefix("sha256:")
        if not new or new.startswith(known) or known.startswith(new):
            return False
        self._log.info("model %s on %s changed: %s, was %s", state.name, self.name, new[:12], known[:12])
        state.digest = digest
        return True

    def cool(self, state: ModelState) -> None:
        """The model is perhaps not loaded any more: the next question loads it first."""
        state.warm_until_s = float("-inf")

    def note_failure(self, state: ModelState, failure: ModelFailure, outage: bool) -> ModelFailure:
        """Draw the conclusions for the server and the model; returns the failure to go on with.

        The third deadline in a row without an answer between is no longer the text's fault: the model is taken for stalled.
        """
        state.failures += 1
        kind = failure.kind
        if kind in {Failure.TIMEOUT_IDLE, Failure.TIMEOUT_TOTAL}:
            state.timeouts += 1
            if state.timeouts >= TIMEOUTS_IN_A_ROW:
                message = f"{state.timeouts} questions in a row had no answer ({failure.message})"
                failure, outage = ModelFailure(Failure.LOAD_STALLED, message, model=state.name), True
        if outage or kind in {Failure.CRASHED, Failure.BROKEN_STREAM}:
            state.warm_until_s = float("-inf")
        if failure.kind in SERVER_WIDE:
            if self.down is None:
                self.since_ms = self._clock.now_ms()
            self.down = copy_of(failure)
            self._back_off()
        elif failure.kind is Failure.MISSING_MODEL:
            state.missing = copy_of(failure)
            self._back_off()
        elif outage:
            state.delay_s = _doubled(state.delay_s)
            state.blocked = copy_of(failure)
            state.blocked_until_s = self._clock.monotonic_s() + max(state.delay_s, failure.after_s or 0.0)
        if outage:
            self._changed()
            self._hurry()
        return failure

    def _warm(self, state: ModelState) -> None:
        state.warm_until_s = self._clock.monotonic_s() + self._settings.warm_s

    async def warm(self, state: ModelState) -> None:
        """Return once the model is loaded. Raises ModelFailure, always an outage: no text is at fault for a load.

        One load at a time for a model, with the server empty of other work; a caller that goes away does not end it, because
        a server throws a load away whose client has gone, and the next one starts from the beginning.
        """
        if self._clock.monotonic_s() < state.warm_until_s:
            return
        if state.loading is None:
            state.loading = asyncio.create_task(self._load(state), name=f"load {state.name}")
            state.loading.add_done_callback(lambda task: _forget(state, task))
        try:
            await asyncio.shield(state.loading)
        except ModelFailure as failure:
            raise copy_of(failure) from None

    async def _load(self, state: ModelState) -> None:
        async with self.gate.alone():
            self.preloads += 1
            try:
                async with asyncio.timeout(self._settings.load_s):
                    await self.model.preload(state.name, num_ctx=state.num_ctx)
            except TimeoutError:
                failure = ModelFailure(Failure.LOAD_STALLED, f"not loaded after {self._settings.load_s:g} s", model=state.name)
            except ModelFailure as error:
                failure = _as_outage(error, state.name)
            except (Exception, SystemExit) as error:
                self._log.exception("model server %s: loading %s failed", self.name, state.name)
                failure = ModelFailure(Failure.LOADING_FAILED, f"the load failed: {error!r}", model=state.name)
            else:
                self._warm(state)
                return
            self.preload_failures += 1
            raise self.note_failure(state, failure, outage=True)

    async def close(self) -> None:
        """End loads that run."""
        loads = [state.loading for state in self.states.values() if state.loading is not None]
        for load in loads:
            load.cancel()
        await asyncio.gather(*loads, return_exceptions=True)


def _as_outage(failure: ModelFailure, model: str) -> ModelFailure:
    if failure.kind in {Failure.TIMEOUT_IDLE, Failure.TIMEOUT_TOTAL}:
        return ModelFailure(Failure.LOAD_STALLED, failure.message, model=model)
    kept = SERVER_WIDE | {
        Failure.BUSY, Failure.MISSING_MODEL, Failure.MISSING_CAPABILITY, Failure.OUT_OF_MEMORY, Failure.LOAD_STALLED,
        Failure.SERVER_ERROR, Failure.LOADING_FAILED,
    }  # fmt: skip
    kind = failure.kind if failure.kind in kept else Failure.LOADING_FAILED
    return ModelFailure(kind, failure.message, model=model, after_s=failure.after_s)


def _doubled(delay_s: float) -> float:
    return min(MOST_DELAY_S, max(FIRST_DELAY_S, delay_s * 2))


def _forget(state: ModelState, task: asyncio.Task[None]) -> None:
    if state.loading is task:
        state.loading = None
    if not task.cancelled():
        task.exception()  # read, so that a failed load that nobody waits for any more makes no noise
