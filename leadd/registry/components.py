"""Makes components out of classes and the user's keys."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ValidationError

from leadd.api import Component, ComponentConfig, Context, SecretRef
from leadd.api.diagnosis import diagnose
from leadd.registry.contracts import ENTRY_KEYS
from leadd.registry.importing import last_line
from leadd.registry.records import ComponentError

ContextFactory = Callable[[ComponentConfig], Context]
"""Gives the context for a component whose keys were checked; `declared_secrets` tells what it may be lent."""


def build(cls: type[Component], kind: str, options: Mapping[str, Any], ctx_factory: ContextFactory) -> Component:
    """A component of `cls`, not yet opened. Raises ComponentError."""
    config = read_config(cls, kind, options)
    try:
        made = cls(config, ctx_factory(config))
    except (Exception, SystemExit) as error:
        raise ComponentError("construct", f"{kind} '{cls.name}' cannot be made: {last_line(error)}") from error
    return made


def read_config(cls: type[Component], kind: str, options: Mapping[str, Any]) -> ComponentConfig:
    """The component's own keys, checked. Raises ComponentError with every key that is wrong, in one line."""
    try:
        return cls.Config.model_validate(dict(options))
    except ValidationError as error:
        findings = diagnose(error, cls.Config, further_keys=ENTRY_KEYS[kind])
    except Exception as error:  # a validator with a bug
        raise ComponentError("config", f"{kind} '{cls.name}': its keys cannot be checked: {last_line(error)}") from error
    hint = next((finding.hint for finding in findings if finding.hint), "") if len(findings) == 1 else ""
    lines = [f"{f.key}: {f.message}" if hint else str(f) for f in findings]
    raise ComponentError("config", f"{kind} '{cls.name}': {'; '.join(lines)}", hint=hint)


def declared_secrets(config: BaseModel) -> frozenset[SecretRef]:
    """Every secret that these settings name: all that their component may be lent."""
    return frozenset(_secrets(vars(config).values()))


def _secrets(values: Iterable[Any]) -> Iterable[SecretRef]:
    for value in values:
        if isinstance(value, SecretRef):
            yield value
        elif isinstance(value, BaseModel):
            yield from _secrets(vars(value).values())
        elif isinstance(value, Mapping):
            yield from _secrets(value.values())
        elif isinstance(value, (list, tuple, set, frozenset)):
            yield from _secrets(value)
