"""Logs: one JSON object a line, private, bounded, and never a way to drive the reader's terminal."""

from __future__ import annotations

import json
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from leadd.daemon.logs import close_logs, harmless, open_logs


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "logs"
    close_logs()


def lines(folder: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (folder / "leadd.log").read_text(encoding="utf-8").splitlines()]


def test_a_line_is_an_object_with_level_name_and_time(folder: Path) -> None:
    open_logs(folder, level="info", file_mb=1, files=2, foreground=False)
    logging.getLogger("leadd.feeds").warning("feed %s is slow", "news")
    logging.getLogger("leadd.feeds").debug("not at this level")
    found = lines(folder)
    assert len(found) == 1
    assert found[0] | {"at": ""} == {"at": "", "level": "warning", "name": "leadd.feeds", "message": "feed news is slow"}
    assert found[0]["at"].endswith("Z")


def test_a_traceback_stays_in_its_line(folder: Path) -> None:
    log = open_logs(folder, level="info", file_mb=1, files=2, foreground=False)
    try:
        raise ValueError("of a plugin")
    except ValueError:
        log.exception("it failed")
    assert "ValueError: of a plugin" in lines(folder)[0]["traceback"]


def test_files_are_private_and_their_number_is_bounded(folder: Path) -> None:
    before = os.umask(0)
    try:
        log = open_logs(folder, level="info", file_mb=0.01, files=3, foreground=False)
        for number in range(500):
            log.info("line %d %s", number, "x" * 100)
    finally:
        os.umask(before)
    files = list(folder.iterdir())
    assert len(files) == 3
    assert {stat.S_IMODE(f.stat().st_mode) for f in files} == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert sum(f.stat().st_size for f in files) < 3 * 12_000


def test_what_a_stranger_wrote_does_not_drive_a_terminal(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = open_logs(folder, level="info", file_mb=1, files=2, foreground=True)
    log.info("title: %s", "\x1b[2J\x1b]0;gone\x07 \u202eevil\u202c \r\n forged line")
    shown = capsys.readouterr().err
    assert "\x1b" not in shown
    assert "\u202e" not in shown
    assert "\x07" not in shown
    assert len(lines(folder)) == 1
    assert harmless("plain text, ümläut, 日本") == "plain text, ümläut, 日本"


def test_opening_twice_writes_each_line_once(folder: Path) -> None:
    open_logs(folder, level="info", file_mb=1, files=2, foreground=False)
    log = open_logs(folder, level="info", file_mb=1, files=2, foreground=False)
    log.info("once")
    assert len(lines(folder)) == 1
