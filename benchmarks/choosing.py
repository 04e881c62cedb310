"""How well signals are chosen with no labels, with 300 verdicts, and with all: `python -m benchmarks.choosing`.

Reads signals-dev.jsonl.gz from LEADD_EVAL_DATA and says so where it is missing. Rows are those of job boards whose label for a
task is known; the label is the department where the employer files the role. Each row counts 1 / (size of its near-duplicate
group), `--every-row` counts each 1. The ICP of a task is one sentence. Companies are split in two halves by a hash of their
names: the constants of the zero-label fit and of the scorer were chosen on the first half, and what is reported is reported for
the second. With labels: five folds by company within the second half; what learns may see the first half and the other folds.
Intervals are 95%, by bootstrap over companies.

The rows beside them: cosine of TF-IDF (words and pairs, title and text) with the ICP's sentence and its synonyms as one text,
and, where scikit-learn is installed, TF-IDF with its logistic regression on the very same folds.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import math
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.prefilter_recall import data_folder, read_rows
from leadd.bench.crossing import Crossed, beforehand, crossed, folds_by_company, meaning, probabilities, unlearnt
from leadd.builtin.evidence_vectors import Vectors, VectorsMissing
from leadd.learn.figures.measures import (
    Labelled,
    area,
    average_precision,
    duplicate_weights,
    labelled,
    passed_above,
    passed_at,
    recall_at,
    with_interval,
)
from leadd.learn.scoring.features import Batch, Reader, Seen
from leadd.learn.scoring.scorer import Verdicts, fit
from leadd.learn.words.expansion import expand
from leadd.learn.words.nearness import GroupNearness, prototypes
from leadd.learn.words.tokens import split_words
from leadd.learn.words.zero import ZeroLabel

TASKS = {
    "marketing_role": "I sell to small companies hiring their first marketer",
    "sales_role": "I serve companies that are building up a sales team and hire account executives or SDRs",
    "people_role": "Companies that hire recruiters or an HR manager",
}
FOLDS = 5


@dataclass
class Data:
    """The rows, and what is known of each."""

    rows: list[dict[str, Any]]
    companies: list[str]
    weights: Any
    reported: Any
    """Whether a row's company belongs to the half that figures are reported for."""
    titles: Any = None
    texts: Any = None
    """Vectors, None where the extra `embedded` is not installed."""


@dataclass
class Task:
    """A task with what was read for it: rows by their places in `Data.rows`."""

    name: str
    places: Any
    wanted: Any
    """For all rows, False where the label is unknown."""
    weights: Any
    """1 / (size of the near-duplicate group), for all rows: what a verdict counts."""
    batch: Batch
    reader: Reader
    seen: list[Seen]


def main(argv: list[str] | None = None) -> int:
    """Print the figures; 0 also where there is no data."""
    flags = argparse.ArgumentParser(prog="python -m benchmarks.choosing", description=__doc__)
    flags.add_argument("--every-row", action="store_true", help="count near duplicates as often as they stand there")
    flags.add_argument("--without-vectors", action="store_true", help="leave WordLlama's vectors out")
    flags.add_argument("--seeds", type=int, default=3, help="how many ways to fold companies (with all labels)")
    flags.add_argument("--draws", type=int, default=8, help="how many draws of 300 verdicts")
    flags.add_argument("--task", choices=sorted(TASKS), action="append")
    flags.add_argument("--whole", action="store_true", help="report all companies, also those on which constants were chosen")
    flags.add_argument("--ours-only", action="store_true", help="leave the rows to compare with out")
    args = flags.parse_args(argv)
    file = data_folder() / "signals-dev.jsonl.gz"
    if not file.exists():
        print(f"skipped: {file} is missing (set LEADD_EVAL_DATA)")
        return 0
    data = load(every_row=args.every_row, vectors=not args.without_vectors)
    if args.whole:
        data.reported = np.ones(len(data.rows), dtype=bool)
    for name in args.task or TASKS:
        report(data, read_task(data, name), args)
    return 0


def load(*, every_row: bool = False, vectors: bool = True) -> Data:
    """The rows of job boards, weighted, split in halves by company, with vectors where they can be had."""
    rows = [r for r in read_rows(data_folder() / "signals-dev.jsonl.gz") if not r["source"].startswith("hn")]
    companies = [r["company"] or r["meta"].get("company_key") or r["id"] for r in rows]
    weights = np.ones(len(rows)) if every_row else duplicate_weights([r["dup_group"] for r in rows])
    halves = np.array([int(hashlib.sha256(f"t|{name}".encode()).hexdigest(), 16) % 2 == 1 for name in companies])
    data = Data(rows, companies, weights, halves)
    if vectors:
        try:
            embedder = Vectors.load()
        except VectorsMissing as error:
            print(f"without vectors: {error}")
            return data
        data.titles = embed(embedder, [r["title"] or r["text"][:80] for r in rows])
        data.texts = embed(embedder, [r["text"][:6000] for r in rows])
    return data


