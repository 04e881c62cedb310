"""A small house for the control server: real events, real settings, real sockets; the core answers by rule."""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest

from leadd.api import LeaddError, NeedsAttention, Problem, Receipt, Reject, Role, SignalDraft
from leadd.config.loading import Loaded
from leadd.config.paths import Paths
from leadd.config.settings import Settings
from leadd.control.call import Limits
from leadd.control.server import ControlServer
from leadd.core.asking import ClassifyRequest, ClassifyResult
from leadd.core.events import EventBus
from leadd.core.expansions import InForce
from leadd.core.finder import Found
from leadd.core.intake import Accepted
from leadd.core.prompts.arms import Arms
from leadd.core.prompts.experiments import Experiments
from leadd.core.prompts.improving import Improver
from leadd.core.prompts.prompt_cases import Trials
from leadd.core.prompts.prompt_desk import PromptDesk
from leadd.core.prompts.prompt_lab import PromptLab
from leadd.core.sources import SourceStatus
from leadd.core.training.training import Training
from leadd.core.training.tuning import Step
from leadd.inference import Availability, InferenceStats, RoleStats
from leadd.learn.words.expansion import expand
from leadd.prompting import PromptBook, PromptInfo, PromptProblem, Reload, packaged_folder
from leadd.registry.records import InstanceRecord, InstanceState, PluginRecord
from leadd.store.errors import NotFound, StoreUnavailable
from leadd.store.rows import Counts, Page


class HandClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.ms = 1_700_000_000_000

    def now_ms(self) -> int:
        return self.ms

    def monotonic_s(self) -> float:
        return self.ms / 1000

    async def sleep(self, seconds: float) -> None:
        self.ms += int(seconds * 1000)
        await asyncio.sleep(0)


class NobodyNear:
    """Finds no lead."""

    async def search(self, text: str, limit: int = 50) -> Found:
        return Found((), "words", reason="there are no vectors")

    async def similar(self, lead_id: int, limit: int = 20) -> Found:
        return Found((), "words", reason="there are no vectors")


class TableOnly:
    """Spells ICPs out by the shipped table."""

    async def shown(self, icp_id: int, *given: object, again: bool = False) -> InForce:
        return InForce(expand("companies that hire a marketer"))

    expand = edit = reset = shown

    def waits_for(self) -> str:
        return "there is no language model"


class NoExamples:
    """Verdicts that nobody has given."""

    async def examples(self, *, icp: str | None = None, with_contacts: bool = False) -> AsyncGenerator[Any, None]:
        for example in ():
            yield example


class NoTuning:
    """Has no verdicts to learn from."""

    async def run(
        self, role: Role, *, name: str = "", most: int = 8, adapter: Path | None = None
    ) -> AsyncGenerator[Step, None]:
        yield Step("examples", f"{most} examples for {role.value}", most)
        raise NeedsAttention("there are too few verdicts", hint="leadd review")

    async def undo(self, role: Role) -> str:
        raise NeedsAttention(f"{role.value} is played by no tuned model")


