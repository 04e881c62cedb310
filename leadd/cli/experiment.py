"""`leadd experiment`: two versions of a prompt on your own signals, judged by your verdicts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from leadd.cli import names
from leadd.cli.client import Client
from leadd.cli.exits import Ended
from leadd.cli.groups import Listing
from leadd.cli.output import json_option, print_json, say, table, when


def _share(ctx: click.Context, param: click.Parameter, value: str) -> float:
    """A share of the companies: 20% or 0.2, between 0 and 1, both excluded."""
    text = value.strip()
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 < share < 1:
        raise click.BadParameter(f"{text!r} is no share of the companies; write 20% or 0.2", ctx, param)
    return share


@click.group(cls=Listing)
def experiment() -> None:
    """Try another version of a prompt on a share of the companies; your verdicts decide."""


@experiment.command()
@click.argument("prompt", type=click.Choice(["triage", "classification"]))
@click.option(
    "--variants", default="production,candidate", show_default=True, help="A,B: numbers, hashes, labels; A is in force."
)
@click.option("--share", callback=_share, default="20%", show_default=True, help="Of the companies that are asked with B.")
@click.option("--name", help="What it is called; else PROMPT-NUMBER.")
@click.option("--rule", type=click.Choice(["ask", "auto"]), default="ask", show_default=True, help="auto acts on the decision.")
@click.option("--aa", is_flag=True, help="Run the version in force on both sides: nothing should be found.")
@json_option
def start(prompt: str, variants: str, share: float, name: str | None, rule: str, aa: bool, as_json: bool) -> None:
    """Ask a share of the companies with version B. A company always meets the same version."""
    parts = [part.strip() for part in variants.split(",")]
    if len(parts) != 2 or not all(parts):
        raise click.UsageError(f"--variants names two versions, as 2,3 or production,candidate; not {variants!r}")
    body = {"prompt": prompt, "a": parts[0], "b": parts[1], "share": share, "name": name, "rule": rule, "same": aa}
    found = Client().post("/api/experiments", body)
    if as_json:
        print_json(found)
        return
    say(
        f"{found['name']} runs: {found['share']:.0%} of the companies are asked with {found['b']}, the others with {found['a']}"
    )
    say("  judge leads as always (leadd review); leadd experiment show tells how it goes")


@experiment.command("list")
@json_option
def list_experiments(as_json: bool) -> None:
    """All experiments, the latest first."""
    found = Client().get("/api/experiments")
    if as_json:
        print_json(found)
        return
    rows = [
        (e["name"], e["state"].replace("_", " "), e["prompt"], e["a"], e["b"], f"{e['share']:.0%}", _counts(e), e["reason"])
        for e in found["items"]
    ]
    table(("name", "state", "prompt", "A", "B", "share", "good of A, B", "why"), rows, wide=(7,))


@experiment.command()
@click.argument("name", required=False, shell_complete=names.experiments)
@click.option(
    "--plot", type=click.Path(dir_okay=False, path_type=Path), help="Write evidence and difference as a picture (SVG)."
)
@json_option
def show(name: str | None, plot: Path | None, as_json: bool) -> None:
    """How an experiment stands; NAME is the one that runs, else the latest."""
    found = Client().get(f"/api/experiments/{name or 'latest'}")
    if plot is not None:
        from leadd.cli.experiment_plot import picture

        try:
            plot.write_text(picture(found), encoding="utf-8")
        except OSError as error:
            raise Ended(f"{plot} cannot be written: {error.strerror or error}") from None
    if as_json:
        print_json(found)
        return
    _show(found)
    if plot is not None:
        say(f"  picture: {plot}")


@experiment.command()
@click.argument("name", required=False, shell_complete=names.experiments)
@json_option
def stop(name: str | None, as_json: bool) -> None:
    """End an experiment; the version in force stays."""
    _ended(name, "stop", as_json)


@experiment.command()
@click.argument("name", required=False, shell_complete=names.experiments)
@json_option
def promote(name: str | None, as_json: bool) -> None:
    """Put version B in force for everybody; its cases have to hold."""
    _ended(name, "promote", as_json)


@experiment.command()
@click.argument("name", required=False, shell_complete=names.experiments)
@json_option
def rollback(name: str | None, as_json: bool) -> None:
    """Ask everybody with version A again, also after B was promoted."""
    _ended(name, "rollback", as_json)


def _ended(name: str | None, what: str, as_json: bool) -> None:
    found = Client().post(f"/api/experiments/{name or 'latest'}/{what}")
    if as_json:
        print_json(found)
    else:
        _show(found)


def _counts(e: dict[str, Any]) -> str:
    return f"{e['good_a']}/{e['seen_a']}, {e['good_b']}/{e['seen_b']}"


def _show(e: dict[str, Any]) -> None:
    say(f"{e['name']} on {e['prompt']}: {e['state'].replace('_', ' ')}, since {when(e['created_at_ms'])}, rule {e['rule']}")
    for arm, share in (("a", 1 - e["share"]), ("b", e["share"])):
        seen, good = e[f"seen_{arm}"], e[f"good_{arm}"]
        rate = f"{good} of {seen} good ({good / seen:.0%})" if seen else "no outcome yet"
        say(f"  {arm.upper()} {e[arm]}, {share:.0%} of the companies: {rate}")
    say(f"  {e['reason']}")
    evidence = [f"{word} {e[word]:.3g} of {e[f'needed_{word}']:.3g}" for word in ("better", "worse")]
    say(f"  evidence that B is {evidence[0]}, {evidence[1]}")
    if e["repeats"] or e["passed_over"]:
        say(f"  not counted: {e['repeats']} further verdicts on a company, {e['passed_over']} on answers of neither version")
    audit = e["audit"]
    if audit["seen_a"] or audit["seen_b"]:
        told = f"{audit['agree_a']} of {audit['seen_a']} for A, {audit['agree_b']} of {audit['seen_b']} for B"
        say(f"  the audit agrees with {told}")
    if e["advice"]:
        say(f"  {e['advice']}")
