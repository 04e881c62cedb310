"""What a sink owes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from leadd.api import Contact, Context, Guarantee, Lead, LeaddError, LeadSignal, Receipt, Sink
from leadd.testing.contracts.component import ComponentContract


def sample_lead(lead_id: int = 1, **changes: Any) -> Lead:
    """A lead as the daemon hands it over; `changes` replace fields."""
    lead = Lead(
        id=lead_id,
        revision=0,
        event="lead.created",
        icp="agencies",
        name="Example Werke GmbH",
        score=82,
        bucket="red_hot",
        status="new",
        method="model",
        reasons=("hires its first marketer", "says 'no time for marketing'"),
        created_at_ms=1_767_268_800_000,
        updated_at_ms=1_767_268_800_000,
        company="Example Werke GmbH",
        domain="example.org",
        website="https://example.org",
        location="Kassel",
        contacts=(Contact("email", "hello@example.org"), Contact("phone", "+4956112345")),
        signals=(LeadSignal(7, "First marketing manager", "jobs", "https://example.org/job", 82, 1_767_268_800_000),),
        classification={"icp_match": True, "pain_tags": ["no_strategy"], "score_fit": 44},
    )
    return replace(lead, **changes)


class SinkContract(ComponentContract[Sink]):
    """A sink takes leads, says what it promises about repeats, and answers trouble with Retry, Reject or NeedsAttention."""

    can_deliver: ClassVar[bool] = True
    """False where `make` gives a sink whose other side is not there: then every delivery must end in an instruction."""

    async def effects(self, ctx: Context) -> int | None:
        """How many deliveries have arrived on the other side (rows, files, posts); None where a test cannot see that."""
        return None

    def test_it_says_what_it_promises(self, ctx: Context) -> None:
        assert isinstance(self.make(ctx).guarantee, Guarantee)

    async def test_a_lead_is_taken_with_a_receipt(self, ctx: Context) -> None:
        async with self.opened(ctx) as sink:
            await self._deliver(sink, sample_lead(), "lead-1-0-test")
        assert await self.effects(ctx) in (None, 1 if self.can_deliver else 0)

    async def test_a_bare_lead_is_taken_too(self, ctx: Context) -> None:
        bare = sample_lead(
            company=None, domain=None, website=None, location=None, contacts=(), signals=(), classification={}, reasons=()
        )
        async with self.opened(ctx) as sink:
            await self._deliver(sink, bare, "lead-2-0-test")

    async def test_an_upgrade_with_a_dossier_is_taken(self, ctx: Context) -> None:
        upgraded = sample_lead(revision=1, event="lead.upgraded", dossier={"snapshot": "x", "why_pain_bullets": ["a", "b"]})
        async with self.opened(ctx) as sink:
            await self._deliver(sink, upgraded, "lead-1-1-test")

    async def test_a_repeat_has_no_second_effect_where_that_is_promised(self, ctx: Context) -> None:
        async with self.opened(ctx) as sink:
            for _ in range(3):
                await self._deliver(sink, sample_lead(), "lead-1-0-test")
            is_idempotent = sink.guarantee is Guarantee.IDEMPOTENT
        async with self.opened(ctx) as restarted:
            await self._deliver(restarted, sample_lead(), "lead-1-0-test")
        arrived = await self.effects(ctx)
        if self.can_deliver and arrived is not None:
            assert arrived >= 1
            assert not is_idempotent or arrived == 1, "one key has one effect, over a restart too"

    async def test_different_keys_all_arrive(self, ctx: Context) -> None:
        async with self.opened(ctx) as sink:
            await asyncio.gather(*(self._deliver(sink, sample_lead(i), f"lead-{i}-0-test") for i in range(1, 9)))
        assert await self.effects(ctx) in (None, 8 if self.can_deliver else 0)

    async def test_hostile_leads_are_taken_or_rejected_and_harm_no_other(self, ctx: Context) -> None:
        async with self.opened(ctx) as sink:
            for index, text in enumerate(self.hostile_texts):
                hostile = sample_lead(
                    100 + index,
                    name=text,
                    company=text,
                    domain=text,
                    website=text,
                    location=text,
                    reasons=(text,),
                    contacts=(Contact("email", text),),
                    signals=(LeadSignal(1, text, text, text, 50, 0),),
                    classification={"reason_short": text, "nested": [{"deep": text}]},
                )
                try:
                    await self.in_time(sink.deliver(hostile, f"lead-{100 + index}-0-test"))
                except LeaddError:
                    continue
            await self._deliver(sink, sample_lead(), "lead-1-0-test")

    async def test_a_cancelled_delivery_can_be_made_again(self, ctx: Context) -> None:
        async with self.opened(ctx) as sink:
            for _ in range(3):
                await self.cancel_midway(sink.deliver(sample_lead(), "lead-1-0-test"))
            await self._deliver(sink, sample_lead(), "lead-1-0-test")
            is_idempotent = sink.guarantee is Guarantee.IDEMPOTENT
        arrived = await self.effects(ctx)
        if self.can_deliver and arrived is not None and is_idempotent:
            assert arrived == 1

    async def test_test_answers_with_a_receipt_or_an_instruction(self, ctx: Context) -> None:
        async with self.opened(ctx) as sink:
            try:
                receipt = await self.in_time(sink.test())
            except LeaddError:
                return
        assert isinstance(receipt, Receipt)
        assert await self.effects(ctx) in (None, 0, 1)

    async def _deliver(self, sink: Sink, lead: Lead, key: str) -> None:
        if not self.can_deliver:
            with pytest.raises(LeaddError):
                await self.in_time(sink.deliver(lead, key))
            return
        receipt = await self.in_time(sink.deliver(lead, key))
        assert isinstance(receipt, Receipt)
