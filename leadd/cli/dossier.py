"""`leadd leads dossier`: the deeper text about a lead, as it is or as it is being written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from leadd.cli.client import Client
from leadd.cli.exits import TEMPORARY, Ended
from leadd.cli.output import json_option, print_json, say, tell

STANDS = {
    "wanted": "it waits in the queue (say --follow to have it written now)",
    "leased": "it is being written (say --follow to watch)",
}


@click.command("dossier")
@click.argument("lead_id", type=int)
@click.option("--follow", is_flag=True, help="Have it written now where there is none, and show each part as it is ready.")
@json_option
def dossier(lead_id: int, follow: bool, as_json: bool) -> None:
    """What to know before a first call: the dossier of a lead."""
    client, path = Client(), f"/api/leads/{lead_id}/dossier"
    found = _followed(client, path, lead_id, is_shown=not as_json) if follow else client.get(path)
    if as_json:
        print_json(found)
    elif found["state"] == "held":
        raise Ended(
            f"the model gave no dossier: {found['failure']}", hint=f"leadd leads dossier {lead_id} --follow tries again"
        )
    elif found["state"] != "done":
        tell(f"no dossier yet: {STANDS[found['state']]}")
    elif not follow:
        show_parts(found["answer"])


def show_parts(parts: Mapping[str, Any], *, indent: int = 0) -> None:
    """Each part under its name."""
    for key, value in parts.items():
        say(f"{' ' * indent}{key.replace('_', ' ')}:")
        for line in value if isinstance(value, list) else [value]:
            say(f"{' ' * indent}  {line}")


def _followed(client: Client, path: str, lead_id: int, *, is_shown: bool) -> dict[str, Any]:
    """The dossier once it is whole; until then each part is shown as it comes, and on standard error what it waits for."""
    shown: dict[str, Any] = {}
    for kind, data in client.events(path, stream="true"):
        if kind == "field":
            shown[data["key"]] = data["value"]
            if is_shown:
                show_parts({data["key"]: data["value"]})
        elif kind == "restart":
            shown.clear()
            tell("the answer broke off: it is written anew")
        elif kind == "waits":
            tell(f"it waits: {data['reason']}")
        elif kind == "failed":
            raise Ended(f"there is no dossier: {data['reason']}", hint=f"leadd leads why {lead_id} shows more")
        elif kind == "done":
            if is_shown:
                show_parts({key: value for key, value in data["dossier"]["answer"].items() if shown.get(key) != value})
            found: dict[str, Any] = data["dossier"]
            return found
    raise Ended(
        "the daemon went away before the dossier was whole",
        hint=f"it is still wanted and is written after the next start: leadd leads dossier {lead_id} --follow",
        code=TEMPORARY,
    )
