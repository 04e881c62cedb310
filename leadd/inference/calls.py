"""One question to one model until it is answered or has failed by name: load, call, success rule, retries by the table."""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from leadd.api import Capabilities, Clock, Failure, Method, ModelFailure, ModelRequest, Reply, Role, Usage
from leadd.inference.endpoints import Endpoint
from leadd.inference.figures import Figures
from leadd.inference.flights import Flight, copy_of
from leadd.inference.questions import InferenceSettings, RolePlan
from leadd.inference.retries import RULES, Change, Rule, is_outage, next_request, wait_before
from leadd.inference.states import ModelState
from leadd.inference.success import Verified, verify
from leadd.inference.suspects import Suspects

if TYPE_CHECKING:
    from leadd.inference.vectors import Vectors

SLACK_S = 5.0
"""How much longer than its deadline a model plugin may take before its call is ended from outside."""


@dataclass(frozen=True, slots=True)
class Seat:
    """A role and who plays it: the plan, the server, the model's state there."""

    role: Role
    plan: RolePlan
    endpoint: Endpoint
    state: ModelState
    method: Method

    @property
    def capabilities(self) -> Capabilities:
        return self.endpoint.capabilities


@dataclass(frozen=True, slots=True)
class Result:
    """An answer, the reply that it stood in, what was paid for it with all its tries, and how many those were."""

    verified: Verified
    reply: Reply
    usage: Usage
    attempts: int


class Caller:
    """Takes a flight through the queue of its model and makes its calls."""

    def __init__(
        self, settings: InferenceSettings, *, clock: Clock, log: logging.Logger, figures: Figures, rng: random.Random
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._log = log
        self._figures = figures
        self._rng = rng
        self._suspects = Suspects()

    async def answer(self, flight: Flight, seat: Seat, request: ModelRequest) -> Result:
        """The answer to a flight's question. Raises ModelFailure once the table of retries has no more to give."""
        lane = seat.state.lane
        turn = lane.enter(flight.priority)
        flight.lane, flight.turn = lane, turn
        try:
            await lane.wait(turn)
            problem = seat.endpoint.problem(seat.state, seat.role)
            if problem is not None:  # the server went away while the question stood in the queue
                raise copy_of(problem)
            result = await self._tries(flight, seat, request)
        finally:
            lane.leave(turn)
        self._suspects.clear(flight.key)
        seat.endpoint.note_answer(seat.state)
        return result

    async def _tries(self, flight: Flight, seat: Seat, request: ModelRequest) -> Result:
        tally = self._figures.of(seat.method, seat.role)
        used: Counter[Failure] = Counter()
        attempts = 0
        usage = Usage()
        while True:
            try:
                await seat.endpoint.warm(seat.state)
            except ModelFailure as error:
                tally.failed(error.kind)
                raise
            attempts += 1
            try:
                reply = await self._once(seat, request)
                usage = _plus(usage, reply.usage)
                return Result(verify(reply, request, flight.question, seat.method), reply, usage, attempts)
            except ModelFailure as error:
                failure = error
            tally.failed(failure.kind)
            rule = RULES.get(failure.kind, Rule())
            more = attempts < self._settings.max_attempts and used[failure.kind] < rule.times
            changed = next_request(request, rule.change) if more else None
            if changed is None:
                raise self._conclude(flight, seat, failure)
            if failure.kind in {Failure.CRASHED, Failure.BROKEN_STREAM}:
                seat.endpoint.cool(seat.state)
            wait_s = wait_before(rule, failure, used[failure.kind], self._rng)
            used[failure.kind] += 1
            tally.retries += 1
            self._log.debug(
                "%s: %s, asked again (%s)",
                seat.role,
                failure,
                rule.change if rule.change is not Change.NOTHING else "unchanged",
            )
            request = changed
            if wait_s > 0:
                await self._clock.sleep(wait_s)

    def _conclude(self, flight: Flight, seat: Seat, failure: ModelFailure) -> ModelFailure:
        failure = self._suspects.judge(flight.key, seat.state, failure)
        failure = seat.endpoint.note_failure(seat.state, failure, is_outage(failure))
        failure.model = failure.model or seat.state.name
        return failure

    async def embed(self, seat: Seat, texts: Sequence[str]) -> Vectors:
        """Checked vectors of many texts through the queue of the embedding model. Raises ModelFailure."""
        from leadd.inference.vectors import embed_all  # noqa: PLC0415 - brings numpy, which only vectors need

        lane, tally = seat.state.lane, self._figures.of(seat.method, seat.role)
        tally.misses += 1
        turn = lane.enter(0)

        async def part(some: Sequence[str]) -> Vectors:
            async with self._passing(seat, self._settings.total_s):
                return await seat.endpoint.model.embed(seat.state.name, some, num_ctx=seat.state.num_ctx)

        try:
            await lane.wait(turn)
            await seat.endpoint.warm(seat.state)
            try:
                vectors = await embed_all(texts, part, batch=self._settings.embed_batch)
            except ModelFailure as failure:
                tally.failed(failure.kind)
                raise seat.endpoint.note_failure(seat.state, failure, is_outage(failure)) from None
        finally:
            lane.leave(turn)
        seat.endpoint.note_answer(seat.state)
        tally.answers += 1
        return vectors

    async def _once(self, seat: Seat, request: ModelRequest) -> Reply:
        async with self._passing(seat, request.total_s):
            reply = await self._call(seat, request)
        self._figures.of(seat.method, seat.role).paid(reply.usage)
        return reply

    @asynccontextmanager
    async def _passing(self, seat: Seat, total_s: float) -> AsyncIterator[None]:
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

    async def _call(self, seat: Seat, request: ModelRequest) -> Reply:
        model = seat.endpoint.model
        if not (self._settings.streaming and seat.role is Role.DOSSIER and seat.capabilities.streams):
            reply = await model.complete(request)
        else:
            whole: Reply | None = None
            async for chunk in model.stream(request):
                whole = chunk.reply or whole
            if whole is None:
                raise ModelFailure(Failure.NOT_DONE, "the stream ended without a whole answer")
            reply = whole
        if not isinstance(reply, Reply):
            raise TypeError(f"complete returned {type(reply).__name__}, not a Reply")
        return reply


def _plus(one: Usage, other: Usage) -> Usage:
    return Usage(
        one.prompt_tokens + other.prompt_tokens,
        one.output_tokens + other.output_tokens,
        one.load_ms + other.load_ms,
        one.prompt_ms + other.prompt_ms,
        one.output_ms + other.output_ms,
        one.total_ms + other.total_ms,
    )
