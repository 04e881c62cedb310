"""One question to one model until it is answered or has failed by name: load, call, success rule, retries by the table."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

from leadd.api import Clock, Failure, Method, ModelFailure, ModelRequest, Reply, Role, Usage
from leadd.inference.answers.streaming import EARLY, stream_reply
from leadd.inference.answers.success import UnreadLabels, Verified, verify
from leadd.inference.figures import Figures
from leadd.inference.flights import Flight, copy_of
from leadd.inference.lanes.slots import Sample
from leadd.inference.questions import InferenceSettings
from leadd.inference.requests import bound
from leadd.inference.retries import RULES, Change, Rule, is_outage, next_request, wait_before
from leadd.inference.servers.seats import Seat
from leadd.inference.servers.server import LOADING_PATIENCE_S
from leadd.inference.servers.states import UNREAD_LABELS
from leadd.inference.servers.suspects import Suspects
from leadd.inference.servers.windows import fitted

SLACK_S = 5.0
"""How much longer than its deadline a model plugin may take before its call is ended from outside."""

LEARN_AT_FIRST, LEARN_EVERY = 48, 8
"""How many answers are all learned from, and which of those after them: characters per token hardly change."""

Spare = Callable[[], bool]
"""Whether somebody else could answer now, and nothing speaks against that one."""


@dataclass(frozen=True, slots=True)
class Result:
    """An answer, the reply that it stood in, the request that got it, and what was paid for it with all its tries."""

    verified: Verified
    reply: Reply
    request: ModelRequest
    usage: Usage
    attempts: int
    wait_ms: float


class Diverted(ModelFailure):
    """Not asked: while the question stood in the queue, the model came under doubt, and there is somebody else to ask."""


class _Tries:
    """The calls of one question to one model so far."""

    def __init__(self) -> None:
        self.used: dict[Failure, int] = {}
        self.attempts = 0
        self.usage = Usage()
        self.began_s = 0.0
        self.seconds = 0.0
        self.wait_ms = 0.0


class Caller:
    """Takes a flight through the queue of a model and makes its calls."""

    def __init__(
        self, settings: InferenceSettings, *, clock: Clock, log: logging.Logger, figures: Figures, rng: random.Random
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._log = log
        self._figures = figures
        self._rng = rng
        self._suspects = Suspects()

    async def answer(self, flight: Flight, seat: Seat, request: ModelRequest, spare: Spare) -> Result:
        """The answer to a flight's question. Raises ModelFailure once the table of retries has no more to give; Diverted."""
        endpoint, state = seat.endpoint, seat.state
        state.asked_at_s = self._clock.monotonic_s()
        tries = _Tries()
        tries.wait_ms = await self._stand_in_line(flight, seat, spare)
        try:
            if endpoint.breaker.is_closed and state.breaker.is_closed:
                result = await self._tries(flight, seat, request, spare, tries)
            else:
                result = await self._trial(flight, seat, request, spare, tries)
        finally:
            if flight.turn is not None:
                state.lane.leave(flight.turn)
        self._suspects.clear(flight.key)
        endpoint.note_answer(state, seat.role, tries.seconds, result.verified.data, spare)
        return result

    async def _trial(self, flight: Flight, seat: Seat, request: ModelRequest, spare: Spare, tries: _Tries) -> Result:
        """The same where the model is to be tried by one question: by this one, or this one waits for how that ends."""
        trials = await seat.endpoint.admit(seat.state)
        try:
            self._look(seat)
            return await self._tries(flight, seat, request, spare, tries)
        finally:
            for breaker in trials:
                breaker.end_trial()

    async def _stand_in_line(self, flight: Flight, seat: Seat, spare: Spare) -> float:
        """Return with a slot; the milliseconds that it took. Raises ModelFailure where the model went away meanwhile."""
        lane, state = seat.state.lane, seat.state
        wait_ms = 0.0
        while True:
            turn = lane.enter(flight.priority, flight.group)
            flight.lane, flight.turn = lane, turn
            try:
                if not turn.holds:
                    state.queued.add(turn)
                    await lane.wait(turn)
                self._look(seat)
                if seat.is_second_choice and spare():
                    raise Diverted(Failure.BUSY, f"{seat.name} is being looked after", model=state.name)
            except BaseException:
                lane.leave(turn)
                raise
            finally:
                state.queued.discard(turn)
            wait_ms += turn.wait_ms
            if turn.holds:
                break
            lane.leave(turn)  # sent away, but there is nowhere else to go
        state.wait_ms += wait_ms
        self._figures.of(seat.method, seat.role).wait_ms += wait_ms
        return wait_ms

    def _look(self, seat: Seat) -> None:
        problem = seat.problem
        if problem is not None:  # the server went away while the question stood in the queue
            raise copy_of(problem)

    async def _tries(self, flight: Flight, seat: Seat, request: ModelRequest, spare: Spare, tries: _Tries) -> Result:
        tally = self._figures.of(seat.method, seat.role)
        while True:
            try:
                request = await self._made_ready(seat, request, spare)
            except Diverted:
                raise
            except ModelFailure as error:
                tally.failed(error.kind)
                raise
            tries.attempts += 1
            tries.began_s = self._clock.monotonic_s()
            try:
                reply, early = await self._once(flight, seat, request, spare)
                tries.seconds = self._clock.monotonic_s() - tries.began_s
                tries.usage = _plus(tries.usage, reply.usage)
                verified = verify(reply, request, flight.question, seat.method, early)
                self._learn(seat, request, reply)
                return Result(verified, reply, request, tries.usage, tries.attempts, tries.wait_ms)
            except UnreadLabels:
                request = self._by_schema(flight, seat, request, gave_any=bool(reply.logprobs))
                continue
            except ModelFailure as error:
                failure = error
            tally.failed(failure.kind)
            flight.begin_again()
            if failure.kind is Failure.OUT_OF_MEMORY and seat.endpoint.shrink(seat.state, request.num_ctx):
                continue
            request = await self._again(flight, seat, request, failure, tries, spare)

    async def _made_ready(self, seat: Seat, request: ModelRequest, spare: Spare) -> ModelRequest:
        """The request once the model is loaded, with the window that it has. Raises Diverted where that takes long."""
        endpoint = seat.endpoint
        if endpoint.loading_since_s is not None or not endpoint.is_warm(seat.state):
            try:
                async with asyncio.timeout(LOADING_PATIENCE_S if spare() else None):
                    await endpoint.warm(seat.state)
                    await endpoint.nothing_loads.wait()
            except TimeoutError:
                raise Diverted(Failure.BUSY, f"{endpoint.name} loads a model", model=seat.state.name) from None
        if request.num_ctx == seat.state.num_ctx:
            return request
        return fitted(seat.state, request)

    async def _again(
        self, flight: Flight, seat: Seat, request: ModelRequest, failure: ModelFailure, tries: _Tries, spare: Spare
    ) -> ModelRequest:
        """The request of the next try, when its time has come. Raises ModelFailure where there is none."""
        rule = RULES.get(failure.kind, Rule())
        left_alone = seat.endpoint.note_bad(seat.state, failure, spare)
        may = tries.attempts < self._settings.max_attempts and tries.used.get(failure.kind, 0) < rule.times and not left_alone
        if may and is_outage(failure) and spare():
            may = False  # waiting for this server costs time, asking another one does not
        changed = next_request(request, rule.change) if may else None
        if changed is None:
            raise self._conclude(flight, seat, failure, tries, spare)
        if failure.kind in {Failure.CRASHED, Failure.BROKEN_STREAM}:
            seat.endpoint.cool(seat.state)
        wait_s = wait_before(rule, failure, tries.used.get(failure.kind, 0), self._rng)
        tries.used[failure.kind] = tries.used.get(failure.kind, 0) + 1
        self._figures.of(seat.method, seat.role).retries += 1
        said = rule.change if rule.change is not Change.NOTHING else "unchanged"
        self._log.debug("%s: %s, asked again (%s)", seat.role, failure, said)
        if wait_s > 0:
            await self._clock.sleep(wait_s)
        return changed

    def _conclude(self, flight: Flight, seat: Seat, failure: ModelFailure, tries: _Tries, spare: Spare) -> ModelFailure:
        failure = self._suspects.judge(flight.key, seat.state, failure)
        failure = seat.endpoint.note_failure(seat.state, failure, spare=spare(), began_s=tries.began_s)
        failure.model = failure.model or seat.state.name
        return failure

    def _by_schema(self, flight: Flight, seat: Seat, request: ModelRequest, *, gave_any: bool) -> ModelRequest:
        """The same question for a bounded word. A server that gives no log-probabilities at all is not asked for them again."""
        state = seat.state
        state.unread_labels = state.unread_labels + 1 if gave_any else UNREAD_LABELS
        if not state.reads_labels:
            self._log.info("%s gives no readable probabilities of labels; it is asked for a bounded word", seat.name)
        cap = seat.plan.max_tokens
        most = flight.question.max_tokens if cap is None else min(cap, flight.question.max_tokens)
        return replace(request, labels=(), schema=bound(flight.question), max_tokens=most)

    def _learn(self, seat: Seat, request: ModelRequest, reply: Reply) -> None:
        """What an answer shows of the model besides the answer."""
        state = seat.state
        if request.labels:
            state.unread_labels = 0
        is_news = state.answers % LEARN_EVERY == 0 or state.chars.observations < LEARN_AT_FIRST
        if is_news and reply.usage.prompt_tokens and seat.method is Method.MODEL:
            state.chars.note(
                [message.content for message in request.messages], reply.usage.prompt_tokens - seat.plan.example_tokens
            )

    async def _once(
        self, flight: Flight, seat: Seat, request: ModelRequest, spare: Spare
    ) -> tuple[Reply, Mapping[str, Any] | None]:
        endpoint, state = seat.endpoint, seat.state
        if spare():
            pace = state.paces.get(seat.role)
            patience_s = pace.patience_s if pace is not None else request.idle_s
            if patience_s < request.idle_s:
                request = replace(request, idle_s=patience_s)
        was_warm = endpoint.is_warm(state)
        started_s = self._clock.monotonic_s()
        try:
            async with self.passing(seat, request.total_s):
                started_s = self._clock.monotonic_s()
                reply, early = await self._call(flight, seat, request)
        except ModelFailure as failure:
            self._sample(flight, seat, started_s, Usage(), failure.kind)
            raise
        usage = reply.usage
        endpoint.note_call(state, usage, self._sample(flight, seat, started_s, usage, None), was_warm)
        tally = self._figures.of(seat.method, seat.role)
        tally.paid(usage)
        tally.early += reply.done_reason == EARLY
        if seat.method is Method.MODEL:
            state.reuse.note(usage, flight.group, state.lane.busy, state.lane.slowness)
        return reply, early

    def _sample(self, flight: Flight, seat: Seat, started_s: float, usage: Usage, failed: Failure | None) -> float:
        wall_ms = (self._clock.monotonic_s() - started_s) * 1000
        seat.state.lane.note(Sample(usage, wall_ms, failed), flight.turn)
        return wall_ms

    @asynccontextmanager
    async def passing(self, seat: Seat, total_s: float) -> AsyncIterator[None]:
        """Around one call: counted, timed, ended from outside where its deadline is not kept, every error by name."""
        tally = self._figures.of(seat.method, seat.role)
        async with seat.endpoint.gate.passage():
            started_s = self._clock.monotonic_s()
            tally.calls += 1
            try:
                async with asyncio.timeout(total_s + SLACK_S):
                    yield
            except ModelFailure:
                raise
            except TimeoutError:
                raise ModelFailure(Failure.TIMEOUT_TOTAL, f"no answer within {total_s:g} s") from None
            except (Exception, SystemExit) as error:
                # A bug of the model plugin. Charged to the text, or a text that triggers it would be tried for ever.
                self._log.exception("model plugin %s failed at %s", seat.endpoint.model.name, seat.role)
                raise ModelFailure(Failure.CRASHED, f"the model plugin failed: {error!r}") from None
            finally:
                tally.call_ms += (self._clock.monotonic_s() - started_s) * 1000

    async def _call(self, flight: Flight, seat: Seat, request: ModelRequest) -> tuple[Reply, Mapping[str, Any] | None]:
        model, question, early = seat.endpoint.model, flight.question, None
        by_habit = self._settings.streaming and seat.role is Role.DOSSIER
        if seat.capabilities.streams and not request.labels and (question.enough or flight.is_watched or by_habit):
            reply, early = await stream_reply(model, request, enough=question.enough, progress=flight.tell)
        else:
            reply = await model.complete(request)
        if not isinstance(reply, Reply):
            raise TypeError(f"complete returned {type(reply).__name__}, not a Reply")
        return reply, early


def _plus(one: Usage, other: Usage) -> Usage:
    return Usage(
        one.prompt_tokens + other.prompt_tokens,
        one.output_tokens + other.output_tokens,
        one.load_ms + other.load_ms,
        one.prompt_ms + other.prompt_ms,
        one.output_ms + other.output_ms,
        one.total_ms + other.total_ms,
    )
