"""Who plays which role: the candidates in order, the reader of evidence beside them, and who is asked now."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from leadd.api import Capabilities, Clock, Failure, Method, Model, ModelFailure, Role
from leadd.inference.lanes.slots import Lane
from leadd.inference.questions import Availability, InferenceSettings, RolePlan
from leadd.inference.servers.endpoints import Endpoint
from leadd.inference.servers.states import ModelState, make_state

Plans = Mapping[Role, RolePlan | Sequence[RolePlan]]


@dataclass(frozen=True, slots=True, eq=False)
class Seat:
    """A role and one who may play it: the plan, the server, the model's state there."""

    role: Role
    plan: RolePlan
    endpoint: Endpoint
    state: ModelState
    method: Method

    @property
    def capabilities(self) -> Capabilities:
        return self.endpoint.capabilities

    @property
    def name(self) -> str:
        """`server/model`."""
        return f"{self.endpoint.name}/{self.state.name}"

    @property
    def problem(self) -> ModelFailure | None:
        """Why it cannot be asked now, or None."""
        return self.endpoint.problem(self.state, self.role)

    @property
    def trouble(self) -> str:
        """What speaks against asking it now, in words; '' where nothing does."""
        found = self.problem or self.state.breaker.failure or self.endpoint.breaker.failure
        if found is not None:
            return found.message
        return f"{self.name} is being loaded" if self.is_second_choice else ""

    @property
    def is_second_choice(self) -> bool:
        """Whether somebody else should rather be asked now, where there is somebody."""
        return self.endpoint.is_second_choice(self.state)


