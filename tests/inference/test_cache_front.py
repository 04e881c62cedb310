"""The cache tiers: read through, write through, never worse off for one that is slow, broken or lying."""

from __future__ import annotations

import asyncio
import json

import pytest
from inference_parts import Reader, Shelf, question, settle

from leadd.api import CacheStats, Method
from leadd.inference import InferenceSettings
from leadd.inference.cache.keys import key_of_parts


async def test_an_answer_is_written_to_all_tiers_and_read_from_the_first(rig):
    first, second = Shelf("first"), Shelf("second")
    r = rig(caches=[first, second], numbers={"cache_ttl_s": 100.0})
    answer = await r.inference.ask(question())
    await settle()
    key = answer.provenance.key
    assert first.values[key] == second.values[key]
    assert first.ttls[key] == 100.0
    second.calls.clear()
    assert (await r.inference.ask(question())).provenance.cache == "hit"
    assert second.calls == []


async def test_what_is_known_is_told_and_nobody_is_asked(rig):
    first, second = Shelf("first"), Shelf("second")
    r = rig(caches=[first, second])
    assert await r.inference.known(question()) is None
    assert r.inference.stats().roles[question().role].calls == 0
    answer = await r.inference.ask(question())
    await settle()
    first.values.clear()
    known = await r.inference.known(question())
    assert (known.data, known.provenance.cache) == (answer.data, "hit")
    assert r.inference.stats().roles[question().role].calls == 1


async def test_a_hit_below_is_lifted_for_the_rest_of_its_time(rig):
    first, second = Shelf("first"), Shelf("second")
    r = rig(caches=[first, second], numbers={"cache_ttl_s": 100.0})
    key = (await r.inference.ask(question())).provenance.key
    await settle()
    first.values.clear()
    r.clock.now_s += 30
    hit = await r.inference.ask(question())
    assert hit.provenance.cache == "hit"
    assert hit.provenance.digest == "digest-a"
    assert first.ttls[key] == pytest.approx(70.0)
    assert len(r.model.requests) == 1


async def test_an_answer_older_than_its_time_is_none_whatever_the_tier_says(rig):
    r = rig(numbers={"cache_ttl_s": 100.0})
    await r.inference.ask(question())
    r.clock.now_s += 101
    assert (await r.inference.ask(question())).provenance.cache == "miss"
    assert r.inference.stats().cache_dropped == 1


async def test_a_tier_that_raises_is_a_miss_and_rests_after_three_faults(rig):
    bad, good = Shelf("bad"), Shelf("good")
    bad.fault = OSError("disk gone")
    r = rig(caches=[bad, good])
    await r.inference.ask(question())
    assert (await r.inference.ask(question())).provenance.cache == "hit"
    touched = len(bad.calls)
    for number in range(10):
        await r.inference.ask(question(f"text {number}"))
    assert len(bad.calls) == touched, "it rests"
    rows = await r.inference.cache_stats()
    assert [(row["name"], row["rests"]) for row in rows] == [("bad", True), ("good", False)]
    assert r.inference.stats().cache_faults >= 3
    bad.fault = None
    r.clock.now_s += 31
    await r.inference.ask(question("after the rest"))
    assert bad.values


async def test_a_slow_tier_is_a_miss(rig):
    slow, good = Shelf("slow"), Shelf("good")
    slow.stall = asyncio.Event()
    r = rig(caches=[slow, good], numbers={"cache_timeout_s": 0.01})
    answer = await r.inference.ask(question())
    assert answer.data == {"worth": "yes"}
    assert r.inference.stats().cache_faults >= 1


async def test_a_tier_that_is_no_tier_is_a_miss(rig):
    odd = Shelf("odd")
    odd.get = lambda key: b"not awaitable"  # type: ignore[assignment,method-assign,return-value]
    r = rig(caches=[odd])
    assert (await r.inference.ask(question())).data == {"worth": "yes"}


GARBAGE = {
    "no json": b"\xff\x00",
    "empty": b"",
    "another shape": b"[1]",
    "null": b"null",
    "no data": b'{"v":2,"class":"answer","key":"KEY","from":{"method":"model"}}',
}


@pytest.mark.parametrize("name", GARBAGE)
async def test_a_value_that_is_none_is_dropped_and_counted(rig, name):
    r = rig()
    key = await r.inference.key_of(question())
    r.caches[0].values[key] = GARBAGE[name].replace(b"KEY", key.encode())
    answer = await r.inference.ask(question())
    assert answer.provenance.cache == "miss"
    assert r.inference.stats().cache_dropped == 1
    assert (await r.inference.ask(question())).provenance.cache == "hit"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("v",), 99),
        (("key",), "model.triage.other"),
        (("from", "method"), "evidence"),
        (("data",), "x"),
        (("data", "worth"), "?"),
    ],
)
async def test_a_value_changed_in_one_place_is_dropped(rig, path, value):
    def check(data):
        if data.get("worth") not in {"yes", "no"}:
            raise ValueError("no such word")
        return data

    r = rig()
    key = (await r.inference.ask(question(check=check))).provenance.key
    kept = json.loads(r.caches[0].values[key])
    place = kept
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    r.caches[0].values[key] = json.dumps(kept).encode()
    assert (await r.inference.ask(question(check=check))).provenance.cache == "miss"
    assert r.inference.stats().cache_dropped == 1


