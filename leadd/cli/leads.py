"""`leadd leads …`."""

from __future__ import annotations

from typing import Any

import click

from leadd.cli.client import Client
from leadd.cli.dossier import dossier, show_parts
from leadd.cli.find import search, similar
from leadd.cli.groups import Listing
from leadd.cli.output import as_json_text, confirm, json_option, limit_option, pages, print_json, say, table, tell, when
from leadd.cli.reasons import show_judgements
from leadd.cli.verdicts import LEAD_VERDICTS

BUCKETS = ["red_hot", "warm", "nurture", "parked"]
STATUSES = ["new", "contacted", "qualified", "pitched", "trial", "won", "lost", "parked"]


@click.group(cls=Listing)
def leads() -> None:
    """List leads, see why they are there, give your verdict."""


@leads.command("list")
@click.option("--icp", help="Leads of this ICP only.")
@click.option("--bucket", type=click.Choice(BUCKETS), default="nurture", show_default=True, help="This bucket and better.")
@click.option("--all", "everything", is_flag=True, help="Parked leads too.")
@click.option("--status", type=click.Choice(STATUSES), help="Leads in this state only.")
@click.option("--search", help="Leads in which these words stand.")
@click.option("--snoozed", is_flag=True, help="Only leads that you put off.")
@click.option("--newest", is_flag=True, help="Newest first instead of best first.")
@limit_option
@json_option
def list_leads(
    icp: str | None, bucket: str, everything: bool, status: str | None, search: str | None, snoozed: bool, newest: bool,
    limit: int, as_json: bool,
) -> None:  # fmt: skip
    """The leads, best first."""
    client = Client()
    items = pages(
        lambda cursor, size: client.get(
            "/api/leads/", icp=icp, bucket="parked" if everything or snoozed else bucket, status=status,
            q=search, snoozed="only" if snoozed else "hide", order="newest" if newest else "score", limit=size, cursor=cursor,
        ),
        limit,
    )  # fmt: skip
    if as_json:
        print_json({"items": items})
        return
    if not items:
        hint = "leadd status shows what became of the signals"
        if not everything:
            hint = f"leadd leads list --all shows parked ones too, {hint}"
        tell(f"no leads to show ({hint})")
        return
    rows = [
        (i["id"], i["score"], i["bucket"].replace("_", " "), i["name"], i["status"], i["icp"], first_reason(i)) for i in items
    ]
    table(("id", "score", "bucket", "company", "status", "icp", "why"), rows, wide=(6,), numbers=(0, 1))


def first_reason(lead: dict[str, Any]) -> str:
    """One line on why a lead is there: the model's own words, else the first reason of the score."""
    said = (lead.get("classification") or {}).get("reason_short") or (lead["reasons"] or [""])[0]
    mark = "" if lead["method"] == "model" else f"[{lead['method']}] "
    return mark + plain(str(said))


def plain(reason: str) -> str:
    """A reason without the words by which the evidence model says of itself that it is none: the mark says it shorter."""
    rest = reason.removeprefix("Read without a language model: ")
    return rest if rest == reason else rest[:1].upper() + rest[1:]


@leads.command()
@click.argument("lead_id", type=int)
@json_option
def show(lead_id: int, as_json: bool) -> None:
    """All that is known of one lead."""
    lead = Client().get(f"/api/leads/{lead_id}")
    if as_json:
        print_json(lead)
        return
    say(f"{lead['name']}  {lead['score']} of 100, {lead['bucket'].replace('_', ' ')}, {lead['status']}  (ICP {lead['icp']})")
    for part in standing(lead):
        say(f"  {part}")
    for label, value in (("website", lead["website"] or lead["domain"]), ("location", lead["location"])):
        if value:
            say(f"  {label}: {value}")
    for contact in lead["contacts"]:
        say(f"  {contact['kind']}: {contact['value']}")
    say("why:")
    for reason in lead["reasons"]:
        say(f"  {reason}")
    say("signals:")
    for signal in lead["signals"]:
        say(f"  {signal['signal_id']}: {signal['title'] or '(no title)'} ({signal['source']}, {when(signal['found_at_ms'])})")
        if signal["url"]:
            say(f"     {signal['url']}")
    if lead.get("dossier"):
        say("dossier:")
        show_parts(lead["dossier"], indent=2)
    say("timeline:")
    for entry in lead["timeline"]:
        say(f"  {when(entry['at_ms']):>12}  {entry['kind'].replace('_', ' ')}: {entry['text']}")


