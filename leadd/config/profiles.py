"""Three sets of defaults for three kinds of machine. Each value says why it differs from the usual one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Choice:
    """One value of a profile and its reason."""

    key: str
    value: Any
    why: str


PROFILES: Mapping[str, tuple[Choice, ...]] = {
    "default": (),
    "performance": (
        Choice("inference.slots", 16, "a strong machine may answer many at once; set OLLAMA_NUM_PARALLEL=4 or more beside it"),
        Choice("pipeline.in_flight", 64, "enough signals under way that no slot ever waits for the prefilter"),
        Choice("pipeline.batch", 256, "fewer and larger turns: one commit carries more signals"),
        Choice("store.readers", 6, "lists and searches do not wait for each other"),
        Choice("cache.max_entries", 20_000, "memory is plenty: most repeats are answered without a look at the disk"),
        Choice("inference.health_every_s", 60, "a server that goes away is noticed within a minute"),
        Choice("control.http.max_connections", 256, "scripts may send many batches at one time"),
    ),
    "constrained": (
        Choice("inference.slots", 1, "a slow machine answers one question at a time; a second would only wait inside Ollama"),
        Choice("pipeline.in_flight", 8, "few texts in memory at one time, yet enough for one change of model"),
        Choice("inference.details_from", 101, "prose is left to the dossier: a slow model writes it for the best leads only"),
        Choice("pipeline.batch", 16, "short turns leave the processor to the person at the machine"),
        Choice("cache.tiers", [{"use": "sqlite"}], "answers on disk only; memory belongs to the model"),
        Choice("store.readers", 1, "each reader keeps a page cache of its own"),
        Choice("inference.idle_s", 300, "a slow processor may read a long text for minutes before the first word"),
        Choice("inference.total_s", 900, "900 tokens at three tokens a second are 300 s, and a dossier is longer"),
        Choice("inference.load_s", 900, "a model of 3.3 GB from a slow disk, with other programs pushed out of memory"),
        Choice("pipeline.lease_s", 2400, "must exceed inference.total_s + inference.load_s"),
        Choice("inference.health_every_s", 900, "fewer wake-ups while there is nothing to do"),
        Choice("control.http.max_connections", 16, "one person and one browser"),
        Choice("log.file_mb", 2, "small disks"),
    ),
    "production": (
        Choice("models.without_model", "wait", "several people read the leads: none is judged without a language model"),
        Choice("inference.health_every_s", 60, "a server that goes away is noticed within a minute"),
        Choice("pipeline.max_attempts", 12, "a text that models stumble over gets more chances before someone has to look"),
        Choice("pipeline.batch", 128, "one commit carries more signals"),
        Choice("pipeline.in_flight", 32, "enough signals under way that no slot waits"),
        Choice("cache.max_entries", 5000, "more repeats are answered without a look at the disk"),
        Choice("store.readers", 4, "several people look at lists at one time"),
        Choice("daemon.grace_s", 30, "an answer that is nearly done is not thrown away when the service restarts"),
        Choice("control.http.max_connections", 128, "several people and their scripts"),
    ),
}
"""By name. Several instances share answers once `redis` (plugin leadd-redis) stands in `cache.tiers`: no profile can know its
address."""
