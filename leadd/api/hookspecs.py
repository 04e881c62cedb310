"""The hooks by which a plugin names its classes. Each is synchronous, asked once per plugin, and returns classes.

A plugin is a module with plain functions of these names; no decorator is needed, and a name that begins with `leadd_` but
is no hook is reported as a misspelling.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from leadd.api.components import CacheBackend, Model, Sink, Source

if TYPE_CHECKING:
    import click

PROJECT = "leadd"
"""Prefix of the hooks, and the group of the entry points: `leadd.plugins`."""


class LeaddSpec:
    """What a plugin may implement, as functions of these names at the top of a module."""

    def leadd_sources(self) -> list[type[Source]]:
        """Classes that bring signals in."""
        raise NotImplementedError

    def leadd_caches(self) -> list[type[CacheBackend]]:
        """Classes that keep answers."""
        raise NotImplementedError

    def leadd_models(self) -> list[type[Model]]:
        """Classes that answer questions."""
        raise NotImplementedError

    def leadd_sinks(self) -> list[type[Sink]]:
        """Classes that take leads out."""
        raise NotImplementedError

    def leadd_commands(self, cli: click.Group) -> None:
        """Add commands to `leadd`; asked only by the command line, never by the daemon."""
        raise NotImplementedError
