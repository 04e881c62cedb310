"""Wrong answers on demand: what small models really send although a schema was asked for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

WHITESPACE = " \n\n\n\t\n"


def spoil(kind: str, text: str, schema: Mapping[str, Any] | None) -> str:
    """The answer with one named thing wrong with it. Kinds are faults.OUTPUT without `length`."""
    if kind == "empty":
        return ""
    if kind == "ignore_format":
        return "Sure! Here is what I found: the company seems to be looking for someone."
    if kind == "not_json":
        return text[:-1].replace(":", " =", 1) if text else "{"
    if kind == "whitespace":
        return text[: max(1, len(text) // 3)] + WHITESPACE * 4
    try:
        value = json.loads(text)
    except ValueError:
        return text
    if not isinstance(value, dict) or not value:
        return text
    return json.dumps(_spoil_object(kind, value, schema or {}), ensure_ascii=False)


def _spoil_object(kind: str, value: dict[str, Any], schema: Mapping[str, Any]) -> dict[str, Any]:
    if kind == "missing_key":
        return dict(list(value.items())[1:])
    if kind == "wrong_enum":
        parts = schema.get("properties", {})
        name = next((name for name, part in parts.items() if isinstance(part, dict) and part.get("enum")), next(iter(value)))
        return value | {name: "something_else"}
    if kind == "early_close":
        # A quoted word in the source makes the model close its string there: valid, done, and cut short.
        parts = schema.get("properties", {})
        free = {name for name, item in value.items() if isinstance(item, str) and "enum" not in parts.get(name, {})}
        return {name: item[:3] if name in free else [] if isinstance(item, list) else item for name, item in value.items()}
    return value
