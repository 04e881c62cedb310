"""No language model: the evidence in the texts, stamped as such, and replaced when the user asks for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from core_parts import AD, OTHER_AD, Home, make_context, settled, until

from leadd.api import Method, Role, SignalDraft
from leadd.builtin.evidence import EvidenceModel
from leadd.core.engine import MODEL_SEEN, Core


@asynccontextmanager
async def by_evidence(home: Home) -> AsyncIterator[Core]:
    home.model.reachable = False
    home.without_model = "evidence"
    evidence = EvidenceModel(EvidenceModel.Config.model_validate({"vectors": "off"}), make_context("evidence", home.folder))
    await evidence.open()
    async with home.core(evidence=evidence) as core:
        yield core
    await evidence.close()


def ads() -> list[SignalDraft]:
    return [
        SignalDraft(text=AD, title="First marketing hire", company="Acme GmbH", external_id="1"),
        SignalDraft(text=OTHER_AD, external_id="2"),
    ]


async def test_signals_are_judged_and_stamped(home: Home) -> None:
    home.source.items = list(ads())
    async with by_evidence(home) as core:
        await settled(core, 2)
        leads = (await core.store.leads.list(limit=10)).items
        rows = (await core.store.signals.list()).items
        stats = core.inference.stats()
    assert {lead.method for lead in leads} == {"evidence"}
    assert {row.method for row in rows} == {"evidence", "rule"}
    assert home.model.calls == []
    assert stats.roles[Role.TRIAGE].hits + stats.roles[Role.TRIAGE].misses == 0, "figures of models hold models only"


async def test_fields_that_need_a_model_stay_empty_and_dossiers_wait(home: Home) -> None:
    home.source.items = list(ads())[:1]
    async with by_evidence(home) as core:
        await settled(core, 1)
        lead = (await core.store.leads.list(limit=1)).items[0]
        assert await core.store.dossiers.get(lead.id) is None
    assert not lead.classification.get("implication")
    quotes = lead.classification["silver_bullet_phrases"]
    assert quotes
    assert all(quote in f"First marketing hire {AD}" for quote in quotes), "quotes are literal"


async def test_rejudging_puts_a_models_word_in_the_place_of_evidence(home: Home) -> None:
    home.source.items = list(ads())[:1]
    async with by_evidence(home) as core:
        await settled(core, 1)
        home.model.reachable = True
        await until(lambda: core.inference.availability(Role.TRIAGE).method == Method.MODEL, 20)
        before = (await core.store.leads.list(limit=1)).items[0]
        assert before.method == "evidence", "nothing is replaced before the user asks"
        assert await core.rejudge("evidence") == 1
        await until(lambda: Role.CLASSIFY in [role for role, _ in home.model.calls], 20)
        assert await settled(core, 1) == {"red_hot": 1}
        after = (await core.store.leads.list(limit=1)).items[0]
        journal = await core.store.judgements.for_signal((await core.store.signals.list()).items[0].id)
    assert (after.id, after.method) == (before.id, "model")
    assert [j.superseded for j in journal if j.method == "evidence"] == [True] * len(
        [j for j in journal if j.method == "evidence"]
    )


async def test_a_home_remembers_that_it_has_seen_a_model(home: Home) -> None:
    async with home.core() as core:
        for _ in range(200):
            if await core.store.schedule.get(MODEL_SEEN):
                break
            await core._clock.sleep(0.01)
        assert await core.store.schedule.get(MODEL_SEEN)
