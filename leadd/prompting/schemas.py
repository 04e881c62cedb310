"""Answer schemas: what the grammar of local servers keeps to, how long an answer can get, and lists put in for `$names`."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]
Loc = tuple[str | int, ...]

MARGIN = 1.3
"""`max_tokens` over the longest answer: tokenizers differ, and a cut answer is a lost one."""

CHARS_PER_TOKEN = 3.0
"""Of answers in European languages, on the careful side."""

_ANY = frozenset({"type", "description", "title"})
_KEYWORDS: Mapping[str, frozenset[str]] = {
    "object": _ANY | {"properties", "required", "additionalProperties"},
    "array": _ANY | {"items", "minItems", "maxItems"},
    "string": _ANY | {"enum", "const", "minLength", "maxLength"},
    "integer": _ANY | {"enum", "const", "minimum", "maximum"},
    "number": _ANY | {"enum", "const"},
    "boolean": _ANY | {"const"},
    "null": _ANY,
}
"""What the converter of llama.cpp turns into grammar; it drops the rest without a word, so that a rule would seem to hold."""

_COUNTS = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minimum", "maximum"})


@dataclass(frozen=True, slots=True)
class Flaw:
    """Something wrong in a schema: where (keys and indexes from its root), what, and whether it only deserves a warning."""

    loc: Loc
    reason: str
    warning: bool = False


def one_of(words: Sequence[str]) -> dict[str, Any]:
    """The schema of an answer that is one of these words and nothing else, four tokens long with its quotes."""
    return {"type": "string", "enum": list(words)}


def flaws(schema: Any, loc: Loc = (), *, bare: bool = False) -> Iterator[Flaw]:
    """Everything wrong in a schema. `bare` allows a word without an object around it."""
    if not isinstance(schema, Mapping):
        yield Flaw(loc, "a schema is a mapping with a `type`")
        return
    kind = schema.get("type")
    if not isinstance(kind, str) or kind not in _KEYWORDS:
        yield Flaw(loc, f"`type` must be one of {', '.join(_KEYWORDS)}")
        return
    if not loc and kind != "object" and not (bare and kind == "string"):
        yield Flaw(loc, "the answer itself must be an object")
    for key in schema:
        if key not in _KEYWORDS[kind]:
            yield Flaw((*loc, key), f"'{key}' on type {kind} is dropped silently by model servers; it would not hold")
        elif key in _COUNTS and (not isinstance(schema[key], int) or isinstance(schema[key], bool)):
            yield Flaw((*loc, key), f"'{key}' must be a whole number")
    yield from _LOOKS.get(kind, _nothing)(schema, loc)


def _nothing(schema: Schema, loc: Loc) -> Iterator[Flaw]:
    return iter(())


def _string(schema: Schema, loc: Loc) -> Iterator[Flaw]:
    if "enum" in schema:
        yield from _enum(schema["enum"], (*loc, "enum"))
    elif "const" not in schema and "maxLength" not in schema:
        yield Flaw(loc, "a string needs `maxLength`: without it an answer can run to the end of the window")


def _enum(choices: Any, loc: Loc) -> Iterator[Flaw]:
    if isinstance(choices, str):
        if not choices.startswith("$"):
            yield Flaw(loc, "`enum` is a list, or $name for a variable of type list")
    elif not isinstance(choices, list) or not choices or not all(isinstance(choice, str | int) for choice in choices):
        yield Flaw(loc, "`enum` is a list of words")


def _integer(schema: Schema, loc: Loc) -> Iterator[Flaw]:
    if "enum" not in schema and not ("minimum" in schema and "maximum" in schema):
        yield Flaw(loc, "a whole number without `minimum` and `maximum` can be any number", warning=True)


def _array(schema: Schema, loc: Loc) -> Iterator[Flaw]:
    if "maxItems" not in schema:
        yield Flaw(loc, "an array needs `maxItems`: without it an answer can run to the end of the window")
    if "items" not in schema:
        yield Flaw(loc, "an array needs `items`")
    else:
        yield from flaws(schema["items"], (*loc, "items"))


def _object(schema: Schema, loc: Loc) -> Iterator[Flaw]:
    properties = schema.get("properties")
    if not isinstance(properties, Mapping) or not properties:
        yield Flaw(loc, "an object needs `properties`")
        return
    required = schema.get("required", [])
    if not isinstance(required, list):
        yield Flaw((*loc, "required"), "`required` is a list of keys")
        required = []
    for key in required:
        if key not in properties:
            yield Flaw((*loc, "required"), f"'{key}' is required but is no property")
    for key, inner in properties.items():
        if key not in required:
            yield Flaw((*loc, "properties", key), f"'{key}' is not required: a small model will leave it out", warning=True)
        yield from flaws(inner, (*loc, "properties", key))


_LOOKS = {"string": _string, "integer": _integer, "array": _array, "object": _object}


def variables_in(schema: Any, loc: Loc = ()) -> Iterator[tuple[str, Loc]]:
    """Each `$name` that stands for an enum, and where."""
    if isinstance(schema, Mapping):
        for key, value in schema.items():
            if key == "enum" and isinstance(value, str) and value.startswith("$"):
                yield value[1:], (*loc, key)
            else:
                yield from variables_in(value, (*loc, key))
    elif isinstance(schema, list):
        for number, value in enumerate(schema):
            yield from variables_in(value, (*loc, number))


def enums_in(schema: Any) -> Iterator[list[Any]]:
    """Each list of choices that stands in a schema."""
    if isinstance(schema, Mapping):
        for key, value in schema.items():
            if key == "enum" and isinstance(value, list):
                yield value
            else:
                yield from enums_in(value)


def filled(schema: Schema, lists: Mapping[str, tuple[Any, ...]]) -> dict[str, Any]:
    """The schema with lists in the place of `$names`. A property whose list is empty is left out: no grammar fits it."""
    built = _fill(schema, lists)
    return built if isinstance(built, dict) else {}


def _fill(schema: Any, lists: Mapping[str, tuple[Any, ...]]) -> Any:
    """None where an empty list leaves nothing that could be answered."""
    if not isinstance(schema, Mapping):
        return schema
    built: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "enum" and isinstance(value, str):
            choices = list(lists[value[1:]])
            if not choices:
                return None
            built[key] = choices
        elif key == "properties":
            inner = {name: _fill(item, lists) for name, item in value.items()}
            built[key] = {name: item for name, item in inner.items() if item is not None}
        elif key == "items":
            item = _fill(value, lists)
            if item is None:
                return None
            built[key] = item
        else:
            built[key] = list(value) if isinstance(value, list) else value
    if "required" in built and "properties" in built:
        built["required"] = [name for name in built["required"] if name in built["properties"]]
    return built


def longest_answer_tokens(schema: Schema) -> int:
    """Tokens of the longest answer that fits a schema, by estimate: every string full, every list full."""
    return math.ceil(_tokens(schema))


def needed_max_tokens(schema: Schema) -> int:
    """What a prompt's `max_tokens` should be at least: the longest answer and a margin."""
    return math.ceil(_tokens(schema) * MARGIN)


def _tokens(schema: Any) -> float:
    if not isinstance(schema, Mapping):
        return 0.0
    if "const" in schema:
        return _words(str(schema["const"]))
    if isinstance(schema.get("enum"), list):
        return max((_words(str(choice)) for choice in schema["enum"]), default=1.0)
    kind = schema.get("type")
    if kind == "string":
        length = schema.get("maxLength", 40 if "enum" in schema else 600)
        return 2 + length / CHARS_PER_TOKEN if isinstance(length, int) else 2.0
    if kind == "array":
        most = schema.get("maxItems", 10)
        return 2 + (most if isinstance(most, int) else 0) * (1 + _tokens(schema.get("items")))
    if kind == "object":
        properties = schema.get("properties", {})
        return 2 + sum(_words(key) + 2 + _tokens(item) for key, item in properties.items())
    return {"integer": 5.0, "number": 10.0, "boolean": 1.0}.get(str(kind), 1.0)


def _words(text: str) -> float:
    return 2 + len(text) / CHARS_PER_TOKEN
