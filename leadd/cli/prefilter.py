"""`leadd prefilter …`."""

from __future__ import annotations

from typing import Any

import click

from leadd.cli import names
from leadd.cli.client import Client
from leadd.cli.output import json_option, print_json, say, table, when


@click.group()
def prefilter() -> None:
    """Show what the prefilter promises, what that rests on and what it costs; go back to an earlier scorer."""


@prefilter.command()
@json_option
def show(as_json: bool) -> None:
    """The promise for each ICP: evidence, threshold, what passes, what audits found."""
    found = Client().get("/api/prefilter")
    if as_json:
        print_json(found)
        return
    for number, item in enumerate(found["items"]):
        if number:
            say()
        _tell(item)


def _tell(item: dict[str, Any]) -> None:
    say(f"{item['icp']}: {item['sentence']}")
    if item["mode"] != "certified":
        return
    total = item["passed"] + item["dropped"]
    share = f" ({item['passed'] / total:.0%} pass)" if total else ""
    say(f"  signals: {item['passed']} passed, {item['dropped']} dropped{share}")
    if item["evidence"]:
        kinds = (("model", "answers of the model"), ("user", "verdicts of yours"))
        told = [f"{item['evidence'].get(k, 0)} {what} ({item['wanted'].get(k, 0)} wanted)" for k, what in kinds]
        say(f"  evidence: {', '.join(told)}")
    say(
        f"  threshold: {item['threshold']:g} of 100; audits: {item['audits']} read below it, {item['misses']} leads found there"
    )
    if item["alarms"]:
        say(f"  drift: {item['alarms']} alarms, the last: {item['last_alarm']}")
    else:
        say(f"  drift: none noticed ({item['drift']:.0%} of an alarm)")
    say(f"  scorer: {item['deciding']} decides, {item['ranking']} orders what passes (epoch {item['epoch']})")
    if item["calibration_error"] is not None:
        say(f"  calibration: off by {100 * item['calibration_error']:.1f} points in the mean")
        for part in item["reliability"]:
            say(
                f"    said {100 * part['low']:.0f} to {100 * part['high']:.0f}%: {100 * part['said']:.0f}% in the mean, "
                f"found {100 * part['found']:.0f}%"
            )


@prefilter.command()
@click.argument("icp", shell_complete=names.icps)
@json_option
def versions(icp: str, as_json: bool) -> None:
    """The scorers that learnt from your verdicts on ICP, newest first."""
    found = Client().get(f"/api/prefilter/versions/{icp}")
    if as_json:
        print_json(found)
        return
    rows = [
        (i["version"], i["verdicts"], i["labels"], i["dropped"], when(i["made_at_ms"]),
         " and ".join(word for word, on in (("decides", i["decides"]), ("ranks", i["ranks"])) if on))
        for i in found["items"]
    ]  # fmt: skip
    table(("version", "verdicts", "labels of the model", "left out", "made", "now"), rows, numbers=(1, 2, 3))


@prefilter.command()
@click.argument("icp", shell_complete=names.icps)
@click.argument("version", required=False)
def rollback(icp: str, version: str | None) -> None:
    """Go by an earlier scorer of ICP: VERSION, else the one before; `untaught` is the fit without verdicts.

    Scores change with it, so where another scorer decides a new promise begins, and everything passes until it is proven.
    """
    say(Client().post(f"/api/prefilter/rollback/{icp}", {"version": version})["message"])
