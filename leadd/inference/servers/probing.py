"""Looking after a model server: is it there, does it hold the models, does each of them answer; and who else uses it."""

from __future__ import annotations

import asyncio
import logging

from leadd.api import Failure, Health, LoadedModel, Message, ModelFailure, ModelRequest, Role
from leadd.inference.answers.shapes import misfit
from leadd.inference.answers.success import parse
from leadd.inference.retries import SERVER_WIDE, is_outage
from leadd.inference.servers.loading import Loads, as_outage
from leadd.inference.servers.server import Server
from leadd.inference.servers.states import ModelState, full_name, held

DOWN_LIMIT_S = 3.0
"""How long a look at a server that is away may take; it is tried again soon."""
CANARY_LEAST_S, CANARY_MOST_S, CANARY_TIMES = 2.0, 30.0, 3.0
CANARIES_AFTER_BAD = 10
"""Good canaries in a row before a model that gave bad answers is tried: two of three may be good and the model is not."""
LOAD_WAIT_S = 1.0
"""How long a look waits for a load before it goes away and comes back when that is over."""
WEDGED_REST_S = 30.0
GROW_AGAIN_S = 3600.0
"""After so long a model that got a smaller window for want of memory gets its own again."""

CANARY = Message("user", 'Answer with {"ok": "yes"} and nothing else.')
CANARY_SCHEMA = {"type": "object", "properties": {"ok": {"type": "string", "enum": ["yes"]}}, "required": ["ok"]}
CANARY_TOKENS = 24


