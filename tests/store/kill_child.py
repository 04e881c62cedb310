"""Works on a store and says so, until it is killed. Run by test_kill.py: a parent that forks one worker per order.

An order is one line of JSON: {"folder", "early", "delay_s"}; the answer is one line with all that the worker acknowledged.
With `early` the worker acknowledges before the commit, as a broken store would.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import sys
import time
from pathlib import Path

from leadd.api.clock import SystemClock
from leadd.api.icp import Icp
from leadd.store.rows import CompanyRef, IcpOutcome, LeadRecord, NewSignal, SinkRef
from leadd.store.store import Store


def acknowledge(fd: int, **what: object) -> None:
    os.write(fd, json.dumps(what).encode() + b"\n")


def new_signal(key: str) -> NewSignal:
    return NewSignal(source="inbox", text=f"text {key} " * 50, title=key, content_hash=key, dedupe_key=key)


async def work(store: Store, icp_id: int, name: str, fd: int) -> None:
    for number in itertools.count():
        key = f"{name}-{number}"
        row, _ = await store.signals.add_leased(name, new_signal(key))
        acknowledge(fd, signal=row.id, key=key)
        result = await store.leads.record(
            LeadRecord(
                signal_id=row.id,
                outcome="warm",
                method="model",
                per_icp=(IcpOutcome(icp_id, "marketing", True, 60 + number % 40, "warm" if number % 40 < 20 else "red_hot"),),
                company=CompanyRef(name=f"Firm {number % 7}", name_key=f"firm {number % 7}"),
                sinks=(SinkRef("jsonl"), SinkRef("webhook")),
            )
        )
        acknowledge(fd, lead=result.leads[0].lead_id, of_signal=row.id)
        await store.leads.verdict(result.leads[0].lead_id, "accept", key)
        acknowledge(fd, verdict=key)


async def work_early(store: Store, name: str, fd: int) -> None:
    for number in itertools.count():
        key = f"{name}-{number}"
        writing = asyncio.ensure_future(store.signals.add_many("inbox", [new_signal(key)]))
        await asyncio.sleep(0)
        acknowledge(fd, signal=None, key=key)
        await writing


async def main(folder: str, fd: int, early: bool) -> None:
    store = await Store.open(Path(folder), clock=SystemClock())
    await store.release_stale(f"boot-{os.getpid()}")
    icp = await store.icps.by_name("marketing")
    if icp is None:
        icp = await store.icps.add(Icp(name="marketing", description="whoever needs some marketing"))
    names = [f"{os.getpid()}.{n}" for n in range(8)]
    await asyncio.gather(*(work_early(store, n, fd) if early else work(store, icp.id, n, fd) for n in names))


def serve(order: dict[str, object]) -> list[object]:
    read_fd, write_fd = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(read_fd)
        try:
            asyncio.run(main(str(order["folder"]), write_fd, bool(order["early"])))
        finally:
            os._exit(1)
    os.close(write_fd)
    with os.fdopen(read_fd, "rb") as pipe:
        first = pipe.readline()
        time.sleep(float(str(order["delay_s"])))
        os.kill(pid, signal.SIGKILL)
        rest = pipe.read()
    os.waitpid(pid, 0)
    return [json.loads(line) for line in (first + rest).splitlines()]


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(serve(json.loads(line))), flush=True)
