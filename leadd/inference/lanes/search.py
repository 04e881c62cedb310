"""How many calls at a time serve a model best: found by trying, with what a trial may win weighed against what it costs.

A server tells neither how many calls it works on at a time nor whether more would help. What is seen are calls: how large they
were, how long they took, how long they waited in the server, and how many were in flight meanwhile. `guesses` turns that into
probabilities of what the server may be like; this module decides. It stays at the level (calls in flight) that is expected to
do most, and of two that do the same at the lower one, because then a person's question waits for less. It tries another level
where the work that this may win over the next calls exceeds what it may cost (the value of information, as in sequential
experiments). What was seen long ago counts less, at growing intervals, so that changes of the machine are found in the end.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from leadd.api import Usage
from leadd.inference.lanes.guesses import Guesses, Mean, Seen, View
from leadd.inference.lanes.sizes import Kind, kind_of

HORIZON = 150
"""Calls over which a better level is taken to pay, to begin with; half of all calls so far come on top."""
LEAST_WIN = 0.008
"""What a trial has to promise, as a part of the work of the horizon: less is not worth the unrest."""
FEAR = 1.5
"""How much heavier the cost of a trial weighs than what it may win: the guesses are never all there is."""
CROWD_COST = 0.02
"""What doubling the calls in flight has to win, because each of them takes longer."""
SAME = 1.01
"""A level is left for another one only where that one is better by more than this."""
TOLD_BY = 4.0
"""After so many calls at a level half of what a trial could tell is known."""
STEP = 4
"""The next level is at most so many times the highest one tried."""
COLD_S, COLD_SHARE = 0.3, 0.2
"""A call that waited longer for its model, in seconds and as a part of the whole, says nothing about slots."""
UNTOLD = 100
"""Added to the kind of calls without durations: their times hold more than those of others."""
MOST_COUNT, MOST_QUEUE_COUNT = 24.0, 16.0
FIRST_SPAN, LAST_SPAN = 256, 8192


class SlotSearch:
    """Says how many calls may be in flight (`limit`), and learns from each. One for each model of a server.

    `longest_s` is how long a call may take; levels at which calls would take longer, if all shared one processor, are not
    tried. `slowness` is how much longer a call is believed to run at that number than alone, `server_slots` how many calls the
    server works on at a time, where its own queue shows that. A decision costs about a millisecond and comes every few calls.
    """

    def __init__(self, ceiling: int, *, longest_s: float = 100.0) -> None:
        self.limit = 1
        self.best = 1
        self.trials = 0
        self.server_slots: int | None = None
        self.slowness = 1.0
        self._guesses = Guesses(ceiling)
        self._longest_ms = longest_s * 1000
        self._levels: dict[tuple[int, int, int], Mean] = {}
        self._queues: dict[int, Mean] = {}
        self._kinds: dict[int, Kind] = {}
        self._cold: dict[int, int] = {}
        self._highest = 1
        self._calls = 0
        self._news = 0.0
        self._least_queue_ms = math.inf
        self._gap_ms = 0.0
        self._running_ms = 0.0
        self._others = 0.0
        self._alone_ms = 0.0
        self._span = FIRST_SPAN
        self._fades_at = FIRST_SPAN
        self._is_due = False
        self._roof: int | None = None
        self._roof_until = 0
        self._roof_span = FIRST_SPAN // 4

    def note(self, usage: Usage, wall_ms: float, gap_ms: float, flying: float, spread: float, others: float) -> None:
        """Tell of a call that was answered while there was more to do.

        `gap_ms` is what passes between two calls of one slot, `flying` the mean number of calls in flight while it ran and
        `spread` the standard deviation of that, `others` the mean number of calls to other models of the server.
        """
        if wall_ms <= 0 or usage.load_ms > max(COLD_S * 1000, COLD_SHARE * usage.total_ms):
            return
        self._calls += 1
        number = kind_of(usage) if usage.prompt_ms + usage.output_ms > 0 else kind_of(usage) + UNTOLD
        kind = self._kinds.setdefault(number, Kind())
        size = kind.size(usage)
        level = min(self._guesses.rungs, key=lambda rung: abs(rung - flying))
        weight = max(0.0, 1 - 2.5 * abs(flying - level)) * max(0.0, 1 - 1.5 * spread)
        weight *= self._warmth(number, kind, weight)
        self._others += 0.1 * (others - self._others)
        time = math.log(self._time_ms(usage, wall_ms + gap_ms - usage.load_ms, gap_ms, level, weight))
        if weight > 0.02:
            self._learn(kind, self._levels.setdefault((number, level, _crowd(others)), Mean()), weight, time, size)
        self._alone_ms = max(self._alone_ms * 0.98, (wall_ms + gap_ms) / max(1.0, flying))
        if level == self.limit:
            self._news += weight
        if self._calls >= self._fades_at:
            self._fade()
        self._decide()

    def fell(self) -> None:
        """Calls were refused as too many, or took too long: half as many, and for a while fewer than it was.

        Where even one at a time falls, the number is not to blame, and what was known holds again.
        """
        if self.limit == 1:
            self._roof = None
            return
        if self._calls >= self._roof_until:  # not the same fall still
            self._roof_until = self._calls + self._roof_span
            self._roof_span = min(LAST_SPAN, self._roof_span * 2)
        self._roof = max(1, self.limit - 1)
        self.best = max(1, self.limit // 2)
        self._go(self.best)

    def cooled(self) -> None:
        """The model was loaded anew: its caches are empty, and the first call of each slot reads everything."""
        self._cold = dict.fromkeys(self._kinds, self._highest)

    def forget(self) -> None:
        """The server may be another one now: what was seen counts half."""
        self.cooled()
        self._span = FIRST_SPAN
        self._fade()

    # what a call says

    def _warmth(self, number: int, kind: Kind, weight: float) -> float:
        """A slot's first call reads the whole prompt, the next ones only what is new; the first ones therefore say little."""
        left = self._cold.get(number, self._highest)
        if left <= 0 or weight <= 0.5:
            return 1.0
        self._cold[number] = left - 1
        return 1 - kind.reading_share

    def _time_ms(self, usage: Usage, cycle_ms: float, gap_ms: float, level: int, weight: float) -> float:
        """How long a call ran, its wait in the server taken off; the whole cycle where the server reports no durations."""
        running_ms = usage.prompt_ms + usage.output_ms
        if running_ms <= 0:
            self._gap_ms += 0.1 * (gap_ms - self._gap_ms)
            self._running_ms += (0.1 if self._running_ms else 1.0) * (cycle_ms - self._running_ms)
            return max(0.001, cycle_ms)
        self._least_queue_ms = min(self._least_queue_ms, usage.queue_ms)
        queue_ms = max(0.0, usage.queue_ms - 1.5 * self._least_queue_ms - 1)  # part of the rest is the server's own overhead
        if level > 1 and weight > 0.1:
            share = queue_ms / (queue_ms + running_ms)
            self._queues.setdefault(level, Mean()).add(share, weight, MOST_QUEUE_COUNT)
        self._gap_ms += 0.1 * (max(0.0, cycle_ms - running_ms - queue_ms) - self._gap_ms)
        alone_ms = running_ms / math.sqrt(level)  # between a level that slows each call and one that slows none
        self._running_ms += (0.1 if self._running_ms else 1.0) * (alone_ms - self._running_ms)
        return running_ms

    def _learn(self, kind: Kind, mean: Mean, weight: float, time: float, size: float) -> None:
        value = time - size
        if mean.count > 2 and weight > 0.5:
            kind.learn(value - mean.value, time - mean.value)
        if mean.count > 0.5:
            value = min(mean.value + 1, max(mean.value - 1, value))
        drifts = mean.count >= MOST_COUNT
        moved = mean.add(value, weight, MOST_COUNT)
        if drifts:  # what slows one level down slows them all
            for other in self._levels.values():
                if other is not mean:
                    other.value += moved

    def _fade(self) -> None:
        """Let what was seen at other levels count half, and look at one of them again."""
        self._is_due = True
        self._fades_at = self._calls + self._span
        self._span = min(LAST_SPAN, self._span * 2)
        for (_, level, _), mean in self._levels.items():
            mean.count *= 1.0 if level == self.best else 0.5
        for level, share in self._queues.items():
            share.count *= 1.0 if level == self.best else 0.5

    # what follows from it

    def _decide(self) -> None:
        least = 0.5 if self._highest == 1 else max(1.5, self.limit / 2)
        if self.limit == self.best and self._calls > HORIZON and not self._is_due:
            least = max(least, 8.0)
        is_early = self._news < least
        if is_early and (self.limit <= self.best or self._news < 0.4):
            return
        views = self._views()
        rungs = [rung for rung in self._guesses.rungs if rung <= self._bound()]
        tried = {level for (_, level, _), mean in self._levels.items() if mean.count > 0.1}
        known = [rung for rung in rungs if rung in tried] or [1]
        costs = {rung: _cost(views, rung, known[0]) for rung in known}
        best = min(known, key=lambda rung: costs[rung])
        if self.best in costs and costs[self.best] < costs[best] * SAME:
            best = self.best
        if is_early:  # a trial that is clearly no good ends at once
            if best < self.limit and costs[best] * 1.3 < costs.get(self.limit, 0.0):
                self._keep(best)
            return
        self._keep(best)
        self._try(views, [rung for rung in rungs if rung != best and rung <= STEP * self._highest])

    def _views(self) -> list[View]:
        self._guesses.set_gap(self._gap_ms / max(0.001, self._running_ms))
        seen = [
            Seen(kind, level, others, mean.count / max(0.03, self._kinds[kind].variance), mean.value, kind >= UNTOLD)
            for (kind, level, others), mean in self._levels.items()
            if mean.count > 0.02
        ]
        views = self._guesses.weigh(seen, self._queues, _crowd(self._others))
        self.slowness = sum(v.probability * min(self.limit, v.slots) / v.speed[self.limit] for v in views)
        chances: dict[int, float] = {}
        for view in views:
            chances[view.slots] = chances.get(view.slots, 0.0) + view.probability
        likely = max(chances, key=lambda slots: chances[slots])
        self.server_slots = likely if self._queues and chances[likely] > 0.8 and likely < self._highest else None
        return views

    def _keep(self, best: int) -> None:
        if best != self.best:
            self._span = max(FIRST_SPAN, self._span // 4)
        self.best = best
        self._go(best)

    def _try(self, views: Sequence[View], rungs: Sequence[int]) -> None:
        """Go to the level whose trial promises most, if that is enough; where a look back is due, to the best of all."""
        horizon = HORIZON + self._calls / 2
        fear, chosen, most = (0.2, self.best, 0.0) if self._is_due else (FEAR, self.best, LEAST_WIN * horizon)
        for rung in rungs:
            known = sum(mean.count for (_, level, _), mean in self._levels.items() if level == rung)
            win = cost = 0.0
            for view in views:
                here, there = view.speed[self.best], view.speed[rung]
                win += view.probability * max(0.0, 1 - _worth(here, self.best) / _worth(there, rung))
                cost += view.probability * max(0.0, here / there - 1)
            worth = win * horizon * TOLD_BY / (TOLD_BY + known) - fear * cost * max(3.0, 1.5 * rung)
            if worth > most:
                chosen, most = rung, worth
        self._is_due = False
        if chosen != self.best:
            self.trials += 1
            self._go(chosen)

    def _go(self, limit: int) -> None:
        self._news = 0.0
        self.limit = limit
        if limit > self._highest:
            self._highest = limit
            self._cold = dict.fromkeys(self._kinds, limit)

    def _bound(self) -> int:
        """The highest level that deadlines and recent refusals allow."""
        top = int(self._longest_ms / self._alone_ms) if self._alone_ms > 0 else 1
        if self._roof is not None and self._calls < self._roof_until:
            top = min(top, self._roof)
        return max(1, top)


def _crowd(others: float) -> int:
    """The calls of other models beside one, as coarsely as it matters."""
    return min((0, 1, 2, 4, 8, 16, 32), key=lambda number: abs(number - others))


def _worth(speed: float, level: int) -> float:
    return speed * (1 - CROWD_COST * math.log2(level))


def _cost(views: Sequence[View], rung: int, against: int) -> float:
    """Expected time for a piece of work at a level, beside another level."""
    return sum(view.probability * view.speed[against] / _worth(view.speed[rung], rung) for view in views)
