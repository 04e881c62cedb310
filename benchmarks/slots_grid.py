"""`python -m benchmarks.slots_grid`: does the search for slots find what the best fixed number of calls at a time would do?

Several kinds of server, each a faithful Ollama on a socket, with virtual time. The same questions are asked with 1 to 8 calls
at a time, fixed, and by a lane that has to find out. Time stands still while a request or an answer is on its way, so that the
figures do not depend on how busy this machine is; what the client itself takes between two calls is given.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.instant import make_context
from leadd.api import Message, ModelRequest, Role
from leadd.builtin.ollama import OllamaModel
from leadd.builtin.ollama.settings import OllamaConfig
from leadd.inference.lanes.slots import Lane, Sample
from leadd.testing.ollama import FakeOllama, Limits, Speeds
from leadd.testing.ollama.oracle import Question
from leadd.testing.ollama.timing import IDLE_TURNS, Compute, LeapClock

MODEL = "gemma3:1b"
NUM_CTX = 4096
READERS = 24
"""Signals that are read at the same time: enough that a lane of eight slots always has somebody waiting."""
GAP_S = 0.008
"""What the client takes between an answer and the next question of the same slot."""
NOISE = 0.1
"""How much the time of equal work varies (standard deviation of its logarithm)."""
LEVELS = tuple(range(1, 9))
CLIFF_AT, CLIFF_DROP = 4, 4.0
FIXED_PROMPT = "Rules for judging a text, the same for every text. " * 20
WORDS = ["team", "growth", "office", "product", "support", "launch", "market", "partner", "budget", "client"]


def _alone(running: int) -> float:
    return 1.0


def _shared(running: int) -> float:
    return float(running)


def _cliff(running: int) -> float:
    return 1.0 if running <= CLIFF_AT else CLIFF_DROP


@dataclass(frozen=True, slots=True)
class Profile:
    """A server: its slots, how much slower a call is with so many at work, and how long its model takes to load."""

    name: str
    slots: int
    slowness: Callable[[int], float] = _alone
    load_s: float = 0.0


PROFILES = (
    Profile("1 slot", 1),
    Profile("2 slots", 2),
    Profile("4 slots", 4),
    Profile("8 slots", 8),
    Profile("shared compute, 4 slots", 4, _shared),
    Profile("cold load, 4 slots", 4, _alone, 15.0),
    Profile("memory cliff, 8 slots", 8, _cliff),
)


@dataclass(frozen=True, slots=True)
class Task:
    """One question: how long its text is, and how many tokens its answer has."""

    chars: int
    tokens: int


MIXES = ("classify", "triage", "mixed")


def make_tasks(mix: str, count: int, seed: int = 7) -> list[Task]:
    """Questions of differing sizes: `triage` (a word), `classify` (150 tokens), `mixed` (nine of ten triage)."""
    rng = random.Random(seed)
    tasks = []
    for _ in range(count):
        if mix == "triage" or (mix == "mixed" and rng.random() < 0.9):
            tasks.append(Task(int(400 * rng.lognormvariate(0, 0.4)), 1))
        else:
            tasks.append(Task(int(1800 * rng.lognormvariate(0, 0.4)), int(150 * rng.lognormvariate(0, 0.15))))
    return tasks


class StillClock(LeapClock):
    """Virtual time that moves only while nothing is on its way between client and server."""

    def __init__(self) -> None:
        super().__init__()
        self.is_still: Callable[[], bool] = lambda: True

    def _turn(self, left: int) -> None:
        if self.is_still():
            super()._turn(left)
        else:
            asyncio.get_running_loop().call_later(0.0002, self._turn, IDLE_TURNS)


class Machine(Compute):
    """The processors of a profile: each call at work is as much slower as the profile says for so many."""

    def __init__(self, clock: LeapClock, slowness: Callable[[int], float], rng: random.Random) -> None:
        super().__init__(clock)
        self._time = clock
        self._slowness = slowness
        self._rng = rng
        self._running = 0

    async def work(self, seconds: float) -> None:
        left = seconds * self._rng.lognormvariate(0, NOISE)
        part = max(0.02, left / 10)
        self._running += 1
        try:
            while left > 1e-9:
                some = min(part, left)
                await self._time.sleep(some * self._slowness(self._running))
                left -= some
        finally:
            self._running -= 1


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one run took, in seconds of the server, and where the lane ended."""

    seconds: float
    slots: int
    answered: int
    trials: int


async def run(profile: Profile, tasks: Sequence[Task], fixed: int | None, folder: Path, seed: int = 1) -> Outcome:
    """Ask all tasks, with a fixed number of calls at a time or (None) with as many as the lane finds good."""
    clock = StillClock()
    speeds = Speeds(load_ms=profile.load_s * 1000, prefill_tps=900, decode_tps=45, overhead_ms=15)
    limits = Limits(slots=profile.slots)
    async with FakeOllama(speeds=speeds, limits=limits, clock=clock, oracle=_answer) as fake:
        fake._state.compute = Machine(clock, profile.slowness, random.Random(seed))
        model = OllamaModel(OllamaConfig(endpoint=fake.url), make_context("grid", folder))
        await model.open()
        try:
            if not profile.load_s:
                await model.preload(MODEL, num_ctx=NUM_CTX)
            lane = Lane(fixed or max(LEVELS), clock=clock, adapt=fixed is None)
            return await _ask_all(lane, model, fake, clock, tasks)
        finally:
            await model.close()


