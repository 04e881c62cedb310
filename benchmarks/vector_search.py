"""How long the exact search over many vectors takes: `python benchmarks/vector_search.py [COUNT] [WIDTH]`.

Beside leadd's matrix stand two plain ways on the same vectors: a loop over them, as one would write it first, and numpy's
product with nothing kept. Vectors are random (seeded): their values do not change how long a product takes. Medians of several
searches; then what the whole way costs, from the store (float16 on disk) to leads: filling the matrix, and a search through it.
"""

from __future__ import annotations

import asyncio
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadd.api import Icp, SystemClock
from leadd.core.finder import Finder
from leadd.learn.nearest import Nearest
from leadd.store import Store
from leadd.store.embeddings import Space
from leadd.store.rows import CompanyRef, IcpOutcome, LeadRecord, NewSignal

SPACE = Space("random", "seed-7/1")
LEADS_EVERY = 50
"""One signal in so many is part of a lead."""


def unit(rng: np.random.Generator, count: int, width: int) -> NDArray[np.float32]:
    """Random vectors of unit length in one cone, as embedders make them."""
    rows = rng.standard_normal((count, width), dtype=np.float32) + np.float32(0.4)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def median_ms(run: Callable[[], object], times: int) -> float:
    """The median time of a call in ms, after one that does not count."""
    run()
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        run()
        taken.append((time.perf_counter() - began) * 1000)
    return statistics.median(taken)


def by_loop(rows: NDArray[np.float32], wanted: NDArray[np.float32], count: int) -> list[tuple[float, int]]:
    """Cosines from the centre, one vector after the other."""
    centre = rows.mean(axis=0)
    aim = wanted - centre
    length = float(np.linalg.norm(aim))
    found = []
    for place, row in enumerate(rows):
        moved = row - centre
        found.append((float(moved @ aim) / (length * float(np.linalg.norm(moved))), place))
    return sorted(found, reverse=True)[:count]


def by_product(rows: NDArray[np.float32], wanted: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """The same with numpy, nothing kept between two searches."""
    moved = rows - rows.mean(axis=0)
    aim = wanted - rows.mean(axis=0)
    return np.argsort(-(moved @ aim) / np.linalg.norm(moved, axis=1))[:count]


class Fixed:
    """Stands for the embedding model: what it would take to ask one is no part of the search."""

    def __init__(self, vector: NDArray[np.float32]) -> None:
        self.vector = vector

    async def query(self, text: str) -> tuple[Space, Any]:
        """The vector that was given."""
        return SPACE, self.vector


async def whole_way(folder: Path, rows: NDArray[np.float32]) -> dict[str, float]:
    """Fill a store, then search it: times in ms, sizes in MB."""
    clock = SystemClock()
    store = await Store.open(folder, clock=clock)
    try:
        icp = await store.icps.add(Icp(name="all", description="everything"))
        ids: list[int] = []
        for start in range(0, len(rows), 2_000):
            many = range(start, min(len(rows), start + 2_000))
            added = await store.signals.add_many(
                "s", [NewSignal("s", f"text {n}", f"title {n}", f"h{n}", f"k{n}") for n in many]
            )
            ids += [signal_id for signal_id in added.ids if signal_id is not None]
            await store.embeddings.put_many("signal", SPACE, ids[start:], rows[start : many.stop])
        for signal_id in ids[::LEADS_EVERY]:
            outcome = IcpOutcome(icp.id, "all", True, 50, "nurture")
            company = CompanyRef(f"C{signal_id}", f"c{signal_id}")
            await store.leads.record(
                LeadRecord(signal_id, "nurture", "model", (outcome,), company, display_name=f"C{signal_id}")
            )
        find = Finder(store, Fixed(rows[17] + rows[23]), clock, logging.getLogger("bench"), has_embedder=True)
        began = time.perf_counter()
        first = await find.search("zzz", 20)
        first_ms = (time.perf_counter() - began) * 1000
        taken = []
        for _ in range(9):
            began = time.perf_counter()
            await find.search("zzz", 20)
            taken.append((time.perf_counter() - began) * 1000)
        assert (first.by, first.compared, len(first.leads)) == ("vectors", len(rows), 20)
        return {"first": first_ms, "next": statistics.median(taken), "mb": store.db.path.stat().st_size / 1e6}
    finally:
        await store.close()


def main() -> int:
    """Print the figures."""
    count, width = (int(a) for a in (*sys.argv[1:3], *("100000", "256")[len(sys.argv[1:3]) :]))
    rng = np.random.default_rng(7)
    rows = unit(rng, count, width)
    wanted = unit(rng, 1, width)[0]
    matrix = Nearest(width)
    began = time.perf_counter()
    matrix.put(range(count), rows)
    put_ms = (time.perf_counter() - began) * 1000
    kept = median_ms(lambda: matrix.top(wanted, 400), 25)
    product = median_ms(lambda: by_product(rows, wanted, 400), 5)
    loop = median_ms(lambda: by_loop(rows, wanted, 400), 1)
    ours, theirs = {row_id for row_id, _ in matrix.top(wanted, 400)}, {place for _, place in by_loop(rows, wanted, 400)}
    print(f"{count} vectors of {width} numbers, the nearest 400 of them; same as the loop's: {len(ours & theirs)} of 400")
    print(f"  a loop over the vectors    {loop:9.1f} ms")
    print(f"  numpy, nothing kept        {product:9.1f} ms  ({loop / product:.0f} times as quick)")
    print(f"  leadd's matrix             {kept:9.1f} ms  ({loop / kept:.0f} times as quick); built in {put_ms:.0f} ms")
    more = unit(rng, 100, width)
    grow_ms = median_ms(lambda: matrix.put(range(count, count + 100), more), 9)
    print(f"  taking in 100 more         {grow_ms:9.1f} ms")
    with tempfile.TemporaryDirectory(prefix="leadd-") as folder:
        told = asyncio.run(whole_way(Path(folder), rows))
    print(f"the whole way to 20 leads, one lead for {LEADS_EVERY} signals, a database of {told['mb']:.0f} MB:")
    print(f"  the first search           {told['first']:9.1f} ms  (reads all vectors)")
    print(f"  each further search        {told['next']:9.1f} ms")
    return 0


if __name__ == "__main__":
    sys.exit(main())
