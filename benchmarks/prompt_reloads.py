"""`python -m benchmarks.prompt_reloads`: prompts saved again and again while signals are read.

A whole core with a watch on a folder of prompts, and a model that answers at once. Files are saved in the ways of editors
(renamed into place, written in place, written in two halves); a share of them is broken. After each save the answer is waited
for, and the time from the end of the save to it is taken. In the end every signal must have its outcome, every answer must be
stamped with one valid version, and no question may have been put in the words of one version and the schema of another.
`--behaviour` measures a comparison of two versions over stored signals instead, all answers being in the cache on the
disk.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import random
import re
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from benchmarks.instant import MODEL, InstantModel
from benchmarks.rig import PERFORMANCE, open_core, settled
from benchmarks.texts import make_drafts
from leadd.api import ModelRequest, Reply, Role
from leadd.core.engine import Core
from leadd.core.prompts.prompt_cases import Trials
from leadd.core.prompts.prompt_desk import SAVED, PromptDesk
from leadd.core.prompts.prompt_lab import STAGES, PromptLab
from leadd.daemon.watching import FolderWatch
from leadd.prompting import packaged_folder

EDITION = re.compile(r"Edition (\d+)\.")
SHIPPED = (packaged_folder() / "classification.yaml").read_text(encoding="utf-8")
WHY = "why: {type: string, maxLength: 100}"
ANSWER_LIMIT_S = 30.0
MARKS = 97
"""How many different schemas there are: a longer field would be another prompt altogether."""


class NotingModel(InstantModel):
    """Answers at once, and notes with which version's words and which version's schema it was asked."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, lead_every=2)
        self.mixed: list[str] = []
        self.asked: Counter[int] = Counter()

    async def complete(self, request: ModelRequest) -> Reply:
        if request.role is Role.CLASSIFY and request.subject is not None:
            found = EDITION.search(request.messages[0].content)
            words = int(found[1]) if found else 0
            properties: Any = (request.schema or {}).get("properties", {})
            schema = int(properties["why"]["maxLength"]) - 100
            if words % MARKS != schema:
                self.mixed.append(f"words of {words}, schema of {schema}")
            self.asked[words] += 1
        return await super().complete(request)


def edition(number: int) -> str:
    """The shipped classification as another version, with its number in its words and in its schema."""
    text = SHIPPED.replace("version: 2", f"version: {number}", 1)
    text = text.replace("You read one text", f"Edition {number}. You read one text", 1)
    return text.replace(WHY, WHY.replace("100", str(100 + number % MARKS)), 1)


def broken(text: str, rng: random.Random) -> str:
    """The same with one of the mistakes that people make."""
    kind = rng.randrange(4)
    if kind == 0:
        return text[: rng.randrange(10, text.index("{{ signal }}"))]
    if kind == 1:
        return text.replace("{{ icp_description }}", "{{ icp_descripton }}", 1)
    if kind == 2:
        return text + "\nOne more rule after the text.\n"
    return text.replace("maxItems: 3", "maxItem: 3", 1)


