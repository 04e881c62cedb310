"""A process of its own that asks one question many times over a cache file; run by test_processes.py.

    python ask_child.py FOLDER URL COUNT LEASE_S

It prints its owner name, waits for a line on standard input, asks, and prints how its askers were answered.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from inference_parts import question

from leadd.api import CacheBackend, ModelFailure, Role, SystemClock
from leadd.builtin.memory import MemoryCache, MemoryConfig
from leadd.builtin.ollama import OllamaConfig, OllamaModel
from leadd.builtin.sqlite_cache import SqliteCache, SqliteCacheConfig
from leadd.inference import Inference, InferenceSettings, RolePlan
from leadd.testing.context import make_context


async def main(folder: Path, url: str, count: int, lease_s: float) -> None:
    clock = SystemClock()
    caches: list[CacheBackend] = [
        MemoryCache(MemoryConfig(), make_context(folder, clock)),
        SqliteCache(SqliteCacheConfig(), make_context(folder, clock)),
    ]
    model = OllamaModel(OllamaConfig(endpoint=url), make_context(folder, clock))
    for part in (*caches, model):
        await part.open()
    inference = Inference(
        {"ollama": model}, {Role.TRIAGE: RolePlan("ollama", "gemma3:1b", 2048)}, caches,
        settings=InferenceSettings(cache_lease_s=lease_s, cache_timeout_s=5.0), clock=clock, log=logging.getLogger("child"),
    )  # fmt: skip
    await inference.open()
    print(inference.owner, flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    found = await asyncio.gather(*(inference.ask(question()) for _ in range(count)), return_exceptions=True)
    ends = Counter(
        answer.kind.value if isinstance(answer, ModelFailure) else repr(answer)
        if isinstance(answer, BaseException) else answer.provenance.cache
        for answer in found
    )  # fmt: skip
    print(json.dumps({"ends": ends, "calls": inference.stats().roles[Role.TRIAGE].calls}), flush=True)
    await inference.close()
    for part in (*caches, model):
        await part.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4])))
