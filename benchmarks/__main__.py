"""`python -m benchmarks`: measure, and print a table. The figures of the last whole run stand in README.md."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys

from benchmarks.measures import MEASURES, QUICK, Measure, Size


def main(argv: list[str] | None = None) -> int:
    """Measure what the flags name; 0 where all of it ran, whatever the figures are."""
    flags = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    flags.add_argument("--only", choices=sorted(MEASURES), action="append", help="measure this only (may be repeated)")
    flags.add_argument("--quick", action="store_true", help="a tiny run that shows that everything works; no figures to quote")
    flags.add_argument("--json", action="store_true", help="print JSON instead of a table")
    args = flags.parse_args(argv)
    size = QUICK if args.quick else Size()
    found: list[Measure] = []
    for name in args.only or MEASURES:
        if not args.json:
            print(f"measuring {name} …", file=sys.stderr, flush=True)
        found += MEASURES[name](size)
    if args.json:
        print(json.dumps({"machine": machine(), "measures": [measure.as_dict() for measure in found]}, indent=1))
    else:
        print(f"{machine()}\n\n{table(found)}")
    return 0


def machine() -> str:
    """What it ran on, and how busy that was."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg()) if hasattr(os, "getloadavg") else "unknown"
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, load {load}"


def table(measures: list[Measure]) -> str:
    """The measures as a Markdown table, with their counts below."""
    lines = ["| measure | leadd | plain loop | ratio | aim |", "|---|---:|---:|---:|---:|"]
    for m in measures:
        ratio = "" if m.ratio is None else f"{m.ratio:.1f}"
        lines.append(f"| {m.name} ({m.unit}) | {_shown(m.leadd)} | {_shown(m.plain)} | {ratio} | {_shown(m.aim)} |")
    lines.append("")
    lines += [f"{m.name}: " + ", ".join(f"{key} {value:,}" for key, value in m.counts.items()) for m in measures if m.counts]
    return "\n".join(lines)


def _shown(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


if __name__ == "__main__":
    sys.exit(main())
