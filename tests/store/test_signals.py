from __future__ import annotations

import sqlite3
from typing import Any

import pytest

from leadd.api.signals import Contact, Problem
from leadd.store.errors import NotFound
from leadd.store.rows import Finish, SignalRow
from leadd.store.store import Store

LEASE_MS = 60_000


async def lease(store: Store, owner: str = "boot1", limit: int = 10, **more: Any) -> list[int]:
    return [row.id for row in await store.signals.lease(owner, limit=limit, lease_ms=LEASE_MS, **more)]


async def states(store: Store) -> dict[int, str]:
    return {row["id"]: row["state"] for row in await store.db.fetch("SELECT id, state FROM signal")}


async def test_a_signal_comes_back_as_it_went_in(store: Store, make: Any, clock: Any) -> None:
    new = make.signal(
        "a",
        text='Zeile 1\nZeile "2" – größer 𝄞',
        external_id="x1",
        url="https://example.com/1",
        company="Acme",
        company_website="https://acme.example",
        location="Köln",
        author="Eva",
        posted_at_ms=clock.ms - 5,
        source_type="job",
        extra={"salary": "1", "leer": ""},
        asked_by_person=True,
        contacts=(Contact("email", "eva@acme.example"), Contact("phone", "+49221123")),
    )
    (signal_id,) = (await store.signals.add_many("jobs", [new])).ids
    assert signal_id is not None
    row = await store.signals.get(signal_id)
    assert row == SignalRow(
        id=signal_id,
        source="jobs",
        text=new.text,
        title=new.title,
        content_hash=new.content_hash,
        found_at_ms=clock.ms,
        external_id="x1",
        url="https://example.com/1",
        company="Acme",
        company_website="https://acme.example",
        location="Köln",
        author="Eva",
        posted_at_ms=clock.ms - 5,
        source_type="job",
        extra={"salary": "1", "leer": ""},
        asked_by_person=True,
        dedupe_key="a",
        contacts=new.contacts,
        due_ms=clock.ms,
    )
    assert await store.signals.lease("boot1", limit=1, lease_ms=1) == [
        SignalRow(**{**{f: getattr(row, f) for f in row.__dataclass_fields__}, "state": "leased"})
    ]
    assert await store.signals.get(10**9) is None


async def test_repeats_are_counted_and_point_to_the_first(store: Store, make: Any) -> None:
    first = await store.signals.add_many("inbox", [make.signal("a"), make.signal("b"), make.signal("a")])
    assert first.ids[2] is None
    assert first.existing == (None, None, first.ids[0])
    assert first.repeats == 1
    again = await store.signals.add_many("inbox", [make.signal("b"), make.signal("c")])
    assert again.ids[0] is None
    assert again.existing == (first.ids[1], None)
    assert again.repeats == 1
    elsewhere = await store.signals.add_many("other", [make.signal("a")])
    assert elsewhere.repeats == 0
    assert (await store.signals.counts()).by_source == {"inbox": 3, "other": 1}
    assert [row.title for row in (await store.signals.list(source="inbox")).items] == ["title of c", "title of b", "title of a"]


async def test_rows_cursor_and_problems_are_one_transaction(store: Store, make: Any) -> None:
    problem = Problem("file.csv, row 3", "no text", "name the column")
    await store.signals.add_many("folder", [make.signal("a")], cursor="c1", problems=[problem])
    assert await store.signals.cursor("folder") == "c1"
    bad: Any = make.signal("bad", content_hash=None)
    with pytest.raises(sqlite3.IntegrityError):
        await store.signals.add_many("folder", [make.signal("b"), bad], cursor="c2", problems=[problem])
    assert await store.signals.cursor("folder") == "c1"
    assert (await store.signals.problems("folder"))[0].count == 1
    assert len(await states(store)) == 1
    await store.signals.add_many("folder", [make.signal("b")], problems=[problem])
    assert await store.signals.cursor("folder") == "c1"  # None leaves the position alone
    (row,) = await store.signals.problems("folder")
    assert (row.place, row.reason, row.hint, row.count) == ("file.csv, row 3", "no text", "name the column", 2)
    assert await store.signals.problems("other") == []
    assert len(await store.signals.problems()) == 1
    assert await store.signals.cursor("other") is None


