"""A dropped signal of which the user says that it should have been a lead: read at once, and kept as a miss either way."""

from __future__ import annotations

import pytest
from core_parts import OTHER_AD, Home, settled, until

from leadd.api import Failure, ModelFailure, Role, SignalDraft
from leadd.store import NotFound
from leadd.store.rows import SignalRow

HIDDEN = OTHER_AD + " The boss does all marketing himself."
"""The scripted model calls this a match; no word of the ICP's speaks for it."""


async def only(core) -> SignalRow:
    (row,) = (await core.store.signals.list()).items
    return row


async def test_a_miss_passes_filter_and_triage_and_becomes_a_lead(home: Home) -> None:
    home.change(prefilter={"score_threshold": 60.0})
    home.model.worth = False
    home.source.items = [SignalDraft(text=HIDDEN, title="Warehouse worker", company="Acme GmbH")]
    async with home.core() as core:
        assert await settled(core, 1) == {"filtered": 1}
        row = await only(core)
        kept = await core.judge_signal(row.id, "accept", "they need us", by="user", icp=None)
        assert (kept.dropped_by, kept.prefilter_threshold) == ("prefilter:score", 60.0)
        await until(lambda: len(home.model.calls) == 1)
        await settled(core, 1)
        (lead,) = (await core.store.leads.list()).items
        assert lead.signal_id == row.id
        rows = [j for j in await core.store.judgements.for_signal(row.id) if not j.superseded]
        (verdict,) = await core.store.verdicts.counting()
    assert [role for role, _ in home.model.calls] == [Role.CLASSIFY], "a person has said that it is worth a close look"
    assert [j.stage for j in rows] == ["prefilter", "classify", "score"]
    assert rows[0].decision == "keep"
    assert rows[0].reasons[0] == "You said that this should have been a lead."
    assert (verdict.verdict, verdict.lead_id, verdict.signal_id) == ("accept", None, row.id)


async def test_a_miss_waits_for_a_model_over_a_restart(home: Home) -> None:
    home.change(prefilter={"score_threshold": 60.0})
    home.source.items = [SignalDraft(text=HIDDEN, title="Warehouse worker", company="Acme GmbH")]
    async with home.core() as core:
        await settled(core, 1)
        row = await only(core)
        home.model.fail = lambda request: ModelFailure(Failure.UNREACHABLE, "gone")
        await core.judge_signal(row.id, "accept", by="user", icp=None)
        await until(lambda: len(home.model.calls) >= 1)
    home.model.fail = lambda request: None
    async with home.core() as core:
        await core.store.db.write(lambda conn: conn.execute("UPDATE signal SET due_ms = 0").rowcount)
        core.supervisor.wake("pipeline")
        await settled(core, 1)
        assert [lead.signal_id for lead in (await core.store.leads.list()).items] == [row.id]


async def test_what_the_close_look_finds_no_match_stays_a_miss_by_the_users_word(home: Home) -> None:
    home.change(prefilter={"mode": "fixed"})
    home.source.items = [SignalDraft(text=OTHER_AD, title="Warehouse worker", company="Acme GmbH")]
    async with home.core() as core:
        await settled(core, 1)
        row = await only(core)
        await core.judge_signal(row.id, "accept", by="user", icp="marketing")
        await until(lambda: len(home.model.calls) == 1)
        await settled(core, 1)
        assert (await core.store.leads.list()).items == ()
        (kept,) = await core.store.verdicts.counting()
        assert kept.verdict == "accept"
        with pytest.raises(NotFound):
            await core.judge_signal(999, "accept", by="user", icp=None)
