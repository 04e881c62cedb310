"""What all handlers of one fake server share."""

from __future__ import annotations

import asyncio
import json
import random
from collections import deque
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

from leadd.api import Clock
from leadd.testing.ollama.answers import Answerer
from leadd.testing.ollama.catalog import Catalog, rfc3339
from leadd.testing.ollama.faults import FaultBook, Rule
from leadd.testing.ollama.oracle import TOPICS, Oracle, Question, Reading, find_signal, read_signal
from leadd.testing.ollama.profiles import Profile
from leadd.testing.ollama.requests import Call
from leadd.testing.ollama.scheduler import Scheduler
from leadd.testing.ollama.stats import Stats
from leadd.testing.ollama.timing import Compute, Speeds


@dataclass(slots=True)
class Scripted:
    """One answer to give next, to a model or a role only where these are named."""

    text: str
    model: str | None = None
    role: str | None = None


@dataclass(slots=True)
class State:
    """One server: its settings, its parts, and the answers and faults that wait for their turn."""

    profile: Profile
    clock: Clock
    catalog: Catalog
    stats: Stats
    faults: FaultBook
    speeds: Speeds
    compute: Compute
    scheduler: Scheduler
    oracle: Oracle | None = None
    topics: tuple[str, ...] = TOPICS
    sliding_window: bool = False
    final_text: bool = False
    guarded: bool = True
    split: random.Random | None = None
    scripted: deque[Scripted] = field(default_factory=deque)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def stamp(self) -> str:
        """`created_at` of now."""
        return rfc3339(self.clock.now_ms())

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something beside the requests until it ends or the server closes."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def puts_text_in_final(self) -> bool:
        """Whether the last event of this stream carries text: always, never, or by the dice that cut the writes."""
        return self.final_text or (self.split is not None and self.split.random() < 0.5)

    def answer(
        self, call: Call, schema: Mapping[str, Any] | None, model: str, role: str, user_text: str
    ) -> tuple[str, Reading]:
        """The text to answer with, and how the signal reads: from the script, the test's own oracle, or the built-in judge."""
        signal = find_signal(user_text)
        reading = read_signal(signal, user_text, self.topics)
        scripted = self._from_script(model, role)
        if scripted is not None:
            return _as_asked(scripted, call, schema), reading
        if self.oracle is not None:
            given = self.oracle(Question(model, call.endpoint, call.messages, user_text, schema, signal, call.asks_label))
            if isinstance(given, Reading):
                reading = given
            elif given is not None:
                text = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False)
                return _as_asked(text, call, schema), reading
        if call.asks_label:
            return "yes" if reading.worth else "no", reading
        if schema is None:
            named = ", ".join(reading.hits[:4]) or "nothing in particular"
            return f"The text is about {named}.", reading
        if not schema:
            return json.dumps({"worth": reading.worth, "mentions": list(reading.hits[:4])}, ensure_ascii=False), reading
        return json.dumps(Answerer(schema, reading).make(), ensure_ascii=False), reading

    def add_rule(self, rule: Rule) -> None:
        """Make a failure happen."""
        self.faults.add(rule)

    def _from_script(self, model: str, role: str) -> str | None:
        for index, item in enumerate(self.scripted):
            if item.model in (None, model) and item.role in (None, role):
                del self.scripted[index]
                return item.text
        return None


def _as_asked(text: str, call: Call, schema: Mapping[str, Any] | None) -> str:
    """A given answer in the shape that was asked for: an object around one word is that word where a word is wanted, so that
    `{"worth": "no"}` answers triage whichever way it is asked. Everything else is sent as it was given."""
    is_word = call.asks_label or (schema or {}).get("type") == "string"
    try:
        value = json.loads(text) if is_word else None
    except ValueError:
        return text
    if isinstance(value, dict) and len(value) == 1:
        value = next(iter(value.values()))
    if not isinstance(value, str):
        return text
    return value if call.asks_label else json.dumps(value, ensure_ascii=False)