def save(path: Path, text: str, way: int) -> None:
    """Write a file as one of three editors would."""
    if way == 0:
        half = path.with_name(f".{path.name}.swp")
        half.write_text(text, encoding="utf-8")
        half.replace(path)
    elif way == 1:
        path.write_text(text, encoding="utf-8")
    else:
        with path.open("w", encoding="utf-8") as file:
            file.write(text[: len(text) // 2])
            file.flush()
            file.write(text[len(text) // 2 :])


@asynccontextmanager
async def open_desk(core: Core, folder: Path) -> AsyncIterator[PromptDesk]:
    """The desk as the daemon has it."""
    folders = [folder, packaged_folder()]
    trials = Trials(folders)
    desk = PromptDesk(core.prompts, trials, core.store, core.events, logging.getLogger("bench.prompts"))
    await desk.open(core.prompts.load())
    yield desk


async def storm(home: Path, reloads: int, invalid: float, per_s: float, seed: int) -> dict[str, Any]:
    """Save `reloads` times while signals come in."""
    logging.getLogger("bench.prompts").setLevel(logging.CRITICAL)
    folder, rng, model = home / "prompts", random.Random(seed), NotingModel(home)
    folder.mkdir()
    took: list[float] = []
    counts: Counter[str] = Counter()
    wrong: list[str] = []
    async with open_core(home, model, MODEL, PERFORMANCE, [folder]) as core, open_desk(core, folder) as desk:
        watch = FolderWatch([folder])
        answered = asyncio.Event()
        done = asyncio.Event()
        accepted = 0

        async def take_up() -> float:
            await watch.changed()
            await desk.reload(SAVED)
            answered.set()
            return 0.0

        async def feed() -> None:
            nonlocal accepted
            began, number = time.monotonic(), 0
            while not done.is_set():
                batch = make_drafts(20, wanted=0.25, seed=seed * 1_000_003 + number)
                number += 1
                accepted += (await core.ingest(batch, source=f"b{number}")).new
                await asyncio.sleep(max(0.0, began + number * 20 / per_s - time.monotonic()))

        core.supervisor.add("prompts", take_up, only_waits=True)
        feeding = asyncio.ensure_future(feed())
        began = time.monotonic()
        valid: set[int] = {2}
        for number in range(3, reloads + 3):
            is_bad = rng.random() < invalid
            text = broken(edition(number), rng) if is_bad else edition(number)
            answered.clear()
            await asyncio.to_thread(save, folder / "classification.yaml", text, rng.randrange(3))
            saved = time.perf_counter()
            while True:
                await asyncio.wait_for(answered.wait(), ANSWER_LIMIT_S)
                answered.clear()
                report, now = desk.report, desk.book.in_force()["classification"].version
                if is_bad != report.applied and (is_bad or now == number):
                    break  # else it answered an earlier half of the same save
            took.append((time.perf_counter() - saved) * 1000)
            counts["rejected" if is_bad else "applied"] += 1
            if is_bad and (not report.problems or now not in valid):
                wrong.append(f"save {number}: rejected without a reason, or {now} went live")
            if not is_bad:
                valid.add(number)
        seconds = time.monotonic() - began
        done.set()
        await feeding
        await settled(core, accepted)
        journal = await _journal(core, valid)
        watch.close()
    took.sort()
    return {
        "reloads": reloads, "applied": counts["applied"], "rejected": counts["rejected"], "wrongly answered": wrong[:5],
        "save to answer ms, p50": round(took[len(took) // 2], 1), "p99": round(took[int(len(took) * 0.99)], 1),
        "max": round(took[-1], 1), "seconds": round(seconds, 1), "signals accepted": accepted,
        "signals a second": round(accepted / seconds, 1), "signals lost": accepted - journal["outcomes"],
        "classifications": sum(model.asked.values()), "versions that were asked with": len(model.asked),
        "answers of mixed versions": len(model.mixed), "answers of invalid versions": journal["invalid"]
        + sum(count for number, count in model.asked.items() if number and number not in valid),
        "answers stamped": journal["stamped"],
    }  # fmt: skip


async def _journal(core: Core, valid: set[int]) -> dict[str, int]:
    """Every stamp of the journal against what was kept of the versions that ran."""
    kept = {(f"{row.name}@{row.version}", row.content_hash) for row in await core.store.prompts.list()}
    stamped = invalid = after = 0
    last = (await core.store.signals.list(limit=1)).items[0].id
    while after < last:
        ids = list(range(after + 1, after + 501))
        for row in await core.store.judgements.answers_of(ids, "classify"):
            stamped += 1
            invalid += (row.prompt, row.prompt_hash) not in kept or int(row.prompt.split("@")[1]) not in valid
        after += 500
    outcomes = sum((await core.store.signals.counts()).by_outcome.values())
    return {"stamped": stamped, "invalid": invalid, "outcomes": outcomes}


async def behaviour(home: Path, count: int) -> dict[str, Any]:
    """Compare two versions over `count` stored signals: the one by the journal, the other by the cache on the disk."""
    folder, model = home / "prompts", NotingModel(home)
    folder.mkdir()
    found: dict[str, Any] = {}
    async with open_core(home, model, MODEL, PERFORMANCE, [folder]) as core, open_desk(core, folder) as desk:
        lab = PromptLab(core.store, core.inference, core.profiles, PERFORMANCE)
        accepted = (await core.ingest(make_drafts(count, wanted=1.0, seed=5), source="b")).new
        await settled(core, accepted)
        for name in STAGES:
            old = desk.book.pick(name)
            other = old.text.replace("version: 2", "version: 3").replace("A stranger wrote", "Some stranger wrote")
            await asyncio.to_thread((folder / f"{name}.yaml").write_text, other, encoding="utf-8")
            await desk.reload()
            filled = await lab.compare(old, desk.book.pick(name), last=count, calls=count)
            found[name] = {"calls to fill the cache": filled.calls}
    async with open_core(home, model, MODEL, PERFORMANCE, [folder]) as core, open_desk(core, folder) as desk:
        lab = PromptLab(core.store, core.inference, core.profiles, PERFORMANCE)
        for name in STAGES:
            old, new = await desk.find(name, "2"), desk.book.pick(name)
            began = time.perf_counter()
            done = await lab.compare(old, new, last=count)
            found[name] |= {
                "seconds": round(time.perf_counter() - began, 2), "signals": done.looked_at, "compared": done.compared,
                "settled": done.settled, "unknown": done.unknown, "origins": done.origins,
            }  # fmt: skip
    return found


def main(argv: list[str] | None = None) -> int:
    """Measure, and print JSON."""
    flags = argparse.ArgumentParser(prog="python -m benchmarks.prompt_reloads", description=__doc__)
    flags.add_argument("--reloads", type=int, default=10_000)
    flags.add_argument("--invalid", type=float, default=0.4)
    flags.add_argument("--per-s", type=float, default=200.0, help="signals a second")
    flags.add_argument("--seed", type=int, default=1)
    flags.add_argument("--behaviour", type=int, metavar="SIGNALS", help="compare two versions over so many signals instead")
    args = flags.parse_args(argv)
    with tempfile.TemporaryDirectory() as name:
        if args.behaviour:
            found = asyncio.run(behaviour(Path(name), args.behaviour))
        else:
            found = asyncio.run(storm(Path(name), args.reloads, args.invalid, args.per_s, args.seed))
    print(json.dumps(found, indent=1))
    bad = [
        found.get(key)
        for key in ("signals lost", "answers of mixed versions", "answers of invalid versions", "wrongly answered")
    ]
    return 1 if any(bad) else 0


if __name__ == "__main__":
    sys.exit(main())
