"""`leadd plugins …`, and the commands that plugins add."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import click

from leadd.cli.client import Client
from leadd.cli.exits import BAD_SETTINGS, FAILED, Ended, NotRunning
from leadd.cli.groups import Listing
from leadd.cli.output import json_option, print_json, say, table, tell


@click.group(cls=Listing)
def plugins() -> None:
    """Show plugins and what became of each."""


@plugins.command("list")
@json_option
def list_plugins(as_json: bool) -> None:
    """Every plugin that was found: its state and why. Without a daemon they are loaded here, to look."""
    try:
        found = Client().get("/api/plugins")
    except NotRunning:
        found = look()
    if as_json:
        print_json(found)
        return
    rows = [
        (
            p["name"],
            p["state"],
            p["version"],
            ", ".join(f"{k}: {' '.join(v)}" for k, v in p["provides"].items() if v),
            p["reason"],
        )
        for p in found["items"]
    ]
    table(("plugin", "state", "version", "provides", "reason"), rows, wide=(3, 4))
    if found["instances"]:
        table(
            ("instance", "kind", "use", "state", "reason"),
            [(i["name"], i["kind"], i["use"], i["state"], i["reason"]) for i in found["instances"]],
            wide=(4,),
        )


@plugins.command()
@click.argument("name")
@json_option
def info(name: str, as_json: bool) -> None:
    """One component: what it does and the settings it takes."""
    from leadd.cli.component_page import describe

    registry = _registry()
    found = [(kind, registry.classes(kind)[name]) for kind in registry.kinds if name in registry.classes(kind)]
    if not found:
        raise Ended(f"there is no component '{name}'", hint=_nearest(name, registry))
    if as_json:
        print_json({"items": [{"kind": k, "name": name, "schema": registry.config_schema(k, name)} for k, _ in found]})
        return
    for kind, component in found:
        for line in describe(name, kind, component.__doc__ or "", registry.config_schema(kind, name)):
            say(line)


def _nearest(name: str, registry: Any) -> str:
    import difflib

    names = sorted({n for kind in registry.kinds for n in registry.classes(kind)})
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean '{near[0]}'?" if near else f"there are: {', '.join(names)}"


@plugins.command()
def check() -> None:
    """Load every plugin here and now; ends with 1 where one cannot be loaded."""
    bad = [p for p in look()["items"] if str(p["state"]).startswith("failed")]
    for plugin in bad:
        tell(f"{plugin['name']} is {plugin['state']}: {plugin['reason']}")
    if bad:
        raise SystemExit(FAILED)
    say("every plugin loads")


def plugin_commands() -> Mapping[str, click.Command]:
    """The commands that plugins add, by name."""
    group = click.Group()
    _registry().add_commands(group)
    return group.commands


def _registry() -> Any:
    from leadd.config.loading import load
    from leadd.config.problems import SettingsError
    from leadd.registry import Registry

    try:
        loaded = load()
    except SettingsError as error:
        raise Ended(str(error), code=BAD_SETTINGS) from None
    found = Registry(
        loaded.paths.plugins_folder,
        enabled=loaded.settings.plugins.enabled,
        disabled=loaded.settings.plugins.disabled,
        log=logging.getLogger("leadd.plugins"),
    )
    found.discover()
    return found


def look() -> dict[str, Any]:
    """Every plugin as it loads here and now, in the shape of GET /api/plugins."""
    items = [
        {"name": r.name, "origin": r.origin, "version": r.version, "state": str(r.state), "reason": r.reason,
         "provides": {k: list(v) for k, v in r.provides.items()}}
        for r in _registry().records
    ]  # fmt: skip
    return {"items": items, "instances": []}