async def test_problems_of_a_source_stay_bounded(store: Store, clock: Any) -> None:
    for start in range(0, 700, 100):
        clock.ms += 1
        await store.signals.add_many("folder", [], problems=[Problem(f"row {start + n}", "bad") for n in range(100)])
    rows = await store.signals.problems("folder", limit=1000)
    assert len(rows) == 500
    assert {int(row.place.split()[1]) for row in rows} == set(range(200, 700))


@pytest.mark.parametrize("text", ["nul \0 inside", "lone \ud800 surrogate", 'quote " back \\ slash \\u0000', "\u2028\x1b[31m"])
async def test_no_text_harms_its_batch(store: Store, make: Any, text: str) -> None:
    batch = [make.signal("a"), make.signal("b", text=text, title=text, dedupe_key=f"key {text}"), make.signal("c")]
    result = await store.signals.add_many("inbox", batch)
    assert result.repeats == 0
    row = await store.signals.get(result.ids[1] or 0)
    assert row is not None
    if "\0" in text or "\ud800" in text:
        assert row.text == text.replace("\0", "\ufffd").replace("\ud800", "?")
    else:
        assert row.text == text
    assert (await store.signals.add_many("inbox", batch)).repeats == 3


@pytest.mark.parametrize("posted", [2**70, -(2**70), 1.5, float("inf")])
async def test_an_absurd_date_does_not_refuse_the_batch(store: Store, make: Any, posted: Any) -> None:
    result = await store.signals.add_many("inbox", [make.signal("a"), make.signal("b", posted_at_ms=posted)])
    row = await store.signals.get(result.ids[1] or 0)
    assert row is not None
    assert row.posted_at_ms in (None, 1)


async def test_lease_order_is_asked_then_due_then_id(store: Store, make: Any, clock: Any) -> None:
    a, b, c, d = await make.stored(4)
    (asked,) = await make.stored(asked_by_person=True)
    await store.signals.lease("boot1", limit=10, lease_ms=LEASE_MS)
    await store.signals.release([b], due_ms=clock.ms - 10)
    await store.signals.release([c], due_ms=clock.ms + 10)
    await store.signals.release([a, d, asked])
    assert await lease(store, limit=2) == [asked, b]
    assert await lease(store) == [a, d]
    assert await lease(store) == []
    assert await store.signals.next_due() == clock.ms + 10
    clock.ms += 10
    assert await lease(store) == [c]


async def test_those_that_wait_for_a_model_can_be_left_out(store: Store, make: Any, clock: Any) -> None:
    a, b = await make.stored(2)
    await lease(store)
    await store.signals.release([a], waiting_for="model")
    await store.signals.release([b], due_ms=clock.ms + 1_000)
    assert (await store.signals.counts()).waiting_for_model == 1
    assert await lease(store, exclude_waiting_for_model=True) == []
    assert await store.signals.next_due(exclude_waiting_for_model=True) == clock.ms + 1_000
    assert await store.signals.next_due() == clock.ms
    rows = await store.signals.lease("boot1", limit=5, lease_ms=LEASE_MS)
    assert [(row.id, row.waiting_for) for row in rows] == [(a, "model")]
    await store.signals.release([a])
    assert await lease(store, exclude_waiting_for_model=True) == [a]


async def test_release_touches_leased_rows_only_and_charges_when_told(store: Store, make: Any) -> None:
    a, b, c = await make.stored(3)
    assert await lease(store, limit=2) == [a, b]
    await store.signals.finish_filtered([Finish(b)])
    await store.signals.release([a, b, c], charge=True)
    rows = {row.id: row for row in (await store.signals.list()).items}
    assert [(rows[i].state, rows[i].attempts) for i in (a, b, c)] == [("new", 1), ("done", 0), ("new", 0)]


async def test_a_lease_of_another_that_ran_out_is_free_again_without_a_crash(store: Store, make: Any, clock: Any) -> None:
    (a,) = await make.stored()
    assert await lease(store, "boot1") == [a]
    clock.ms += LEASE_MS - 1
    assert await lease(store, "boot2") == []
    clock.ms += 1
    (row,) = await store.signals.lease("boot2", limit=1, lease_ms=LEASE_MS)
    assert (row.id, row.crashes) == (a, 0)


async def test_a_power_cut_is_nobodys_crash(store: Store, make: Any) -> None:
    (a,) = await make.stored()
    for boot in range(5):
        assert await lease(store, f"boot{boot}/run") == [a]
        assert await store.signals.release_stale(f"boot{boot + 1}/run") == 1
    row = await store.signals.get(a)
    assert row is not None
    assert (row.state, row.crashes) == ("new", 0)


