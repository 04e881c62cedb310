"""Logistic regression towards a prior over sparse and dense columns, by L-BFGS (Nocedal and Wright 2006, algorithm 7.4).

Minimises sum_i c_i log(1 + exp(-y_i f_i)) + 1/2 sum_j (w_j - m_j)^2 / s_j^2, which is the most likely w under a normal prior
with means m and deviations s. Columns are scaled by s beforehand, so all of them pull equally and few steps are enough.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from leadd.learn.scoring.hashing import Rows, row_sums

Floats = NDArray[np.float64]

_KEPT = 10
_ARMIJO = 1e-4


@dataclass(frozen=True, slots=True)
class Problem:
    """Sparse columns with the prior mean 0, dense columns with their own: X = [sparse, dense]. Both are scaled already."""

    sparse: Rows
    columns: int
    dense: Floats
    wanted: NDArray[np.bool_]
    counts: Floats
    offset: Floats


def solve(problem: Problem, *, start: Floats | None = None, steps: int = 100, tolerance: float = 1e-3) -> Floats:
    """The weights (sparse columns first), as differences from the prior means in units of its deviations.

    Stops where the slope is `tolerance` of the first one (largest part), or after `steps`. `start` is a nearby solution.
    """
    loss = _Loss(problem)
    found = np.zeros(problem.columns + problem.dense.shape[1]) if start is None else start.copy()
    value, slope = loss.at(found)
    first = max(float(np.abs(slope).max()), 1e-12) if start is None else max(float(np.abs(loss.at(found * 0)[1]).max()), 1e-12)
    moves: list[tuple[Floats, Floats, float]] = []
    for _ in range(steps):
        if np.abs(slope).max() <= tolerance * first:
            break
        direction = _direction(slope, moves)
        moved = _line_search(loss, found, value, slope, direction)
        if moved is None:
            if not moves:
                break
            moves.clear()
            continue
        new, new_value, new_slope = moved
        change, bend = new - found, new_slope - slope
        curvature = float(change @ bend)
        if curvature > 1e-12:
            moves.append((change, bend, 1.0 / curvature))
            del moves[:-_KEPT]
        found, value, slope = new, new_value, new_slope
    return found


class _Loss:
    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        rows = problem.sparse
        order = np.argsort(rows.columns, kind="stable")
        lengths = np.bincount(rows.columns, minlength=problem.columns)
        self._starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        self._row_of = np.repeat(np.arange(len(rows), dtype=np.int32), np.diff(rows.starts))[order]
        self._values = rows.values[order]
        self._signs = np.where(problem.wanted, 1.0, -1.0)

    def at(self, weights: Floats) -> tuple[float, Floats]:
        """The loss and its slope."""
        problem = self._problem
        sparse, dense = weights[: problem.columns], weights[problem.columns :]
        odds = problem.offset + problem.sparse.times(sparse.astype(np.float32)) + problem.dense @ dense
        margins = self._signs * odds
        value = float(problem.counts @ np.logaddexp(0.0, -margins)) + 0.5 * float(weights @ weights)
        pull = -self._signs * problem.counts / (1.0 + np.exp(np.clip(margins, -60, 60)))
        down = row_sums(self._values * pull.astype(np.float32)[self._row_of], self._starts)
        return value, np.concatenate([down, problem.dense.T @ pull]) + weights


def _direction(slope: Floats, moves: list[tuple[Floats, Floats, float]]) -> Floats:
    direction = -slope
    factors = []
    for change, bend, scale in reversed(moves):
        factor = scale * float(change @ direction)
        factors.append(factor)
        direction = direction - factor * bend
    if moves:
        change, bend, _ = moves[-1]
        direction = direction * (float(change @ bend) / float(bend @ bend))
    else:
        direction = direction / max(1.0, float(np.linalg.norm(slope)))
    for (change, bend, scale), factor in zip(moves, reversed(factors), strict=True):
        direction = direction + change * (factor - scale * float(bend @ direction))
    return direction


def _line_search(
    loss: _Loss, found: Floats, value: float, slope: Floats, direction: Floats
) -> tuple[Floats, float, Floats] | None:
    """A step that lowers the loss enough, halved (by a parabola) until it does; None where none is found."""
    steep = float(slope @ direction)
    if steep >= 0:
        return None
    step = 1.0
    for _ in range(25):
        new = found + step * direction
        new_value, new_slope = loss.at(new)
        if new_value <= value + _ARMIJO * step * steep:
            return new, new_value, new_slope
        parabola = -steep * step * step / (2 * (new_value - value - steep * step))
        step = min(max(parabola, 0.1 * step), 0.5 * step)
    return None
