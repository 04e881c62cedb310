"""How many tokens a call may take, and how many characters of a text that is, by what a model's own counts have shown.

The budget shapes what is shown of a text, and so the cache key: it must not wander from call to call. So characters per token
move in steps of a quarter, and only where many counts agree that the step in force is far off.
"""

from __future__ import annotations

import re
import statistics
from collections import deque
from collections.abc import Iterable

import regex

USUAL_CHARS_PER_TOKEN = 3.5
"""Before anything is known of a model: between English (4 to 5) and the longer words of its neighbours (3)."""

STEP = 0.25
OBSERVATIONS = 12
"""Counts that have to be there before the step may change for the first time."""
WINDOW = 48
"""Counts that have to be there before it changes once more."""
HYSTERESIS = 0.15
"""How far off the counts must be, as a share of the step in force."""

_LEAST, _MOST = 1.0, 8.0
_LEAST_TOKENS = 40
_LEAST_TEXT_CHARS = 240
_SHARE_OF_WINDOW = 0.75
_SMALL_SLIDING = 900
_SLIDING = 1400
_TEMPLATE_TOKENS = 24
_GEMMA3 = re.compile(r"gemma[-_.]?3(?P<n>n)?(?![0-9])")
_TINY = re.compile(r"(?<![0-9.])(?:1b|270m)(?![0-9a-z])")
_WIDE = regex.compile(r"[\u0370-\u1fff]")
_WIDEST = regex.compile(r"[\u2e80-\ud7ff\uf900-\uffef\U00010000-\U0010ffff]")


class CharsPerToken:
    """Characters per token of one model (one digest), learnt from the counts of its prompts.

    `value` is what budgets are made with: a multiple of `STEP`, the same from call to call until enough counts say that it is
    more than `HYSTERESIS` off: `OBSERVATIONS` of them at first, `WINDOW` of them ever after. Counts that cannot be true (a
    server that leaves out what it had in its cache, a prompt that was cut) are passed over; the median is robust against
    the rest.
    """

    def __init__(self, value: float = USUAL_CHARS_PER_TOKEN) -> None:
        self._value = _step(value)
        self._seen: deque[float] = deque(maxlen=WINDOW)
        self._noted = 0
        self._needed = OBSERVATIONS

    @property
    def value(self) -> float:
        """Characters per token in force, in `latin_chars`."""
        return self._value

    @property
    def observations(self) -> int:
        """How many counts have been believed since the start."""
        return self._noted

    def note(self, texts: Iterable[str], prompt_tokens: int) -> None:
        """One call: the contents of all its messages, and the server's count of the prompt (0: it did not count)."""
        if prompt_tokens < _LEAST_TOKENS:
            return
        ratio = sum(map(latin_chars, texts)) / prompt_tokens
        if not _LEAST <= ratio <= _MOST:
            return
        self._seen.append(ratio)
        self._noted += 1
        if len(self._seen) < self._needed:
            return
        median = statistics.median(self._seen)
        self._needed = WINDOW
        if abs(median - self._value) > HYSTERESIS * self._value:
            self._value = _step(median)
            self._seen.clear()

    def restore(self, value: float) -> None:
        """Take up what an earlier run had learnt (`value` of then); nonsense is passed over."""
        if _LEAST <= value <= _MOST:
            self._value = _step(value)
            self._seen.clear()
            self._needed = WINDOW


def latin_chars(text: str) -> int:
    """Characters of a text counted as Latin ones: those of other scripts take more tokens, and count two or three."""
    if text.isascii():
        return len(text)
    return len(text) + len(_WIDE.findall(text)) + 2 * len(_WIDEST.findall(text))


def reuse_limit(model: str, num_ctx: int, answer_cap: int = 0) -> int:
    """The soft total of tokens (prompt and answer) of one call, under which the server can use again what it has read.

    Gemma 3 reads most layers through a sliding window (512 tokens for 1b and 270m, 1024 for the others) and keeps little more
    than that: a longer prompt is read from its beginning every time. Other models: three quarters of the window, so that an
    answer longer than expected still fits. Never above `num_ctx - answer_cap`.
    """
    total = int(num_ctx * _SHARE_OF_WINDOW)
    name = model.lower().rsplit("/", 1)[-1] if "gemma" in model.lower().rsplit("/", 1)[-1] else model.lower()
    found = _GEMMA3.search(name)
    if found:
        total = min(total, _SMALL_SLIDING if found["n"] or _TINY.search(name) else _SLIDING)
    return max(1, min(total, num_ctx - answer_cap))


def text_budget_chars(
    constant_chars: int, answer_tokens: int, chars_per_token: float, limit_tokens: int, ceiling_chars: int
) -> int:
    """Characters (as `latin_chars`) that a text may have in a prompt.

    `constant_chars` is all that stands around it, `answer_tokens` what the answer is expected to take, `limit_tokens` the soft
    total of the call (0: no limit), `ceiling_chars` what is worth reading at all. Never under 240, so that there is
    always something to judge: the limit is a soft one, and the window itself is larger.
    """
    if limit_tokens <= 0:
        return ceiling_chars
    left = (limit_tokens - answer_tokens - _TEMPLATE_TOKENS) * chars_per_token - constant_chars
    return max(min(_LEAST_TEXT_CHARS, ceiling_chars), min(ceiling_chars, int(left)))


def _step(value: float) -> float:
    """The step at or below a value: fewer characters are the careful side."""
    return max(_LEAST, int(value / STEP) * STEP)
