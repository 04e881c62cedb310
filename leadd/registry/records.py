"""What the registry knows of each plugin and of each component in use."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from leadd.api import LeaddError


class PluginState(StrEnum):
    """How a plugin is. Every state but `loaded` comes with a reason. `loading` ends with `Registry.settle`."""

    LOADED = "loaded"
    LOADING = "loading"
    DISABLED = "disabled"
    FAILED_IMPORT = "failed_import"
    FAILED_CONTRACT = "failed_contract"
    FAILED_CONFIG = "failed_config"


class InstanceState(StrEnum):
    """How one component in use is. Every state but `ready` comes with a reason."""

    READY = "ready"
    RETRYING = "retrying"
    PAUSED = "paused"
    SUSPENDED = "suspended"
    FAILED_CONFIG = "failed_config"


@dataclass(slots=True)
class PluginRecord:
    """One plugin that was found. `origin` is the package or the file it comes from, `seconds` what loading it took.

    `provides` maps a kind to the names of its components. A loaded plugin has a reason where a part of it was left out.
    """

    name: str
    origin: str
    version: str = ""
    state: PluginState = PluginState.LOADED
    reason: str = ""
    provides: Mapping[str, list[str]] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(slots=True)
class InstanceRecord:
    """One component in use. `since_ms` is when it came into its state, `errors` counts marks that were not `ready`."""

    name: str
    kind: str
    use: str
    state: InstanceState
    reason: str = ""
    since_ms: int = 0
    errors: int = 0
    last_error: str = ""


class ComponentError(LeaddError):
    """A component that cannot be made. `kind` is unknown (no such name), config (its keys are wrong) or construct.

    The message names keys and never repeats the value of a secret.
    """

    def __init__(self, kind: str, message: str, *, hint: str = "") -> None:
        super().__init__(f"{message} ({hint})" if hint else message)
        self.kind = kind
        self.message = message
        self.hint = hint
