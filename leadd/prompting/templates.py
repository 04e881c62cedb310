"""A checked prompt, compiled: its constant part is put together once for equal variables, then only the signal is written."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from leadd.api import Message
from leadd.prompting.prompts import PromptError, PromptInfo, Rendered
from leadd.prompting.schemas import filled
from leadd.prompting.signals import SIGNAL_FORMAT, harmless, signal_text

PLACE = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
SIGNAL = "signal"
_KEPT = 64

Options = Mapping[str, float | int | str]


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable that a prompt declares: its type (text, list or number), and its value where the caller gives none."""

    name: str
    type: str
    default: Any = None
    has_default: bool = False


@dataclass(frozen=True, slots=True)
class _Constant:
    system: Message
    schema: Mapping[str, Any] | None


@dataclass(slots=True)
class Template:
    """One version of a prompt. `body` ends before `{{ signal }}`; where there are `labels`, the answer is one of them.

    It never changes, so whoever renders twice for one question holds on to one. `text` is the file that it was made of.
    """

    info: PromptInfo
    body: str
    variables: Mapping[str, Variable]
    schema: Mapping[str, Any] | None
    options: Options
    max_tokens: int
    labels: tuple[str, ...] = ()
    text: str = ""
    version_line: int = 0
    _constant: dict[tuple[Any, ...], _Constant] = field(default_factory=dict)

    def render(self, values: Mapping[str, Any], signal: Mapping[str, str | None]) -> Rendered:
        """The prompt for one signal. Raises PromptError where a variable is missing or of another type."""
        key = self._key(values)
        constant = self._constant.get(key)
        if constant is None:
            constant = self._build(dict(zip(self.variables, key, strict=True)))
            if len(self._constant) >= _KEPT:
                self._constant = {}
            self._constant[key] = constant
        user = Message("user", signal_text(signal))
        info = self.info
        return Rendered(
            (constant.system, user), constant.schema, self.options, self.max_tokens, info.name, info.version, info.content_hash,
            self.labels,
        )  # fmt: skip

    def _key(self, values: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(self._value(variable, values) for variable in self.variables.values())

    def _value(self, variable: Variable, values: Mapping[str, Any]) -> Any:
        value = values.get(variable.name, variable.default if variable.has_default else None)
        if value is None:
            raise PromptError(f"prompt '{self.info.name}' needs the variable '{variable.name}'")
        checked = as_type(value, variable.type)
        if checked is None:
            raise PromptError(f"prompt '{self.info.name}': '{variable.name}' is no {variable.type}")
        return checked

    def _build(self, values: Mapping[str, Any]) -> _Constant:
        def put(match: re.Match[str]) -> str:
            value = values[match[1]]
            return ", ".join(harmless(item) for item in value) if isinstance(value, tuple) else harmless(str(value))

        system = Message("system", PLACE.sub(put, self.body).rstrip())
        lists = {name: value for name, value in values.items() if isinstance(value, tuple)}
        return _Constant(system, None if self.schema is None else filled(self.schema, lists))


def as_type(value: Any, kind: str) -> Any:
    """The value as text, tuple of texts or number, or None where it is none."""
    if kind == "text":
        return value if isinstance(value, str) else None
    if kind == "number":
        return value if isinstance(value, int | float) and not isinstance(value, bool) else None
    if isinstance(value, str) or not isinstance(value, Sequence) or not all(isinstance(item, str) for item in value):
        return None
    return tuple(value)


def content_hash(
    body: str,
    variables: Mapping[str, Variable],
    schema: Mapping[str, Any] | None,
    options: Options,
    max_tokens: int,
    labels: tuple[str, ...] = (),
) -> str:
    """SHA-256 over all of a prompt that can change an answer; its name, version and notes cannot."""
    declared = [[v.name, v.type, v.default, v.has_default] for v in variables.values()]
    parts = [SIGNAL_FORMAT, body, declared, schema, sorted(options.items()), max_tokens]
    if labels:  # only then: prompts without them keep the hash, and so the answers, that they had
        parts.append(list(labels))
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True).encode()).hexdigest()
