"""The cache `memory`: answers kept in this process, the least lately used go first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field

from leadd.api import CacheBackend, CacheEntry, CacheStats, ComponentConfig, Context

MAX_CLAIMS = 4096
"""Beyond it, claims whose lease has ended are looked for and forgotten."""


class MemoryConfig(ComponentConfig):
    """How much is kept, and for how long."""

    max_entries: Annotated[int, Field(gt=0)] = 1000
    max_mb: Annotated[float, Field(gt=0)] = 64.0
    ttl_s: Annotated[float, Field(gt=0)] | None = 2_592_000.0
    """Seconds that an answer is kept; None keeps it until it must make room."""


@dataclass(frozen=True, slots=True)
class _Entry:
    value: bytes
    size: int
    ends_ms: int | None


@dataclass(frozen=True, slots=True)
class _Claim:
    owner: str
    ends_s: float


class MemoryCache(CacheBackend):
    """Answers in a dict. Bounded by entries and by bytes; a value larger than the whole cache is not kept."""

    name: ClassVar[str] = "memory"
    Config: ClassVar[type[ComponentConfig]] = MemoryConfig
    at_once: ClassVar[bool] = True
    config: MemoryConfig

    def __init__(self, config: MemoryConfig, ctx: Context) -> None:
        super().__init__(config, ctx)
        self._max_bytes = int(config.max_mb * 1024 * 1024)
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._claims: dict[str, _Claim] = {}
        self._bytes = 0
        self._hits = 0
        self._misses = 0
        self._evicted = 0
        self._expired = 0
        self._is_closed = False

    async def open(self) -> None:
        self._is_closed = False

    async def get(self, key: str) -> bytes | None:
        entry = self._entries.get(key)
        if entry is not None and self._is_over(entry):
            self._drop(key)
            self._expired += 1
            entry = None
        if entry is None:
            self._misses += 1
            return None
        self._entries.move_to_end(key)
        self._hits += 1
        return entry.value

    async def put(self, key: str, value: bytes, *, ttl_s: float | None = None) -> None:
        self._drop(key)
        lives_s = self.config.ttl_s if ttl_s is None else ttl_s
        size = len(value) + len(key.encode("utf-8", errors="surrogatepass"))
        if self._is_closed or size > self._max_bytes or (lives_s is not None and lives_s <= 0):
            return
        ends_ms = None if lives_s is None else self.ctx.clock.now_ms() + int(lives_s * 1000)
        self._entries[key] = _Entry(bytes(value), size, ends_ms)
        self._bytes += size
        while len(self._entries) > self.config.max_entries or self._bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))
            self._evicted += 1

    async def delete(self, key: str) -> bool:
        entry = self._entries.get(key)
        if entry is None:
            return False
        is_alive = not self._is_over(entry)
        self._drop(key)
        return is_alive

    async def clear(self) -> int:
        self._drop_expired()
        count = len(self._entries)
        self._entries.clear()
        self._bytes = 0
        return count

    async def claim(self, key: str, owner: str, lease_s: float) -> bool:
        now_s = self.ctx.clock.monotonic_s()
        held = self._claims.get(key)
        if held is not None and held.owner != owner and held.ends_s > now_s:
            return False
        if len(self._claims) >= MAX_CLAIMS:
            self._claims = {k: c for k, c in self._claims.items() if c.ends_s > now_s}
        self._claims[key] = _Claim(owner, now_s + lease_s)
        return True

    async def release(self, key: str, owner: str) -> None:
        held = self._claims.get(key)
        if held is not None and held.owner == owner:
            del self._claims[key]

    async def scan(self, prefix: str = "") -> AsyncIterator[CacheEntry]:
        for key in [key for key in self._entries if key.startswith(prefix)]:
            entry = self._entries.get(key)
            if entry is not None and not self._is_over(entry):
                left_s = None if entry.ends_ms is None else (entry.ends_ms - self.ctx.clock.now_ms()) / 1000
                yield CacheEntry(key, entry.value, left_s)

    async def stats(self) -> CacheStats:
        self._drop_expired()
        return CacheStats(
            entries=len(self._entries),
            size_bytes=self._bytes,
            hits=self._hits,
            misses=self._misses,
            max_entries=self.config.max_entries,
            ttl_s=self.config.ttl_s,
            extra={"evicted": self._evicted, "expired": self._expired, "max_bytes": self._max_bytes},
        )

    async def close(self) -> None:
        self._is_closed = True
        self._entries.clear()
        self._claims.clear()
        self._bytes = 0

    def _is_over(self, entry: _Entry) -> bool:
        return entry.ends_ms is not None and entry.ends_ms <= self.ctx.clock.now_ms()

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entry.size

    def _drop_expired(self) -> None:
        over = [key for key, entry in self._entries.items() if self._is_over(entry)]
        for key in over:
            self._drop(key)
        self._expired += len(over)
