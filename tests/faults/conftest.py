"""The long tier: run by `make faults`, by hand and before a release."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "daemon"))
sys.path.insert(0, str(Path(__file__).parent))

from daemon_parts import Home


@pytest.fixture
def make_home(tmp_path: Path) -> Iterator[Callable[..., Home]]:
    """Makes homes; whatever runs on them is killed at the end."""
    made: list[Home] = []

    def make(**settings: Any) -> Home:
        home = Home(tmp_path / f"home{len(made)}", **settings)
        made.append(home)
        return home

    yield make
    for home in made:
        home.kill()
