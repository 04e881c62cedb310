"""The fake Ollama of a bench in a process of its own, so that it shares no event loop with what is measured.

`python -m leadd.bench.server` reads one line of JSON from standard input (the machine and the truths), prints its address,
serves until its standard input ends, and prints last how many texts its judge did not know.
"""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from typing import Any

from leadd.bench.judge import Judge, Truth
from leadd.bench.machine import LARGE, SMALL, Machine
from leadd.testing.ollama import FakeOllama

MODELS = (SMALL, LARGE)
END_S = 10.0


@dataclass(slots=True)
class Server:
    """A server that runs. `unknown` counts, after its end, the questions about texts that its judge did not know."""

    url: str
    machine: Machine
    unknown: int = 0

    def stats(self) -> dict[str, Any]:
        """Everything that it counted so far."""
        with urllib.request.urlopen(f"{self.url}/__leadd__/stats", timeout=30) as answer:
            found: dict[str, Any] = json.load(answer)
        return found


@contextmanager
def serving(machine: Machine, truths: Sequence[Truth], models: Sequence[str] = MODELS) -> Iterator[Server]:
    """A server on a free port, until the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-m", "leadd.bench.server"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        asked = {"machine": machine.as_dict(), "truths": [astuple(truth) for truth in truths], "models": list(models)}
        process.stdin.write(json.dumps(asked) + "\n")
        process.stdin.flush()
        first = process.stdout.readline()
        if not first:
            raise RuntimeError("the fake Ollama did not start")
        server = Server(json.loads(first)["url"], machine)
        yield server
        process.stdin.close()
        server.unknown = json.loads(process.stdout.readline() or "{}").get("unknown", 0)
    finally:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    if process.stdin is not None and not process.stdin.closed:
        process.stdin.close()
    try:
        process.wait(END_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


async def serve(asked: dict[str, Any]) -> None:
    """Serve until standard input ends."""
    machine = Machine(**asked["machine"])
    judge = Judge(Truth(*values) for values in asked["truths"])
    fake = FakeOllama(
        machine.version, models=asked["models"], speeds=machine.speeds(), limits=machine.limits(), time_scale=machine.scale,
        oracle=judge, sliding_window=True,
    )  # fmt: skip
    async with fake:
        print(json.dumps({"url": fake.url}), flush=True)
        await asyncio.to_thread(sys.stdin.read)
    print(json.dumps({"unknown": judge.unknown}), flush=True)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the bench, which closes our standard input
    asyncio.run(serve(json.loads(sys.stdin.readline())))
