"""The curve of an evaluation as a picture: what share of the wanted arrives when what share is let through."""

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
    """An SVG picture, whole by itself: recall (up) over the share passed (to the right), one line for each way."""
    wide, high = _WIDE - 2 * _EDGE, _HIGH - 2 * _EDGE
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDE} {_HIGH}" font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDE}" height="{_HIGH}" fill="white"/>',
        f'<text x="{_WIDE / 2}" y="24" text-anchor="middle" font-size="14">{escape(title)}</text>',
    ]
    for step in range(0, 11, 2):
        x, y = _EDGE + wide * step / 10, _HIGH - _EDGE - high * step / 10
        parts.append(f'<path d="M{x:.1f} {_EDGE}V{_HIGH - _EDGE}M{_EDGE} {y:.1f}H{_WIDE - _EDGE}" stroke="#dddddd"/>')
        parts.append(f'<text x="{x:.1f}" y="{_HIGH - _EDGE + 18}" text-anchor="middle">{step * 10}%</text>')
        parts.append(f'<text x="{_EDGE - 8}" y="{y + 4:.1f}" text-anchor="end">{step * 10}%</text>')
    line = _HIGH - _EDGE - high * 0.95
    parts.append(f'<path d="M{_EDGE} {line:.1f}H{_WIDE - _EDGE}" stroke="#999999" stroke-dasharray="4 4"/>')
    for number, way in enumerate(ways):
        colour = _COLOURS[number % len(_COLOURS)]
        points = " ".join(f"{_EDGE + wide * x:.1f},{_HIGH - _EDGE - high * y:.1f}" for x, y in _points(way))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        y = _HIGH - _EDGE - 12 - 18 * number
        parts.append(f'<text x="{_WIDE - _EDGE - 8}" y="{y}" text-anchor="end" fill="{colour}">{escape(way.name)}</text>')
    parts.append(f'<text x="{_WIDE / 2}" y="{_HIGH - 14}" text-anchor="middle">share of all signals that pass</text>')
    turned = f'x="16" y="{_HIGH / 2}" text-anchor="middle" transform="rotate(-90 16 {_HIGH / 2})"'
    parts.append(f"<text {turned}>share of the wanted that pass</text>")
    return "\n".join([*parts, "</svg>", ""])


def png(ways: Sequence[Way], title: str, file: Path, pyplot: Any) -> None:
    """The same as a PNG file, drawn by matplotlib's `pyplot`, which the caller has imported."""
    figure, axes = pyplot.subplots(figsize=(6.4, 4.6), dpi=120)
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
    figure.savefig(file, format="png")
    pyplot.close(figure)


def _points(way: Way) -> list[tuple[float, float]]:
    recall, passed, _ = curve(way.rows)
    kept = np.unique(np.linspace(0, len(recall) - 1, min(_MOST_POINTS, len(recall))).astype(int))
    return [(0.0, 0.0), *zip(passed[kept].tolist(), recall[kept].tolist(), strict=True)]
