"""`leadd prompts …` and `leadd reload-prompts`."""

from __future__ import annotations

import click

from leadd.cli.client import Client
from leadd.cli.groups import Listing
from leadd.cli.output import json_option, print_json, say, table


@click.group(cls=Listing)
def prompts() -> None:
    """Show the prompts in force."""


@prompts.command("list")
@json_option
def list_prompts(as_json: bool) -> None:
    """Each prompt with its version, content hash and file."""
    found = Client().get("/api/prompts")
    if as_json:
        print_json(found)
        return
    rows = [
        (p["name"], p["version"], p["content_hash"][:12], "shipped" if p["builtin"] else "yours", p["file"])
        for p in sorted(found["items"], key=lambda p: p["name"])
    ]
    table(("name", "version", "hash", "", "file"), rows, wide=(4,))


@click.command("reload-prompts")
@json_option
def reload_prompts(as_json: bool) -> None:
    """Read the prompt files again; the last good ones stay where one is bad."""
    found = Client().post("/api/classify/templates/reload")
    if as_json:
        print_json(found)
        return
    say(found["message"])
    for name, version in found["templates"].items():
        say(f"  {name}: {version}")
    for line in (*found.get("changes", ()), *found.get("warnings", ())):
        say(f"  {line}")
