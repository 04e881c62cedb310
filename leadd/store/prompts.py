"""Which prompt texts were in force: the text behind every prompt hash in the journal."""

from __future__ import annotations

import builtins
import sqlite3

from leadd.api.clock import Clock
from leadd.store.bulk import clean
from leadd.store.database import Database
from leadd.store.rows import PromptRow


class PromptRepo:
    """Keeps every version of every prompt that was ever in force."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def seen(self, name: str, version: int, content_hash: str, text: str) -> bool:
        """Note that this text is in force now; True where it was never seen before."""
        now_ms = self._clock.now_ms()

        def seen(conn: sqlite3.Connection) -> bool:
            row = conn.execute(
                "INSERT INTO prompt_version (name, version, content_hash, text, first_at_ms, last_at_ms) "
                "VALUES (?1, ?2, ?3, ?4, ?5, ?5) "
                "ON CONFLICT (name, version, content_hash) DO UPDATE SET last_at_ms = ?5 RETURNING id, first_at_ms",
                (name, version, content_hash, clean(text), now_ms),
            ).fetchone()
            return bool(row[1] == now_ms)

        return await self._db.write(seen)

    async def others(self, name: str, version: int, content_hash: str) -> builtins.list[str]:
        """The content hashes that ran under the same name and number but are not this one, the latest first."""
        rows = await self._db.fetch(
            "SELECT content_hash FROM prompt_version WHERE name = ? AND version = ? AND content_hash <> ? "
            "ORDER BY last_at_ms DESC, id DESC",
            (name, version, content_hash),
        )
        return [row[0] for row in rows]

    async def list(self, name: str | None = None) -> builtins.list[PromptRow]:
        """What was in force, the latest first; of one prompt or of all."""
        rows = await self._db.fetch(
            "SELECT name, version, content_hash, text, first_at_ms, last_at_ms FROM prompt_version "
            "WHERE ?1 IS NULL OR name = ?1 ORDER BY last_at_ms DESC, id DESC",
            (name,),
        )
        return [PromptRow(*row) for row in rows]
