"""The grid of fixed numbers of calls against the search, in its tiny form: counts, and virtual time that repeats itself."""

from __future__ import annotations

import asyncio

import pytest

from benchmarks.slots_grid import PROFILES, Profile, Row, make_tasks, measure, run, table


def profile(name: str) -> Profile:
    return next(one for one in PROFILES if one.name.startswith(name))


@pytest.mark.parametrize("name", ["1 slot", "4 slots", "shared", "cold", "memory"])
async def test_every_question_is_answered_whatever_the_server(name, tmp_path):
    tasks = make_tasks("mixed", 40)
    outcome = await run(profile(name), tasks, None, tmp_path)
    assert outcome.answered == 40
    assert 1 <= outcome.slots <= 8


async def test_time_does_not_depend_on_how_busy_this_machine_is(tmp_path):
    tasks = make_tasks("classify", 12)
    first = await run(profile("4 slots"), tasks, 4, tmp_path)
    busy = asyncio.create_task(_be_busy())
    second = await run(profile("4 slots"), tasks, 4, tmp_path)
    busy.cancel()
    assert second.seconds == pytest.approx(first.seconds, rel=0.02)


async def _be_busy() -> None:
    while True:
        sum(range(2000))
        await asyncio.sleep(0)


def test_the_search_finds_four_slots():
    row = measure(profile("4 slots"), "classify", 80, levels=(1, 4))
    assert row.best == 4
    assert row.found.slots in (4, 5)
    assert row.share > 0.85
    assert isinstance(row, Row)
    assert "| 4 slots | classify |" in table([row])
