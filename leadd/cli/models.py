"""`leadd models …`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import click

from leadd.cli import names
from leadd.cli.client import Client
from leadd.cli.exits import FAILED, TEMPORARY, Ended
from leadd.cli.groups import Listing
from leadd.cli.model_page import places_of, roles_text, rows_of
from leadd.cli.output import json_option, print_json, say, table

TRY_LATER = {"unreachable", "busy"}
DIGEST_SIGNS = 12
MIB = 1_048_576

Advance = Callable[[str, int, int], None]


@click.group(cls=Listing)
def models() -> None:
    """Show the models that leadd asks, and fetch those that are missing."""


@models.command("list")
@json_option
def list_models(as_json: bool) -> None:
    """Every model in the order in which it is asked, with its roles (#2: second choice; memory: only where that is short),
    present or missing on its server, its digest, and how it is now."""
    figures = Client().get("/api/classify/metrics")["ollama"]
    items = [_item(server, model) for server in figures["health"] for model in rows_of(server)]
    candidates = figures.get("candidates") or {}
    states = {(c["server"], c["model"]): c["state"] for row in candidates.values() for c in row}
    order = list(states)
    items.sort(key=lambda item: order.index(key) if (key := (item["server"], item["model"])) in states else len(order))
    for item in items:
        key = (item["server"], item["model"])
        item["choices"] = places_of(candidates, *key)
        item["now"] = states.get(key, "unknown")
    if as_json:
        print_json({"items": items, "candidates": candidates})
        return
    rows = [
        (i["model"], roles_text(i["choices"]), i["state"],
         i["digest"].removeprefix("sha256:")[:DIGEST_SIGNS], i["now"], i["server"], i["reason"])
        for i in items
    ]  # fmt: skip
    table(("model", "roles", "state", "digest", "now", "server", "reason"), rows, wide=(6,))


@models.command()
@click.argument("name", shell_complete=names.models)
@json_option
def pull(name: str, as_json: bool) -> None:
    """Have the model server fetch the model NAME; what waits for it goes on by itself. Ctrl-C ends the download."""
    last: dict[str, Any] = {}
    with _progress(name, quiet=as_json) as advance:
        for step in Client().stream("/api/models/pull", {"model": name}):
            last = step
            if step.get("status") not in ("ok", "error"):
                advance(str(step.get("status", "")), step.get("done") or 0, step.get("total") or 0)
    if last.get("status") == "error":
        raise Ended(f"{name}: {last.get('error')}", code=TEMPORARY if last.get("code") in TRY_LATER else FAILED)
    if last.get("status") != "ok":
        raise Ended(f"{name}: the download broke off", hint="the same command goes on where it ended")
    if as_json:
        print_json({"model": name, "status": "ok"})
    else:
        say(f"{name} is there")


def _item(server: dict[str, Any], model: Mapping[str, Any]) -> dict[str, Any]:
    missing = model.get("failure") == "missing_model"
    if not server.get("reachable"):
        state = "unknown"
    elif model.get("ok") or (model.get("digest") and not missing):
        state = "present"
    else:
        state = "missing" if missing else str(model.get("failure") or "unknown")
    loaded = "loading" if model.get("loading") else "yes" if model.get("warm") else "no"
    return {
        "model": model["model"],
        "roles": list(model.get("roles", ())),
        "state": state,
        "digest": model.get("digest") or "" if state == "present" else "",
        "loaded": loaded,
        "server": server.get("name") or "",
        "reason": model.get("reason") or "",
    }


@contextmanager
def _progress(name: str, *, quiet: bool) -> Iterator[Advance]:
    """A bar on the terminal; elsewhere a line on standard error for every new step and every tenth of a large one."""
    if quiet:
        yield lambda status, done, total: None
        return
    if not sys.stderr.isatty():
        yield _Lines(name)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from leadd.cli.output import harmless

    bars = Progress(
        TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn(),
        console=Console(stderr=True),
    )  # fmt: skip
    with bars:
        task = bars.add_task(name, total=None)

        def advance(status: str, done: int, total: int) -> None:
            bars.update(task, description=harmless(status))
            if total:
                bars.update(task, completed=done, total=total)

        yield advance


class _Lines:
    """Plain lines for where no bar can be drawn, as few as tell how it goes."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._told: tuple[str, int] = ("", -1)

    def __call__(self, status: str, done: int, total: int) -> None:
        from leadd.cli.output import tell

        tenth = done * 10 // total if total >= MIB else 0
        if (status, tenth) == self._told:
            return
        self._told = (status, tenth)
        share = f" {done / MIB:,.0f} of {total / MIB:,.0f} MiB" if total >= MIB else ""
        tell(f"{self._name}: {status}{share}")
