"""Turns what pydantic found wrong into lines for people: the key, what was got, what is allowed, the nearest key."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Loc = tuple[str | int, ...]

_SECRET_WORDS = re.compile(
    r"(?:^|[_.-])(?:secret|token|password|passwd|passphrase|credentials?|auth|api_?key|key)s?(?:$|[_.-])", re.I
)
_COUNT = re.compile(r"(?:^|[_.])(?:max|min|num)_[a-z_]+$")
_PASSWORD_IN_URL = re.compile(r"([a-z][a-z0-9+.-]*://)[^/@\s]+@", re.I)
_ALLOWED = {
    "bool": "true or false",
    "int": "a whole number",
    "float": "a number",
    "string": "text",
    "list": "a list",
    "tuple": "a list",
    "dict": "a mapping (`key: value` lines)",
    "model": "a mapping (`key: value` lines)",
    "path": "a path",
}
_CONTAINERS = frozenset({"list", "tuple", "dict", "model"})
_LIMITS = {
    "greater_than": "more than",
    "greater_than_equal": "at least",
    "less_than": "less than",
    "less_than_equal": "at most",
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with settings. No message repeats the value of a secret."""

    loc: Loc
    key: str
    message: str
    hint: str = ""
    is_unknown_key: bool = False

    def __str__(self) -> str:
        text = f"{self.key}: {self.message}" if self.key else self.message
        return f"{text} ({self.hint})" if self.hint else text


def nearest(word: str, known: Iterable[str], *, cutoff: float = 0.6) -> str | None:
    """The known word most like `word`, whatever its case, or None where none is near (1.0 is equal)."""
    by_folded = {name.lower().replace("-", "_"): name for name in known}
    found = difflib.get_close_matches(word.lower().replace("-", "_"), list(by_folded), n=1, cutoff=cutoff)
    return by_folded[found[0]] if found else None


def looks_secret(key: str) -> bool:
    """True where a key's name says that its value is not to be shown."""
    return _SECRET_WORDS.search(key) is not None and _COUNT.search(key) is None


def dotted(loc: Loc) -> str:
    """A place in a tree as people write it: `cache.tiers[0].use`."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def diagnose(
    error: ValidationError, model: type[BaseModel], *, further_keys: Iterable[str] = (), hides_secrets: bool = True
) -> tuple[Finding, ...]:
    """What is wrong, one finding per place. `further_keys` are keys of the same mapping that `model` does not know.

    `hides_secrets` leaves out values whose key looks secret; False is for models that hold none.
    """
    further = tuple(further_keys)
    return tuple(_finding(details, model, further, hides_secrets) for details in error.errors(include_url=False))


def model_at(model: type[BaseModel], loc: Loc) -> type[BaseModel] | None:
    """The model whose keys stand at `loc` below `model`, or None where that is no mapping with known keys."""
    here: Any = model
    for part in loc:
        if isinstance(here, type) and issubclass(here, BaseModel):
            field = here.model_fields.get(str(part))
            here = _without_none(field.annotation) if field else None
        elif get_origin(here) in (list, tuple, dict):
            here = _without_none(get_args(here)[1 if get_origin(here) is dict else 0])
        else:
            return None
    return here if isinstance(here, type) and issubclass(here, BaseModel) else None


def _without_none(annotation: Any) -> Any:
    """The annotation without `| None`."""
    parts = [part for part in get_args(annotation) if part is not type(None)]
    if type(None) in get_args(annotation) and len(parts) == 1:
        return parts[0]
    return annotation


def _finding(details: ErrorDetails, model: type[BaseModel], further_keys: tuple[str, ...], hides_secrets: bool) -> Finding:
    loc = details["loc"]
    key = dotted(loc)
    kind = details["type"]
    if kind == "extra_forbidden":
        return _unknown(loc, key, model, further_keys)
    if kind == "missing":
        return Finding(loc, key, "is needed, and is not there")
    allowed, hint = _allowed(details)
    if kind == "value_error":
        return Finding(loc, key, allowed)
    got = describe(details["input"], key if hides_secrets else "")
    if isinstance(details["input"], str) and kind.split("_")[0] in _CONTAINERS:
        got = "text"  # it may be anything, a secret too: only its kind is wrong
    return Finding(loc, key, f"got {got}; allowed: {allowed}", hint)


def _unknown(loc: Loc, key: str, model: type[BaseModel], further_keys: tuple[str, ...]) -> Finding:
    owner = model_at(model, loc[:-1])
    known = [*(owner.model_fields if owner else ()), *(further_keys if len(loc) == 1 else ())]
    like = nearest(str(loc[-1]), known)
    if like:
        hint = f"did you mean '{dotted((*loc[:-1], like))}'?"
    else:
        hint = f"known keys: {', '.join(sorted(known))}" if known else "it takes no keys"
    return Finding(loc, key, "there is no such key", hint, is_unknown_key=True)


def _allowed(details: ErrorDetails) -> tuple[str, str]:
    """What would be right here, and how to get there."""
    kind, context = details["type"], details.get("ctx", {})
    if kind == "value_error":
        return str(context.get("error", details["msg"])), ""
    if kind in ("literal_error", "enum"):
        return str(context["expected"]), ""
    if kind in _LIMITS:
        return f"{_LIMITS[kind]} {next(iter(context.values()))}", ""
    if kind == "string_pattern_mismatch":
        return f"text like {context['pattern']}", ""
    word = kind.split("_")[0]
    if kind == "int_from_float":
        return _ALLOWED["int"], ""
    if kind.endswith(("_type", "_parsing")) and word in _ALLOWED:
        is_number = isinstance(details["input"], (int, float, bool))
        return _ALLOWED[word], "write it in quotes" if word == "string" and is_number else ""
    return details["msg"][:1].lower() + details["msg"][1:], ""


def describe(value: object, key: str = "") -> str:
    """A value as it may stand in a message: short, without the inside of lists and mappings, never a secret."""
    if isinstance(value, Mapping):
        return "a mapping"
    if isinstance(value, (list, tuple, set)):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if looks_secret(key) or not isinstance(value, (str, int, float)):
        return "a value that is not shown" if looks_secret(key) else f"a {type(value).__name__}"
    text = repr(_PASSWORD_IN_URL.sub(r"\1…@", value) if isinstance(value, str) else value)
    return text if len(text) <= 80 else f"{text[:70]}…{text[-1]}"
