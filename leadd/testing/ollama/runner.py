"""One loaded model: its window, its slots with their prefix caches, and who waits for a slot."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from leadd.testing.ollama.catalog import ModelInfo
from leadd.testing.ollama.errors import ApiError
from leadd.testing.ollama.tokens import common_prefix, count

REUSE_SHARE = 0.1
"""A slot is chosen for its prefix where it shares more than this part of the new prompt."""
DIED = (
    "model runner has unexpectedly stopped, this may be due to resource limitations or an internal error, "
    "check ollama server logs for details"
)


@dataclass(slots=True)
class Slot:
    """Room for one conversation; `text` is what its cache holds."""

    text: str = ""
    used: int = 0


@dataclass(frozen=True, slots=True)
class Wish:
    """What a request wants of a runner. `num_ctx` None leaves it to the server."""

    info: ModelInfo
    num_ctx: int | None = None
    options: tuple[tuple[str, object], ...] = ()
    shift: bool = True
    keep_alive: float | None = None


class Runner:
    """A loaded model. `refs` counts requests that hold it; `keep_s` is how long it stays after the last one."""

    def __init__(self, wish: Wish, num_ctx: int, slots: int, keep_s: float) -> None:
        self.info = wish.info
        self.wish = wish
        self.num_ctx = num_ctx
        self.keep_s = keep_s
        self.size = wish.info.loaded_size(num_ctx, slots)
        self.refs = 0
        self.expires_at_s: float | None = None
        self.dead = False
        self.gone = asyncio.Event()
        self.idle = asyncio.Event()
        self.idle.set()
        self.reaper: asyncio.Task[None] | None = None
        self._free = [Slot() for _ in range(slots)]
        self._waiting: deque[asyncio.Future[Slot]] = deque()
        self._uses = 0

    def needs_reload(self, wish: Wish, num_ctx: int, *, shift_reloads: bool) -> bool:
        """True where this request cannot use the runner as it is."""
        have, want = dict(self.wish.options), dict(wish.options)
        gpu = want.get("num_gpu")
        if isinstance(gpu, int) and gpu < 0:
            want.pop("num_gpu")
            have.pop("num_gpu", None)
        window_differs = not (self.wish.num_ctx is None and wish.num_ctx is None) and num_ctx != self.num_ctx
        return self.dead or have != want or window_differs or (shift_reloads and wish.shift != self.wish.shift)

    async def take(self, prompt: str) -> Slot:
        """A slot for this prompt: the free one that shares most of it, else the one unused longest; first come first served.

        Raises ApiError 500 where the runner dies meanwhile. Cancelling gives the place in the line back.
        """
        if not self._free:
            future: asyncio.Future[Slot] = asyncio.get_running_loop().create_future()
            self._waiting.append(future)
            try:
                slot = await future
            except asyncio.CancelledError:
                if future.done() and not future.cancelled() and future.exception() is None:
                    self.give(future.result())
                raise
            self._free.append(slot)
        if self.dead:
            raise ApiError(500, DIED, generating=True)
        self._uses += 1
        slot = self._choose(prompt)
        self._free.remove(slot)
        slot.used = self._uses
        return slot

    def give(self, slot: Slot) -> None:
        """Hand a slot back; the one who waits longest gets it."""
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_result(slot)
                return
        self._free.append(slot)

    def reused_tokens(self, slot: Slot, prompt: str, total: int, *, sliding: bool) -> int:
        """How many of the prompt's tokens the slot still has; at least one is always read."""
        shared = common_prefix(slot.text, prompt)
        if not shared:
            return 0
        cells = self.info.window_cells
        if sliding and cells and count(slot.text) > cells:
            return 0
        return min(total - 1, total * shared // len(prompt))

    def die(self) -> None:
        """The process is gone: whoever waits or works on it fails."""
        self.dead = True
        while self._waiting:
            future = self._waiting.popleft()
            if not future.done():
                future.set_exception(ApiError(500, DIED, generating=True))

    def _choose(self, prompt: str) -> Slot:
        if len(self._free) == 1:
            return self._free[0]
        shares = [(common_prefix(slot.text, prompt) / max(1, len(prompt)), slot) for slot in self._free]
        best = max(shares, key=lambda pair: pair[0])
        if best[0] > REUSE_SHARE:
            return best[1]
        return min(self._free, key=lambda slot: slot.used)
