"""What the joined evidence of triage keeps and drops: `python benchmarks/triage_evidence.py`.

Reads signals-dev.jsonl.gz from LEADD_EVAL_DATA and says so where it is missing. The signals are those that the shipped
prefilter passes, the truth is the publisher's own label. The model is simulated: it says yes to nearly everything, and its
log-odds tell wanted signals from others with an AUC of .80, of .54 (what small models reach on such ads), or not at all. The
words are real, so are the vectors (WordLlama), which are left out where they are not installed.

Signals go through `leadd.learn.Desk` one by one, as in the daemon. First with the weights that ship, over all of them; then,
for every other company, after 300 verdicts on leads of the rest (all of them, where there are fewer), the classification being
right about 95% of the wanted and 70% of the others. Recall is that of this stage alone, among what the
prefilter passed. Means over 20 draws, with the range of nine draws in ten.

Measured on the development part, on which the prior weights were chosen too (AUC of the words .94, of the vectors .74; 1,310
marketing signals passed, 361 wanted):

| model | shipped: recall, others dropped, asked | after 300 verdicts |
|---|---|---|
| .80 | 99.4%, 36%, 70% | 98.7%, 46%, 71% |
| .54 | 99.3%, 11%, 54% | 98.6%, 29%, 23% |
| .50 | 99.5%, 7%, 44% | 98.6%, 28%, 21% |
| .80 and vectors | 99.0%, 39%, 70% | 98.0%, 53%, 76% |
| .54 and vectors | 98.4%, 18%, 53% | 97.5%, 39%, 24% |

For people and finance roles (124 and 106 wanted) the shipped weights keep 99.0% and 98.4% with the good model, 98.5% and 97.9%
with the weak one. Half of those is too few to teach much: 97.5% to 98.9% after verdicts, of companies never seen.
"""

from __future__ import annotations

import random
import sys
from typing import Any

import numpy as np
from evidence_quality import auc as area
from prefilter_recall import TASKS, data_folder, read_rows, signal_of

from leadd.builtin.evidence_vectors import Vectors, VectorsMissing
from leadd.core.icp_templates import TEMPLATES
from leadd.core.prefilter import CompiledIcp, Keep, judge
from leadd.learn import Desk, Facts, Known, strength

THRESHOLD = 20.0
WORTH_FROM = 0.5
DRAWS = 20
VERDICTS = 300
MODELS = {".80": 1.19, ".54": 0.142, ".50": 0.0}
"""How far apart the log-odds of wanted and other signals lie, in deviations, for each AUC."""


def main() -> int:
    """Print the figures; 0 also where there is no data."""
    file = data_folder() / "signals-dev.jsonl.gz"
    if not file.exists():
        print(f"skipped: {file} is missing (set LEADD_EVAL_DATA)")
        return 0
    rows = read_rows(file)
    try:
        vectors: Vectors | None = Vectors.load()
    except VectorsMissing as missing:
        print(f"without vectors only: {missing}")
        vectors = None
    for task, template in TASKS.items():
        passed = [row for row in rows if row["labels"].get(task) is not None]
        report(passed, task, template, vectors)
    return 0


def report(rows: list[dict[str, Any]], task: str, template: str, vectors: Vectors | None) -> None:
    """One task: what the stage does with each model, without and with vectors."""
    icp = TEMPLATES[template]
    compiled = CompiledIcp.of(icp)
    found = [(row, judge(signal_of(row), compiled, threshold=THRESHOLD, min_chars=40)) for row in rows]
    kept = [(row, verdict.score) for row, verdict in found if isinstance(verdict, Keep)]
    truth = np.array([bool(row["labels"][task]) for row, _ in kept])
    words = np.array([strength(score, THRESHOLD) for _, score in kept])
    companies = [row["company"] or row["id"] for row, _ in kept]
    near: dict[str, Any] = {"words and model": None}
    if vectors is not None:
        texts = vectors.embed([f"{row['title']}\n{row['text'][:2000]}" for row, _ in kept])
        near["words, model and vectors"] = texts @ vectors.embed([icp.description])[0]
    print(f"\n{task} by {template}: {len(kept)} passed, {truth.sum()} wanted; AUC of their words {area(words, truth):.3f}")
    for title, cosines in near.items():
        if cosines is not None:
            print(f"  AUC of the vectors {area(cosines, truth):.3f}")
        for name, apart in MODELS.items():
            runs = [one_draw(seed, truth, words, cosines, companies, apart) for seed in range(DRAWS)]
            first, then = (np.array([run[stage] for run in runs]) for stage in (0, 1))
            print(f"  {title}, model {name}: shipped {told(first)}; after verdicts {told(then)}")


