"""`leadd sinks …`."""

from __future__ import annotations

import click

from leadd.cli import names
from leadd.cli.client import Client
from leadd.cli.groups import Listing
from leadd.cli.output import json_option, print_json, say, table


@click.group(cls=Listing)
def sinks() -> None:
    """Show and test sinks."""


@sinks.command("list")
@json_option
def list_sinks(as_json: bool) -> None:
    """Every sink: how it is, and its deliveries by state."""
    found = Client().get("/api/sinks")
    if as_json:
        print_json(found)
        return
    rows = []
    for s in found["items"]:
        n = s["deliveries"]
        rows.append(
            (s["name"], s["use"], s["state"], s["guarantee"], s["min_bucket"], n.get("delivered", 0),
             n.get("pending", 0) + n.get("leased", 0), n.get("dead", 0), s["reason"])
        )  # fmt: skip
    table(
        ("name", "use", "state", "guarantee", "from", "delivered", "pending", "dead", "reason"),
        rows,
        wide=(8,),
        numbers=(5, 6, 7),
    )


@sinks.command()
@click.argument("name", shell_complete=names.sinks)
def test(name: str) -> None:
    """Reach the other side of a sink without a lead."""
    found = Client().post(f"/api/sinks/{name}/test", timeout_s=90)
    say(found.get("detail") or "it answered")
