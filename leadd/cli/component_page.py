"""One component's settings in words, out of its JSON schema."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

KINDS = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "array": "list",
         "object": "keys with values"}  # fmt: skip


def describe(name: str, kind: str, doc: str, schema: Mapping[str, Any]) -> Iterator[str]:
    """Lines: what the component does, what its settings mean, and each key with type and default."""
    yield f"{name} ({kind}): {' '.join(doc.split()) or 'it does not say what it does'}"
    for line in _paragraphs(schema.get("description", "")):
        yield f"  {line}"
    keys = schema.get("properties", {})
    if not keys:
        yield "  it takes no settings of its own"
        return
    needed = set(schema.get("required", ()))
    width = max(len(key) for key in keys)
    for key, field in keys.items():
        yield f"  {key:<{width}}  {_type(field, schema)}{_limits(field)}{_default(field, key in needed)}"
        if field.get("description"):
            yield f"  {'':<{width}}  {' '.join(field['description'].split())}"


def _paragraphs(text: str) -> list[str]:
    """The text's paragraphs; what every component's settings say of themselves says nothing of this one."""
    if text.startswith("Settings of one component."):
        return []
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]


def _type(field: Mapping[str, Any], schema: Mapping[str, Any]) -> str:
    if "$ref" in field:
        inner = schema.get("$defs", {}).get(field["$ref"].rpartition("/")[2], {})
        if "properties" in inner:
            return "keys with values: " + ", ".join(inner["properties"])
        return _type(inner, schema)
    if "enum" in field:
        return " or ".join(str(value) for value in field["enum"])
    if "anyOf" in field:
        kinds = [_type(branch, schema) for branch in field["anyOf"] if branch.get("type") != "null"]
        return " or ".join(dict.fromkeys(kinds))
    if field.get("description") == "reference to a secret":
        return "reference to a secret, like {env:NAME} or {file:/path}"
    return KINDS.get(str(field.get("type")), str(field.get("type", "any value")))


def _limits(field: Mapping[str, Any]) -> str:
    low, high = field.get("minimum"), field.get("maximum")
    if low is None and high is None:
        return ""
    return f" from {low:g}" if high is None else f" up to {high:g}" if low is None else f" {low:g} to {high:g}"


def _default(field: Mapping[str, Any], needed: bool) -> str:
    if needed:
        return ", needed"
    default = field.get("default")
    return ", optional" if default in (None, "", [], {}) else f", default {json.dumps(default, ensure_ascii=False)}"
