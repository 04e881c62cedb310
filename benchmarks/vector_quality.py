"""How well the nearness of vectors tells wanted signals from others: `python benchmarks/vector_quality.py`.

Reads signals-dev.jsonl.gz from LEADD_EVAL_DATA and says so where it is missing. The vectors are those of the extra
leadd[embedded], so that no server is needed: what is compared is what is embedded of a signal (leadd's excerpt, the whole
text, its first characters), and raw cosines with those from the centre. Printed per task: ROC-AUC, and where the cosines lie.
"""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from evidence_quality import auc
from numpy.typing import NDArray
from prefilter_recall import TASKS, data_folder, read_rows, signal_of

from leadd.builtin.evidence_vectors import Vectors, VectorsMissing
from leadd.core.cosines import Nearness, direction
from leadd.core.embedding_texts import MOST_CHARS, icp_sentences, signal_text
from leadd.core.icp_templates import TEMPLATES


class Plain(Vectors):
    """The same vectors as they are, without a centre of their own."""

    def __init__(self, weights: NDArray[np.float16], tokenizer: Any, identity: str = "") -> None:
        super().__init__(weights, tokenizer, identity)
        self._centre = np.zeros_like(self._centre)


def main() -> int:
    """Print the figures; 0 also where there is no data."""
    file = data_folder() / "signals-dev.jsonl.gz"
    if not file.exists():
        print(f"skipped: {file} is missing (set LEADD_EVAL_DATA)")
        return 0
    try:
        vectors = Plain.load()
    except VectorsMissing as missing:
        print(f"skipped: {missing}")
        return 0
    rows = [row for row in read_rows(file) if any(row["labels"].get(task) is not None for task in TASKS)]
    signals = [signal_of(row) for row in rows]
    ways = {
        "excerpt": vectors.embed([signal_text(s, MOST_CHARS) for s in signals]),
        "whole text": vectors.embed([f"{s.title}\n{s.text}" for s in signals]),
        "first characters": vectors.embed([f"{s.title}\n{s.text}"[:MOST_CHARS] for s in signals]),
    }
    for task, template in TASKS.items():
        known = [index for index, row in enumerate(rows) if row["labels"].get(task) is not None]
        labels = np.array([bool(rows[index]["labels"][task]) for index in known])
        wanted = direction(vectors.embed(icp_sentences(TEMPLATES[template])))
        print(f"\n{task} by {template}: {len(known)} rows, {labels.sum()} wanted")
        for name, matrix in ways.items():
            report(name, matrix[known], wanted, labels)
    return 0


def report(name: str, matrix: Any, wanted: Any, labels: Any) -> None:
    """One way of embedding."""
    near = Nearness()
    near.add(matrix)
    by_icp = near.cosines(dict(enumerate(matrix)), {0: wanted})
    centred = np.array([by_icp[place][0] for place in range(len(matrix))])
    raw = matrix @ wanted
    print(
        f"  {name:17} AUC raw {auc(raw, labels):.3f}, from the centre {auc(centred, labels):.3f}; wanted "
        f"{centred[labels].mean():+.2f} ± {centred[labels].std():.2f}, others {centred[~labels].mean():+.2f} "
        f"± {centred[~labels].std():.2f} (raw: all {raw.mean():+.2f} ± {raw.std():.2f})"
    )


if __name__ == "__main__":
    sys.exit(main())
