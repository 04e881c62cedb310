"""What was learnt of a model's tokens survives a restart: it shapes what prompts show, and so the keys of the cache."""

from __future__ import annotations

from core_parts import Home

from leadd.api import Role
from leadd.core.asking import ClassifyRequest
from leadd.core.engine import MODEL_BUDGETS

TEXT = "We look for our first marketing manager; the founder is overloaded, number {n}."


async def test_what_was_learnt_is_taken_up_and_kept(home: Home) -> None:
    async with home.core() as core:
        digest = await core.inference.digest_of(Role.TRIAGE)
        await core.store.schedule.set(MODEL_BUDGETS, {digest: 4.25, "another": 3.0})
    async with home.core() as core:
        assert core.inference.chars_per_token(Role.TRIAGE) == 4.25
        await core.classify(ClassifyRequest(TEXT.format(n=1)))
    async with home.core() as core:
        kept = await core.store.schedule.get(MODEL_BUDGETS)
        assert kept is not None
        assert set(kept) == {digest, "another"}
        assert kept["another"] == 3.0
