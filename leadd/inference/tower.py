"""The flights that are on their way, and the cache before them: whoever asks what was asked gets what comes of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from leadd.api import Clock, Failure, ModelFailure, ModelRequest, Usage
from leadd.inference.calls import Caller, Result, Seat
from leadd.inference.figures import Figures
from leadd.inference.flights import Flight, Landing, copy_of
from leadd.inference.questions import Answer, CacheClass, Provenance, Question
from leadd.inference.success import parse, to_text
from leadd.inference.tiers import Kept, Tiers, encode, kept_provenance
from leadd.inference.watching import stopping

KeyOf = Callable[[Seat, ModelRequest, Question], str]


class Tower:
    """Owns the flights. Each ends in exactly one outcome for all its askers: an answer, or a failure by name."""

    def __init__(
        self, *, tiers: Tiers, caller: Caller, figures: Figures, key_of: KeyOf, clock: Clock, log: logging.Logger
    ) -> None:
        self.closed = False
        self._tiers = tiers
        self._caller = caller
        self._figures = figures
        self._key_of = key_of
        self._clock = clock
        self._log = log
        self._flights: dict[str, Flight] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def flying(self) -> int:
        """Questions on their way."""
        return len(self._flights)

    async def recall(self, seat: Seat, question: Question, key: str) -> Answer | None:
        """A kept answer out of any tier, or None."""
        kept = await self._tiers.get(key, seat.method, question.check)
        return None if kept is None else self._hit(seat, kept, key, question)

    async def fetch(self, seat: Seat, request: ModelRequest, question: Question, key: str) -> Answer:
        """The answer out of the cache, out of a flight with the same question, or out of a new one. Raises ModelFailure."""
        if key not in self._flights:
            kept = await self._tiers.get_first(key, seat.method, question.check)
            if kept is not None:
                return self._hit(seat, kept, key, question)
        flight = self._flights.get(key)
        if flight is not None:
            return await self._come_along(flight, seat, question)
        return await self._lead(self._take_off(seat, request, question, key), seat, question)

    async def close(self, grace_s: float) -> None:
        """End all flights; answers that are there are written to the caches within `grace_s`."""
        self.closed = True
        writing = {flight.task for flight in self._flights.values() if flight.outcome is not None}
        for flight in list(self._flights.values()):
            flight.land(stopping())  # also where its task never began, and so never could land it
        tasks = list(self._tasks)
        for task in tasks:
            if task not in writing:
                task.cancel()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=grace_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self._flights.clear()

    def _hit(self, seat: Seat, kept: Kept, key: str, question: Question) -> Answer:
        self._figures.of(seat.method, question.role).hits += 1
        return Answer(kept.data, kept_provenance(kept, key, question.prompt_label))

    def _take_off(self, seat: Seat, request: ModelRequest, question: Question, key: str) -> Flight:
        if self.closed:  # while this asker stood at the cache
            raise stopping()
        flight = self._flights[key] = Flight(question, key)
        flight.task = self.own(self._fly(flight, seat, request), f"ask {question.role}")
        return flight

    async def _lead(self, flight: Flight, seat: Seat, question: Question) -> Answer:
        outcome = await flight.wait(question.priority)
        if isinstance(outcome, ModelFailure):
            raise copy_of(outcome)
        if outcome.answer.provenance.cache == "hit":
            self._figures.of(seat.method, question.role).hits += 1
        return outcome.answer

    async def _come_along(self, flight: Flight, seat: Seat, question: Question) -> Answer:
        landed = flight.outcome is not None
        outcome = await flight.wait(question.priority)
        tally = self._figures.of(seat.method, question.role)
        if isinstance(outcome, ModelFailure):
            tally.shared += 1
            raise copy_of(outcome)
        origin = outcome.answer.provenance
        cache: CacheClass = "hit" if landed or origin.cache == "hit" else "shared"
        if cache == "hit":
            tally.hits += 1
        else:
            tally.shared += 1
        try:
            data = dict(question.check(parse(outcome.text)))  # a copy of its own, made by its own check
        except ValueError as error:
            raise ModelFailure(Failure.SCHEMA, str(error)[:300], raw=outcome.text, model=origin.model) from None
        provenance = replace(origin, cache=cache, usage=Usage(), prompt_label=question.prompt_label)
        return Answer(data, provenance)

    async def _fly(self, flight: Flight, seat: Seat, request: ModelRequest) -> None:
        question, key = flight.question, flight.key
        try:
            kept = await self._tiers.get_rest(key, seat.method, question.check)
            if kept is not None:
                answer = Answer(kept.data, kept_provenance(kept, key, question.prompt_label))
                flight.land(Landing(answer, to_text(kept.data)))
                return
            self._figures.of(seat.method, question.role).misses += 1
            result = await self._caller.answer(flight, seat, request)
            provenance = self._provenance(seat, request, question, key, result)
            value = encode(provenance.key, result.verified.text, provenance)
            await self._tiers.put_first(provenance.key, seat.method, value)
            flight.land(Landing(Answer(result.verified.data, provenance), result.verified.text))
            await self._tiers.put_rest(provenance.key, seat.method, value)
        except ModelFailure as failure:
            flight.land(failure)
        except asyncio.CancelledError:
            flight.land(stopping())
            raise
        except Exception as error:
            self._log.exception("a question of %s failed by a bug of leadd", question.role)
            flight.land(ModelFailure(Failure.CRASHED, f"a bug of leadd: {error!r}", model=seat.state.name))
        finally:
            if self._flights.get(key) is flight:
                del self._flights[key]

    def _provenance(self, seat: Seat, request: ModelRequest, question: Question, key: str, result: Result) -> Provenance:
        reply = result.reply
        if seat.endpoint.note_digest(seat.state, reply.digest):
            key = self._key_of(seat, request, question)  # the tag moved: the answer belongs to the weights that gave it
        self._figures.of(seat.method, question.role).answers += 1
        return Provenance(
            method=seat.method,
            model=reply.model or seat.state.name,
            digest=seat.state.digest,
            server_version=reply.server_version or seat.endpoint.health.version,
            key=key,
            cache="miss",
            prompt_label=question.prompt_label,
            prompt_hash=question.prompt_hash,
            done_reason=reply.done_reason,
            usage=result.usage,
            attempts=result.attempts,
            answered_at_ms=self._clock.now_ms(),
        )

    def own(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run a piece of work as a task that `close` ends."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