class Probes:
    """The looks at one server: cheap ones at its health, and a tiny question to a model that did not answer well."""

    def __init__(self, server: Server, loads: Loads) -> None:
        self._server = server
        self._loads = loads
        self._probing = asyncio.Lock()

    def next_due_s(self) -> float:
        """When there is next something to look at, on the monotonic clock."""
        server = self._server
        if server.breaker.is_open:
            return server.breaker.due_s
        dues = [state.breaker.due_s for state in server.states.values() if state.breaker.is_open]
        return min([server.due_s, *dues])

    async def turn(self) -> None:
        """Look at what is due."""
        server, now_s = self._server, self._server.clock.monotonic_s()
        if now_s >= (server.breaker.due_s if server.breaker.is_open else server.due_s):
            await self.probe()
        if server.breaker.is_open:
            return
        for state in server.states.values():
            if state.breaker.is_open and now_s >= state.breaker.due_s and state.missing is None:
                await self._look_at(state)
            if state.num_ctx < state.full_ctx and now_s - state.shrunk_at_s >= GROW_AGAIN_S and not state.lane.busy:
                state.num_ctx = state.full_ctx
                server.cool(state)

    async def probe(self) -> None:
        """Ask the server how it is and whether it holds its roles' models. Askers of the same moment share one probe."""
        server, seen = self._server, self._server.probes
        async with self._probing:
            if server.probes != seen:
                return
            health = await self._health()
            server.checked_at_ms = server.clock.now_ms()
            server.capabilities = server.model.capabilities  # may have grown with the server's version
            if health.reachable:
                await self._look_for_models(health)
            server.probes += 1
            self._note(health)

    async def _health(self) -> Health:
        server = self._server
        limit_s = server.settings.health_timeout_s
        if server.breaker.is_open:
            limit_s = min(limit_s, DOWN_LIMIT_S)
        try:
            async with asyncio.timeout(limit_s):
                return await server.model.health()
        except TimeoutError:
            return Health(False, f"no answer to a health check within {limit_s:g} s")
        except ModelFailure as failure:
            return Health(False, failure.message)
        except (Exception, SystemExit) as error:
            server.log.warning("model server %s: health check failed: %r", server.name, error)
            return Health(False, f"the health check failed: {error!r}")

    async def _look_for_models(self, health: Health) -> None:
        server = self._server
        for state in server.states.values():
            try:
                server.set_digest(state, await self._digest(state.name, held(health.models, state.name)))
                state.missing = None
            except ModelFailure as failure:
                state.missing = failure
                server.cool(state)
        if health.loaded:
            self._look_at_loaded({full_name(model.name): model for model in health.loaded})

    async def _digest(self, name: str, listed: str) -> str:
        """The model's own word goes first: it may refuse a model that is listed. A plugin without one only has the list."""
        server = self._server
        try:
            async with asyncio.timeout(server.settings.health_timeout_s):
                said = await server.model.digest(name)
        except ModelFailure as failure:
            if listed and failure.kind is Failure.MISSING_MODEL:
                return listed
            raise
        except (Exception, SystemExit) as error:
            server.log.warning("model server %s: digest of %s failed: %r", server.name, name, error)
            raise ModelFailure(Failure.MISSING_MODEL, f"no digest: {error!r}", model=name) from None
        return listed if listed and said == name else said

    def _look_at_loaded(self, loaded: dict[str, LoadedModel]) -> None:
        """What is in the server's memory against what leadd has put there: the difference is another program's."""
        server = self._server
        for state in server.states.values():
            model = loaded.get(full_name(state.name))
            was_warm, was_in_use = server.is_warm(state), server.is_in_use(state)
            if model is None:
                server.cool(state)
                if was_in_use and server.loading_since_s is None and server.stage.together:
                    server.note_thrash(f"{state.name} was pushed out of memory; loaded is {', '.join(sorted(loaded))}")
                continue
            ours = {0, state.num_ctx, state.granted_ctx}
            if model.num_ctx in ours:
                server.note_warm(state)
                continue
            if was_warm:
                server.note_thrash(
                    f"another program asks {state.name} with num_ctx {model.num_ctx}, leadd with {state.num_ctx}: each turn "
                    "between them loads it again"
                )
            server.cool(state)

    def _note(self, health: Health) -> None:
        server, before = self._server, self._server.health
        missing = any(state.missing is not None and not state.optional for state in server.states.values())
        if health.reachable != before.reachable or health.reason != before.reason or server.probes == 1:
            server.since_ms = server.checked_at_ms
            level = logging.INFO if health.reachable and not missing else logging.WARNING
            server.log.log(level, "model server %s: %s", server.name, "reachable" if health.reachable else health.reason)
        server.health = health
        down = server.down
        if not health.reachable:
            reason = health.reason or "the model server does not answer"
            is_new = down is None or down.kind is Failure.UNREACHABLE
            server.go_down(ModelFailure(Failure.UNREACHABLE, reason) if is_new or down is None else down)
        else:
            if missing:
                server.look_soon()
            else:
                server.look_later()
            if down is not None:
                server.breaker.probed()
                for state in server.states.values():
                    state.lane.forget()  # it may have been started anew, with other settings
                self._prepare()
        server.changed()

    def _prepare(self) -> None:
        """The server is back: load the model that was asked for last, before a question has to wait for it."""
        wanted = [state for state in self._server.states.values() if self._server.is_wanted(state) and state.missing is None]
        if wanted:
            self._loads.begin(max(wanted, key=lambda state: state.asked_at_s))

    # -- one model --

    async def _look_at(self, state: ModelState) -> None:
        """Find out whether a model that is left alone may be tried again."""
        server, breaker, began_s = self._server, state.breaker, self._server.clock.monotonic_s()
        if not server.capabilities.is_language_model:
            breaker.probed()  # a reader of evidence is asked at no cost: the next question is the test
            server.changed()
            return
        if not await self._is_loaded(state):
            return
        failure = None
        for _ in range(CANARIES_AFTER_BAD if breaker.sticky else 1):
            failure = await self._canary(state, strict=breaker.sticky)
            if failure is not None:
                break
        if not breaker.is_open:
            return
        if failure is None:
            server.progress_s = server.clock.monotonic_s()
            server.breaker.close()
            breaker.probed()
            server.changed()
        elif failure.kind in SERVER_WIDE:
            breaker.failed_look(failure, began_s=began_s, wanted=server.is_wanted(state))
            server.go_down(failure)
        else:
            # What keeps questions away is always an outage: a canary's own fault is charged to no text.
            told = failure if breaker.soft or is_outage(failure) else breaker.failure or failure
            breaker.failed_look(told, began_s=began_s, wanted=server.is_wanted(state))

    async def _is_loaded(self, state: ModelState) -> bool:
        """Whether the canary may go out now; a load that takes its time makes the look come back later."""
        server = self._server
        if server.is_warm(state):
            return True
        if state.loading is None and server.wedged is not None:
            state.breaker.put_off(WEDGED_REST_S)
        load = self._loads.begin(state)
        await asyncio.wait({load}, timeout=LOAD_WAIT_S)
        if not load.done():
            if not state.breaker.soft:
                state.breaker.failure = ModelFailure(Failure.UNREACHABLE, f"{state.name} is being loaded", model=state.name)
            state.breaker.put_off(max(1.0, state.breaker.due_s - server.clock.monotonic_s()))
            return False
        return server.is_warm(state)

    async def _canary(self, state: ModelState, *, strict: bool) -> ModelFailure | None:
        """Ask a tiny question; None where something is answered, or with `strict` what was asked for.

        A plugin that cannot cope with such a question at all tells nothing: then a real one has to be the test.
        """
        server = self._server
        limit_s = self._limit_s(state)
        server.canaries += 1
        try:
            async with server.gate.passage(), asyncio.timeout(limit_s):
                await self._ask(state, limit_s, strict=strict)
        except TimeoutError:
            return ModelFailure(Failure.LOAD_STALLED, f"no answer to a tiny question within {limit_s:g} s", model=state.name)
        except ModelFailure as failure:
            if failure.kind in {Failure.TIMEOUT_IDLE, Failure.TIMEOUT_TOTAL, Failure.UNREACHABLE, Failure.WRONG_SERVER}:
                return as_outage(failure, state.name)
            return failure
        except (Exception, SystemExit) as error:
            server.log.debug("model plugin %s failed at a tiny question: %r", server.model.name, error)
        return None

    async def _ask(self, state: ModelState, limit_s: float, *, strict: bool) -> None:
        server = self._server
        roles = sorted((state.roles & server.capabilities.roles) - {Role.EMBED})
        if not roles:
            await server.model.embed(state.name, ["ok"], num_ctx=state.num_ctx)
            return
        request = ModelRequest(
            role=roles[0], model=state.name, messages=(CANARY,), max_tokens=CANARY_TOKENS, num_ctx=state.num_ctx,
            schema=CANARY_SCHEMA, options={"temperature": 0.0}, idle_s=limit_s, total_s=limit_s,
        )  # fmt: skip
        reply = await server.model.complete(request)
        wrong = misfit(parse(reply.text, reply), CANARY_SCHEMA) if strict else None
        if wrong:
            raise ModelFailure(Failure.SCHEMA, f"a tiny question got a wrong answer: {wrong}", model=state.name)

    def _limit_s(self, state: ModelState) -> float:
        slowest_s = max((pace.slowest_s for pace in state.paces.values()), default=CANARY_MOST_S / CANARY_TIMES)
        return min(CANARY_MOST_S, max(CANARY_LEAST_S, CANARY_TIMES * slowest_s))
