"""Which signals to show next for a verdict: uncertain ones, hot ones, and a few at random from all that is dropped.

The uncertain ones teach most (uncertainty sampling: Lewis and Gale 1994), but only the hot ones pay off at once and show
where the top is wrong, and only the random ones can show what nobody thinks of. Alike signals teach the same, so a duplicate
group is asked about once, and a company only as often as others have been.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Why = Literal["uncertain", "hot", "audited"]


@dataclass(frozen=True, slots=True)
class Mix:
    """The shares of what is shown; together 1."""

    uncertain: float = 0.4
    hot: float = 0.5
    audited: float = 0.1


SHIPPED = Mix()


@dataclass(frozen=True, slots=True)
class Asked:
    """A signal to show, by its place, and why it is shown."""

    place: int
    why: Why


def choose(
    odds: Floats,
    *,
    count: int,
    middle: float = 0.0,
    companies: Sequence[Hashable | None] = (),
    groups: Sequence[Hashable | None] = (),
    judged: Collection[int] = (),
    seed: int = 0,
    mix: Mix = SHIPPED,
) -> list[Asked]:
    """At most `count` signals without a verdict, kinds mixed, in the order in which to show them.

    `odds` (n,) are the scores of all signals, `middle` is the score at which it is least clear whether one is wanted. `judged`
    are the places that have a verdict: they, and others of their duplicate `groups`, are not shown again, and `companies`
    that were asked about often come later. Raises ValueError where a length differs or the mix is no mix.
    """
    n = len(odds)
    if (companies and len(companies) != n) or (groups and len(groups) != n):
        raise ValueError(f"{n} scores: as many companies and groups are needed")
    shares = (mix.uncertain, mix.hot, mix.audited)
    if min(shares) < 0 or abs(sum(shares) - 1) > 1e-6:
        raise ValueError("the shares of uncertain, hot and audited are parts of 1")
    draw = np.random.default_rng(seed)
    orders: dict[Why, Sequence[int] | NDArray[np.int64]] = {
        "uncertain": np.argsort(np.abs(odds - middle), kind="stable"),
        "hot": np.argsort(-odds, kind="stable"),
        "audited": draw.permutation(n),
    }
    return mixed(orders, count=count, companies=companies, groups=groups, judged=judged, mix=mix)


def mixed(
    orders: Mapping[Why, Sequence[int] | NDArray[np.int64]],
    *,
    count: int,
    companies: Sequence[Hashable | None] = (),
    groups: Sequence[Hashable | None] = (),
    judged: Collection[int] = (),
    asked_before: Mapping[Any, int] | None = None,
    mix: Mix = SHIPPED,
) -> list[Asked]:
    """The same where the caller knows the order of each kind: places, the best first, each in as many kinds as it belongs to.

    A kind that has come to its end leaves its turns to the others. `asked_before` says how often each company was asked about
    earlier.
    """
    shares: dict[Why, float] = {"uncertain": mix.uncertain, "hot": mix.hot, "audited": mix.audited}
    picked = _Picked(companies, groups, judged, asked_before or {})
    found: list[Asked] = []
    left = {why: order for why, order in orders.items() if shares[why] > 0}
    owed = dict.fromkeys(left, 0.0)
    while left and len(found) < count:
        for why in left:
            owed[why] += shares[why]
        why = max(left, key=lambda kind: owed[kind])
        owed[why] -= math.fsum(shares[kind] for kind in left)
        place = picked.next_of(left[why])
        if place is None:
            del left[why]
        else:
            found.append(Asked(place, why))
    return found


class _Picked:
    """What is taken already, and how often each company was."""

    def __init__(
        self,
        companies: Sequence[Hashable | None],
        groups: Sequence[Hashable | None],
        judged: Collection[int],
        asked_before: Mapping[Any, int],
    ) -> None:
        self._companies = companies
        self._groups = groups
        self._taken: set[int] = set()
        self._seen_groups: set[Hashable] = set()
        self._of_company: dict[Hashable, int] = dict(asked_before)
        self._before = sum(asked_before.values())
        for place in judged:
            self._take(place)

    def next_of(self, order: Sequence[int] | NDArray[np.int64]) -> int | None:
        """The first that is free in an order, a company asked about less often before one asked about more; None if none is."""
        most = 1 + max(self._of_company.values(), default=0)
        least: tuple[int, int] | None = None
        for place in map(int, order):
            if place in self._taken or (self._groups and self._groups[place] in self._seen_groups):
                continue
            times = self._times(place)
            if times < self._allowed():
                self._take(place)
                return place
            if times <= most and (least is None or times < least[0]):
                least = (times, place)
        if least is None:
            return None
        self._take(least[1])
        return least[1]

    def _allowed(self) -> int:
        """How often a company may have been asked about: one more for every 20 verdicts."""
        return 1 + (self._before + len(self._taken)) // 20

    def _times(self, place: int) -> int:
        company = self._companies[place] if self._companies else None
        return self._of_company.get(company, 0) if company is not None else 0

    def _take(self, place: int) -> None:
        self._taken.add(place)
        if self._groups and self._groups[place] is not None:
            self._seen_groups.add(self._groups[place])
        company = self._companies[place] if self._companies else None
        if company is not None:
            self._of_company[company] = self._of_company.get(company, 0) + 1
