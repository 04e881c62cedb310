"""An evaluation as a picture: what share of the wanted arrives when what share is let through, and whether probabilities
mean what they say."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

from leadd.bench.evaluation import Way
from leadd.learn.figures.measures import curve

_WIDE, _HIGH, _EDGE = 640, 460, 60
_COLOURS = ("#1f5fa8", "#c2571a", "#3c7d3c", "#7a4a9e")
_MOST_POINTS = 400


def svg(ways: Sequence[Way], title: str) -> str:
    """An SVG picture, whole by itself: recall (up) over the share passed (to the right), one line for each way.

    Where probabilities were measured, a second panel shows the share of wanted ones (up) over what was said (to the right).
    """
    measured = [way for way in ways if way.meaning is not None]
    all_wide = 2 * _WIDE if measured else _WIDE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {all_wide} {_HIGH}" font-family="sans-serif" font-size="12">',
        f'<rect width="{all_wide}" height="{_HIGH}" fill="white"/>',
        f'<text x="{all_wide / 2}" y="24" text-anchor="middle" font-size="14">{escape(title)}</text>',
    ]
    line = _HIGH - _EDGE - (_HIGH - 2 * _EDGE) * 0.95
    aim = f"M{_EDGE} {line:.1f}H{_WIDE - _EDGE}"
    lines = [(way.name, _points(way)) for way in ways]
    parts += _panel(lines, aim, "share of all signals that pass", "share of the wanted that pass")
    if measured:
        parts.append(f'<g transform="translate({_WIDE} 0)">')
        lines = [(way.name, _reliable(way)) for way in measured]
        even = f"M{_EDGE} {_HIGH - _EDGE}L{_WIDE - _EDGE} {_EDGE}"
        parts += [*_panel(lines, even, "probability that was said", "share that is wanted"), "</g>"]
    return "\n".join([*parts, "</svg>", ""])


def _panel(lines: Sequence[tuple[str, list[tuple[float, float]]]], aim: str, right: str, up: str) -> list[str]:
    """A square from 0 to 1 with its grid, a dashed line, and a named line through each list of points."""
    wide, high = _WIDE - 2 * _EDGE, _HIGH - 2 * _EDGE
    parts = []
    for step in range(0, 11, 2):
        x, y = _EDGE + wide * step / 10, _HIGH - _EDGE - high * step / 10
        parts.append(f'<path d="M{x:.1f} {_EDGE}V{_HIGH - _EDGE}M{_EDGE} {y:.1f}H{_WIDE - _EDGE}" stroke="#dddddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{_HIGH - _EDGE + 18}" text-anchor="middle">{step * 10}%</text>')
        parts.append(f'<text x="{_EDGE - 8}" y="{y + 4:.1f}" text-anchor="end">{step * 10}%</text>')
    parts.append(f'<path d="{aim}" fill="none" stroke="#999999" stroke-dasharray="4 4"/>')
    for number, (name, found) in enumerate(lines):
        colour = _COLOURS[number % len(_COLOURS)]
        points = " ".join(f"{_EDGE + wide * x:.1f},{_HIGH - _EDGE - high * y:.1f}" for x, y in found)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        y = _HIGH - _EDGE - 12 - 18 * number
        parts.append(f'<text x="{_WIDE - _EDGE - 8}" y="{y}" text-anchor="end" fill="{colour}">{escape(name)}</text>')
    parts.append(f'<text x="{_WIDE / 2}" y="{_HIGH - 14}" text-anchor="middle">{escape(right)}</text>')
    turned = f'x="16" y="{_HIGH / 2}" text-anchor="middle" transform="rotate(-90 16 {_HIGH / 2})"'
    parts.append(f"<text {turned}>{escape(up)}</text>")
    return parts


def png(ways: Sequence[Way], title: str, file: Path, pyplot: Any) -> None:
    """The same as a PNG file, drawn by matplotlib's `pyplot`, which the caller has imported."""
    measured = [way for way in ways if way.meaning is not None]
    figure, panels = pyplot.subplots(1, 2 if measured else 1, figsize=(12.8 if measured else 6.4, 4.6), dpi=120, squeeze=False)
    axes = panels[0][0]
    for number, way in enumerate(ways):
        x, y = zip(*_points(way), strict=True)
        axes.plot(x, y, color=_COLOURS[number % len(_COLOURS)], label=way.name)
    axes.axhline(0.95, color="#999999", linestyle="--")
    axes.set(
        title=title,
        xlabel="share of all signals that pass",
        ylabel="share of the wanted that pass",
        xlim=(0, 1),
        ylim=(0, 1.02),
    )
    axes.legend(loc="lower right")
    if measured:
        axes = panels[0][1]
        axes.plot((0, 1), (0, 1), color="#999999", linestyle="--")
        for number, way in enumerate(measured):
            x, y = zip(*_reliable(way), strict=True)
            axes.plot(x, y, marker="o", color=_COLOURS[number % len(_COLOURS)], label=way.name)
        axes.set(xlabel="probability that was said", ylabel="share that is wanted", xlim=(0, 1), ylim=(0, 1.02))
        axes.legend(loc="lower right")
    figure.savefig(file, format="png")
    pyplot.close(figure)


def _points(way: Way) -> list[tuple[float, float]]:
    recall, passed, _ = curve(way.rows)
    kept = np.unique(np.linspace(0, len(recall) - 1, min(_MOST_POINTS, len(recall))).astype(int))
    return [(0.0, 0.0), *zip(passed[kept].tolist(), recall[kept].tolist(), strict=True)]


def _reliable(way: Way) -> list[tuple[float, float]]:
    return [] if way.meaning is None else [(one.said, one.found) for one in way.meaning.bins]
