"""`leadd sources …`."""

from __future__ import annotations

import click

from leadd.cli import names
from leadd.cli.client import Client
from leadd.cli.groups import Listing
from leadd.cli.output import json_option, print_json, say, table, when


@click.group(cls=Listing)
def sources() -> None:
    """Show, poll, pause and resume sources."""


@sources.command("list")
@json_option
def list_sources(as_json: bool) -> None:
    """Every source: how it is, when it was polled, what it brought since the start."""
    found = Client().get("/api/sources")
    if as_json:
        print_json(found)
        return
    rows = [
        (s["name"], s["use"], s["state"], when(s["last_poll_ms"]), when(s["next_poll_ms"]), s["accepted"], s["repeats"],
         s["problems"], s["reason"])
        for s in found["items"]
    ]  # fmt: skip
    table(
        ("name", "use", "state", "polled", "next", "accepted", "repeats", "problems", "reason"),
        rows,
        wide=(8,),
        numbers=(5, 6, 7),
    )


@sources.command()
@click.argument("name", shell_complete=names.sources)
@json_option
def show(name: str, as_json: bool) -> None:
    """One source, with the items that it could not read."""
    found = Client().get(f"/api/sources/{name}")
    if as_json:
        print_json(found)
        return
    say(f"{found['name']} ({found['use']}) is {found['state']}" + (f": {found['reason']}" if found["reason"] else ""))
    if found["hint"]:
        say(f"  {found['hint']}")
    for problem in found["recent_problems"]:
        times = f", {problem['count']} times" if problem["count"] > 1 else ""
        say(f"  {problem['place']}: {problem['reason']}{times}" + (f" ({problem['hint']})" if problem["hint"] else ""))


def _act(action: str, line: str) -> click.Command:
    @click.argument("name", shell_complete=names.sources)
    def command(name: str) -> None:
        found = Client().post(f"/api/sources/{name}/{action}")
        say(found.get("message") or f"{name}: {action}")

    return click.command(action, help=line)(command)


for _action, _line in (
    ("poll", "Poll a source now, whether or not it is due."),
    ("pause", "Let a source rest until you resume it."),
    ("resume", "Go on with a source that was paused or waits for you."),
):
    sources.add_command(_act(_action, _line))
