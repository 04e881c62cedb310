"""A model that writes dossiers as slowly as a test wants, and breaks off where it is told to; and leads to write about."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

from core_parts import AD, MODEL, ScriptedModel

from leadd.api import Capabilities, Chunk, Failure, ModelFailure, ModelRequest, Reply, Role, Usage
from leadd.core.engine import Core
from leadd.store.rows import CompanyRef, IcpOutcome, LeadRecord, NewJudgement, NewSignal

PIECE_CHARS = 6


class Typist(ScriptedModel):
    """Streams. `paper` is how many pieces of dossiers it may write yet, None for any number; `breaks` are the pieces after
    which its next dossiers break off (None: that one does not)."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.paper: asyncio.Semaphore | None = None
        self.breaks: list[int | None] = []
        self.ended = 0

    @property
    def capabilities(self) -> Capabilities:
        return replace(super().capabilities, streams=True)

    @property
    def dossiers(self) -> int:
        """How many dossiers were begun."""
        return sum(role is Role.DOSSIER for role, _ in self.calls)

    def hold(self) -> None:
        """Write nothing more of a dossier until `give`."""
        self.paper = asyncio.Semaphore(0)

    def give(self, pieces: int = 10_000) -> None:
        """Let it write so many pieces more."""
        assert self.paper is not None
        for _ in range(pieces):
            self.paper.release()

    async def complete(self, request: ModelRequest) -> Reply:
        if request.subject is None:  # the health monitor's tiny question
            if not self.reachable:
                raise ModelFailure(Failure.UNREACHABLE, "switched off by the test")
            return Reply('{"ok": "yes"}', MODEL, digest=self.digest_now, usage=Usage(prompt_tokens=20, output_tokens=5))
        return await super().complete(request)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        reply = await self.complete(request)
        is_dossier = request.role is Role.DOSSIER
        last = self.breaks.pop(0) if is_dossier and self.breaks else None
        try:
            for number, at in enumerate(range(0, len(reply.text), PIECE_CHARS)):
                if is_dossier and self.paper is not None:
                    await self.paper.acquire()
                if number == last:
                    raise ModelFailure(Failure.BROKEN_STREAM, "the plug was pulled")
                yield Chunk(reply.text[at : at + PIECE_CHARS])
            yield Chunk("", reply)
        finally:
            self.ended += 1


async def add_lead(core: Core, *, company: str = "Acme", score: int = 90, bucket: str = "red_hot", wants: bool = False) -> int:
    """A lead as the pipeline would record it; `wants`: it gets a dossier by its score."""
    icp = (await core.store.icps.list())[0]
    signal = NewSignal("inbox", f"{AD} We are {company}.", "Marketing wanted", f"hash of {company}", f"key of {company}")
    stored, _ = await core.store.signals.add_leased(core.owner, signal)  # the pipeline must not take it up meanwhile
    signal_id = stored.id
    judged = NewJudgement(signal_id, icp.id, "classify", "match", method="model", score=float(score))
    outcome = IcpOutcome(icp.id, icp.icp.name, True, score, bucket, ("They hire.",), {"icp_match": True}, (judged,))
    recorded = await core.store.leads.record(
        LeadRecord(
            signal_id=signal_id, outcome=bucket, method="model", per_icp=(outcome,), display_name=company,
            company=CompanyRef(company, company.lower()), dossier_threshold=0 if wants else 101,
        )
    )  # fmt: skip
    if wants:
        core.supervisor.wake("dossiers")
    return recorded.leads[0].lead_id
