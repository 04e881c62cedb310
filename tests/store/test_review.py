"""What is shown for judging, in which order, and what the verdicts are said to have changed."""

from __future__ import annotations

from typing import Any

import pytest

from leadd.core import review
from leadd.learn.proofs.intervals import wilson
from leadd.store.rows import CompanyRef, Finish
from leadd.store.store import Store
from leadd.store.verdicts import VerdictKept


async def dropped(store: Store, make: Any, icp: Any, stage: str, score: float, threshold: float, **more: Any) -> int:
    (signal_id,) = await make.stored()
    rule = "score" if stage == "prefilter" else ""
    values = {"stage": stage, "decision": "drop", "rule": rule, "score": score, "threshold": threshold, "answer": None}
    row = make.judgement(signal_id, icp.id, **{**values, **more})
    await store.signals.finish_filtered([Finish(signal_id, judgements=(row,))])
    return signal_id


async def test_the_queue_takes_turns_and_shows_nothing_that_was_judged(store: Store, make: Any, clock: Any) -> None:
    icp, other = await make.icp(), await make.icp("other")
    hot = [
        await make.lead(icp, total, bucket, company=CompanyRef(f"C{total}", f"c{total}"))
        for total, bucket in ((70, "warm"), (90, "red_hot"), (45, "nurture"))
    ]
    near = await dropped(store, make, icp, "triage", 48.0, 50.0, decision="no")
    nearer = await dropped(store, make, icp, "prefilter", 19.0, 20.0)
    far = await dropped(store, make, icp, "prefilter", 2.0, 20.0)
    await dropped(store, make, icp, "prefilter", 19.9, 20.0, rule="exclude_keywords")
    sampled = await dropped(store, make, icp, "audit", 71.0, 50.0, decision="miss")
    elsewhere = await dropped(store, make, other, "triage", 49.9, 50.0, decision="no")

    async def shown(**more: Any) -> list[tuple[str, int]]:
        found = await review.queue(store, clock, icp="marketing", **more)
        return [(i.kind, i.lead_id or i.signal_id) for i in found]

    assert await shown() == [
        ("audited", sampled), ("unsure", nearer), ("hot", hot[1]), ("unsure", near), ("hot", hot[0]), ("unsure", far),
    ]  # fmt: skip
    assert len(await shown(limit=2)) == 2
    assert elsewhere in [i.signal_id for i in await review.queue(store, clock)]
    await store.leads.verdict(hot[1], "snooze")
    await store.leads.verdict(hot[0], "reject")
    for signal_id in (sampled, nearer):
        await store.verdicts.judge_signal(signal_id, "reject")
    assert await shown() == [("unsure", near), ("unsure", far)]
    clock.ms += 8 * 86_400_000
    assert await shown() == [("hot", hot[1]), ("unsure", near), ("unsure", far)], "it comes back by itself"
    await store.verdicts.undo_signal(nearer)
    assert ("unsure", nearer) in await shown()
    assert await review.queue(store, clock, icp="nobody's") == []


async def test_an_uncertain_signal_of_a_lead_is_judged_by_its_lead_and_shown_once(store: Store, make: Any, clock: Any) -> None:
    icp = await make.icp()
    (signal_id,) = await make.stored(title="One advert", text="We look for help. " * 200)
    lead_id = (await store.leads.record(make.record(signal_id, icp, 65))).leads[0].lead_id
    await store.judgements.add(make.judgement(signal_id, icp.id, stage="triage", decision="yes", score=52.0, threshold=50.0))
    twin = await dropped(store, make, icp, "triage", 51.0, 50.0, decision="no")
    same = await store.signals.add_many("other", [make.signal("same", content_hash="h")])
    again = await store.signals.add_many("third", [make.signal("same2", content_hash="h")])
    for (number,) in (same.ids, again.ids):
        row = make.judgement(number, icp.id, stage="triage", decision="no", score=47.0, threshold=50.0)
        await store.signals.finish_filtered([Finish(number or 0, judgements=(row,))])
    found = await review.queue(store, clock)
    assert [i.lead_id for i in found if i.lead_id] == [lead_id]
    assert sorted(i.signal_id for i in found if not i.lead_id) == sorted([twin, again.ids[0]]), "one of equal texts"
    item = next(i for i in found if i.lead_id)
    assert 500 < len(item.excerpt) <= review.EXCERPT_CHARS
    assert item.excerpt.endswith(".")
    await store.leads.verdict(lead_id, "accept")
    assert lead_id not in [i.lead_id for i in await review.queue(store, clock)]


