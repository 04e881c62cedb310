"""Real Redis servers for tests: each on a free loopback port, with a folder of its own, and nothing kept on disk."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

PROGRAM = shutil.which("redis-server")
CLI = shutil.which("redis-cli")
OPENSSL = shutil.which("openssl")
PATIENCE_S = 20.0


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


class RedisServer:
    """One server process. `options` are lines of its settings, such as `["--requirepass", "x"]`."""

    def __init__(self, folder: Path, *options: str, port: int | None = None, sentinel: bool = False) -> None:
        self.folder = folder
        self.port = free_port() if port is None else port
        self.options = list(options)
        self.is_sentinel = sentinel
        self.password = ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> RedisServer:
        assert PROGRAM is not None
        self.folder.mkdir(parents=True, exist_ok=True)
        if self.is_sentinel:
            file = self.folder / "sentinel.conf"
            command: Sequence[str] = (PROGRAM, str(file), "--sentinel", "--port", str(self.port), "--bind", "127.0.0.1")
        else:
            port = () if "--port" in self.options else ("--port", str(self.port))
            command = (
                PROGRAM, *port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no",
                "--dir", str(self.folder), *self.options,
            )  # fmt: skip
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder
        )
        ends = time.monotonic() + PATIENCE_S
        while not self._answers():
            assert self._process.poll() is None, "redis-server ended at once"
            assert time.monotonic() < ends, "redis-server does not answer"
            time.sleep(0.02)
        return self

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as there:
                if "--tls-port" in self.options:
                    return True
                there.sendall(b"PING\r\n")
                return there.recv(1) in (b"+", b"-")
        except OSError:
            return False

    def kill(self) -> None:
        """End it at once, as a crash would."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait(PATIENCE_S)

    def pause(self) -> None:
        """Let it hang, with all its connections open, until `go_on`."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def ask(self, *command: str) -> str:
        """What redis-cli says to a command."""
        assert CLI is not None
        login = ("-a", self.password, "--no-auth-warning") if self.password else ()
        call = (CLI, "-h", "127.0.0.1", "-p", str(self.port), *login, *command)
        return subprocess.run(call, check=True, capture_output=True, text=True, timeout=PATIENCE_S).stdout.strip()
