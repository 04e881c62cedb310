from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest

from leadd.store.database import Database
from leadd.store.errors import StoreError, StoreTooNew
from leadd.store.migrate import APPLICATION_ID, Migration, migrate, packaged
from leadd.store.store import Store

GOLDEN = Path(__file__).with_name("schema.sql")
NOW = 1_700_000_000_000


def dump_schema(path: Path) -> str:
    with sqlite3.connect(path) as conn:
        rows = conn.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY type DESC, name").fetchall()
    conn.close()
    return "".join(f"{row[0]};\n\n" for row in rows)


def content(path: Path) -> list[str]:
    with sqlite3.connect(path) as conn:
        lines = list(conn.iterdump())
    conn.close()
    return lines


def one(path: Path, sql: str) -> object:
    conn = sqlite3.connect(path)
    try:
        return conn.execute(sql).fetchone()[0]
    finally:
        conn.close()


def extra(sql: str) -> tuple[Migration, ...]:
    steps = packaged()
    return (*steps, Migration(len(steps) + 1, "next", sql))


def test_all_migrations_together_give_the_golden_schema(tmp_path: Path) -> None:
    path = tmp_path / "leadd.db"
    migrate(path, now_ms=NOW)
    if os.environ.get("LEADD_WRITE_GOLDEN"):
        GOLDEN.write_text(dump_schema(path), encoding="utf-8")
    assert dump_schema(path) == GOLDEN.read_text(encoding="utf-8")
    assert one(path, "PRAGMA application_id") == APPLICATION_ID
    assert one(path, "PRAGMA user_version") == len(packaged())
    assert one(path, "SELECT count(*) FROM migration") == len(packaged())


def test_every_table_is_strict_and_has_the_name_of_the_plan(tmp_path: Path) -> None:
    path = tmp_path / "leadd.db"
    migrate(path, now_ms=NOW)
    conn = sqlite3.connect(path)
    tables = {row[1]: row[5] for row in conn.execute("PRAGMA table_list") if not row[1].startswith("sqlite_")}
    conn.close()
    assert set(tables) == {
        "icp", "company", "contact", "signal", "judgement", "lead", "lead_signal", "activity", "verdict", "dossier",
        "embedding", "outbox", "source_cursor", "source_problem", "prompt_version", "experiment", "schedule", "migration",
        "sketch", "sketch_band", "reuse", "icp_expansion", "scorer", "chooser", "choice", "arrival",
    }  # fmt: skip
    assert set(tables.values()) == {1}


def test_file_and_folder_are_private_from_the_start(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        path = tmp_path / "home" / "leadd.db"
        migrate(path, now_ms=NOW)
        backup = migrate(path, now_ms=NOW, migrations=extra("CREATE TABLE added (id INTEGER PRIMARY KEY) STRICT;"))
    finally:
        os.umask(old)
    assert backup is not None
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in path.parent.iterdir()} == {0o600}


def test_migrating_a_file_makes_a_backup_that_is_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "leadd.db"
    assert migrate(path, now_ms=NOW) is None
    conn = sqlite3.connect(path)
    conn.execute("INSERT INTO schedule VALUES ('a', '{}', 1)")
    conn.commit()
    conn.close()
    before = content(path)
    backup = migrate(path, now_ms=NOW, migrations=extra("ALTER TABLE schedule ADD COLUMN more TEXT;"))
    assert backup is not None
    assert backup.name == f"leadd.db.bak-{len(packaged())}-20231114T221320"
    assert content(backup) == before
    assert content(path) != before
    assert one(path, "PRAGMA user_version") == len(packaged()) + 1
    os.replace(backup, path)  # rolling back is putting the copy in place
    assert migrate(path, now_ms=NOW) is None
    assert one(path, "SELECT name FROM schedule") == "a"


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE half (id INTEGER PRIMARY KEY) STRICT; INSERT INTO nowhere VALUES (1);",
        "CREATE TABLE half (id INTEGER PRIMARY KEY) STRICT; SYNTAX ERROR;",
        "CREATE TABLE half (id INTEGER PRIMARY KEY) STRICT; COMMIT;",
        "INSERT INTO contact (lead_id, kind, value, created_at_ms) VALUES (999, 'email', 'x', 1);",
    ],
)
def test_a_failing_migration_leaves_the_file_as_it_was(tmp_path: Path, sql: str) -> None:
    path = tmp_path / "leadd.db"
    migrate(path, now_ms=NOW)
    before = content(path)
    with pytest.raises(StoreError, match=rf"migration {len(packaged()) + 1} \(next\)"):
        migrate(path, now_ms=NOW, migrations=extra(sql))
    assert content(path) == before
    assert one(path, "PRAGMA user_version") == len(packaged())
    assert migrate(path, now_ms=NOW) is None


