"""How well the builtin model `evidence` tells wanted signals from others: `python benchmarks/evidence_quality.py`.

Reads signals-dev.jsonl.gz from LEADD_EVAL_DATA and says so where it is missing. The model sees title, text and location only.
Printed per task: ROC-AUC of its strength, share passed at 95% recall, and recall and precision of its two decisions, without
and with word vectors. Intervals are 95%, by bootstrap over companies.
"""

from __future__ import annotations

import random
import sys
from typing import Any

import numpy as np
from numpy.typing import NDArray
from prefilter_recall import TASKS, data_folder, read_rows, signal_of

from leadd.builtin.evidence_reading import MATCH, WORTH, IcpReader
from leadd.builtin.evidence_vectors import Vectors, VectorsMissing
from leadd.core.icp_templates import TEMPLATES


def main() -> int:
    """Print the figures; 0 also where there is no data."""
    file = data_folder() / "signals-dev.jsonl.gz"
    if not file.exists():
        print(f"skipped: {file} is missing (set LEADD_EVAL_DATA)")
        return 0
    rows = [row for row in read_rows(file) if any(row["labels"].get(task) is not None for task in TASKS)]
    try:
        vectors: Vectors | None = Vectors.load()
    except VectorsMissing as missing:
        print(f"without vectors only: {missing}")
        vectors = None
    seen = embed(vectors, rows) if vectors else None
    for task, template in TASKS.items():
        for title, near in (("without vectors", None), ("with vectors", (vectors, seen))):
            if near is None or vectors is not None:
                report(rows, task, template, title, near)
    return 0


def embed(vectors: Vectors, rows: list[dict[str, Any]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Vectors of all titles and of all texts, cut as the model cuts them."""
    return vectors.embed([row["title"] or row["text"][:200] for row in rows]), vectors.embed(
        [row["text"][:8000] for row in rows]
    )


def report(rows: list[dict[str, Any]], task: str, template: str, title: str, near: Any) -> None:
    """One task, one way."""
    icp = TEMPLATES[template]
    reader = IcpReader(icp)
    wanted = None
    if near is not None:
        words = list(reader.terms.hiring.keywords)
        wanted = near[0].embed([", ".join(words), *words])
    strengths, labels, companies = [], [], []
    for index, row in enumerate(rows):
        if row["labels"].get(task) is None:
            continue
        pair = None
        if wanted is not None:
            pair = (float((wanted[1:] @ near[1][0][index]).max()), float(wanted[0] @ near[1][1][index]))
        strengths.append(reader.read(signal_of(row), pair).strength)
        labels.append(bool(row["labels"][task]))
        companies.append(row["company"] or row["id"])
    s, y = np.array(strengths), np.array(labels)
    low, high = interval(s, y, companies)
    print(f"\n{task} by {template}, {title}: {len(y)} rows, {y.sum()} wanted")
    print(f"  AUC {auc(s, y):.3f} [{low:.3f}-{high:.3f}], passed at 95% recall {passed_at(s, y, 0.95):.1%}")
    for name, limit in (("triage yes", WORTH), ("match", MATCH)):
        kept = s >= limit
        print(
            f"  {name:10} (from {limit}): {kept.mean():.1%} of all, recall {kept[y].mean():.1%}, precision {y[kept].mean():.1%}"
        )


def auc(s: NDArray[Any], y: NDArray[Any]) -> float:
    """Area under the ROC curve, ties counted half."""
    _, inverse, counts = np.unique(s, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    positives, negatives = y.sum(), (~y).sum()
    return float((ranks[y].sum() - positives * (positives + 1) / 2) / (positives * negatives))


def passed_at(s: NDArray[Any], y: NDArray[Any], recall: float) -> float:
    """Share of all rows at or above the score that keeps this share of the wanted ones."""
    return float((s >= np.sort(s[y])[int((1 - recall) * y.sum())]).mean())


def interval(s: NDArray[Any], y: NDArray[Any], companies: list[str]) -> tuple[float, float]:
    """The 2.5% and 97.5% points of the AUC over 200 draws of companies."""
    by_company: dict[str, list[int]] = {}
    for index, company in enumerate(companies):
        by_company.setdefault(company, []).append(index)
    groups = list(by_company.values())
    draw = random.Random(7)
    drawn = []
    for _ in range(200):
        picked = np.array([i for group in draw.choices(groups, k=len(groups)) for i in group])
        if 0 < y[picked].sum() < len(picked):
            drawn.append(auc(s[picked], y[picked]))
    drawn.sort()
    return drawn[5], drawn[194]


if __name__ == "__main__":
    sys.exit(main())
