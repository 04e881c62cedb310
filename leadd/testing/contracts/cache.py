"""What a cache backend owes."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from leadd.api import CacheBackend, CacheStats, Context
from leadd.testing.clock import ManualClock
from leadd.testing.contracts.component import ComponentContract


class CacheContract(ComponentContract[CacheBackend]):
    """A cache may forget at any time and never makes a value up. Whatever happens in it, nothing is raised."""

    survives_restart: ClassVar[bool] = False
    """True where a second one with the same context must still know what the first was given."""
    follows_clock: ClassVar[bool] = True
    """False where another process keeps the time (a server), so that a test cannot let it pass."""

    can_scan: ClassVar[bool] = True
    """False for a backend that leaves `scan` at its default: then nothing can be exported from it."""

    values: ClassVar[tuple[bytes, ...]] = (b"", b"{}", b"\x00\xff\n", "grüße".encode(), bytes(range(256)) * 400)

    async def test_a_value_comes_back_byte_for_byte(self, ctx: Context) -> None:
        async with self.opened(ctx) as cache:
            for index, value in enumerate(self.values):
                await cache.put(f"key-{index}", value)
            for index, value in enumerate(self.values):
                assert await cache.get(f"key-{index}") == value

    async def test_an_unknown_key_is_none(self, ctx: Context) -> None:
        async with self.opened(ctx) as cache:
            assert await cache.get("never put") is None

    async def test_the_last_value_of_a_key_counts(self, ctx: Context) -> None:
        async with self.opened(ctx) as cache:
            await cache.put("key", b"old")
            await cache.put("key", b"new")
            assert await cache.get("key") == b"new"
            assert (await cache.stats()).entries == 1

    async def test_keys_are_apart(self, ctx: Context) -> None:
        keys = ["a", "A", "a ", "ä", "a\u0308", "a*", "a%", "a_", "key:1", "key:10", "x" * 2000, "\n", "\U0001f4a9"]
        async with self.opened(ctx) as cache:
            for index, key in enumerate(keys):
                await cache.put(key, str(index).encode())
            for index, key in enumerate(keys):
                assert await cache.get(key) == str(index).encode(), f"{key!r} got another key's value"

    async def test_delete_forgets_and_tells_whether_there_was_one(self, ctx: Context) -> None:
        async with self.opened(ctx) as cache:
            await cache.put("key", b"value")
            assert await cache.delete("key") is True
            assert await cache.delete("key") is False
            assert await cache.get("key") is None

    async def test_clear_forgets_all_and_counts(self, ctx: Context) -> None:
        async with self.opened(ctx) as cache:
            for index in range(5):
                await cache.put(f"key-{index}", b"value")
            assert await cache.clear() == 5
            assert await cache.clear() == 0
            assert [await cache.get(f"key-{index}") for index in range(5)] == [None] * 5
            await cache.put("key-1", b"again")
            assert await cache.get("key-1") == b"again"

    async def test_a_value_is_forgotten_when_its_time_is_over(self, ctx: Context, clock: ManualClock) -> None:
        if not self.follows_clock:
            return
        async with self.opened(ctx) as cache:
            await cache.put("short", b"value", ttl_s=10)
            await cache.put("long", b"value", ttl_s=1000)
            clock.advance(9)
            assert await cache.get("short") == b"value"
            clock.advance(2)
            assert await cache.get("short") is None
            assert await cache.get("long") == b"value"
            assert await cache.delete("short") is False
            assert (await cache.stats()).entries == 1

    async def test_no_time_to_live_is_no_entry(self, ctx: Context) -> None:
        async with self.opened(ctx) as cache:
            await cache.put("key", b"old")
            await cache.put("key", b"new", ttl_s=0)
            assert await cache.get("key") is None

    async def test_one_owner_at_a_time_computes(self, ctx: Context) -> None:
        async with self.opened(ctx) as cache:
            assert await cache.claim("key", "one", 60) is True
            assert await cache.claim("key", "two", 60) is False
            assert await cache.claim("key", "one", 60) is True, "an owner may claim again what it holds"
            assert await cache.claim("other key", "two", 60) is True
            await cache.release("key", "two")
            assert await cache.claim("key", "two", 60) is False, "only the owner gives a claim back"
            await cache.release("key", "one")
            assert await cache.claim("key", "two", 60) is True

    async def test_a_claim_ends_with_its_lease(self, ctx: Context, clock: ManualClock) -> None:
        if not self.follows_clock:
            return
        async with self.opened(ctx) as cache:
            await cache.claim("key", "one", 60)
            clock.advance(61)
            assert await cache.claim("key", "two", 60) is True
            assert await cache.claim("key", "one", 60) is False

    async def test_a_claim_is_no_value_and_clearing_values_is_harmless(self, ctx: Context) -> None:
        async with self.opened(ctx) as cache:
            await cache.claim("key", "one", 60)
            assert await cache.get("key") is None
            await cache.put("key", b"value")
            assert await cache.get("key") == b"value"

    async def test_of_many_claimants_one_wins(self, ctx: Context) -> None:
        async with self.opened(ctx) as cache:
            won = await asyncio.gather(*(cache.claim("key", f"owner-{i}", 60) for i in range(20)))
        assert sum(won) == 1

    async def test_a_scan_gives_what_is_kept_and_no_claim(self, ctx: Context) -> None:
        if not self.can_scan:
            return
        kept = {f"a.{index}": str(index).encode() for index in range(450)} | {"b.1": b"other", "grü*ße": b"\x00\xff"}
        async with self.opened(ctx) as cache:
            for key, value in kept.items():
                await cache.put(key, value, ttl_s=100)
            await cache.claim("claimed", "one", 60)
            found = {entry.key: entry async for entry in cache.scan()}
            assert {key: entry.value for key, entry in found.items()} == kept
            assert all(entry.left_s is not None and 0 < entry.left_s <= 100 for entry in found.values())
            assert {entry.key async for entry in cache.scan("b.")} == {"b.1"}
            assert {entry.key async for entry in cache.scan("grü*")} == {"grü*ße"}
            await cache.put("a.1", b"forever", ttl_s=None)
            await cache.clear()
            assert [entry async for entry in cache.scan()] == []

    async def test_figures_count_hits_and_misses(self, ctx: Context) -> None:
        async with self.opened(ctx) as cache:
            await cache.put("key", b"12345")
            await cache.get("key")
            await cache.get("key")
            await cache.get("other")
            stats = await cache.stats()
        assert isinstance(stats, CacheStats)
        assert (stats.hits, stats.misses, stats.entries) == (2, 1, 1)
        assert stats.size_bytes >= 5

    async def test_many_at_once_do_not_mix(self, ctx: Context) -> None:
        async def write_and_read(cache: CacheBackend, index: int) -> bool:
            value = str(index).encode() * 50
            await cache.put(f"key-{index}", value)
            return await cache.get(f"key-{index}") == value

        async with self.opened(ctx) as cache:
            assert all(await asyncio.gather(*(write_and_read(cache, i) for i in range(50))))

    async def test_a_cancelled_call_leaves_the_cache_usable(self, ctx: Context) -> None:
        async with self.opened(ctx) as cache:
            for index in range(5):
                await self.cancel_midway(cache.put(f"key-{index}", b"value"))
                await self.cancel_midway(cache.get(f"key-{index}"))
            await self.in_time(cache.put("key", b"value"))
            assert await self.in_time(cache.get("key")) == b"value"

    async def test_hostile_keys_are_keys_or_misses(self, ctx: Context) -> None:
        async with self.opened(ctx) as cache:
            for key in (*self.hostile_texts, "\ud800 half a character"):
                await cache.put(key, b"value")
                assert await cache.get(key) in (b"value", None)
                await cache.claim(key, key, 1)
                await cache.release(key, key)
                await cache.delete(key)

    async def test_after_close_there_are_misses_not_errors(self, ctx: Context) -> None:
        async with self.opened(ctx) as cache:
            await cache.put("key", b"value")
        assert await cache.get("key") is None
        await cache.put("key", b"value")
        assert await cache.delete("key") is False

    async def test_what_a_restart_keeps(self, ctx: Context) -> None:
        async with self.opened(ctx) as first:
            await first.put("key", b"value")
        async with self.opened(ctx) as second:
            assert await second.get("key") == (b"value" if self.survives_restart else None)
