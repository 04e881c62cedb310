"""Classifying on request: answered at once, remembered as long as it holds, never lost while no model is there."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from core_parts import AD, OTHER_AD, Home, settled, until

from leadd.api import Failure, ModelFailure, Reject, Role
from leadd.core.asking import ClassifyRequest, ClassifyResult


def request(text: str = AD, **more: str) -> ClassifyRequest:
    return ClassifyRequest(text, **more)


async def test_a_text_is_classified_and_becomes_a_lead(home: Home) -> None:
    async with home.core() as core:
        found = await core.classify(request(company_name="Acme GmbH"))
        assert found.lead_id is not None
        lead = await core.store.leads.get(found.lead_id)
    assert (found.status, found.score_bucket, found.icp_match, found.cached) == ("ok", "red_hot", True, False)
    assert found.classification is not None
    assert found.classification["score_data_quality"] >= 0
    assert found.total_score == sum(found.classification[k] for k in ("score_fit", "score_pain", "score_data_quality"))
    assert lead is not None
    assert lead.company == "Acme GmbH"


async def test_the_same_again_comes_from_what_is_remembered(home: Home) -> None:
    async with home.core() as core:
        first = await core.classify(request())
        again = await core.classify(request())
        assert core.inference.stats().roles[Role.TRIAGE].hits >= 1
    assert (again.cached, again.signal_id, again.total_score) == (True, first.signal_id, first.total_score)
    assert not again.created_lead
    assert [r for r, _ in home.model.calls].count(Role.CLASSIFY) == 1


async def test_a_cleared_cache_asks_anew(home: Home) -> None:
    async with home.core() as core:
        await core.classify(request())
        await core.clear_cache()
        again = await core.classify(request())
    assert not again.cached
    assert [r for r, _ in home.model.calls].count(Role.CLASSIFY) == 2


async def test_a_changed_icp_makes_remembered_answers_worthless(home: Home) -> None:
    async with home.core() as core:
        await core.classify(request())
        row = (await core.store.icps.list())[0]
        await core.store.icps.replace(row.id, row.icp.model_copy(update={"description": "Something quite different now."}))
        await core.icps_changed()
        again = await core.classify(request())
    assert not again.cached


async def test_what_nobody_wants_is_filtered_with_the_reason(home: Home) -> None:
    home.change(prefilter={"mode": "fixed"})
    async with home.core() as core:
        found = await core.classify(request(OTHER_AD))
    assert found.status == "filtered"
    assert found.method == "rule"
    assert found.reasons
    assert home.model.calls == []


async def test_a_persons_text_is_never_too_short(home: Home) -> None:
    async with home.core() as core:
        assert (await core.classify(request("marketing"))).status == "ok"


async def test_without_a_model_the_text_is_kept_and_answered_later(home: Home) -> None:
    home.model.reachable = False
    async with home.core() as core:
        found = await core.classify(request())
        assert found.status == "held"
        assert found.signal_id is not None
        assert any("model" in reason for reason in found.reasons)
        home.model.reachable = True
        assert await settled(core, 1) == {"red_hot": 1}


async def test_a_failure_is_no_answer_and_is_not_remembered(home: Home) -> None:
    home.model.fail = lambda r: ModelFailure(Failure.TOO_LONG, "too long") if r.role is Role.CLASSIFY else None
    async with home.core() as core:
        found = await core.classify(request())
        assert found.status == "held"
        assert found.classification is None
        home.model.fail = lambda r: None
        again = await core.classify(request())
    assert again.status == "ok"


async def test_no_text_is_refused(home: Home) -> None:
    async with home.core() as core:
        with pytest.raises(Reject, match="no text"):
            await core.classify(request(" \u200b\n"))


async def collect(results: AsyncIterator[tuple[int, ClassifyResult]]) -> dict[int, ClassifyResult]:
    return {place: result async for place, result in results}


async def test_a_batch_gives_each_its_own_outcome(home: Home) -> None:
    home.change(prefilter={"mode": "fixed"})
    async with home.core() as core:
        found = await collect(core.classify_many([request(), request("  "), request(OTHER_AD), request()]))
    assert [found[n].status for n in range(4)] == ["ok", "error", "filtered", "ok"]
    assert found[1].error
    assert [r for r, _ in home.model.calls].count(Role.TRIAGE) == 1, "equal texts of one batch are paid for once"


async def test_a_result_does_not_wait_for_the_next_request(home: Home) -> None:
    more = asyncio.Event()

    async def slow_caller() -> AsyncIterator[ClassifyRequest]:
        yield request()
        await more.wait()
        yield request(AD + " Again.")

    async with home.core() as core:
        results = core.classify_many(slow_caller())
        place, first = await asyncio.wait_for(anext(results), 10)
        assert (place, first.status) == (0, "ok")
        more.set()
        place, second = await asyncio.wait_for(anext(results), 10)
        assert (place, second.status) == (1, "ok")
        with pytest.raises(StopAsyncIteration):
            await anext(results)


async def test_a_batch_has_bounded_work_under_way(home: Home) -> None:
    home.model.gate = asyncio.Event()
    taken = []

    async def many() -> AsyncIterator[ClassifyRequest]:
        for n in range(100):
            taken.append(n)
            yield request(f"{AD} Number {n}.")

    async with home.core() as core:
        work = asyncio.ensure_future(collect(core.classify_many(many())))
        await until(lambda: len(home.model.calls) >= 4)
        await asyncio.sleep(0.1)
        assert len(taken) <= 18
        home.model.gate.set()
        assert len(await work) == 100


async def test_a_caller_who_leaves_loses_nothing(home: Home) -> None:
    home.model.gate = asyncio.Event()
    async with home.core() as core:
        asking = asyncio.ensure_future(core.classify(request()))
        await until(lambda: home.model.calls)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        home.model.gate.set()
        assert await settled(core, 1) == {"red_hot": 1}
    assert [r for r, _ in home.model.calls].count(Role.TRIAGE) == 1


async def test_a_caller_whose_requests_fail_hears_of_it(home: Home) -> None:
    async def broken() -> AsyncIterator[ClassifyRequest]:
        yield request()
        raise ConnectionResetError("the line is dead")

    async with home.core() as core:
        with pytest.raises(ConnectionResetError, match="the line is dead"):
            await collect(core.classify_many(broken()))


async def test_a_reader_who_stops_early_leaves_nothing_running(home: Home) -> None:
    async def endless() -> AsyncIterator[ClassifyRequest]:
        n = 0
        while True:
            n += 1
            yield request(OTHER_AD)

    async with home.core() as core:
        results = core.classify_many(endless())
        await anext(results)
        await asyncio.sleep(0.05)
        await asyncio.wait_for(results.aclose(), 5)  # type: ignore[attr-defined]
