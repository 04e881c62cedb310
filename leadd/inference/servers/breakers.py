"""When something is left alone, and how it comes back: breakers, and the watch over answers that arrive well and are wrong."""

from __future__ import annotations

import asyncio
from collections import deque
from enum import StrEnum

from leadd.api import Clock, ModelFailure

FIRST_DELAY_S = 1.0
MOST_DELAY_S = 15.0
MOST_DELAY_WANTED_S = 3.0
"""Between two looks at something that is out of service while somebody wants it: five seconds after it is well it is back, the
look included."""

WINDOW, MOST_BAD = 20, 3
"""Of so many answers so many bad ones, and a model is left alone where there is another."""
PROBATION = 10
"""Answers after a return during which a single bad one is enough."""


class Phase(StrEnum):
    """closed: asked like any other. open: left alone. half_open: a look at it went well, one real question may try it."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


class Breaker:
    """Keeps work away from a server or a model that does not answer well.

    `trip` opens it. From `due_s` on (monotonic) somebody looks at what is wrong; `probed` says that the look went well; then
    one question is let through (`begin_trial`), and `close` or another `trip` is its end. A `soft` one is open only as long as
    there is somebody else to ask. A `sticky` one closes only in that way: an answer that was on its way proves nothing.
    """

    def __init__(self, clock: Clock) -> None:
        self.phase = Phase.CLOSED
        self.is_closed = True
        """Whether questions go through as if nothing had ever been."""
        self.is_open = False
        """Whether no question goes through; a soft one lets through what has nowhere else to go."""
        self.failure: ModelFailure | None = None
        self.soft = False
        self.sticky = False
        self.opens = 0
        self.due_s = float("inf")
        self.since_s = clock.monotonic_s()
        self._clock = clock
        self._well_s = float("-inf")
        self._delay_s = 0.0
        self._has_trial = False
        self._settled = asyncio.Event()
        self._settled.set()

    @property
    def stands(self) -> bool:
        """Whether an answer to some question leaves it open."""
        return self.phase is Phase.OPEN and self.sticky

    @property
    def on_trial(self) -> bool:
        """Whether the one question of its half-open time is on its way."""
        return self._has_trial

    def trip(
        self,
        failure: ModelFailure,
        *,
        began_s: float | None = None,
        soft: bool = False,
        sticky: bool = False,
        wanted: bool = True,
        rest_s: float = 0.0,
    ) -> None:
        """Open it, or leave it open after a look that went wrong: the next one is after 1 s, then doubled each time.

        `began_s` is when the call began that shows it: one from before the last good look shows nothing. `wanted`: somebody has
        work for it, so the looks stay at most 3 s apart, else 15 s. `rest_s` is the least time.
        """
        now_s = self._clock.monotonic_s()
        if began_s is not None and not self.is_news(began_s):
            return
        if self.phase is Phase.OPEN and now_s < self.due_s:  # many calls that end in one moment are one piece of news
            self.soft, self.sticky = self.soft and soft, self.sticky and sticky
            self.failure = failure if not soft else self.failure
            self.due_s = max(self.due_s, now_s + rest_s)
            return
        if self.phase is Phase.CLOSED:
            self.opens += 1
            self.since_s = now_s
        self.soft, self.sticky = soft, sticky
        self._turn(Phase.OPEN)
        self.failure = failure
        most_s = MOST_DELAY_WANTED_S if wanted else MOST_DELAY_S
        self._delay_s = min(most_s, max(FIRST_DELAY_S, self._delay_s * 2))
        self.due_s = now_s + max(self._delay_s, rest_s)
        self._end_trial()

    def failed_look(self, failure: ModelFailure, *, began_s: float, wanted: bool) -> None:
        """A look that began then went wrong: as soft and as sticky as before. A long one does not put off the next."""
        self.due_s = self._clock.monotonic_s()
        self.trip(failure, soft=self.soft, sticky=self.sticky, wanted=wanted)
        self.due_s = max(self._clock.monotonic_s(), began_s + self._delay_s)

    def is_news(self, began_s: float) -> bool:
        """Whether a call that began then can show anything: not one from before the last good look."""
        return began_s >= self._well_s

    def put_off(self, seconds: float) -> None:
        """Nobody needs to look before so many seconds have passed."""
        self.due_s = self._clock.monotonic_s() + seconds

    def hasten(self) -> None:
        """Let somebody look now."""
        if self.phase is Phase.OPEN:
            self.due_s = self._clock.monotonic_s()

    def want(self) -> bool:
        """Somebody has work for it: a look that is put off for long comes sooner; True where it does."""
        if self.phase is not Phase.OPEN or self._delay_s <= MOST_DELAY_WANTED_S:
            return False
        self.due_s = min(self.due_s, self._clock.monotonic_s() + MOST_DELAY_WANTED_S)
        self._delay_s = MOST_DELAY_WANTED_S
        return True

    def probed(self) -> None:
        """A look went well: the next question is the test."""
        if self.phase is Phase.OPEN:
            self._turn(Phase.HALF_OPEN)
            self.due_s = float("inf")
            self._well_s = self._clock.monotonic_s()

    def close(self) -> None:
        """All is well again."""
        self._turn(Phase.CLOSED)
        self.failure = None
        self.soft = self.sticky = False
        self._well_s = self._clock.monotonic_s()
        self.due_s = float("inf")
        self._delay_s = 0.0
        self._end_trial()

    def begin_trial(self) -> bool:
        """Whether the caller's question is the one that tries it. Such a caller has to call `end_trial` whatever happens."""
        if self.phase is not Phase.HALF_OPEN or self._has_trial:
            return False
        self._has_trial = True
        self._settled.clear()
        return True

    def end_trial(self) -> None:
        """The trial is over. Where it showed neither good nor bad, the next question tries again."""
        self._end_trial()

    async def settled(self) -> None:
        """Return once no trial is on its way."""
        await self._settled.wait()

    def _turn(self, phase: Phase) -> None:
        self.phase = phase
        self.is_closed = phase is Phase.CLOSED
        self.is_open = phase is Phase.OPEN

    def _end_trial(self) -> None:
        self._has_trial = False
        self._settled.set()


class BadAnswers:
    """The share of answers that are none (no JSON, another shape, no end) among the last of one model."""

    def __init__(self) -> None:
        self._seen: deque[bool] = deque(maxlen=WINDOW)
        self._bad = 0
        self._probation = 0

    @property
    def share(self) -> float:
        """Bad ones among the last, 0 to 1."""
        return self._bad / len(self._seen) if self._seen else 0.0

    def note(self, is_bad: bool) -> bool:
        """One more answer; True where there are so many bad ones that another model should be asked."""
        if not is_bad and not self._bad and not self._probation:
            if len(self._seen) < WINDOW:
                self._seen.append(False)
            return False
        if len(self._seen) == WINDOW and self._seen[0]:
            self._bad -= 1
        self._seen.append(is_bad)
        self._bad += is_bad
        if self._probation:
            self._probation -= 1
            if is_bad:
                return True
        return is_bad and self._bad >= MOST_BAD

    def begin_again(self) -> None:
        """Forget what was; for a while one bad answer is enough."""
        self._seen.clear()
        self._bad = 0
        self._probation = PROBATION

    def text(self) -> str:
        """What there is to say of it."""
        return f"{self._bad} of the last {len(self._seen)} answers were none"
