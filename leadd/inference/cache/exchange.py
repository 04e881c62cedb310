"""Entries of the cache on their way out to a file and in from one: one JSON object a line.

`{"key": …, "left_s": seconds or null, "value": "…"}`, with `"base64"` instead of `"value"` where the value is no text. What
comes in is believed no more than what any tier holds: its key must be the key of its parts, and its data has to pass the
question's own check when it is read.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from typing import Any

from leadd.api import CacheEntry
from leadd.inference.cache.entries import outline
from leadd.inference.cache.tiers import Lifetimes, role_of

NOTE = "note."
"""Keys of notes between processes, which nobody wants to keep."""


def pack(entry: CacheEntry) -> dict[str, Any]:
    """One line of an export."""
    left_s = None if entry.left_s is None else max(0.001, round(entry.left_s, 3))
    row: dict[str, Any] = {"key": entry.key, "left_s": left_s}
    try:
        return row | {"value": entry.value.decode()}
    except UnicodeDecodeError:
        return row | {"base64": base64.b64encode(entry.value).decode()}


def unpack(row: Mapping[str, Any], lives: Lifetimes) -> CacheEntry:
    """The entry in one line of an export, to be kept no longer than `lives` allows. Raises ValueError with the reason."""
    key, left_s = row.get("key"), row.get("left_s")
    if not isinstance(key, str):
        raise ValueError("field 'key': a text is needed")
    if key.startswith(NOTE):
        raise ValueError(f"field 'key': what begins with '{NOTE}' is a note between processes, and no entry")
    if left_s is not None and (isinstance(left_s, bool) or not isinstance(left_s, int | float)):
        raise ValueError("field 'left_s': a number of seconds or null is needed")
    if left_s is not None and not (math.isfinite(left_s) and left_s > 0):
        raise ValueError(f"field 'left_s': {left_s} is no time that is left; a number of seconds above 0 or null is needed")
    value = _value(row)
    kind = _kind(key, value)
    most_s = lives.vector_s if kind == "vector" else lives.of(role_of(key), "refusal" if kind == "refusal" else "answer")
    times = [seconds for seconds in (left_s, most_s) if seconds is not None]
    return CacheEntry(key, value, min(times) if times else None)


def _value(row: Mapping[str, Any]) -> bytes:
    if isinstance(row.get("value"), str):
        return str(row["value"]).encode("utf-8", "surrogatepass")
    if isinstance(row.get("base64"), str):
        try:
            return base64.b64decode(row["base64"], validate=True)
        except binascii.Error as error:
            raise ValueError(f"field 'base64': {error}") from None
    raise ValueError("field 'value' or 'base64': one of them is needed")


def _kind(key: str, value: bytes) -> str:
    head, separator, _ = value.partition(b"\n")
    if separator:
        try:
            told = json.loads(head)
        except ValueError:
            told = None
        if isinstance(told, dict) and told.get("class") == "vector":
            if told.get("key") != key:
                raise ValueError("the vector belongs to another key")
            from leadd.inference.cache import kept_vectors  # noqa: PLC0415 - brings numpy, which only vectors need

            if kept_vectors.decode(value, key, told.get("digest", "")) is None:
                raise ValueError("field 'value' or 'base64': it is no vector of unit length as its head says")
            return "vector"
    try:
        about = outline(value)
    except ValueError as error:
        raise ValueError(f"field 'value': {error}") from None
    if about.key != key:
        raise ValueError("the value belongs to another key")
    return about.kind
