"""`leadd leads accept …` and `leadd signals accept …`: the user's word, and taking it back."""

from __future__ import annotations

from typing import Any

import click

from leadd.cli.client import Client
from leadd.cli.output import say, when

_note = click.option("--note", default="", help="Why, in your words.")


def _lead_verdict(name: str, done: str, line: str) -> click.Command:
    @click.argument("lead_id", type=int)
    @_note
    def command(lead_id: int, note: str) -> None:
        Client().post(f"/api/leads/{lead_id}/verdict", {"verdict": name, "note": note, "by": "user"})
        say(f"lead {lead_id} is {done}")

    return click.command(name, help=line)(command)


@click.command(name="snooze")
@click.argument("lead_id", type=int)
@click.option("--days", type=click.FloatRange(min=0, min_open=True, max=3650), default=7, show_default=True, help="How long.")
@_note
def snooze(lead_id: int, days: float, note: str) -> None:
    """Put a lead off: it leaves the list and comes back by itself."""
    asked = {"verdict": "snooze", "days": days, "note": note, "by": "user"}
    lead = Client().post(f"/api/leads/{lead_id}/verdict", asked)
    say(f"lead {lead_id} comes back {when(lead['snoozed_until_ms'])} (leadd leads --snoozed lists it until then)")


@click.command(name="undo")
@click.argument("lead_id", type=int)
def undo_lead(lead_id: int) -> None:
    """Take back your latest verdict on a lead; its timeline keeps both."""
    found = Client().post(f"/api/leads/{lead_id}/undo")
    now = found["lead"]["verdict"]
    say(f"lead {lead_id}: {found['undone']} is taken back; " + (f"your word is {now} again" if now else "it has no verdict"))


LEAD_VERDICTS = (
    _lead_verdict("accept", "accepted", "Say that a lead is a good one."),
    _lead_verdict("reject", "rejected", "Say that a lead is none; it is parked."),
    snooze,
    _lead_verdict("won", "won", "Say that a lead became a customer."),
    _lead_verdict("lost", "lost", "Say that a lead came to nothing."),
    undo_lead,
)


def _signal_verdict(name: str, line: str) -> click.Command:
    @click.argument("signal_id", type=int)
    @click.option("--icp", help="For which ICP; else the one that it came nearest to.")
    @_note
    def command(signal_id: int, icp: str | None, note: str) -> None:
        asked = {"verdict": name, "note": note, "icp": icp, "by": "user"}
        _tell_signal(Client().post(f"/api/signals/{signal_id}/verdict", asked))

    return click.command(name, help=line)(command)


def _tell_signal(kept: dict[str, Any]) -> None:
    number, was = kept["signal_id"], f" (it was dropped by {kept['dropped_by']})" if kept["dropped_by"] else ""
    if kept["verdict"] == "reject":
        say(f"signal {number}: rightly dropped, noted{was}")
        return
    say(f"signal {number}: noted as a miss{was}; it is read again now, ahead of the queue")
    say(f"  leadd signals why {number} shows what comes of it")


@click.command(name="undo")
@click.argument("signal_id", type=int)
def undo_signal(signal_id: int) -> None:
    """Take back your latest verdict on a signal."""
    kept = Client().post(f"/api/signals/{signal_id}/undo")
    say(f"signal {signal_id}: {kept['verdict']} is taken back")


SIGNAL_VERDICTS = (
    _signal_verdict("accept", "Say that a dropped signal should have been a lead; it is read again at once."),
    _signal_verdict("reject", "Say that a signal was rightly dropped."),
    undo_signal,
)
