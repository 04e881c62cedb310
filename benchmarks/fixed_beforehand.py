"""What thresholds that are fixed beforehand keep and spare on real ads: `python -m benchmarks.fixed_beforehand`.

Reads signals-dev.jsonl.gz from LEADD_EVAL_DATA and says so where it is missing. The rows of job boards whose label is known
come as a stream: companies in random order, the ads of a company in pieces of up to five between those of others. Every row
goes through `leadd.core.promises.promise` as in the daemon: scored, passed or dropped or drawn for an audit, counted;
what is read gets its label as the model's word. Each opening counts once: near duplicates are taken over from the first one.

'Wanted that passed' is over the whole stream so far, the time before the first threshold included, audits left out; 'recall of
the threshold' is the share of all wanted openings at or above the one in force now. Broken is a stream in which that is below
the promise. Spared are rows that nobody read. There are fewer openings than 5,000: rows come again, in another order, once all
have come. They are then counted as evidence again, which a real stream would not do, so figures beyond the number of openings
are somewhat too good.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmarks.choosing import TASKS
from benchmarks.prefilter_recall import data_folder, read_rows
from leadd.api import Icp, Signal
from leadd.core.prefilter import CompiledIcp
from leadd.core.profiles import Profile
from leadd.core.promises import promise as promises
from leadd.core.promises.icp_scorer import Words, read_words
from leadd.core.promises.promise import Promise, Terms
from leadd.store.choice_rows import ChoiceCounts, ChoiceRow, ChooserRow

BATCH = 64


@dataclass(frozen=True, slots=True)
class Row:
    """An ad: its signal, its words, whether it is wanted, and its company."""

    signal: Signal
    words: Words
    wanted: bool
    company: str


@dataclass(frozen=True, slots=True)
class Look:
    """What was true after so many rows, over the whole stream so far: shares of all rows, and of the wanted ones."""

    rows: int
    threshold: float
    kept: float
    true_recall: float
    passed: float
    read: float
    alarms: int


def main(argv: list[str] | None = None) -> int:
    """Print the figures; 0 also where there is no data."""
    flags = argparse.ArgumentParser(prog="python -m benchmarks.fixed_beforehand", description=__doc__)
    flags.add_argument("--task", choices=sorted(TASKS), action="append")
    flags.add_argument("--streams", type=int, default=20, help="orders of the companies")
    flags.add_argument("--rows", type=int, nargs="+", default=[1000, 3000, 5000])
    flags.add_argument("--recall", type=float, default=0.95)
    args = flags.parse_args(argv)
    file = data_folder() / "signals-dev.jsonl.gz"
    if not file.exists():
        print(f"skipped: {file} is missing (set LEADD_EVAL_DATA)")
        return 0
    found = [r for r in read_rows(file) if not r["source"].startswith("hn")]
    for name in args.task or TASKS:
        rows = rows_of(found, name)
        began = time.perf_counter()
        looks = [run(rows, name, seed, args.rows, Terms(recall=args.recall)) for seed in range(args.streams)]
        show(name, rows, looks, args, time.perf_counter() - began)
    return 0


def rows_of(found: list[dict[str, Any]], task: str) -> list[Row]:
    """One row for each opening: the first of a group of near duplicates."""
    known = [r for r in found if r["labels"].get(task) is not None]
    seen: set[str] = set()
    made = []
    for number, row in enumerate(known):
        group = row["dup_group"] or row["id"]
        if group in seen:
            continue
        seen.add(group)
        signal = Signal(number, row["source"], row["text"], row["title"] or "", str(row["id"]), 0)
        words = read_words(signal.title, signal.text, signal.source, None)
        company = row["company"] or row["meta"].get("company_key") or row["id"]
        made.append(Row(signal, words, bool(row["labels"][task]), company))
    return made


def stream(rows: list[Row], seed: int, count: int) -> Iterator[Row]:
    """Companies in random order, its ads in pieces of up to five; again in another order where more are needed."""
    rng = random.Random(seed)
    given = 0
    while given < count:
        by: dict[str, list[Row]] = {}
        for row in rows:
            by.setdefault(row.company, []).append(row)
        pieces = [own[i : i + 5] for own in by.values() for i in range(0, len(own), 5)]
        rng.shuffle(pieces)
        for piece in pieces:
            yield from piece
            given += len(piece)


def run(rows: list[Row], task: str, seed: int, looks: list[int], terms: Terms) -> list[Look]:
    """One stream through one promise; what was true at each look."""
    icp = Icp(name="task", description=TASKS[task])
    profile = Profile(1, icp, CompiledIcp.of(icp), "", 0)
    promise = Promise.open(ChooserRow(1, 1, "", 0, "", ""), profile, {}, terms)
    counts = np.zeros((2, len(promises.GRID)), dtype=int)
    found: list[Look] = []
    came = wanted = wanted_passed = passed = read = number = 0
    pending: list[Row] = []
    for row in stream(rows, seed, max(looks) + BATCH):
        pending.append(row)
        if len(pending) < BATCH:
            continue
        choices = promise.choose([r.signal for r in pending], [r.words for r in pending])
        evidence = []
        for one, choice in zip(pending, choices, strict=True):
            came += 1
            number += 1
            wanted += one.wanted
            wanted_passed += one.wanted and choice.passed
            passed += choice.passed
            read += choice.goes_on
            counts[int(choice.passed), choice.bin] += 1
            if choice.goes_on:
                evidence.append(ChoiceRow(number, one.signal.id, choice.score, choice.policy, choice.audited, one.wanted))
        pending = []
        if promise.certifier is None:
            if promise.is_known:
                counts[:] = 0
                promise = Promise.open(promise.successor(terms, deciding=""), profile, {}, terms)
        else:
            arrived = [{place: int(n) for place, n in enumerate(one) if n} for one in counts]
            promise.take(evidence, ChoiceCounts(arrived[1], arrived[0]))
            promise.settle()
        while len(found) < len(looks) and came >= looks[len(found)]:
            found.append(_look(promise, rows, came, wanted_passed / max(1, wanted), passed / came, read / came))
    return found


def _look(promise: Promise, rows: list[Row], came: int, kept: float, passed: float, read: float) -> Look:
    threshold = promise.policy.threshold
    scores = promise.scorer.score([row.words for row in rows if row.wanted]).scores
    alarms = promise.certifier.alarms if promise.certifier else 0
    return Look(came, threshold, kept, float((scores >= threshold).mean()), passed, read, alarms)


def show(name: str, rows: list[Row], looks: list[list[Look]], args: argparse.Namespace, seconds: float) -> None:
    """A table for one task."""
    share = sum(row.wanted for row in rows) / len(rows)
    print(f"\n{name}: {len(rows)} openings, {share:.1%} wanted, {len(looks)} streams, {seconds:.0f} s")
    print("rows   threshold     wanted that passed  recall of the threshold   passed   read   spared   broken   alarms")
    for place in range(len(args.rows)):
        at = [stream_looks[place] for stream_looks in looks]
        broken = sum(look.true_recall < args.recall for look in at)
        print(
            f"{at[0].rows:<6} {_mean(at, 'threshold'):.3f} {_span(at, 'threshold'):<14} {_mean(at, 'kept'):<8.3f}"
            f" {_span(at, 'kept'):<15} {_mean(at, 'true_recall'):.3f} {_span(at, 'true_recall'):<15}"
            f" {_mean(at, 'passed'):<8.3f} {_mean(at, 'read'):<6.3f} {1 - _mean(at, 'read'):<8.3f} {broken}/{len(at):<6}"
            f" {sum(look.alarms for look in at)}"
        )


def _mean(looks: list[Look], what: str) -> float:
    return float(np.mean([getattr(look, what) for look in looks]))


def _span(looks: list[Look], what: str) -> str:
    values = [getattr(look, what) for look in looks]
    return f"({min(values):.2f}-{max(values):.2f})"


if __name__ == "__main__":
    sys.exit(main())
