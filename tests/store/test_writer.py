from __future__ import annotations

import asyncio
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest

from leadd.store import writer as writer_module
from leadd.store.database import Database, connect_writer
from leadd.store.errors import StoreUnavailable
from leadd.store.writer import Writer


def put(name: str) -> Any:
    return lambda conn: conn.execute("INSERT INTO schedule VALUES (?, '{}', 1)", (name,)).rowcount


async def names(db: Database) -> list[str]:
    return [row[0] for row in await db.fetch("SELECT name FROM schedule ORDER BY name")]


@pytest.fixture
async def db(tmp_path: Path, clock: Any) -> Any:
    opened = await Database.open(tmp_path / "leadd.db", clock=clock)
    yield opened
    await opened.close()


class Gate:
    """Holds the writer's thread inside one write, so that what is handed in meanwhile waits in the queue."""

    def __init__(self, db: Database) -> None:
        self.entered = threading.Event()
        self.go = threading.Event()
        self.task = asyncio.ensure_future(db.write(self._hold))

    def _hold(self, conn: sqlite3.Connection) -> None:
        self.entered.set()
        assert self.go.wait(20)

    async def shut(self) -> None:
        await asyncio.to_thread(self.entered.wait, 20)


async def test_writes_that_wait_share_one_commit(db: Database) -> None:
    gate = Gate(db)
    await gate.shut()
    before = db.figures()["commits"]
    tasks = [asyncio.ensure_future(db.write(put(f"n{i:02}"))) for i in range(50)]
    await asyncio.sleep(0)
    gate.go.set()
    assert await asyncio.gather(*tasks) == [1] * 50
    await gate.task
    assert db.figures()["commits"] - before == 1
    assert db.figures()["max_group"] == 51
    assert len(await names(db)) == 50


async def test_a_write_that_fails_in_a_group_harms_no_other(db: Database) -> None:
    def half_way(conn: sqlite3.Connection) -> None:
        put("half")(conn)
        raise KeyError("mine")

    def stop(conn: sqlite3.Connection) -> None:
        raise StopIteration

    gate = Gate(db)
    await gate.shut()
    tasks = [asyncio.ensure_future(db.write(fn)) for fn in (put("a"), half_way, put("b"), put("a"), stop, put("c"))]
    await asyncio.sleep(0)
    gate.go.set()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    await gate.task
    assert [type(r) for r in results] == [int, KeyError, int, sqlite3.IntegrityError, RuntimeError, int]
    assert await names(db) == ["a", "b", "c"]
    assert db.figures()["failures"] == 0


