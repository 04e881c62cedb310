"""From a schema and a reading to an answer that fits the schema, always the same for the same two."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leadd.testing.ollama.oracle import Reading, numbers, quotes

YES = frozenset({"yes", "true", "match", "worth", "keep", "relevant", "1"})
NO = frozenset({"no", "false", "no_match", "worthless", "drop", "irrelevant", "0"})
OPEN_ENDED = ("unknown", "unclear", "other", "none", "n/a")
DEPTH = 12
FILLER = "The text names this in plain words and gives no more detail than that."


@dataclass(frozen=True, slots=True)
class Answerer:
    """Makes instances of one schema for one reading."""

    root: Mapping[str, Any]
    reading: Reading

    def make(self) -> Any:
        """A valid instance of the schema."""
        return self._value("", self.root, 0)

    def _value(self, name: str, schema: Any, depth: int) -> Any:
        if not isinstance(schema, Mapping) or depth > DEPTH:
            return "text"
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._choice(name, schema["enum"])
        for key in ("anyOf", "oneOf"):
            if schema.get(key):
                return self._value(name, self._branch(schema[key]), depth + 1)
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = self._kind(name, kind)
        if kind is None:
            kind = "object" if "properties" in schema else "array" if "items" in schema else "string"
        return self._of_kind(name, kind, schema, depth)

    def _of_kind(self, name: str, kind: str, schema: Mapping[str, Any], depth: int) -> Any:
        if kind == "object":
            parts = schema.get("properties", {})
            return {key: self._value(key, part, depth + 1) for key, part in parts.items()}
        if kind == "array":
            return self._array(name, schema, depth)
        if kind == "boolean":
            return self.reading.worth if "worth" in name else self.reading.match
        if kind in ("integer", "number"):
            return self._number(schema, kind)
        return None if kind == "null" else self._string(name, schema)

    def _resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        for _ in range(DEPTH):
            reference = schema.get("$ref")
            if isinstance(reference, str) and reference.startswith("#/"):
                target: Any = self.root
                for part in reference[2:].split("/"):
                    target = target.get(part, {}) if isinstance(target, Mapping) else {}
                schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
            elif schema.get("allOf"):
                merged: dict[str, Any] = {key: value for key, value in schema.items() if key != "allOf"}
                for part in schema["allOf"]:
                    merged |= self._resolved(part)
                schema = merged
            else:
                break
        return schema

    def _kind(self, name: str, kinds: Sequence[str]) -> str:
        real = [kind for kind in kinds if kind != "null"]
        if "null" in kinds and (not real or not self.reading.match):
            return "null"
        return real[0]

    def _branch(self, branches: Sequence[Any]) -> Any:
        nothing = [part for part in branches if isinstance(part, Mapping) and part.get("type") == "null"]
        if nothing and not self.reading.match:
            return nothing[0]
        return next((part for part in branches if part not in nothing), branches[0])

    def _choice(self, name: str, values: Sequence[Any]) -> Any:
        if self.reading.match is False and None in values:
            return None
        real = [value for value in values if value is not None] or list(values)
        words = {str(value).lower(): value for value in real}
        verdict = self.reading.match if "match" in name else self.reading.worth
        for meant in (YES, NO) if verdict else (NO, YES):
            for word in words:
                if word in meant and words.keys() & (NO if meant is YES else YES):
                    return words[word]
        for word, value in words.items():
            if len(word) > 2 and word not in OPEN_ENDED and word.replace("_", " ") in self.reading.low:
                return value
        for word in OPEN_ENDED:
            if word in words:
                return words[word]
        return real[self.reading.seed % len(real)]

    def _array(self, name: str, schema: Mapping[str, Any], depth: int) -> list[Any]:
        least, most = int(schema.get("minItems", 0)), int(schema.get("maxItems", 3))
        items = self._resolved(schema.get("items") or {})
        if items.get("enum"):
            found = self._mentioned(items["enum"])
        elif _is_numbered(name, items):
            found = numbers(self.reading, int(items.get("minimum", 1)), int(items.get("maximum", 99)), most)
        elif _is_quoted(name, items):
            shortest = int(items.get("minLength", 0))
            found = [piece for piece in quotes(self.reading, int(items.get("maxLength", 120)), most) if len(piece) >= shortest]
        else:
            found = [self._value(name, items, depth + 1)] if self.reading.match and most else []
        found = found[: max(most, least)]
        while len(found) < least:
            found.append(self._another(name, items, found, depth))
        return found

    def _mentioned(self, values: Sequence[Any]) -> list[Any]:
        return [
            value
            for value in values
            if any(part in self.reading.low for part in str(value).lower().split("_") if len(part) > 3)
        ]

    def _another(self, name: str, items: Mapping[str, Any], have: Sequence[Any], depth: int) -> Any:
        for value in items.get("enum") or ():
            if value not in have:
                return value
        value = self._value(name, items, depth + 1)
        if not isinstance(value, str) or items.get("enum"):
            return value
        least, most = int(items.get("minLength", 0)), int(items.get("maxLength", 60))
        if _is_quoted(name, items):
            piece = self.reading.text[len(have) :][:most]
            return piece if piece and len(piece) >= least else value
        tail = f" ({len(have) + 1})"
        return value[: most - len(tail)] + tail if most > len(tail) else value

    def _number(self, schema: Mapping[str, Any], kind: str) -> float | int:
        low, high = schema.get("minimum"), schema.get("maximum")
        if low is None and schema.get("exclusiveMinimum") is not None:
            low = schema["exclusiveMinimum"] + (1 if kind == "integer" else 1e-6)
        if high is None and schema.get("exclusiveMaximum") is not None:
            high = schema["exclusiveMaximum"] - (1 if kind == "integer" else 1e-6)
        low = (0 if high is None else min(0, high)) if low is None else low
        high = max(low + 100, low) if high is None else high
        value = low + (high - low) * self.reading.strength
        return min(max(round(value), math.ceil(low)), math.floor(high)) if kind == "integer" else round(value, 4)

    def _string(self, name: str, schema: Mapping[str, Any]) -> str:
        least, most = int(schema.get("minLength", 0)), int(schema.get("maxLength", 120))
        named = ", ".join(self.reading.hits[:4])
        about = name.replace("_", " ") or "text"
        text = f"{about}: mentions {named}" if named else f"{about}: nothing in the text points to it"
        while len(text) < least:
            text += " " + FILLER
        return text[:most].rstrip() if len(text[:most].rstrip()) >= least else text[:most]


def _is_numbered(name: str, items: Mapping[str, Any]) -> bool:
    """True for lists that want the numbers of the signal's sentences."""
    return ("phrase" in name or "quote" in name) and items.get("type") == "integer"


def _is_quoted(name: str, items: Mapping[str, Any]) -> bool:
    """True for lists that want the signal's own words."""
    return ("phrase" in name or "quote" in name) and items.get("type", "string") == "string"
