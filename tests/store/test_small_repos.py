"""ICPs, prompts, the schedule, companies by page, the store as a whole, and backups."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadd.api.icp import Icp, IcpField
from leadd.store.backup import backup, restore, verify
from leadd.store.bulk import dump, fold, pack
from leadd.store.errors import DuplicateName, NotFound, StoreError
from leadd.store.migrate import packaged
from leadd.store.rows import CompanyRef, IcpOutcome
from leadd.store.store import Store


def icp(name: str, **more: Any) -> Icp:
    return Icp(name=name, description="whoever needs some marketing", **more)


async def test_icps_are_kept_replaced_and_taken_out_of_force(store: Store, make: Any, clock: Any) -> None:
    first = await store.icps.add(icp("one", pain_keywords=IcpField(values=("chaos", "Größe"), use="filter")))
    second = await store.icps.add(icp("two", enabled=False))
    assert await store.icps.list() == [first, second]
    assert await store.icps.list(enabled_only=True) == [first]
    assert await store.icps.get(first.id) == await store.icps.by_name("one") == first
    with pytest.raises(DuplicateName):
        await store.icps.add(icp("one"))
    with pytest.raises(DuplicateName):
        await store.icps.replace(second.id, icp("one"))
    clock.ms += 7
    replaced = await store.icps.replace(first.id, icp("one", enabled=False))
    assert (replaced.created_at_ms, replaced.updated_at_ms) == (first.created_at_ms, clock.ms)
    assert await store.icps.list(enabled_only=True) == []
    lead_id = await make.lead(first)
    await store.icps.delete(first.id)
    assert await store.icps.get(first.id) is None
    assert await store.icps.by_name("one") is None
    lead = await store.leads.get(lead_id)
    assert lead is not None
    assert lead.icp == "one"
    assert (await store.icps.add(icp("one"))).id != first.id
    for call in (store.icps.delete(first.id), store.icps.replace(first.id, icp("new"))):
        with pytest.raises(NotFound):
            await call


async def test_every_prompt_text_in_force_is_kept(store: Store, clock: Any) -> None:
    assert await store.prompts.seen("triage", 1, "h1", "text one") is True
    clock.ms += 5
    assert await store.prompts.seen("triage", 1, "h1", "text one") is False
    assert await store.prompts.seen("triage", 1, "h2", "text two, same number") is True
    assert await store.prompts.seen("dossier", 1, "h1", "x") is True
    rows = await store.prompts.list("triage")
    assert [(r.content_hash, r.text, r.last_at_ms - r.first_at_ms) for r in rows] == [
        ("h2", "text two, same number", 0), ("h1", "text one", 5),
    ]  # fmt: skip
    assert len(await store.prompts.list()) == 3
    assert await store.prompts.others("triage", 1, "h2") == ["h1"]
    assert await store.prompts.others("triage", 1, "h3") == ["h2", "h1"]
    assert await store.prompts.others("dossier", 1, "h1") == []


async def test_small_facts_survive(store: Store, clock: Any) -> None:
    assert await store.schedule.get("poll.a") is None
    await store.schedule.set("poll.a", MappingProxyType({"due_ms": clock.ms, "why": "ü"}))
    await store.schedule.set("poll.a", {"due_ms": 5})
    await store.schedule.set("poll_b", {})
    assert await store.schedule.get("poll.a") == {"due_ms": 5}
    assert await store.schedule.all("poll.") == {"poll.a": {"due_ms": 5}}
    assert set(await store.schedule.all()) == {"poll.a", "poll_b"}
    await store.schedule.delete("poll.a")
    await store.schedule.delete("poll.a")
    assert await store.schedule.get("poll.a") is None


async def test_companies_page_and_unknown_ones_are_none(store: Store, make: Any) -> None:
    found = await make.icp()
    for name in "abc":
        await make.lead(found, company=CompanyRef(name=name, name_key=name))
    page = await store.companies.list(limit=2)
    rest = await store.companies.list(limit=2, after=page.next)
    assert [c.name for c in (*page.items, *rest.items)] == ["c", "b", "a"]
    assert rest.next is None
    assert await store.companies.get(10**9) is None


async def test_the_next_boot_frees_all_that_the_last_one_leased(tmp_path: Path, clock: Any, make: Any, store: Store) -> None:
    await make.lead(await make.icp(), 90, "red_hot")
    await make.stored(3)
    await store.signals.lease("boot1", limit=10, lease_ms=1000)
    await store.outbox.lease("boot1", "jsonl", 10, 1000)
    await store.dossiers.lease("boot1", 10, 1000)
    await store.close()
    again = await Store.open(tmp_path / "data", clock=clock)
    try:
        assert await again.release_stale("boot2") == 5
        assert (await again.signals.counts()).by_state["new"] == 3
    finally:
        await again.close()


async def test_a_backup_made_at_work_can_be_restored(store: Store, make: Any, tmp_path: Path, clock: Any) -> None:
    found = await make.icp()
    lead_id = await make.lead(found)
    copy = tmp_path / "copies" / "one.db"
    report = await backup(store.db, copy)
    assert (report.version, report.rows["lead"], report.rows["signal"]) == (len(packaged()), 1, 1)
    assert copy.stat().st_mode & 0o777 == 0o600
    with pytest.raises(StoreError, match="no backup was made"):
        await backup(store.db, copy)  # a copy is never overwritten
    assert verify(copy) == report
    await make.lead(found)
    await store.close()
    target = tmp_path / "data" / "leadd.db"
    target.with_name("leadd.db-wal").write_bytes(b"a log that must not be played into the restored file")
    assert restore(copy, target).rows["signal"] == 1
    assert sqlite3.connect(f"{target.with_name('leadd.db.replaced').as_uri()}?mode=ro", uri=True).execute(
        "SELECT count(*) FROM signal"
    ).fetchone() == (2,)
    again = await Store.open(tmp_path / "data", clock=clock)
    try:
        lead = await again.leads.get(lead_id)
        assert lead is not None
        assert lead.signal_count == 1
    finally:
        await again.close()


async def test_damage_is_found_before_a_restore_touches_anything(store: Store, make: Any, tmp_path: Path) -> None:
    await make.stored(200, text="x" * 3000)
    copy = tmp_path / "copy.db"
    await backup(store.db, copy)
    content = bytearray(copy.read_bytes())
    content[4096 * 40 : 4096 * 60] = b"\xff" * 4096 * 20
    copy.write_bytes(content)
    target = tmp_path / "target.db"
    target.write_text("what was there")
    for bad in (copy, tmp_path / "nowhere.db", target):
        with pytest.raises(StoreError):
            restore(bad, target)
    assert target.read_text() == "what was there"


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(plain)
def test_plain_values_come_back_from_dump_and_others_never_fail(value: Any) -> None:
    back = json.loads(dump(value))
    if "\\u0000" not in json.dumps(value):
        assert back == value
    json.loads(dump({"odd": [value, object(), float("nan"), {1}, b"x"]}))


@given(st.lists(st.text(st.characters(codec=None), max_size=20), min_size=1, max_size=5))
def test_any_text_goes_through_sqlite_and_back(texts: list[str]) -> None:
    conn = sqlite3.connect(":memory:")
    try:
        rows = conn.execute("SELECT value ->> 0 FROM json_each(?)", (pack([(t,) for t in texts]),)).fetchall()
    finally:
        conn.close()
    assert len(rows) == len(texts)
    for (back,), text in zip(rows, texts, strict=True):
        assert back == text.encode("utf-8", "replace").decode().replace("\0", "\ufffd")


def test_fold_forgets_case_and_accents() -> None:
    assert fold("ZÜRICH Straße Île") == "zurich strasse ile"


async def test_what_is_known_of_companies_is_found_by_domain_and_name(store: Store, make: Any) -> None:
    icp = await make.icp()
    for number, (ref, size) in enumerate((
        (CompanyRef("Acme", "acme", "acme.example", location="Köln"), "6-10"),
        (CompanyRef("Acme", "acme", "other.example", location="Lyon"), "unknown"),
        (CompanyRef("Solo", "solo"), "1"),
    )):  # fmt: skip
        outcome = IcpOutcome(icp.id, "marketing", True, 50 + number, "nurture", (), {"size_bucket": size})
        (signal_id,) = await make.stored()
        await store.leads.record(make.record(signal_id, icp, per_icp=(outcome,), company=ref))
    asked = [("acme", None), ("acme", "other.example"), (None, "acme.example"), ("solo", "new.example"), ("nobody", None),
             ("acme", "third.example"), (None, None)]  # fmt: skip
    assert await store.companies.known(asked) == [
        ("Köln", "6-10"), ("Lyon", None), ("Köln", "6-10"), (None, "1"), None, None, None,
    ]  # fmt: skip
    assert await store.companies.known([]) == []


async def test_since_when_a_fact_is_as_it_is(store: Store, clock: Any) -> None:
    assert await store.schedule.since("fact", "one") == 0, "of the time before nothing is known"
    clock.ms += 5
    assert await store.schedule.since("fact", "one") == 0
    changed_ms = clock.now_ms()
    assert await store.schedule.since("fact", "two") == changed_ms
    clock.ms += 5
    assert await store.schedule.since("fact", "two") == changed_ms
    assert await store.schedule.since("other", "two") == 0
