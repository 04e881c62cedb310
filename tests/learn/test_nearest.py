"""The nearest vectors, against the plain definition."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from leadd.learn.nearest import CENTRED_FROM, Nearest


def unit(rng: Any, count: int, width: int = 24) -> Any:
    rows = rng.standard_normal((count, width)).astype(np.float32) + 0.8  # one cone, as embedders make it
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def plain(held: dict[int, Any], wanted: Any, centre: Any) -> list[tuple[int, float]]:
    def cosine(row: Any) -> float:
        a, b = row - centre, wanted - centre
        return float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))

    return sorted(((row_id, cosine(row)) for row_id, row in held.items()), key=lambda pair: (-pair[1], pair[0]))


def check(matrix: Nearest, held: dict[int, Any], wanted: Any) -> None:
    found = matrix.top(wanted, 7)
    expected = plain(held, wanted, matrix._centre)[:7]
    assert [row_id for row_id, _ in found] == [row_id for row_id, _ in expected]
    assert [cosine for _, cosine in found] == pytest.approx([cosine for _, cosine in expected], abs=2e-5)


def test_it_finds_what_the_definition_finds_while_rows_come_change_and_go() -> None:
    rng = np.random.default_rng(3)
    matrix, held = Nearest(24), {}
    for _ in range(12):
        ids = [int(i) for i in rng.integers(1, 400, size=60)]
        rows = unit(rng, 60)
        matrix.put(ids, rows)
        held |= dict(zip(ids, rows, strict=True))
        gone = [int(i) for i in rng.choice(list(held), size=15, replace=False)]
        matrix.drop([*gone, 10_000])
        held = {row_id: row for row_id, row in held.items() if row_id not in gone}
        assert len(matrix) == len(held)
        assert set(matrix.ids) == set(held)
        check(matrix, held, unit(rng, 1)[0])
    centre = np.mean(list(held.values()), axis=0)
    assert np.linalg.norm(matrix._centre - centre) < 0.1, "the centre keeps up with what is held"
    some = next(iter(held))
    vector = matrix.vector(some)
    assert vector is not None
    assert np.array_equal(vector, held[some])
    matrix.drop(list(held))
    assert matrix.top(unit(rng, 1)[0], 5) == []
    assert matrix.vector(some) is None


def test_few_vectors_are_compared_as_they_are() -> None:
    rng = np.random.default_rng(4)
    rows, matrix = unit(rng, CENTRED_FROM - 1), Nearest(24)
    matrix.put(range(CENTRED_FROM - 1), rows)
    (first, cosine), *rest = matrix.top(rows[5], 100)
    assert (first, len(rest)) == (5, CENTRED_FROM - 2)
    assert cosine == pytest.approx(1.0, abs=1e-5)
    assert dict(rest)[6] == pytest.approx(float(rows[5] @ rows[6]), abs=1e-5)


def test_what_does_not_fit_is_refused() -> None:
    matrix = Nearest(4)
    matrix.put([], np.zeros((0, 4), dtype=np.float32))
    for bad in (np.ones((1, 5)), np.ones((2, 4)), np.ones(4)):
        with pytest.raises(ValueError, match="vectors of 4 numbers"):
            matrix.put([1], bad.astype(np.float32))
    assert matrix.top(np.zeros(4, dtype=np.float32), 3) == []
