"""The command line as people use it: in a process of its own, on a terminal, or called here where that is enough."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import struct
import subprocess
import sys
import termios
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from daemon_parts import Home

from leadd.cli.main import main

HOSTILE = "\x1b]0;owned\x07\x1b[2Jclear\u202egnirts\nlead 1: forged, 100 of 100\r\x9b31m"
"""What an author could put into a title to drive a terminal or to forge a line."""

OWN_PROCESS = {"start", "restart", "run", "demo"}


@dataclass
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Standard output as JSON; fails where anything else stands there."""
        return json.loads(self.out)

    @property
    def rows(self) -> list[list[str]]:
        """Standard output as tab-separated cells, without the headings."""
        return [line.split("\t") for line in self.out.splitlines()[1:]]


class Cli(Home):
    """A home with the command line on it."""

    def run(self, *args: str, given: str | bytes = b"", cwd: Path | None = None, **environ: str) -> Done:
        """Run `leadd ARGS`; standard input is no terminal. What starts a daemon, reads input or is given an environment
        gets a process of its own; the others are called here, which is twenty times as quick."""
        if args[0] in OWN_PROCESS or given or cwd or environ:
            return self._in_a_process(args, given.encode() if isinstance(given, str) else given, cwd, environ)
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        with (
            mock.patch.dict(os.environ, self.environ, clear=True),
            mock.patch.multiple(sys, argv=["leadd", *args], stdin=io.TextIOWrapper(io.BytesIO()), stdout=out, stderr=err),
            pytest.raises(SystemExit) as ended,
        ):
            main()
        assert isinstance(ended.value.code, int)
        return Done(ended.value.code, *(_text(stream) for stream in (out, err)))

    def _in_a_process(self, args: tuple[str, ...], given: bytes, cwd: Path | None, environ: dict[str, str]) -> Done:
        done = subprocess.run(
            [sys.executable, "-m", "leadd", *args],
            env=self.environ | environ,
            input=given,
            capture_output=True,
            timeout=60,
            check=False,
            cwd=cwd or self.folder,
        )
        return Done(done.returncode, done.stdout.decode(), done.stderr.decode())

    def on_terminal(self, *args: str, columns: int = 100, typed: str = "") -> tuple[int, str]:
        """Run `leadd ARGS` on a terminal of its own; exit code and all that it wrote."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.execvpe(sys.executable, [sys.executable, "-m", "leadd", *args], self.environ | {"TERM": "xterm-256color"})
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        if typed:
            os.write(terminal, typed.encode())
        written = b""
        try:
            while piece := os.read(terminal, 65_536):
                written += piece
        except OSError:
            pass  # Linux ends a terminal whose other side is gone with EIO
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), written.decode()


def _text(stream: io.TextIOWrapper) -> str:
    stream.flush()
    raw = stream.detach()
    assert isinstance(raw, io.BytesIO)
    return raw.getvalue().decode()
