"""The ICPs in force: the shipped one stands in until the user has their own, and several count each for itself."""

from __future__ import annotations

from core_parts import AD, ICP, Home, settled

from leadd.api import Icp, IcpField, SignalDraft
from leadd.core.icp_templates import DEFAULT_TEMPLATE
from leadd.core.profiles import Profiles


async def test_the_shipped_template_stands_in_and_leaves_by_itself(home: Home) -> None:
    async with home.core() as core:
        for row in await core.store.icps.list():
            await core.store.icps.delete(row.id)
        profiles = Profiles(core.store)
        await profiles.load()
        assert profiles.stand_in == DEFAULT_TEMPLATE
        assert [p.icp.name for p in profiles.current] == [DEFAULT_TEMPLATE]
        await profiles.load()
        assert len(await core.store.icps.list()) == 1, "it is put in once"
        await core.store.icps.add(ICP.model_copy(update={"name": "mine"}))
        await profiles.load()
        assert profiles.stand_in is None
        assert [p.icp.name for p in profiles.current] == ["mine"]


async def test_a_template_that_was_changed_is_the_users_own(home: Home) -> None:
    async with home.core() as core:
        for row in await core.store.icps.list():
            await core.store.icps.delete(row.id)
        profiles = Profiles(core.store)
        await profiles.load()
        row = (await core.store.icps.list())[0]
        await core._clock.sleep(0.005)
        changed = row.icp.model_copy(update={"description": "Quite another kind of customer than the template's."})
        await core.store.icps.replace(row.id, changed)
        await profiles.load()
        assert profiles.stand_in is None
        await core.store.icps.add(ICP.model_copy(update={"name": "second"}))
        await profiles.load()
        assert len(profiles.current) == 2


async def test_one_signal_can_be_a_lead_for_two_icps_and_none_for_a_third(home: Home) -> None:
    async with home.core() as core:
        other = Icp(
            name="agency_refugees", description="Companies that are unhappy with their agency and look for help.",
            hiring_keywords=IcpField(values=("agency", "marketing")),
        )  # fmt: skip
        third = Icp(
            name="no_founders", description="Anybody but companies with founders that do all the work by themselves.",
            hiring_keywords=IcpField(values=("marketing",)), exclude_keywords=IcpField(values=("founder",), use="exclude"),
        )  # fmt: skip
        await core.store.icps.add(other)
        await core.store.icps.add(third)
        await core.icps_changed()
        home.source.items = [SignalDraft(text=AD, title="First marketer", company="Acme GmbH", external_id="1")]
        core.traffic.poll_now("ads")
        await settled(core, 1)
        leads = (await core.store.leads.list(limit=10)).items
        row = (await core.store.signals.list()).items[0]
        dropped = [j for j in await core.store.judgements.for_signal(row.id) if j.decision == "drop" and not j.superseded]
    assert {lead.icp for lead in leads} == {"marketing", "agency_refugees"}
    assert [j.rule for j in dropped] == ["exclude_keywords"]


async def test_an_icp_that_is_switched_off_asks_for_nothing(home: Home) -> None:
    home.source.items = [SignalDraft(text=AD, external_id="1")]
    async with home.core() as core:
        await settled(core, 1)
        row = (await core.store.icps.list())[0]
        revision = core.profiles.revision
        await core.store.icps.replace(row.id, row.icp.model_copy(update={"enabled": False}))
        await core.icps_changed()
        assert core.profiles.current == ()
        assert core.profiles.revision != revision
