"""The cache `sqlite` beyond its contract: bounds, restarts, and files that are locked, broken or not there."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from blockbuster import blockbuster_ctx

from leadd.builtin.cache_file import REOPEN_AFTER_S
from leadd.builtin.sqlite_cache import FILE_NAME, MAX_WAITING, SqliteCache, SqliteCacheConfig
from leadd.testing.clock import ManualClock
from leadd.testing.context import make_context

KB = 1024


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / FILE_NAME


@pytest.fixture
def make(tmp_path: Path, clock: ManualClock) -> Callable[..., SqliteCache]:
    return lambda **config: SqliteCache(SqliteCacheConfig.model_validate(config), make_context(tmp_path, clock))


@pytest.fixture
def locked(file: Path) -> Iterator[sqlite3.Connection]:
    """Another process that holds the file for itself."""
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("pragma locking_mode = exclusive")
    other.execute("begin exclusive")
    other.execute("create table other (x)")
    try:
        yield other
    finally:
        other.close()


def size_of(file: Path) -> int:
    return file.stat().st_size


def mode_of(file: Path) -> int:
    return file.stat().st_mode & 0o777


def spoil(file: Path) -> None:
    """Garbage on every page but the first, as a failing disk leaves it."""
    with file.open("r+b") as stream:
        for place in range(4096, size_of(file), 4096):
            stream.seek(place)
            stream.write(b"\xa5" * 4000)


async def only_misses(cache: SqliteCache) -> None:
    await cache.put("key", b"value")
    assert await cache.get("key") is None
    assert await cache.delete("key") is False
    assert await cache.clear() == 0
    assert await cache.claim("key", "one", 60) is True, "a cache that cannot answer keeps nobody from computing"
    await cache.release("key", "one")
    assert (await cache.stats()).entries == 0


async def works(cache: SqliteCache) -> None:
    await cache.put("key", b"value")
    assert await cache.get("key") == b"value"


async def test_it_is_private_from_the_start(make: Callable[..., SqliteCache], file: Path) -> None:
    mask = os.umask(0)
    try:
        cache = make()
        await cache.open()
        await works(cache)
        modes = {path.name: path.stat().st_mode & 0o777 for path in file.parent.glob("cache.db*")}
        await cache.close()
    finally:
        os.umask(mask)
    assert set(modes.values()) == {0o600}


async def test_a_file_that_others_could_read_is_made_private(make: Callable[..., SqliteCache], file: Path) -> None:
    await asyncio.to_thread(file.touch, 0o644)
    cache = make()
    await cache.open()
    await cache.close()
    assert mode_of(file) == 0o600


async def test_a_restart_keeps_values_times_and_sizes(make: Callable[..., SqliteCache], clock: ManualClock) -> None:
    first = make()
    await first.open()
    await first.put("short", b"x" * 100, ttl_s=10)
    await first.put("long", b"y" * 100)
    before = await first.stats()
    await first.close()
    clock.advance(11)
    second = make()
    await second.open()
    assert await second.get("short") is None
    assert await second.get("long") == b"y" * 100
    assert before.size_bytes == 200 + len("short") + len("long")
    assert (await second.stats()).size_bytes == 100 + len("long")
    await second.close()


async def test_beyond_its_size_the_longest_unused_go(make: Callable[..., SqliteCache], clock: ManualClock, file: Path) -> None:
    cache = make(max_mb=1)
    await cache.open()
    for index in range(600):
        clock.advance(1)
        await cache.put(f"key-{index:03}", os.urandom(4 * KB))
        if index % 100 == 99:
            clock.advance(61)
            assert await cache.get("key-000") is not None, "what is used stays"
    await cache.close()
    assert cache._file.pruned > 0
    reopened = make(max_mb=1)
    await reopened.open()
    stats = await reopened.stats()
    assert 100 < stats.entries < 270
    assert stats.size_bytes <= KB * KB
    assert await reopened.get("key-599") is not None
    assert await reopened.get("key-001") is None
    await reopened.close()
    assert size_of(file) < 2.5 * KB * KB, "what goes gives its room back"


async def test_a_smaller_size_shrinks_what_is_there(make: Callable[..., SqliteCache], file: Path) -> None:
    large = make(max_mb=8)
    await large.open()
    for index in range(800):
        await large.put(f"key-{index}", os.urandom(4 * KB))
    await large.close()
    before = size_of(file)
    small = make(max_mb=0.5)
    await small.open()
    while small._file.is_pruning:
        await small.get("key-799")
    stats = await small.stats()
    await small.close()
    assert 0 < stats.size_bytes <= 512 * KB
    assert before > 3 * KB * KB
    assert size_of(file) < KB * KB, "what goes gives its room back to the disk"


async def test_clearing_gives_the_room_back(make: Callable[..., SqliteCache], file: Path) -> None:
    cache = make()
    await cache.open()
    for index in range(300):
        await cache.put(f"key-{index}", os.urandom(4 * KB))
    assert await cache.clear() == 300
    await cache.close()
    assert size_of(file) < 64 * KB


async def test_pruning_lets_callers_in_between(make: Callable[..., SqliteCache], clock: ManualClock) -> None:
    cache = make(max_mb=4)
    await cache.open()
    for index in range(3000):
        await cache.put(f"key-{index:04}", b"x" * KB)
    cache._file.max_bytes = 64 * KB
    steps: list[str] = []
    prune_step, get = cache._file.prune_step, cache._file.get
    cache._file.prune_step = lambda: (steps.append("prune"), prune_step())[1]  # type: ignore[method-assign]
    cache._file.get = lambda key: (steps.append("get"), get(key))[1]  # type: ignore[method-assign]
    await cache.put("one more", b"x")
    await asyncio.gather(*(cache.get(f"key-{index}") for index in range(5)))
    await cache.close()
    assert "get" in steps[:7], f"callers wait for one step of many: {steps[:12]}"
    assert steps.count("prune") >= 1


async def test_what_is_too_old_goes_at_the_next_start(make: Callable[..., SqliteCache], clock: ManualClock, file: Path) -> None:
    cache = make()
    await cache.open()
    for index in range(450):
        await cache.put(f"key-{index}", b"x", ttl_s=10)
    await cache.put("stays", b"x")
    await cache.close()
    clock.advance(11)
    again = make()
    await again.open()
    while again._file.is_pruning:
        await again.get("stays")
    await again.close()
    with sqlite3.connect(file) as look:
        assert look.execute("select key from entry").fetchall() == [("stays",)]
    look.close()


async def test_a_value_larger_than_all_of_it_is_not_kept(make: Callable[..., SqliteCache]) -> None:
    cache = make(max_mb=0.01)
    await cache.open()
    await cache.put("key", b"old")
    await cache.put("key", b"x" * 20 * KB)
    assert await cache.get("key") is None
    await works(cache)
    await cache.close()


@pytest.mark.parametrize(
    "content", [b"", b"not a database" * 1000, b"SQLite format 3\x00" + b"\xff" * 9000, b"\x00" * 4096, b"\n"]
)
async def test_a_file_of_garbage_is_replaced(content: bytes, make: Callable[..., SqliteCache], file: Path) -> None:
    await asyncio.to_thread(file.write_bytes, content)
    cache = make()
    await cache.open()
    await works(cache)
    assert await cache.check() is None
    await cache.close()


@pytest.mark.parametrize(
    "sql",
    [
        "pragma user_version = 99",
        "pragma application_id = 5",
        "drop table entry",
        "drop table claim; pragma user_version = 0",
        "alter table entry rename column used_ms to other",
    ],
)
async def test_a_file_of_another_shape_is_replaced(sql: str, make: Callable[..., SqliteCache], file: Path) -> None:
    first = make()
    await first.open()
    await works(first)
    await first.close()
    with sqlite3.connect(file) as other:
        other.executescript(sql)
    other.close()
    cache = make()
    await cache.open()
    await cache.get("key")  # a wrong column shows only in use
    await works(cache)
    await cache.claim("key", "one", 1)
    assert await cache.claim("key", "two", 1) is False
    await cache.close()


async def test_a_file_that_breaks_while_in_use_is_replaced(make: Callable[..., SqliteCache], file: Path) -> None:
    cache = make()
    await cache.open()
    for index in range(200):
        await cache.put(f"key-{index}", os.urandom(2 * KB))
    await cache.close()
    spoil(file)
    await cache.open()
    for index in range(200):
        await cache.get(f"key-{index}")  # misses, whatever stands there
    await works(cache)
    assert (await cache.stats()).extra["replaced"] >= 1
    await cache.close()


async def test_a_locked_file_is_a_miss_and_comes_back(
    make: Callable[..., SqliteCache], locked: sqlite3.Connection, clock: ManualClock, file: Path
) -> None:
    cache = make()
    await cache.open()
    await only_misses(cache)
    assert "locked" in (await cache.check() or "")
    locked.rollback()
    locked.close()
    clock.advance(REOPEN_AFTER_S + 1)
    await works(cache)
    assert await cache.check() is None
    await cache.close()


async def test_a_file_locked_later_keeps_its_values(make: Callable[..., SqliteCache], file: Path) -> None:
    cache = make()
    await cache.open()
    await works(cache)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("begin immediate")
    await cache.put("key", b"newer")  # cannot be written
    other.execute("rollback")
    other.close()
    assert await cache.get("key") in (b"value", None)
    assert (await cache.stats()).extra["errors"] == 1
    assert (await cache.stats()).extra["replaced"] == 0
    await cache.close()


@pytest.mark.parametrize("place", ["file", "folder"])
async def test_where_no_file_can_be_the_cache_is_empty(place: str, tmp_path: Path, clock: ManualClock) -> None:
    folder = tmp_path / "data"
    if place == "file":
        folder.touch()  # a file where the folder should be
    else:
        (folder / FILE_NAME).mkdir(parents=True)  # a folder where the file should be
    cache = SqliteCache(SqliteCacheConfig(), make_context(folder, clock))
    await cache.open()
    await only_misses(cache)
    assert "answers are not kept" in (await cache.check() or "")
    await cache.close()


async def test_a_full_disk_drops_what_is_new_and_reads_what_is_there(make: Callable[..., SqliteCache]) -> None:
    cache = make()
    await cache.open()
    await works(cache)
    pages = cache._file._open_connection().execute("pragma page_count").fetchone()[0]
    cache._file._open_connection().execute(f"pragma max_page_count = {pages}")
    await cache.put("large", os.urandom(200 * KB))
    assert await cache.get("large") is None
    assert await cache.get("key") == b"value"
    await cache.close()


async def test_it_opens_again_after_a_close(make: Callable[..., SqliteCache]) -> None:
    cache = make()
    for _ in range(2):
        await cache.open()
        await works(cache)
        await cache.close()
        await only_misses(cache)


async def test_it_leaves_no_thread_and_no_connection(make: Callable[..., SqliteCache]) -> None:
    cache = make()
    await cache.open()
    assert cache._thread is not None
    (thread,) = cache._thread._threads
    await cache.close()
    assert not thread.is_alive()
    assert cache._file._connection is None


async def test_the_wall_clock_set_back_makes_no_trouble(make: Callable[..., SqliteCache], clock: ManualClock) -> None:
    cache = make()
    await cache.open()
    await cache.put("key", b"value", ttl_s=100)
    clock.set_wall_ms(clock.now_ms() - 7_200_000)
    assert await cache.get("key") == b"value"
    await cache.close()


async def test_nothing_blocks_the_loop(make: Callable[..., SqliteCache]) -> None:
    cache = make()
    with blockbuster_ctx():
        await cache.open()
        await works(cache)
        await cache.claim("key", "one", 1)
        await cache.stats()
        await cache.clear()
        await cache.close()


async def test_calls_do_not_pile_up_behind_a_disk_that_hangs(make: Callable[..., SqliteCache]) -> None:
    cache = make()
    await cache.open()
    await works(cache)
    hangs, goes_on, get = threading.Event(), threading.Event(), cache._file.get

    def slow(key: str) -> bytes | None:
        hangs.set()
        goes_on.wait(20)
        return get(key)

    cache._file.get = slow  # type: ignore[method-assign]
    calls = [asyncio.create_task(cache.get("key")) for _ in range(MAX_WAITING + 50)]
    await asyncio.to_thread(hangs.wait, 20)
    assert sum(call.done() for call in calls) == 50
    assert await cache.claim("key", "one", 1) is True
    goes_on.set()
    assert (await asyncio.gather(*calls)).count(b"value") == MAX_WAITING
    await cache.close()


async def test_a_claim_of_a_clock_that_was_set_back_ends(make: Callable[..., SqliteCache], clock: ManualClock) -> None:
    cache = make()
    await cache.open()
    assert await cache.claim("key", "gone", 15)
    clock.advance(-86_400)
    assert await cache.claim("key", "next", 15), "nobody waits a day for it"
    assert await cache.claim("key", "third", 15) is False
    await cache.close()


async def test_clearing_forgets_claims_and_lets_callers_in_between(make: Callable[..., SqliteCache]) -> None:
    cache = make()
    await cache.open()
    for index in range(1000):
        await cache.put(f"key-{index}", b"x" * KB, ttl_s=10 if index < 3 else None)
    assert await cache.claim("key", "one", 60)
    steps: list[str] = []
    clear_step, get = cache._file.clear_step, cache._file.get
    cache._file.clear_step = lambda last: (steps.append("clear"), clear_step(last))[1]  # type: ignore[method-assign]
    cache._file.get = lambda key: (steps.append("get"), get(key))[1]  # type: ignore[method-assign]

    async def asks() -> None:
        for index in range(5):
            await cache.get(f"key-{index}")

    dropped, _ = await asyncio.gather(cache.clear(), asks())
    assert dropped == 1000
    assert steps.index("get") < len(steps) - 1 - steps[::-1].index("clear")
    assert steps.count("clear") > 4
    assert (await cache.stats()).entries == 0
    assert await cache.claim("key", "two", 60)
    await cache.close()


async def test_clearing_counts_only_what_was_not_too_old(make: Callable[..., SqliteCache], clock: ManualClock) -> None:
    cache = make()
    await cache.open()
    await cache.put("old", b"x", ttl_s=10)
    await cache.put("new", b"x")
    clock.advance(11)
    assert await cache.clear() == 1
    await cache.close()


async def test_figures_are_running_numbers(make: Callable[..., SqliteCache], clock: ManualClock) -> None:
    cache = make()
    await cache.open()
    for value in (b"one", b"longer", b""):
        await cache.put("key", value)
        assert (await cache.stats()).size_bytes == len("key") + len(value)
    await cache.put("other", b"12345", ttl_s=10)
    assert ((await cache.stats()).entries, (await cache.stats()).size_bytes) == (2, 13)
    clock.advance(11)
    assert ((await cache.stats()).entries, (await cache.stats()).size_bytes) == (1, 3)
    await cache.put("other", b"x", ttl_s=0)
    await cache.delete("key")
    assert ((await cache.stats()).entries, (await cache.stats()).size_bytes) == (0, 0)
    read: list[str] = []
    cache._file._open_connection().set_trace_callback(read.append)
    await cache.stats()
    assert all("where ends_ms" in sql for sql in read), "no look at every row"
    await cache.close()


async def test_a_value_that_cannot_be_replaced_stays(make: Callable[..., SqliteCache]) -> None:
    cache = make()
    await cache.open()
    await works(cache)
    connection = cache._file._open_connection()
    connection.execute(f"pragma max_page_count = {connection.execute('pragma page_count').fetchone()[0]}")
    await cache.put("key", os.urandom(200 * KB))
    assert await cache.get("key") == b"value", "the old one goes with the new one's coming, not before"
    assert (await cache.stats()).size_bytes == len("key") + len(b"value")
    await cache.close()


async def test_two_processes_on_one_file_keep_its_size_together(make: Callable[..., SqliteCache]) -> None:
    one, other = make(max_mb=1), make(max_mb=1)
    await one.open()
    await other.open()
    for index in range(150):
        await one.put(f"one-{index}", b"x" * 4 * KB)
    for index in range(150):
        await other.put(f"other-{index}", b"x" * 4 * KB)
    while other._file.is_pruning:
        await other.get("other-149")
    assert (await other.stats()).size_bytes <= KB * KB
    await one.close()
    await one.open()
    assert (await one.stats()).size_bytes <= KB * KB, "what is in the file, not what one of them has put"
    await one.close()
    await other.close()
