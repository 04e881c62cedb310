"""The figures of a bench as a table for a person, and as plain values for a program."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from leadd.bench.figures import Figures
from leadd.bench.judge import stated
from leadd.bench.ways import Plan, Way

HEADS = (
    "way", "signals a minute", "× earlier", "aim", "× same stream", "calls", "tokens read", "read anew", "written", "loads",
    "ended early", "leads", "recall", "precision", "dossiers due", "server busy",
)  # fmt: skip
EARLIER, EARLIER_REPEATS = "earlier", "earlier-repeats"


def as_dict(plan: Plan, ways: Sequence[Way], figures: Mapping[str, Figures]) -> dict[str, Any]:
    """All of it as plain values."""
    rows = []
    for way in ways:
        if way.name in figures:
            own = figures[way.name]
            ratios = {"times_earlier": ratio(own, figures.get(EARLIER)), "times_same_stream": ratio(own, _same(way, figures))}
            rows.append({"title": way.title, "aim": way.aim, **ratios, **own.as_dict()})
    return {"stated": told(plan), "machine": None if plan.is_real else plan.machine.as_dict(), "ways": rows}


def lines(plan: Plan, ways: Sequence[Way], figures: Mapping[str, Figures]) -> list[str]:
    """A Markdown table with what is stated above it and what each way did below."""
    rows = [HEADS] + [_row(way, figures[way.name], figures) for way in ways if way.name in figures]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEADS))]
    shown = [_aligned(row, widths) for row in rows]
    rule = "|" + "|".join(["-" * (widths[0] + 2), *("-" * (width + 1) + ":" for width in widths[1:])]) + "|"
    below = [f"- {way.title}: {_details(plan, figures[way.name])}" for way in ways if way.name in figures]
    return [*(f"- {line}" for line in told(plan)), "", shown[0], rule, *shown[1:], "", *below]


def told(plan: Plan) -> list[str]:
    """What the figures stand on: signals, machine, judge."""
    signals = plan.signals
    chars = sum(len(signal.text) for signal in signals) / max(1, len(signals))
    known = [signal.is_lead for signal in signals if signal.is_lead is not None]
    leads = f"{sum(known)} leads" if len(known) == len(signals) else "the truth about them is not known"
    found = [f"{len(signals)} signals of {chars:,.0f} characters on average, {leads}; ICP '{plan.icp.name}'"]
    if plan.is_real:
        return [*found, f"a real server at {plan.url}: triage {plan.triage}, classification {plan.classify}; times are real"]
    found.append(plan.machine.told())
    found += [f"the judge's {line}" for line in stated([plan.triage, plan.classify])]
    return found


def ratio(own: Figures, rival: Figures | None) -> float | None:
    """How many times the rival's signals a minute."""
    return own.per_minute / rival.per_minute if rival is not None and rival.per_minute else None


def _same(way: Way, figures: Mapping[str, Figures]) -> Figures | None:
    return figures.get(EARLIER_REPEATS if way.repeats else EARLIER)


def _row(way: Way, own: Figures, figures: Mapping[str, Figures]) -> tuple[str, ...]:
    work = own.work
    shown = sum(work.shown.values()) if work else own.counted("prompt_tokens")
    written = sum(work.written.values()) if work else own.counted("output_tokens")
    return (
        way.title, f"{own.per_minute:,.1f}", _times(ratio(own, figures.get(EARLIER))), _whole(way.aim),
        _times(ratio(own, _same(way, figures))), f"{own.counted('calls'):,}", f"{shown:,}",
        f"{sum(work.anew.values()):,}" if work else "", f"{written:,}", str(own.loads), str(own.counted("early")),
        str(own.leads), _percent(own.quality.recall), _percent(own.quality.precision), str(own.dossiers), _percent(own.busy),
    )  # fmt: skip


def _details(plan: Plan, own: Figures) -> str:
    parts = [f"{own.signals} signals ({own.distinct} different texts) in {own.seconds:,.1f} s of the server's time"]
    parts += [_told(role, row) for role, row in own.roles.items()]
    if own.work is not None:
        reading, writing = (plan.machine.reading_s(own.work.anew), plan.machine.writing_s(own.work.written))
        rest = own.work.busy_s - reading - writing
        parts.append(f"the server read for {reading:,.1f} s, wrote for {writing:,.1f} s, and {rest:,.1f} s went into calls")
    if own.counted("failures"):
        parts.append(f"{own.counted('failures')} failures")
    parts.append(f"{own.loads_before} loads before the clock started")
    past = own.notes.get("past")
    if past:
        parts.append(f"the past: {past['signals']} signals, {past['leads']} leads, {past['verdicts']} verdicts")
    parts.append(f"one second took {own.scale:g} s")
    return "; ".join(parts)


def _told(role: str, row: Mapping[str, int]) -> str:
    calls = row.get("calls", 0)
    each = f", {row.get('output_tokens', 0) / calls:,.0f} tokens written each" if calls else ""
    early = f", {row['early']} ended early" if row.get("early") else ""
    return f"{role} {calls} calls{each}{early}"


def _aligned(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
    return "| " + " | ".join(cells) + " |"


def _times(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _whole(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.0%}"
