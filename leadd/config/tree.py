"""Walks the settings tree: which keys exist, what each takes, and how text from outside becomes its value."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from leadd.api.diagnosis import Loc, dotted, nearest
from leadd.config.entries import ComponentEntry
from leadd.config.settings import Settings


@dataclass(frozen=True, slots=True)
class Leaf:
    """One key of the tree that holds a value."""

    loc: Loc
    annotation: Any
    default: Any
    description: str
    field: FieldInfo

    @property
    def key(self) -> str:
        return dotted(self.loc)

    @property
    def is_later(self) -> bool:
        """True where the key has no effect in this version."""
        extra = self.field.json_schema_extra
        return isinstance(extra, dict) and bool(extra.get("later"))


def leaves() -> tuple[Leaf, ...]:
    """Every key with its default, in the order of the tree. `sources` and `sinks` are one key each."""
    return tuple(_walk(Settings, Settings(), ()))


def _walk(model: type[BaseModel], defaults: BaseModel, loc: Loc) -> Iterator[Leaf]:
    for name, info in model.model_fields.items():
        value = getattr(defaults, name)
        if isinstance(value, BaseModel):
            yield from _walk(type(value), value, (*loc, name))
        else:
            yield Leaf((*loc, name), info.annotation, value, info.description or "", info)


class UnknownKey(LookupError):
    """No key of the tree stands at a place; `near` is the most like one."""

    def __init__(self, loc: Loc, near: str | None) -> None:
        super().__init__(dotted(loc))
        self.near = near


@dataclass(frozen=True, slots=True)
class Target:
    """What a dotted key, or an environment variable, points at. `annotation` is Any inside a component's own keys."""

    loc: Loc
    annotation: Any


def find(parts: tuple[str, ...], tree: dict[str, Any]) -> Target:
    """The place that `parts` name, in any case, with `-` and `_` alike. Names of sources and sinks are looked up in `tree`.

    Raises UnknownKey.
    """
    here: Any = Settings
    whole: Any = Settings
    loc: Loc = ()
    for at, part in enumerate(parts):
        if isinstance(here, type) and issubclass(here, BaseModel):
            name = _match(part, list(here.model_fields))
            if name is None and issubclass(here, ComponentEntry):
                return Target((*loc, *_own_keys(parts[at:], _value_at(tree, loc))), Any)
            if name is None:
                raise UnknownKey((*loc, part), nearest(".".join(parts), [leaf.key for leaf in leaves()]))
            whole = here.model_fields[name].annotation
            here = without_none(whole)
            loc = (*loc, name)
        elif get_origin(here) is dict:
            existing = _value_at(tree, loc)
            loc = (*loc, _match(part, list(existing)) or part.lower())
            here = whole = get_args(here)[1]
        else:
            raise UnknownKey((*loc, part), dotted(loc))
    return Target(loc, whole)


def _match(part: str, names: list[str]) -> str | None:
    folded = part.lower().replace("-", "_")
    return next((name for name in names if name.lower().replace("-", "_") == folded), None)


def _own_keys(parts: tuple[str, ...], entry: dict[str, Any]) -> tuple[str, ...]:
    """A component's own keys below an entry, spelt as the file spells them where it names them."""
    found: list[str] = []
    here: Any = entry
    for part in parts:
        name = (_match(part, list(here)) if isinstance(here, dict) else None) or part.lower()
        found.append(name)
        here = here.get(name) if isinstance(here, dict) else None
    return tuple(found)


def _value_at(tree: dict[str, Any], loc: Loc) -> dict[str, Any]:
    here: Any = tree
    for part in loc:
        here = here.get(part) if isinstance(here, dict) else None
    return here if isinstance(here, dict) else {}


def is_mapping(loc: Loc) -> bool:
    """True where the tree wants `key: value` lines at `loc`, so that an empty section there means its defaults."""
    here: Any = Settings
    for part in loc:
        if isinstance(here, type) and issubclass(here, BaseModel):
            info = here.model_fields.get(str(part))
            if info is None:
                return False
            here = without_none(info.annotation)
        elif get_origin(here) in (dict, list):
            here = get_args(here)[-1]
        else:
            return False
    return get_origin(here) is dict or (isinstance(here, type) and issubclass(here, BaseModel))


def without_none(annotation: Any) -> Any:
    """The annotation without `| None`."""
    parts = [part for part in get_args(annotation) if part is not type(None)]
    return parts[0] if type(None) in get_args(annotation) and len(parts) == 1 else annotation


def accepts_none(annotation: Any) -> bool:
    """True where nothing is a value."""
    return type(None) in get_args(annotation)


def read_text(text: str, annotation: Any) -> Any:
    """The value that `text` means for a key: JSON or plain; lists also as `a, b`; nothing for an empty text where it may be.

    It is not validated here. Text for a key that takes text is taken as it is, even where it looks like a number.
    """
    inner = without_none(annotation)
    if get_origin(inner) is list:
        return _read_list(text, annotation)
    if accepts_none(annotation) and text.strip() in ("", "null"):
        return None
    if _takes_text(inner):
        quoted = len(text) >= 2 and text[0] == text[-1] == '"'
        loaded = _read_json(text) if quoted else text
        return loaded if isinstance(loaded, str) else text
    return _read_json(text)


def _read_list(text: str, annotation: Any) -> Any:
    stripped = text.strip()
    if accepts_none(annotation) and stripped == "null":
        return None
    if stripped.startswith("["):
        return _read_json(stripped)
    return [part.strip() for part in stripped.split(",") if part.strip()]


def _read_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _takes_text(annotation: Any) -> bool:
    if get_origin(annotation) is Literal:
        return True
    return isinstance(annotation, type) and issubclass(annotation, (str, Path, Enum))