def standing(lead: dict[str, Any]) -> list[str]:
    """Your own word on a lead, and until when it is put off."""
    import time

    until_ms = lead["snoozed_until_ms"] or 0
    told = [f"your word: {lead['verdict']}"] if lead["verdict"] else []
    return told + ([f"snoozed, comes back {when(until_ms)}"] if until_ms > time.time() * 1000 else [])


@leads.command()
@click.argument("lead_id", type=int)
@json_option
def why(lead_id: int, as_json: bool) -> None:
    """Why a lead is there: every judgement about its signals, with rule, score, prompt, model and cache."""
    found = Client().get(f"/api/leads/{lead_id}/why")
    if as_json:
        print_json(found)
        return
    lead = found["lead"]
    say(f"lead {lead['id']}: {lead['name']}, {lead['score']} of 100, {lead['bucket'].replace('_', ' ')}")
    for entry in found["signals"]:
        signal = entry.get("signal", entry)
        say(f"signal {signal.get('signal_id', signal.get('id'))}: {signal['title'] or '(no title)'}")
        show_judgements([j for j in entry["judgements"] if j["icp_id"] == lead["icp_id"]], {})


leads.add_command(dossier)


@leads.command()
@click.argument("lead_id", type=int)
@click.argument("status", type=click.Choice(STATUSES))
def status(lead_id: int, status: str) -> None:
    """Set how far you are with a lead."""
    Client().ask("PATCH", f"/api/leads/{lead_id}/status", body={"status": status})
    say(f"lead {lead_id} is {status}")


@leads.command()
@click.argument("lead_id", type=int)
@click.argument("text", nargs=-1, required=True)
def note(lead_id: int, text: tuple[str, ...]) -> None:
    """Add a note to a lead's timeline."""
    Client().ask("PATCH", f"/api/leads/{lead_id}/notes", body={"text": " ".join(text)})
    say("noted")


for _command in (*LEAD_VERDICTS, search, similar):
    leads.add_command(_command)


@leads.command()
@click.argument("lead_id", type=int)
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete(lead_id: int, yes: bool) -> None:
    """Take a lead out of every list; what was delivered stays delivered."""
    confirm(f"Delete lead {lead_id}?", yes)
    Client().ask("DELETE", f"/api/leads/{lead_id}")
    say(f"lead {lead_id} is deleted")


@leads.command()
@click.option(
    "--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True, help="How they are written."
)
@click.option("--bucket", type=click.Choice(BUCKETS), default="nurture", show_default=True, help="This bucket and better.")
@click.option("--icp", help="Leads of this ICP only.")
def export(form: str, bucket: str, icp: str | None) -> None:
    """Write the leads to standard output, for a file or another program."""
    client = Client()
    items = pages(
        lambda cursor, size: client.get("/api/leads/", icp=icp, bucket=bucket, snoozed="show", limit=size, cursor=cursor), 10**9
    )
    if form == "jsonl":
        for item in items:
            click.echo(as_json_text(item))
        return
    import csv
    import sys

    columns = ("id", "score", "bucket", "name", "domain", "website", "location", "status", "icp", "method")
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow((*columns, "why"))
    for item in items:
        writer.writerow([inert(item[c]) for c in columns] + [inert(first_reason(item))])


def inert(cell: object) -> str:
    """A cell that no spreadsheet takes for a formula."""
    text = "" if cell is None else str(cell)
    return "'" + text if text[:1] in set("=+-@\t\r＝＋－＠") else text
