"""A store on a real file, a clock moved by hand, and short ways to make rows."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from leadd.api.icp import Icp
from leadd.store.rows import CompanyRef, IcpOutcome, IcpRow, LeadRecord, NewJudgement, NewSignal, SinkRef
from leadd.store.store import Store


class HandClock:
    """Stands still until told otherwise."""

    def __init__(self) -> None:
        self.ms = 1_700_000_000_000

    def now_ms(self) -> int:
        return self.ms

    def monotonic_s(self) -> float:
        return self.ms / 1000

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


class Make:
    """Short ways to rows of a store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.number = 0

    def signal(self, key: str | None = None, **more: Any) -> NewSignal:
        self.number += 1
        key = key or f"k{self.number}"
        values: dict[str, Any] = {
            "source": "inbox",
            "text": f"text of {key}",
            "title": f"title of {key}",
            "content_hash": hashlib.sha256(key.encode()).hexdigest(),
            "dedupe_key": key,
        }
        return NewSignal(**{**values, **more})

    async def stored(self, count: int = 1, **more: Any) -> list[int]:
        result = await self.store.signals.add_many("inbox", [self.signal(**more) for _ in range(count)])
        return [i for i in result.ids if i is not None]

    async def icp(self, name: str = "marketing") -> IcpRow:
        return await self.store.icps.add(Icp(name=name, description="whoever needs some marketing"))

    def judgement(self, signal_id: int, icp_id: int | None, **more: Any) -> NewJudgement:
        values: dict[str, Any] = {"stage": "classify", "decision": "match", "method": "model", "answer": {"fit": 1}, "key": "K"}
        return NewJudgement(signal_id=signal_id, icp_id=icp_id, **{**values, **more})

    def record(self, signal_id: int, icp: IcpRow, total: int = 65, bucket: str = "warm", **more: Any) -> LeadRecord:
        per_icp = more.pop("per_icp", None)
        makes_lead = more.pop("makes_lead", True)
        if per_icp is None:
            per_icp = (
                IcpOutcome(
                    icp_id=icp.id,
                    icp_name=icp.icp.name,
                    makes_lead=makes_lead,
                    total=total,
                    bucket=bucket,
                    reasons=(f"scored {total}",),
                    classification={"score": total},
                ),
            )
        values: dict[str, Any] = {
            "outcome": bucket,
            "method": "model",
            "company": CompanyRef(name="Acme", name_key="acme"),
            "display_name": "Acme",
            "sinks": (SinkRef("jsonl"),),
        }
        return LeadRecord(signal_id=signal_id, per_icp=per_icp, **{**values, **more})

    async def lead(self, icp: IcpRow, total: int = 65, bucket: str = "warm", **more: Any) -> int:
        (signal_id,) = await self.stored()
        result = await self.store.leads.record(self.record(signal_id, icp, total, bucket, **more))
        return result.leads[0].lead_id


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def store(tmp_path: Path, clock: HandClock) -> AsyncIterator[Store]:
    opened = await Store.open(tmp_path / "data", clock=clock)
    yield opened
    await opened.close()


@pytest.fixture
def make(store: Store) -> Make:
    return Make(store)
