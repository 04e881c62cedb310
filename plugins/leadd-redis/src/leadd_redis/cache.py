"""The cache `redis`: answers and claims that several daemons share.

Whatever is wrong with the server makes misses, never an error, and `claim` then says yes: a cache that cannot answer keeps
nobody from computing.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, ClassVar

from leadd.api import CacheBackend, CacheEntry, CacheStats, ComponentConfig, Context
from leadd_redis.keyspace import CLAIM, RELEASE, Keyspace, ms_of, raw
from leadd_redis.link import Link
from leadd_redis.server import Server
from leadd_redis.settings import RedisConfig

PAGE = 500
"""Keys that one step of SCAN looks at."""
VALUES_AT_ONCE = 25
STEP_S = 2.0
"""Longest wait for one step of what may be slow: scan and clear."""
COUNTED_STEPS = 20
"""Steps after which `stats` stops to count and reckons the rest."""
SAMPLE = 64


class RedisCache(CacheBackend):
    """Answers in a Redis, alone, behind Sentinel or as a cluster."""

    name: ClassVar[str] = "redis"
    Config: ClassVar[type[ComponentConfig]] = RedisConfig
    shared: ClassVar[bool] = True
    config: RedisConfig

    def __init__(self, config: RedisConfig, ctx: Context) -> None:
        super().__init__(config, ctx)
        self._keys = Keyspace(config.namespace)
        self._link = Link(config, ctx)
        self._clearing: asyncio.Task[int] | None = None
        self._hits = 0
        self._misses = 0
        self._too_large = 0

    async def open(self) -> None:
        await self._link.open()

    async def close(self) -> None:
        clearing, self._clearing = self._clearing, None
        if clearing is not None and not clearing.done():
            clearing.cancel()
            await asyncio.wait({clearing})
        await self._link.close()

    async def check(self) -> str | None:
        trouble = await self._link.look()
        if trouble is not None:
            found = trouble.text
        elif self._link.is_open:
            found = await self._link.run(self._try_out, f"it does not answer within {STEP_S:g} s", limit_s=STEP_S)
        else:
            found = ""
        return f"the Redis at {self._link.address}: {found}" if found else None

    async def _try_out(self, server: Server) -> str:
        """What the server does not let us do of all that a cache does."""
        key = self._keys.probe
        try:
            await server.ask("SET", key, b"1", "PX", 1000)
            await server.ask("GET", key)
            await server.run(RELEASE, key, b"1")
            await server.ask_many([("UNLINK", key), ("PTTL", key)])
            for ask in await server.nodes():
                await ask("SCAN", 0, "MATCH", self._keys.pattern(), "COUNT", 1)
        except Exception as error:
            return self._link.trouble(error).text
        return ""

    async def get(self, key: str) -> bytes | None:
        found = await self._link.run(lambda server: server.ask("GET", self._keys.value(key)), None)
        if not isinstance(found, bytes):
            self._misses += 1
            return None
        self._hits += 1
        return found

    async def put(self, key: str, value: bytes, *, ttl_s: float | None = None) -> None:
        lives_s = self.config.ttl_s if ttl_s is None else ttl_s
        is_too_large = len(value) > self.config.max_value_kb * 1024
        self._too_large += is_too_large
        if is_too_large or (lives_s is not None and not lives_s > 0):
            await self.delete(key)  # what was kept before is not the last value any more
            return
        time = () if lives_s is None else ("PX", ms_of(lives_s))
        await self._link.run(lambda server: server.ask("SET", self._keys.value(key), bytes(value), *time), None)

    async def delete(self, key: str) -> bool:
        return bool(await self._link.run(lambda server: server.ask("DEL", self._keys.value(key)), 0))

    async def clear(self) -> int:
        # Whoever asked may not have the time to wait for millions of keys: what was begun goes on without them.
        if self._clearing is None or self._clearing.done():
            self._clearing = asyncio.create_task(self._clear())
        return await asyncio.shield(self._clearing)

    async def _clear(self) -> int:
        count = 0
        async for keys in self._pages(self._keys.pattern()):
            gone = await self._ask_many([("UNLINK", key) for key in keys])
            count += sum(answer for answer in gone if isinstance(answer, int))
        return count

    async def claim(self, key: str, owner: str, lease_s: float) -> bool:
        name, token, lease_ms = self._keys.claim(key), raw(owner), ms_of(lease_s)

        async def take(server: Server) -> bool:
            if await server.ask("SET", name, token, "NX", "PX", lease_ms):
                return True
            return bool(await server.run(CLAIM, name, token, lease_ms))

        return await self._link.run(take, True)

    async def release(self, key: str, owner: str) -> None:
        await self._link.run(lambda server: server.run(RELEASE, self._keys.claim(key), raw(owner)), None)

    async def scan(self, prefix: str = "") -> AsyncIterator[CacheEntry]:
        seen: set[int] = set()  # SCAN may give a key twice
        async with aclosing(self._pages(self._keys.pattern(prefix))) as pages:
            async for page in pages:
                keys = [key for key in dict.fromkeys(page) if hash(key) not in seen]
                seen.update(map(hash, keys))
                for first in range(0, len(keys), VALUES_AT_ONCE):
                    for entry in await self._entries(keys[first : first + VALUES_AT_ONCE]):
                        yield entry

    async def _ask_many(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        nothing: list[Any] = []
        return await self._link.run(lambda server: server.ask_many(commands), nothing, limit_s=STEP_S)

    async def _entries(self, keys: Sequence[bytes]) -> list[CacheEntry]:
        answers = await self._ask_many([(verb, key) for key in keys for verb in ("GET", "PTTL")])
        entries = []
        for found, value, left_ms in zip(keys, answers[::2], answers[1::2], strict=False):
            key = self._keys.key_of(found)
            if key is not None and isinstance(value, bytes) and isinstance(left_ms, int) and left_ms != -2:
                entries.append(CacheEntry(key, value, left_ms / 1000 if left_ms >= 0 else None))
        return entries

    async def _pages(self, pattern: bytes) -> AsyncGenerator[list[bytes], None]:
        """All keys that fit, of every server, one step of SCAN at a time; it ends early where the server goes away."""
        for node in await self._nodes():
            cursor: Any = 0
            while cursor is not None:
                cursor, keys = await self._step(node, pattern, cursor)
                yield keys

    async def _nodes(self) -> list[_Node]:
        async def find(server: Server) -> list[_Node]:
            return [_Node(server, ask) for ask in await server.nodes()]

        nothing: list[_Node] = []
        return await self._link.run(find, nothing, limit_s=STEP_S)

    async def _step(self, node: _Node, pattern: bytes, cursor: Any) -> tuple[Any, list[bytes]]:
        """One step of SCAN: where the next one goes on (None: nowhere), and the keys that were found."""
        found = await self._on(node, "SCAN", cursor, "MATCH", pattern, "COUNT", PAGE)
        if found is None:
            return None, []
        return int(found[0]) or None, list(found[1])

    async def _on(self, node: _Node, *command: Any) -> Any:
        """A command on one server, None where the connection was made anew since `node` was found."""

        async def ask(server: Server) -> Any:
            return await node.ask(*command) if server is node.server else None

        return await self._link.run(ask, None, limit_s=STEP_S)

    async def stats(self) -> CacheStats:
        entries, size, is_reckoned = await self._count()
        link = self._link
        extra = {
            "errors": link.errors,
            "reconnects": link.reconnects,
            "away": float(link.is_away),
            "too_large": self._too_large,
            "reckoned": float(is_reckoned),
        }
        return CacheStats(entries, size, self._hits, self._misses, None, self.config.ttl_s, extra)

    async def _count(self) -> tuple[int, int, bool]:
        """(entries, their bytes, whether the entries are reckoned). Bytes are reckoned from a few values."""
        entries = 0
        is_reckoned = False
        sample: list[bytes] = []
        for node in await self._nodes():
            cursor: Any = 0
            found = steps = 0
            while cursor is not None and steps < COUNTED_STEPS:
                cursor, keys = await self._step(node, self._keys.pattern(), cursor)
                found += len(keys)
                steps += 1
                sample += keys[: SAMPLE - len(sample)]
            if cursor is not None:
                is_reckoned = True
                total = int(await self._on(node, "DBSIZE") or 0)
                found = max(found, min(total, round(found / (COUNTED_STEPS * PAGE) * total)))
            entries += found
        sizes = [size for size in await self._ask_many([("STRLEN", key) for key in sample]) if isinstance(size, int)]
        size_bytes = round(sum(sizes) / len(sizes) * entries) if sizes else 0
        return entries, size_bytes, is_reckoned


@dataclass(frozen=True, slots=True)
class _Node:
    """How to ask one server that holds keys of its own, and the connection that it belongs to."""

    server: Server
    ask: Callable[..., Awaitable[Any]]
