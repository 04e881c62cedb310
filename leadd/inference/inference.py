"""Asking models: cache, single flight, slots, success rule, retries, health, behind one method `ask`."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from leadd.api import CacheBackend, Clock, Failure, Method, Model, ModelFailure, ModelRequest, Role
from leadd.inference.calls import Caller, Seat
from leadd.inference.figures import Figures
from leadd.inference.flights import copy_of
from leadd.inference.keys import KeyMaker, Place
from leadd.inference.questions import (
    Answer,
    Availability,
    InferenceSettings,
    InferenceStats,
    Question,
    RolePlan,
    WithoutModel,
)
from leadd.inference.seats import Seating
from leadd.inference.tiers import Tiers
from leadd.inference.tower import Tower
from leadd.inference.watching import Watch, stopping

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OPEN_LIMIT_S = 2.0
"""How long `open` waits for the first health check; what takes longer is found by the next turn."""


class Inference:
    """Asks models and gives answers that passed every rule, or a ModelFailure by name. Nothing that failed is ever kept.

    The models and caches that are handed in belong to the caller, who opens and closes them; Inference owns the calls in
    flight. `turn` is to be run by a supervisor; `on_hurry` is called when the next turn is due sooner than the last one said.
    Answers read from evidence have keys and figures of their own; they are kept in the first cache tier only.
    """

    def __init__(
        self,
        models: Mapping[str, Model],
        roles: Mapping[Role, RolePlan],
        caches: Sequence[CacheBackend] = (),
        *,
        settings: InferenceSettings | None = None,
        clock: Clock,
        log: logging.Logger,
        evidence: Model | None = None,
        rng: random.Random | None = None,
    ) -> None:
        self._settings = settings or InferenceSettings()
        self._clock = clock
        self._log = log
        self._figures = Figures()
        self._keys = KeyMaker()
        self._watch = Watch(clock, self._settings.health_every_s)
        self.on_hurry: Callable[[], None] = lambda: None
        self._seating = Seating(
            models, roles, evidence, settings=self._settings, clock=clock, log=log, changed=self._watch.announce,
            hurry=lambda: self.on_hurry(),
        )  # fmt: skip
        limit_s, ttl_s = self._settings.cache_timeout_s, self._settings.cache_ttl_s
        used = caches if self._settings.cache_enabled else ()
        self._tiers = Tiers(used, clock=clock, log=log, limit_s=limit_s, ttl_s=ttl_s)
        self._caller = Caller(self._settings, clock=clock, log=log, figures=self._figures, rng=rng or random.Random())
        self._tower = Tower(
            tiers=self._tiers, caller=self._caller, figures=self._figures, key_of=self._key, clock=clock, log=log
        )

    async def open(self) -> None:
        """Ask every server once how it is; a server that is slow or gone holds the start up for two seconds at most."""
        probes = [self._tower.own(endpoint.probe(), f"probe {endpoint.name}") for endpoint in self._seating.servers]
        if probes:
            await asyncio.wait(probes, timeout=OPEN_LIMIT_S)

    async def close(self, grace_s: float = 5.0) -> None:
        """End all flights: those who wait get an outage ('leadd is stopping'), so that their signals wait for the next start.

        Answers that are already there are written to the caches within `grace_s`.
        """
        self._watch.closed = True
        self._watch.announce()
        await self._tower.close(grace_s)
        for endpoint in self._seating.endpoints:
            await endpoint.close()

    async def key_of(self, question: Question) -> str:
        """The complete cache key of a question, for whoever would answer it now (see leadd.inference.keys).

        Raises ModelFailure UNREACHABLE or MISSING_MODEL where the digest of the model is not known.
        """
        seat, problem = await self._seat_for(question.role)
        if seat.state.digest:
            return self._key(seat, self._request(seat, question), question)
        raise copy_of(problem or ModelFailure(Failure.MISSING_MODEL, "the digest is not known", model=seat.state.name))

    async def digest_of(self, role: Role) -> str:
        """What identifies the weights that would answer this role now. Raises ModelFailure like `key_of`."""
        seat, problem = await self._seat_for(role)
        if seat.state.digest:
            return seat.state.digest
        raise copy_of(problem or ModelFailure(Failure.MISSING_MODEL, "the digest is not known", model=seat.state.name))

    async def ask(self, question: Question) -> Answer:
        """The answer: out of the cache, out of a flight with the same question, or from the model.

        Raises ModelFailure. `is_outage` tells whether the server is at fault (wait with `wait_available`) or the text is
        charged. Cancelling an asker harms nobody else, and what was begun is finished and kept.
        """
        if self._watch.closed:
            raise stopping()
        seat, problem = await self._seat_for(question.role)
        planned = self._seating.planned(question.role)
        if planned is not None and planned.state.digest and (problem is not None or seat is not planned):
            # A kept answer of the model is better than evidence, and as good as ever while the model is away.
            key = self._key(planned, self._request(planned, question), question)
            known = await self._tower.recall(planned, question, key)
            if known is not None:
                return known
        if problem is not None:
            raise copy_of(problem)
        if seat.method is Method.MODEL and not (question.messages and question.messages[-1].content.strip()):
            raise ModelFailure(Failure.EMPTY, "there is nothing to ask", model=seat.state.name)
        request = self._request(seat, question)
        key = self._key(seat, request, question)
        return await self._tower.fetch(seat, request, question, key)

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of shape (len(texts), d), unit length, in input order. Raises ModelFailure; see `vectors.embed_all`."""
        if self._watch.closed:
            raise stopping()
        seat, problem = await self._seat_for(Role.EMBED)
        if problem is not None:
            raise copy_of(problem)
        return await self._caller.embed(seat, texts)

    def availability(self, role: Role) -> Availability:
        """Whether a role can be asked now and by whom; the reason where it cannot, or only by evidence."""
        return self._seating.availability(role)

    async def wait_available(self, role: Role, method: Method | None = None) -> Availability:
        """Return once the role can be asked (by `method`, where one is named). Probes by itself when probes are due."""
        return await self._watch.wait_available(self._seating, role, method)

    async def changed(self) -> None:
        """Return when what can be asked, and by whom, may have changed. Probes by itself when probes are due."""
        await self._watch.changed(self._seating)

    @property
    def revision(self) -> str:
        """Another text whenever other weights, or evidence instead of a model, would answer. Short outages do not change it."""
        return self._seating.revision()

    def count_recall(self, method: str) -> None:
        """Count an answer that the caller had kept by itself, as a hit of triage, so that the figures of the cache hold it."""
        if method in set(Method):
            self._figures.of(Method(method), Role.TRIAGE).hits += 1

    def set_without_model(self, policy: WithoutModel) -> None:
        """Change what happens while no language model can be asked."""
        self._seating.without_model = policy
        self._watch.announce()

    def health(self) -> list[dict[str, Any]]:
        """Each model server as it is: reachable and why not, version, latency, its models with digest and queue."""
        return self._seating.health()

    async def turn(self) -> float:
        """Probe the servers whose time has come; seconds until the next turn is due.

        A healthy server is asked every `health_every_s`; one that is down or lacks a model after 1 s, doubled up to 15 s.
        """
        return await self._watch.turn(self._seating)

    async def look_again(self) -> None:
        """Ask every server now how it is, before its time: a person has just changed something there."""
        await asyncio.gather(*(endpoint.probe() for endpoint in self._seating.servers))
        self.on_hurry()

    def stats(self) -> InferenceStats:
        """All figures since the start."""
        endpoints = self._seating.endpoints
        lanes = [state.lane for endpoint in endpoints for state in endpoint.states.values()]
        return InferenceStats(
            roles=self._figures.snapshot(Method.MODEL, Role),
            evidence=self._figures.snapshot(Method.EVIDENCE, ()),
            in_flight=sum(lane.busy for lane in lanes),
            waiting=sum(lane.waiting for lane in lanes),
            flights=self._tower.flying,
            preloads=sum(endpoint.preloads for endpoint in endpoints),
            preload_failures=sum(endpoint.preload_failures for endpoint in endpoints),
            cache_dropped=self._tiers.dropped,
            cache_faults=self._tiers.faults,
            probes=sum(endpoint.probes for endpoint in endpoints),
        )

    async def clear_cache(self) -> int:
        """Forget all kept answers; the number of entries dropped, over all tiers."""
        return await self._tiers.clear()

    async def cache_stats(self) -> list[dict[str, Any]]:
        """Figures of each cache tier: name, faults, rests, and what the tier itself tells (entries, hits, misses …)."""
        return await self._tiers.stats()

    async def _seat_for(self, role: Role) -> tuple[Seat, ModelFailure | None]:
        """Who is asked now; where nobody can be, the planned seat and why. Raises ModelFailure where none is planned."""
        planned = self._seating.planned(role)
        problem = self._seating.problem(role)
        if planned is not None and problem is not None and self._clock.monotonic_s() >= planned.endpoint.next_due_s():
            await planned.endpoint.turn()
            problem = self._seating.problem(role)
        if planned is not None and problem is None:
            return planned, None
        reader = self._seating.evidence(role)
        if reader is not None:
            if not reader.endpoint.probes or reader.endpoint.problem(reader.state, role) is not None:
                await reader.endpoint.turn()
            lack = reader.endpoint.problem(reader.state, role)
            if lack is None or planned is None:
                return reader, lack
        if planned is None:
            raise copy_of(problem or ModelFailure(Failure.MISSING_MODEL, f"no model is set for {role}"))
        return planned, problem

    def _request(self, seat: Seat, question: Question) -> ModelRequest:
        cap = seat.plan.max_tokens
        return ModelRequest(
            role=question.role,
            model=seat.state.name,
            messages=question.messages,
            max_tokens=question.max_tokens if cap is None else min(cap, question.max_tokens),
            num_ctx=seat.state.num_ctx,
            # A schema bounds what a language model may write. A reader of evidence knows the shape of answers by itself, and
            # would only lose what the prompt does not ask for (its probability, its reasons) or have it cut.
            schema=question.schema if seat.method is Method.MODEL else None,
            options={"temperature": float(seat.plan.temperature), **question.options},
            subject=question.subject,
            idle_s=self._settings.idle_s,
            total_s=self._settings.total_s,
        )

    def _key(self, seat: Seat, request: ModelRequest, question: Question) -> str:
        place = Place(seat.method, seat.endpoint.model.name, seat.state.digest, seat.plan.quantization)
        return self._keys.key(place, request, question)
