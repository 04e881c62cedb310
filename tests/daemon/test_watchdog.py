"""A blocked loop is named by the place at which it hangs, and one that is well costs no line."""

from __future__ import annotations

import asyncio
import logging
import time

import pytest

from leadd.daemon.watchdog import Watchdog


def block_for_a_while() -> None:
    time.sleep(0.5)


async def test_the_place_is_named(caplog: pytest.LogCaptureFixture) -> None:
    watchdog = Watchdog(logging.getLogger("leadd.test"), look_s=0.01, blocked_s=0.1)
    watchdog.open()
    await asyncio.sleep(0.03)
    block_for_a_while()
    for _ in range(300):
        if "goes on" in caplog.text:
            break
        await asyncio.sleep(0.01)
    watchdog.close()
    assert "block_for_a_while" in caplog.text
    assert "the loop goes on" in caplog.text


async def test_a_loop_that_is_well_is_left_alone(caplog: pytest.LogCaptureFixture) -> None:
    watchdog = Watchdog(logging.getLogger("leadd.test"), look_s=0.01, blocked_s=5)
    watchdog.open()
    await asyncio.sleep(0.1)
    watchdog.close()
    assert caplog.text == ""
