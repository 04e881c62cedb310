"""Sketches and the evidence of reuse: written with the end of a signal, or not at all."""

from __future__ import annotations

from typing import Any

import pytest

from leadd.store.errors import NotFound
from leadd.store.reuse_rows import Evidence, NewReuse, NewSketch, ReuseCounts, Trace
from leadd.store.rows import Finish
from leadd.store.store import Store


def mark(*bands: int, signature: bytes = b"\x01" * 256) -> Trace:
    return Trace(NewSketch(signature, bands))


async def test_candidates_are_earlier_signals_by_shared_bands(store: Store, make: Any) -> None:
    a, b, c, d = await make.stored(4)
    ends = [(a, mark(1, 2, 3)), (b, mark(3, 9, signature=b"b")), (c, mark(1, 2, 4)), (d, mark(1, 2, 3))]
    await store.signals.finish_filtered([Finish(i, trace=trace) for i, trace in ends])
    found = await store.sketches.candidates((1, 2, 3), d)
    assert [(row.signal_id, row.shared_bands) for row in found] == [(a, 3), (c, 2), (b, 1)]
    assert [row.signature for row in found] == [b"\x01" * 256, b"\x01" * 256, b"b"]
    assert [row.signal_id for row in await store.sketches.candidates((1, 2, 3), d, limit=1)] == [a]
    assert await store.sketches.candidates((7, 2**63 - 1), d) == []
    assert await store.sketches.candidates((), d) == []
    assert await store.sketches.known((1, 9, 77, 2**63 - 1)) == {1, 9}
    assert await store.sketches.known(()) == frozenset()


async def test_evidence_and_counts(store: Store, make: Any) -> None:
    icp = await make.icp()
    ids = await make.stored(7)
    first = ids[0]
    assert await store.sketches.evidence(icp.id, "s1") == Evidence(0, 0, False)
    reuses = [
        NewReuse(icp.id, first, "check", "s1", 0.9, "match/warm", "match/warm"),
        NewReuse(icp.id, first, "check", "s1", 0.8, "match/warm", "no", wrong=True, certified=True),
        NewReuse(icp.id, ids[1], "check", "s1", 0.9, "no", "no"),
        NewReuse(icp.id, first, "check", "s2", 0.8, "no", "no"),
        NewReuse(icp.id, first, "near", "s1", 0.9, calls=2, tokens=700),
        NewReuse(icp.id, first, "twin", "s1", calls=1, tokens=300),
    ]
    await store.signals.finish_filtered([Finish(i, trace=Trace(reuses=(r,))) for i, r in zip(ids[1:], reuses, strict=True)])
    assert await store.sketches.evidence(icp.id, "s1") == Evidence(2, 1, True)
    assert await store.sketches.evidence(icp.id, "s2") == Evidence(1, 0, False)
    assert await store.sketches.evidence(icp.id + 1, "s1") == Evidence(0, 0, False)
    assert await store.sketches.counts() == {icp.id: ReuseCounts(1, 1, 4, 1, 300, 2, 700)}
    assert await store.sketches.wrong(icp.id, "s1", ids) == {first}
    assert await store.sketches.wrong(icp.id, "s1", ids[1:]) == frozenset()
    assert await store.sketches.wrong(icp.id, "s2", ids) == frozenset()


async def test_a_signal_counts_once_in_a_scope_and_keeps_its_first_sketch(store: Store, make: Any) -> None:
    icp = await make.icp()
    a, b = await make.stored(2)
    check = NewReuse(icp.id, a, "check", "s1", predicted="no", found="no")
    for _ in range(2):
        await store.signals.finish_filtered([Finish(b, trace=Trace(NewSketch(b"x", (5,)), (check,)))])
    assert (await store.sketches.evidence(icp.id, "s1")).checked == 1
    assert [row.signature for row in await store.sketches.candidates((5,), b + 1)] == [b"x"]


async def test_a_refused_end_leaves_no_trace(store: Store, make: Any) -> None:
    (a,) = await make.stored(1)
    with pytest.raises(NotFound):
        await store.signals.finish_filtered([Finish(a, trace=mark(8)), Finish(a + 99)])
    assert await store.sketches.candidates((8,), a + 1) == []


async def test_the_record_of_a_lead_carries_its_trace(store: Store, make: Any) -> None:
    icp = await make.icp()
    (a,) = await make.stored(1)
    await store.leads.record(make.record(a, icp, trace=mark(11)))
    assert [row.signal_id for row in await store.sketches.candidates((11,), a + 1)] == [a]
