"""The measurements. Each does the same work by leadd and by the plain loop in turn, several times, and gives medians."""

from __future__ import annotations

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from benchmarks.instant import MODEL, InstantModel, make_context
from benchmarks.plain import PlainRun, http_asker, instant_asker, run_plain
from benchmarks.processes import MODELS, RunningDaemon, bare_start_s, daemon, fake_ollama, with_icp
from benchmarks.rig import PERFORMANCE, Run, run_through
from benchmarks.texts import make_drafts
from leadd.api import SignalDraft
from leadd.builtin.ollama import OllamaModel
from leadd.builtin.ollama.settings import OllamaConfig
from leadd.config.settings import Settings

SIGNALS, SIGNALS_FEW = "signals a minute", "signals a minute, 90% filtered"


@dataclass(frozen=True, slots=True)
class Size:
    """How much is done: signals, how often, and texts in a batch."""

    signals: int = 1000
    runs: int = 3
    texts: int = 1000
    rounds: int = 10


QUICK = Size(signals=20, runs=1, texts=10, rounds=2)


@dataclass(frozen=True, slots=True)
class Measure:
    """One figure. `leadd` and `plain` are medians, `ratio` is how many times better leadd is; None where there is no rival."""

    name: str
    unit: str
    leadd: float
    plain: float | None
    aim: float | None
    counts: Mapping[str, Any] = field(default_factory=dict)
    lower_is_better: bool = False

    @property
    def ratio(self) -> float | None:
        """How many times better than the plain loop."""
        if not self.plain or not self.leadd:
            return None
        return self.plain / self.leadd if self.lower_is_better else self.leadd / self.plain

    def as_dict(self) -> dict[str, Any]:
        """All of it as plain values."""
        return {**asdict(self), "ratio": self.ratio}


def instant(size: Size) -> list[Measure]:
    """leadd's own cost: a model of 0 ms inside the process."""
    kept, few = make_drafts(size.signals), make_drafts(size.signals * 4, wanted=0.1)
    return [
        _pipeline("instant: " + SIGNALS, kept, size, 30_000),
        _pipeline("instant: " + SIGNALS_FEW, few, size, 120_000),
        _pipeline(f"instant: {SIGNALS}, profile performance", kept, size, 30_000, PERFORMANCE),
        _pipeline(f"instant: {SIGNALS_FEW}, profile performance", few, size, 120_000, PERFORMANCE),
    ]


