"""Kept vectors: what goes in comes out, in its own space only, and leaves when its time or its subject is over."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from leadd.store.embeddings import Space
from leadd.store.store import Store
from leadd.store.vector_bytes import from_bytes, to_bytes

HERE = Space("nomic-embed-text", "aaa/1")
THERE = Space("nomic-embed-text", "bbb/1")


def unit(count: int, width: int = 768, seed: int = 1) -> Any:
    rows = np.random.default_rng(seed).standard_normal((count, width)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


async def test_what_goes_in_comes_out_as_unit_vectors(store: Store, make: Any) -> None:
    ids = await make.stored(5)
    vectors = unit(5)
    await store.embeddings.put_many("signal", HERE, ids, vectors)
    found = await store.embeddings.get_many("signal", HERE, [*ids, 999])
    assert list(found) == ids
    for row_id, vector in zip(ids, vectors, strict=True):
        assert found[row_id].dtype == np.float32
        assert abs(float(np.linalg.norm(found[row_id])) - 1) < 1e-6
        assert float(found[row_id] @ vector) > 0.99999
    row = await store.db.fetch_one("SELECT length(vector), dimensions FROM embedding LIMIT 1")
    assert row is not None
    assert tuple(row) == (2 * 768, 768)


async def test_spaces_and_subjects_do_not_mix_and_a_newer_vector_wins(store: Store, make: Any) -> None:
    ids = await make.stored(2)
    first, second = unit(2, 8, seed=2), unit(2, 8, seed=3)
    await store.embeddings.put_many("signal", HERE, ids, first)
    assert await store.embeddings.get_many("signal", THERE, ids) == {}
    assert await store.embeddings.get_many("icp", HERE, ids) == {}
    await store.embeddings.put_many("signal", HERE, ids, second)
    found = await store.embeddings.get_many("signal", HERE, ids)
    assert float(found[ids[0]] @ second[0]) > 0.999
    assert (await store.embeddings.counts()) == {"signal": 2, "lead": 0, "icp": 0}


@pytest.mark.parametrize(
    "bad",
    [
        np.ones((1, 8), dtype=np.float32),
        np.zeros((1, 8), dtype=np.float32),
        np.full((1, 8), np.nan, dtype=np.float32),
        np.zeros((1, 0), dtype=np.float32),
        np.ones(8, dtype=np.float32),
    ],
)
async def test_what_is_no_unit_vector_is_refused(store: Store, make: Any, bad: Any) -> None:
    ids = await make.stored(1)
    with pytest.raises(ValueError):
        await store.embeddings.put_many("signal", HERE, ids, bad)
    with pytest.raises(ValueError):
        await store.embeddings.put_many("signal", HERE, [*ids, 2], unit(1))
    assert (await store.embeddings.counts())["signal"] == 0


def test_a_damaged_row_counts_as_missing() -> None:
    good, other = to_bytes(unit(2, 8))
    assert list(from_bytes([(1, 8, good), (2, 8, other[:-1]), (3, 7, other), (4, 8, bytes(16)), (5, 8, b"\xff" * 16)])) == [1]
    assert from_bytes([(6, 0, b"")]) == {}


async def test_equal_texts_share_a_vector(store: Store, make: Any) -> None:
    hashes = {"content_hash": "e" * 64}
    (first,) = await make.stored(1, **hashes)
    again = await make.stored(2, **hashes)
    (alone,) = await make.stored(1)
    vectors = unit(1, 8)
    await store.embeddings.put_many("signal", HERE, [first], vectors)
    found = await store.embeddings.of_equal_texts(HERE, [first, *again, alone])
    assert sorted(found) == sorted([first, *again])
    assert all(float(vector @ vectors[0]) > 0.999 for vector in found.values())
    assert await store.embeddings.of_equal_texts(THERE, [first]) == {}


async def test_the_latest_are_those_of_the_highest_ids(store: Store, make: Any) -> None:
    ids = await make.stored(4)
    vectors = unit(4, 8)
    await store.embeddings.put_many("signal", HERE, ids, vectors)
    assert (await store.embeddings.latest("signal", HERE, 2)).shape == (2, 8)
    assert float((await store.embeddings.latest("signal", HERE, 1))[0] @ vectors[3]) > 0.999
    assert (await store.embeddings.latest("lead", HERE, 2)).shape == (0, 0)


async def test_vectors_end_with_their_time(store: Store, make: Any, clock: Any) -> None:
    ids = await make.stored(3)
    await store.embeddings.put_many("signal", HERE, ids[:2], unit(2, 8))
    clock.ms += 1000
    await store.embeddings.put_many("signal", HERE, ids[2:], unit(1, 8))
    assert await store.embeddings.prune(clock.ms - 500) == 2
    assert list(await store.embeddings.get_many("signal", HERE, ids)) == ids[2:]
    writes = store.db.figures()["writes"]
    assert await store.embeddings.prune(clock.ms - 500) == 0
    assert store.db.figures()["writes"] == writes, "where nothing is to go, nothing is written"


async def test_vectors_end_with_their_subject(store: Store, make: Any) -> None:
    ids = await make.stored(2)
    kept, gone = await make.icp("kept"), await make.icp("gone")
    await store.embeddings.put_many("signal", HERE, [*ids, 4711], unit(3, 8))
    await store.embeddings.put_many("icp", HERE, [kept.id, gone.id], unit(2, 8))
    await store.icps.delete(gone.id)
    assert await store.embeddings.prune(0) == 2
    assert (await store.embeddings.counts()) == {"signal": 2, "lead": 0, "icp": 1}
    assert await store.embeddings.delete("signal", ids) == 2
    assert (await store.embeddings.counts())["signal"] == 0


async def test_many_old_vectors_go_in_slices(store: Store, make: Any, clock: Any) -> None:
    ids = [i for i in (await store.signals.add_many("inbox", [make.signal() for _ in range(2500)])).ids if i]
    await store.embeddings.put_many("signal", HERE, ids, unit(2500, 4))
    writes = store.db.figures()["writes"]
    assert await store.embeddings.prune(clock.ms + 1) == 2500
    assert store.db.figures()["writes"] - writes == 3


def test_numpy_is_not_brought_along() -> None:
    code = "import sys, leadd.core.engine, leadd.store.embeddings; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
