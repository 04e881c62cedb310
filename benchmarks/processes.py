"""Real processes: a fake Ollama that takes no time, and the daemon on a home of its own."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.texts import ICP
from leadd.config.paths import Paths

MODELS = ("gemma3:1b", "gemma3:4b")


@contextmanager
def fake_ollama() -> Iterator[str]:
    """The address of a fake Ollama in a process of its own, in which nothing takes any time."""
    process = subprocess.Popen(
        [sys.executable, "-m", "leadd.testing.ollama", "--port", "0", "--zero", "--slots", "16", "--models", ",".join(MODELS)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        yield process.stdout.readline().rsplit(" ", 1)[1].strip()
    finally:
        _end(process)
        if process.stdout is not None:
            process.stdout.close()


@dataclass(slots=True)
class RunningDaemon:
    """A daemon that is ready. `ready_s` is the time from the start of its process to the first answer 200 of /readyz."""

    process: subprocess.Popen[bytes]
    paths: Paths
    ready_s: float
    ready_cpu_s: float

    def connect(self) -> http.client.HTTPConnection:
        """A connection to its socket."""
        return _SocketConnection(self.paths.socket_file)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One exchange of JSON."""
        connection = self.connect()
        try:
            connection.request(method, path, None if body is None else json.dumps(body), {"Content-Type": "application/json"})
            answer = connection.getresponse()
            data = answer.read()
            if answer.status >= 400:
                raise RuntimeError(f"{method} {path}: {answer.status} {data[:300]!r}")
            return json.loads(data)
        finally:
            connection.close()

    def stream(self, path: str, body: bytes, content_type: str) -> bytes:
        """A POST whose answer is read while its body is still being sent, as it must be where answers come line by line."""
        head = (
            f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
            link.settimeout(600)
            link.connect(str(self.paths.socket_file))
            sending = threading.Thread(target=link.sendall, args=(head.encode() + body,))
            sending.start()
            pieces = []
            while piece := link.recv(1 << 18):
                pieces.append(piece)
            sending.join()
        answer = b"".join(pieces)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(f"{path}: {answer[:300]!r}")
        return answer

    def memory_mb(self) -> float:
        """Resident memory of the process, megabytes."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1]) / 1024
        return 0.0


@contextmanager
def daemon(folder: Path, settings: dict[str, Any]) -> Iterator[RunningDaemon]:
    """The daemon in a process of its own, ready."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    paths = Paths.under(folder)
    paths.config_file.write_text(json.dumps({"control": {"http": {"enabled": False}}, **settings}))
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("LEADD_", "OLLAMA_"))} | {"LEADD_HOME": str(folder)}
    with (folder / "words.txt").open("wb") as words:
        began = time.perf_counter()
        process = subprocess.Popen(
            [sys.executable, "-m", "leadd", "start", "--foreground", "--quiet"],
            env=environ, stdout=words, stderr=words, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        try:
            while not _is_ready(paths.socket_file):
                if process.poll() is not None or time.perf_counter() - began > 60:
                    raise RuntimeError((folder / "words.txt").read_text())
                time.sleep(0.005)
            ready_s = time.perf_counter() - began
            yield RunningDaemon(process, paths, ready_s, _cpu_s(process.pid))
        finally:
            _end(process)


def with_icp(running: RunningDaemon) -> None:
    """Put the benchmarks' ICP in force."""
    running.ask("POST", "/api/icp/", json.loads(ICP.model_dump_json()))


def bare_start_s(code: str) -> float:
    """Seconds of CPU that the interpreter needs for a line of code: what no daemon in Python can be quicker than."""
    before = os.times()
    subprocess.run([sys.executable, "-c", code], check=True)
    after = os.times()
    return after.children_user + after.children_system - before.children_user - before.children_system


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _is_ready(path: Path) -> bool:
    if not path.exists():
        return False
    connection = _SocketConnection(path)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _end(process: subprocess.Popen[Any]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(timeout=20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class _SocketConnection(http.client.HTTPConnection):
    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=600)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.connect(str(self._path))
