"""The slots of one loaded model: who waits for one, and what each still knows of its last prompt."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from leadd.testing.ollama.tokens import common_prefix, count

REUSE_SHARE = 0.1
"""A slot is chosen for its prefix where it shares more than this part of the new prompt."""


@dataclass(slots=True)
class Slot:
    """Room for one answer; `text` is what its cache holds."""

    number: int
    text: str = ""
    used: int = 0
    busy: bool = False


class SlotPool:
    """First come, first served; the line has no end."""

    def __init__(self, slots: int) -> None:
        self.slots = [Slot(number) for number in range(slots)]
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._uses = 0

    @property
    def waiting(self) -> int:
        """Questions without a slot."""
        return len(self._waiting)

    async def take(self, prompt: str) -> Slot:
        """A slot for this prompt: the free one that shares most of it, else the one unused longest."""
        while not any(not slot.busy for slot in self.slots):
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            try:
                await future
            except asyncio.CancelledError:
                if future.done() and not future.cancelled():
                    self._call_next()
                raise
        free = [slot for slot in self.slots if not slot.busy]
        shares = {slot.number: common_prefix(slot.text, prompt) for slot in free}
        best = max(free, key=lambda slot: shares[slot.number])
        if shares[best.number] <= REUSE_SHARE * len(prompt):
            best = min(free, key=lambda slot: slot.used)
        self._uses += 1
        best.used, best.busy = self._uses, True
        return best

    def give(self, slot: Slot) -> None:
        """Give a slot back."""
        slot.busy = False
        self._call_next()

    @staticmethod
    def reused_tokens(slot: Slot, prompt: str, tokens: int) -> int:
        """How many tokens of a prompt the slot need not read again; the last one is always read."""
        return min(max(0, tokens - 1), count(prompt[: common_prefix(slot.text, prompt)]))

    def _call_next(self) -> None:
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(None)
                return
