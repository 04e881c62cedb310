"""`leadd tune`: a model taught by your verdicts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from leadd.cli.client import Client
from leadd.cli.exits import Ended
from leadd.cli.output import as_json_text, confirm, json_option, say

_ROLES = click.Choice(["triage", "classify"])


@click.command()
@click.option("--role", type=_ROLES, default="triage", show_default=True, help="Whose questions it is for.")
@click.option("--name", default="", help="The new model's name; else one that is made of the old one's.")
@click.option("--examples", type=click.IntRange(2, 64), default=8, show_default=True, help="How many at most; as many as fit.")
@click.option(
    "--adapter", type=click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path),
    help="A LoRA adapter (GGUF) that was made elsewhere, in place of examples.",
)  # fmt: skip
@click.option("--undo", is_flag=True, help="Give the role back to the model that the settings name.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def tune(role: str, name: str, examples: int, adapter: Path | None, undo: bool, yes: bool, as_json: bool) -> None:
    """Make an Ollama model with your best verdicts as examples, and take it where it is better.

    Both models are asked about companies whose verdicts the new one has not seen. It is taken only where the 95% interval of
    its gain is above 0, else it is deleted again. `leadd status` shows it, `leadd tune --undo` takes it back.
    """
    client = Client()
    if undo:
        say(client.post("/api/tune/undo", {"role": role})["message"])
        return
    confirm(f"Make a model for {role} on your model server, and use it if it wins?", yes)
    asked = {"role": role, "name": name, "examples": examples, "adapter": None if adapter is None else str(adapter)}
    last: dict[str, Any] = {}
    for step in client.stream("/api/tune", asked):
        last = step
        if step["kind"] == "error":
            raise Ended(step["text"], hint=step["hint"])
        if as_json:
            click.echo(as_json_text(step))
        elif step["kind"] != "result":
            say(f"{step['kind']}: {step['text']}")
    if last.get("kind") != "result":
        raise Ended("the daemon broke off in the middle; the model in force is as it was", hint="leadd logs tells why")
    if not as_json:
        say(last["text"])