def embed(embedder: Vectors, texts: list[str]) -> Any:
    """Vectors in batches of 64."""
    return np.concatenate([embedder.embed(texts[i : i + 64]) for i in range(0, len(texts), 64)])


def read_task(data: Data, name: str, sentence: str = "") -> Task:
    """All that is read for the ICP of a task. The stream's statistics are learnt from all rows; no label is looked at."""
    reader = Reader(ZeroLabel(expand(sentence or TASKS[name])))
    seen = [reader.see(r["title"] or "", r["text"], [f"source={r['source']}"]) for r in data.rows]
    for one in seen:
        reader.zero.note(one.signs)
    near, vectors = None, None
    if data.titles is not None:
        embedder = Vectors.load()
        wanted_titles = prototypes(reader.zero.expansion)
        if wanted_titles:
            nearness = GroupNearness([embedder.embed(titles) for titles in wanted_titles])
            nearness.note(data.titles, data.texts)
            near = nearness.standings(data.titles, data.texts)
        vectors = np.concatenate([centred(data.titles), centred(data.texts)], axis=1)
    known = np.array([r["labels"].get(name) is not None for r in data.rows])
    wanted = np.array([bool(r["labels"].get(name)) for r in data.rows])
    weights = duplicate_weights([r["dup_group"] for r in data.rows])
    return Task(name, np.flatnonzero(known), wanted, weights, reader.batch(seen, near=near, vectors=vectors), reader, seen)


def centred(vectors: Any) -> Any:
    """Vectors from their centre, of unit length."""
    moved = vectors - vectors.mean(axis=0)
    return moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-9)


def report(data: Data, task: Task, args: argparse.Namespace) -> None:
    """The table of one task."""
    places = task.places[data.reported[task.places]]
    companies = len({data.companies[p] for p in places})
    print(f"\n{task.name}: {len(places)} rows, {task.wanted[places].sum()} wanted, {companies} companies")
    print(f"  ICP: {TASKS[task.name]}")
    print("                                   passed at 95%         passed at 99%         AP                    AUC")
    zero = np.asarray(task.batch.odds, dtype=np.float64)
    show("no labels", data, task, places, [zero])
    if not args.ours_only:
        show("no labels, seen one by one", data, task, places, [one_by_one(data, task)])
        show("no labels, TF-IDF cosine", data, task, places, [tfidf_cosine(data, task)])
    show("300 verdicts", data, task, places, [folded(data, task, places, seed, ours, 300) for seed in range(args.draws)])
    show("all verdicts", data, task, places, [folded(data, task, places, seed, ours) for seed in range(args.seeds)])
    show_beforehand(data, task, places, args.seeds)
    reference = None if args.ours_only else sklearn_reference(data)
    if reference is not None:
        show(
            "300 verdicts, TF-IDF + LR",
            data,
            task,
            places,
            [folded(data, task, places, s, reference, 300) for s in range(args.draws)],
        )
        show("all verdicts, TF-IDF + LR", data, task, places, [folded(data, task, places, 0, reference)])


def show(name: str, data: Data, task: Task, places: Any, runs: list[Any]) -> None:
    """Means over the runs; the interval is that of the first run, moved to the mean."""
    cells = []
    measures: list[Callable[[Labelled], float]] = [
        lambda r: passed_at(r, 0.95),
        lambda r: passed_at(r, 0.99),
        average_precision,
        area,
    ]
    companies = [data.companies[p] for p in places]
    for measure in measures:
        values = [measure(labelled(run[places], task.wanted[places], data.weights[places])) for run in runs]
        first = labelled(runs[0][places], task.wanted[places], data.weights[places])
        interval = with_interval(first, companies, measure, draws=200)
        cells.append(f"{np.mean(values):6.3f} [{interval.low:.3f}-{interval.high:.3f}]")
    print(f"  {name:30} {'  '.join(cells)}", flush=True)


