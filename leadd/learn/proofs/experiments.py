"""Two variants compared on a stream of outcomes, honestly, however often somebody looks.

Companies are drawn to a variant by a hash, so that the same company always meets the same one. Only the first outcome of a
company counts in the test: later ones say little that is new, and treating them as independent would promise too much.

The bet: given that an outcome was good (or bad), which variant did it come from? Where B is no better than A, a good outcome
comes from B with a probability of at most B's share, and a bad one with at least that. A bettor who stakes on the opposite
gains in expectation only if B is better, whatever the base rate is and however it moves; so the capital is an e-process, and
by Ville's inequality it ever reaches 1/level with a probability of at most `level` (Ramdas, Grünwald, Vovk and Shafer,
'Game-theoretic statistics and safe anytime-valid inference', 2023; Turner, Ly and Grünwald, 'Generic e-variables for exact
sequential k-sample tests', 2024). How much is staked is a mixture over log odds ratios, at the base rate seen so far. The same
bet turned round tests whether B does harm.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

from leadd.learn.proofs.differences import Counts, difference_interval

Arm = Literal["A", "B"]
Action = Literal["go on", "promote", "roll back", "stop for futility"]

GAINS = ((0.2, 0.2), (0.45, 0.5), (0.9, 0.2), (1.6, 0.1))
HARMS = ((0.6, 0.85), (1.6, 0.15))
"""Log odds ratios that are bet on, and what is staked on each. 30% to 40% is 0.44, 30% to 15% is -0.89. Small harm is worth
no bet of its own: a variant that does little harm is stopped for futility."""


@dataclass(frozen=True, slots=True)
class Rule:
    """When an experiment ends.

    `promote_level`: how often at most a variant that is no better is promoted. `harm_level`: how often at most one that does
    no harm is rolled back; it may be larger, for what is rolled back can be tried again. `least_lift`: an improvement of the
    rate that would be worth having; the experiment stops for futility when it is excluded with `confidence`, or at
    `most_outcomes`. With `same` (A/A) both arms run the same variant and no rule acts.
    """

    promote_level: float = 0.05
    harm_level: float = 0.25
    least_lift: float = 0.02
    confidence: float = 0.95
    most_outcomes: int = 20_000
    same: bool = False

    def __post_init__(self) -> None:
        for name in ("promote_level", "harm_level", "confidence"):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(f"{name} {getattr(self, name)} must lie between 0 and 1")
        if not 0 <= self.least_lift < 1 or self.most_outcomes < 1:
            raise ValueError("least_lift must lie in [0, 1), and most_outcomes must be 1 or more")


@dataclass(frozen=True, slots=True)
class Report:
    """Where an experiment stands: what to do, the counts, the difference of the rates (B minus A) with an interval that
    holds at all times, and the evidence (e-values; 1 is none) for 'B is better' and for 'B is worse'."""

    action: Action
    reason: str
    good_a: int
    seen_a: int
    good_b: int
    seen_b: int
    difference: float | None
    low: float
    high: float
    better: float
    worse: float
    repeats: int


class Experiment:
    """An experiment on two variants, A (in force) and B (the candidate), `share` of the companies drawn to B.

    Raises ValueError where the share is not between 0 and 1.
    """

    def __init__(self, name: str, share: float = 0.5, rule: Rule | None = None) -> None:
        if not 0 < share < 1:
            raise ValueError(f"share {share} must lie between 0 and 1, for example 0.2 for every fifth company")
        self.name, self.share, self.rule = name, float(share), rule or Rule()
        self.counts = Counts()
        self.repeats = 0
        self._ended: Action = "go on"
        self._units: dict[str, None] = {}
        self._better = [0.0] * len(GAINS)  # logarithms of the capital of each bet
        self._worse = [0.0] * len(HARMS)

    def assign(self, unit: str) -> Arm:
        """The variant of a company (or of another unit): the same at all times for one name of an experiment."""
        digest = hashlib.blake2b(f"{self.name}\0{unit}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
        return "B" if int.from_bytes(digest, "big") / 2**64 < self.share else "A"

    def observe(self, arm: Arm, good: bool, unit: str | None = None) -> Action:
        """Take in an outcome and return what to do now.

        Without `unit` the outcome counts as one of a unit of its own. A decision stands: outcomes after it are counted, but
        do not change it. Raises ValueError for an arm that is neither A nor B, or not the one the unit was drawn to.
        """
        if arm not in ("A", "B"):
            raise ValueError(f"arm {arm!r} is neither A nor B")
        if unit is not None:
            if arm != self.assign(unit):
                raise ValueError(f"{unit!r} belongs to variant {self.assign(unit)}, not to {arm}: assign() says which")
            mark = hashlib.blake2b(unit.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
            if mark in self._units:
                self.repeats += 1
                return self._ended
            self._units[mark] = None
        if self._ended == "go on":
            self._bet(arm, good)
        self.counts = self.counts.plus(arm == "B", good)
        if self._ended == "go on":
            self._ended = self._decide()
        return self._ended

    @property
    def better(self) -> float:
        """Evidence (an e-value) against 'B is no better than A'."""
        return _mixed(self._better, GAINS)

    @property
    def worse(self) -> float:
        """Evidence (an e-value) against 'B is no worse than A'."""
        return _mixed(self._worse, HARMS)

    def report(self) -> Report:
        """All of it, for people and for the log."""
        low, high = difference_interval(self.counts, self.rule.confidence)
        c = self.counts
        return Report(self._ended, self._reason(low, high), c.good_a, c.seen_a, c.good_b, c.seen_b, c.difference, low, high,
                      self.better, self.worse, self.repeats)  # fmt: skip

    def to_state(self) -> dict[str, Any]:
        """All that is known, as plain JSON values."""
        return {
            "name": self.name,
            "share": self.share,
            "rule": asdict(self.rule),
            "counts": asdict(self.counts),
            "repeats": self.repeats,
            "ended": self._ended,
            "better": list(self._better),
            "worse": list(self._worse),
            "units": list(self._units),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Experiment:
        """The experiment as it was. Raises ValueError where the state is damaged."""
        try:
            rule = Rule(**{field.name: state["rule"][field.name] for field in fields(Rule)})
            found = cls(str(state["name"]), float(state["share"]), rule)
            found.counts = Counts(**{field.name: int(state["counts"][field.name]) for field in fields(Counts)})
            found.repeats, found._ended = int(state["repeats"]), state["ended"]
            found._better = [float(value) for value in state["better"]]
            found._worse = [float(value) for value in state["worse"]]
            found._units = dict.fromkeys(state["units"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"the kept state of an experiment is damaged ({error!r}): start it anew") from None
        if (len(found._better), len(found._worse)) != (len(GAINS), len(HARMS)):
            raise ValueError("the kept state of an experiment is from another version of the test: start it anew")
        return found

    def _bet(self, arm: Arm, good: bool) -> None:
        seen, goods = self.counts.seen_a + self.counts.seen_b, self.counts.good_a + self.counts.good_b
        rate = (goods + 1) / (seen + 2)
        for place, (effect, _) in enumerate(GAINS):
            self._better[place] += log_factor(arm, good, rate, effect, self.share)
        for place, (effect, _) in enumerate(HARMS):
            self._worse[place] += log_factor(arm, good, rate, -effect, self.share)

    def _decide(self) -> Action:
        if self.rule.same:
            return "go on"
        if self.better >= 1 / self.rule.promote_level:
            return "promote"
        if self.worse >= 1 / self.rule.harm_level:
            return "roll back"
        seen = self.counts.seen_a + self.counts.seen_b
        if seen >= self.rule.most_outcomes:
            return "stop for futility"
        if seen % 25 == 0 and difference_interval(self.counts, self.rule.confidence)[1] < self.rule.least_lift:
            return "stop for futility"
        return "go on"

    def _reason(self, low: float, high: float) -> str:
        span = f"B is {low:+.1%} to {high:+.1%} against A ({self.rule.confidence:.0%} confidence, at any look)"
        if self.rule.same:
            odd = max(self.better, self.worse) >= 2 / self.rule.promote_level
            return f"both arms run the same variant; {span}" + ("; they differ: check how outcomes are assigned" if odd else "")
        if self._ended == "promote":
            return f"B is better (evidence {self.better:.0f}, needed {1 / self.rule.promote_level:.0f}); {span}"
        if self._ended == "roll back":
            return f"B does harm (evidence {self.worse:.0f}, needed {1 / self.rule.harm_level:.0f}); {span}"
        if self._ended == "stop for futility":
            return f"an improvement of {self.rule.least_lift:.1%} is not in sight; {span}"
        return f"not decided (evidence {self.better:.1f} of {1 / self.rule.promote_level:.0f}); {span}"


def log_factor(arm: Arm, good: bool, rate: float, effect: float, share: float) -> float:
    """The logarithm of what a bet on the log odds ratio `effect` is multiplied by; `rate` is the base rate seen before."""
    middle = math.log(rate / (1 - rate))
    rate_a = 1 / (1 + math.exp(-(middle - share * effect)))
    rate_b = 1 / (1 + math.exp(-(middle + (1 - share) * effect)))
    if not good:
        rate_a, rate_b = 1 - rate_a, 1 - rate_b
    return math.log((rate_b if arm == "B" else rate_a) / (share * rate_b + (1 - share) * rate_a))


def _mixed(logs: list[float], effects: tuple[tuple[float, float], ...]) -> float:
    return math.fsum(weight * math.exp(min(700.0, value)) for value, (_, weight) in zip(logs, effects, strict=True))