@dataclass
class RuleCore:
    """Answers by rule: 'no …' is filtered, 'late …' waits for the gate, 'bad …' is refused, 'bug …' raises, else a lead."""

    clock: HandClock
    at_once: int = 8
    stored: list[tuple[str, SignalDraft]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    commits: int = 0
    fail_commit: int | None = None
    called: list[tuple[Any, ...]] = field(default_factory=list)
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    peak: int = 0
    under_way: int = 0
    pulled: int = 0
    sink_error: Exception | None = None
    verdicts: Any = None
    finder: Any = field(default_factory=lambda: NobodyNear())
    training: Any = field(default_factory=lambda: NoExamples())
    tuning: Any = field(default_factory=lambda: NoTuning())
    expanding: Any = field(default_factory=lambda: TableOnly())

    def __post_init__(self) -> None:
        self.events = EventBus(self.clock)
        self.profiles = SimpleNamespace(stand_in=None, current=())
        self.seen: set[str] = set()

    async def classify(self, request: ClassifyRequest) -> ClassifyResult:
        text = request.signal_text
        if text.startswith("bug"):
            raise RuntimeError("secret-traceback-text")
        if text.startswith("full"):
            raise StoreUnavailable("disk full")
        if not text.strip() or text.startswith("bad"):
            raise Reject("there is no text in it")
        if text.startswith("late"):
            self.under_way += 1
            await self.gate.wait()
        if text.startswith("no "):
            return ClassifyResult("filtered", method="rule", signal_id=1, reasons=("no keyword",))
        cached = text in self.seen
        self.seen.add(text)
        return ClassifyResult(
            "ok", icp_match=True, total_score=81, score_bucket="red_hot", classification={"icp_match": True},
            company_id=3, lead_id=7, created_lead=not cached, cached=cached, method="model", signal_id=11, icp="demo",
            reasons=("says 'looking for'",),
        )  # fmt: skip

    async def classify_many(
        self, requests: Iterable[ClassifyRequest] | AsyncIterator[ClassifyRequest]
    ) -> AsyncIterator[tuple[int, ClassifyResult]]:
        source = _each(requests)
        tasks: dict[asyncio.Task[ClassifyResult], int] = {}
        coming: asyncio.Task[ClassifyRequest] | None = None
        place, more = 0, True
        try:
            while more or tasks:
                if more and coming is None and len(tasks) < self.at_once:
                    coming = asyncio.ensure_future(anext(source))
                wanted = {*tasks, *([coming] if coming else [])}
                done, _ = await asyncio.wait(wanted, return_when=asyncio.FIRST_COMPLETED)
                if coming in done:
                    try:
                        request = coming.result()
                    except StopAsyncIteration:
                        more = False
                    else:
                        self.pulled += 1
                        tasks[asyncio.ensure_future(self._one(request))] = place
                        place += 1
                        self.peak = max(self.peak, len(tasks))
                    coming = None
                for task in done & set(tasks):
                    yield tasks.pop(task), task.result()
        finally:
            for task in [*tasks, *([coming] if coming else [])]:
                task.cancel()
            await asyncio.gather(*tasks, *([coming] if coming else []), return_exceptions=True)

    async def _one(self, request: ClassifyRequest) -> ClassifyResult:
        try:
            return await self.classify(request)
        except LeaddError as error:
            return ClassifyResult("error", error=str(error))

    async def ingest(
        self, drafts: Sequence[SignalDraft], *, source: str = "inbox", problems: Sequence[Problem] = ()
    ) -> Accepted:
        if self.fail_commit is not None and self.commits >= self.fail_commit:
            raise StoreUnavailable("disk full")
        self.commits += 1
        known = {draft.text for _, draft in self.stored}
        ids: list[int | None] = []
        refused: list[Problem] = []
        repeats = 0
        for draft in drafts:
            if draft.text.startswith("bad"):
                ids.append(None)
                refused.append(Problem("somewhere", "the core refused it"))
                continue
            repeats += draft.text in known
            if draft.text not in known:
                self.stored.append((source, draft))
                known.add(draft.text)
            ids.append(len(self.stored))
        self.problems += [*problems, *refused]
        new = sum(i is not None for i in ids) - repeats
        return Accepted(tuple(ids), new, repeats, (*problems, *refused))

    async def icps_changed(self) -> None:
        self.called.append(("icps_changed",))

    async def clear_cache(self) -> int:
        self.seen.clear()
        return 5

    async def reuse_figures(self) -> list[Any]:
        return []

    async def promises(self, *, closely: bool = True) -> list[Any]:
        return []

    @property
    def traffic(self) -> RuleCore:
        return self

    @property
    def kept(self) -> RuleCore:
        return self

    async def why(self, signal_id: int) -> list[dict[str, Any]] | None:
        return None

    async def saved(self, now_ms: int) -> dict[str, Any]:
        return {"hours": 24, "answers": 0, "calls_saved": 0, "share_percent": None, "by_class": {}}

    async def rejudge(self, method: str = "evidence") -> int:
        self.called.append(("rejudge", method))
        return 4

    async def judge_signal(self, signal_id: int, verdict: str, note: str = "", *, by: str, icp: str | None) -> Any:
        self.called.append(("judge_signal", signal_id, verdict, note, by, icp))
        return await self.verdicts.judge_signal(signal_id, verdict, note, by=by, icp=icp)

    async def retry_held(self, ids: Sequence[int] | None = None) -> int:
        self.called.append(("retry_held", ids))
        return 2

    def source_statuses(self) -> list[SourceStatus]:
        return [SourceStatus("inbox", "inbox", "ready"), SourceStatus("broken", "folder", "failed_config", "no path")]

    def poll_now(self, name: str) -> bool:
        return self._did("poll", name)

    def pause(self, name: str) -> bool:
        return self._did("pause", name)

    def resume(self, name: str) -> bool:
        return self._did("resume", name)

    def _did(self, what: str, name: str) -> bool:
        self.called.append((what, name))
        return name == "inbox"

    async def sink_statuses(self) -> list[Any]:
        return [
            SimpleNamespace(
                name="out", use="jsonl", state="ready", reason="", hint="", min_bucket="nurture",
                guarantee="idempotent", counts={"delivered": 3},
            )
        ]  # fmt: skip

    async def test_sink(self, name: str) -> Receipt | None:
        if self.sink_error is not None:
            raise self.sink_error
        return Receipt("ref-1", "reached") if name == "out" else None

    def wake_sinks(self) -> None:
        self.called.append(("wake_sinks",))


async def _each(requests: Iterable[ClassifyRequest] | AsyncIterator[ClassifyRequest]) -> AsyncIterator[ClassifyRequest]:
    if isinstance(requests, AsyncIterator):
        async for request in requests:
            yield request
    else:
        for request in requests:
            yield request


class BareDatabase:
    """A database whose probe can be made to fail or to hang."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.hangs = False

    async def probe(self) -> None:
        if self.hangs:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error

    def figures(self) -> Mapping[str, float]:
        return {"commits": 2, "writes": 9, "wal_bytes": 4096, "max_group": 5, "last_commit_ms": 1.5, "failures": 0}


class Empty:
    """A repository without rows: lists are empty, anything else is not found."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        async def call(*args: Any, **named: Any) -> Any:
            if name == "list":
                return [] if not named and not args else Page(())
            if name == "counts":
                return Counts({"new": 1}, {"held": 2}, {}, 3, 1_700_000_000_000)
            if name.startswith("undo"):
                raise NotFound("there is no verdict to take back")
            if name in (
                "search", "problems", "timeline", "for_signal", "undecided_leads", "near_thresholds", "audited", "counting",
                "groups",
            ):  # fmt: skip
                return []
            if name in ("companies_judged", "present_scores"):
                return {}
            if name in ("bucket_counts", "counts_by_sink"):
                return {"warm": 1} if name == "bucket_counts" else {"out": {"dead": 1}}
            return None

        return call


class NoPrompts:
    async def list(self, name: str | None = None) -> list[Any]:
        return []

    async def others(self, *values: Any) -> list[str]:
        return []

    async def seen(self, *values: Any) -> bool:
        return True


class BareStore:
    def __init__(self) -> None:
        self.db = BareDatabase()
        for name in (
            "signals",
            "judgements",
            "icps",
            "leads",
            "dossiers",
            "outbox",
            "verdicts",
            "review",
            "schedule",
            "experiments",
        ):
            setattr(self, name, Empty())
        self.prompts = NoPrompts()


class FixedInference:
    def digests_of(self, role: Role) -> frozenset[str]:
        return frozenset()

    def availability(self, role: Role) -> Availability:
        return Availability(False, None, "switched off by the test")

    def stats(self) -> InferenceStats:
        triage = RoleStats(asked=10, hits=6, shared=1, misses=3, calls=4, answers=3, failures={"timeout_idle": 1})
        return InferenceStats(
            roles={Role.TRIAGE: triage},
            evidence={Role.TRIAGE: RoleStats(asked=2, misses=2, answers=2)},
            in_flight=1,
            waiting=2,
        )

    def health(self) -> list[dict[str, Any]]:
        return [{"name": "ollama", "reachable": True, "reason": "", "latency_ms": 3.5, "models": {"gemma3:1b": "abc"}}]

    async def cache_export(self) -> AsyncIterator[dict[str, Any]]:
        yield {"key": "model.triage.abc", "left_s": None, "value": "{}"}

    async def cache_import(self, row: Mapping[str, Any]) -> None:
        raise ValueError("nothing is believed here")

    async def cache_stats(self) -> list[dict[str, Any]]:
        return [
            {"name": "memory", "entries": 4, "hits": 6, "misses": 3, "max_entries": 1000, "size_bytes": 2048, "ttl_s": None}
        ]


@dataclass
class SmallHouse:
    """All that control uses of a daemon."""

    home: Path
    settings: Settings
    clock: HandClock = field(default_factory=HandClock)
    state: str = "running"
    started_at_ms: int = 1_700_000_000_000

    def __post_init__(self) -> None:
        self.paths = Paths.under(self.home)
        self.loaded = Loaded(self.settings, {}, ("a warning",), None, self.paths)
        self.core = RuleCore(self.clock)
        self.store: Any = BareStore()
        self.inference = FixedInference()
        self.prompts = SimpleNamespace(
            in_force=lambda: {"triage": PromptInfo("triage", 1, "ab12cd34" * 8, "triage.yaml", True)}
        )
        self.open_prompts([packaged_folder()])
        self.registry = SimpleNamespace(
            records=[PluginRecord("builtin", "leadd.builtin", "0.1.0", provides={"sources": ["inbox"]})],
            instances={"source:inbox": InstanceRecord("inbox", "source", "inbox", InstanceState.READY)},
        )
        self.stopped: list[str] = []
        self.complaints: list[dict[str, str]] = []
        self.steps: list[tuple[str, int, int] | Exception] = [("pulling manifest", 0, 0), ("pulling ab12", 5, 10)]
        self.asked_for: list[str] = []
        self.pull_ended = asyncio.Event()
        self.reload = Reload(True, {"triage": "triage@1 (ab12cd34)"}, changes=("triage: 1 → 2",))

    def open_prompts(self, folders: Sequence[Path], store: Any = None) -> None:
        """The real desk over real prompt files; `store` keeps what ran."""
        trials = Trials(folders)
        book = PromptBook(folders, gate=trials.problems)
        book.load()
        log = logging.getLogger("test.prompts")
        self.prompt_desk = PromptDesk(book, trials, store or self.store, self.core.events, log)
        self.experiments = Experiments(store or self.store, Arms(book), self.prompt_desk, self.core.events, log)
        self.prompt_lab = PromptLab(store or self.store, self.inference, SimpleNamespace(current=()), Settings())
        training = Training(store or self.store, book, self.inference)
        self.improver = Improver(store or self.store, self.inference, self.prompt_desk, self.prompt_lab, training)

    async def status(self) -> dict[str, Any]:
        return {"state": "ok", "pid": 1, "version": "0", "started_at": "", "listening": [], "reasons": []}

    def stop(self, reason: str) -> None:
        self.stopped.append(reason)

    async def reload_prompts(self) -> Reload:
        return self.reload

    async def check(self) -> list[dict[str, str]]:
        return self.complaints

    async def pull_model(self, model: str) -> AsyncGenerator[tuple[str, int, int], None]:
        self.asked_for.append(model)
        try:
            for step in self.steps:
                if isinstance(step, Exception):
                    raise step
                yield step
                await asyncio.sleep(0)
            while model == "endless":
                yield "pulling for ever", 1, 2
                await asyncio.sleep(0)
        finally:
            self.pull_ended.set()

    def break_prompts(self) -> None:
        self.reload = Reload(False, {}, problems=(PromptProblem("triage.yaml", 7, "unknown variable 'x'"),))


@dataclass
class Served:
    """A house with its open control server."""

    house: SmallHouse
    server: ControlServer
    http: aiohttp.ClientSession
    unix: aiohttp.ClientSession

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.server.port}"

    @property
    def token(self) -> str:
        return self.house.paths.token_file.read_text().strip()

    @property
    def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    async def raw(self, data: bytes, *, unix: bool = False, eof: bool = False) -> bytes:
        """Send bytes as they are and read all that comes back."""
        if unix:
            reader, writer = await asyncio.open_unix_connection(str(self.house.paths.socket_file))
        else:
            reader, writer = await asyncio.open_connection("127.0.0.1", self.server.port)
        try:
            writer.write(data)
            await writer.drain()
            if eof:
                writer.write_eof()
            return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()

    async def json(self, method: str, path: str, *, status: int | None = 200, **options: Any) -> Any:
        """Ask over the Unix socket; the JSON of the answer."""
        async with self.unix.request(method, f"http://leadd{path}", **options) as answer:
            body = await answer.json()
            assert status is None or answer.status == status, (answer.status, body)
            return body