async def _ask_all(lane: Lane, model: OllamaModel, fake: FakeOllama, clock: StillClock, tasks: Sequence[Task]) -> Outcome:
    left = list(reversed(list(enumerate(tasks))))
    away = answered = 0

    async def read() -> None:
        nonlocal away, answered
        while left:
            number, task = left.pop()
            turn = lane.enter(0, "one")
            try:
                await lane.wait(turn)
                began_s = clock.monotonic_s()
                away += 1
                try:
                    reply = await model.complete(_request(number, task))
                finally:
                    away -= 1
                lane.note(Sample(reply.usage, (clock.monotonic_s() - began_s) * 1000), turn)
                answered += 1
                await clock.sleep(GAP_S)
            finally:
                lane.leave(turn)

    clock.is_still = lambda: away == fake.stats.in_flight
    began_s = clock.monotonic_s()
    async with asyncio.TaskGroup() as group:
        for _ in range(READERS):
            group.create_task(read())
    found = lane.figures()
    return Outcome(clock.monotonic_s() - began_s, found["best"], answered, found["trials"])


def _request(number: int, task: Task) -> ModelRequest:
    rng = random.Random(number)
    text = " ".join(rng.choices(WORDS, k=max(1, task.chars // 7)))
    messages = (Message("system", FIXED_PROMPT), Message("user", f"{task.tokens} {number} {text}"))
    return ModelRequest(Role.TRIAGE, MODEL, messages, max_tokens=256, num_ctx=NUM_CTX)


def _answer(question: Question) -> str:
    tokens = int(question.user_text.split(" ", 1)[0])
    return "yes" if tokens == 1 else " ".join(["word"] * math.ceil(tokens / 2))


@dataclass(frozen=True, slots=True)
class Row:
    """One profile: seconds at each fixed level, and of the lane that had to find out."""

    profile: str
    mix: str
    fixed: dict[int, float]
    found: Outcome

    @property
    def best(self) -> int:
        """The lowest level that does (within half a percent) the most."""
        least = min(self.fixed.values())
        return min(level for level, seconds in self.fixed.items() if seconds <= least * 1.005)

    @property
    def share(self) -> float:
        """The lane's work in a second beside that of the best fixed level."""
        return min(self.fixed.values()) / self.found.seconds


def measure(profile: Profile, mix: str, count: int, levels: Sequence[int] = LEVELS) -> Row:
    """Run one profile through all levels and through the search."""
    tasks = make_tasks(mix, count)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fixed = {level: asyncio.run(run(profile, tasks, level, folder)).seconds for level in levels}
        found = asyncio.run(run(profile, tasks, None, folder))
    return Row(profile.name, mix, fixed, found)


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table: what each level does beside the best one, in percent, and what the search does."""
    levels = sorted(rows[0].fixed)
    lines = [
        "| server | questions | " + " | ".join(str(level) for level in levels) + " | best | found | search |",
        "|---|---|" + "---:|" * (len(levels) + 3),
    ]
    for row in rows:
        least = min(row.fixed.values())
        shares = " | ".join(f"{100 * least / row.fixed[level]:.0f}" for level in levels)
        lines.append(f"| {row.profile} | {row.mix} | {shares} | {row.best} | {row.found.slots} | **{100 * row.share:.1f}** |")
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Print the grid; 0 whatever the figures are."""
    flags = argparse.ArgumentParser(prog="python -m benchmarks.slots_grid", description=__doc__)
    flags.add_argument("--calls", type=int, default=300, help="questions in each run")
    flags.add_argument("--mix", choices=MIXES, action="append", help="which questions (may be repeated)")
    flags.add_argument("--profile", action="append", help="the beginning of a profile's name (may be repeated)")
    flags.add_argument("--json", action="store_true", help="print JSON instead of a table")
    args = flags.parse_args(argv)
    chosen = [p for p in PROFILES if not args.profile or any(p.name.startswith(name) for name in args.profile)]
    rows = []
    for profile in chosen:
        for mix in args.mix or MIXES:
            rows.append(measure(profile, mix, args.calls))
            print(f"{profile.name}, {mix}: {rows[-1].share:.3f}", file=sys.stderr, flush=True)
    if args.json:
        print(json.dumps([{"profile": r.profile, "mix": r.mix, "fixed_s": r.fixed, "search_s": r.found.seconds} for r in rows]))
    else:
        print(f"{args.calls} calls in each run; work in a second beside the best fixed number of calls at a time, in percent\n")
        print(table(rows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
