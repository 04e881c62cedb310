"""The ways of asking that a bench compares, and one run of each."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from leadd.api import Icp
from leadd.bench.baseline import Earlier
from leadd.bench.figures import Figures, Work, quality_of
from leadd.bench.judge import Truth
from leadd.bench.machine import LARGE, NO_LOGPROBS, SMALL, Machine
from leadd.bench.past import Past, live_through, past_weeks
from leadd.bench.rig import FIXED, leads_of, open_core, plans, roles_of, work_off
from leadd.bench.server import Server, serving
from leadd.bench.signals import BenchSignal, make_signals, repeated
from leadd.config.settings import Settings
from leadd.core.icp_templates import DEFAULT_TEMPLATE, TEMPLATES
from leadd.testing.ollama import ScaledClock

REPEATS = 0.78
VERDICTS = 300
FAST, QUICK, SLOW = 0.1, 0.25, 2.0
"""Paces: a second may be short where nearly all time is the server's, and has to be long where leadd's own cost would show."""
WARM_SEED, WARM_POOL, WARM, WARM_REAL = 9_001, 60, 4, 1


@dataclass(frozen=True, slots=True)
class Way:
    """One way of asking. `repeats` is the share of signals whose text came before; `verdicts` the user's, on earlier leads.

    `classify` None takes the model of the bench; `version` "" the machine's. `settings` are leadd's own. Those that are not
    `anywhere` are left out on a real server unless they are asked for. `aim` is how many times as many signals a minute as the
    earlier system's it should be; `pace` how many real seconds one of the server's takes, beside other ways.
    """

    name: str
    title: str
    earlier: bool = False
    repeats: float = 0.0
    verdicts: int = 0
    classify: str | None = None
    version: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    aim: float | None = None
    anywhere: bool = False
    pace: float = 1.0


WAYS: tuple[Way, ...] = (
    Way("earlier", "the earlier system", earlier=True, anywhere=True, pace=FAST),
    Way("leadd", "leadd, empty cache", aim=10, anywhere=True),
    Way("verdicts", f"leadd after {VERDICTS} verdicts", verdicts=VERDICTS, aim=20),
    Way("repeats", f"leadd, {REPEATS:.0%} repeats", repeats=REPEATS, aim=60, anywhere=True, pace=SLOW),
    Way(
        "earlier-repeats",
        f"the earlier system, {REPEATS:.0%} repeats",
        earlier=True,
        repeats=REPEATS,
        anywhere=True,
        pace=FAST,
    ),
    Way("no-logprobs", f"leadd, a server without log-probabilities ({NO_LOGPROBS})", version=NO_LOGPROBS),
    Way("large", f"leadd, classified by {LARGE}", classify=LARGE, pace=QUICK),
    Way("verdict-only", "leadd, all prose left to the dossier", settings={"inference": {"details_from": 101}}),
)
"""Every way, in the order in which they are told."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure and on what. `url` names a real server: then times are real, and the machine's rates mean nothing."""

    signals: Sequence[BenchSignal]
    machine: Machine
    url: str = ""
    triage: str = SMALL
    classify: str = SMALL
    icp: Icp = TEMPLATES[DEFAULT_TEMPLATE]
    seed: int = 1

    @property
    def is_real(self) -> bool:
        """Whether a real server is asked."""
        return bool(self.url)


def run_way(way: Way, plan: Plan) -> Figures:
    """Measure one way on a server and in a folder of its own. Raises Stalled, OSError."""
    signals = repeated(plan.signals, way.repeats, seed=plan.seed) if way.repeats else list(plan.signals)
    scale = 1.0 if plan.is_real else plan.machine.scale * way.pace
    machine = plan.machine.with_changes(scale=scale, version=way.version or plan.machine.version)
    with tempfile.TemporaryDirectory(prefix="leadd-bench-", ignore_cleanup_errors=True) as name:
        past = _past_of(way, plan, machine, Path(name)) if way.verdicts else None
        known = [] if plan.is_real else [Truth.of(signal) for signal in (*plan.signals, *warm_up())]
        with _server(plan, machine, known) as server:
            run = _Run(way, plan, signals, server)
            found = asyncio.run(run.earlier() if way.earlier else run.leadd(Path(name)))
    if server.unknown > len(signals) // 10 + 2:
        raise RuntimeError(f"the judge did not know {server.unknown} texts: prompts are laid out in a way that it cannot read")
    notes = dict(found.notes)
    if past is not None:
        notes["past"] = {"signals": past.signals, "leads": past.leads, "verdicts": past.verdicts}
    return replace(found, notes=notes)


