"""`leadd review`: judging, one key for each; from a pipe one line for each."""

from __future__ import annotations

import shutil
import sys
import textwrap
from collections.abc import Generator, Iterator
from contextlib import closing
from typing import Any

import click

from leadd.cli.client import Client
from leadd.cli.exits import Ended
from leadd.cli.output import harmless, json_option, print_json, say, tell
from leadd.cli.reasons import icp_names, show_judgements

KEYS = "a accept, r reject, s snooze, k skip, u undo, ? why, q quit"
VERDICT_OF = {"a": "accept", "r": "reject", "s": "snooze"}
DONE = {"accept": "accepted", "reject": "rejected", "snooze": "snoozed for 7 days"}
_END = "\x03\x04"


@click.command()
@click.option("--icp", help="For this ICP only.")
@click.option("-n", "--limit", type=click.IntRange(1, 500), default=20, show_default=True, help="How many at most.")
@json_option
def review(icp: str | None, limit: int, as_json: bool) -> None:
    """Judge what helps leadd most, one key for each: hot leads, uncertain signals, and samples of what is dropped.

    \b
    a accept   r reject   s snooze (leads only)   k skip
    u undo     ? why      q quit
    Where standard input is no terminal, one line of it stands for one key.
    """
    client = Client()
    found = client.get("/api/review", icp=icp, limit=limit)
    if as_json:
        print_json(found)
        return
    if not found["items"]:
        say("nothing waits for your verdict")
    else:
        say(KEYS)
        with closing(_keys()) as keys:
            given = _Round(client, found["items"]).run(keys)
        say(f"{given} verdict{'s' if given != 1 else ''} given")
    show_effect(client.get("/api/review", icp=icp, limit=1)["effect"])


class _Round:
    """One walk through the queue; knows what to take back."""

    def __init__(self, client: Client, items: list[dict[str, Any]]) -> None:
        self._client = client
        self._items = items
        self._place = 0
        self._given: list[int] = []

    def run(self, keys: Iterator[str]) -> int:
        """Show, take a key, do what it says, until the queue or the keys end; the number of verdicts that stand."""
        self._show()
        for key in keys:
            if key == "q":
                break
            if self._do(key):
                if self._place >= len(self._items):
                    break
                self._show()
        return len(self._given)

    def _do(self, key: str) -> bool:
        """Whether another item is to be shown."""
        item = self._items[self._place]
        if key in VERDICT_OF:
            return self._judge(item, VERDICT_OF[key])
        if key == "k":
            self._place += 1
            return True
        if key == "u":
            return self._undo()
        if key == "?":
            _why(self._client, item)
        elif key:
            say(f"  {KEYS}")
        return False

    def _judge(self, item: dict[str, Any], verdict: str) -> bool:
        if verdict == "snooze" and item["lead_id"] is None:
            say("  this is no lead yet, only leads can be snoozed: k skips it")
            return False
        try:
            self._client.post(f"{_path(item)}/verdict", _body(item, verdict))
        except Ended as refused:  # gone meanwhile: the next one can be judged all the same
            tell(f"  {refused.format_message()}")
        else:
            say(f"  {DONE[verdict]}")
            self._given.append(self._place)
        self._place += 1
        return True

    def _undo(self) -> bool:
        if not self._given:
            say("  there is nothing to take back")
            return False
        self._place = self._given.pop()
        self._client.post(f"{_path(self._items[self._place])}/undo")
        say("  taken back")
        return True

    def _show(self) -> None:
        item = self._items[self._place]
        say()
        where = ", ".join(harmless(part) for part in (item["company"], item["location"]) if part)
        say(f"{self._place + 1} of {len(self._items)}  {item['title'] or '(no title)'}" + (f"  ({where})" if where else ""))
        say(f"  {item['why']}  (ICP {item['icp']})")
        width = max(40, min(100, shutil.get_terminal_size().columns)) - 4
        for line in textwrap.wrap(harmless(item["excerpt"]), width):
            say(f"    {line}")
        if item["url"]:
            say(f"  {item['url']}")


def show_effect(effect: dict[str, Any]) -> None:
    """What the last verdicts have changed, in one sentence."""
    if effect["now"] is None:
        say(f"the effect shows from {effect['needed']} verdicts on leads ({effect['verdicts']} so far)")
        return
    say(
        f"precision of your top {effect['top']} since the last {effect['window']} verdicts: {effect['before']:.0%} to "
        f"{effect['now']:.0%} (change {100 * effect['low']:+.0f} to {100 * effect['high']:+.0f} points, 95% interval)"
    )


def _path(item: dict[str, Any]) -> str:
    return f"/api/signals/{item['signal_id']}" if item["lead_id"] is None else f"/api/leads/{item['lead_id']}"


def _body(item: dict[str, Any], verdict: str) -> dict[str, Any]:
    body: dict[str, Any] = {"verdict": verdict, "by": "user"}
    return body | {"icp": item["icp"]} if item["lead_id"] is None else body


def _why(client: Client, item: dict[str, Any]) -> None:
    found = client.get(f"/api/signals/{item['signal_id']}/why")
    names = icp_names(client)
    show_judgements([row for row in found["judgements"] if names.get(row["icp_id"]) == item["icp"]], names)


def _keys() -> Generator[str, None, None]:
    """Keys as they are pressed; where standard input is no terminal, the first letter of each line."""
    if not sys.stdin.isatty():
        for line in sys.stdin:
            yield line.strip()[:1].lower()
    elif sys.platform == "win32":
        while (key := click.getchar())[:1] not in _END:
            yield key[:1].lower()
    else:
        yield from _pressed(sys.stdin.fileno())


def _pressed(terminal: int) -> Iterator[str]:
    """One key after the other. Not click's way: it throws away what was typed while the last key was worked on."""
    import os
    import termios
    import tty

    before = termios.tcgetattr(terminal)
    tty.setcbreak(terminal, termios.TCSADRAIN)
    try:
        while (key := os.read(terminal, 1).decode("ascii", "replace")) not in _END:
            yield key.lower()
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)
