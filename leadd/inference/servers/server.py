"""A model server as leadd knows it: what is wrong with it and its models, and what is concluded from answers and failures."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from leadd.api import Clock, Failure, Health, Method, Model, ModelFailure, Role, Usage
from leadd.inference.budget import CharsPerToken
from leadd.inference.flights import copy_of
from leadd.inference.lanes.phases import Stage
from leadd.inference.lanes.slots import Gate
from leadd.inference.questions import InferenceSettings
from leadd.inference.retries import BAD_ANSWERS, BROKEN, SERVER_WIDE, is_outage
from leadd.inference.servers.breakers import FIRST_DELAY_S, MOST_DELAY_S, Breaker
from leadd.inference.servers.drift import Drift
from leadd.inference.servers.states import ModelState, Pace
from leadd.inference.servers.windows import smaller

TIMEOUTS_IN_A_ROW = 3
IN_USE_S = 60.0
"""A model that was asked so lately is in memory, unless something pushed it out: no server lets go of it by itself so soon."""
WANTED_S = 60.0
"""Work counts as waiting for a model for so long after the last question that wanted it."""
DRIFT_REST_S = 300.0
LOADING_PATIENCE_S = 15.0
"""How long a load may hold up a server before questions that have somebody else to ask go there."""
RELOAD_MS = 500.0
"""A warm model answers at once; where the server says that it spent more on loading it, somebody else has thrown it out."""


class Server:
    """The facts about one model server, and what follows from each thing that happens there.

    `changed` is called whenever what can be asked may have changed, `hurry` when the next look is due sooner than was said.
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
        self.settings = settings
        self.clock = clock
        self.log = log
        self.changed = changed
        self.hurry = hurry
        self.gate = Gate()
        self.stage = Stage(clock, min_batch=settings.min_batch, max_wait_s=settings.max_wait_s)
        self.breaker = Breaker(clock)
        self.states: dict[str, ModelState] = {}
        self.health = Health(reachable=False, reason="not asked yet")
        self.probes = self.canaries = 0
        self.preloads = self.preload_failures = 0
        self.thrashed = 0
        self.thrash_reason = ""
        self.wedged: ModelFailure | None = None
        self.loading_since_s: float | None = None
        self.nothing_loads = asyncio.Event()
        self.nothing_loads.set()
        self.due_s = clock.monotonic_s()
        self._delay_s = 0.0
        self.latencies: deque[float] = deque(maxlen=100)
        self.progress_s = float("-inf")
        self.since_ms = self.checked_at_ms = clock.now_ms()
        self.learnt: dict[str, float] = {}
        """Characters per token by digest, as an earlier run had learnt them."""

    @property
    def down(self) -> ModelFailure | None:
        """Why no model of this server can be asked, or None."""
        return self.breaker.failure if self.breaker.is_open else None

    @property
    def method(self) -> Method:
        """Whether this is a language model, or a reader of evidence."""
        return Method.MODEL if self.capabilities.is_language_model else Method.EVIDENCE

    def problem(self, state: ModelState, role: Role) -> ModelFailure | None:
        """Why this model cannot be asked for this role now, or None."""
        if self.breaker.is_open:
            return self.breaker.failure
        if not self.probes:
            return ModelFailure(Failure.UNREACHABLE, "the model server was not asked yet", model=state.name)
        if role not in self.capabilities.roles:
            return ModelFailure(Failure.MISSING_CAPABILITY, f"'{self.name}' cannot answer {role}", model=state.name)
        if state.missing is not None:
            return state.missing
        if state.breaker.is_open and not state.breaker.soft:
            return state.breaker.failure
        return None

    def is_second_choice(self, state: ModelState) -> bool:
        """Whether a question should rather go to another model, though this one may be asked where there is none."""
        if self.loading_since_s is not None and self._now_s() - self.loading_since_s > LOADING_PATIENCE_S:
            return True
        if self.breaker.is_closed and state.breaker.is_closed:
            return False
        if state.breaker.is_open or self.breaker.on_trial or state.breaker.on_trial:
            return True
        return not self.is_warm(state)

    async def admit(self, state: ModelState) -> tuple[Breaker, ...]:
        """Return once the caller may go on; the breakers that its question tries. Call `end_trial` on each in the end."""
        both = (self.breaker, state.breaker)
        while (tried := next((breaker for breaker in both if breaker.on_trial), None)) is not None:
            await tried.settled()
        return tuple(breaker for breaker in both if breaker.begin_trial())

    # -- warm and cold --

    def is_warm(self, state: ModelState) -> bool:
        """Whether the model is loaded, as far as leadd knows."""
        return self._now_s() < state.warm_until_s

    def is_in_use(self, state: ModelState) -> bool:
        """Whether it is loaded and was asked a moment ago."""
        return self.is_warm(state) and self._now_s() - state.asked_at_s < IN_USE_S

    def note_warm(self, state: ModelState) -> None:
        """It is loaded now."""
        state.warm_until_s = self._now_s() + self.settings.warm_s

    def cool(self, state: ModelState) -> None:
        """It is perhaps not loaded any more: the next question loads it first."""
        state.warm_until_s = float("-inf")

    def shrink(self, state: ModelState, failed_ctx: int) -> bool:
        """Where memory ran out with a window of `failed_ctx`: whether there is a smaller one, which it has then."""
        if state.num_ctx == failed_ctx:
            window = smaller(failed_ctx)
            if window is None:
                return False
            self.log.warning("%s on %s: no memory for a window of %d, now %d", state.name, self.name, failed_ctx, window)
            state.num_ctx = window
            state.shrunk_at_s = self._now_s()
        for other in self.states.values():  # the server has thrown everything out
            self.cool(other)
        return True

    # -- what happened --

    def note_answer(
        self, state: ModelState, role: Role, seconds: float, data: Mapping[str, Any], spare: Callable[[], bool]
    ) -> None:
        """A question was answered: the one proof that all is well, so all waits begin anew."""
        self._well(state)
        pace = state.paces.get(role)
        if pace is None:
            pace = state.paces[role] = Pace()
        pace.note(seconds)
        state.bad.note(False)
        drift = state.drifts.get(role)
        if drift is None:
            drift = state.drifts[role] = Drift()
        if drift.note(data):
            self._drifted(state, role, drift, spare())

    def note_call(self, state: ModelState, usage: Usage, wall_ms: float, was_warm: bool) -> None:
        """A call that came back, whether or not its reply becomes an answer."""
        self.latencies.append(wall_ms)
        if was_warm and usage.load_ms > RELOAD_MS:
            self.note_thrash(f"{state.name} was loaded again ({usage.load_ms:.0f} ms) though leadd had just used it")

    def note_vectors(self, state: ModelState) -> None:
        """Texts were embedded."""
        self._well(state)

    def note_bad(self, state: ModelState, failure: ModelFailure, spare: Callable[[], bool]) -> bool:
        """A call whose answer was none; True where the model is now left alone for it, because there is another."""
        if failure.kind not in BAD_ANSWERS or not state.bad.note(True) or not spare():
            return False
        told = ModelFailure(failure.kind, f"{state.bad.text()} ({failure.message})", model=state.name)
        state.breaker.trip(told, soft=True, sticky=True, wanted=self.is_wanted(state))
        state.bad.begin_again()
        state.send_away()
        self._announce()
        return True

    def note_failure(
        self, state: ModelState, failure: ModelFailure, *, spare: bool = False, began_s: float | None = None
    ) -> ModelFailure:
        """Draw the conclusions for the server and the model; returns the failure to go on with.

        The third deadline in a row without an answer between is no longer the text's fault: the model is taken for stalled.
        With a `spare`, a model that lets one question wait in vain or breaks its answer off is left alone at once. `began_s` is
        when the call began.
        """
        state.failures += 1
        kind, outage = failure.kind, is_outage(failure)
        if kind in BROKEN and began_s is not None and not state.breaker.is_news(began_s):
            # Sent before the model was left alone and came back: the text is not at fault, and the model is well again.
            return ModelFailure(Failure.LOAD_STALLED, f"the model was away ({failure.message})", model=state.name)
        if kind in {Failure.TIMEOUT_IDLE, Failure.TIMEOUT_TOTAL}:
            state.timeouts += 1
            if state.timeouts >= TIMEOUTS_IN_A_ROW:
                message = f"{state.timeouts} questions in a row had no answer ({failure.message})"
                failure, outage = ModelFailure(Failure.LOAD_STALLED, message, model=state.name), True
        if outage or kind in {Failure.CRASHED, Failure.BROKEN_STREAM}:
            self.cool(state)
        if failure.kind in SERVER_WIDE:
            # The health check may be green while questions are cut off: so the model has to answer a tiny one as well.
            state.breaker.trip(copy_of(failure), began_s=began_s, wanted=self.is_wanted(state))
            self.go_down(failure, began_s)
        elif failure.kind is Failure.MISSING_MODEL:
            state.missing = copy_of(failure)
            state.send_away()
            self.look_soon()
        elif outage or (spare and kind in BROKEN):
            state.breaker.trip(
                copy_of(failure), began_s=began_s, soft=not outage, wanted=self.is_wanted(state),
                rest_s=failure.after_s or 0.0,
            )  # fmt: skip
            state.send_away()
        if outage or spare:
            self._announce()
        return failure

    def go_down(self, failure: ModelFailure, began_s: float | None = None) -> None:
        """The whole server does not answer."""
        was_down = self.breaker.is_open
        wanted = any(self.is_wanted(state) for state in self.states.values())
        self.breaker.trip(copy_of(failure), began_s=began_s, wanted=wanted)
        if not self.breaker.is_open:
            return
        if not was_down:
            self.since_ms = self.clock.now_ms()
        for state in self.states.values():
            self.cool(state)
            state.send_away()

    def look_soon(self) -> None:
        """Look for a model that is missing after 1 s, doubled up to 15 s."""
        self._delay_s = min(MOST_DELAY_S, max(FIRST_DELAY_S, self._delay_s * 2))
        self.due_s = self._now_s() + self._delay_s

    def look_later(self) -> None:
        """All is well: look again in the usual time."""
        self._delay_s = 0.0
        self.due_s = self._now_s() + self.settings.health_every_s

    def note_digest(self, state: ModelState, digest: str) -> bool:
        """Take up the digest that came with an answer; True where it is another than the one that was known."""
        new, known = digest.removeprefix("sha256:"), state.digest.removeprefix("sha256:")
        if not new or new.startswith(known) or known.startswith(new):
            return False
        self.set_digest(state, digest)
        return True

    def set_digest(self, state: ModelState, digest: str) -> None:
        """These are the model's weights now; what was learnt of others is forgotten."""
        if digest == state.digest:
            return
        if state.digest:
            self.log.info("model %s on %s changed: %s, was %s", state.name, self.name, digest[:12], state.digest[:12])
            state.drifts.clear()
            state.paces.clear()
            state.unread_labels = 0
        state.digest = digest
        learnt = self.learnt.get(digest)
        state.chars = CharsPerToken()
        if learnt is not None:
            state.chars.restore(learnt)

    def note_thrash(self, reason: str) -> None:
        """Another program makes this server load models again."""
        self.thrashed += 1
        if reason != self.thrash_reason:
            self.log.warning("model server %s: %s", self.name, reason)
        self.thrash_reason = reason

    def want(self, state: ModelState) -> None:
        """A question would have gone to this model, and cannot now."""
        state.asked_at_s = self._now_s()
        if self.breaker.want() | state.breaker.want():
            self.hurry()

    def is_wanted(self, state: ModelState) -> bool:
        """Whether there is work for this model now, or was a moment ago."""
        return state.lane.waiting > 0 or self._now_s() - state.asked_at_s < WANTED_S

    def _well(self, state: ModelState) -> None:
        state.answers += 1
        state.timeouts = 0
        self._delay_s = 0.0
        self.progress_s = self._now_s()
        state.warm_until_s = self.progress_s + self.settings.warm_s
        if self.breaker.is_closed and state.breaker.is_closed:
            return
        self.breaker.close()
        if not state.breaker.stands:
            state.breaker.close()
        self.changed()

    def _drifted(self, state: ModelState, role: Role, drift: Drift, has_spare: bool) -> None:
        message = f"its answers to {role} are no longer like its first ones ({drift.gap:.2f})"
        drift.begin_again()
        self.log.warning("model %s on %s: %s", state.name, self.name, message)
        if has_spare:
            told = ModelFailure(Failure.IMPLAUSIBLE, message, model=state.name)
            state.breaker.trip(told, soft=True, sticky=True, rest_s=DRIFT_REST_S)
            self._announce()

    def _announce(self) -> None:
        self.changed()
        self.hurry()

    def _now_s(self) -> float:
        return self.clock.monotonic_s()
