"""How fast signals are scored and the scorer learns: `python -m benchmarks.choosing_speed`.

Reads signals-dev.jsonl.gz and techmap-dev.jsonl.gz from LEADD_EVAL_DATA and says so where they are missing. Medians of
three runs, in time that this process had a processor: other work on the machine does not count. Prepared features are what
`Reader.see` and `Reader.batch` make of a signal once, when it comes in; "from the text" is all of it.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from benchmarks.choosing import TASKS, centred
from benchmarks.prefilter_recall import data_folder, read_rows
from leadd.builtin.evidence_vectors import Vectors, VectorsMissing
from leadd.learn.scoring.features import Batch, Reader, Seen
from leadd.learn.scoring.scorer import Scorer, Verdicts, fit
from leadd.learn.words.expansion import expand
from leadd.learn.words.zero import ZeroLabel

RUNS = 3
TASK = "marketing_role"


def main() -> int:
    """Print the figures; 0 also where there is no data."""
    files = [data_folder() / name for name in ("signals-dev.jsonl.gz", "techmap-dev.jsonl.gz")]
    if not all(file.exists() for file in files):
        print(f"skipped: {files[0]} or {files[1].name} is missing (set LEADD_EVAL_DATA)")
        return 0
    rows = [row for row in read_rows(files[0]) if row["labels"].get(TASK) is not None]
    reader = Reader(ZeroLabel(expand(TASKS[TASK])))
    ads = [(row["title"] or "", row["text"]) for row in rows]
    short = [(row["title"] or "", row["text"]) for row in read_rows(files[1])[:10_000]]
    seen = [reader.see(*one) for one in ads]
    for one in seen:
        reader.zero.note(one.signs)
    batch = reader.batch(seen)
    wanted = np.array([row["labels"][TASK] for row in rows])
    scorer = learning(batch, wanted)
    vectors = embedder()
    if vectors is not None:
        texts = [f"{title}\n{text[:6000]}" for title, text in ads]
        embedded = np.concatenate([vectors.embed(texts[i : i + 64]) for i in range(0, len(texts), 64)])
        print("with 256 numbers of a vector beside them:")
        learning(reader.batch(seen, vectors=centred(embedded)), wanted)
    print(f"the scorer takes {len(scorer.to_bytes()):,} bytes in the store")
    table = scorer.table()
    rate("prepared features, hash path", len(batch), lambda: scorer.score(batch, table))
    rate("prepared words, statistics as they are now", 2000, lambda: scorer.score(reader.batch(seen[:2000]), table))
    from_text(f"full texts ({chars(ads):,} characters)", reader, scorer, table, ads[:2000], vectors)
    from_text(f"short ones ({chars(short):,} characters)", reader, scorer, table, short[:2000], vectors)
    return 0


def chars(signals: Sequence[tuple[str, str]]) -> int:
    """The median length of title and text."""
    return int(statistics.median(len(title) + len(text) for title, text in signals))


def learning(batch: Batch, wanted: Any) -> Scorer:
    """Time of learning from 2,000 verdicts."""
    places = np.random.default_rng(1).permutation(len(batch))[:2000]
    some, verdicts = batch.take(places), Verdicts.of(wanted[places])
    times = []
    for _ in range(RUNS):
        begin = time.process_time()
        scorer = fit(some, verdicts)
        times.append(time.process_time() - begin)
    print(f"learning from 2,000 verdicts: {statistics.median(times):.3f} s ({min(times):.3f} to {max(times):.3f})")
    return scorer


def from_text(
    name: str, reader: Reader, scorer: Scorer, table: Any, signals: list[tuple[str, str]], vectors: Vectors | None
) -> None:
    """From the text on, without and with embedding in batches of 64."""

    def read() -> list[Seen]:
        return [reader.see(*one) for one in signals]

    rate(f"{name}, from the text", len(signals), lambda: scorer.score(reader.batch(read()), table))
    rate(f"{name}, words and hashes only", len(signals), read)
    if vectors is None:
        return
    texts = [f"{title}\n{text[:1000]}" for title, text in signals]

    def embed() -> list[Any]:
        return [vectors.embed(texts[i : i + 64]) for i in range(0, len(texts), 64)]

    rate(f"{name}, embedding the first 1,000 characters", len(texts), embed)


def rate(name: str, count: int, work: Callable[[], object]) -> None:
    """Signals a second, median of three runs."""
    rates = []
    for _ in range(RUNS):
        begin = time.process_time()
        work()
        rates.append(count / (time.process_time() - begin))
    print(f"{name}: {statistics.median(rates):,.0f} signals/s")


def embedder() -> Vectors | None:
    """WordLlama's vectors, where they are installed."""
    try:
        return Vectors.load()
    except VectorsMissing as error:
        print(f"without vectors: {error}")
        return None


if __name__ == "__main__":
    sys.exit(main())
