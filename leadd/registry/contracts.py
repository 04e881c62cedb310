"""Checks that a class a plugin gave is what its kind promises, before anything is made of it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Mapping
from typing import Any

from leadd.api import CacheBackend, Component, ComponentConfig, Guarantee, Model, Sink, Source

KINDS: Mapping[str, type[Component]] = {"source": Source, "cache": CacheBackend, "model": Model, "sink": Sink}
"""Kind to the class that its components are made from."""

HOOK_OF_KIND: Mapping[str, str] = {
    "source": "leadd_sources",
    "cache": "leadd_caches",
    "model": "leadd_models",
    "sink": "leadd_sinks",
}
ENTRY_KEYS: Mapping[str, tuple[str, ...]] = {
    "source": ("enabled", "interval_s"),
    "sink": ("enabled", "min_bucket", "icps", "max_attempts"),
    "cache": (),
    "model": (),
}
"""Keys of the settings that stand beside a component's own, for 'did you mean'."""

COMPANIONS: Mapping[tuple[str, str], str] = {
    ("cache", "redis"): "leadd-redis",
    ("model", "openai"): "leadd-openai",
    ("source", "feeds"): "leadd-feeds",
}
"""Plugins of leadd's own repository that are installed by themselves, by what they bring."""

_NAME = re.compile(r"^[a-z0-9][a-z0-9_.-]{0,63}$")


def find_fault(given: object, kind: str) -> str:
    """What is wrong with a class for `kind`, in one line, or an empty text."""
    # `in __mro__` and not issubclass: a plugin's metaclass can make every class in the process pass that.
    expected = KINDS[kind]
    if not isinstance(given, type):
        what = "an instance" if Component in type(given).__mro__ else f"a {type(given).__name__}"
        return f"{HOOK_OF_KIND[kind]} must give classes; it gave {what}"
    if expected not in given.__mro__:
        other = next((f", it is a {name}" for name, base in KINDS.items() if base in given.__mro__), "")
        return f"{given.__name__} is no subclass of leadd.api.{expected.__name__}{other}"
    cls: type[Component] = given
    return _name_fault(cls) or _abstract_fault(cls) or _config_fault(cls) or _method_faults(cls, expected)


def _name_fault(cls: type[Component]) -> str:
    name = getattr(cls, "name", None)
    if name is None:
        return f'{cls.__name__} has no name: set `name = "…"` in the class; `use:` in the settings refers to it'
    if not isinstance(name, str) or not _NAME.match(name):
        return f"{cls.__name__}.name must be a text of small letters, digits, '-', '_' and '.'"
    return ""


def _abstract_fault(cls: type[Component]) -> str:
    missing = sorted(getattr(cls, "__abstractmethods__", ()))
    return f"{cls.__name__} lacks {', '.join(missing)}" if missing else ""


def _config_fault(cls: type[Component]) -> str:
    config: Any = cls.Config
    if ComponentConfig not in getattr(config, "__mro__", ()):
        return f"{cls.__name__}.Config must be a subclass of leadd.api.ComponentConfig"
    try:
        config.model_json_schema()
    except Exception as error:
        return f"{cls.__name__}.Config has no JSON schema: {type(error).__name__}"
    guarantee: Any = getattr(cls, "guarantee", Guarantee.BEST_EFFORT)
    if not isinstance(guarantee, Guarantee):
        return f"{cls.__name__}.guarantee must be one of leadd.api.Guarantee"
    interval: Any = getattr(cls, "interval_s", 1)
    if isinstance(interval, bool) or not isinstance(interval, (int, float)) or interval <= 0:
        return f"{cls.__name__}.interval_s must be a number of seconds above 0"
    return ""


def _method_faults(cls: type[Component], expected: type[Component]) -> str:
    for name, original in inspect.getmembers(expected, inspect.isfunction):
        if name.startswith("_") and name != "__init__":
            continue
        given = inspect.getattr_static(cls, name)
        if given is inspect.getattr_static(expected, name):
            continue
        fault = _method_fault(given, original)
        if fault:
            return f"{cls.__name__}.{name} {fault}"
    return ""


def _method_fault(given: object, original: Any) -> str:
    if isinstance(given, (staticmethod, classmethod)) or not callable(given):
        return "must be a method"
    unwrapped = inspect.unwrap(given)
    if not inspect.isfunction(unwrapped):
        return ""  # a callable object: what it does shows when it is called
    if inspect.iscoroutinefunction(original) and not inspect.iscoroutinefunction(unwrapped):
        return "must be `async def`" + (" without yield" if inspect.isasyncgenfunction(unwrapped) else "")
    yields = not inspect.iscoroutinefunction(original) and original.__name__ != "__init__"
    if yields and inspect.iscoroutinefunction(unwrapped):
        return "is `async def` without a yield: it must yield its items"
    if yields and inspect.isgeneratorfunction(unwrapped):
        return "must be `async def` with yield, not a plain generator"
    return _signature_fault(unwrapped, original)


def _signature_fault(given: Any, original: Any) -> str:
    """Would a call made for the original method reach this one?"""
    wanted = inspect.signature(original).parameters.values()
    positional = [object() for parameter in wanted if parameter.kind is not parameter.KEYWORD_ONLY]
    named = {parameter.name: object() for parameter in wanted if parameter.kind is parameter.KEYWORD_ONLY}
    try:
        inspect.signature(given).bind(*positional, **named)
    except TypeError as error:
        takes = ", ".join(str(parameter) for parameter in inspect.signature(original).parameters.values())
        return f"cannot be called as ({takes.replace(chr(39), '')}): {error}"
    return ""