async def test_a_night_of_sleep_hands_nobody_the_same_signal_twice(store: Store, make: Any, clock: Any) -> None:
    (a,) = await make.stored()
    assert await lease(store) == [a]
    clock.ms += 100 * LEASE_MS
    assert await lease(store) == []
    assert await store.signals.next_due() is None


async def test_stale_leases_are_freed_and_the_third_crash_holds(store: Store, make: Any) -> None:
    (a,) = await make.stored()
    for boot in range(3):
        assert await lease(store, f"boot{boot}") == [a]
        assert await store.signals.release_stale(f"boot{boot}") == 0  # its own leases stand
        assert await store.signals.release_stale(f"boot{boot + 1}") == 1
    row = await store.signals.get(a)
    assert row is not None
    assert (row.state, row.outcome, row.crashes) == ("held", "held", 3)
    assert row.hold_reason == "crashed the worker 3 times"
    assert await lease(store) == []
    assert await store.signals.unhold([a]) == 1
    assert await lease(store) == [a]


async def test_only_the_signal_that_crashes_is_convicted(store: Store, make: Any) -> None:
    ids = await make.stored(20)
    poison = ids[7]
    finished: set[int] = set()
    boot = 0
    while True:
        await store.signals.release_stale(f"boot{boot}")
        leased = await lease(store, f"boot{boot}", limit=8)
        if not leased:
            break
        if poison in leased:
            boot += 1  # the process dies with all that it had leased
            assert boot < 10
            continue
        await store.signals.finish_filtered([Finish(i) for i in leased])
        finished |= set(leased)
    assert finished == set(ids) - {poison}
    row = await store.signals.get(poison)
    assert row is not None
    assert row.state == "held"


async def test_suspects_are_given_out_one_at_a_time(store: Store, make: Any) -> None:
    a, b = await make.stored(2)
    for boot in range(2):
        assert await lease(store, f"boot{boot}") == [a, b]
        await store.signals.release_stale(f"boot{boot + 1}")
    (c,) = await make.stored()
    assert await lease(store, "boot2") == [a, c]
    assert await lease(store, "boot2") == []
    await store.signals.finish_filtered([Finish(a)])
    assert await lease(store, "boot2") == [b]


async def test_add_leased_stores_once(store: Store, make: Any) -> None:
    row, existed = await store.signals.add_leased("boot1", make.signal("a", asked_by_person=True))
    assert (row.state, existed) == ("leased", False)
    assert await lease(store) == []
    again, existed = await store.signals.add_leased("boot1", make.signal("a"))
    assert (again, existed) == (row, True)
    await store.signals.finish_filtered([Finish(row.id, "parked")])
    done, existed = await store.signals.add_leased("boot1", make.signal("a"))
    assert (done.state, done.outcome, existed) == ("done", "parked", True)


async def test_take_leases_one_signal_by_hand(store: Store, make: Any, clock: Any) -> None:
    a, b = await make.stored(2)
    await store.signals.hold(b, "odd")
    taken = await store.signals.take("boot1", a)
    held = await store.signals.take("boot1", b)
    assert taken is not None
    assert held is not None
    assert (taken.state, held.state, held.hold_reason) == ("leased", "leased", None)
    assert await store.signals.take("boot1", a) is None
    assert await store.signals.take("boot1", 10**9) is None


async def test_finishing_journals_and_closes_in_one_step(store: Store, make: Any) -> None:
    icp = await make.icp()
    a, b = await make.stored(2)
    await lease(store)
    drop = make.judgement(
        a, icp.id, stage="prefilter", decision="drop", method="rule", answer=None, rule="score", threshold=20.0
    )
    with pytest.raises(NotFound):
        await store.signals.finish_filtered([Finish(a, "filtered", (drop,)), Finish(10**9)])
    assert await states(store) == {a: "leased", b: "leased"}
    assert await store.judgements.for_signal(a) == []
    await store.signals.finish_filtered([Finish(a, "filtered", (drop,)), Finish(b, "parked", method="evidence")])
    await store.signals.finish_filtered([])
    rows = {row.id: row for row in (await store.signals.list(state="done")).items}
    assert (rows[a].outcome, rows[a].method, rows[b].outcome, rows[b].method) == ("filtered", "rule", "parked", "evidence")
    assert [j.decision for j in await store.judgements.for_signal(a)] == ["drop"]