async def test_three_hundred_cancelled_callers_leave_no_transaction_open(db: Database) -> None:
    async def write(number: int) -> None:
        await db.write(put(f"n{number:03}"))

    for number in range(300):
        task = asyncio.ensure_future(write(number))
        for _ in range(number % 4):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    await db.write(put("last"))
    stored = await names(db)
    # A caller cancelled before it ran wrote nothing; every write that was handed over happened, heard or not.
    assert stored == ["last", *(f"n{number:03}" for number in range(300) if number % 4 > 0)]
    other = sqlite3.connect(db.path, timeout=0.0, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")  # fails at once where the lock is held
    other.execute("ROLLBACK")
    other.close()


async def test_a_write_that_ends_the_transaction_is_named_and_the_group_is_unknown(db: Database) -> None:
    gate = Gate(db)
    await gate.shut()
    innocent = asyncio.ensure_future(db.write(put("innocent")))
    rogue = asyncio.ensure_future(db.write(lambda conn: conn.execute("ROLLBACK").rowcount))
    await asyncio.sleep(0)
    gate.go.set()
    results = await asyncio.gather(innocent, rogue, gate.task, return_exceptions=True)
    assert [type(r) for r in results] == [StoreUnavailable] * 3
    assert await db.write(put("next")) == 1
    assert await names(db) == ["next"]


class Tight:
    """Makes connections on a 'disk' of a few pages, until it is given room."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pages: int | None = None

    def __call__(self) -> sqlite3.Connection:
        conn = connect_writer(self.path)
        if self.pages is not None:
            conn.execute(f"PRAGMA max_page_count = {self.pages}")
        return conn


async def test_a_full_disk_degrades_and_recovers(db: Database, clock: Any) -> None:
    tight = Tight(db.path)
    small = Writer(tight, db.path.with_name("leadd.db-wal"), clock)
    small.start()

    def fill(conn: sqlite3.Connection) -> int:
        return conn.execute("INSERT INTO schedule VALUES ('big', json_object('a', hex(zeroblob(400000))), 1)").rowcount

    pages = await small.submit(lambda conn: int(conn.execute("PRAGMA page_count").fetchone()[0]))
    await small.submit(put("before"))
    await small.close()
    tight.pages = pages + 2
    small = Writer(tight, db.path.with_name("leadd.db-wal"), clock)
    small.start()
    results = await asyncio.gather(*(small.submit(fn) for fn in (put("beside"), fill)), return_exceptions=True)
    assert any(isinstance(r, StoreUnavailable) and "full" in str(r) for r in results)
    assert small.failing is not None
    assert small.failures >= 1
    with pytest.raises(StoreUnavailable, match="full"):
        await small.submit(fill)
    assert "before" in await names(db)  # reading goes on, and what was acknowledged is there
    assert await small.submit(put("small thing")) == 1  # what fits still works
    tight.pages = None
    with pytest.raises(StoreUnavailable):
        await small.submit(fill)  # the connection of the small disk; it is given up with this failure
    assert await small.submit(fill) == 1
    assert small.failing is None
    await small.close()
    acknowledged = {"before", "small thing", "big"} | ({"beside"} if results[0] == 1 else set())
    assert set(await names(db)) == acknowledged


async def test_what_waits_at_close_is_still_written(tmp_path: Path, clock: Any) -> None:
    db = await Database.open(tmp_path / "leadd.db", clock=clock)
    gate = Gate(db)
    await gate.shut()
    tasks = [asyncio.ensure_future(db.write(put(f"n{i}"))) for i in range(300)]
    await asyncio.sleep(0)
    closing = asyncio.ensure_future(db.close())
    await asyncio.sleep(0)
    gate.go.set()
    await closing
    assert await asyncio.gather(*tasks) == [1] * 300
    with pytest.raises(StoreUnavailable, match="closed"):
        await db.write(put("late"))
    with pytest.raises(StoreUnavailable, match="closed"):
        await names(db)
    await db.close()
    again = await Database.open(tmp_path / "leadd.db", clock=clock)
    assert len(await names(again)) == 300
    await again.close()


async def test_close_leaves_no_thread_even_with_readers_at_work(tmp_path: Path, clock: Any) -> None:
    before = set(threading.enumerate())
    db = await Database.open(tmp_path / "leadd.db", clock=clock)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    reading = asyncio.ensure_future(db.fetch(endless))
    half_read = asyncio.ensure_future(hold_cursor(db))
    for _ in range(50):
        await asyncio.sleep(0.002)
    half_read.cancel()
    await asyncio.gather(half_read, return_exceptions=True)
    assert any(t.name == "leadd-writer" for t in set(threading.enumerate()) - before)
    await db.close()
    assert isinstance((await asyncio.gather(reading, return_exceptions=True))[0], Exception)
    left = {t for t in set(threading.enumerate()) - before if "asyncio" not in t.name}
    for thread in left:
        thread.join(5)
    assert not any(t.is_alive() for t in left)


async def hold_cursor(db: Database) -> None:
    async with db.reader() as conn, conn.execute("SELECT * FROM migration"):
        await asyncio.Event().wait()


@pytest.fixture
async def narrow(tmp_path: Path, clock: Any) -> Any:
    """A database with a single reading connection."""
    opened = await Database.open(tmp_path / "narrow.db", clock=clock, readers=1)
    yield opened
    await opened.close()


async def test_the_next_reader_gets_its_turn_when_one_at_work_is_cancelled(narrow: Database) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    reader = asyncio.ensure_future(narrow.fetch(endless))
    for _ in range(50):
        await asyncio.sleep(0.001)
    waiting = asyncio.ensure_future(names(narrow))
    await asyncio.sleep(0)
    await narrow.write(put("later"))
    assert not waiting.done()
    reader.cancel()
    await asyncio.gather(reader, return_exceptions=True)
    assert await asyncio.wait_for(waiting, 20) == ["later"]  # on a connection that sees the newest state
    other = sqlite3.connect(narrow.path, isolation_level=None, timeout=5.0)
    assert other.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0  # nobody holds an old snapshot
    other.close()


async def test_a_failing_query_costs_no_reader(narrow: Database) -> None:
    for _ in range(3):
        with pytest.raises(sqlite3.OperationalError):
            await narrow.fetch("SELECT nonsense FROM nowhere")
    assert await names(narrow) == []


async def test_a_write_that_slips_in_behind_the_end_is_refused_not_forgotten(db: Database) -> None:
    writer = db._writer
    gate = Gate(db)
    await gate.shut()
    writer.stop()
    writer._closing = False  # as another thread would still see it
    late = asyncio.ensure_future(db.write(put("late")))
    await asyncio.sleep(0)
    gate.go.set()
    with pytest.raises(StoreUnavailable, match="closed"):
        await asyncio.wait_for(late, 20)


async def test_the_log_is_folded_in_when_all_is_quiet(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "IDLE_S", 0.01)
    await db.write(put("a"))
    async with asyncio.timeout(10):
        while db.figures()["checkpoints"] < 1:
            await asyncio.sleep(0.005)
    assert db.figures()["wal_bytes"] == 0
    assert await names(db) == ["a"]
    checkpoints = db.figures()["checkpoints"]
    await db.write(lambda conn: conn.execute("SELECT 1").fetchone()[0])  # changes nothing: nothing to fold
    await asyncio.sleep(0.05)
    assert db.figures()["checkpoints"] == checkpoints


async def test_two_databases_are_independent(tmp_path: Path, clock: Any) -> None:
    one = await Database.open(tmp_path / "one" / "leadd.db", clock=clock)
    two = await Database.open(tmp_path / "two" / "leadd.db", clock=clock)
    gate = Gate(one)
    await gate.shut()
    await two.write(put("two"))  # while the first one's writer stands still
    await two.close()
    gate.go.set()
    await gate.task
    assert await names(one) == []
    await one.close()


async def test_probe_writes_for_real(db: Database, clock: Any) -> None:
    clock.ms += 5
    await db.probe()
    row = await db.fetch_one("SELECT updated_at_ms FROM schedule WHERE name = 'store.probe'")
    assert row is not None
    assert row[0] == clock.ms


def test_opening_and_closing_in_one_loop_and_using_the_file_in_the_next(tmp_path: Path, clock: Any) -> None:
    async def round_trip() -> list[str]:
        db = await Database.open(tmp_path / "leadd.db", clock=clock)
        try:
            await db.write(put(f"n{len(await names(db))}"))
            return await names(db)
        finally:
            await db.close()

    assert [asyncio.run(round_trip()) for _ in range(3)][-1] == ["n0", "n1", "n2"]
