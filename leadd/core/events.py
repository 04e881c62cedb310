"""News of what happened, for whoever watches: published after the commit, never before.

Only `dossier.field` and `dossier.restart` tell of something that is not stored: an answer while it is being written.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from leadd.api import Clock


@dataclass(frozen=True, slots=True)
class Event:
    """One piece of news. `id` grows by one from the start of the daemon; `kind` is like `lead.created`."""

    id: int
    kind: str
    at_ms: int
    data: Mapping[str, Any] = field(default_factory=dict)


class EventBus:
    """Hands events to any number of readers. A slow reader loses its subscription, never holds up a publisher."""

    def __init__(self, clock: Clock, *, keep: int = 500, queue: int = 1000) -> None:
        self._clock = clock
        self._recent: deque[Event] = deque(maxlen=keep)
        self._queue_size = queue
        self._readers: set[asyncio.Queue[Event | None]] = set()
        self._last_id = 0
        self.on_publish: Callable[[str], None] = lambda kind: None

    @property
    def last_id(self) -> int:
        """Id of the newest event; 0 before the first."""
        return self._last_id

    def publish(self, kind: str, **data: Any) -> Event:
        """Tell all readers; returns the event as published."""
        self._last_id += 1
        event = Event(self._last_id, kind, self._clock.now_ms(), data)
        self._recent.append(event)
        self.on_publish(kind)
        for reader in list(self._readers):
            try:
                reader.put_nowait(event)
            except asyncio.QueueFull:
                self._drop(reader)
        return event

    def _drop(self, reader: asyncio.Queue[Event | None]) -> None:
        self._readers.discard(reader)
        reader.get_nowait()
        reader.put_nowait(None)

    async def subscribe(self, *, after: int | None = None) -> AsyncIterator[Event]:
        """Events from now on; with `after`, those still remembered since that id first. Ends where the reader was too slow."""
        reader: asyncio.Queue[Event | None] = asyncio.Queue(self._queue_size)
        self._readers.add(reader)
        try:
            if after is not None:
                for event in [e for e in self._recent if e.id > after]:
                    yield event
            while (event_or_end := await reader.get()) is not None:
                yield event_or_end
        finally:
            self._readers.discard(reader)

    def close(self) -> None:
        """End every subscription."""
        for reader in list(self._readers):
            if reader.full():
                reader.get_nowait()
            reader.put_nowait(None)
        self._readers.clear()
