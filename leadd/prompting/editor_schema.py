"""A JSON schema of prompt files, for editors: they show mistakes while one writes. The lint of a load knows more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from leadd.prompting.checks import MOST_LABELS, MOST_TOKENS, OPTIONS, PASSED, TYPES
from leadd.prompting.reading import NAME

DIALECT = "https://json-schema.org/draft/2020-12/schema"
_COUNT = {"type": "integer", "minimum": 0}
_WORDS: Mapping[str, Any] = {
    "oneOf": [
        {"type": "array", "minItems": 1, "items": {"type": ["string", "integer"]}},
        {"type": "string", "pattern": r"^\$[A-Za-z_][A-Za-z0-9_]*$", "description": "a variable of type list"},
    ]
}


def editor_schema() -> dict[str, Any]:
    """The schema, JSON Schema 2020-12. It is for the keys of a file; of a body that stands below them editors see nothing."""
    keys = _keys()
    variant = {key: keys[key] for key in keys if key not in ("name", "$schema")}
    return {
        "$schema": DIALECT,
        "title": "A prompt of leadd",
        "type": "object",
        "additionalProperties": False,
        "properties": {
            **keys,
            "variants": {
                "type": "array",
                "minItems": 1,
                "description": "several versions in one file: each has the keys of the file, and its own, which win",
                "items": {"type": "object", "additionalProperties": False, "required": ["version"], "properties": variant},
            },
        },
        "$defs": {"answer": _answer(), "variable": _variable()},
    }


def _keys() -> dict[str, Any]:
    return {
        "$schema": {"type": "string", "description": "for editors; leadd passes it over"},
        "name": {
            "type": "string", "pattern": NAME.pattern, "description": "as the file or its folder", "examples": list(PASSED),
        },
        "version": {"type": "integer", "minimum": 1, "description": "raise it with every change; the highest is used"},
        "variables": {"type": "object", "additionalProperties": {"$ref": "#/$defs/variable"}},
        "labels": {
            "type": "array", "minItems": 2, "maxItems": MOST_LABELS, "items": {"type": "string", "pattern": "^\\w{1,16}$"},
            "description": "the answer is one of these words, and no schema is needed; for triage: [yes, no]",
        },
        "schema": {"$ref": "#/$defs/answer", "description": "what the model may answer; the model does not see it"},
        "options": {
            "type": "object", "additionalProperties": False,
            "properties": {name: {"type": "integer" if kind is int else "number"} for name, kind in OPTIONS.items()},
        },
        "max_tokens": {"type": "integer", "minimum": 1, "maximum": MOST_TOKENS},
        "notes": {"type": "string", "description": "why it is as it is; no model sees them"},
        "body": {"type": "string", "description": "the words; they end with {{ signal }}"},
    }  # fmt: skip


def _variable() -> dict[str, Any]:
    kinds = {"enum": list(TYPES)}
    return {
        "oneOf": [
            kinds,
            {
                "type": "object",
                "required": ["type"],
                "additionalProperties": False,
                "properties": {"type": kinds, "default": {}},
            },
        ]
    }


def _answer() -> dict[str, Any]:
    """The part of JSON Schema that model servers keep to: what they drop without a word is an error here."""

    def kind(name: str, keys: Mapping[str, Any], *needed: str) -> dict[str, Any]:
        told = {"type": {"const": name}, "description": {"type": "string"}, "title": {"type": "string"}}
        return {"required": ["type", *needed], "additionalProperties": False, "properties": {**told, **keys}}

    inner = {"$ref": "#/$defs/answer"}
    whole = {"type": "integer"}
    string = kind("string", {"enum": _WORDS, "const": {}, "minLength": _COUNT, "maxLength": _COUNT})
    string["anyOf"] = [{"required": [key]} for key in ("maxLength", "enum", "const")]
    fields = {
        "properties": {"type": "object", "minProperties": 1, "additionalProperties": inner},
        "required": {"type": "array", "items": {"type": "string"}},
        "additionalProperties": {"type": "boolean"},
    }
    return {
        "type": "object",
        "oneOf": [
            kind("object", fields, "properties"),
            kind("array", {"items": inner, "minItems": _COUNT, "maxItems": _COUNT}, "items", "maxItems"),
            string,
            kind("integer", {"enum": _WORDS, "const": {}, "minimum": whole, "maximum": whole}),
            kind("number", {"enum": _WORDS, "const": {}}),
            kind("boolean", {"const": {}}),
            kind("null", {}),
        ],
    }
