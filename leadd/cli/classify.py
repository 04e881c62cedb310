"""`leadd classify`."""

from __future__ import annotations

import sys

import click

from leadd.cli.client import Client
from leadd.cli.exits import TEMPORARY
from leadd.cli.output import json_option, print_json, say

ANSWER_LIMIT_S = 900.0


@click.command()
@click.argument("text", nargs=-1, required=True)
@click.option("--company", help="The company, where it is known.")
@click.option("--website", help="The company's website.")
@click.option("--url", help="Where the text stands.")
@json_option
def classify(text: tuple[str, ...], company: str | None, website: str | None, url: str | None, as_json: bool) -> None:
    """Classify one TEXT now; `-` reads it from standard input.

    Ends with 75 where it was stored and waits for a model.
    """
    words = sys.stdin.buffer.read().decode(errors="replace") if text == ("-",) else " ".join(text)
    if not words.strip():
        raise click.UsageError("there is no text to classify")
    body = {"signal_text": words, "company_name": company, "company_website": website, "source_url": url}
    found = Client().post("/api/classify/signal", {k: v for k, v in body.items() if v}, timeout_s=ANSWER_LIMIT_S)
    if as_json:
        print_json(found)
    else:
        by = f"{found['method']}{', from the cache' if found['cached'] else ''}"
        if found["status"] == "held":
            say(f"held as signal {found['signal_id']}: leadd signals why {found['signal_id']}")
        elif found["status"] == "filtered":
            say(f"filtered (by {by})")
        else:
            say(f"{found['score_bucket'].replace('_', ' ')}, {found['total_score']} of 100 (by {by})")
        for reason in found["reasons"]:
            say(f"  {reason}")
        if found.get("lead_id"):
            say(f"lead {found['lead_id']}: leadd leads show {found['lead_id']}")
    if found["status"] == "held":
        sys.exit(TEMPORARY)
