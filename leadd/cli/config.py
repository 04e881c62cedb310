"""`leadd config …`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from leadd.cli.exits import BAD_SETTINGS, Ended
from leadd.cli.output import json_option, print_json, say, table

file_option = click.option("--config", "file", type=click.Path(), help="Another settings file.")


@click.group()
def config() -> None:
    """Show and check the settings."""


@config.command()
@file_option
@click.option("--profile", help="As if started with this profile.")
@click.option("--changed", is_flag=True, help="Only what is not at its default.")
@json_option
def show(file: str | None, profile: str | None, changed: bool, as_json: bool) -> None:
    """Every setting in force and where it comes from. Secrets are shown as the places where they are kept."""
    from leadd.config.listing import show as rows_of

    rows = [r for r in rows_of(_load(file, profile)) if not (changed and r[2] == "default")]
    if as_json:
        print_json({"items": [{"key": k, "value": v, "origin": o} for k, v, o in rows]})
        return
    table(("key", "value", "from"), rows, wide=(1, 2))


@config.command()
@file_option
def check(file: str | None) -> None:
    """Read the settings; ends with 78 where something is wrong, naming file, line and key."""
    loaded = _load(file, None)
    for warning in loaded.warnings:
        say(f"note: {warning}")
    say(f"the settings are good ({loaded.file or 'no file, defaults only'})")


@config.command()
@json_option
def path(as_json: bool) -> None:
    """Where leadd keeps its files."""
    from leadd.config.paths import Paths

    found = Paths.from_environment().as_dict()
    if as_json:
        print_json(found)
        return
    for name, place in found.items():
        say(f"{name}: {place}")


@config.command()
def schema() -> None:
    """The JSON schema of the settings file, for your editor."""
    from leadd.config.settings import settings_schema

    print_json(settings_schema())


def _load(file: str | None, profile: str | None) -> Any:
    from leadd.config.loading import load
    from leadd.config.problems import SettingsError

    try:
        return load(file=Path(file) if file else None, profile=profile)
    except SettingsError as error:
        raise Ended(str(error), code=BAD_SETTINGS) from None
