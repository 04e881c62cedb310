"""A past for leadd: signals of earlier weeks that were worked off, and what the user said of the leads among them."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from leadd.api import Icp, Role, SystemClock
from leadd.bench.rig import FIXED, leads_of, open_core, work_off
from leadd.bench.signals import BenchSignal, make_signals
from leadd.config.settings import Settings
from leadd.core.engine import Core
from leadd.inference import RolePlan

SEED = 4_000
ROUND = 600
"""Signals of one earlier week."""
ROUNDS = 8
SLIPS = 0.05
"""The share of verdicts that the user gives wrongly."""
SOURCE = "earlier"
PAGE = 200
QUICK = {"inference": {"details_from": 101}, "prefilter": FIXED}
"""The user's verdict needs no prose."""


@dataclass(frozen=True, slots=True)
class Past:
    """What lies behind: signals, leads that were found among them, verdicts given."""

    signals: int
    leads: int
    verdicts: int


def past_weeks() -> list[list[BenchSignal]]:
    """The signals of all weeks that a past may need; whoever judges has to know them."""
    return [make_signals(ROUND, seed=SEED + number) for number in range(ROUNDS)]


async def live_through(
    folder: Path, url: str, roles: Mapping[Role, RolePlan], icp: Icp, weeks: Sequence[Sequence[BenchSignal]], verdicts: int
) -> Past:
    """Work off week after week at a server that takes no time, and judge each lead, until there are enough verdicts."""
    clock = SystemClock()
    rng = random.Random(SEED)
    given = seen = found = 0
    async with open_core(folder, url, roles, icp, Settings.model_validate(QUICK), clock) as core:
        for number, week in enumerate(weeks):
            if given >= verdicts:
                break
            source = f"{SOURCE}{number}"
            await work_off(core, clock, week, source)
            truth = {signal.key: bool(signal.is_lead) for signal in week}
            keys = await leads_of(core, source)
            seen, found = seen + len(week), found + len(keys)
            given += await _judge(core, {key: truth[key] for key in keys}, rng, verdicts - given)
    return Past(seen, found, given)


async def _judge(core: Core, truth: Mapping[str, bool], rng: random.Random, most: int) -> int:
    """Give a verdict on each lead of these signals, `most` in all; the number given."""
    given = 0
    after: str | None = None
    while given < most:
        page = await core.store.leads.list(limit=PAGE, after=after, order="new")
        for lead in page.items:
            if lead.verdict is not None or given >= most:
                return given  # newest first: what follows belongs to weeks that were judged
            known = [truth[key] for key in await _keys_of(core, lead.id) if key in truth]
            wanted = any(known) != (rng.random() < SLIPS)
            await core.store.leads.verdict(lead.id, "accept" if wanted else "reject")
            given += 1
        after = page.next
        if after is None:
            break
    return given


async def _keys_of(core: Core, lead_id: int) -> list[str]:
    why = await core.store.leads.why(lead_id)
    return [] if why is None else [row["signal"]["external_id"] or "" for row in why["signals"]]
