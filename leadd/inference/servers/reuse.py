"""How much of its prompts a model does not read again, seen from outside: by the time that reading takes.

A server that keeps the constant beginning of a prompt counts its tokens all the same; only the time for reading drops
(`prompt_eval_duration` ÷ `prompt_eval_count`). What a token costs when nothing was kept is seen at the first calls after a
change to another group of prompts, when every slot of the server reads the new beginning once.
"""

from __future__ import annotations

from collections import deque
from statistics import median, quantiles

from leadd.api import Usage

LEAST_TOKENS = 32
"""Shorter prompts say more about the server's overhead than about reading."""
RECENT = 12
"""Calls of one group in a row that have to agree."""
KEPT = 64
GONE_BELOW = 0.1
THERE_FROM = 0.3


class ReuseWatch:
    """Watches the reading of one model: what share of its prompts is not read again, and whether that has gone."""

    def __init__(self) -> None:
        self.samples = 0
        self._fresh: deque[float] = deque(maxlen=KEPT)
        self._again: deque[float] = deque(maxlen=RECENT)
        self._shares: deque[float] = deque(maxlen=RECENT)
        self._group: str | None = None
        self._to_come = 0
        self._was_there = False

    def note(self, usage: Usage, group: str, at_once: int = 1, slowness: float = 1.0) -> None:
        """Tell of a call. `group` names the constant part of its prompt, `at_once` is how many calls are in flight
        (`Lane.busy`), and `slowness` how much longer one of them runs than a call alone (`Lane.slowness`)."""
        if usage.prompt_tokens < LEAST_TOKENS or usage.prompt_ms <= 0:
            return
        self.samples += 1
        cost = usage.prompt_ms * 1e6 / usage.prompt_tokens / max(1.0, slowness)
        if group != self._group:
            self._group, self._to_come = group, max(1, at_once)
            self._shares.clear()
        if self._to_come > 0:
            self._to_come -= 1
            self._fresh.append(cost)
            return
        self._again.append(cost)
        self._shares.append(max(0.0, 1 - cost / self.fresh_ns_per_token))
        if len(self._shares) == RECENT and median(self._shares) >= THERE_FROM:
            self._was_there = True

    def emptied(self) -> None:
        """The model was loaded anew: every slot reads the beginning once more."""
        self._group = None

    @property
    def ratio(self) -> float | None:
        """Share of prompt tokens not read again in the last calls (0 to 1); None until there is something to compare."""
        return max(0.0, 1 - median(self._again) / self.fresh_ns_per_token) if self._again else None

    @property
    def ns_per_token(self) -> float:
        """Nanoseconds per prompt token of the last calls, as of a call alone, the median; 0 before the first."""
        return median(self._again or self._fresh) if self.samples else 0.0

    @property
    def fresh_ns_per_token(self) -> float:
        """Nanoseconds per prompt token where nothing was kept; 0 before the first call.

        Some first calls find their beginning still there, from before leadd was started: so the upper quarter counts.
        """
        if len(self._fresh) > 3:
            return quantiles(self._fresh, n=4)[2]
        return max(self._fresh, default=0.0)

    @property
    def lost(self) -> bool:
        """Whether the last calls of one group read everything although earlier ones did not have to."""
        return self._was_there and len(self._shares) == RECENT and median(self._shares) < GONE_BELOW

    def text(self) -> str:
        """What a person should know; '' where all is well or too little was seen."""
        if self.lost:
            return (
                f"the last {RECENT} calls read their whole prompt again, which earlier ones did not: prompts have grown beyond "
                "what the model keeps, another program uses the model, or the server was given less memory for caches"
            )
        ratio = self.ratio
        if self.samples >= 2 * RECENT and ratio is not None and ratio < GONE_BELOW and not self._was_there:
            return "no reuse of prompts was seen so far: the model reads the constant part of every prompt again"
        return ""