async def test_a_company_and_a_group_of_near_duplicates_do_not_fill_the_queue(store: Store, make: Any, clock: Any) -> None:
    icp = await make.icp()
    ids = []
    for number, company in enumerate(["Big", "Big", "Big", "big ", "Small", "Other"]):
        (signal_id,) = await make.stored(company=company)
        row = make.judgement(signal_id, icp.id, stage="triage", decision="no", score=49.0 - number, threshold=50.0)
        await store.signals.finish_filtered([Finish(signal_id, judgements=(row,))])
        ids.append(signal_id)
    assert [i.company for i in await review.queue(store, clock, limit=3)] == ["Big", "Small", "Other"]
    await store.verdicts.judge_signal(ids[0], "reject")
    assert [i.company for i in await review.queue(store, clock, limit=2)] == ["Small", "Other"], "it was asked about just now"

    def repeats(conn: Any) -> None:
        columns = "icp_id, signal_id, of_signal_id, kind, scope, similarity, at_ms"
        sql = f"INSERT INTO reuse ({columns}) VALUES (?, ?, ?, 'near', '', 0.9, 0)"
        conn.executemany(sql, [(icp.id, ids[1], ids[0]), (icp.id, ids[3], ids[2])])

    await store.db.write(repeats)
    left = [i.signal_id for i in await review.queue(store, clock)]
    assert ids[1] not in left, "its like was judged"
    assert len({ids[2], ids[3]} & set(left)) == 1, "one of two that are alike"


def verdict(number: int, word: str, score: int, lead: bool = True) -> VerdictKept:
    return VerdictKept(
        number, number if lead else None, number, 1, word, "", "user", score if lead else None, None, None, "", None, 0
    )


def test_the_effect_is_that_of_the_last_verdicts_on_the_top() -> None:
    # 40 verdicts in which the best 20 are half good, then 40 in which better ones are 18 of 20 good; the rest is bad.
    told = [verdict(n, "accept" if n % 4 == 0 else "reject", 90 if n % 2 == 0 else 10) for n in range(40)]
    told += [verdict(n, "won" if n % 2 == 0 and n < 76 else "lost", 95 if n % 2 == 0 else 10) for n in range(40, 80)]
    found = review.effect([*told, verdict(99, "accept", 0, lead=False)])
    assert (found.window, found.top, found.before, found.now) == (40, 20, 0.5, 0.9)
    assert found.low is not None
    assert found.high is not None
    assert (round(found.low, 3), round(found.high, 3)) == (0.116, 0.613)
    few = review.effect(told[:59])
    assert (few.now, few.verdicts, few.needed) == (None, 59, 60)


def test_leads_that_stay_in_the_top_widen_no_interval_and_present_scores_count() -> None:
    told = [verdict(n, "accept" if n < 10 else "reject", 90 - n) for n in range(1, 41)]
    told += [verdict(n, "accept", 10) for n in range(41, 81)]
    same = review.effect(told)
    assert (same.before, same.now, same.low, same.high) == (0.45, 0.45, 0.0, 0.0), "nothing came into the top"
    lifted = review.effect(told, {n: 99 for n in range(41, 46)})
    assert lifted.now == 0.7, "five good ones took the places of five bad ones"
    assert lifted.low is not None
    assert 0.0 < lifted.low <= 0.25 <= (lifted.high or 0) <= 0.25 + 1e-9


def test_intervals_agree_with_published_ones() -> None:
    # Newcombe 1998, table II: 56/70 against 48/80, method 10, is 0.0524 to 0.3339.
    p, q = wilson(56, 70), wilson(48, 80)
    low = (56 / 70 - 48 / 80) - ((56 / 70 - p[0]) ** 2 + (q[1] - 48 / 80) ** 2) ** 0.5
    assert low == pytest.approx(0.0524, abs=1e-4)
    assert review.change_interval(0, 10, 10) == pytest.approx((0.6075, 1.0), abs=1e-3)
    assert review.change_interval(5, 5, 10) == pytest.approx((-0.3716, 0.3716), abs=1e-3)
