"""The fake OpenAI-compatible server itself: a real socket, and the handles by which a test moves it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import random
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from leadd.api import Clock
from leadd.testing.ollama.catalog import Catalog
from leadd.testing.ollama.faults import Fault, FaultBook, Rule, make_fault
from leadd.testing.ollama.oracle import TOPICS, Oracle
from leadd.testing.ollama.profiles import profile
from leadd.testing.ollama.scheduler import Limits, Scheduler
from leadd.testing.ollama.state import Scripted, State
from leadd.testing.ollama.stats import Stats
from leadd.testing.ollama.timing import Compute, LeapClock, ScaledClock, Speeds
from leadd.testing.ollama.wire import Connection
from leadd.testing.openai.house import QUIRKS, House
from leadd.testing.openai.router import Router
from leadd.testing.openai.served import FLAVOURS, Served, served

SLOTS = {"llamacpp": 2, "lmstudio": 4, "vllm": 64}


class FakeOpenAI:
    """A llama-server, LM Studio or vLLM on a loopback socket that behaves like the real one and fails on demand.

        async with FakeOpenAI("vllm", time_scale=0) as fake:
            fake.fail_next("crash")
            ...
            assert fake.stats.faults["crash"] == 1

    Judge, oracle, speeds, clock and names of faults are those of the fake Ollama (`leadd.testing.ollama`), so that one test can
    run against both. `num_ctx` is the window of a slot. `split` is a seed: answers are then cut into TCP writes at arbitrary
    bytes. `quirks` are harmless differences between servers:

    no_done (streams end without `[DONE]`), no_usage, no_timings, no_logprobs (asked for in vain), refuses_logprobs,
    no_json_schema and no_response_format and no_stream_options (refused with 400), no_index and not_normalised (vectors),
    pings (comments between events), crlf (line ends), no_status_paths (only /v1), other_owner (in the list of models).
    """

    def __init__(
        self,
        flavour: str = "llamacpp",
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        models: Iterable[str | Served] | None = None,
        num_ctx: int = 4096,
        slots: int | None = None,
        api_key: str = "",
        embeddings: bool = False,
        quirks: Iterable[str] = (),
        speeds: Speeds | None = None,
        clock: Clock | None = None,
        time_scale: float = 1.0,
        oracle: Oracle | None = None,
        topics: tuple[str, ...] = TOPICS,
        split: int | None = None,
    ) -> None:
        if flavour not in FLAVOURS:
            raise ValueError(f"no flavour '{flavour}': use one of {', '.join(FLAVOURS)}")
        if unknown := sorted(set(quirks) - QUIRKS):
            raise ValueError(f"no quirks {unknown}: use some of {', '.join(sorted(QUIRKS))}")
        self.host = host
        self.port = port
        if clock is None:
            clock = ScaledClock(time_scale) if time_scale > 0 else LeapClock()
        dice = None if split is None else random.Random(split)
        self._house = House(
            flavour, _judge(clock, speeds or Speeds(), oracle, topics), {m.id: m for m in served(flavour, models)}, num_ctx,
            SLOTS[flavour] if slots is None else slots, api_key, embeddings, frozenset(quirks), dice,
        )  # fmt: skip
        self._router = Router(self._house)
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
        """Where it listens, without `/v1` at its end."""
        return f"http://{self.host}:{self.port}"

    @property
    def stats(self) -> Stats:
        """What it saw and did."""
        return self._house.stats

    @property
    def model_names(self) -> list[str]:
        """The ids of its models."""
        return list(self._house.models)

    @property
    def waiting(self) -> int:
        """Questions without a slot."""
        return sum(pool.waiting for pool in self._house.pools.values())

    async def open(self) -> None:
        """Listen. Raises OSError where the port is taken."""
        self._loop = asyncio.get_running_loop()
        await self._listen()

    async def close(self) -> None:
        """Stop listening, drop every connection and wait for whatever was being answered."""
        await self.go_down()

    async def go_down(self) -> None:
        """Refuse connections and drop the open ones, as a server that was killed."""
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

    async def come_back(self, models: Iterable[str | Served] | None = None) -> None:
        """Listen again on the same port, nothing cached; with other models where they are named."""
        self._house.pools.clear()
        if models is not None:
            self._house.models = {model.id: model for model in served(self._house.flavour, models)}
        await self._listen()

    def start_loading(self) -> None:
        """Answer everything with 503 `Loading model`, as llama-server does until its model is there."""
        self._house.loading = True

    def finish_loading(self) -> None:
        """Be ready."""
        self._house.loading = False

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

        Kinds and fields are those of the fake Ollama; `delay_s` of `busy` is its Retry-After. Without `endpoint` questions are
        meant (chat, embed), not the first question of a preload (`preload`) nor what a server says of itself (`models`,
        `props`, `details`, `version`, `health`).
        """
        dice = random.Random(seed) if probability < 1 else None
        self._house.judge.faults.add(Rule(make_fault(fault, **changes), times, model, role, endpoint, probability, dice, skip))

    def clear_faults(self) -> None:
        """No failure is due any more."""
        self._house.judge.faults.clear()

    def enqueue(self, *answers: str | Mapping[str, Any], model: str | None = None, role: str | None = None) -> None:
        """Answer the next questions with these texts or objects, in this order."""
        for answer in answers:
            text = answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
            self._house.judge.scripted.append(Scripted(text, model, role))

    def set_oracle(self, oracle: Oracle | None) -> None:
        """Let a function of the test answer; None for the built-in judge."""
        self._house.judge.oracle = oracle

    def set_speeds(self, **changes: float) -> None:
        """Change some speeds from now on. Raises TypeError for an unknown name."""
        self._house.judge.speeds = self._house.judge.speeds.with_changes(**changes)

    def hold(self) -> None:
        """Let questions pile up: each takes its slot and waits there until `release`."""
        self._on_loop(self._house.judge.gate.clear)

    def release(self) -> None:
        """Let the held questions go on."""
        self._on_loop(self._house.judge.gate.set)

    async def advance(self, seconds: float) -> None:
        """Move the server's time by hand. Raises TypeError where its clock cannot be moved (real time)."""
        mover = getattr(self._house.clock, "advance", None)
        if mover is None:
            raise TypeError("this fake runs on real time: give it time_scale=0 or a clock of your own")
        await mover(seconds)

    async def _listen(self) -> None:
        def connect() -> Connection:
            return Connection(self._router.answer, self._connections, self._house.split)

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


def _judge(clock: Clock, speeds: Speeds, oracle: Oracle | None, topics: tuple[str, ...]) -> State:
    """The fake Ollama's parts that read signals and make answers; its scheduler is never opened."""
    found, stats, faults = profile(), Stats(), FaultBook()
    scheduler = Scheduler(found, clock, Limits(), speeds, stats, faults)
    state = State(found, clock, Catalog(()), stats, faults, speeds, Compute(clock), scheduler, oracle, topics)
    state.gate.set()
    return state
