"""`leadd logs`: the last lines, and following over the turning of the file."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_parts import Cli, Done
from daemon_parts import wait

from leadd.cli.logs import _following, _last

Make = Callable[..., Cli]


def entry(number: int) -> bytes:
    return (
        json.dumps({"at": "2026-01-01T00:00:00.000Z", "level": "info", "name": "leadd", "message": f"line {number}"}).encode()
        + b"\n"
    )


def test_last_lines(make_cli: Make) -> None:
    home = make_cli()
    logs = home.paths.logs_folder
    logs.mkdir(parents=True)
    assert home.run("logs").code == 1
    (logs / "leadd.log").write_bytes(b"".join(entry(n) for n in range(5000)) + b"no json \x1b[2J\xff\n" + b'{"half": ')
    shown = home.run("logs", "-n", "3").out.splitlines()
    assert shown[0] == "2026-01-01T00:00:00.000Z info    line 4998"
    assert shown[2] == "no json [2J\ufffd"
    assert home.run("logs", "-n", "2", "--json").out.splitlines()[0] == entry(4999).decode().strip()
    assert home.run("logs", "-n", "0").out == ""
    assert len(home.run("logs", "-n", "4000").out.splitlines()) == 4000


def test_a_traceback_is_shown_in_lines(make_cli: Make) -> None:
    home = make_cli()
    home.paths.logs_folder.mkdir(parents=True)
    line = {
        "at": "now",
        "level": "error",
        "name": "x",
        "message": "it fell",
        "traceback": "Traceback:\n  File x\nZeroDivisionError",
    }
    (home.paths.logs_folder / "leadd.log").write_text(json.dumps(line) + "\n")
    assert home.run("logs").out.splitlines() == ["now error   it fell", "Traceback:", "  File x", "ZeroDivisionError"]


def test_no_line_is_lost_or_shown_twice_when_the_file_turns_over(tmp_path: Path) -> None:
    file = tmp_path / "leadd.log"
    file.write_bytes(entry(0) + entry(1)[:10])
    log = file.open("rb")
    seen = [json.loads(x)["message"] for x in _last(log, 10)]
    lines = _following(file, log)

    def take() -> None:
        seen.append(json.loads(next(lines))["message"])

    with file.open("ab") as out:
        out.write(entry(1)[10:] + entry(2))
    take()
    with file.open("ab") as out:
        out.write(entry(3))  # between its last look and the turning over
    os.rename(file, tmp_path / "leadd.log.1")
    file.write_bytes(entry(4))
    for _ in range(3):
        take()
    os.rename(file, tmp_path / "leadd.log.1")
    file.write_bytes(entry(5) + entry(6))
    take()
    take()
    assert seen == [f"line {n}" for n in range(7)]
    lines.close()  # type: ignore[attr-defined]


def test_following_a_daemon_ends_with_ctrl_c(make_cli: Make) -> None:
    home = make_cli()
    home.start()
    with subprocess.Popen(
        [sys.executable, "-m", "leadd", "logs", "-f", "-n", "1000"],
        env=home.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as following:
        assert following.stdout is not None
        assert following.stderr is not None
        line = b""
        while b"ready; listening" not in line:
            line = following.stdout.readline()
            assert line
        home.run("sources", "pause", "inbox")
        home.terminate()
        while b"stopped" not in line:
            line = following.stdout.readline()
            assert line
        following.send_signal(signal.SIGINT)
        assert following.wait(timeout=10) == 0
        assert following.stderr.read() == b""
    wait(lambda: home.run("status").code == 3)


def test_no_log_yet(here: Callable[..., Done]) -> None:
    done = here("logs")
    assert done.code == 1
    assert "leadd start writes one" in done.err


@pytest.mark.parametrize("flag", ["-f", "--follow"])
def test_following_nothing_does_not_wait_for_ever(here: Callable[..., Done], flag: str) -> None:
    assert here("logs", flag).code == 1
