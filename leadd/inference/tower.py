"""The flights that are on their way, and the cache before them: whoever asks what was asked gets what comes of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from leadd.api import Clock, Failure, Method, ModelFailure, ModelRequest, Usage
from leadd.inference.answers.success import parse, to_text
from leadd.inference.cache.claims import Claims
from leadd.inference.cache.entries import REFUSALS, Kept, Refused, encode_answer, encode_refusal, kept_provenance
from leadd.inference.cache.tiers import Tiers
from leadd.inference.calls import Caller, Result
from leadd.inference.failover import Course, instead_of
from leadd.inference.figures import Figures
from leadd.inference.flights import Flight, Landing, Outcome, copy_of
from leadd.inference.lanes.phases import PERSON_PRIORITY
from leadd.inference.questions import Answer, CacheClass, Progress, Provenance, Question
from leadd.inference.requests import Requests
from leadd.inference.servers.seats import Seat, Seating
from leadd.inference.servers.watching import stopping


class Tower:
    """Owns the flights. Each ends in exactly one outcome for all its askers: an answer, or a failure by name."""

    def __init__(
        self,
        *,
        tiers: Tiers,
        caller: Caller,
        figures: Figures,
        seating: Seating,
        requests: Requests,
        lease_s: float,
        clock: Clock,
        log: logging.Logger,
    ) -> None:
        self.closed = False
        self._tiers = tiers
        self._caller = caller
        self._figures = figures
        self._seating = seating
        self._requests = requests
        self._lease_s = lease_s
        self._clock = clock
        self._log = log
        self._flights: dict[str, Flight] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self.claims = Claims(tiers, clock=clock, own=self.own, lease_s=lease_s)

    @property
    def flying(self) -> int:
        """Questions on their way."""
        return len(set(self._flights.values()))

    async def recall(self, seat: Seat, question: Question, key: str, progress: Progress | None = None) -> Answer | None:
        """A kept answer out of any tier, or None."""
        kept = await self._tiers.get(key, seat.method, question.check)
        return self._hit(seat, kept, key, question, progress) if isinstance(kept, Kept) else None

    async def fetch(
        self, seat: Seat, request: ModelRequest, question: Question, key: str, progress: Progress | None = None
    ) -> Answer:
        """The answer out of the cache, out of a flight with the same question, or out of a new one. Raises ModelFailure."""
        if key not in self._flights:
            kept = await self._tiers.get_first(key, seat.method, question.check)
            if isinstance(kept, Kept):
                return self._hit(seat, kept, key, question, progress)
            if kept is not None and not question.again:
                self._figures.of(seat.method, question.role).hits += 1
                raise kept.failure()
        flight = self._flights.get(key)
        is_leader = flight is None
        if flight is None:
            flight = self._take_off(seat, request, question, key)
        if progress is not None:
            flight.listen(progress)
        return await (self._lead if is_leader else self._come_along)(flight, seat, question)

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

    def _hit(self, seat: Seat, kept: Kept, key: str, question: Question, progress: Progress | None) -> Answer:
        self._figures.of(seat.method, question.role).hits += 1
        if progress is not None:
            for name, value in kept.data.items():
                progress(name, value)
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
        return self._copy(outcome.text, origin, cache, question)

    async def _fly(self, flight: Flight, seat: Seat, request: ModelRequest) -> None:
        keys = [flight.key]
        failed: ModelFailure | None = None
        try:
            known = await self._known(flight, seat)
            if known is not None:
                flight.land(known)
                return
            await self._ask(flight, seat, request, keys)
        except ModelFailure as failure:
            failed = failure
            flight.land(failure)
        except asyncio.CancelledError:
            flight.land(stopping())
            raise
        except Exception as error:
            self._log.exception("a question of %s failed by a bug of leadd", flight.question.role)
            flight.land(ModelFailure(Failure.CRASHED, f"a bug of leadd: {error!r}", model=seat.state.name))
        finally:
            await self.claims.end(flight.key, failed)
            self._let_go(flight, keys)

    async def _known(self, flight: Flight, seat: Seat) -> Outcome | None:
        """What a lower tier has, or what another process finds out just now. None: nobody knows, and it is ours to ask."""
        question, key = flight.question, flight.key
        kept = await self._tiers.get(key, seat.method, question.check, first=1)
        if kept is None or (isinstance(kept, Refused) and question.again):
            found = await self.claims.turn(
                key, seat.method, question.check,
                patience_s=lambda: self._lease_s if flight.priority >= PERSON_PRIORITY else None,
            )  # fmt: skip
            if isinstance(found, ModelFailure):
                return found
            kept = None if isinstance(found, Refused) and question.again else found
        if isinstance(kept, Refused):
            return kept.failure()
        return None if kept is None else self._landing(kept, key, question)

    async def _ask(self, flight: Flight, seat: Seat, request: ModelRequest, keys: list[str]) -> None:
        """Ask the candidates in order until the flight has landed. Raises ModelFailure where none of them answers."""
        question = flight.question
        self._figures.of(seat.method, question.role).misses += 1
        course = Course(flight, seat, request, seating=self._seating, requests=self._requests, figures=self._figures)
        while True:
            try:
                result = await course.ask(self._caller)
            except ModelFailure as failure:
                if failure.kind in REFUSALS and not course.has_moved:
                    await self._keep_refusal(flight, course, failure)
                raise
            if result is not None:
                await self._touch_down(flight, course, result)
                return
            known = await self._known_elsewhere(flight, course, keys)
            if known is not None:
                flight.land(known)
                return

    async def _keep_refusal(self, flight: Flight, course: Course, failure: ModelFailure) -> None:
        seat, key = course.seat, flight.key
        if seat.method is not Method.MODEL:
            return
        if isinstance(await self._tiers.get_common(key, seat.method, flight.question.check), Kept):
            return  # another process has the answer: it is worth more than the refusal
        parts = self._requests.parts(seat, course.request, flight.question)
        value = encode_refusal(key, parts, failure, self._clock.now_ms())
        await self._tiers.put_first(key, seat.method, value, "refusal")
        await self._tiers.put_rest(key, seat.method, value, "refusal")

    async def _known_elsewhere(self, flight: Flight, course: Course, keys: list[str]) -> Outcome | None:
        """What the next candidate has said already, or is just being asked by another flight; None: this one asks it."""
        key = course.key
        other = self._flights.get(key)
        if other is not None and other is not flight:
            self._let_go(flight, keys)  # nobody waits for one who waits himself: so no two flights ever wait for each other
            await self.claims.end(flight.key)  # nor do two processes: who waits for our claim may be whom the other waits for
            outcome = await flight.come_along(other)
            return outcome if isinstance(outcome, ModelFailure) else self._shared(outcome, flight.question)
        self._flights[key] = flight
        if key not in keys:
            keys.append(key)
        kept = await self._tiers.get(key, course.seat.method, flight.question.check)
        if not isinstance(kept, Kept):
            return None
        self._figures.of(course.seat.method, flight.question.role).misses -= 1  # it is counted as a hit
        return self._landing(kept, key, flight.question)

    def _shared(self, landing: Landing, question: Question) -> Landing:
        origin = landing.answer.provenance
        cache: CacheClass = "hit" if origin.cache == "hit" else "shared"
        return Landing(self._copy(landing.text, origin, cache, question), landing.text)

    def _copy(self, text: str, origin: Provenance, cache: CacheClass, question: Question) -> Answer:
        """An answer that somebody else has paid for, for this asker alone: read again, and seen by its own check."""
        try:
            data = dict(question.check(parse(text)))
        except ValueError as error:
            raise ModelFailure(Failure.SCHEMA, str(error)[:300], raw=text, model=origin.model) from None
        provenance = replace(origin, cache=cache, usage=Usage(), wait_ms=0.0, prompt_label=question.prompt_label)
        return Answer(data, provenance)

    async def _touch_down(self, flight: Flight, course: Course, result: Result) -> None:
        provenance = self._provenance(flight, course, result)
        key, method = provenance.key, provenance.method
        request = replace(course.request, num_ctx=result.request.num_ctx)
        parts = self._requests.parts(course.seat, course.request if key == flight.key else request, flight.question)
        value = encode_answer(key, parts, result.verified.text, provenance)
        await self._tiers.put_first(key, method, value)
        flight.land(Landing(Answer(result.verified.data, provenance), result.verified.text))
        await self._tiers.put_rest(key, method, value)

    def _let_go(self, flight: Flight, keys: list[str]) -> None:
        for key in keys:
            if self._flights.get(key) is flight:
                del self._flights[key]

    def _landing(self, kept: Kept, key: str, question: Question) -> Landing:
        return Landing(Answer(kept.data, kept_provenance(kept, key, question.prompt_label)), to_text(kept.data))

    def _provenance(self, flight: Flight, course: Course, result: Result) -> Provenance:
        seat, question, reply, key = course.seat, flight.question, result.reply, flight.key
        moved = seat.endpoint.note_digest(seat.state, reply.digest)
        if moved or course.has_moved or result.request.num_ctx != course.request.num_ctx:
            # the answer belongs to the weights that gave it, and to the window that they had
            key = self._requests.key(seat, replace(course.request, num_ctx=result.request.num_ctx), question)
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
            wait_ms=result.wait_ms,
            instead_of=instead_of(self._seating, seat, question.role),
        )

    def own(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run a piece of work as a task that `close` ends."""
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