async def test_the_check_runs_again_on_a_kept_answer(rig):
    r = rig()
    await r.inference.ask(question())
    seen = []

    def stricter(data):
        seen.append(dict(data))
        if len(seen) < 3:  # the tier's value is refused in both looks; the new answer passes
            raise ValueError("the rules changed")
        return data

    answer = await r.inference.ask(question(check=stricter))
    assert answer.provenance.cache == "miss"
    assert len(r.model.requests) >= 2


async def test_caches_can_be_switched_off(rig):
    shelf = Shelf()
    r = rig(caches=[shelf], settings=InferenceSettings(cache_enabled=False))
    await r.inference.ask(question())
    await r.inference.ask(question())
    assert len(r.model.requests) == 2
    assert not shelf.calls


async def test_clear_forgets_all_tiers(rig):
    r = rig(caches=[Shelf("a"), Shelf("b")])
    await r.inference.ask(question())
    await settle()
    assert await r.inference.clear_cache() == 1
    assert (await r.inference.ask(question())).provenance.cache == "miss"


async def test_the_kept_value_says_what_it_is(rig):
    r = rig(evidence=Reader())
    answer = await r.inference.ask(question())
    kept = json.loads(r.caches[0].values[answer.provenance.key])
    assert (kept["v"], kept["class"]) == (2, "answer")
    assert key_of_parts(kept["parts"]) == answer.provenance.key
    assert kept["data"] == {"worth": "yes"}
    assert kept["from"]["method"] == Method.MODEL
    assert kept["from"]["digest"] == "digest-a"
    assert "usage" not in kept["from"]


class Patient(Shelf):
    """A shelf whose clearing and figures take longer than a look-up may."""

    async def clear(self) -> int:
        await asyncio.sleep(0.05)
        return await super().clear()

    async def stats(self) -> CacheStats:
        await asyncio.sleep(0.05)
        return await super().stats()


async def test_clearing_and_figures_may_take_their_time(rig, monkeypatch):
    r = rig(caches=[Patient()], numbers={"cache_timeout_s": 0.01})
    await r.inference.ask(question())
    assert (await r.inference.cache_stats())[0]["entries"] == 1
    assert await r.inference.clear_cache() == 1
    assert r.inference.stats().cache_faults == 0
    monkeypatch.setattr("leadd.inference.cache.tiers.SLOW_LIMIT_S", 0.01)
    for _ in range(4):
        assert "entries" not in (await r.inference.cache_stats())[0]
        assert await r.inference.clear_cache() == 0
    (row,) = await r.inference.cache_stats()
    assert (row["faults"], row["rests"]) == (0, False), "a tier is none the worse for having much"


async def test_a_tier_that_cannot_clear_is_still_at_fault(rig):
    bad = Shelf()
    bad.fault = OSError("gone")
    r = rig(caches=[bad])
    assert await r.inference.clear_cache() == 0
    assert r.inference.stats().cache_faults == 1


async def test_clearing_begins_below_and_counts_each_entry_once(rig):
    order: list[str] = []

    class Told(Shelf):
        async def clear(self) -> int:
            order.append(self.name)
            return await super().clear()

    first, second = Told("memory"), Told("sqlite")
    r = rig(caches=[first, second])
    for number in range(3):
        await r.inference.ask(question(f"text {number}"))
    await settle()
    first.values.popitem()
    assert await r.inference.clear_cache() == 3
    assert order == ["sqlite", "memory"]


async def test_what_was_read_before_a_clear_is_not_lifted_after_it(rig):
    gate = asyncio.Event()
    gate.set()

    class Slow(Shelf):
        async def get(self, key: str) -> bytes | None:
            found = await super().get(key)
            await gate.wait()
            return found

    first = Shelf("memory")
    r = rig(caches=[first, Slow("sqlite")])
    await r.inference.ask(question())
    await r.inference.embed(["one"])
    await settle()
    first.values.clear()
    gate.clear()
    reading = [asyncio.create_task(r.inference.ask(question())), asyncio.create_task(r.inference.embed(["one"]))]
    await settle()
    await r.inference.clear_cache()
    gate.set()
    answer, _ = await asyncio.gather(*reading)
    assert answer.provenance.cache == "hit"
    assert first.values == {}