def ollama(size: Size) -> list[Measure]:
    """The same over HTTP: a fake Ollama of 0 ms in a process of its own, which takes its share of the machine."""
    found = []
    with fake_ollama() as url:
        for name, drafts in (
            ("ollama: " + SIGNALS, make_drafts(size.signals // 2)),
            ("ollama: " + SIGNALS_FEW, make_drafts(size.signals, wanted=0.1)),
        ):
            found.append(_over_http(name, drafts, size, url))
    return found


def batch(size: Size) -> list[Measure]:
    """The cached path: texts that were answered before, through the batch route of the daemon's own server.

    The plain loop sends one request a text over one connection that is kept, to the same daemon.
    """
    texts = [_as_request(draft) for draft in make_drafts(size.texts)]
    found = []
    with tempfile.TemporaryDirectory() as folder, fake_ollama() as url, daemon(Path(folder), _settings(url)) as running:
        with_icp(running)
        first = running.ask("POST", "/api/classify/signal/batch", texts)
        lines = b"".join(json.dumps(text).encode() + b"\n" for text in texts) * size.rounds
        array = json.dumps(texts * size.rounds).encode()
        runs: dict[str, list[float]] = {"ndjson": [], "json": [], "plain": []}
        for _ in range(size.runs):
            runs["ndjson"].append(_post(running, lines, "application/x-ndjson", size.texts * size.rounds))
            runs["json"].append(_post(running, array, "application/json", size.texts * size.rounds))
            runs["plain"].append(_one_by_one(running, texts))
        calls = running.ask("GET", "/api/classify/metrics")["ollama"]["counts"]
    counts = {
        "texts": size.texts * size.rounds, "distinct": size.texts, "answered_before": first["count"],
        "model_calls": sum(role["calls"] for role in calls.values()), "bytes_sent": len(lines),
    }  # fmt: skip
    for kind, shown in (("ndjson", "NDJSON"), ("json", "JSON array")):
        found.append(_against(f"batch: cached texts a minute, {shown}", "a minute", runs[kind], runs["plain"], 200_000, counts))
    return found


def process(size: Size) -> list[Measure]:
    """The daemon's process: from start to ready, resident memory at rest and after work."""
    ready: list[float] = []
    ready_cpu: list[float] = []
    rest: list[float] = []
    load: list[float] = []
    bare = [bare_start_s("import aiohttp.web, pydantic, sqlite3") for _ in range(size.runs)]
    drafts = make_drafts(size.signals)
    body = b"".join(json.dumps(_as_row(draft)).encode() + b"\n" for draft in drafts)
    settled = 0
    for _ in range(size.runs):
        with tempfile.TemporaryDirectory() as folder, fake_ollama() as url, daemon(Path(folder), _settings(url)) as running:
            ready.append(running.ready_s)
            ready_cpu.append(running.ready_cpu_s)
            time.sleep(1.0)
            rest.append(running.memory_mb())
            with_icp(running)
            running.stream("/api/ingest/signals?source=bench", body, "application/x-ndjson")
            peak = 0.0
            while (settled := sum(running.ask("GET", "/api/status")["outcomes"].values())) < len(drafts):
                peak = max(peak, running.memory_mb())
                time.sleep(0.05)
            load.append(max(peak, running.memory_mb()))
    counts = {"signals": settled}
    return [
        Measure("process: from start to ready", "s", statistics.median(ready), None, 1.0, lower_is_better=True),
        Measure(
            "process: CPU from start to ready (plain: importing aiohttp, pydantic, sqlite3)", "s",
            statistics.median(ready_cpu), statistics.median(bare), None, lower_is_better=True,
        ),
        Measure("process: memory at rest", "MB", statistics.median(rest), None, 80.0, lower_is_better=True),
        Measure("process: memory under load", "MB", statistics.median(load), None, None, counts, lower_is_better=True),
    ]  # fmt: skip


MEASURES: Mapping[str, Callable[[Size], list[Measure]]] = {
    "instant": instant, "ollama": ollama, "batch": batch, "process": process,
}  # fmt: skip


def _pipeline(name: str, drafts: Sequence[SignalDraft], size: Size, aim: float, settings: Settings | None = None) -> Measure:
    runs: list[Run] = []
    plain: list[PlainRun] = []
    for _ in range(size.runs):
        with tempfile.TemporaryDirectory() as folder:
            model = InstantModel(Path(folder))
            runs.append(asyncio.run(run_through(Path(folder), model, MODEL, drafts, settings)))
            plain.append(run_plain(Path(folder), instant_asker(InstantModel(Path(folder))), drafts))
    return _compared(name, runs, plain, drafts, aim)


def _over_http(name: str, drafts: Sequence[SignalDraft], size: Size, url: str) -> Measure:
    runs: list[Run] = []
    plain: list[PlainRun] = []
    parts = urlsplit(url)
    for _ in range(size.runs):
        with tempfile.TemporaryDirectory() as folder:
            model = OllamaModel(OllamaConfig(endpoint=url), make_context("ollama", Path(folder)))
            runs.append(asyncio.run(run_through(Path(folder), model, MODELS[0], drafts)))
            with http_asker(parts.hostname or "", parts.port or 0, MODELS[0]) as ask:
                plain.append(run_plain(Path(folder), ask, drafts))
    return _compared(name, runs, plain, drafts, None)


def _compared(
    name: str, runs: Sequence[Run], plain: Sequence[PlainRun], drafts: Sequence[SignalDraft], aim: float | None
) -> Measure:
    last = runs[-1]
    counts = {
        "signals": last.signals, "chars_each": round(sum(len(d.text) for d in drafts) / len(drafts)), "filtered": last.filtered,
        "leads": last.leads, "model_calls": last.calls, "commits": last.commits, "prompt_tokens": last.prompt_tokens,
        "output_tokens": last.output_tokens, "stored_bytes": last.stored_bytes, "plain_calls": plain[-1].calls,
        "plain_commits": plain[-1].commits, "plain_leads": plain[-1].leads,
    }  # fmt: skip
    return _against(name, "a minute", [r.per_minute for r in runs], [p.per_minute for p in plain], aim, counts)


def _against(
    name: str, unit: str, runs: Sequence[float], plain: Sequence[float], aim: float | None, counts: Mapping[str, Any]
) -> Measure:
    return Measure(name, unit, statistics.median(runs), statistics.median(plain), aim, counts)


def _settings(url: str) -> dict[str, Any]:
    roles = {"triage": {"model": MODELS[0]}, "classify": {"model": MODELS[1]}}
    return {
        "models": {"endpoint": url, "dossier": {"enabled": False}, **roles},
        "inference": {"slots": 8}, "sinks": {"leads": {"use": "jsonl"}},
    }  # fmt: skip


def _as_request(draft: SignalDraft) -> dict[str, Any]:
    return {
        "signal_text": draft.text, "source_type": draft.source_type, "source_url": draft.url, "title": draft.title,
        "company_name": draft.company, "location": draft.location,
    }  # fmt: skip


def _as_row(draft: SignalDraft) -> dict[str, Any]:
    return {
        "text": draft.text, "title": draft.title, "company": draft.company, "location": draft.location, "url": draft.url,
        "external_id": draft.external_id,
    }  # fmt: skip


def _post(running: RunningDaemon, body: bytes, kind: str, texts: int) -> float:
    """Texts a minute through the batch route. Raises RuntimeError where not every text was answered out of the cache."""
    began = time.perf_counter()
    data = running.stream("/api/classify/signal/batch", body, kind)
    seconds = time.perf_counter() - began
    cached = data.count(b'"cached":true') + data.count(b'"cached": true')
    if cached != texts:
        raise RuntimeError(f"{cached} of {texts} answers came from the cache")
    return texts / seconds * 60


def _one_by_one(running: RunningDaemon, texts: Sequence[Mapping[str, Any]]) -> float:
    connection = running.connect()
    began = time.perf_counter()
    try:
        for text in texts:
            connection.request("POST", "/api/classify/signal", json.dumps(text), {"Content-Type": "application/json"})
            json.loads(connection.getresponse().read())
    finally:
        connection.close()
    return len(texts) / (time.perf_counter() - began) * 60
