"""`leadd status`."""

from __future__ import annotations

import sys
from typing import Any

import click

from leadd.cli.client import Client
from leadd.cli.exits import DEGRADED
from leadd.cli.output import json_option, print_json, say

BUCKETS = ("red_hot", "warm", "nurture", "parked")
OUTCOMES = ("red_hot", "warm", "nurture", "parked", "filtered", "held")


@click.command()
@json_option
@click.option("--check", is_flag=True, help="End with 69 where the daemon is degraded.")
def status(as_json: bool, check: bool) -> None:
    """Show how the daemon is and what it has done."""
    found = Client().get("/api/status")
    if as_json:
        print_json(found)
    else:
        _show(found)
    if check and found["state"] == "degraded":
        sys.exit(DEGRADED)


def _show(found: dict[str, Any]) -> None:
    say(f"leadd {found['version']} is {found['state']} (pid {found['pid']}, since {found['started_at']})")
    for place in found["listening"]:
        say(f"  listening on {place}")
    for reason in found["reasons"]:
        say(f"  ! {reason}")
    for note in found.get("notes", []):
        say(f"  - {note}")
    waiting = sum(found.get("signals", {}).get(k, 0) for k in ("new", "leased"))
    outcomes = found.get("outcomes", {})
    say(f"signals: {waiting} waiting, " + ", ".join(f"{outcomes.get(k, 0)} {k.replace('_', ' ')}" for k in OUTCOMES))
    leads = found.get("leads", {})
    say("leads: " + ", ".join(f"{leads.get(k, 0)} {k.replace('_', ' ')}" for k in BUCKETS))
    cache = found.get("cache") or {}
    if cache.get("answers"):
        saved, answers, share = cache["calls_saved"], cache["answers"], cache["share_percent"]
        say(f"cache: {saved} of {answers} answers of models in 24 h cost no call ({share:.0f}%)")
    for promise in found.get("prefilter") or ():
        say(f"prefilter, {promise['icp']}: {promise['sentence']}")
    say(f"ICPs: {', '.join(found.get('icps', [])) or 'none'}")
