"""How fast each cache tier is and what it weighs, beside other people's caches that do the same work in the same run.

    python -m benchmarks.cache_tiers [--entries N] [--runs R] [--quick] [--json]

Every cache keeps the same answers (about 1.6 kB of JSON, as leadd's own are) under the same keys. Measured are look-ups that
hit, one after the other and 64 at a time, look-ups that miss, and writes; medians of the runs, caches in turn. Memory is what
10,000 entries add to a process of its own that holds nothing else.

`leadd` is the whole road of a cached question (key, tiers, check, provenance); the rows below it are the tiers alone. Beside
them: a plain dict, functools.lru_cache, diskcache and langchain's SQLiteCache (`pip install '.[bench]'`; left out where they
are missing), and Redis where redis-server and the plugin leadd-redis are installed.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import importlib.util
import json
import logging
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.__main__ import machine
from benchmarks.instant import MODEL, InstantModel, make_context
from leadd.api import CacheBackend, Icp, Message, Role, Signal, Subject
from leadd.builtin.memory import MemoryCache, MemoryConfig
from leadd.builtin.sqlite_cache import SqliteCache, SqliteCacheConfig
from leadd.inference import Inference, InferenceSettings, Question, RolePlan

AT_ONCE = 64
WORDS = [
    "marketing",
    "growth",
    "content",
    "newsletter",
    "founder",
    "overloaded",
    "agency",
    "campaign",
    "brand",
    "search",
    "team",
    "hire",
    "plan",
    "budget",
]


@dataclass(frozen=True, slots=True)
class Row:
    """One cache. Rates are calls a second, None where a cache has no such call; memory is kB for 10,000 entries."""

    name: str
    hits: float | None = None
    hits_at_once: float | None = None
    misses: float | None = None
    writes: float | None = None
    memory_kb: float | None = None


def make_values(count: int) -> dict[str, bytes]:
    """Keys and values of the size and look of leadd's own."""
    rng = random.Random(20_261_130)
    found = {}
    for _ in range(count):
        key = f"model.classify.{rng.randbytes(32).hex()}"
        parts = {f"part{number}": rng.randbytes(32).hex() for number in range(7)}
        words = " ".join(rng.choices(WORDS, k=60))
        found[key] = json.dumps({"v": 2, "key": key, "parts": parts, "data": {"match": True, "why": words}}).encode()
    return found


Call = Callable[[str], Any]


class Measured:
    """One cache as the bench drives it: `get` and `put` may be coroutine functions (`is_async`)."""

    is_async = False

    def __init__(self, name: str, get: Callable[[str], Any], put: Callable[[str, bytes], Any]) -> None:
        self.name = name
        self.get = get
        self.put = put


class Tier(Measured):
    """A tier of leadd."""

    is_async = True

    def __init__(self, name: str, backend: CacheBackend) -> None:
        super().__init__(name, backend.get, backend.put)


async def rate(count: int, work: Awaitable[None]) -> float:
    """Calls a second."""
    began = time.perf_counter()
    await work
    return count / (time.perf_counter() - began)


async def one_by_one(cache: Measured, keys: list[str]) -> None:
    """Look up every key, one after the other."""
    if cache.is_async:
        for key in keys:
            await cache.get(key)
    else:
        for key in keys:
            cache.get(key)


async def at_once(cache: Measured, keys: list[str]) -> None:
    """Look up every key, so many at a time."""
    for start in range(0, len(keys), AT_ONCE):
        await asyncio.gather(*(cache.get(key) for key in keys[start : start + AT_ONCE]))


async def write_all(cache: Measured, values: dict[str, bytes]) -> None:
    """Keep every value."""
    for key, value in values.items():
        done = cache.put(key, value)
        if cache.is_async:
            await done


