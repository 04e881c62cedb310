"""How often an experiment decides rightly, looked at after every outcome: `python benchmarks/experiment_power.py`.

Runs are drawn at random with a fixed seed and go through the bets of `leadd.learn.proofs.experiments`, all runs at once; some
go through `Experiment` itself as well, and must end alike. `--quick` is a small form that shows that everything works.
The interval of the difference is looked at after every 20 outcomes.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np

from leadd.learn.proofs.differences import Counts, difference_interval
from leadd.learn.proofs.experiments import GAINS, HARMS, Experiment, Rule

Array = np.ndarray[Any, np.dtype[Any]]
SEED = 6
RULE = Rule()


@dataclass(frozen=True, slots=True)
class Result:
    """What came of all the runs of one kind: shares, and the outcomes until a decision (the middle one)."""

    name: str
    runs: int
    promoted: float
    rolled_back: float
    outcomes: float


def main(argv: list[str] | None = None) -> int:
    """Measure and print; 0 whatever the figures are."""
    flags = argparse.ArgumentParser(description=__doc__)
    flags.add_argument("--quick", action="store_true", help="few runs; no figures to quote")
    args = flags.parse_args(argv)
    print("kind                           runs  promoted  rolled back  outcomes (median)")
    for r in results(quick=args.quick):
        print(f"{r.name:28} {r.runs:6,}  {r.promoted:8.2%}  {r.rolled_back:11.2%}  {r.outcomes:8,.0f}")
    print(f"runs that the class itself ends otherwise: {disagreements(3 if args.quick else 40)}")
    for line in outside(3 if args.quick else 100):
        print(line)
    print(f"interval of the difference: misses the truth at some look in {uncovered(20 if args.quick else 300):.1%} of runs")
    return 0


def outside(runs: int) -> list[str]:
    """What another's betting test of the difference (ville.BettingABTest, two-sided at 5%) finds on such streams; nothing
    where it is not installed."""
    if importlib.util.find_spec("ville") is None:
        return ["ville is not installed: pip install '.[bench]'"]
    import ville  # noqa: PLC0415 - not everybody has it

    lines = []
    for name, rate_b, count in (("A/A 30%", 0.3, 1200), ("lift 30% to 40%", 0.4, 1200), ("harm 30% to 15%", 0.15, 300)):
        found = 0
        ends: list[str] = []
        for seed in range(runs):
            rng = np.random.default_rng([SEED, seed])
            in_b = rng.random(count) < 0.5
            good = rng.random(count) < np.where(in_b, rate_b, 0.3)
            test = ville.BettingABTest(grid=2000).update(good.astype(float), in_b.astype(float))
            found += test.stopping_time() is not None
            one = Experiment("outside")
            decided = [one.observe("B" if b else "A", bool(g)) for b, g in zip(in_b, good, strict=True)]
            ends.append(decided[-1])
        ours = ", ".join(f"{word} {ends.count(word) / runs:.1%}" for word in ("promote", "roll back"))
        lines.append(f"{name:28} {runs:6,}  ville finds a difference in {found / runs:.1%}; ours on the same streams: {ours}")
    return lines


def results(*, quick: bool = False) -> list[Result]:
    """All the kinds of runs: A/A, a lift, harm, unequal shares."""
    few = 300 if quick else 2000
    return [
        run("A/A 30%, share 50%", 0.3, 0.3, 400 if quick else 10_000, 800 if quick else 3000),
        run("A/A 30%, share 20%", 0.3, 0.3, 400 if quick else 10_000, 800 if quick else 3000, share=0.2),
        run("A/A 5%, share 50%", 0.05, 0.05, few, 800 if quick else 3000),
        run("lift 30% to 40%", 0.3, 0.4, few, 1200),
        run("lift 30% to 40%, share 20%", 0.3, 0.4, few, 1200, share=0.2),
        run("harm 30% to 15%", 0.3, 0.15, few, 300),
        run("harm 30% to 10%", 0.3, 0.10, few, 300),
        run("harm 30% to 20%, 1,200", 0.3, 0.20, few, 1200),
    ]


def run(name: str, rate_a: float, rate_b: float, runs: int, outcomes: int, *, share: float = 0.5) -> Result:
    """Many runs of one kind, looked at after every outcome."""
    rng = np.random.default_rng(SEED)
    promoted = rolled = 0
    ends: list[Array] = []
    for start in range(0, runs, 500):
        count = min(500, runs - start)
        arms, goods = drawn(rng, count, outcomes, rate_a, rate_b, share)
        better, worse = evidence(arms, goods, share)
        up, down = first(better, math.log(1 / RULE.promote_level)), first(worse, math.log(1 / RULE.harm_level))
        promoted += int(((up < down) & (up < outcomes)).sum())
        rolled += int(((down < up) & (down < outcomes)).sum())
        ends.append(np.minimum(np.minimum(up, down) + 1, outcomes))
    return Result(name, runs, promoted / runs, rolled / runs, float(np.median(np.concatenate(ends))))


def drawn(rng: Any, runs: int, outcomes: int, rate_a: float, rate_b: float, share: float) -> tuple[Array, Array]:
    """Arms (true is B) and outcomes, one row for each run."""
    arms = rng.random((runs, outcomes)) < share
    return arms, rng.random((runs, outcomes)) < np.where(arms, rate_b, rate_a)


def evidence(arms: Array, goods: Array, share: float) -> tuple[Array, Array]:
    """The logarithms of the evidence for 'better' and 'worse' after every outcome."""
    seen = np.arange(arms.shape[1])
    rate = (np.cumsum(goods, 1) - goods + 1) / (seen + 2)
    middle = np.log(rate / (1 - rate))
    both: list[Array] = []
    for sign, effects in ((1, GAINS), (-1, HARMS)):
        logs = []
        for effect, weight in effects:
            a = 1 / (1 + np.exp(-(middle - share * sign * effect)))
            b = 1 / (1 + np.exp(-(middle + (1 - share) * sign * effect)))
            a, b = np.where(goods, a, 1 - a), np.where(goods, b, 1 - b)
            logs.append(math.log(weight) + np.cumsum(np.log(np.where(arms, b, a) / (share * b + (1 - share) * a)), 1))
        both.append(np.logaddexp.reduce(logs))
    return both[0], both[1]


def first(values: Array, needed: float) -> Array:
    """The place where each row first reaches what is needed; its length where it never does."""
    reached = values >= needed
    return np.where(reached.any(1), reached.argmax(1), values.shape[1])


def disagreements(runs: int) -> int:
    """Runs that `Experiment` ends otherwise than the bets all at once (futility put aside)."""
    rng = np.random.default_rng(SEED + 1)
    arms, goods = drawn(rng, runs, 600, 0.3, 0.4, 0.35)
    better, worse = evidence(arms, goods, 0.35)
    up, down = first(better, math.log(1 / RULE.promote_level)), first(worse, math.log(1 / RULE.harm_level))
    odd = 0
    for arm, good, at_up, at_down in zip(arms, goods, up, down, strict=True):
        experiment = Experiment("bench", 0.35, Rule(least_lift=0.0, confidence=1 - 1e-12))
        said = ["go on"]
        for one, well in zip(arm, good, strict=True):
            said.append(experiment.observe("B" if one else "A", bool(well)))
        told = next((place for place, action in enumerate(said) if action != "go on"), 601) - 1
        odd += told != min(at_up, at_down) or (told < 600 and said[-1] != ("promote" if at_up < at_down else "roll back"))
    return odd


def uncovered(runs: int) -> float:
    """The share of runs in which the interval misses the true difference at some of its looks (one every 20 outcomes)."""
    rng = np.random.default_rng(SEED + 2)
    arms, goods = drawn(rng, runs, 600, 0.3, 0.4, 0.5)
    missed = 0
    for arm, good in zip(arms, goods, strict=True):
        for end in range(20, 601, 20):
            a, g = arm[:end], good[:end]
            counts = Counts(int((g & ~a).sum()), int((~a).sum()), int((g & a).sum()), int(a.sum()))
            low, high = difference_interval(counts)
            if not low <= 0.1 <= high:
                missed += 1
                break
    return missed / runs


if __name__ == "__main__":
    sys.exit(main())
