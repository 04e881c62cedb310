"""The picture of an experiment: evidence over outcomes, and below it the difference with its interval. SVG by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

WIDTH, HEIGHT = 720, 520
LEFT, RIGHT = 64, 700
UPPER, LOWER = (48, 248), (300, 480)
_FLOOR = 1e-3

Scale = Callable[[float], float]


def picture(experiment: Mapping[str, Any]) -> str:
    """An SVG document out of an experiment as the API gives it."""
    points: Sequence[Mapping[str, Any]] = experiment["history"]
    total = max([1, *(p["outcomes"] for p in points)])
    across = _scale(0, total, LEFT, RIGHT)
    title = f"{experiment['name']}: {experiment['b']} (B) beside {experiment['a']} (A), {experiment['state'].replace('_', ' ')}"
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="12">',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#ffffff"/>',
        _text(LEFT, 22, title, size=14),
        *_evidence(experiment, points, across),
        *_difference(points, across),
    ]
    lines += [_text(across(n), HEIGHT - 22, f"{n:g}", anchor="middle") for n in _ticks(0, total, 6) if float(n).is_integer()]
    lines += [_text((LEFT + RIGHT) / 2, HEIGHT - 6, "outcomes", anchor="middle"), "</svg>"]
    return "\n".join(lines) + "\n"


def _evidence(experiment: Mapping[str, Any], points: Sequence[Mapping[str, Any]], across: Scale) -> list[str]:
    needed = [experiment["needed_better"], experiment["needed_worse"]]
    values = [max(_FLOOR, p[key]) for p in points for key in ("better", "worse")]
    top, bottom = math.log10(max([*values, *needed]) * 2), math.log10(min([*values, 0.5]) / 2)
    height = _scale(bottom, top, UPPER[1], UPPER[0])

    def up(value: float) -> float:
        return height(math.log10(max(_FLOOR, value)))

    lines = [_text(LEFT, UPPER[0] - 6, "evidence (e-value; 1 is none)")]
    for power in range(math.ceil(bottom), math.floor(top) + 1):
        y = up(10.0**power)
        lines += [_line(LEFT, y, RIGHT, y, "#e4e4e4"), _text(LEFT - 6, y + 4, f"{10.0**power:g}", anchor="end")]
    for key, colour, word in (("better", "#1a7f37", "B is better"), ("worse", "#b3261e", "B is worse")):
        y = up(experiment[f"needed_{key}"])
        lines += [
            _line(LEFT, y, RIGHT, y, colour, dash="6 4"),
            _text(RIGHT, y - 4, f"{word}: from here", anchor="end", fill=colour),
        ]
        lines += _path([(across(p["outcomes"]), up(p[key])) for p in points], colour)
    return lines


def _difference(points: Sequence[Mapping[str, Any]], across: Scale) -> list[str]:
    known = [p for p in points if p["difference"] is not None]
    low, high = min([-0.1, *(p["low"] for p in known[-60:])]), max([0.1, *(p["high"] for p in known[-60:])])
    height = _scale(low, high, LOWER[1], LOWER[0])

    def up(value: float) -> float:
        return height(min(high, max(low, value)))

    lines = [_text(LEFT, LOWER[0] - 8, "rate of B minus rate of A, with the interval that holds at every look")]
    for tick in _ticks(low, high, 5):
        lines += [
            _line(LEFT, up(tick), RIGHT, up(tick), "#e4e4e4"),
            _text(LEFT - 6, up(tick) + 4, f"{tick:+.0%}", anchor="end"),
        ]
    if known:
        there = [(across(p["outcomes"]), up(p["high"])) for p in known]
        back = [(across(p["outcomes"]), up(p["low"])) for p in reversed(known)]
        shape = " ".join(f"{x:.1f},{y:.1f}" for x, y in (*there, *back))
        lines.append(f'<polygon points="{shape}" fill="#9ec1e8" fill-opacity="0.5"/>')
        lines += _path([(across(p["outcomes"]), up(p["difference"])) for p in known], "#1f5fa8")
    lines.append(_line(LEFT, up(0), RIGHT, up(0), "#555555"))
    return lines


def _scale(low: float, high: float, start: float, end: float) -> Scale:
    return lambda value: start + (value - low) / ((high - low) or 1) * (end - start)


def _ticks(low: float, high: float, most: int) -> list[float]:
    """Round numbers between two, at most about so many."""
    rough = (high - low) / most or 1
    step = 10.0 ** math.floor(math.log10(rough))
    step *= next(factor for factor in (1, 2, 5, 10) if step * factor >= rough)
    return [round(n * step, 10) for n in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _text(x: float, y: float, said: str, *, anchor: str = "start", size: int = 12, fill: str = "#222222") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" fill="{fill}">{escape(said)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, stroke: str, dash: str = "") -> str:
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}"{dashed}/>'


def _path(points: Sequence[tuple[float, float]], stroke: str) -> list[str]:
    if not points:
        return []
    shape = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return [f'<polyline points="{shape}" fill="none" stroke="{stroke}" stroke-width="1.8"/>']
