"""How many wanted signals the shipped prefilter keeps, and how much it lets pass: `python benchmarks/prefilter_recall.py`.

Reads signals-dev.jsonl.gz from LEADD_EVAL_DATA and says so where it is missing. The prefilter sees title and text only. Rows
are counted for a task where its label is known. Intervals are 95%, by bootstrap over companies.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import sys
import time
from pathlib import Path
from typing import Any

from leadd.api import Signal
from leadd.core.icp_templates import DEFAULT_TEMPLATE, TEMPLATES
from leadd.core.prefilter import CompiledIcp, judge

THRESHOLDS = (5, 10, 15, 20, 25, 30, 40, 50)
TASKS = {"marketing_role": DEFAULT_TEMPLATE, "people_role": "recruiter", "finance_role": "bookkeeper"}


def main() -> int:
    """Print the figures; 0 also where there is no data."""
    file = data_folder() / "signals-dev.jsonl.gz"
    if not file.exists():
        print(f"skipped: {file} is missing (set LEADD_EVAL_DATA)")
        return 0
    rows = read_rows(file)
    for task, template in TASKS.items():
        report(rows, task, template)
    for chars in (1000, 4700):
        speed(rows, chars)
    return 0


def data_folder() -> Path:
    """Where the real data is."""
    return Path(os.environ.get("LEADD_EVAL_DATA", Path(__file__).resolve().parents[1].parent / "shared" / "data"))


def read_rows(file: Path) -> list[dict[str, Any]]:
    """All rows of a data file."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def signal_of(row: dict[str, Any], chars: int | None = None) -> Signal:
    """What a judge may see of a row: title and text."""
    return Signal(1, "bench", row["text"][:chars], row["title"] or "", "-", 0)


def report(rows: list[dict[str, Any]], task: str, template: str) -> None:
    """Share passed and recall at several thresholds."""
    icp = CompiledIcp.of(TEMPLATES[template])
    labelled = [row for row in rows if row["labels"].get(task) is not None]
    scored = []
    for row in labelled:
        verdict = judge(signal_of(row), icp, threshold=0, min_chars=0)
        scored.append((verdict.score or 0.0, bool(row["labels"][task]), row["company"] or row["id"]))
    print(f"\n{task} by the template {template}: {len(scored)} rows, {sum(y for _, y, _ in scored)} wanted")
    print("threshold   passed            recall            precision")
    for threshold in THRESHOLDS:
        low, high = interval(scored, threshold)
        passed, recall, precision = figures(scored, threshold)
        shares = f"{passed:6.1%} [{low[0]:.0%}-{high[0]:.0%}]   {recall:6.1%} [{low[1]:.0%}-{high[1]:.0%}]"
        print(f"{threshold:9}   {shares}   {precision:6.1%}")


def figures(scored: list[tuple[float, bool, str]], threshold: float) -> tuple[float, float, float]:
    """Share passed, recall, precision."""
    passed = [wanted for score, wanted, _ in scored if score >= threshold]
    wanted = sum(y for _, y, _ in scored)
    return len(passed) / len(scored), sum(passed) / max(1, wanted), sum(passed) / max(1, len(passed))


def interval(scored: list[tuple[float, bool, str]], threshold: float) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """The 2.5% and 97.5% points of share passed and recall over 200 draws of companies."""
    by_company: dict[str, tuple[int, int, int, int]] = {}
    for score, wanted, company in scored:
        n, p, w, f = by_company.get(company, (0, 0, 0, 0))
        kept = score >= threshold
        by_company[company] = (n + 1, p + kept, w + wanted, f + (kept and wanted))
    companies = list(by_company.values())
    draw = random.Random(7)
    shares, recalls = [], []
    for _ in range(200):
        n, p, w, f = (sum(column) for column in zip(*draw.choices(companies, k=len(companies)), strict=True))
        shares.append(p / max(1, n))
        recalls.append(f / max(1, w))
    shares.sort()
    recalls.sort()
    return (shares[5], recalls[5]), (shares[194], recalls[194])


def speed(rows: list[dict[str, Any]], chars: int) -> None:
    """Signals judged a second on one core, median of five runs."""
    icp = CompiledIcp.of(TEMPLATES[DEFAULT_TEMPLATE])
    signals = [signal_of(row, chars) for row in rows if len(row["text"]) >= chars][:1000]
    runs = []
    for _ in range(5):
        begin = time.perf_counter()
        for signal in signals:
            judge(signal, icp, threshold=20, min_chars=40)
        runs.append(len(signals) / (time.perf_counter() - begin))
    print(f"\n{chars} characters: {sorted(runs)[2]:,.0f} signals a second")


if __name__ == "__main__":
    sys.exit(main())
