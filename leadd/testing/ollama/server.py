"""The fake Ollama itself: a real socket, and the handles by which a test moves it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from leadd.api import Clock
from leadd.testing.ollama.catalog import DEFAULT_MODELS, Catalog, ModelInfo
from leadd.testing.ollama.faults import Fault, FaultBook, Rule, make_fault
from leadd.testing.ollama.oracle import TOPICS, Oracle
from leadd.testing.ollama.profiles import profile as find_profile
from leadd.testing.ollama.router import Router
from leadd.testing.ollama.scheduler import Limits, Scheduler
from leadd.testing.ollama.state import Scripted, State
from leadd.testing.ollama.stats import Stats
from leadd.testing.ollama.timing import Compute, LeapClock, ScaledClock, Speeds
from leadd.testing.ollama.wire import Connection

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class FakeOllama:
    """An Ollama on a loopback socket that behaves like the real one and fails on demand.

        async with FakeOllama(profile="legacy", speeds=LAPTOP, time_scale=0) as fake:
            fake.fail_next("crash", model="gemma3:1b")
            ...
            assert fake.stats.loads["gemma3:1b"] == 2

    `profile` is a name (`legacy`, `0.30`, `0.30-0.32`, `0.33+`) or an exact version. Time: `time_scale` real seconds for one
    of the server's, 0 to leap over every wait, or `clock` for one that the test moves. `split` is a seed: answers are then
    cut into TCP writes at arbitrary bytes. Everything takes no time unless `speeds` says otherwise.
    """

    def __init__(
        self,
        profile: str = "0.33+",
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        models: Iterable[str | ModelInfo] = DEFAULT_MODELS,
        speeds: Speeds | None = None,
        limits: Limits | None = None,
        clock: Clock | None = None,
        time_scale: float = 1.0,
        oracle: Oracle | None = None,
        topics: tuple[str, ...] = TOPICS,
        split: int | None = None,
        sliding_window: bool = False,
        final_text: bool = False,
    ) -> None:
        self.host = host
        self.port = port
        if clock is None:
            clock = ScaledClock(time_scale) if time_scale > 0 else LeapClock()
        found, stats, faults = find_profile(profile), Stats(), FaultBook()
        speeds = speeds or Speeds()
        scheduler = Scheduler(found, clock, limits or Limits(), speeds, stats, faults)
        catalog = Catalog(())
        for model in models:
            catalog.add(model)
        self._state = State(
            found, clock, catalog, stats, faults, speeds, Compute(clock), scheduler, oracle, topics, sliding_window,
            final_text, host in LOOPBACK, None if split is None else random.Random(split),
        )  # fmt: skip
        self._state.gate.set()
        self._router = Router(self._state, self)
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Self:
        await self.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://{self.host}:{self.port}"

    @property
    def stats(self) -> Stats:
        """What it saw and did."""
        return self._state.stats

    @property
    def catalog(self) -> Catalog:
        """Its models; `add`, `pull` and `remove` work while it runs."""
        return self._state.catalog

    @property
    def loaded(self) -> dict[str, int]:
        """Loaded models and their windows."""
        return {runner.info.name: runner.num_ctx for runner in self._state.scheduler.loaded.values()}

    async def open(self) -> None:
        """Listen. Raises OSError where the port is taken."""
        self._loop = asyncio.get_running_loop()
        self._state.scheduler.open()
        await self._listen()

    async def close(self) -> None:
        """Stop listening, drop every connection and wait for whatever was being answered."""
        await self.go_down()
        for task in list(self._state.tasks):
            task.cancel()
        await asyncio.gather(*self._state.tasks, return_exceptions=True)
        await self._state.scheduler.close()

    async def go_down(self) -> None:
        """Refuse connections and drop the open ones, as a server that was killed; models stay loaded in this fake."""
        if self._server is not None:
            self._server.close()
            self._server = None
        connections = list(self._connections)
        tasks = [connection.task for connection in connections if connection.task is not None]
        for connection in connections:
            connection.slam(reset=True)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(connection.gone.wait() for connection in connections))

    async def come_back(self) -> None:
        """Listen again on the same port, with no model loaded, as after a restart."""
        for runner in list(self._state.scheduler.loaded.values()):
            self._state.scheduler.unload(runner)
        await self._listen()

    def fail_next(
        self,
        fault: Fault | str,
        times: int | None = 1,
        *,
        model: str | None = None,
        role: str | None = None,
        endpoint: str | None = None,
        probability: float = 1.0,
        seed: int = 0,
        skip: int = 0,
        **changes: Any,
    ) -> None:
        """Let the next `times` matching requests fail (None: all of them), each with `probability` by the dice of `seed`.

        Without `endpoint` questions are meant (chat, generate, embed, embeddings), not preloads (`preload`), lists
        (`tags`, `ps`, `version`, `show`) or `pull`. Other keywords are fields of the fault: `status`, `message`,
        `after_events`, `delay_s`. Raises ValueError or TypeError for names it does not know.
        """
        dice = random.Random(seed) if probability < 1 else None
        found = self.catalog.find(model) if model else None
        self._state.faults.add(
            Rule(make_fault(fault, **changes), times, found.name if found else model, role, endpoint, probability, dice, skip)
        )

    def clear_faults(self) -> None:
        """No failure is due any more."""
        self._state.faults.clear()

    def enqueue(self, *answers: str | Mapping[str, Any], model: str | None = None, role: str | None = None) -> None:
        """Answer the next questions with these texts or objects, in this order."""
        found = self.catalog.find(model) if model else None
        for answer in answers:
            text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
            self._state.scripted.append(Scripted(text, found.name if found else model, role))

    def set_oracle(self, oracle: Oracle | None) -> None:
        """Let a function of the test answer; None for the built-in judge."""
        self._state.oracle = oracle

    def set_speeds(self, **changes: float) -> None:
        """Change some speeds from now on. Raises TypeError for an unknown name."""
        self._state.speeds = self._state.scheduler.speeds = self._state.speeds.with_changes(**changes)

    def hold(self) -> None:
        """Let questions pile up: each takes its slot and waits there until `release`."""
        self._on_loop(self._state.gate.clear)

    def release(self) -> None:
        """Let the held questions go on."""
        self._on_loop(self._state.gate.set)

    def wedge(self) -> None:
        """Let every load hang while the rest stays green, as the known scheduler bug does."""
        self._on_loop(self._state.scheduler.unwedged.clear)

    def unwedge(self) -> None:
        """Let loads go on."""
        self._on_loop(self._state.scheduler.unwedged.set)

    def reset(self) -> None:
        """Counts to zero; no faults, no scripted answers, nothing held or wedged. Loaded models stay."""
        self._state.stats.reset()
        self._state.faults.clear()
        self._state.scripted.clear()
        self.release()
        self.unwedge()

    async def advance(self, seconds: float) -> None:
        """Move the server's time by hand. Raises TypeError where its clock cannot be moved (real time)."""
        mover = getattr(self._state.clock, "advance", None)
        if mover is None:
            raise TypeError("this fake runs on real time: give it time_scale=0 or a clock of your own")
        await mover(seconds)

    async def _listen(self) -> None:
        def connect() -> Connection:
            return Connection(self._router.answer, self._connections, self._state.split)

        self._server = await asyncio.get_running_loop().create_server(connect, self.host, self.port, backlog=2048)
        self.port = self._server.sockets[0].getsockname()[1]

    def _on_loop(self, call: Callable[[], None]) -> None:
        """asyncio's own objects are touched only in the loop that they belong to."""
        current = None
        with contextlib.suppress(RuntimeError):
            current = asyncio.get_running_loop()
        if self._loop is None or current is self._loop or self._loop.is_closed():
            call()
        else:
            self._loop.call_soon_threadsafe(call)
