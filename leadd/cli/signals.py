"""`leadd signals …` and `leadd rejudge`."""

from __future__ import annotations

import click

from leadd.cli.client import Client
from leadd.cli.groups import Listing
from leadd.cli.output import json_option, limit_option, pages, print_json, say, table, when
from leadd.cli.reasons import icp_names, show_judgements
from leadd.cli.verdicts import SIGNAL_VERDICTS

TITLE_CHARS = 80
OUTCOMES = ["filtered", "parked", "nurture", "warm", "red_hot", "held"]


@click.group(cls=Listing)
def signals() -> None:
    """List signals by outcome, see why one is no lead, retry held ones."""


@signals.command("list")
@click.option("--outcome", type=click.Choice(OUTCOMES), help="Signals that ended like this only.")
@click.option("--state", type=click.Choice(["new", "leased", "done", "held"]), help="Signals at this stage only.")
@click.option("--source", help="Signals of this source only.")
@limit_option
@json_option
def list_signals(outcome: str | None, state: str | None, source: str | None, limit: int, as_json: bool) -> None:
    """Signals, newest first."""
    client = Client()
    items = pages(
        lambda cursor, size: client.get("/api/signals", outcome=outcome, state=state, source=source, limit=size, cursor=cursor),
        limit,
    )
    if as_json:
        print_json({"items": items})
        return
    rows = [
        (i["id"], (i["outcome"] or i["state"]).replace("_", " "), i["source"], when(i["found_at_ms"]), i["company"],
         i["title"] or i["text"][:TITLE_CHARS])
        for i in items
    ]  # fmt: skip
    table(("id", "outcome", "source", "found", "company", "title"), rows, wide=(5,), numbers=(0,))


@signals.command()
@click.argument("signal_id", type=int)
@json_option
def why(signal_id: int, as_json: bool) -> None:
    """Why a signal is what it is: every judgement about it, oldest first."""
    found = Client().get(f"/api/signals/{signal_id}/why")
    if as_json:
        print_json(found)
        return
    signal = found["signal"]
    say(f"signal {signal['id']}: {signal['title'] or signal['text'][:TITLE_CHARS]}")
    say(f"  {(signal['outcome'] or signal['state']).replace('_', ' ')} {signal['hold_reason'] or ''}".rstrip())
    if signal["waiting_for"]:
        say(f"  waits for: {signal['waiting_for']}")
    show_judgements(found["judgements"], icp_names(Client()))


@signals.command()
@click.argument("signal_ids", type=int, nargs=-1)
@click.option("--all", "everything", is_flag=True, help="Every held signal.")
def retry(signal_ids: tuple[int, ...], everything: bool) -> None:
    """Put held signals in the queue again."""
    if not signal_ids and not everything:
        raise click.UsageError("name the signals, or say --all")
    found = Client().post("/api/signals/retry", {"ids": None if everything else list(signal_ids)})
    say(found["message"] or f"{found['count']} signals are in the queue again")


@click.command()
@click.option(
    "--method", type=click.Choice(["evidence", "model"]), default="evidence", show_default=True, help="Signals judged this way."
)
def rejudge(method: str) -> None:
    """Judge signals again that were judged by their own evidence, now that there is a language model."""
    found = Client().post("/api/rejudge", {"method": method})
    say(found["message"] or f"{found['count']} signals are in the queue again")


for _command in SIGNAL_VERDICTS:
    signals.add_command(_command)
