"""leadd's own suite for caches, against a real server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from leadd_redis import RedisCache, RedisConfig, leadd_caches

from leadd.api import CacheBackend, Context
from leadd.testing.contracts import CacheContract


class TestRedis(CacheContract):
    survives_restart = True
    follows_clock = False

    @pytest.fixture(autouse=True)
    def _server(self, server: Any) -> None:
        self.url = server.url

    def make(self, ctx: Context) -> CacheBackend:
        return RedisCache(RedisConfig.model_validate({"url": self.url, "connect_s": 20, "answer_s": 20}), ctx)


class TestAway(CacheContract):
    """No server at all: everything is a miss, nothing is an error. Only what holds without one is asked."""

    follows_clock = False
    can_scan = False

    def make(self, ctx: Context) -> CacheBackend:
        return RedisCache(RedisConfig.model_validate({"url": "redis://127.0.0.1:1/0"}), ctx)

    test_a_value_comes_back_byte_for_byte = None  # type: ignore[assignment]
    test_the_last_value_of_a_key_counts = None  # type: ignore[assignment]
    test_keys_are_apart = None  # type: ignore[assignment]
    test_delete_forgets_and_tells_whether_there_was_one = None  # type: ignore[assignment]
    test_clear_forgets_all_and_counts = None  # type: ignore[assignment]
    test_one_owner_at_a_time_computes = None  # type: ignore[assignment]
    test_a_claim_is_no_value_and_clearing_values_is_harmless = None  # type: ignore[assignment]
    test_of_many_claimants_one_wins = None  # type: ignore[assignment]
    test_figures_count_hits_and_misses = None  # type: ignore[assignment]
    test_many_at_once_do_not_mix = None  # type: ignore[assignment]
    test_a_cancelled_call_leaves_the_cache_usable = None  # type: ignore[assignment]


def test_the_hook_names_the_class() -> None:
    assert leadd_caches() == [RedisCache]


def test_the_package_says_what_it_brings() -> None:
    text = (Path(__file__).parents[1] / "pyproject.toml").read_text("utf-8")
    assert '[project.entry-points."leadd.plugins"]\nredis = "leadd_redis"' in text
