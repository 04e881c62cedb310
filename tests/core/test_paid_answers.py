"""What was paid for is in the journal before more is asked, and stays there when the record is refused."""

from __future__ import annotations

from typing import Any

from core_parts import AD, ICP, Home, settled, until

from leadd.api import Failure, ModelFailure, ModelRequest, Role, SignalDraft


async def stages(core: Any) -> list[tuple[int | None, str, str]]:
    page = await core.store.signals.list()
    rows = await core.store.judgements.for_signal(page.items[0].id)
    return [(row.icp_id, row.stage, row.decision) for row in rows]


async def test_answers_for_one_icp_are_journaled_before_the_next_is_asked(home: Home) -> None:
    seen: list[list[tuple[int | None, str, str]]] = []
    asked: list[tuple[int, Role]] = []

    def fail(request: ModelRequest) -> ModelFailure | None:
        assert request.subject is not None
        asked.append((request.subject.icp.name == ICP.name, request.role))
        return ModelFailure(Failure.UNREACHABLE, "gone") if request.subject.icp.name == "second" else None

    home.model.fail = fail
    async with home.core() as core:
        await core.store.icps.add(ICP.model_copy(update={"name": "second"}))
        await core.icps_changed()
        await core.ingest([SignalDraft(text=AD, title="Marketing manager")], source="ads")
        await until(lambda: core.pipeline.counts.waiting > 0)
        seen.append(await stages(core))
    first = core.pipeline._profiles.current[0].id
    answered = [(stage, decision) for icp_id, stage, decision in seen[0] if icp_id == first]
    assert answered == [("prefilter", "keep"), ("triage", "yes"), ("classify", "match")]
    assert home.model.calls[:2] == [(Role.TRIAGE, AD), (Role.CLASSIFY, AD)]
    assert asked[2] == (False, Role.TRIAGE)


async def test_a_refused_record_keeps_what_was_paid_for(home: Home, monkeypatch: Any) -> None:
    async with home.core() as core:

        async def refuse(record: object) -> None:
            raise RuntimeError("a bug in recording")

        monkeypatch.setattr(core.store.leads, "record", refuse)
        await core.ingest([SignalDraft(text=AD, title="Marketing manager")], source="ads")
        await until(lambda: core.pipeline.counts.held == 1)
        assert await settled(core, 1) == {"held": 1}
        found = await stages(core)
    assert ("classify", "match") in [(stage, decision) for _, stage, decision in found]
    assert [(stage, decision) for _, stage, decision in found].count(("triage", "yes")) == 1


async def test_a_signal_that_triage_refuses_is_journaled_with_its_end(home: Home) -> None:
    home.change(inference={"worth_from": 0.9})
    home.model.worth = False
    async with home.core() as core:
        await core.ingest([SignalDraft(text=AD, title="Marketing manager")], source="ads")
        await settled(core, 1)
        found = await stages(core)
        stats = core.inference.stats().roles[Role.TRIAGE]
    assert [(stage, decision) for _, stage, decision in found] == [("prefilter", "keep"), ("triage", "no")]
    assert stats.calls == 1
