"""What the fake saw and did, for tests to assert on."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

ROLE_FIELDS = (("worth", "triage"), ("icp_match", "classify"), ("match", "classify"), ("snapshot", "dossier"))


def role_of(schema: Any) -> str:
    """What a question is about, guessed from the fields that its schema asks for."""
    if not isinstance(schema, dict):
        return "other"
    if schema.get("type") == "string" and {"yes", "no"} <= set(schema.get("enum") or ()):
        return "triage"
    fields = schema.get("properties", {})
    return next((role for name, role in ROLE_FIELDS if name in fields), "other")


def prompt_hash(model: str, prompt: str) -> str:
    """Names a prompt to a model: 32 hex digits."""
    return hashlib.blake2b(f"{model}\0{prompt}".encode("utf-8", "replace"), digest_size=16).hexdigest()


@dataclass(slots=True)
class Stats:
    """Counts since the start or the last reset. Models are named by their full key, such as `gemma3:1b`.

    `prompts` counts the completed answers of each prompt: a value above one means that an answer was paid for twice.
    `in_flight` counts questions (chat, generate, embed) between arrival and the end of their answer. `tokens_read` and
    `tokens_written` are those of completed answers; `tokens_shown` (whole prompts), `tokens_prefilled` (the part of them
    that no cache had) and `tokens_decoded` are by model and hold what was done for answers that were cut off as well.
    """

    calls: Counter[str] = field(default_factory=Counter)
    questions: Counter[tuple[str, str]] = field(default_factory=Counter)
    completed: Counter[tuple[str, str]] = field(default_factory=Counter)
    prompts: Counter[str] = field(default_factory=Counter)
    loads: Counter[str] = field(default_factory=Counter)
    unloads: Counter[str] = field(default_factory=Counter)
    load_aborts: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    preloads: int = 0
    evictions: int = 0
    reloads: int = 0
    tokens_read: int = 0
    tokens_reused: int = 0
    tokens_written: int = 0
    tokens_shown: Counter[str] = field(default_factory=Counter)
    tokens_prefilled: Counter[str] = field(default_factory=Counter)
    tokens_decoded: Counter[str] = field(default_factory=Counter)
    texts_embedded: int = 0
    truncated_prompts: int = 0
    cancelled: int = 0
    skipped_in_queue: int = 0
    busy: int = 0
    in_flight: int = 0
    in_flight_max: int = 0
    in_flight_by_model: Counter[str] = field(default_factory=Counter)
    in_flight_max_by_model: Counter[str] = field(default_factory=Counter)

    @property
    def paid_twice(self) -> dict[str, int]:
        """Prompts that were answered to the end more than once."""
        return {key: times for key, times in self.prompts.items() if times > 1}

    def arrive(self, model: str, role: str) -> None:
        """A question came in."""
        self.questions[model, role] += 1
        self.in_flight += 1
        self.in_flight_by_model[model] += 1
        if self.in_flight > self.in_flight_max:
            self.in_flight_max = self.in_flight
        if self.in_flight_by_model[model] > self.in_flight_max_by_model[model]:
            self.in_flight_max_by_model[model] = self.in_flight_by_model[model]

    def leave(self, model: str) -> None:
        """A question is over, whatever its end."""
        self.in_flight -= 1
        self.in_flight_by_model[model] -= 1

    def complete(self, model: str, role: str, key: str, read: int, written: int) -> None:
        """A question was answered to its end."""
        self.completed[model, role] += 1
        self.prompts[key] += 1
        self.tokens_read += read
        self.tokens_written += written

    def reset(self) -> None:
        """All counts back to zero; what is in flight stays counted."""
        for name in self.__slots__:
            if name in ("in_flight", "in_flight_by_model"):
                continue
            value = getattr(self, name)
            if isinstance(value, Counter):
                value.clear()
            else:
                setattr(self, name, 0)

    def as_dict(self) -> dict[str, Any]:
        """All counts as plain JSON; pairs become `model/role`."""
        result: dict[str, Any] = {"paid_twice": self.paid_twice}
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, Counter):
                value = {"/".join(key) if isinstance(key, tuple) else str(key): n for key, n in value.items()}
            result[name] = value
        return result
