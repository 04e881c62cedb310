"""Small durable facts by name: due times, last polls, pauses, whether a model server was ever seen."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from leadd.api.clock import Clock
from leadd.store.bulk import dump
from leadd.store.database import Database


class ScheduleRepo:
    """A small map from names to JSON objects that survives restarts."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db = db
        self._clock = clock

    async def get(self, name: str) -> dict[str, Any] | None:
        """The fact of this name, or None."""
        row = await self._db.fetch_one("SELECT value FROM schedule WHERE name = ?", (name,))
        if row is None:
            return None
        value: dict[str, Any] = json.loads(row[0])
        return value

    async def set(self, name: str, value: Mapping[str, Any]) -> None:
        """Keep a fact in place of the one of this name."""
        parameters = (name, dump(dict(value)), self._clock.now_ms())
        await self._db.write(
            lambda conn: (
                conn.execute(
                    "INSERT INTO schedule (name, value, updated_at_ms) VALUES (?1, ?2, ?3) "
                    "ON CONFLICT (name) DO UPDATE SET value = ?2, updated_at_ms = ?3",
                    parameters,
                ).rowcount
            )
        )

    async def since(self, name: str, value: str) -> int:
        """Since when the fact of this name has had this value, in Unix milliseconds; 0 where no other one was ever known.

        Another value than the kept one is kept from now on.
        """
        known = await self.get(name)
        if known is not None and known["is"] == value:
            return int(known["since_ms"])
        since_ms = 0 if known is None else self._clock.now_ms()
        await self.set(name, {"is": value, "since_ms": since_ms})
        return since_ms

    async def delete(self, name: str) -> None:
        """Forget a fact, if it is there."""
        await self._db.write(lambda conn: conn.execute("DELETE FROM schedule WHERE name = ?", (name,)).rowcount)

    async def all(self, prefix: str = "") -> dict[str, dict[str, Any]]:
        """All facts whose names begin with `prefix`, by name."""
        rows = await self._db.fetch(
            "SELECT name, value FROM schedule WHERE substr(name, 1, length(?1)) = ?1 ORDER BY name", (prefix,)
        )
        return {row[0]: json.loads(row[1]) for row in rows}