def settings_with(**http: Any) -> Settings:
    return Settings.model_validate({"control": {"http": {"port": 0, **http}}})


@pytest.fixture
def home() -> Iterator[Path]:
    # Short on purpose: the path of a Unix socket has about 100 bytes.
    with tempfile.TemporaryDirectory(prefix="leadd-") as folder:
        yield Path(folder)


@pytest.fixture
async def serve(home: Path) -> AsyncIterator[Callable[..., Any]]:
    """Opens a server: `await serve(auth="none", limits=…)`; closed at the end of the test."""
    async with AsyncExitStack() as stack:
        number = 0

        async def open_server(
            *,
            limits: Limits | None = None,
            house: SmallHouse | None = None,
            tune: Callable[[SmallHouse], None] | None = None,
            **http: Any,
        ) -> Served:
            nonlocal number
            number += 1
            house = house or SmallHouse(home / str(number), settings_with(**http))
            if tune is not None:
                tune(house)
            server = ControlServer(house, limits=limits, log=logging.getLogger("test.control"))
            await server.open()
            stack.push_async_callback(server.close, 0.2)
            plain = await stack.enter_async_context(aiohttp.ClientSession())
            connector = aiohttp.UnixConnector(str(house.paths.socket_file))
            unix = await stack.enter_async_context(aiohttp.ClientSession(connector=connector))
            return Served(house, server, plain, unix)

        yield open_server


@pytest.fixture
async def served(serve: Callable[..., Any]) -> Served:
    return await serve()
