"""How large a call is beside others of its kind, so that a long text is not taken for a slow server."""

from __future__ import annotations

import math

from leadd.api import Usage

PRIOR = 0.4
"""How firmly the first guess of a slope is held, as a sum of squares: about ten calls of ordinary variety."""
MEMORY = 0.995
SLOWEST = 0.02


def kind_of(usage: Usage) -> int:
    """Calls are compared only with those whose answers are about as long: none (vectors), a word, some, a whole answer."""
    return 0 if usage.output_tokens <= 0 else 1 if usage.output_tokens <= 8 else 2 if usage.output_tokens <= 64 else 3


class Slope:
    """How much longer a call takes where it is larger: the exponent, learned by least squares on logarithms."""

    def __init__(self) -> None:
        self._count = 0
        self._mean = 0.0
        self._xx = 0.0
        self._xy = 0.0

    def centred(self, size: int) -> float:
        """Logarithm of a size beside the mean so far."""
        self._count += 1
        value = math.log(max(1, size))
        self._mean += max(1 / self._count, SLOWEST) * (value - self._mean)
        return value - self._mean

    def exponent(self, guess: float) -> float:
        """The exponent, between 0 and 4; a prompt whose beginning is cached grows faster than its length."""
        return min(4.0, max(0.0, (self._xy + PRIOR * guess) / (self._xx + PRIOR)))

    def learn(self, x: float, rest: float) -> None:
        """Take in one call: its centred size, and the logarithm of its time beside what others took."""
        self._xx = MEMORY * self._xx + x * x
        self._xy = MEMORY * self._xy + x * rest


class Kind:
    """What calls of one kind have in common: their mean sizes, how time grows with size, and how much it varies."""

    def __init__(self) -> None:
        self.variance = 0.09
        self._seen = 6.0
        self._prompt = Slope()
        self._output = Slope()
        self._prompt_ms = 0.0
        self._output_ms = 0.0
        self._count = 0
        self._last = (0.0, 0.0)

    @property
    def reading_share(self) -> float:
        """The part of the time that goes into reading the prompt."""
        whole = self._prompt_ms + self._output_ms
        return self._prompt_ms / whole if whole > 0 else 0.3

    def size(self, usage: Usage) -> float:
        """Logarithm of how much work a call was, beside the mean of its kind."""
        self._count += 1
        rate = max(1 / self._count, SLOWEST)
        self._prompt_ms += rate * (usage.prompt_ms - self._prompt_ms)
        self._output_ms += rate * (usage.output_ms - self._output_ms)
        self._last = self._prompt.centred(usage.prompt_tokens), self._output.centred(usage.output_tokens)
        reading, writing = self._parts()
        return reading + writing

    def learn(self, unexplained: float, rest: float) -> None:
        """Learn from the call whose size was asked for last: what is unexplained with and without its size (logarithms)."""
        self._seen = min(60.0, self._seen + 1)
        self.variance += (min(1.5, abs(unexplained)) ** 2 - self.variance) / self._seen
        rest = min(1.5, max(-1.5, rest))
        reading, writing = self._parts()
        self._prompt.learn(self._last[0], rest - writing)
        self._output.learn(self._last[1], rest - reading)

    def _parts(self) -> tuple[float, float]:
        share = self.reading_share
        return self._prompt.exponent(share) * self._last[0], self._output.exponent(1 - share) * self._last[1]