class Seating:
    """The servers with their models, and the seats of each role in the order in which they are asked."""

    def __init__(
        self,
        models: Mapping[str, Model],
        roles: Plans,
        evidence: Model | None,
        *,
        settings: InferenceSettings,
        clock: Clock,
        log: logging.Logger,
        changed: Callable[[], None],
        hurry: Callable[[], None],
    ) -> None:
        self.without_model = settings.without_model
        self._settings = settings
        self._clock = clock
        self._log = log
        self._changed = changed
        self._hurry = hurry
        self._servers: dict[str, Endpoint] = {}
        self._seats: dict[Role, tuple[Seat, ...]] = {}
        self._unnamed: dict[Role, str] = {}
        self._evidence_server: Endpoint | None = None
        self._evidence_seats: dict[Role, Seat] = {}
        for role, plans in roles.items():
            self._seats[role] = self._candidates(role, [plans] if isinstance(plans, RolePlan) else plans, models)
        if evidence is not None:
            self._seat_evidence(evidence)

    @property
    def servers(self) -> list[Endpoint]:
        """Every model server that has a role."""
        return list(self._servers.values())

    @property
    def endpoints(self) -> list[Endpoint]:
        """The servers and the reader of evidence, which is asked how it is only once it is needed: that may load vectors."""
        extra = [self._evidence_server] if self._evidence_server is not None else []
        return [*self._servers.values(), *extra]

    def seats(self, role: Role) -> tuple[Seat, ...]:
        """The candidates of a role in order, without optional ones that are not there."""
        seats = self._seats.get(role, ())
        if len(seats) < 2:
            return seats
        return tuple(seat for seat in seats if not (seat.plan.optional and seat.state.missing is not None)) or seats[-1:]

    def planned(self, role: Role) -> Seat | None:
        """The first choice for a role, whether or not it can be asked now."""
        seats = self.seats(role)
        return seats[0] if seats else None

    def evidence(self, role: Role) -> Seat | None:
        """The reader of evidence, where it may stand in for a language model that cannot be asked."""
        return self._evidence_seats.get(role) if self.without_model == "evidence" else None

    def choose(self, role: Role, without: Collection[Seat] = (), *, memory: bool = False) -> Seat | None:
        """Who is asked now: the first candidate that can be, and rather one that nothing speaks against. None: nobody can be.

        Candidates for want of memory count where `memory` is set, or one before them has run out of it.
        """
        second: Seat | None = None
        for seat in self.seats(role):
            if seat in without or (seat.plan.when == "memory" and not memory):
                continue
            problem = seat.problem
            if problem is not None:
                memory = memory or problem.kind is Failure.OUT_OF_MEMORY
            elif not seat.is_second_choice:
                return seat
            else:
                second = second or seat
        return second

    def guest(self, role: Role, plan: RolePlan) -> Seat | None:
        """A seat for a model that may become a candidate, on a server that has a role; None where there is no such server."""
        endpoint = self._servers.get(plan.use)
        return None if endpoint is None else self._seat(role, plan, endpoint.model)

    def put_first(self, seat: Seat) -> None:
        """Ask this one first for its role from now on; those before it stand by."""
        others = [other for other in self._seats.get(seat.role, ()) if other.state is not seat.state]
        self._seats[seat.role] = (seat, *others)
        self._changed()

    def take_away(self, role: Role, use: str, model: str) -> None:
        """Ask this model no longer for a role; without any role it is forgotten."""
        kept = [s for s in self._seats.get(role, ()) if (s.endpoint.name, s.state.name) != (use, model)]
        self._seats[role] = tuple(kept)
        endpoint = self._servers.get(use)
        state = endpoint.states.get(model) if endpoint is not None else None
        if endpoint is not None and state is not None:
            state.roles.discard(role)
            if not state.roles:
                del endpoint.states[model]
        self._changed()

    def has_spare(self, seat: Seat, without: Collection[Seat] = ()) -> bool:
        """Whether somebody else than `seat` can be asked now, and nothing speaks against it."""
        if len(self._seats.get(seat.role, ())) < 2:
            return False
        other = self.choose(seat.role, {seat, *without})
        return other is not None and not other.is_second_choice

    def problem(self, role: Role) -> ModelFailure | None:
        """Why the first choice cannot be asked, or None."""
        seat = self.planned(role)
        if seat is None:
            return ModelFailure(Failure.MISSING_MODEL, self._unnamed.get(role, f"no model is set for {role}"))
        return seat.problem

    def availability(self, role: Role) -> Availability:
        """Whether a role can be asked now, by whom, and why not (or why only by another one)."""
        planned, seat = self.planned(role), self.choose(role)
        if seat is not None:
            if planned is None or planned is seat:
                return Availability(True, seat.method)
            return Availability(True, seat.method, f"{seat.name} stands in: {planned.trouble}")
        problem = self.problem(role)
        reason = problem.message if problem is not None else ""
        reader = self.evidence(role)
        if reader is not None and (not reader.endpoint.probes or reader.problem is None):
            return Availability(True, Method.EVIDENCE, f"no language model: {reason}")
        return Availability(False, None, reason)

    def revision(self) -> str:
        """Another text whenever other weights, or evidence instead of a model, would answer. Short outages do not change it."""
        parts = [f"{role}={seat.state.digest}" for role in self._seats if (seat := self.planned(role)) is not None]
        reads = [role.value for role in self._evidence_seats if self.evidence(role) is not None and self.choose(role) is None]
        return f"{','.join(parts)};{','.join(reads)}"

    def _candidates(self, role: Role, plans: Sequence[RolePlan], models: Mapping[str, Model]) -> tuple[Seat, ...]:
        seats: dict[tuple[str, str], Seat] = {}
        for plan in plans:
            if plan.use not in models:
                self._unnamed.setdefault(role, f"no model server is named '{plan.use}'")
            elif (plan.use, plan.model) not in seats:
                seats[plan.use, plan.model] = self._seat(role, plan, models[plan.use])
        return tuple(seats.values())

    def _seat(self, role: Role, plan: RolePlan, model: Model) -> Seat:
        endpoint = self._servers.get(plan.use)
        if endpoint is None:
            endpoint = self._servers[plan.use] = self._endpoint(plan.use, model)
        state = endpoint.states.get(plan.model)
        if state is None:
            settings = self._settings
            lane = Lane(
                settings.slots, clock=self._clock, stage=endpoint.stage, adapt=settings.adapt_slots,
                max_wait_s=settings.max_wait_s, longest_s=max(1.0, 0.8 * min(settings.idle_s, settings.total_s)),
            )  # fmt: skip
            state = endpoint.states[plan.model] = make_state(plan.model, plan.num_ctx, lane, self._clock)
            state.optional = plan.optional
        elif state.num_ctx != plan.num_ctx:
            # Two window sizes on one model make the server load it again at every change of role.
            state.num_ctx = state.full_ctx = max(state.num_ctx, plan.num_ctx)
            self._log.warning("model %s is asked with num_ctx %d in all its roles", plan.model, state.num_ctx)
        state.optional = state.optional and plan.optional
        state.roles.add(role)
        return Seat(role, plan, endpoint, state, endpoint.method)

    def _seat_evidence(self, model: Model) -> None:
        endpoint = self._evidence_server = self._endpoint(model.name, model)
        lane = Lane(self._settings.evidence_slots, clock=self._clock, adapt=False)
        state = endpoint.states[model.name] = make_state(model.name, 0, lane, self._clock)
        plan = RolePlan(use=model.name, model=model.name, num_ctx=0)
        for role in Role:
            if role in model.capabilities.roles:
                self._evidence_seats[role] = Seat(role, plan, endpoint, state, Method.EVIDENCE)
                state.roles.add(role)

    def _endpoint(self, name: str, model: Model) -> Endpoint:
        return Endpoint(
            name, model, settings=self._settings, clock=self._clock, log=self._log, changed=self._changed, hurry=self._hurry
        )
