"""Who plays which role: language models by the plan, the reader of evidence beside them, and whether they can be asked now."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from leadd.api import Clock, Failure, Method, Model, ModelFailure, Role
from leadd.inference.calls import Seat
from leadd.inference.endpoints import Endpoint
from leadd.inference.questions import Availability, InferenceSettings, RolePlan
from leadd.inference.slots import Lane
from leadd.inference.states import ModelState


class Seating:
    """The servers with their models, and the seat of each role."""

    def __init__(
        self,
        models: Mapping[str, Model],
        roles: Mapping[Role, RolePlan],
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
        self._seats: dict[Role, Seat] = {}
        self._unnamed: dict[Role, str] = {}
        self._evidence_server: Endpoint | None = None
        self._evidence_seats: dict[Role, Seat] = {}
        for role, plan in roles.items():
            if plan.use in models:
                self._seats[role] = self._seat(role, plan, models[plan.use])
            else:
                self._unnamed[role] = f"no model server is named '{plan.use}'"
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

    def planned(self, role: Role) -> Seat | None:
        """The seat that the settings give to a role, whether or not it can be asked now."""
        return self._seats.get(role)

    def evidence(self, role: Role) -> Seat | None:
        """The reader of evidence, where it may stand in for a language model that cannot be asked."""
        return self._evidence_seats.get(role) if self.without_model == "evidence" else None

    def problem(self, role: Role) -> ModelFailure | None:
        """Why the planned seat cannot be asked, or None."""
        seat = self._seats.get(role)
        if seat is None:
            return ModelFailure(Failure.MISSING_MODEL, self._unnamed.get(role, f"no model is set for {role}"))
        return seat.endpoint.problem(seat.state, role)

    def availability(self, role: Role) -> Availability:
        """Whether a role can be asked now, by whom, and why not (or why only by evidence)."""
        problem = self.problem(role)
        if problem is None:
            return Availability(True, self._seats[role].method)
        reader = self.evidence(role)
        if reader is not None and (not reader.endpoint.probes or reader.endpoint.problem(reader.state, role) is None):
            return Availability(True, Method.EVIDENCE, f"no language model: {problem.message}")
        return Availability(False, None, problem.message)

    def health(self) -> list[dict[str, Any]]:
        """Each model server as it is; the reader of evidence is none."""
        return [self._row(endpoint) for endpoint in self._servers.values()]

    def revision(self) -> str:
        """Another text whenever other weights, or evidence instead of a model, would answer. Short outages do not change it."""
        parts = [f"{role}={seat.state.digest}" for role, seat in self._seats.items()]
        reads = [
            role.value for role in self._evidence_seats if self.evidence(role) is not None and self.problem(role) is not None
        ]
        return f"{','.join(parts)};{','.join(reads)}"

    def _seat(self, role: Role, plan: RolePlan, model: Model) -> Seat:
        endpoint = self._servers.get(plan.use)
        if endpoint is None:
            endpoint = self._servers[plan.use] = self._endpoint(plan.use, model)
        state = endpoint.states.get(plan.model)
        if state is None:
            state = endpoint.states[plan.model] = ModelState(plan.model, plan.num_ctx, Lane(self._settings.slots))
        elif state.num_ctx != plan.num_ctx:
            # Two window sizes on one model make the server load it again at every change of role.
            state.num_ctx = max(state.num_ctx, plan.num_ctx)
            self._log.warning("model %s is asked with num_ctx %d in all its roles", plan.model, state.num_ctx)
        state.roles.add(role)
        return Seat(role, plan, endpoint, state, endpoint.method)

    def _seat_evidence(self, model: Model) -> None:
        endpoint = self._evidence_server = self._endpoint(model.name, model)
        state = endpoint.states[model.name] = ModelState(model.name, 0, Lane(self._settings.evidence_slots))
        plan = RolePlan(use=model.name, model=model.name, num_ctx=0)
        for role in Role:
            if role in model.capabilities.roles:
                self._evidence_seats[role] = Seat(role, plan, endpoint, state, Method.EVIDENCE)
                state.roles.add(role)

    def _endpoint(self, name: str, model: Model) -> Endpoint:
        return Endpoint(
            name, model, settings=self._settings, clock=self._clock, log=self._log, changed=self._changed, hurry=self._hurry
        )

    def _row(self, endpoint: Endpoint) -> dict[str, Any]:
        health, states = endpoint.health, list(endpoint.states.values())
        answers, failures = sum(s.answers for s in states), sum(s.failures for s in states)
        return {
            "name": endpoint.name,
            "kind": endpoint.model.name,
            "method": endpoint.method.value,
            "state": ("up" if endpoint.down is None else "down") if endpoint.probes else "unknown",
            "reachable": bool(endpoint.probes) and endpoint.down is None,
            "reason": endpoint.down.message if endpoint.down is not None else health.reason,
            "version": health.version,
            "latency_ms": health.latency_ms,
            "since_ms": endpoint.since_ms,
            "checked_at_ms": endpoint.checked_at_ms,
            "next_check_s": max(0.0, endpoint.next_due_s() - self._clock.monotonic_s()),
            "answers": answers,
            "failures": failures,
            "success_rate": answers / (answers + failures) if answers + failures else None,
            "available": sorted(health.models),
            "models": [self._model_row(endpoint, state) for state in states],
        }

    def _model_row(self, endpoint: Endpoint, state: ModelState) -> dict[str, Any]:
        problems = [endpoint.problem(state, role) for role in sorted(state.roles)]
        problem = next((p for p in problems if p is not None), None)
        return {
            "model": state.name,
            "roles": sorted(role.value for role in state.roles),
            "digest": state.digest,
            "num_ctx": state.num_ctx,
            "ok": problem is None,
            "failure": problem.kind.value if problem is not None else None,
            "reason": problem.message if problem is not None else "",
            "warm": self._clock.monotonic_s() < state.warm_until_s,
            "loading": state.loading is not None,
            "slots": state.lane.slots,
            "in_flight": state.lane.busy,
            "waiting": state.lane.waiting,
        }
