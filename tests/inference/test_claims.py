"""One call for many askers that cannot see each other, and what happens when the one who asks dies or fails."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import pytest
from inference_parts import HandClock, Reader, Rig, Scripted, Shelf, question, settle

from leadd.api import Failure, Method, ModelFailure, Role
from leadd.inference import RolePlan
from leadd.inference.cache.claims import LONGEST_LOOK_S

LEASE_S = 15.0


class Shared(Shelf):
    """A cache that several processes see, with claims that end by the clock."""

    shared = True

    def __init__(self, clock: HandClock) -> None:
        super().__init__("shared")
        self.clock = clock
        self.claims: dict[str, tuple[str, float]] = {}
        self.takeovers: list[str] = []

    async def claim(self, key: str, owner: str, lease_s: float) -> bool:
        await self._touch("claim")
        holder, ends_s = self.claims.get(key, ("", float("-inf")))
        if holder not in ("", owner) and ends_s > self.clock.now_s:
            return False
        if holder not in ("", owner):
            self.takeovers.append(owner)
        self.claims[key] = (owner, self.clock.now_s + lease_s)
        return True

    async def release(self, key: str, owner: str) -> None:
        await self._touch("release")
        if self.claims.get(key, ("", 0.0))[0] == owner:
            del self.claims[key]


class House:
    """So many daemons on one cache; each has a memory of its own and a model of its own."""

    def __init__(self, rig: Any, count: int, **changes: Any) -> None:
        self.clock = HandClock()
        self.shared = Shared(self.clock)
        self.gates = [asyncio.Event() for _ in range(count)]
        self.rigs: list[Rig] = [
            rig(clock=self.clock, model=Scripted(gate=gate), caches=[Shelf("own"), self.shared], **changes)
            for gate in self.gates
        ]

    @property
    def calls(self) -> list[int]:
        return [len(r.model.requests) for r in self.rigs]

    def ask(self, number: int, **changes: Any) -> asyncio.Task[Any]:
        return asyncio.create_task(self.rigs[number].inference.ask(question(**changes)))

    def leader(self) -> int:
        (leader,) = [number for number, calls in enumerate(self.calls) if calls]
        return leader

    def kill(self, number: int) -> None:
        """A process that is gone: nothing of it runs any more, and it gives nothing back."""
        tower = self.rigs[number].inference._tower
        tower.claims._held.clear()
        for task in list(tower._tasks):
            task.cancel()


async def answers(tasks: list[asyncio.Task[Any]]) -> list[Any]:
    return await asyncio.gather(*tasks, return_exceptions=True)


async def test_a_thousand_askers_in_four_daemons_make_one_call(rig):
    house = House(rig, 4)
    asks = [house.ask(number % 4) for number in range(1000)]
    await settle()
    assert sum(house.calls) == 1
    await house.clock.advance(LEASE_S * 4)  # renewed meanwhile, however long the call takes
    assert sum(house.calls) == 1
    house.gates[house.leader()].set()
    await house.clock.advance(1.0)
    found = await answers(asks)
    assert all(answer.data == {"worth": "yes"} for answer in found)
    assert sum(house.calls) == 1
    assert house.shared.claims == {}
    assert sum(answer.provenance.cache == "miss" for answer in found) == 1


async def test_what_is_known_to_one_is_known_to_all(rig):
    house = House(rig, 2)
    house.gates[0].set()
    await house.ask(0)
    assert (await house.ask(1)).provenance.cache == "hit"
    assert house.calls == [1, 0]


@pytest.mark.parametrize("seed", range(200))
async def test_a_leader_that_dies_is_followed_by_exactly_one(rig, seed):
    rng = random.Random(seed)
    house = House(rig, 4)
    asks: dict[int, list[asyncio.Task[Any]]] = {number: [house.ask(number) for _ in range(3)] for number in range(4)}
    await settle()
    first = house.leader()
    await house.clock.advance(rng.uniform(0, 3 * LEASE_S))
    house.kill(first)
    await answers(asks.pop(first))
    for number, gate in enumerate(house.gates):
        if number != first:
            gate.set()
    died_s = house.clock.now_s
    tasks = [task for group in asks.values() for task in group]
    while not all(task.done() for task in tasks):
        assert house.clock.now_s - died_s <= LEASE_S + 1.0, "all are answered within the lease and a second"
        await house.clock.advance(0.25)
    assert all(answer.data == {"worth": "yes"} for answer in await answers(tasks))
    assert sum(house.calls) == 2
    assert len(house.shared.takeovers) == 1


async def test_a_leader_that_fails_tells_all_who_wait_and_nobody_rushes(rig):
    house = House(rig, 4)
    for r in house.rigs:
        r.model.always = ModelFailure(Failure.OUT_OF_MEMORY, "no room")
    asks = [house.ask(number) for number in range(4) for _ in range(5)]
    await settle()
    house.gates[house.leader()].set()
    await house.clock.advance(LONGEST_LOOK_S * 2)
    found = await answers(asks)
    assert all(isinstance(e, ModelFailure) and e.kind is Failure.OUT_OF_MEMORY and "no room" in e.message for e in found)
    assert sum(house.calls) == 1
    late = house.ask((house.leader() + 1) % 4)
    house.gates[(house.leader() + 1) % 4].set()
    await answers([late])
    assert sum(house.calls) == 2, "a failure is told to those who waited; who comes later asks anew"


async def test_a_text_that_got_no_answer_is_a_refusal_for_all_for_a_while(rig):
    house = House(rig, 2, numbers={"cache_refusal_ttl_s": 60.0})
    for r, gate in zip(house.rigs, house.gates, strict=True):
        r.model.always = ModelFailure(Failure.SCHEMA, "not the form")
        gate.set()
    await settle()
    first = (await answers([house.ask(0)]))[0]
    second = (await answers([house.ask(1)]))[0]
    assert (first.kind, second.kind) == (Failure.SCHEMA, Failure.SCHEMA)
    assert "a short while ago" in second.message
    calls = sum(house.calls)
    assert house.calls[1] == 0
    await answers([house.ask(1, again=True)])
    assert sum(house.calls) > calls, "who was refused before wants to try"
    house.clock.now_s += 61
    house.rigs[1].model.always = '{"worth": "no"}'
    assert (await house.ask(1)).data == {"worth": "no"}
    assert (await house.ask(0)).data == {"worth": "no"}, "an answer takes the place of a refusal"


async def test_an_outage_is_never_a_refusal(rig):
    house = House(rig, 1)
    house.gates[0].set()
    house.rigs[0].model.script = [ModelFailure(Failure.OUT_OF_MEMORY, "no room")]
    await answers([house.ask(0)])
    assert house.shared.values.keys() == {"note." + await house.rigs[0].inference.key_of(question())}
    assert house.rigs[0].caches[0].values == {}


async def test_a_person_waits_for_another_daemon_no_longer_than_a_lease(rig):
    house = House(rig, 2)
    asks = [house.ask(0)]
    await settle()
    house.gates[1].set()
    person = house.ask(1, priority=1000)
    await house.clock.advance(LEASE_S - 1)
    assert not person.done()
    await house.clock.advance(2)
    assert (await person).data == {"worth": "yes"}
    assert house.calls == [1, 1]
    house.gates[0].set()
    await answers(asks)


async def test_a_shared_tier_that_fails_keeps_nobody_from_asking(rig):
    house = House(rig, 2)
    house.shared.fault = OSError("gone")
    for gate in house.gates:
        gate.set()
    found = await answers([house.ask(0), house.ask(1)])
    assert all(answer.data == {"worth": "yes"} for answer in found)
    assert house.calls == [1, 1]


async def test_a_daemon_that_stops_gives_its_claims_back(rig):
    house = House(rig, 2)
    leading = house.ask(0)
    await settle()
    house.gates[1].set()
    following = house.ask(1)
    await settle()
    closing = asyncio.create_task(house.rigs[0].inference.close(1.0))
    await house.clock.advance(1.0)
    await closing
    assert isinstance((await answers([leading]))[0], ModelFailure)
    assert (await following).data == {"worth": "yes"}
    assert house.clock.now_s < 1000 + LEASE_S


async def test_evidence_is_never_claimed(rig):
    clock = HandClock()
    shared = Shared(clock)
    r = rig(
        clock=clock,
        models={},
        plans={},
        evidence=Reader(),
        caches=[Shelf("own"), shared],
        numbers={"without_model": "evidence"},
    )
    assert (await r.inference.ask(question())).provenance.method == Method.EVIDENCE
    assert shared.calls == [], "it costs less than a look at a disk"


async def test_a_note_that_cannot_be_read_is_still_a_failure(rig):
    house = House(rig, 2)
    asks = [house.ask(0), house.ask(1)]
    await settle()
    key = await house.rigs[0].inference.key_of(question())
    house.shared.values[f"note.{key}"] = b"\xff no json"
    await house.clock.advance(LONGEST_LOOK_S * 2)
    waiting = asks[1 - house.leader()]
    assert (await answers([waiting]))[0].kind is Failure.BUSY
    house.gates[house.leader()].set()
    await answers(asks)


async def test_a_person_who_joins_what_stands_at_a_foreign_claim_waits_no_longer_than_a_lease(rig):
    house = House(rig, 2)
    asks = [house.ask(0)]
    await settle()
    house.gates[1].set()
    background = house.ask(1)
    await house.clock.advance(1.0)
    person = house.ask(1, priority=1000)
    await house.clock.advance(LEASE_S + 1.0)
    assert (await person).data == {"worth": "yes"}
    assert (await background).data == {"worth": "yes"}
    assert house.calls == [1, 1]
    house.gates[0].set()
    await answers(asks)


async def test_who_comes_along_with_another_flight_holds_no_claim_that_others_wait_for(rig):
    clock = HandClock()
    shared = Shared(clock)
    one, other = Scripted(gate=asyncio.Event()), Scripted(models={"small:1b": "digest-c"}, gate=asyncio.Event())
    one.script = [ModelFailure(Failure.NOT_JSON, "?"), ModelFailure(Failure.NOT_JSON, "?")]
    plans = {Role.TRIAGE: [RolePlan("one", "small:1b", 2048), RolePlan("other", "small:1b", 2048)]}
    r = rig(clock=clock, models={"one": one, "other": other}, plans=plans, caches=[Shelf("own"), shared])
    await r.inference.open()
    key = await r.inference.key_of(question())
    first = asyncio.create_task(r.inference.ask(question()))
    await settle()
    assert key in shared.claims
    r.inference._seating.planned(Role.TRIAGE).state.breaker.trip(ModelFailure(Failure.FORBIDDEN, "403"))
    second = asyncio.create_task(r.inference.ask(question()))
    await settle()
    one.gate.set()
    await settle()
    assert key not in shared.claims, "another process that waits for it may be whom this one waits for"
    assert len(shared.claims) == 1
    other.gate.set()
    assert [a.provenance.cache for a in await answers([first, second])] == ["shared", "miss"]
    assert shared.claims == {}


async def test_a_refusal_never_takes_the_place_of_an_answer(rig):
    house = House(rig, 2)
    house.rigs[1].model.always = ModelFailure(Failure.TOO_LONG, "too long")
    first = house.ask(0)
    await settle()
    person = house.ask(1, priority=1000)
    await house.clock.advance(LEASE_S + 1.0)
    assert house.calls == [1, 1], "both are asked: the person waits no longer"
    house.gates[0].set()
    await first
    await settle()
    house.gates[1].set()
    assert (await answers([person]))[0].kind is Failure.TOO_LONG
    key = await house.rigs[0].inference.key_of(question())
    assert house.shared.answers == [key]
