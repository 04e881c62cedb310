"""/__leadd__/: what another process may ask of the fake: figures, faults, scripted answers, time, reset."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Protocol

from leadd.testing.ollama.errors import ApiError, encode
from leadd.testing.ollama.faults import FAULT_FIELDS
from leadd.testing.ollama.state import State
from leadd.testing.ollama.wire import Exchange, Request

PREFIX = "/__leadd__/"
RULE_FIELDS = frozenset({"times", "model", "role", "endpoint", "probability", "seed", "skip"})


class Controls(Protocol):
    """What the admin paths use of the fake server; the same as a test calls in its own process."""

    def fail_next(self, fault: str, times: int | None = 1, **rule: Any) -> None: ...
    def enqueue(self, *answers: str | Mapping[str, Any], model: str | None = None, role: str | None = None) -> None: ...
    def clear_faults(self) -> None: ...
    def reset(self) -> None: ...
    def hold(self) -> None: ...
    def release(self) -> None: ...
    def wedge(self) -> None: ...
    def unwedge(self) -> None: ...
    def set_speeds(self, **changes: float) -> None: ...
    async def advance(self, seconds: float) -> None: ...


class Admin:
    """Serves the admin paths. Every reply is JSON."""

    def __init__(self, state: State, controls: Controls) -> None:
        self._state = state
        self._controls = controls

    async def answer(self, request: Request, exchange: Exchange) -> None:
        """Do what the path says. Raises ApiError 400 for what it cannot read, 404 for an unknown path."""
        name = request.path.removeprefix(PREFIX)
        if name == "stats" and request.method == "GET":
            exchange.whole(200, encode(self._stats()))
            return
        if name == "faults" and request.method == "DELETE":
            self._controls.clear_faults()
        elif request.method == "POST":
            await self._post(name, _read(request.body))
        else:
            raise ApiError(404, f"no {request.method} {request.path} here")
        exchange.whole(200, b'{"ok":true}')

    async def _post(self, name: str, body: Mapping[str, Any]) -> None:
        controls = self._controls
        plain = {"reset": controls.reset, "hold": controls.hold, "release": controls.release}
        plain |= {"wedge": controls.wedge, "unwedge": controls.unwedge}
        try:
            if name in plain:
                plain[name]()
            elif name == "faults":
                _check(body, FAULT_FIELDS | RULE_FIELDS | {"kind"})
                controls.fail_next(**{"fault" if key == "kind" else key: value for key, value in body.items()})
            elif name == "answers":
                _check(body, {"answers", "model", "role"})
                controls.enqueue(*body["answers"], model=body.get("model"), role=body.get("role"))
            elif name == "speeds":
                controls.set_speeds(**body)
            elif name == "models":
                for model in body["add"]:
                    self._state.catalog.add(model)
            elif name == "clock":
                await controls.advance(float(body["advance_s"]))
            else:
                raise ApiError(404, f"no POST {PREFIX}{name} here")
        except (KeyError, TypeError, ValueError) as error:
            raise ApiError(400, f"{type(error).__name__}: {error}") from None

    def _stats(self) -> dict[str, Any]:
        loaded = {runner.info.name: runner.num_ctx for runner in self._state.scheduler.loaded.values()}
        waiting = {"faults_waiting": len(self._state.faults.rules), "answers_waiting": len(self._state.scripted)}
        now = {"loaded": loaded, "version": self._state.profile.version, "compute_s": self._state.compute.used_s}
        return self._state.stats.as_dict() | now | waiting


def _read(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body or b"{}")
    except ValueError as error:
        raise ApiError(400, f"no JSON: {error}") from None
    if not isinstance(value, dict):
        raise ApiError(400, "a JSON object is needed")
    return value


def _check(body: Mapping[str, Any], known: frozenset[str] | set[str]) -> None:
    unknown = sorted(body.keys() - known)
    if unknown:
        raise ValueError(f"unknown keys {unknown}; known are {sorted(known)}")
