"""Answers that can no longer become one are cut at once: a laptop pays for every token that nobody will use.

Each cut has the name that the whole answer would have got at its end, or `repeated_tokens` for a model that goes round in
circles, so that the table of retries treats both alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from leadd.api import Failure, ModelFailure, ModelRequest
from leadd.inference.answers.fields import FieldStream
from leadd.inference.answers.shapes import misfit
from leadd.inference.answers.success import CHARS_PER_TOKEN_ANSWER

MOST_BLANKS = 100
"""Blanks in a row outside texts. The grammar of llama.cpp allows about 20 after a line break; more is a loop."""

REPEATS = 30
"""So many equal pieces in a row are a loop: what Ollama itself takes for one."""

LONGEST_LOOP_CHARS = 24
LEAST_LOOP_CHARS = 240
"""A loop that the pieces do not show (two tokens in turn) is looked for in the text; a drawn line of dashes is shorter."""

_LOOK_EVERY_CHARS = 64
_TAIL_CHARS = LONGEST_LOOP_CHARS * REPEATS


class Runaway:
    """Watches one streamed answer. `look` costs a fixed amount for each piece and each 64 characters."""

    def __init__(self, request: ModelRequest) -> None:
        self._schema: Mapping[str, Any] = request.schema or {}
        self._properties: Mapping[str, Any] = self._schema.get("properties") or {}
        self._is_closed = bool(self._properties) and self._schema.get("additionalProperties", False) is not True
        self._most_chars = CHARS_PER_TOKEN_ANSWER * request.max_tokens + 1024
        self._longest = {key: longest_text(shape) for key, shape in self._properties.items()}
        self._chars = 0
        self._equal = 0
        self._previous = ""
        self._tail = ""
        self._fresh: list[str] = []
        self._fresh_chars = 0

    def look(self, piece: str, fields: FieldStream, done: Sequence[tuple[str, Any]]) -> None:
        """After `piece` was fed to `fields` and completed `done`. Raises ModelFailure where there is no way back."""
        self._chars += len(piece)
        if self._chars > self._most_chars:
            raise ModelFailure(Failure.IMPLAUSIBLE, f"more than {self._most_chars} characters")
        if fields.blanks > MOST_BLANKS:
            raise ModelFailure(Failure.REPEATED_TOKENS, f"{fields.blanks} blanks in a row")
        self._look_for_loops(piece)
        if self._properties:
            self._look_at_shape(fields, done)

    def _look_at_shape(self, fields: FieldStream, done: Sequence[tuple[str, Any]]) -> None:
        if isinstance(fields.outermost, list):
            raise ModelFailure(Failure.SCHEMA, "the answer is no JSON object")
        for key, value in done:
            self._look_at_key(key)
            wrong = misfit(value, self._properties[key], key) if key in self._properties else None
            if wrong:
                raise ModelFailure(Failure.SCHEMA, wrong)
        key_now = fields.member
        if key_now is None:
            return
        self._look_at_key(key_now)
        longest, chars = self._longest.get(key_now), fields.open_chars
        if longest is not None and chars is not None and chars > longest:
            raise ModelFailure(Failure.SCHEMA, f"{key_now} is longer than {longest} characters")
        most_items = self._properties.get(key_now, {}).get("maxItems")
        if most_items is not None and (fields.open_items or 0) > most_items:
            raise ModelFailure(Failure.SCHEMA, f"{key_now} has more than {most_items} items")

    def _look_at_key(self, key: str) -> None:
        if self._is_closed and key not in self._properties:
            raise ModelFailure(Failure.SCHEMA, "answer has a key that was not asked for")

    def _look_for_loops(self, piece: str) -> None:
        plain = piece.strip()
        self._equal = self._equal + 1 if plain and plain == self._previous else 1
        self._previous = plain
        if self._equal >= REPEATS:
            raise ModelFailure(Failure.REPEATED_TOKENS, f"one piece came {REPEATS} times in a row")
        self._fresh.append(piece)
        self._fresh_chars += len(piece)
        if self._fresh_chars < _LOOK_EVERY_CHARS:
            return
        self._tail = (self._tail + "".join(self._fresh))[-_TAIL_CHARS:]
        self._fresh, self._fresh_chars = [], 0
        loop = loop_in(self._tail)
        if loop:
            raise ModelFailure(Failure.REPEATED_TOKENS, f"the answer repeats {loop!r}")


def loop_in(tail: str) -> str:
    """The short piece that a text ends in, thirty times or 240 characters over, whichever is more; '' where there is none."""
    for size in range(1, LONGEST_LOOP_CHARS + 1):
        times = max(REPEATS, -(-LEAST_LOOP_CHARS // size))
        if len(tail) >= size * times and tail.endswith(tail[-size:] * times):
            return tail[-size:]
    return ""


def longest_text(shape: Mapping[str, Any]) -> int | None:
    """The most characters that any text inside a value of this shape may have; None where the schema does not bound it."""
    kinds = shape.get("type")
    if kinds == "string":
        if "enum" in shape:
            return max((len(choice) for choice in shape["enum"] if isinstance(choice, str)), default=0)
        bound = shape.get("maxLength")
        return bound if isinstance(bound, int) else None
    if kinds == "array" and isinstance(shape.get("items"), Mapping):
        return longest_text(shape["items"])
    return None
