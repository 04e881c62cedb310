"""The front of the cache tiers: read through, write through, and never worse off for a tier that is slow or broken.

What is kept is JSON: `{"v": 1, "key": …, "data": {…}, "from": {…}}`. A value of another version, of another key or method,
or whose data no longer passes the question's own check is deleted, counted and treated as a miss.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from functools import partial
from typing import Any, TypeVar

from leadd.api import CacheBackend, Clock, Method, Usage
from leadd.inference.answers.success import parse
from leadd.inference.questions import Check, Provenance

FORMAT_VERSION = 1
FAULTS_BEFORE_REST = 3
REST_S = 30.0

T = TypeVar("T")
_FROM = tuple(f.name for f in fields(Provenance) if f.name not in {"usage", "cache", "key", "wait_ms"})
_LATER = {"instead_of": ""}
"""Fields that values of earlier versions do not have, and what they mean there."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer out of the cache. `raw` is the value as kept; `tier` the index of the tier that had it."""

    data: dict[str, Any]
    origin: Mapping[str, Any]
    raw: bytes
    tier: int


class _Tier:
    """One cache and its recent faults: after three in a row it rests, so that not every question pays the time limit."""

    def __init__(self, backend: CacheBackend, clock: Clock, log: logging.Logger, limit_s: float) -> None:
        self.backend = backend
        self.faults = 0
        self.in_a_row = 0
        self.rests_until_s = float("-inf")
        self._clock = clock
        self._log = log
        self._limit_s = limit_s

    async def run(self, what: str, work: Callable[[], Awaitable[T]]) -> T | None:
        """The result, or None where the tier raised or was too slow."""
        try:
            if self.backend.at_once:
                result = await work()
            else:
                async with asyncio.timeout(self._limit_s):
                    result = await work()
        except (Exception, SystemExit) as error:
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
        if self.in_a_row < FAULTS_BEFORE_REST:
            return False
        if self._clock.monotonic_s() < self.rests_until_s:
            return True
        self.in_a_row = FAULTS_BEFORE_REST - 1  # one try; a fault sends it back to rest
        return False


class Tiers:
    """The cache as Inference sees it. Answers from evidence live in the first tier only: they cost less than a disk write."""

    def __init__(
        self, backends: Sequence[CacheBackend], *, clock: Clock, log: logging.Logger, limit_s: float, ttl_s: float | None
    ) -> None:
        self._tiers = [_Tier(backend, clock, log, limit_s) for backend in backends]
        self._clock = clock
        self._ttl_s = ttl_s
        self.dropped = 0

    @property
    def faults(self) -> int:
        """How often a tier raised or was too slow."""
        return sum(tier.faults for tier in self._tiers)

    async def get(self, key: str, method: Method, check: Check) -> Kept | None:
        """The kept answer, or None. A hit in a lower tier is written to those above it, for the rest of its time."""
        return await self._get(self._reach(method), key, method, check)

    async def get_rest(self, key: str, method: Method, check: Check) -> Kept | None:
        """The same where `get_first` has just found nothing: the first tier is not asked again."""
        return await self._get(self._reach(method), key, method, check, first=1)

    async def get_first(self, key: str, method: Method, check: Check) -> Kept | None:
        """The kept answer where the first tier has it."""
        return await self._get(self._tiers[:1], key, method, check)

    async def _get(self, tiers: Sequence[_Tier], key: str, method: Method, check: Check, *, first: int = 0) -> Kept | None:
        for number, tier in enumerate(tiers[first:], first):
            if tier.rests:
                continue
            raw = await tier.run("get", partial(tier.backend.get, key))
            if raw is None:
                continue
            kept = self._read(raw, key, method, check, number)
            if kept is None:
                self.dropped += 1
                await tier.run("delete", partial(tier.backend.delete, key))
                continue
            if number:
                await self._put(self._tiers[:number], key, raw, self._left_s(kept.origin))
            return kept
        return None

    async def put_first(self, key: str, method: Method, value: bytes) -> None:
        """Keep an answer in the first tier, so that whoever asks next finds it."""
        await self._put(self._reach(method)[:1], key, value, self._ttl_s)

    async def put_rest(self, key: str, method: Method, value: bytes) -> None:
        """Keep an answer in the tiers below the first."""
        await self._put(self._reach(method)[1:], key, value, self._ttl_s)

    async def clear(self) -> int:
        """Forget all; the number of entries dropped, over all tiers."""
        counts = [await tier.run("clear", tier.backend.clear) for tier in self._tiers]
        return sum(count or 0 for count in counts)

    async def stats(self) -> list[dict[str, Any]]:
        """Figures of each tier, in order; a tier that cannot tell has none but its name and its faults."""
        rows: list[dict[str, Any]] = []
        for tier in self._tiers:
            figures = await tier.run("stats", tier.backend.stats)
            row: dict[str, Any] = {"name": tier.backend.name, "faults": tier.faults, "rests": tier.rests}
            rows.append(row | (asdict(figures) if figures is not None else {}))
        return rows

    def _reach(self, method: Method) -> list[_Tier]:
        return self._tiers if method is Method.MODEL else self._tiers[:1]

    async def _put(self, tiers: Sequence[_Tier], key: str, value: bytes, ttl_s: float | None) -> None:
        if ttl_s is not None and ttl_s <= 0:
            return
        for tier in tiers:
            if not tier.rests:
                await tier.run("put", partial(tier.backend.put, key, value, ttl_s=ttl_s))

    def _left_s(self, origin: Mapping[str, Any]) -> float | None:
        if self._ttl_s is None:
            return None
        return self._ttl_s - max(0, self._clock.now_ms() - int(origin["answered_at_ms"])) / 1000

    def _read(self, raw: bytes, key: str, method: Method, check: Check, tier: int) -> Kept | None:
        try:
            value = parse(bytes(raw).decode())
            if not (value["v"] == FORMAT_VERSION and value["key"] == key and value["from"]["method"] == method):
                return None
            origin = {name: {**_LATER, **value["from"]}[name] for name in _FROM}
            if self._ttl_s is not None and (self._left_s(origin) or 0.0) <= 0:
                return None
            data = value["data"]
            return Kept(dict(check(data)), origin, raw, tier) if isinstance(data, dict) else None
        except Exception:  # whatever a stranger's value does to the check, it is no answer; the model is asked instead
            return None


def encode(key: str, data_text: str, provenance: Provenance) -> bytes:
    """The value to keep for an answer whose data is `data_text` (JSON)."""
    origin = {name: getattr(provenance, name) for name in _FROM}
    head = json.dumps({"v": FORMAT_VERSION, "key": key, "from": origin}, ensure_ascii=False, separators=(",", ":"))
    return f'{head[:-1]},"data":{data_text}}}'.encode()


def kept_provenance(kept: Kept, key: str, label: str) -> Provenance:
    """The provenance of a hit: as it was when the answer was made, under the label of who asks now, at no cost."""
    origin = dict(kept.origin)
    origin["method"] = Method(origin["method"])
    origin["prompt_label"] = label
    return Provenance(key=key, cache="hit", usage=Usage(), **origin)
