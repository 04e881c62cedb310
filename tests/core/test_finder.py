"""Leads found by what they are about: with an embedding model, with word vectors, and by words where there is neither."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from test_vectors import LOG, MARKETING, TRUCKS, Bench, opened

from leadd.api import Failure, ModelFailure
from leadd.core import finder
from leadd.core.finder import Finder
from leadd.store import NotFound
from leadd.store.embeddings import Space
from leadd.store.rows import CompanyRef, IcpOutcome, LeadRecord
from leadd.testing.ollama import FakeOllama

BREAD = "Bakers wanted who like to rise early and to knead dough for our sourdough bread. Ad {}."


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with FakeOllama(time_scale=0) as fake, opened(tmp_path, fake) as made:
        yield made


async def leads_of(bench: Bench, *texts: str) -> list[int]:
    """One lead for each text, in their order."""
    (icp,) = await bench.store.icps.list()
    made = []
    for number, signal in enumerate(await bench.signals(*texts)):
        outcome = IcpOutcome(icp.id, icp.icp.name, True, 60, "warm", ("because",))
        company = CompanyRef(f"Firm {number}", f"firm {number}")
        record = LeadRecord(signal.id, "warm", "model", (outcome,), company, display_name=f"Firm {number}")
        made.append((await bench.store.leads.record(record)).leads[0].lead_id)
    return made


def made_for(bench: Bench, *, has_embedder: bool = True) -> Finder:
    return Finder(bench.store, bench.vectors, bench.clock, LOG, has_embedder=has_embedder)


def ids(found: finder.Found) -> list[int]:
    return [row.id for row, _ in found.leads]


def three_kinds(each: int) -> list[str]:
    return [text.format(n) for text in (MARKETING, TRUCKS, BREAD) for n in range(each)]


async def test_leads_are_found_by_the_vectors_of_the_model_that_is_set(bench: Bench) -> None:
    leads = await leads_of(bench, *three_kinds(15))
    signals = [s for row in (await bench.store.leads.list(limit=100)).items if (s := await _signal(bench, row.signal_id))]
    assert len(await bench.near(signals)) == 45
    find = made_for(bench)
    found = await find.search("night shifts with a forklift in a warehouse", limit=10)
    assert (found.by, found.compared) == ("vectors", 45)
    assert set(ids(found)) <= set(leads[15:30])
    like = await find.similar(leads[40], limit=14)
    assert (like.by, set(ids(like))) == ("vectors", set(leads[30:]) - {leads[40]})
    assert all(cosine is not None and cosine > 0 for _, cosine in like.leads)
    asked = bench.fake.stats.texts_embedded
    assert await find.similar(leads[0], limit=3)
    assert bench.fake.stats.texts_embedded == asked, "what is kept is compared, and nobody asked"
    with pytest.raises(NotFound):
        await find.similar(999)
    await bench.store.leads.delete(leads[41])
    assert leads[41] not in ids(await find.similar(leads[40], limit=40))


async def _signal(bench: Bench, signal_id: int | None) -> Any:
    return await bench.store.signals.get(signal_id or 0)


async def test_the_matrix_keeps_up_with_what_is_made_and_taken_out(bench: Bench) -> None:
    leads = await leads_of(bench, *three_kinds(12))
    rows = [await _signal(bench, (await bench.store.leads.get(lead)).signal_id) for lead in leads]  # type: ignore[union-attr]
    find = made_for(bench)
    none_yet = await find.search("bread")
    assert (none_yet.by, none_yet.reason) == ("words", "no signal has a vector of this model yet")
    await bench.near(rows[:32])
    assert (await find.search("bread")).compared == 32
    await bench.near(rows[32:])
    assert (await find.search("bread")).compared == 36
    await bench.store.embeddings.delete("signal", [row.id for row in rows[:6]])
    assert (await find.search("bread")).compared == 30
    bench.clock.added_s -= 3600  # a vector that comes in with an older time than those that are held
    await bench.near(rows[:6])
    assert (await find.search("bread")).compared == 36


async def test_word_vectors_stand_in_where_no_embedding_model_is_set(bench: Bench) -> None:
    pytest.importorskip("wordllama", reason="the extra leadd[embedded] is not installed")
    leads = await leads_of(bench, *three_kinds(12))
    find = made_for(bench, has_embedder=False)
    found = await find.search("someone who bakes loaves", limit=12)
    assert (found.by, found.model, found.compared) == ("vectors", "wordllama", 36)
    assert set(ids(found)) == set(leads[24:36])
    assert set(ids(await find.similar(leads[0], limit=11))) == set(leads[1:12])
    again = await made_for(bench, has_embedder=False).search("someone who bakes loaves", limit=12)
    assert ids(again) == ids(found), "after a restart the kept vectors say the same"
    assert bench.fake.stats.texts_embedded == 0


async def test_without_vectors_words_find_leads_and_the_reason_is_told(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    leads = await leads_of(bench, *three_kinds(3))
    monkeypatch.setattr(finder, "_load_static", lambda: (None, "the extra leadd[embedded] is not installed"))
    find = made_for(bench, has_embedder=False)
    found = await find.search("firm 4")
    assert (found.by, ids(found)) == ("words", [leads[4]])
    assert "leadd[embedded] is not installed" in found.reason
    assert all(cosine is None for _, cosine in found.leads)
    some = await find.search("firm of nobody, number 7")
    assert leads[7] in ids(some), "where no lead holds all words, those that hold some"
    like = await find.similar(leads[0], limit=4)
    assert like.by == "words"
    assert leads[0] not in ids(like)
    assert (await find.search("¿?")).leads == ()


async def test_a_model_that_cannot_be_asked_is_no_reason_to_find_nothing(tmp_path: Path) -> None:
    class Gone:
        async def query(self, text: str) -> tuple[Space, Any]:
            raise ModelFailure(Failure.UNREACHABLE, "the server is gone")

    async with FakeOllama(time_scale=0) as fake, opened(tmp_path, fake) as bench:
        leads = await leads_of(bench, *three_kinds(2))
        find = Finder(bench.store, Gone(), bench.clock, logging.getLogger("t"), has_embedder=True)
        found = await find.search("firm 3")
        assert (found.by, ids(found)) == ("words", [leads[3]])
        assert "the server is gone" in found.reason
