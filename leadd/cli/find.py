"""`leadd leads search` and `leadd leads similar`."""

from __future__ import annotations

from typing import Any

import click

from leadd.cli.client import Client
from leadd.cli.output import json_option, print_json, table, tell

_limit = click.option("-n", "--limit", type=click.IntRange(1, 500), default=20, show_default=True, help="How many at most.")


@click.command()
@click.argument("text", nargs=-1, required=True)
@_limit
@json_option
def search(text: tuple[str, ...], limit: int, as_json: bool) -> None:
    """Leads that are about TEXT, whatever the words: by the vectors of their signals, where there are any, and by words."""
    _show(Client().get("/api/leads/search", q=" ".join(text), limit=limit), as_json)


@click.command()
@click.argument("lead_id", type=int)
@_limit
@json_option
def similar(lead_id: int, limit: int, as_json: bool) -> None:
    """Leads whose signals say the same kind of thing as this one's."""
    _show(Client().get(f"/api/leads/{lead_id}/similar", limit=limit), as_json)


def _show(found: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(found)
        return
    if found["items"]:
        rows = [
            (i["id"], "" if i["similarity"] is None else f"{i['similarity']:.2f}", i["score"], i["bucket"].replace("_", " "),
             i["name"], i["icp"], (i["reasons"] or [""])[0])
            for i in found["items"]
        ]  # fmt: skip
        table(("id", "near", "score", "bucket", "company", "icp", "why"), rows, wide=(6,), numbers=(0, 1, 2))
    else:
        tell("no lead is like that")
    if found["by"] == "vectors":
        tell(f"found by the vectors of {found['model']} ({found['compared']} signals compared) and by words")
    else:
        tell(f"found by words alone: {found['reason']}")
