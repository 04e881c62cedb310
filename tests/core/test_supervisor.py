"""The supervisor: every loop lives for itself, failures are backed off, pauses wait for a person, stopping is bounded."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Callable

import pytest

from leadd.api import NeedsAttention, Retry
from leadd.core.supervisor import Supervisor


class HandClock:
    """Wall time that moves by hand; sleeping is real, so that the loop's own timers run."""

    def __init__(self) -> None:
        self.ms = 1_000_000

    def now_ms(self) -> int:
        return self.ms

    def monotonic_s(self) -> float:
        return self.ms / 1000

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


async def until(true: Callable[[], object], limit_s: float = 5.0) -> None:
    async with asyncio.timeout(limit_s):
        while not true():
            await asyncio.sleep(0.001)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def supervisor(clock: HandClock) -> AsyncIterator[Supervisor]:
    made = Supervisor(clock, logging.getLogger("leadd.test"), rng=random.Random(1))
    yield made
    await made.close(1)


async def test_a_loop_runs_again_at_once_while_it_has_work(supervisor: Supervisor) -> None:
    left = [3]

    async def turn() -> float | None:
        left[0] -= 1
        return 0 if left[0] > 0 else None

    loop = supervisor.add("work", turn)
    await until(lambda: loop.turns == 3)
    await asyncio.sleep(0.02)
    assert loop.turns == 3


async def test_waking_begins_the_next_turn(supervisor: Supervisor) -> None:
    turns = []

    async def turn() -> float | None:
        turns.append(1)
        return None

    supervisor.add("sleeper", turn)
    await until(lambda: len(turns) == 1)
    assert supervisor.wake("sleeper")
    await until(lambda: len(turns) == 2)
    assert not supervisor.wake("nobody")


async def test_a_wake_during_a_turn_is_not_lost(supervisor: Supervisor) -> None:
    inside, go_on, turns = asyncio.Event(), asyncio.Event(), []

    async def turn() -> float | None:
        turns.append(1)
        inside.set()
        await go_on.wait()
        return None

    supervisor.add("busy", turn)
    await inside.wait()
    supervisor.wake("busy")
    go_on.set()
    await until(lambda: len(turns) == 2)


async def test_one_failing_loop_never_stops_the_others(supervisor: Supervisor, caplog: pytest.LogCaptureFixture) -> None:
    good = []

    async def bad_turn() -> float | None:
        raise ZeroDivisionError("a bug")

    async def good_turn() -> float | None:
        good.append(1)
        return 0.001

    bad = supervisor.add("bad", bad_turn)
    supervisor.add("good", good_turn)
    for _ in range(3):
        supervisor.wake("bad")
        await until(lambda n=bad.failures: bad.failures > n)  # type: ignore[misc]
    await until(lambda: len(good) > 2)
    assert bad.state == "retrying"
    assert "a bug" in bad.reason
    shown = [r for r in caplog.records if "a bug" in r.getMessage()]
    assert len(shown) == 1, "the same error is logged once"
    assert sum(bad.bugs.values()) == bad.failures


async def test_a_retry_waits_at_least_as_long_as_was_asked(supervisor: Supervisor, clock: HandClock) -> None:
    async def turn() -> float | None:
        raise Retry("busy", after_s=120)

    loop = supervisor.add("asked", turn)
    await until(lambda: loop.due_ms is not None)
    assert loop.due_ms is not None
    assert loop.due_ms - clock.ms >= 120_000


async def test_recovery_clears_the_failures(supervisor: Supervisor) -> None:
    failing = [True]

    async def turn() -> float | None:
        if failing[0]:
            raise Retry("not yet")
        return None

    loop = supervisor.add("flaky", turn)
    await until(lambda: loop.state == "retrying")
    failing[0] = False
    supervisor.wake("flaky")
    await until(lambda: loop.state == "ready")
    assert loop.failures == 0


async def test_needs_attention_pauses_until_resumed(supervisor: Supervisor) -> None:
    calls = []

    async def turn() -> float | None:
        calls.append(1)
        if len(calls) == 1:
            raise NeedsAttention("the password is wrong", hint="set it anew")
        return None

    loop = supervisor.add("mail", turn)
    await until(lambda: loop.state == "paused")
    supervisor.wake("mail")
    await asyncio.sleep(0.02)
    assert (len(calls), loop.reason, loop.hint) == (1, "the password is wrong", "set it anew")
    supervisor.resume("mail")
    await until(lambda: len(calls) == 2)
    assert loop.state == "ready"


async def test_closing_waits_for_the_turn_within_the_grace_time(clock: HandClock) -> None:
    supervisor = Supervisor(clock, logging.getLogger("leadd.test"))
    ended = []

    async def turn() -> float | None:
        await asyncio.sleep(0.05)
        ended.append(1)
        return None

    supervisor.add("slow", turn)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert await supervisor.close(5) == []
    assert ended == [1]


async def test_closing_names_what_still_ran(clock: HandClock) -> None:
    supervisor = Supervisor(clock, logging.getLogger("leadd.test"))
    started = asyncio.Event()

    async def turn() -> float | None:
        started.set()
        await asyncio.Event().wait()
        return None

    supervisor.add("endless", turn)
    await started.wait()
    assert await supervisor.close(0.01) == ["endless"]


async def test_two_loops_of_one_name_are_refused(supervisor: Supervisor) -> None:
    async def turn() -> float | None:
        return None

    supervisor.add("one", turn)
    with pytest.raises(ValueError, match="'one' runs already"):
        supervisor.add("one", turn)


async def test_a_clock_set_back_makes_nobody_wait_longer_than_meant(supervisor: Supervisor, clock: HandClock) -> None:
    turns = []

    async def turn() -> float | None:
        turns.append(clock.ms)
        return 0.05

    loop = supervisor.add("steady", turn)
    await until(lambda: len(turns) == 1 and loop.due_ms is not None)
    clock.ms -= 7_200_000
    await until(lambda: loop.due_ms is not None and loop.due_ms <= clock.ms + 50)


async def test_bugs_with_ever_new_messages_do_not_fill_the_memory(supervisor: Supervisor) -> None:
    count = [0]

    async def turn() -> float | None:
        count[0] += 1
        raise RuntimeError(f"number {count[0]}")

    loop = supervisor.add("chatty", turn)
    for _ in range(70):
        failures = loop.failures
        supervisor.wake("chatty")
        await until(lambda n=failures: loop.failures > n)  # type: ignore[misc]
    assert len(loop.bugs) <= 51
