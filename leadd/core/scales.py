"""Weighing the evidence of triage: what the model's word adds to the words of the text and to their vectors, and what the
user's verdicts have taught of them."""

from __future__ import annotations

import asyncio
import zlib
from dataclasses import dataclass, field

from leadd.api import Clock, Method, ModelFailure, Role, Signal
from leadd.core import questions, triage
from leadd.core.profiles import Profile
from leadd.core.prompts.arms import Arms
from leadd.core.questions import PERSON_PRIORITY
from leadd.core.triage import Decision, Known
from leadd.inference import Inference
from leadd.learn import Desk, log_odds
from leadd.learn import Known as Example
from leadd.store import Store

LOOK_EVERY_S = 15.0
"""How often it is looked whether there are new verdicts."""

RETRY_S = 60.0
"""After which a content-free answer that could not be had is asked for again."""

GOOD = frozenset({"accept", "won"})


@dataclass(slots=True)
class _Bench:
    """The desk of one ICP, and which verdicts it has learned from."""

    desk: Desk = field(default_factory=Desk)
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    is_open: bool = False
    mark: int = -1


class Scales:
    """Joins what is known of a signal. Keeps a desk for each ICP, filled from the journal when it is first needed."""

    def __init__(self, store: Store, inference: Inference, arms: Arms, clock: Clock, *, worth_from: float) -> None:
        self._store = store
        self._inference = inference
        self._arms = arms
        self._clock = clock
        self._worth_from = worth_from
        self._benches: dict[int, _Bench] = {}
        self._mark = 0
        self._looked_s = float("-inf")
        self._habits: dict[tuple[str, str], float] = {}
        self._retry_s: dict[tuple[str, str], float] = {}

    async def stands_for(self, signal: Signal, profile: Profile, known: Known, priority: int) -> tuple[int, Decision | None]:
        """How many signals the model's answer on this one would stand for; for 0 the model need not be asked, and the decision
        comes along. Where no language model would answer, it is asked whatever it is: the reader of evidence decides alone."""
        asked = await self._asked(signal)
        if not asked:
            return 1, None
        desk = await self._desk(profile, asked)
        facts = known.facts(asked)
        draw = 1 if priority >= PERSON_PRIORITY else zlib.crc32(signal.content_hash.encode())
        many = desk.stands_for(facts, asked, self._worth_from, draw)
        if many:
            return many, None
        desk.note(facts)
        return 0, Decision(known, asked, desk.join(facts, asked), desk.weights(asked), self._worth_from, stands_for=0)

    async def decide(
        self, signal: Signal, profile: Profile, known: Known, said: dict[str, object], digest: str, prompt_hash: str, *,
        stands_for: int, priority: int,
    ) -> Decision:  # fmt: skip
        """The model's answer `said` joined with all else. Asks once per model, prompt and ICP what the model says by habit."""
        asked = triage.asked_name(digest, prompt_hash)
        habit = await self._habit(signal, profile, asked, priority) if said.get("probability") is not None else None
        odds = triage.odds_of(said, 0.0 if habit is None else log_odds(habit))
        desk = await self._desk(profile, asked)
        facts = known.facts(asked, odds)
        desk.note(facts, stands_for)
        joined = desk.join(facts, asked)
        return Decision(known, asked, joined, desk.weights(asked), self._worth_from, said, odds, habit, stands_for)

    async def _asked(self, signal: Signal) -> str:
        """Who would answer triage of a signal now, with which prompt; '' where that is no language model, or not known."""
        if self._inference.availability(Role.TRIAGE).method != Method.MODEL:
            return ""
        try:
            digest = await self._inference.digest_of(Role.TRIAGE)
        except ModelFailure:
            return ""
        return triage.asked_name(digest, self._arms.template("triage", signal).info.content_hash)

    async def _habit(self, signal: Signal, profile: Profile, asked: str, priority: int) -> float | None:
        """The model's share of yes for a text without content, None where it cannot be had now. Kept like any answer."""
        place = (asked, profile.content_hash)
        if place in self._habits:
            return self._habits[place]
        if self._clock.monotonic_s() < self._retry_s.get(place, float("-inf")):
            return None
        shown = {"title": triage.CONTENT_FREE, "text": triage.CONTENT_FREE}
        rendered = self._arms.template("triage", signal).render(questions.variables_of(profile.icp), shown)
        question = triage.content_free_question(profile.icp, rendered, priority=priority)
        try:
            answer = await self._inference.ask(question)
        except ModelFailure:
            self._retry_s[place] = self._clock.monotonic_s() + RETRY_S
            return None
        share = answer.data.get("probability")
        if share is None or triage.asked_name(answer.provenance.digest, answer.provenance.prompt_hash) != asked:
            self._retry_s[place] = self._clock.monotonic_s() + RETRY_S  # another model answered, or without probabilities
            return None
        self._habits[place] = share
        return float(share)

    async def _desk(self, profile: Profile, asked: str) -> Desk:
        """The desk of an ICP with what the journal and the verdicts say so far, ready for this model and prompt."""
        now_s = self._clock.monotonic_s()
        if now_s - self._looked_s >= LOOK_EVERY_S:
            self._looked_s = now_s
            self._mark = await self._store.learning.verdict_mark()
        bench = self._benches.setdefault(profile.id, _Bench())
        if not bench.is_open or bench.mark != self._mark or not bench.desk.is_ready(asked):
            async with bench.lock:
                await self._fill(bench, profile, asked)
        return bench.desk

    async def _fill(self, bench: _Bench, profile: Profile, asked: str) -> None:
        if not bench.is_open or bench.mark != self._mark:
            mark = self._mark
            rows = await self._store.learning.triaged(profile.id)
            seen = [(row, triage.facts_of(row.answer, triage.asked_name(row.digest, row.prompt_hash))) for row in rows]
            if not bench.is_open:
                for row, facts in seen:
                    if facts is not None:
                        bench.desk.note(facts, max(1.0, float(row.answer.get("stands_for") or 1)))
                bench.is_open = True
            judged = [
                Example(facts, row.verdict in GOOD)
                for row in await self._store.learning.verdicts(profile.id)
                if (facts := triage.facts_of(row.answer, triage.asked_name(row.digest, row.prompt_hash))) is not None
            ]
            # A person judges only some of the leads; what was no match at the full look counts by the same share.
            leads = sum(row.classified == "match" for row, _ in seen)
            share = min(1.0, len(judged) / max(1, leads))
            no_match = [Example(f, False, share) for row, f in seen if f is not None and row.classified == "no_match"]
            bench.desk.learn([*judged, *no_match], len(judged))
            bench.mark = mark
        if not bench.desk.is_ready(asked):
            await asyncio.to_thread(bench.desk.prepare, asked)
