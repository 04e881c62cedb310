"""What 50 verdicts do for the top of the list, chosen or drawn at random: `python -m benchmarks.asking`.

Reads signals-dev.jsonl.gz from LEADD_EVAL_DATA and says so where it is missing. For each of 30 seeds, companies are split in
two: signals of one part are asked about (50, in rounds of 10, learning after each; or 50 at random), and the precision of the
top 20 is taken among those of the other part, near duplicates counting once. Differences are paired by seed, the interval is
that of their mean (bootstrap over seeds). Each task is measured with the ICP that names the function, whose top is nearly
right from the start, and with one that describes the user's own trade.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

import numpy as np

from benchmarks.choosing import TASKS, Data, Task, load, read_task
from benchmarks.prefilter_recall import data_folder
from leadd.learn.figures.measures import labelled, precision_among
from leadd.learn.scoring.asking import Mix, choose
from leadd.learn.scoring.scorer import Verdicts, fit, untaught

VAGUE = {
    "marketing_role": "I help young companies to be seen and to win more customers",
    "sales_role": "I help companies to close more business with larger clients",
    "people_role": "I help growing companies to find good staff and to keep them",
}
"""ICPs as people write them who describe what they do rather than whom their customers hire: no function is named."""

VERDICTS = 50
ROUND = 10
TOP = 20


def main(argv: list[str] | None = None) -> int:
    """Print the figures; 0 also where there is no data."""
    flags = argparse.ArgumentParser(prog="python -m benchmarks.asking", description=__doc__)
    flags.add_argument("--seeds", type=int, default=30)
    flags.add_argument("--mix", type=float, nargs=3, default=None, metavar=("UNCERTAIN", "HOT", "AUDITED"))
    flags.add_argument("--task", choices=sorted(TASKS), action="append", help="this task only (may be repeated)")
    flags.add_argument("--vague-only", action="store_true", help="only the ICPs that name no function")
    args = flags.parse_args(argv)
    if not (data_folder() / "signals-dev.jsonl.gz").exists():
        print("skipped: signals-dev.jsonl.gz is missing (set LEADD_EVAL_DATA)")
        return 0
    data = load()
    mix = Mix(*args.mix) if args.mix else Mix()
    for name, sentence in TASKS.items():
        if args.task and name not in args.task:
            continue
        if not args.vague_only:
            report(name, data, read_task(data, name, sentence), args.seeds, mix)
        report(f"{name}, vaguely", data, read_task(data, name, VAGUE[name]), args.seeds, mix)
    return 0


def report(name: str, data: Data, task: Task, seeds: int, mix: Mix) -> None:
    """One line for a task."""
    runs = np.array([one_seed(data, task, seed, mix) for seed in range(seeds)])
    none, drawn, chosen = runs.mean(axis=0)
    over_none, over_drawn = interval(runs[:, 2] - runs[:, 0]), interval(runs[:, 2] - runs[:, 1])
    print(
        f"{name:24} precision@{TOP}: none {none:.1%}, {VERDICTS} at random {drawn:.1%}, {VERDICTS} chosen {chosen:.1%}; "
        f"chosen - none {(chosen - none):+.1%} [{over_none[0]:+.1%}, {over_none[1]:+.1%}], "
        f"chosen - random {(chosen - drawn):+.1%} [{over_drawn[0]:+.1%}, {over_drawn[1]:+.1%}]",
        flush=True,
    )


def interval(differences: Any) -> tuple[float, float]:
    """The 95% interval of their mean."""
    draw = np.random.default_rng(3)
    means = [draw.choice(differences, len(differences)).mean() for _ in range(2000)]
    return float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def one_seed(data: Data, task: Task, seed: int, mix: Mix) -> tuple[float, float, float]:
    """Precision among the top of the other companies: without verdicts, with random ones, with chosen ones."""
    draw = np.random.default_rng(seed)
    names = sorted({data.companies[p] for p in task.places})
    asked_about = set(draw.permutation(names)[: len(names) // 2].tolist())
    pool = np.array([p for p in task.places if data.companies[p] in asked_about])
    rest = once([p for p in task.places if data.companies[p] not in asked_about], data)
    batch = task.batch
    before = untaught(batch.strengths.shape[1], batch.vectors.shape[1]).score(batch.take(rest))
    by_chance = learnt(task, draw.choice(pool, VERDICTS, replace=False), rest)
    return (
        top(before, task, rest),
        top(by_chance, task, rest),
        top(learnt(task, asked(data, task, pool, seed, mix), rest), task, rest),
    )


def once(places: list[int], data: Data) -> Any:
    """One of each duplicate group."""
    seen: set[str] = set()
    kept = []
    for place in places:
        group = data.rows[place]["dup_group"]
        if group is None or group not in seen:
            kept.append(place)
        seen.add(group)
    return np.array(kept)


def asked(data: Data, task: Task, pool: Any, seed: int, mix: Mix) -> Any:
    """Places that are asked about, round by round, from what the rounds before have taught."""
    companies = [data.companies[p] for p in pool]
    groups = [data.rows[p]["dup_group"] for p in pool]
    known: list[int] = []
    scorer = untaught(task.batch.strengths.shape[1], task.batch.vectors.shape[1])
    while len(known) < VERDICTS:
        odds = scorer.score(task.batch.take(pool))
        found = choose(
            odds, count=ROUND, companies=companies, groups=groups, judged=known, seed=seed * 100 + len(known), mix=mix
        )
        known += [one.place for one in found]
        places = pool[known]
        scorer = fit(task.batch.take(places), Verdicts.of(task.wanted[places]))
    return pool[known]


def learnt(task: Task, places: Any, rest: Any) -> Any:
    """Scores of the rest after verdicts on some."""
    return fit(task.batch.take(places), Verdicts.of(task.wanted[places])).score(task.batch.take(rest))


def top(scores: Any, task: Task, rest: Any) -> float:
    """The precision among the highest scores."""
    return precision_among(labelled(scores, task.wanted[rest]), TOP)


if __name__ == "__main__":
    sys.exit(main())
