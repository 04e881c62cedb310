"""`leadd cache …`."""

from __future__ import annotations

import click

from leadd.cli.client import Client
from leadd.cli.output import json_option, print_json, say, table


@click.group()
def cache() -> None:
    """Show the cache's figures or clear it."""


@cache.command()
@json_option
def stats(as_json: bool) -> None:
    """Hits and misses since the start, and each tier's size."""
    found = Client().get("/api/classify/metrics")["cache"]
    if as_json:
        print_json(found)
        return
    say(f"{found['hits']} of {found['total_requests']} questions came from the cache ({found['hit_rate_percent']:.1f}%)")
    rows = [
        (t.get("name"), t.get("entries"), f"{(t.get('size_bytes') or 0) / 1024:.0f} KiB", t.get("hits"), t.get("misses"))
        for t in found["tiers"]
    ]
    table(("tier", "entries", "size", "hits", "misses"), rows, numbers=(1, 2, 3, 4))


@cache.command()
def clear() -> None:
    """Forget every kept answer."""
    say(Client().post("/api/classify/cache/clear")["message"])
