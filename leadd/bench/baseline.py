"""The earlier system on a server: one call for every text that its cache has not, five at once, two sizes of context."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from leadd.api import Clock, Icp
from leadd.bench.earlier import prompt_of
from leadd.bench.signals import BenchSignal

AT_ONCE = 5
CTX_SHORT, CTX_LONG = 4096, 8192
LONG_FROM_CHARS = 500
DOSSIER_FROM = 70
TEMPERATURE = 0.3
MAX_TOKENS = 512
TIMEOUT_S = 3600.0


@dataclass(slots=True)
class EarlierRun:
    """What a run of the earlier system came to. `leads` are keys of signals."""

    seconds: float = 0.0
    calls: int = 0
    prompt_tokens: int = 0
    output_tokens: int = 0
    slow_loads: int = 0
    failures: int = 0
    dossiers: int = 0
    leads: set[str] = field(default_factory=set)

    def cost(self) -> dict[str, int]:
        """What was asked and what it cost, as leadd counts it for a role."""
        return {
            "calls": self.calls, "prompt_tokens": self.prompt_tokens, "output_tokens": self.output_tokens, "early": 0,
            "failures": self.failures,
        }  # fmt: skip


class Earlier:
    """Asks as the earlier system did."""

    def __init__(self, url: str, model: str, icp: Icp, clock: Clock) -> None:
        self._url = url
        self._model = model
        self._icp = icp
        self._clock = clock
        self._cache: dict[str, dict[str, Any]] = {}

    async def run(self, signals: Sequence[BenchSignal], warmed: Callable[[], object] = lambda: None) -> EarlierRun:
        """Judge all signals. The model is loaded, `warmed` is called, and the clock starts. Dossiers are counted only."""
        run = EarlierRun()
        room = asyncio.Semaphore(AT_ONCE)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session:
            await self._post(session, {"model": self._model, "options": {"num_ctx": CTX_LONG}, "stream": False})
            warmed()
            began_s = self._clock.monotonic_s()

            async def judge(signal: BenchSignal) -> None:
                async with room:
                    answer = await self._answer(session, signal, run)
                self._count(run, signal, answer)

            await asyncio.gather(*map(judge, signals))
            run.seconds = self._clock.monotonic_s() - began_s
        return run

    async def _answer(self, session: aiohttp.ClientSession, signal: BenchSignal, run: EarlierRun) -> dict[str, Any]:
        key = hashlib.sha256(signal.text.encode("utf-8", "surrogatepass")).hexdigest()
        if key in self._cache:
            return self._cache[key]
        prompt = prompt_of(self._icp, signal.title, signal.company or "", signal.location or "", signal.text)
        window = CTX_LONG if len(signal.text) >= LONG_FROM_CHARS else CTX_SHORT
        options = {"num_ctx": window, "temperature": TEMPERATURE, "num_predict": MAX_TOKENS}
        body = {"model": self._model, "prompt": prompt, "format": "json", "stream": False, "options": options}
        reply = await self._post(session, body)
        run.calls += 1
        run.prompt_tokens += int(reply.get("prompt_eval_count", 0))
        run.output_tokens += int(reply.get("eval_count", 0))
        run.slow_loads += int(reply.get("load_duration", 0)) > 500_000_000
        answer = _parsed(reply.get("response", ""))
        if answer is None:
            run.failures += 1
            answer = {}  # an answer that cannot be read became score 0 there, and was kept
        self._cache[key] = answer
        return answer

    async def _post(self, session: aiohttp.ClientSession, body: dict[str, Any]) -> dict[str, Any]:
        async with session.post(f"{self._url}/api/generate", json=body) as response:
            reply: dict[str, Any] = await response.json()
        if response.status != 200:
            return {"response": "", "error": reply.get("error", "")}
        return reply

    def _count(self, run: EarlierRun, signal: BenchSignal, answer: dict[str, Any]) -> None:
        points = [answer.get(name) for name in ("score_fit", "score_pain", "score_data_quality")]
        if answer.get("icp_match") is True:
            run.leads.add(signal.key)
            run.dossiers += sum(p for p in points if isinstance(p, int)) >= DOSSIER_FROM


def _parsed(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
