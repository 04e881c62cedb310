"""Asking models: cache, single flight, slots, success rule, retries, health, behind one method `ask`."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import random
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from leadd.api import CacheBackend, Clock, Failure, Method, Model, ModelFailure, Role
from leadd.inference.budget import USUAL_CHARS_PER_TOKEN, reuse_limit
from leadd.inference.cache import exchange
from leadd.inference.cache.likeness import CacheWhy, look
from leadd.inference.cache.tiers import Lifetimes, Tiers
from leadd.inference.calls import Caller
from leadd.inference.embedding import Embedder
from leadd.inference.figures import Figures
from leadd.inference.flights import copy_of
from leadd.inference.questions import (
    Answer,
    Availability,
    InferenceSettings,
    InferenceStats,
    Progress,
    Question,
    RolePlan,
    WithoutModel,
)
from leadd.inference.requests import Requests
from leadd.inference.servers.rows import server_row
from leadd.inference.servers.seats import Plans, Seat, Seating
from leadd.inference.servers.watching import Watch, stopping
from leadd.inference.tower import Tower

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

OPEN_LIMIT_S = 2.0
"""How long `open` waits for the first health check; what takes longer is found by the next turn."""


class Inference:
    """Asks models and gives answers that passed every rule, or a ModelFailure by name. Nothing that failed is ever kept.

    The models and caches that are handed in belong to the caller, who opens and closes them; Inference owns the calls in
    flight. A role may have several candidates, asked in order: the next one answers while those before it cannot, and the first
    one again as soon as it can. `turn` is to be run by a supervisor; `on_hurry` is called when the next turn is due sooner than
    the last one said.
    Answers read from evidence have keys and figures of their own; they are kept in the first cache tier only.
    """

    def __init__(
        self,
        models: Mapping[str, Model],
        roles: Plans,
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
        self._requests = Requests(self._settings)
        self._watch = Watch(clock, self._settings.health_every_s)
        self.on_hurry: Callable[[], None] = lambda: None
        self._seating = Seating(
            models, roles, evidence, settings=self._settings, clock=clock, log=log, changed=self._watch.announce,
            hurry=lambda: self.on_hurry(),
        )  # fmt: skip
        s = self._settings
        lives = Lifetimes(s.cache_ttl_s, s.cache_refusal_ttl_s, s.cache_vector_ttl_s, s.cache_role_ttl_s)
        used = caches if s.cache_enabled else ()
        self._tiers = Tiers(used, clock=clock, log=log, limit_s=s.cache_timeout_s, lives=lives)
        self._caller = Caller(self._settings, clock=clock, log=log, figures=self._figures, rng=rng or random.Random())
        self._embedder = Embedder(
            self._settings, caller=self._caller, seating=self._seating, figures=self._figures, tiers=self._tiers, clock=clock
        )
        self._tower = Tower(
            tiers=self._tiers, caller=self._caller, figures=self._figures, seating=self._seating, requests=self._requests,
            lease_s=s.cache_lease_s, clock=clock, log=log,
        )  # fmt: skip

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
        """The complete cache key of a question, for whoever would answer it now (see leadd.inference.cache.keys).

        Raises ModelFailure UNREACHABLE or MISSING_MODEL where the digest of the model is not known.
        """
        return self._key(await self._known_seat(question.role), question)

    async def keys_of(self, question: Question) -> tuple[str, ...]:
        """The keys that an answer to a question may be kept under: `key_of`, then those of the role's other candidates."""
        first = await self.key_of(question)
        others = [self._key(seat, question) for seat in self._seating.seats(question.role) if seat.state.digest]
        return tuple(dict.fromkeys((first, *others)))

    async def digest_of(self, role: Role) -> str:
        """What identifies the weights that would answer this role now. Raises ModelFailure like `key_of`."""
        return (await self._known_seat(role)).state.digest

    def digests_of(self, role: Role) -> frozenset[str]:
        """What identifies the weights of all the role's candidates, as far as they are known."""
        return frozenset(seat.state.digest for seat in self._seating.seats(role) if seat.state.digest)

    async def ask(self, question: Question, *, progress: Progress | None = None) -> Answer:
        """The answer: out of the cache, out of a flight with the same question, or from a model.

        Raises ModelFailure. `is_outage` tells whether the servers are at fault (wait with `wait_available`) or the text is
        charged. Cancelling an asker harms nobody else, and what was begun is finished and kept. `progress` is told of the
        answer's fields as they are complete, all of them in the end, whichever way the answer comes.
        """
        if self._watch.closed:
            raise stopping()
        role = question.role
        seat, problem = await self._seat_for(role)
        if problem is not None or seat is not self._seating.planned(role):
            known = await self._known_of_better(seat, problem, question, progress)
            if known is not None:
                return known
        if problem is not None:
            raise copy_of(problem)
        if seat.method is Method.MODEL and not (question.messages and question.messages[-1].content.strip()):
            raise ModelFailure(Failure.EMPTY, "there is nothing to ask", model=seat.state.name)
        request = self._requests.make(seat, question)
        key = self._requests.key(seat, request, question)
        return await self._tower.fetch(seat, request, question, key, progress)

    def planned(self, role: Role) -> tuple[RolePlan, Model] | None:
        """The first choice for a role and its server, whether or not it can be asked now; None where none is set."""
        seat = self._seating.planned(role)
        return None if seat is None else (seat.plan, seat.endpoint.model)

    async def ask_with(self, plan: RolePlan, question: Question) -> Answer:
        """The answer of one certain model, which need not be a candidate of the role. Raises ModelFailure, also where another
        one had to step in."""
        seat = self._seating.guest(question.role, plan)
        if seat is None:
            raise ModelFailure(Failure.MISSING_MODEL, f"no model server is named '{plan.use}'", model=plan.model)
        if not seat.state.digest:
            await self.look_again()
        problem = seat.problem
        if problem is not None:
            raise copy_of(problem)
        request = self._requests.make(seat, question)
        answer = await self._tower.fetch(seat, request, question, self._requests.key(seat, request, question), None)
        if answer.provenance.digest != seat.state.digest:
            raise ModelFailure(Failure.MISSING_MODEL, f"{answer.provenance.model} answered instead", model=plan.model)
        return answer

    def prefer(self, role: Role, plan: RolePlan) -> None:
        """Ask this model first for a role from now on. Raises ModelFailure where its server has no role."""
        seat = self._seating.guest(role, plan)
        if seat is None:
            raise ModelFailure(Failure.MISSING_MODEL, f"no model server is named '{plan.use}'", model=plan.model)
        self._seating.put_first(seat)

    def forget(self, role: Role, plan: RolePlan) -> None:
        """Ask this model no longer for a role."""
        self._seating.take_away(role, plan.use, plan.model)

    async def known(self, question: Question) -> Answer | None:
        """A kept answer of any of the role's models, or None. Nobody is asked."""
        for seat in self._seating.seats(question.role):
            if seat.state.digest:
                found = await self._tower.recall(seat, question, self._key(seat, question))
                if found is not None:
                    return found
        return None

    async def embed(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Vectors of shape (len(texts), d), unit length, in input order. Raises ModelFailure; see `vectors.embed_all`.

        Where another candidate had to step in, they are vectors of its space: `digest_of` says whose it would be now.
        """
        if self._watch.closed:
            raise stopping()
        seat, problem = await self._seat_for(Role.EMBED)
        if problem is not None:
            raise copy_of(problem)
        return await self._embedder.embed(seat, texts)

    def settings_of(self, role: Role) -> dict[str, str]:
        """What the role's candidates are asked with (server, model, temperature, window, token cap, quantization), as a hash by
        the digest of their weights, as far as that is known: all of a key that is neither the prompt's nor the text's.

        The window is that of the settings; a smaller one, for want of memory, does not show.
        """
        told: dict[str, list[str]] = {}
        for seat in self._seating.seats(role):
            plan, state = seat.plan, seat.state
            if state.digest:
                asked = [seat.endpoint.model.name, state.name, plan.temperature, state.full_ctx, plan.max_tokens]
                told.setdefault(state.digest, []).append(json.dumps([*asked, plan.quantization]))
        return {digest: hashlib.sha256("\x1f".join(sorted(own)).encode()).hexdigest()[:16] for digest, own in told.items()}

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
    def owner(self) -> str:
        """What this Inference is called in the claims of a cache that others share."""
        return self._tower.claims.owner

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
        """Each model server as it is (see `rows`): level, latency, breakers, its models with digest, slots and queue."""
        return [server_row(endpoint) for endpoint in self._seating.servers]

    def chars_per_token(self, role: Role) -> float:
        """Characters per token that budgets for this role are made with (see `budget.CharsPerToken`)."""
        return min((seat.state.chars.value for seat in self._present(role)), default=USUAL_CHARS_PER_TOKEN)

    def token_budget(self, role: Role) -> int:
        """The soft total of tokens for one call of this role, prompt and answer (see `budget.reuse_limit`); 0: no model."""
        return min(
            (
                max(1, reuse_limit(seat.state.name, seat.state.num_ctx, seat.plan.max_tokens or 0) - seat.plan.example_tokens)
                for seat in self._present(role)
            ),
            default=0,
        )

    def calibrations(self) -> dict[str, float]:
        """What was learnt of models and is worth keeping: characters per token by digest."""
        states = [state for endpoint in self._seating.servers for state in endpoint.states.values()]
        return {state.digest: state.chars.value for state in states if state.digest and state.chars.observations}

    def restore(self, calibrations: Mapping[str, float]) -> None:
        """Take up what an earlier run had learnt; models that are not known yet get it when they are."""
        for endpoint in self._seating.servers:
            endpoint.learnt.update(calibrations)
            for state in endpoint.states.values():
                if state.digest in calibrations and not state.chars.observations:
                    state.chars.restore(calibrations[state.digest])

    async def turn(self) -> float:
        """Probe the servers whose time has come; seconds until the next turn is due.

        A healthy server is looked at every `health_every_s`; one that is down or lacks a model, and a model that did not
        answer well, after 1 s, doubled up to 15 s, or up to 3 s while there is work for it.
        """
        return await self._watch.turn(self._seating)

    async def look_again(self) -> None:
        """Ask every server now how it is, before its time: a person has just changed something there."""
        for endpoint in self._seating.servers:
            endpoint.look_again()
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
            cache_waited=self._tower.claims.waited,
            cache_taken_over=self._tower.claims.taken_over,
            probes=sum(endpoint.probes for endpoint in endpoints),
        )

    async def clear_cache(self) -> int:
        """Forget all kept answers; the number of entries dropped, each counted once."""
        return await self._tiers.clear()

    async def cache_why(self, question: Question) -> CacheWhy:
        """What the cache has for a question as it would be asked now; where it has nothing, what is most like it."""
        try:
            seat = await self._known_seat(question.role)
        except ModelFailure as failure:
            return CacheWhy(question.role.value, "", {}, problem=failure.message)
        request = self._requests.make(seat, question)
        key = self._requests.key(seat, request, question)
        return await look(self._tiers, key, self._requests.parts(seat, request, question))

    async def cache_export(self) -> AsyncGenerator[dict[str, Any], None]:
        """Every kept answer, refusal and vector, one plain object each (see leadd.inference.cache.exchange)."""
        async for _, entry in self._tiers.scan():
            if not entry.key.startswith(exchange.NOTE):
                yield exchange.pack(entry)

    async def cache_import(self, row: Mapping[str, Any]) -> None:
        """Keep an entry of an export. Raises ValueError with the reason where it is none."""
        await self._tiers.put_entry(exchange.unpack(row, self._tiers.lives))

    async def cache_stats(self) -> list[dict[str, Any]]:
        """Figures of each cache tier: name, faults, rests, and what the tier itself tells (entries, hits, misses …)."""
        return await self._tiers.stats()

    def _present(self, role: Role) -> list[Seat]:
        """The first choice, and who stands in for it now: a text has to fit both, and to look the same for both."""
        planned, acting = self._seating.planned(role), self._seating.choose(role)
        return [seat for seat in dict.fromkeys((planned, acting)) if seat is not None]

    async def _seat_for(self, role: Role) -> tuple[Seat, ModelFailure | None]:
        """Who is asked now; where nobody can be, the planned seat and why. Raises ModelFailure where none is planned."""
        seats = self._seating.seats(role)
        seat = self._seating.choose(role)
        if seat is None and seats:
            await self._watch.look(seats)
            seat = self._seating.choose(role)
        if seat is not None and seat is seats[0]:
            return seat, None
        for better in seats:
            if better is seat:
                return better, None
            better.endpoint.want(better.state)
        problem = self._seating.problem(role)
        reader = self._seating.evidence(role)
        if reader is not None:
            if not reader.endpoint.probes or reader.problem is not None:
                await self._watch.look((reader,))
            lack = reader.problem
            if lack is None or not seats:
                return reader, lack
        if not seats:
            raise copy_of(problem or ModelFailure(Failure.MISSING_MODEL, f"no model is set for {role}"))
        return seats[0], problem or ModelFailure(Failure.UNREACHABLE, "nobody can be asked", model=seats[0].state.name)

    async def _known_seat(self, role: Role) -> Seat:
        seat, problem = await self._seat_for(role)
        if seat.state.digest:
            return seat
        raise copy_of(problem or ModelFailure(Failure.MISSING_MODEL, "the digest is not known", model=seat.state.name))

    async def _known_of_better(
        self, seat: Seat, problem: ModelFailure | None, question: Question, progress: Progress | None
    ) -> Answer | None:
        """A kept answer of a candidate before `seat`: better than one of evidence or of a stand-in, and as good as ever."""
        for better in self._seating.seats(question.role):
            if better is seat and problem is None:
                return None
            if better.state.digest:
                known = await self._tower.recall(better, question, self._key(better, question), progress)
                if known is not None:
                    return known
        return None

    def _key(self, seat: Seat, question: Question) -> str:
        return self._requests.key(seat, self._requests.make(seat, question), question)