async def test_judgements_of_the_first_schema_are_read_like_those_of_today(tmp_path: Path, clock: Any) -> None:
    path = tmp_path / "leadd.db"
    migrate(path, now_ms=NOW, migrations=packaged()[:1])
    conn = sqlite3.connect(path)
    conn.execute(
        "INSERT INTO signal (id, source, dedupe_key, due_ms, found_at_ms, content_hash, title, source_type, text) "
        "VALUES (1, 's', 'k', 0, 0, 'h', 't', '', 'x')"
    )
    names = ("stage", "decision", "method", "rule", "reasons", "key", "prompt", "prompt_hash", "model", "digest",
             "server_version", "cache", "done_reason", "failure", "raw")  # fmt: skip
    counts = ("signal_id", "prompt_tokens", "output_tokens", "load_ms", "prompt_ms", "output_ms", "queue_ms", "total_ms",
              "created_at_ms")  # fmt: skip
    texts = ["[]" if name == "reasons" else name for name in names]
    conn.execute(
        f"INSERT INTO judgement ({', '.join((*names, *counts))}) VALUES ({', '.join('?' * len((*names, *counts)))})",
        [*texts, *[1] * len(counts)],
    )
    conn.commit()
    conn.close()
    store = await Store.open(tmp_path, clock=clock)
    try:
        [row] = await store.judgements.for_signal(1)
        assert (row.stage, row.wait_ms, row.shown, row.instead_of) == ("stage", 0.0, None, "")
    finally:
        await store.close()


def test_a_newer_file_is_refused_untouched(tmp_path: Path) -> None:
    path = tmp_path / "leadd.db"
    migrate(path, now_ms=NOW, migrations=extra("CREATE TABLE added (id INTEGER PRIMARY KEY) STRICT;"))
    before = path.read_bytes()
    with pytest.raises(StoreTooNew, match="newer leadd"):
        migrate(path, now_ms=NOW)
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["leadd.db"]


@pytest.mark.parametrize("kind", ["text", "other database", "other application"])
def test_a_file_that_is_not_leadds_is_refused_untouched(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "leadd.db"
    if kind == "text":
        path.write_text("dear diary, " * 500, encoding="utf-8")
    else:
        conn = sqlite3.connect(path)
        conn.execute("CREATE TABLE diary (text)" if kind == "other database" else "PRAGMA application_id = 7")
        conn.commit()
        conn.close()
    before = path.read_bytes()
    with pytest.raises(StoreError):
        migrate(path, now_ms=NOW)
    assert path.read_bytes() == before


def test_gaps_between_migrations_are_refused(tmp_path: Path) -> None:
    (tmp_path / "0001_a.sql").write_text("")
    (tmp_path / "0003_c.sql").write_text("")
    with pytest.raises(StoreError, match="without gaps"):
        packaged(tmp_path)


async def test_an_open_database_enforces_keys_and_syncs_fully(tmp_path: Path, clock: object) -> None:
    db = await Database.open(tmp_path / "leadd.db", clock=clock)  # type: ignore[arg-type]
    try:
        pragmas = await db.write(
            lambda conn: [conn.execute(f"PRAGMA {p}").fetchone()[0] for p in ("foreign_keys", "synchronous", "journal_mode")]
        )
        assert pragmas == [1, 2, "wal"]
        with pytest.raises(sqlite3.IntegrityError):
            await db.write(
                lambda conn: (
                    conn.execute(
                        "INSERT INTO contact (lead_id, kind, value, created_at_ms) VALUES (999, 'email', 'x', 1)"
                    ).rowcount
                )
            )
        async with db.reader() as conn:
            with pytest.raises(sqlite3.OperationalError):
                await conn.execute_fetchall("DELETE FROM schedule")
    finally:
        await db.close()