def warm_up() -> list[BenchSignal]:
    """A few leads that are not counted: with them the models are loaded and every kind of question was asked before."""
    return [signal for signal in make_signals(WARM_POOL, seed=WARM_SEED) if signal.is_lead][:WARM]


def _server(plan: Plan, machine: Machine, known: Sequence[Truth]) -> AbstractContextManager[Server]:
    if plan.is_real:
        return nullcontext(Server(plan.url.rstrip("/"), machine))
    return serving(machine, known, _models(plan))


def _past_of(way: Way, plan: Plan, machine: Machine, folder: Path) -> Past:
    """Put a past into the folder, lived through at a server that takes no time."""
    weeks = past_weeks()
    truths = [Truth.of(signal) for week in weeks for signal in week]
    roles = plans(plan.triage, way.classify or plan.classify)
    with serving(machine.instant(), truths, _models(plan)) as server:
        return asyncio.run(live_through(folder, server.url, roles, plan.icp, weeks, way.verdicts))


def _models(plan: Plan) -> list[str]:
    return sorted({SMALL, LARGE, plan.triage, plan.classify})


class _Run:
    """One run of one way: the clock starts when everything is warm, and stops when every signal has its outcome."""

    def __init__(self, way: Way, plan: Plan, signals: Sequence[BenchSignal], server: Server) -> None:
        self._way = way
        self._plan = plan
        self._signals = signals
        self._server = server
        self._clock = ScaledClock(server.machine.scale)
        self._distinct = len({signal.text for signal in signals})

    async def earlier(self) -> Figures:
        """The earlier system."""
        before: list[dict[str, Any]] = []
        system = Earlier(self._server.url, self._plan.triage, self._plan.icp, self._clock)
        run = await system.run(self._signals, lambda: before.append(self._stats()))
        after = self._stats()
        work = None if self._plan.is_real else Work.between(before[0], after)
        return Figures(
            way=self._way.name, signals=len(self._signals), distinct=self._distinct, seconds=run.seconds,
            roles={"whole answer": run.cost()}, loads=run.slow_loads if work is None else work.loads, loads_before=1,
            leads=len(run.leads), dossiers=run.dossiers, quality=quality_of(self._signals, run.leads), work=work,
            scale=self._server.machine.scale,
        )  # fmt: skip

    async def leadd(self, folder: Path) -> Figures:
        """leadd, its core whole."""
        roles = plans(self._plan.triage, self._way.classify or self._plan.classify)
        settings = Settings.model_validate({"prefilter": FIXED, **self._way.settings})
        async with open_core(folder, self._server.url, roles, self._plan.icp, settings, self._clock) as core:
            await work_off(core, self._clock, warm_up()[: WARM_REAL if self._plan.is_real else WARM], "warm")
            wanted = (await core.store.dossiers.counts())["wanted"]
            before, past = self._stats(), core.inference.stats()
            seconds = await work_off(core, self._clock, self._signals, "bench")
            after, now = self._stats(), core.inference.stats()
            leads = await leads_of(core, "bench")
            wanted = (await core.store.dossiers.counts())["wanted"] - wanted
            health = core.inference.health()
        work = None if self._plan.is_real else Work.between(before, after)
        return Figures(
            way=self._way.name, signals=len(self._signals), distinct=self._distinct, seconds=seconds, roles=roles_of(now, past),
            loads=now.preloads - past.preloads if work is None else work.loads, loads_before=past.preloads, leads=len(leads),
            dossiers=wanted, quality=quality_of(self._signals, leads), work=work, scale=self._server.machine.scale,
            notes={"servers": health},
        )  # fmt: skip

    def _stats(self) -> dict[str, Any]:
        return {} if self._plan.is_real else self._server.stats()
