"""Five hundred kills at random moments under load."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from daemon_parts import Home
from kill_run import run_kills

from leadd.testing.ollama import Speeds, threaded_fake


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(10))
def test_fifty_kills_lose_nothing(make_home: Callable[..., Home], seed: int) -> None:
    with threaded_fake(speeds=Speeds()) as ollama:
        print(run_kills(make_home, ollama, kills=50, seed=seed))