def show_beforehand(data: Data, task: Task, places: Any, seeds: int) -> None:
    """Recall and share passed where the threshold is fixed on four folds by company and tried on the fifth, plain and with a
    margin (95% recall with 95% confidence); and how well the probabilities, calibrated on the four folds, fit the fifth.
    Means over `seeds` ways to fold; the interval is by bootstrap over companies for the first."""
    companies, others = [data.companies[p] for p in places], task.places[~data.reported[task.places]]
    wanted, weights = task.wanted[places], data.weights[places]
    print("  threshold fixed beforehand       recall                passed                folds kept   calibration error")

    def learn(known: Any, asked: Any) -> Any:
        return ours(task, np.concatenate([places[known], others]), places[asked])

    runs: dict[str, list[Crossed]] = {"no labels": [], "all verdicts": []}
    for seed in range(seeds):
        folds = folds_by_company(companies, FOLDS, seed)
        runs["no labels"].append(unlearnt(np.asarray(task.batch.odds, dtype=np.float64)[places], folds))
        runs["all verdicts"].append(crossed(folds, learn))
    for name, found in runs.items():
        errors = [meaning(probabilities(run, wanted, weights), wanted, weights).error for run in found]
        for how, careful in (("plain", False), ("with a margin", True)):
            tried = [beforehand(run, wanted, weights, companies, careful=careful) for run in found]
            cells = []
            for measure in (lambda r: recall_at(r, 0.0), lambda r: passed_above(r, 0.0)):
                interval = with_interval(tried[0], companies, measure, draws=200)
                cells.append(f"{np.mean([measure(t) for t in tried]):6.3f} [{interval.low:.3f}-{interval.high:.3f}]")
            recalls = [recall_at(t.take(rows), 0.0) for t, run in zip(tried, found, strict=True) for rows in run.folds]
            kept = f"{sum(r >= 0.95 for r in recalls)} of {len(recalls)}"
            print(f"  {f'{name}, {how}':30} {'  '.join(cells)}  {kept:11}  {np.mean(errors):.4f}", flush=True)


Learner = Callable[[Task, Any, Any], Any]


def folded(data: Data, task: Task, places: Any, seed: int, learner: Learner, most: int | None = None) -> Any:
    """Scores of the reported rows, by what learnt from other companies in five folds; `most` verdicts are drawn, else all."""
    draw = np.random.default_rng(seed)
    names = sorted({data.companies[p] for p in places})
    fold_of = dict(zip(names, draw.permutation(len(names)) % FOLDS, strict=True))
    folds = np.array([fold_of[data.companies[p]] for p in places])
    others = task.places[~data.reported[task.places]]
    scores = np.full(len(data.rows), np.nan)
    for fold in range(FOLDS):
        known = np.concatenate([places[folds != fold], others])
        if most:
            known = draw.choice(known, most, replace=False)
        asked = places[folds == fold]
        scores[asked] = learner(task, known, asked)
    return scores


def ours(task: Task, known: Any, asked: Any) -> Any:
    """Our scorer."""
    scorer = fit(task.batch.take(known), Verdicts.of(task.wanted[known], weights=task.weights[known]))
    return scorer.score(task.batch.take(asked))


def one_by_one(data: Data, task: Task) -> Any:
    """Zero-label scores as in a daemon that starts with nothing: each row is scored, then noted, in an order drawn once."""
    zero = ZeroLabel(task.reader.zero.expansion)
    scores = np.zeros(len(data.rows))
    for place in np.random.default_rng(5).permutation(len(data.rows)):
        signs = task.seen[place].signs
        scores[place] = zero.fits([signs]).odds[0]
        zero.note(signs)
    return scores


def tfidf_cosine(data: Data, task: Task) -> Any:
    """Cosine of TF-IDF of title and text with the ICP's sentence and the synonyms that the expansion gives, as one text."""
    expansion = task.reader.zero.expansion
    query = [
        w for name in expansion.functions for term in expansion.terms_of(name) if term.weight >= 0.7 for w in grams(term.words)
    ]
    query += grams(TASKS[task.name])
    documents = [Counter(grams(f"{row['title']} {row['text']}")) for row in data.rows]
    having = Counter(word for document in documents for word in document)
    rarity = {word: 1 + math.log((1 + len(documents)) / (1 + count)) for word, count in having.items()}
    wanted = {word: (1 + math.log(count)) * rarity.get(word, 0.0) for word, count in Counter(query).items()}
    scores = []
    for document in documents:
        values = {word: (1 + math.log(count)) * rarity[word] for word, count in document.items()}
        length = math.sqrt(sum(value * value for value in values.values())) or 1.0
        scores.append(sum(value * values.get(word, 0.0) for word, value in wanted.items()) / length)
    return np.array(scores)


def grams(text: str) -> list[str]:
    """Words and pairs."""
    words = split_words(text.lower())
    return words + [f"{one} {two}" for one, two in pairwise(words)]


def sklearn_reference(data: Data) -> Learner | None:
    """TF-IDF and logistic regression as in the reference figures; None where scikit-learn is not installed."""
    try:
        text = importlib.import_module("sklearn.feature_extraction.text")
        linear = importlib.import_module("sklearn.linear_model")
    except ImportError:
        return None
    documents = [f"{row['title']}\n{row['text']}" for row in data.rows]

    def learn(task: Task, known: Any, asked: Any) -> Any:
        vectorizer = text.TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, max_features=200_000)
        rows = vectorizer.fit_transform([documents[p] for p in known])
        model = linear.LogisticRegression(C=10, class_weight="balanced", max_iter=300).fit(rows, task.wanted[known])
        return model.decision_function(vectorizer.transform([documents[p] for p in asked]))

    return learn


if __name__ == "__main__":
    sys.exit(main())
