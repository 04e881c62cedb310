"""The machine that a bench pretends to run on: stated rates, and how many real seconds one of its seconds takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from leadd.testing.ollama import LAPTOP, Limits, Speeds

SMALL, LARGE = "gemma3:1b", "gemma3:4b"
LARGE_SHARE = 0.25
"""What the large model does in the time in which the small one does 1."""
NO_LOGPROBS = "0.9.3"
"""A version of the server that gives no log-probabilities."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A server and its machine.

    `slots` answers at a time for each model share one processor. `prefill_tps` and `decode_tps` are those of the small model,
    in tokens a second; 0: takes no time. `scale` real seconds are one second of the server; `version` is the server's.
    """

    slots: int = 2
    version: str = "0.33.1"
    scale: float = 0.5
    prefill_tps: float = LAPTOP.prefill_tps
    decode_tps: float = LAPTOP.decode_tps
    overhead_ms: float = LAPTOP.overhead_ms
    load_ms: float = LAPTOP.load_ms
    load_ms_per_gb: float = LAPTOP.load_ms_per_gb
    memory_gb: float | None = None
    max_loaded: int = 3

    def with_changes(self, **changes: Any) -> Machine:
        """The same machine with some values replaced."""
        return replace(self, **changes)

    def instant(self) -> Machine:
        """The same server on a machine on which nothing takes any time."""
        timeless = {"prefill_tps": 0.0, "decode_tps": 0.0, "overhead_ms": 0.0, "load_ms": 0.0, "load_ms_per_gb": 0.0}
        return replace(self, **timeless, scale=1.0, slots=16)  # type: ignore[arg-type]

    def speeds(self) -> Speeds:
        """The speeds of every model."""
        small = Speeds(self.load_ms, self.load_ms_per_gb, self.prefill_tps, self.decode_tps, self.overhead_ms)
        large = small.with_changes(prefill_tps=self.prefill_tps * LARGE_SHARE, decode_tps=self.decode_tps * LARGE_SHARE)
        return replace(small, models={LARGE: large})

    def limits(self) -> Limits:
        """The server's own settings."""
        return Limits(slots=self.slots, max_loaded=self.max_loaded, memory_gb=self.memory_gb)

    def reading_s(self, tokens: Mapping[str, int]) -> float:
        """Seconds of the processor for reading so many tokens of each model."""
        return sum(n / speed.prefill_tps for n, speed in self._each(tokens) if speed.prefill_tps)

    def writing_s(self, tokens: Mapping[str, int]) -> float:
        """Seconds of the processor for writing so many tokens of each model."""
        return sum(n / speed.decode_tps for n, speed in self._each(tokens) if speed.decode_tps)

    def _each(self, tokens: Mapping[str, int]) -> list[tuple[int, Speeds]]:
        speeds = self.speeds()
        return [(count, speeds.of(model)) for model, count in tokens.items()]

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain values."""
        return asdict(self)

    def told(self) -> str:
        """What is stated, in one line for the report."""
        return (
            f"Ollama {self.version}, {self.slots} slots a model on one processor; {SMALL} reads {self.prefill_tps:,.0f} "
            f"and writes {self.decode_tps:,.0f} tokens a second, {LARGE} a quarter of that; {self.overhead_ms:g} ms a call; "
            f"{self.load_ms:g} ms and {self.load_ms_per_gb:g} ms a GB for a load; a common beginning of prompts is read once "
            "while the model's sliding window holds it"
        )
