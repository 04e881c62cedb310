"""Settings as lists for people: every key with its value and where it comes from, and no secret among them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from leadd.api import SecretRef
from leadd.api.diagnosis import looks_secret
from leadd.config.entries import ComponentEntry
from leadd.config.loading import Loaded

HIDDEN = "(not shown)"
_PASSWORD_IN_URL = re.compile(r"(?P<scheme>[a-z][a-z0-9+.-]*://)[^/@\s]+@", re.I)
_LOGIN_OF_REDIS = re.compile(r"(?P<scheme>rediss?(?:\+[a-z]+)?://)\S+@", re.I)
"""All before the last '@': many a password holds a '/' that should have been written %2F."""
_SECRET_IN_QUERY = re.compile(r"(?P<name>[?&][^=&#\s]*(?:key|token|secret|password|sig|auth)[^=&#\s]*=)[^&#\s]+", re.I)
_REFERENCE = re.compile(r"^\{(?:env|file|keyring):[^{}]+\}$")


def show(loaded: Loaded) -> list[tuple[str, str, str]]:
    """(key, value as text, origin) for every key. What looks like a secret is not shown, in URLs neither."""
    return [(key, text, loaded.origin.get(key, "default")) for key, text in _rows(loaded.settings, "")]


def _rows(model: BaseModel, prefix: str) -> Iterator[tuple[str, str]]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        key = f"{prefix}{name}"
        if isinstance(value, BaseModel):
            yield from _rows(value, f"{key}.")
        elif isinstance(value, dict) and name == "options":
            for own, inner in value.items():
                yield f"{prefix}{own}", text_of(inner, own)
        elif isinstance(value, dict) and value and all(isinstance(inner, BaseModel) for inner in value.values()):
            for own, inner in value.items():
                yield from _rows(inner, f"{key}.{own}.")
        else:
            yield key, text_of(value)


def text_of(value: Any, key: str = "") -> str:
    """A value as the settings file would spell it, with what is secret left out."""
    return json.dumps(_plain(value, key), ensure_ascii=False) if not isinstance(value, str) else str(_plain(value, key))


def _plain(value: Any, key: str) -> Any:
    if isinstance(value, SecretRef):
        return str(value)
    if isinstance(value, ComponentEntry):
        own = {name: _plain(inner, name) for name, inner in value.options.items()}
        return {"use": value.use, **own}
    if isinstance(value, BaseModel):
        return {name: _plain(getattr(value, name), name) for name in type(value).model_fields}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, str):
        return _plain_text(value, key)
    if value is None or isinstance(value, bool):
        return value
    if looks_secret(key):
        return HIDDEN
    if isinstance(value, dict):
        return {str(name): _plain(inner, str(name)) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner, key) for inner in value]
    return value


def _plain_text(value: str, key: str) -> str:
    if _REFERENCE.match(value):
        return value
    if looks_secret(key):
        return HIDDEN
    hidden = _LOGIN_OF_REDIS.sub(rf"\g<scheme>{HIDDEN}@", value)
    hidden = _PASSWORD_IN_URL.sub(rf"\g<scheme>{HIDDEN}@", hidden)
    return _SECRET_IN_QUERY.sub(rf"\g<name>{HIDDEN}", hidden)
