"""The fixture of the inference tests; the parts are in inference_parts.py beside this file."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from inference_parts import HandClock, QuickClock, Rig, Scripted, settle


@pytest.fixture
async def rig():
    """Makes rigs; each is closed at the end, and no task may be left over."""
    made: list[Rig] = []

    def make(*script: Any, clock: HandClock | None = None, model: Scripted | None = None, **changes: Any) -> Rig:
        one = Rig(model or Scripted(*script), clock or QuickClock(), **changes)
        made.append(one)
        return one

    yield make
    for one in made:
        await one.inference.close(grace_s=1.0)
    await settle()
    left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    assert not left, f"tasks left over: {left}"
