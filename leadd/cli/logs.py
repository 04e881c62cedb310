"""`leadd logs`."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import click

from leadd.cli.exits import Ended
from leadd.cli.output import say
from leadd.config.paths import Paths

POLL_S = 0.2


@click.command()
@click.option("-f", "--follow", is_flag=True, help="Go on as lines come.")
@click.option("-n", "--lines", type=click.IntRange(min=0), default=50, show_default=True, help="How many of the last lines.")
@click.option("--json", "as_json", is_flag=True, help="The lines as they are in the file: one JSON object each.")
def logs(follow: bool, lines: int, as_json: bool) -> None:
    """Show the daemon's log."""
    file = Paths.from_environment().logs_folder / "leadd.log"
    try:
        log = file.open("rb")
    except FileNotFoundError:
        raise Ended(f"there is no log at {file} yet", hint="leadd start writes one") from None
    with log:
        for line in _last(log, lines):
            _show(line, as_json)
        if not follow:
            return
        try:
            for line in _following(file, log):
                _show(line, as_json)
        except KeyboardInterrupt:
            return  # that is how one stops to follow


def _last(log: BinaryIO, count: int) -> list[str]:
    """The last whole lines; the file stands at its end afterwards, or at the start of a line still being written."""
    size = log.seek(0, os.SEEK_END)
    start = max(0, size - 400 * max(1, count) - 65_536)
    log.seek(start)
    *whole, rest = log.read(size - start).split(b"\n")
    log.seek(size - len(rest))
    if start:
        whole = whole[1:]  # the middle of a line
    return [line.decode("utf-8", errors="replace") for line in whole[-count:]] if count else []


def _following(file: Path, log: BinaryIO) -> Iterator[str]:
    """Lines as they are written, from where `log` stands, also after the file was turned over."""
    rest = b""
    try:
        while True:
            turned_over = _is_turned_over(file, log)
            # Asked before reading: what was written up to the turn is read from the old file first.
            while piece := log.read(65_536):
                *whole, rest = (rest + piece).split(b"\n")
                yield from (line.decode("utf-8", errors="replace") for line in whole)
            if turned_over:
                log.close()
                log, rest = file.open("rb"), b""
            else:
                time.sleep(POLL_S)
    finally:
        log.close()


def _is_turned_over(file: Path, log: BinaryIO) -> bool:
    try:
        return os.stat(file).st_ino != os.fstat(log.fileno()).st_ino
    except FileNotFoundError:
        return False  # between the renaming of the old one and the making of the new one


def _show(line: str, as_json: bool) -> None:
    if as_json:
        click.echo(line)
        return
    try:
        entry = json.loads(line)
        shown = [f"{entry['at']} {entry['level']:7} {entry['message']}", *entry.get("traceback", "").splitlines()]
    except (ValueError, KeyError, TypeError, AttributeError):
        shown = [line]
    for text in shown:
        say(text)