async def measure(cache: Measured, values: dict[str, bytes], looks: int) -> Row:
    """One run over one cache that is filled already."""
    rng = random.Random(len(values))
    keys = rng.choices(list(values), k=looks)
    missing = [key[:-1] + "x" for key in keys]
    fresh = {f"{key}.new": value for key, value in list(values.items())[: max(1, looks // 4)]}
    return Row(
        cache.name,
        hits=await rate(looks, one_by_one(cache, keys)),
        hits_at_once=await rate(looks, at_once(cache, keys)) if cache.is_async else None,
        misses=await rate(looks, one_by_one(cache, missing)),
        writes=await rate(len(fresh), write_all(cache, fresh)),
    )


def plain_dict(values: dict[str, bytes]) -> Measured:
    """A dict without bounds: the floor of all costs."""
    kept: dict[str, bytes] = dict(values)
    return Measured("dict", kept.get, kept.__setitem__)


def lru(values: dict[str, bytes]) -> Measured:
    """functools.lru_cache: it cannot be written to, so what it does not know is computed (here: looked up in a dict)."""

    @functools.lru_cache(maxsize=len(values) * 2)
    def get(key: str) -> bytes | None:
        return values.get(key)

    return Measured("functools.lru_cache", get, lambda key, value: get(key))


def diskcache_of(folder: Path) -> Measured | None:
    """diskcache.Cache with its own settings."""
    if importlib.util.find_spec("diskcache") is None:
        return None
    import diskcache  # noqa: PLC0415 - not everybody has it

    cache = diskcache.Cache(str(folder / "diskcache"))
    return Measured("diskcache", cache.get, lambda key, value: cache.set(key, value, expire=2_592_000))


def langchain_of(folder: Path) -> Measured | None:
    """langchain's SQLiteCache, which keeps generations under prompt and model."""
    if importlib.util.find_spec("langchain_community") is None:
        return None
    warnings.simplefilter("ignore")
    from langchain_community.cache import SQLiteCache  # noqa: PLC0415 - not everybody has it
    from langchain_core.outputs import Generation  # noqa: PLC0415 - not everybody has it

    cache = SQLiteCache(database_path=str(folder / "langchain.db"))
    return Measured(
        "langchain SQLiteCache",
        lambda key: cache.lookup(key, MODEL),
        lambda key, value: cache.update(key, MODEL, [Generation(text=value.decode())]),
    )


@contextmanager
def redis_url(folder: Path) -> Iterator[str | None]:
    """A Redis of this run, where one can be had."""
    program = shutil.which("redis-server")
    if program is None or importlib.util.find_spec("leadd_redis") is None:
        yield None
        return
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    words = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    server = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.02)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.kill()
        server.wait()


def question(number: int) -> Question:
    """A question of the usual size; the same for the same number."""
    text = f"Advert {number}: " + " ".join(WORDS) * 12
    signal = Signal(number, "bench", text, "Marketer", f"hash-{number}", 0)
    messages = (Message("system", "Judge the text. " * 100), Message("user", text))
    icp = Icp(name="bench", description="Small companies that look for their first marketer")
    return Question(
        Role.TRIAGE, messages, None, {}, 64, "prompt", "triage@1", "icp", f"text-{number}", Subject(icp, signal),
        check=lambda data: data,
    )  # fmt: skip


class Object(InstantModel):
    """Answers every question with the same small object."""

    def reply(self, role: Role, title: str, text: str, prompt_chars: int) -> Any:
        return replace(
            super().reply(role, title, text, prompt_chars), text='{"worth": true, "why": "They look for a marketer."}'
        )


async def whole_road(folder: Path, caches: list[CacheBackend], looks: int) -> tuple[Row, dict[str, float]]:
    """Cached questions through Inference, and what a miss costs there with these tiers beside none at all."""
    rates: dict[str, float] = {}
    hits = hits_at_once = 0.0
    for name, tiers in (("no cache", []), ("with the tiers", caches)):
        model = Object(folder)
        inference = Inference(
            {"instant": model}, {Role.TRIAGE: RolePlan("instant", MODEL, 4096)}, tiers,
            settings=InferenceSettings(slots=8, adapt_slots=False, cache_timeout_s=10.0), clock=model.ctx.clock,
            log=logging.getLogger("bench"),
        )  # fmt: skip
        await inference.open()
        asked = [question(number) for number in range(looks)]

        async def ask(questions: list[Question], inference: Inference = inference) -> None:
            for one in questions:
                await inference.ask(one)

        rates[name] = await rate(looks, ask(asked))
        if tiers:
            hits = await rate(looks, ask(asked))

            async def together(inference: Inference = inference, asked: list[Question] = asked) -> None:
                for start in range(0, looks, AT_ONCE):
                    await asyncio.gather(*(inference.ask(one) for one in asked[start : start + AT_ONCE]))

            hits_at_once = await rate(looks, together())
        await inference.close()
    return Row("leadd: a cached question", hits=hits, hits_at_once=hits_at_once, misses=rates["with the tiers"]), rates


async def run(folder: Path, values: dict[str, bytes], looks: int, url: str | None) -> tuple[list[Row], dict[str, float]]:
    """Every cache once."""
    memory = MemoryCache(MemoryConfig(max_entries=len(values) * 4, max_mb=2000), make_context("memory", folder))
    sqlite = SqliteCache(SqliteCacheConfig(max_mb=2000), make_context("sqlite", folder))
    caches: list[Measured] = [Tier("memory", memory), Tier("sqlite", sqlite)]
    backends: list[CacheBackend] = [memory, sqlite]
    if url is not None:
        from leadd_redis import RedisCache, RedisConfig  # noqa: PLC0415 - not everybody has it

        redis = RedisCache(RedisConfig(url=url, answer_s=5.0), make_context("redis", folder))  # type: ignore[arg-type]
        backends.append(redis)
        caches.append(Tier("redis (plugin)", redis))
    for backend in backends:
        await backend.open()
    others = [plain_dict(values), lru(values), diskcache_of(folder), langchain_of(folder)]
    caches += [other for other in others if other is not None]
    try:
        road, overhead = await whole_road(folder, [memory, sqlite], looks)
        rows = [road]
        for cache in caches:
            await write_all(cache, values)
            rows.append(await measure(cache, values, looks))
        return rows, overhead
    finally:
        for backend in backends:
            await backend.close()


MEMORY = """
import asyncio, resource, sys
from pathlib import Path
from benchmarks.cache_tiers import grow
print(asyncio.run(grow(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))))
"""


async def grow(name: str, count: int, folder: Path) -> float:
    """By how many kB of resident memory a process grows for so many entries in one cache."""
    values = make_values(count)

    def resident_kb() -> float:
        fields = Path("/proc/self/statm").read_text().split()
        return int(fields[1]) * 4.0

    memory = MemoryCache(MemoryConfig(max_entries=count * 2, max_mb=2000), make_context("memory", folder))
    sqlite = SqliteCache(SqliteCacheConfig(max_mb=2000), make_context("sqlite", folder))
    makers: dict[str, Callable[[Path], Measured | None]] = {
        "memory": lambda _: Tier("memory", memory),
        "sqlite": lambda _: Tier("sqlite", sqlite),
        "dict": lambda _: plain_dict({}),
        "diskcache": diskcache_of,
        "langchain SQLiteCache": langchain_of,
    }
    cache = makers[name](folder)
    if cache is None:
        return float("nan")
    for backend in (memory, sqlite):
        await backend.open()
    before = resident_kb()
    # Values are made anew, so that what the cache keeps is its own.
    await write_all(cache, {key: bytes(bytearray(value)) for key, value in values.items()})
    grown = resident_kb() - before
    for backend in (memory, sqlite):
        await backend.close()
    return grown


def memory_of(name: str, count: int) -> float | None:
    """kB that 10,000 entries take, measured in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="leadd-bench-") as folder:
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, name, str(count), folder], capture_output=True, text=True, check=False
        )
    try:
        grown = float(done.stdout)
    except ValueError:
        return None
    return None if grown != grown else grown * 10_000 / count


def median_row(rows: list[Row]) -> Row:
    """The medians of one cache's runs."""
    fields = {}
    for name in ("hits", "hits_at_once", "misses", "writes"):
        values = [getattr(row, name) for row in rows if getattr(row, name) is not None]
        fields[name] = statistics.median(values) if values else None
    return Row(rows[0].name, **fields)


def measure_all(entries: int, looks: int, runs: int, *, weigh: bool) -> dict[str, Any]:
    """All caches, `runs` times in turn."""
    values = make_values(entries)
    found: dict[str, list[Row]] = {}
    overheads: list[dict[str, float]] = []
    for _ in range(runs):
        with tempfile.TemporaryDirectory(prefix="leadd-bench-") as name, redis_url(Path(name)) as url:
            rows, overhead = asyncio.run(run(Path(name), values, looks, url))
        overheads.append(overhead)
        for row in rows:
            found.setdefault(row.name, []).append(row)
    medians = [median_row(rows) for rows in found.values()]
    weighed = {"memory", "sqlite", "dict", "diskcache", "langchain SQLiteCache"} if weigh else set()
    medians = [
        Row(**asdict(row) | {"memory_kb": memory_of(row.name, entries) if row.name in weighed else None}) for row in medians
    ]
    per_miss = {name: statistics.median(1e6 / one[name] for one in overheads) for name in overheads[0]}
    return {"machine": machine(), "entries": entries, "rows": [asdict(row) for row in medians], "miss_us": per_miss}


def table(found: dict[str, Any]) -> str:
    """The figures as a Markdown table."""
    lines = [
        f"{found['machine']}; {found['entries']:,} entries", "",
        "| cache | hits/s | hits/s, 64 at once | misses/s | writes/s | kB for 10,000 |", "|---|---:|---:|---:|---:|---:|",
    ]  # fmt: skip
    for row in found["rows"]:
        cells = [row[name] for name in ("hits", "hits_at_once", "misses", "writes", "memory_kb")]
        lines.append(f"| {row['name']} | " + " | ".join("" if cell is None else f"{cell:,.0f}" for cell in cells) + " |")
    without, with_tiers = found["miss_us"]["no cache"], found["miss_us"]["with the tiers"]
    lines += [
        "",
        f"A miss: {with_tiers:.0f} µs with memory and sqlite, {without:.0f} µs with no cache, {with_tiers - without:.0f} more.",
    ]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Measure and print."""
    flags = argparse.ArgumentParser(prog="python -m benchmarks.cache_tiers", description=__doc__)
    flags.add_argument("--entries", type=int, default=10_000)
    flags.add_argument("--looks", type=int, default=10_000)
    flags.add_argument("--runs", type=int, default=3)
    flags.add_argument("--quick", action="store_true", help="a tiny run that shows that everything works; no figures to quote")
    flags.add_argument("--json", action="store_true")
    args = flags.parse_args(argv)
    if args.quick:
        args.entries, args.looks, args.runs = 50, 64, 1
    found = measure_all(args.entries, args.looks, args.runs, weigh=not args.quick)
    print(json.dumps(found, indent=1) if args.json else table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
