"""The storm of reloads in its tiny form: counts, no times."""

from __future__ import annotations

from benchmarks.prompt_reloads import behaviour, storm


async def test_nothing_is_lost_and_nothing_mixed(tmp_path):
    found = await storm(tmp_path, reloads=12, invalid=0.4, per_s=200.0, seed=3)
    assert found["applied"] + found["rejected"] == 12
    assert found["rejected"] > 0
    assert found["wrongly answered"] == []
    assert (found["signals lost"], found["answers of mixed versions"], found["answers of invalid versions"]) == (0, 0, 0)
    assert found["answers stamped"] > 0


async def test_the_second_comparison_asks_nobody(tmp_path):
    found = await behaviour(tmp_path, 20)
    for one in found.values():
        assert one["unknown"] == 0
        assert set(one["origins"]) <= {"journal", "cache"}