def told(runs: Any) -> str:
    """Recall with its range, share of the others dropped, share asked about."""
    recall, dropped, asked = runs.mean(axis=0)
    low, high = np.quantile(runs[:, 0], [0.05, 0.95])
    return f"recall {recall:.1%} [{low:.1%}-{high:.1%}], {dropped:.0%} of the others dropped, {asked:.0%} asked"


def one_draw(
    seed: int, truth: Any, words: Any, cosines: Any, companies: list[str], apart: float
) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
    """(recall, share of the others dropped, share asked) with the weights that ship, and after verdicts."""
    draw = np.random.default_rng(seed)
    bias = draw.normal(2.0, 1.0)
    without_content = bias + draw.normal(0.0, 0.5)
    odds = bias + 1.5 * (apart * truth + draw.normal(size=len(truth))) - without_content
    facts = [
        Facts(float(words[i]), float(odds[i]), None if cosines is None else float(cosines[i]), "m") for i in range(len(truth))
    ]
    order = draw.permutation(len(truth))
    desk = Desk()
    desk.prepare("m")
    kept, asked = run(desk, facts, order, seed)
    first = figures(truth, kept, asked, np.ones(len(truth), dtype=bool))
    names = sorted(set(companies))
    taught = set(random.Random(seed).sample(names, len(names) // 2))
    teaches = np.array([name in taught for name in companies])
    teach(desk, facts, truth, kept & teaches, asked, draw)
    kept, asked = run(desk, facts, order, seed)
    return first, figures(truth, kept, asked, ~teaches)


def run(desk: Desk, facts: list[Facts], order: Any, seed: int) -> tuple[Any, Any]:
    """Which signals the stage lets through, and about which the model was asked."""
    kept, asked = np.zeros(len(facts), dtype=bool), np.zeros(len(facts), dtype=bool)
    for place in order:
        fact = facts[place]
        bare = Facts(fact.lexical, None, fact.embedding, fact.asked)
        many = desk.stands_for(bare, "m", WORTH_FROM, int(place) + seed)
        known = fact if many else bare
        desk.note(known, many)
        kept[place] = desk.join(known, "m").probability >= WORTH_FROM
        asked[place] = many > 0
    return kept, asked


def teach(desk: Desk, facts: list[Facts], truth: Any, read: Any, asked: Any, draw: Any) -> None:
    """Classify what was let through, and have a person judge leads of it."""
    places = np.flatnonzero(read)
    matches = np.where(truth[places], draw.random(len(places)) < 0.95, draw.random(len(places)) < 0.30)
    leads, others = places[matches], places[~matches]

    def seen(place: int) -> Facts:
        fact = facts[place]
        return fact if asked[place] else Facts(fact.lexical, None, fact.embedding, fact.asked)

    judged = draw.permutation(leads)[:VERDICTS]
    known = [Known(seen(i), bool(truth[i])) for i in judged]
    known += [Known(seen(i), False, len(judged) / len(leads)) for i in others]
    desk.learn(known, len(judged))
    desk.prepare("m")


def figures(truth: Any, kept: Any, asked: Any, where: Any) -> tuple[float, float, float]:
    """Recall, share of the others dropped, share asked about."""
    return float(kept[where & truth].mean()), float(1 - kept[where & ~truth].mean()), float(asked[where].mean())


if __name__ == "__main__":
    sys.exit(main())
