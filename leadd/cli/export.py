"""`leadd export training-data`."""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from leadd.cli.client import Client
from leadd.cli.exits import Ended
from leadd.cli.output import as_json_text, tell


@click.group()
def export() -> None:
    """Write your verdicts as data to teach a model with."""


@export.command("training-data")
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--icp", metavar="NAME", help="Of this ICP only.")
@click.option("--with-contacts", is_flag=True, help="Leave e-mail addresses, phone numbers, links and names in the texts.")
def training_data(file: Path, icp: str | None, with_contacts: bool) -> None:
    """Write FILE (- for standard output) as chat JSONL: a question for each verdict, with the answer that it says is right.

    A quarter of the companies is marked `held`: train on the rest, compare on these. Weak examples come from a model that
    looked at a sample of what is dropped, not from you.
    """
    lines = Client().stream("/api/training-data", {"icp": icp, "contacts": with_contacts})
    counts: Counter[str] = Counter()
    if str(file) == "-":
        for line in _whole(lines):
            _count(counts, line["meta"])
            click.echo(as_json_text(line))
    else:
        part = file.with_name(f"{file.name}.part")
        try:
            # It holds texts of other people: readable for its owner alone, like the database.
            with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as out:
                for line in _whole(lines):
                    _count(counts, line["meta"])
                    out.write(as_json_text(line) + "\n")
            part.replace(file)
        except (OSError, Ended) as error:
            with contextlib.suppress(OSError):
                part.unlink()
            if isinstance(error, Ended):
                raise
            raise Ended(f"{file} cannot be written: {error.strerror or error}") from None
    total = counts["train"] + counts["held"]
    if not total:
        tell("there are no verdicts to make examples of (leadd review)")
        return
    weak = f", {counts['weak']} weak" if counts["weak"] else ""
    tell(f"{total} examples ({counts['train']} train, {counts['held']} held by company{weak})")
    if with_contacts:
        tell("contact data is in it: do not pass it on")


def _whole(lines: Iterator[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The examples without the line that says that it was the last. Raises Ended where that one is missing."""
    for line in lines:
        if line["meta"].get("end"):
            return
        yield line
    raise Ended("the daemon broke off in the middle: nothing was written", hint="leadd logs tells why; try again")


def _count(counts: Counter[str], meta: dict[str, object]) -> None:
    counts[str(meta["split"])] += 1
    counts["weak"] += bool(meta["weak"])
