"""What all handlers of one fake server share."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field

from leadd.api import Clock
from leadd.testing.ollama.faults import Fault
from leadd.testing.ollama.state import State
from leadd.testing.ollama.stats import Stats
from leadd.testing.ollama.timing import Compute, Speeds
from leadd.testing.openai.refusals import Refused, refusal
from leadd.testing.openai.served import Served
from leadd.testing.openai.slots import SlotPool

BUILD = "b6730-d00cbea63"
VLLM_VERSION = "0.19.1"
QUIRKS = frozenset({
    "no_done", "no_usage", "no_timings", "no_logprobs", "no_json_schema", "no_response_format", "no_stream_options",
    "refuses_logprobs", "no_index", "not_normalised", "pings", "crlf", "no_status_paths", "other_owner",
})  # fmt: skip
"""Ways in which servers of this kind differ that are not a fault: see FakeOpenAI."""


@dataclass(slots=True)
class House:
    """One server: its settings and its parts. `judge` answers questions as the fake Ollama does, out of the same parts."""

    flavour: str
    judge: State
    models: dict[str, Served]
    num_ctx: int
    slots: int
    api_key: str = ""
    embeddings: bool = False
    quirks: frozenset[str] = frozenset()
    split: random.Random | None = None
    pools: dict[str, SlotPool] = field(default_factory=dict)
    loading: bool = False
    load_lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    served_ids: Counter[str] = field(default_factory=Counter)

    @property
    def clock(self) -> Clock:
        return self.judge.clock

    @property
    def stats(self) -> Stats:
        return self.judge.stats

    @property
    def speeds(self) -> Speeds:
        return self.judge.speeds

    @property
    def compute(self) -> Compute:
        return self.judge.compute

    @property
    def created(self) -> int:
        """Seconds since 1970, as these servers write them."""
        return self.clock.now_ms() // 1000

    def has(self, quirk: str) -> bool:
        return quirk in self.quirks

    def take_fault(self, kinds: frozenset[str], endpoint: str, model: str, role: str) -> Fault | None:
        """The failure that is due for this request, counted; None where none is."""
        fault = self.judge.faults.take(kinds, endpoint, model, role)
        if fault is not None:
            self.stats.faults[fault.kind] += 1
        return fault

    def refused(self, status: int, message: str, *, kind: str = "", param: str | None = None) -> Refused:
        """An error in this server's shape."""
        return refusal(self.flavour, status, message, kind=kind, param=param)

    def find(self, name: str) -> Served | None:
        """The model of an id or another name of it, letter by letter."""
        for model in self.models.values():
            if name == model.id or name in model.aliases:
                return model
        return None

    def is_loaded(self, model: Served) -> bool:
        """True where the model is in memory: always, but in LM Studio, which loads at the first question."""
        return self.flavour != "lmstudio" or model.id in self.pools

    def pool(self, model: Served) -> SlotPool:
        """The slots of a model."""
        return self.pools.setdefault(model.id, SlotPool(self.slots))
