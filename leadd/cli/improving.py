"""What `leadd prompts improve` shows, and what becomes of a proposal."""

from __future__ import annotations

from typing import Any

import click

from leadd.cli.client import Client
from leadd.cli.exits import Ended
from leadd.cli.output import as_json_text, confirm, say


def look_for(name: str, asked: dict[str, Any], as_json: bool) -> dict[str, Any] | None:
    """Let the daemon propose and measure; the proposal, None where there is none."""
    last: dict[str, Any] = {}
    for step in Client().stream(f"/api/prompts/{name}/improve", asked):
        last = step
        if step["kind"] == "error":
            raise Ended(step["text"], hint=step["hint"])
        if as_json:
            click.echo(as_json_text(step))
        elif step["kind"] != "result":
            say(f"{step['kind']}: {step['text']}")
    if last.get("kind") != "result":
        raise Ended("the daemon broke off in the middle; nothing has changed", hint="leadd logs tells why")
    if not as_json:
        for line in last["diff"]:
            say(line)
        say(last["text"])
    return last if last["file"] else None


def take(name: str, found: dict[str, Any], *, experiment: bool, yes: bool, as_json: bool) -> None:
    """With consent the proposal becomes the candidate, and an experiment begins where one is wanted."""
    if yes and found["compared"]["gain"] <= 0:
        if not as_json:
            say("no gain: it is left")
        return
    if as_json and not yes:
        return  # a program reads what is proposed, and says by another call what is to become of it
    confirm("Keep it as the candidate" + (" and start an experiment?" if experiment else "?"), yes)
    client = Client()
    told = client.post(f"/api/prompts/{name}/candidate", {"version": found["version"], "text": found["file"]})
    begun = client.post("/api/experiments", {"prompt": name}) if experiment else None
    if as_json:
        click.echo(as_json_text({"kind": "candidate", **told} | ({"experiment": begun["name"]} if begun else {})))
        return
    say(told["message"])
    if begun is not None:
        say(f"{begun['name']} runs: {begun['share']:.0%} of the companies are asked with {begun['b']}")
