"""Does an answer fit its JSON schema? The small part of JSON Schema that the grammar of local model servers keeps to.

Objects are closed unless `additionalProperties` is true: the grammar allows no key beyond the schema, so one that is there
shows that the server did not apply it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Shape = Mapping[str, Any]


def misfit(value: Any, schema: Shape, place: str = "answer") -> str | None:
    """What does not fit, in one phrase, or None. Keywords beyond the small part are not looked at."""
    if "const" in schema and not _same(value, schema["const"]):
        return f"{place} is not {schema['const']!r}"
    if "enum" in schema and not any(_same(value, choice) for choice in schema["enum"]):
        return f"{place} is none of the {len(schema['enum'])} choices"
    wanted = schema.get("type")
    if wanted is not None:
        kinds = wanted if isinstance(wanted, list) else [wanted]
        if not any(_is(value, kind) for kind in kinds):
            return f"{place} is no {' or '.join(kinds)}"
    for kind, look in _LOOKS.items():
        if isinstance(value, kind):
            return look(value, schema, place)
    return None


def _same(value: Any, choice: Any) -> bool:
    # In Python True == 1; in JSON they are two things.
    return isinstance(value, bool) == isinstance(choice, bool) and bool(value == choice)


def _is(value: Any, kind: str) -> bool:
    if kind == "integer":
        return not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer()))
    if kind == "number":
        return not isinstance(value, bool) and isinstance(value, int | float)
    return isinstance(value, _TYPES.get(kind, ()))


def _text(value: str, schema: Shape, place: str) -> str | None:
    if len(value) > schema.get("maxLength", len(value)):
        return f"{place} is longer than {schema['maxLength']} characters"
    if len(value) < schema.get("minLength", 0):
        return f"{place} is shorter than {schema['minLength']} characters"
    return None


def _number(value: float, schema: Shape, place: str) -> str | None:
    if isinstance(value, bool):
        return None
    if "minimum" in schema and value < schema["minimum"]:
        return f"{place} is below {schema['minimum']}"
    if "maximum" in schema and value > schema["maximum"]:
        return f"{place} is above {schema['maximum']}"
    return None


def _array(value: list[Any], schema: Shape, place: str) -> str | None:
    if len(value) > schema.get("maxItems", len(value)):
        return f"{place} has more than {schema['maxItems']} items"
    if len(value) < schema.get("minItems", 0):
        return f"{place} has fewer than {schema['minItems']} items"
    items = schema.get("items")
    if items is not None:
        for number, item in enumerate(value):
            wrong = misfit(item, items, f"{place}[{number}]")
            if wrong:
                return wrong
    return None


def _object(value: Mapping[str, Any], schema: Shape, place: str) -> str | None:
    properties: Mapping[str, Shape] = schema.get("properties", {})
    for key in schema.get("required", ()):
        if key not in value:
            return f"{place} has no '{key}'"
    for key, item in value.items():
        if key in properties:
            wrong = misfit(item, properties[key], key if place == "answer" else f"{place}.{key}")
            if wrong:
                return wrong
        elif properties and schema.get("additionalProperties", False) is not True:
            return f"{place} has a key that was not asked for"
    return None


_TYPES: Mapping[str, tuple[type, ...]] = {
    "string": (str,), "boolean": (bool,), "null": (type(None),), "object": (dict,), "array": (list,),
}  # fmt: skip
_LOOKS: Mapping[type, Callable[[Any, Shape, str], str | None]] = {
    str: _text, int: _number, float: _number, list: _array, dict: _object,
}  # fmt: skip
