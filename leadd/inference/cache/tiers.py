"""The front of the cache tiers: read through, write through, and never worse off for a tier that is slow or broken.

What a value looks like and when it is believed stands in `leadd.inference.cache.entries`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any, Protocol, TypeVar

from leadd.api import CacheBackend, CacheEntry, Clock, Method
from leadd.inference.cache.entries import EntryClass, Kept, Refused, decode
from leadd.inference.questions import Check

FAULTS_BEFORE_REST = 3
REST_S = 30.0
SLOW_LIMIT_S = 30.0
"""For what a person asks of the whole of a tier: to clear it, to tell its figures."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """How long things are kept, in seconds; None without end. `by_role` overrules `answer_s` for the roles that it names."""

    answer_s: float | None = 2_592_000.0
    refusal_s: float = 600.0
    vector_s: float | None = 604_800.0
    by_role: Mapping[str, float] = field(default_factory=dict)

    def of(self, role: str, kind: EntryClass = "answer") -> float | None:
        """For one class and role. Zero keeps nothing."""
        return self.refusal_s if kind == "refusal" else self.by_role.get(role, self.answer_s)


@dataclass(slots=True)
class RoleTally:
    """What one tier did for one role. `age_s` is the sum of the hits' ages; tokens and time are what the hits would have cost
    again."""

    hits: int = 0
    refusals: int = 0
    misses: int = 0
    bytes: int = 0
    age_s: float = 0.0
    prompt_tokens: float = 0.0
    output_tokens: float = 0.0
    total_ms: float = 0.0

    def row(self) -> dict[str, float]:
        """As plain figures, with the mean age instead of the sum."""
        served = self.hits + self.refusals
        return {
            "hits": self.hits, "refusals": self.refusals, "misses": self.misses, "bytes": self.bytes,
            "mean_age_s": round(self.age_s / served, 1) if served else 0.0, "saved_prompt_tokens": round(self.prompt_tokens),
            "saved_output_tokens": round(self.output_tokens), "saved_ms": round(self.total_ms),
        }  # fmt: skip


class Tier:
    """One cache and its recent faults: after three in a row it rests, so that not every question pays the time limit."""

    def __init__(self, backend: CacheBackend, clock: Clock, log: logging.Logger, limit_s: float) -> None:
        self.backend = backend
        self.faults = 0
        self.in_a_row = 0
        self.rests_until_s = float("-inf")
        self.roles: dict[str, RoleTally] = {}
        self._clock = clock
        self._log = log
        self._limit_s = limit_s

    async def run(self, what: str, work: Callable[[], Awaitable[T]], limit_s: float = 0.0) -> T | None:
        """The result, or None where the tier raised or was too slow: slower than `limit_s`, or than a look-up may take."""
        return await self._run(what, work, None if self.backend.at_once else asyncio.timeout(max(limit_s, self._limit_s)))

    async def run_slow(self, what: str, work: Callable[[], Awaitable[T]]) -> T | None:
        """The same for work on the whole tier, which may take its time: being slow at it is no fault."""
        limit = asyncio.timeout(SLOW_LIMIT_S)
        return await self._run(what, work, limit, slow_is_fault=False)

    async def _run(
        self, what: str, work: Callable[[], Awaitable[T]], limit: asyncio.Timeout | None, *, slow_is_fault: bool = True
    ) -> T | None:
        try:
            if limit is None:
                result = await work()
            else:
                async with limit:
                    result = await work()
        except (Exception, SystemExit) as error:
            if limit is not None and limit.expired() and not slow_is_fault:
                self._log.warning("cache %s: %s did not end within %g s", self.backend.name, what, SLOW_LIMIT_S)
                return None
            self.faults += 1
            self.in_a_row += 1
            if self.in_a_row == FAULTS_BEFORE_REST:
                self.rests_until_s = self._clock.monotonic_s() + REST_S
                reason = f"slower than {self._limit_s:g} s" if isinstance(error, TimeoutError) else repr(error)
                self._log.warning("cache %s rests for %g s: %s failed, %s", self.backend.name, REST_S, what, reason)
            return None
        self.in_a_row = 0
        return result

    @property
    def rests(self) -> bool:
        """Whether it is left alone for now."""
        if self.in_a_row < FAULTS_BEFORE_REST:
            return False
        if self._clock.monotonic_s() < self.rests_until_s:
            return True
        self.in_a_row = FAULTS_BEFORE_REST - 1  # one try; a fault sends it back to rest
        return False

    def tally(self, role: str) -> RoleTally:
        """The running figures of one role."""
        found = self.roles.get(role)
        if found is None:
            found = self.roles[role] = RoleTally()
        return found


class Reads(Protocol):
    """How a value is read: what it says, or None where it is not to be believed."""

    def __call__(self, raw: bytes, tier: int) -> Kept | Refused | None: ...


class Tiers:
    """The cache as Inference sees it. Answers from evidence live in the first tier only: they cost less than a disk write."""

    def __init__(
        self, backends: Sequence[CacheBackend], *, clock: Clock, log: logging.Logger, limit_s: float, lives: Lifetimes
    ) -> None:
        self.lives = lives
        self._tiers = [Tier(backend, clock, log, limit_s) for backend in backends]
        self._clock = clock
        self._clears = 0
        """Goes up as a clear begins and as it ends: what was read before is not lifted after."""
        self.dropped = 0

    @property
    def faults(self) -> int:
        """How often a tier raised or was too slow."""
        return sum(tier.faults for tier in self._tiers)

    @property
    def common(self) -> Tier | None:
        """The first tier that other processes share; None where there is none, or where it rests."""
        return next((tier for tier in self._tiers if tier.backend.shared and not tier.rests), None)

    async def get(self, key: str, method: Method, check: Check, *, first: int = 0) -> Kept | Refused | None:
        """What is kept, or None. A hit in a lower tier is written to those above it, for the rest of its time.

        With `first` 1 the first tier, which was asked just before, is not asked again.
        """
        return await self._get(self._reach(method), key, method, check, first=first)

    async def get_first(self, key: str, method: Method, check: Check) -> Kept | Refused | None:
        """What the first tier has."""
        return await self._get(self._tiers[:1], key, method, check)

    async def get_common(self, key: str, method: Method, check: Check) -> Kept | Refused | None:
        """What the tier has that other processes share; it is not counted as a look-up."""
        tier = self.common
        raw = await tier.run("get", partial(tier.backend.get, key)) if tier is not None else None
        return None if tier is None or raw is None else self._read(raw, key, method, check, self._tiers.index(tier))

    async def _get(
        self, tiers: Sequence[Tier], key: str, method: Method, check: Check, *, first: int = 0
    ) -> Kept | Refused | None:
        role, clears = role_of(key), self._clears
        for number, tier in enumerate(tiers[first:], first):
            if tier.rests:
                continue
            raw = await tier.run("get", partial(tier.backend.get, key))
            if raw is None:
                tier.tally(role).misses += 1
                continue
            kept = self._read(raw, key, method, check, number)
            if kept is None:
                self.dropped += 1
                tier.tally(role).misses += 1
                await tier.run("delete", partial(tier.backend.delete, key))
                continue
            self._count(tier.tally(role), kept)
            await self._lift(number, key, raw, self._left_s(role, kept), clears)
            return kept
        return None

    async def put_first(self, key: str, method: Method, value: bytes, kind: EntryClass = "answer") -> None:
        """Keep a value in the first tier, so that whoever asks next finds it."""
        await self._put(self._reach(method)[:1], key, value, self.lives.of(role_of(key), kind))

    async def put_rest(self, key: str, method: Method, value: bytes, kind: EntryClass = "answer") -> None:
        """Keep a value in the tiers below the first."""
        await self._put(self._reach(method)[1:], key, value, self.lives.of(role_of(key), kind))

    async def get_raw(self, key: str, made_ms: Callable[[bytes], int | None]) -> bytes | None:
        """A value that is no answer (a vector), out of the first tier that has it; those above get it for the rest of its time.

        `made_ms` reads out of a value when it was made; None where it does not say: then it is taken for new.
        """
        role, clears = role_of(key), self._clears
        for number, tier in enumerate(self._tiers):
            raw = None if tier.rests else await tier.run("get", partial(tier.backend.get, key))
            made = None if raw is None else made_ms(raw)
            age_s = 0.0 if made is None else max(0, self._clock.now_ms() - made) / 1000
            left_s = None if self.lives.vector_s is None else self.lives.vector_s - age_s
            if raw is None or (left_s is not None and left_s <= 0):
                tier.tally(role).misses += 1
                continue
            tier.tally(role).hits += 1
            tier.tally(role).bytes += len(raw)
            await self._lift(number, key, raw, left_s, clears)
            return raw
        return None

    async def put_raw(self, key: str, value: bytes) -> None:
        """Keep a value that is no answer in all tiers."""
        await self._put(self._tiers, key, value, self.lives.vector_s)

    async def put_entry(self, entry: CacheEntry) -> None:
        """Keep a value from elsewhere for the time that it has left."""
        await self._put(self._tiers, entry.key, entry.value, entry.left_s)

    async def peek(self, key: str) -> list[tuple[str, bytes]]:
        """Which tiers have a key, with its value; not counted as a look-up."""
        found = [(tier.backend.name, await tier.run("get", partial(tier.backend.get, key))) for tier in self._tiers]
        return [(name, raw) for name, raw in found if raw is not None]

    async def scan(self, prefix: str = "") -> AsyncIterator[tuple[str, CacheEntry]]:
        """Every kept value once, with the name of the tier that has it; a tier that fails on the way is passed over."""
        seen: set[str] = set()
        for tier in self._tiers:
            entries = tier.backend.scan(prefix)
            try:
                async with aclosing(entries) as found:  # type: ignore[type-var]
                    async for entry in found:
                        if entry.key not in seen:
                            seen.add(entry.key)
                            yield tier.backend.name, entry
            except Exception:
                tier.faults += 1

    async def clear(self) -> int:
        """Forget all; the number of entries dropped. One that several tiers had counts once: it is the largest tier's number.

        The last tier is the first to go, so that none above gets back what is still below.
        """
        self._clears += 1
        try:
            counts = [await tier.run_slow("clear", tier.backend.clear) for tier in reversed(self._tiers)]
        finally:
            self._clears += 1
        return max((count or 0 for count in counts), default=0)

    async def stats(self) -> list[dict[str, Any]]:
        """Figures of each tier, in order; a tier that cannot tell has none but its name and its faults."""
        rows: list[dict[str, Any]] = []
        for tier in self._tiers:
            figures = await tier.run_slow("stats", tier.backend.stats)
            row: dict[str, Any] = {"name": tier.backend.name, "faults": tier.faults, "rests": tier.rests}
            roles = {role: tally.row() for role, tally in sorted(tier.roles.items())}
            rows.append(row | (asdict(figures) if figures is not None else {}) | {"roles": roles})
        return rows

    def _reach(self, method: Method) -> list[Tier]:
        return self._tiers if method is Method.MODEL else self._tiers[:1]

    async def _lift(self, tier: int, key: str, value: bytes, left_s: float | None, clears: int) -> None:
        """Write what a tier had to those above it, unless all was forgotten since it was looked for."""
        for upper in self._tiers[:tier]:
            if clears != self._clears:
                return
            await self._put([upper], key, value, left_s)

    async def _put(self, tiers: Sequence[Tier], key: str, value: bytes, ttl_s: float | None) -> None:
        if ttl_s is not None and ttl_s <= 0:
            return
        for tier in tiers:
            if not tier.rests:
                await tier.run("put", partial(tier.backend.put, key, value, ttl_s=ttl_s))

    def _read(self, raw: bytes, key: str, method: Method, check: Check, tier: int) -> Kept | Refused | None:
        kept = decode(raw, key, method, check, tier)
        if kept is None or ((left_s := self._left_s(role_of(key), kept)) is not None and left_s <= 0):
            return None
        return kept

    def _left_s(self, role: str, kept: Kept | Refused) -> float | None:
        lives_s = self.lives.of(role, "answer" if isinstance(kept, Kept) else "refusal")
        return None if lives_s is None else lives_s - self._age_s(kept)

    def _age_s(self, kept: Kept | Refused) -> float:
        made_ms = int(kept.origin["answered_at_ms"]) if isinstance(kept, Kept) else kept.at_ms
        return max(0, self._clock.now_ms() - made_ms) / 1000

    def _count(self, tally: RoleTally, kept: Kept | Refused) -> None:
        tally.bytes += len(kept.raw)
        tally.age_s += self._age_s(kept)
        if isinstance(kept, Refused):
            tally.refusals += 1
            return
        tally.hits += 1
        tally.prompt_tokens += kept.cost["prompt_tokens"]
        tally.output_tokens += kept.cost["output_tokens"]
        tally.total_ms += kept.cost["total_ms"]


def role_of(key: str) -> str:
    """The role in a key (`<method>.<role>.<hash>`)."""
    return key.split(".", 2)[1] if key.count(".") > 1 else ""
