"""The cache `memory` beyond its contract: what goes first when room is short."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from leadd.builtin.memory import MAX_CLAIMS, MemoryCache, MemoryConfig
from leadd.testing.clock import ManualClock
from leadd.testing.context import make_context

MB = 1024 * 1024


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


def cache_of(clock: ManualClock | None = None, **config: object) -> MemoryCache:
    return MemoryCache(MemoryConfig.model_validate(config), make_context(Path(), clock or ManualClock()))


async def test_the_least_lately_used_goes_first() -> None:
    cache = cache_of(max_entries=3)
    for key in "abc":
        await cache.put(key, b"x")
    await cache.get("a")
    await cache.put("d", b"x")
    assert [await cache.get(key) is not None for key in "abcd"] == [True, False, True, True]
    assert (await cache.stats()).extra["evicted"] == 1


async def test_a_new_value_for_a_key_counts_as_use() -> None:
    cache = cache_of(max_entries=2)
    await cache.put("a", b"1")
    await cache.put("b", b"1")
    await cache.put("a", b"2")
    await cache.put("c", b"1")
    assert await cache.get("b") is None
    assert await cache.get("a") == b"2"


async def test_bytes_bound_it_too() -> None:
    cache = cache_of(max_mb=1)
    for index in range(10):
        await cache.put(str(index), b"x" * (MB // 4))
    stats = await cache.stats()
    assert stats.entries == 3
    assert stats.size_bytes <= MB
    assert await cache.get("9") is not None


async def test_what_is_larger_than_all_of_it_is_not_kept_and_throws_nothing_out() -> None:
    cache = cache_of(max_mb=1)
    await cache.put("small", b"x")
    await cache.put("large", b"x" * (MB + 1))
    await cache.put("small too", b"y")
    assert await cache.get("large") is None
    assert await cache.get("small") == b"x"


async def test_a_value_too_large_replaces_the_old_one_by_nothing() -> None:
    cache = cache_of(max_mb=1)
    await cache.put("key", b"old")
    await cache.put("key", b"x" * (MB + 1))
    assert await cache.get("key") is None, "an old value under a newer put would be made up"


async def test_its_own_time_to_live_counts_where_none_is_given(clock: ManualClock) -> None:
    cache, endless = cache_of(clock, ttl_s=60), cache_of(clock, ttl_s=None)
    for each in (cache, endless):
        await each.put("key", b"x")
    clock.advance(61)
    assert await cache.get("key") is None
    assert await endless.get("key") == b"x"
    assert (await cache.stats()).extra["expired"] == 1


async def test_the_callers_bytes_are_copied() -> None:
    cache, value = cache_of(), bytearray(b"before")
    await cache.put("key", value)
    value[:] = b"after!"
    assert await cache.get("key") == b"before"


async def test_claims_do_not_pile_up(clock: ManualClock) -> None:
    cache = cache_of(clock)
    for index in range(MAX_CLAIMS):
        await cache.claim(f"key-{index}", "owner", 1)
    clock.advance(2)
    await cache.claim("one more", "owner", 1)
    assert len(cache._claims) == 1


@pytest.mark.parametrize("config", [{"max_entries": 0}, {"max_mb": 0}, {"ttl_s": -1}, {"size": 3}])
def test_settings_that_make_no_sense_are_refused(config: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        MemoryConfig.model_validate(config)


operations = st.lists(
    st.tuples(st.sampled_from(["put", "get", "delete"]), st.sampled_from("abcdef"), st.binary(max_size=3)), max_size=60
)


@given(operations)
async def test_it_is_a_bounded_dict_in_order_of_use(steps: list[tuple[str, str, bytes]]) -> None:
    cache, model = cache_of(max_entries=3), OrderedDict[str, bytes]()
    for action, key, value in steps:
        if action == "put":
            await cache.put(key, value)
            model[key] = value
            model.move_to_end(key)
            if len(model) > 3:
                model.popitem(last=False)
        elif action == "get":
            assert await cache.get(key) == model.get(key)
            if key in model:
                model.move_to_end(key)
        else:
            assert await cache.delete(key) is (model.pop(key, None) is not None)
    stats = await cache.stats()
    assert stats.entries == len(model)
    assert stats.size_bytes == sum(len(k) + len(v) for k, v in model.items())
