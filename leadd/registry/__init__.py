"""Plugins: where they are found, how they are, and the components made from them. pluggy lives only here."""

from leadd.registry.components import ContextFactory, declared_secrets
from leadd.registry.records import ComponentError, InstanceRecord, InstanceState, PluginRecord, PluginState
from leadd.registry.registry import Registry

__all__ = [
    "ComponentError",
    "ContextFactory",
    "InstanceRecord",
    "InstanceState",
    "PluginRecord",
    "PluginState",
    "Registry",
    "declared_secrets",
]
