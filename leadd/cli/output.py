"""What commands print: JSON for programs, tables and lines for people. Signals' text never drives the terminal."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import click

from leadd.cli.exits import Ended

_MARKS = "\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f"
_UNSAFE = re.compile(f"[{_MARKS}]")
_UNSAFE_IN_JSON = re.compile(f"[{_MARKS}\x85\u2028\u2029]")
_BREAKS = re.compile("[\t\n\x0b\x0c\r\x85\u2028\u2029]+")

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON only.")
limit_option = click.option(
    "-n", "--limit", type=click.IntRange(min=1), default=50, show_default=True, help="How many at most."
)


def harmless(text: object) -> str:
    """Text on one line, without control characters and direction marks: it cannot move the cursor nor forge a line."""
    return _UNSAFE.sub("", _BREAKS.sub(" ", str(text)))


def print_json(data: Any) -> None:
    """One JSON document on standard output."""
    click.echo(as_json_text(data, indent=2))


def as_json_text(data: Any, *, indent: int | None = None) -> str:
    """JSON in which everything that could drive a terminal is escaped; it stands within strings only."""
    return _UNSAFE_IN_JSON.sub(_escaped, json.dumps(data, ensure_ascii=not _is_utf8(), indent=indent))


def _escaped(found: re.Match[str]) -> str:
    return json.dumps(found[0])[1:-1]


def say(text: str = "") -> None:
    """One line for a person."""
    indent = len(text) - len(text.lstrip(" "))
    click.echo(" " * indent + harmless(text[indent:]))


def tell(text: str) -> None:
    """One line on standard error: what is not the result."""
    click.echo(harmless(text), err=True)


def table(
    headings: Sequence[str], rows: Iterable[Sequence[object]], *, wide: Sequence[int] = (), numbers: Sequence[int] = ()
) -> None:
    """A table as wide as the terminal; columns in `wide` take the room that is left, those in `numbers` stand to the right.

    Where standard output is no terminal the rows are written with tabs, whole, for other programs.
    """
    cells = [[harmless("" if c is None else c) for c in row] for row in rows]
    if not sys.stdout.isatty():
        for row in [list(headings), *cells]:
            click.echo("\t".join(row))
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    view = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
    for number, heading in enumerate(headings):
        view.add_column(
            heading, overflow="fold" if number in wide else "ellipsis", no_wrap=number not in wide,
            justify="right" if number in numbers else "left",
        )  # fmt: skip
    for row in cells:
        view.add_row(*(Text(cell) for cell in row))
    Console().print(view)
    if not cells:
        say("(none)")


def confirm(question: str, yes: bool) -> None:
    """Ask before something is lost. Raises Ended where the answer is no, UsageError where nobody can be asked."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise click.UsageError("there is nobody to ask here: say --yes")
    if not click.confirm(question):
        raise Ended("nothing was changed")


def when(ms: int | None) -> str:
    """A time in words: '5 min ago', 'in 3 h', or the date where it is far."""
    if ms is None:
        return ""
    import time

    away_s = ms / 1000 - time.time()
    size = abs(away_s)
    for limit, unit, name in ((90, 1, "s"), (5400, 60, "min"), (172_800, 3600, "h")):
        if size < limit:
            text = f"{round(size / unit)} {name}"
            return f"in {text}" if away_s > 0 else f"{text} ago"
    return time.strftime("%Y-%m-%d", time.localtime(ms / 1000))


def pages(fetch: Callable[[str | None, int], dict[str, Any]], limit: int) -> list[dict[str, Any]]:
    """Up to `limit` items of a paged list; `fetch` gets the cursor and how many are still wanted."""
    items: list[dict[str, Any]] = []
    cursor: str | None = None
    while len(items) < limit:
        page = fetch(cursor, min(500, limit - len(items)))
        items += page["items"]
        cursor = page.get("next")
        if cursor is None:
            break
    return items


def _is_utf8() -> bool:
    return (sys.stdout.encoding or "").lower().replace("-", "") == "utf8"
