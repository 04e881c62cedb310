"""Signals that say the same as an earlier one: its answers are used again, and no model is asked."""

from __future__ import annotations

from collections.abc import Sequence

from leadd.api import Signal
from leadd.core import companies
from leadd.core.prefilter import Keep
from leadd.core.profiles import Profile
from leadd.core.reuse.standing_answers import TWIN, StandingAnswers, Taken
from leadd.store import Store
from leadd.store.rows import SignalRow


class Twins:
    """Finds an earlier signal with the same title and text, of the same company and place, that is done for this ICP."""

    def __init__(self, store: Store, answers: StandingAnswers) -> None:
        self._store = store
        self._answers = answers

    async def possible(self, signals: Sequence[Signal]) -> frozenset[int]:
        """The ids of those that have an earlier signal with the same text. What has none now never gets one: ids only grow."""
        return await self._store.signals.with_earlier([(s.content_hash, s.id) for s in signals])

    async def find(self, signal: Signal) -> SignalRow | None:
        """The twin of a signal, or None where it has none that is done."""
        twin = await self._store.signals.find_by_content(signal.content_hash, signal.id)
        return None if twin is None or twin.state != "done" or not same_opening(signal, twin) else twin

    async def reading(self, twin: SignalRow, signal: Signal, profile: Profile, keep: Keep) -> Taken | None:
        """What the twin's models said, or None where its answers no longer hold."""
        return await self._answers.of(twin.id, signal, profile, keep, how=TWIN)


def same_opening(signal: Signal, twin: SignalRow) -> bool:
    """Equal texts of different companies, or in different places, are different openings."""
    return _agree(companies.fold_name(signal.company or ""), companies.fold_name(twin.company or "")) and _agree(
        (signal.location or "").casefold(), (twin.location or "").casefold()
    )


def _agree(one: str, other: str) -> bool:
    return not one or not other or one == other
