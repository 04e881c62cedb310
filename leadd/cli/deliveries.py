"""`leadd deliveries …`."""

from __future__ import annotations

import click

from leadd.cli.client import Client
from leadd.cli.output import json_option, limit_option, pages, print_json, say, table, when


@click.group(invoke_without_command=True)
@click.option(
    "--state", type=click.Choice(["pending", "leased", "delivered", "dead", "dropped"]), help="Deliveries in this state only."
)
@click.option("--sink", help="Deliveries to this sink only.")
@limit_option
@json_option
@click.pass_context
def deliveries(ctx: click.Context, state: str | None, sink: str | None, limit: int, as_json: bool) -> None:
    """Show deliveries, retry or drop those that gave up."""
    if ctx.invoked_subcommand is not None:
        return
    client = Client()
    items = pages(lambda cursor, size: client.get("/api/deliveries", state=state, sink=sink, limit=size, cursor=cursor), limit)
    if as_json:
        print_json({"items": items})
        return
    rows = [
        (d["id"], d["lead_id"], d["sink"], d["event"], d["state"], d["attempts"],
         when(d["due_ms"]) if d["state"] == "pending" else when(d["updated_at_ms"]), d["error"])
        for d in items
    ]  # fmt: skip
    table(("id", "lead", "sink", "event", "state", "tries", "when", "error"), rows, wide=(7,), numbers=(0, 1, 5))


@deliveries.command()
@click.argument("delivery_id", type=int)
def retry(delivery_id: int) -> None:
    """Try a delivery again that gave up."""
    Client().post(f"/api/deliveries/{delivery_id}/retry")
    say(f"delivery {delivery_id} is tried again")


@deliveries.command()
@click.argument("delivery_id", type=int)
def drop(delivery_id: int) -> None:
    """Give up a delivery for good."""
    Client().post(f"/api/deliveries/{delivery_id}/drop")
    say(f"delivery {delivery_id} is dropped")