async def test_held_signals_are_seen_and_let_go(store: Store, make: Any, clock: Any) -> None:
    icp = await make.icp()
    a, b = await make.stored(2)
    await store.signals.hold(
        a, "schema: not plausible", judgements=[make.judgement(a, icp.id, decision="failed", failure="schema")]
    )
    await store.signals.hold(b, "other")
    assert [row.hold_reason for row in (await store.signals.list(outcome="held")).items] == ["other", "schema: not plausible"]
    assert len(await store.judgements.for_signal(a)) == 1
    with pytest.raises(NotFound):
        await store.signals.hold(10**9, "nobody")
    assert await lease(store) == []
    assert await store.signals.unhold([a]) == 1
    assert await lease(store) == [a]
    assert await store.signals.unhold() == 1
    assert (await store.signals.counts()).by_state["held"] == 0


async def test_reopen_chooses_by_method_outcome_and_id_and_supersedes(store: Store, make: Any) -> None:
    icp = await make.icp()
    a, b, c, d = await make.stored(4)
    finishes = [(a, "filtered", "evidence"), (b, "parked", "evidence"), (c, "parked", "model")]
    await store.signals.finish_filtered([Finish(i, o, (make.judgement(i, icp.id),), m) for i, o, m in finishes])
    assert await store.signals.reopen(method="evidence", outcome="parked") == 1
    assert await lease(store) == [b, d]
    assert [j.superseded for i in (a, b, c) for j in await store.judgements.for_signal(i)] == [False, True, False]
    assert await store.judgements.find_answer(b, icp.id, "classify", "K") is None
    assert await store.judgements.find_answer(c, icp.id, "classify", "K") is not None
    assert await store.signals.reopen(ids=[c, d, 10**9]) == 1
    assert await store.signals.reopen(method="evidence") == 1
    assert (await store.signals.counts()).by_state == {"new": 2, "leased": 2, "done": 0, "held": 0}


async def test_twins_are_found_among_earlier_signals(store: Store, make: Any) -> None:
    a, b, c = [(await store.signals.add_many(s, [make.signal("t", content_hash="H")])).ids[0] for s in ("one", "two", "three")]
    (_other,) = await make.stored()
    assert await store.signals.find_by_content("H", a) is None
    twin = await store.signals.find_by_content("H", c)
    assert twin is not None
    assert (twin.id, twin.state) == (a, "new")
    await store.signals.finish_filtered([Finish(b, "parked")])
    twins = await store.signals.find_twins([("H", c), ("H", b), ("nothing", c), ("H", a), ("H", c)])
    assert [None if t is None else (t.id, t.outcome) for t in twins] == [(b, "parked"), (a, None), None, None, (b, "parked")]
    assert await store.signals.find_twins([]) == []


async def test_counts_name_everything(store: Store, make: Any, clock: Any) -> None:
    empty = await store.signals.counts()
    assert empty.by_state == {"new": 0, "leased": 0, "done": 0, "held": 0}
    assert empty.by_outcome == {"filtered": 0, "parked": 0, "nurture": 0, "warm": 0, "red_hot": 0, "held": 0}
    assert empty.oldest_due_ms is None
    a, b, _c = await make.stored(3)
    await store.signals.finish_filtered([Finish(a)])
    await store.signals.hold(b, "x")
    counts = await store.signals.counts()
    assert counts.by_state == {"new": 1, "leased": 0, "done": 1, "held": 1}
    assert counts.by_outcome["filtered"] == counts.by_outcome["held"] == 1
    assert counts.oldest_due_ms == clock.ms


async def test_pages_do_not_shift_when_signals_come_in(store: Store, make: Any) -> None:
    ids = await make.stored(7)
    seen = []
    after = None
    while True:
        page = await store.signals.list(limit=3, after=after)
        seen += [row.id for row in page.items]
        await make.stored(2)
        after = page.next
        if after is None:
            break
    assert seen == sorted(ids, reverse=True)


async def test_unknown_words_are_refused(store: Store) -> None:
    with pytest.raises(ValueError, match="unknown state"):
        await store.signals.list(state="finished")
    with pytest.raises(ValueError, match="unknown state"):
        await store.signals.list(outcome="great")
    with pytest.raises(ValueError):
        await store.signals.list(after="x")
