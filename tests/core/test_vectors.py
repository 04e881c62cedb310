"""Vectors as evidence: asked once, kept, compared from the centre of all texts; whatever goes wrong means 'not known'."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from core_parts import AD, Home, make_context, settled

from leadd.api import Icp, IcpField, ModelFailure, Role, Signal, SignalDraft, SystemClock
from leadd.builtin.ollama import OllamaConfig, OllamaModel
from leadd.core.cosines import ENOUGH
from leadd.core.embedding_texts import budget_chars, icp_sentences
from leadd.core.profiles import Profiles
from leadd.core.reading import Reader
from leadd.core.text import content_hash
from leadd.core.vectors import FIRST_BATCH, LEAST_BATCH, MOST_BATCH, SignalVectors
from leadd.inference import Inference, InferenceSettings, RolePlan
from leadd.store import Store, StoreUnavailable
from leadd.store.rows import NewSignal
from leadd.testing.ollama import FakeOllama

EMBEDDER = "nomic-embed-text"
MARKETING = "We are seven people and look for our first marketing manager, there is no marketing strategy and no leads. Ad {}."
TRUCKS = "Drivers with a forklift licence are wanted for night shifts at our warehouse in the harbour. Ad {}."
ICP = Icp(
    name="marketing",
    description="Small companies that look for their first marketing manager.",
    hiring_keywords=IcpField(values=("marketing manager", "market*")),
    pain_keywords=IcpField(values=("no leads", "no marketing strategy")),
)
LOG = logging.getLogger("leadd.test")


class StoppedClock(SystemClock):
    """Real time, and what a test adds to it."""

    def __init__(self) -> None:
        self.added_s = 0.0

    def monotonic_s(self) -> float:
        return super().monotonic_s() + self.added_s

    def now_ms(self) -> int:
        return super().now_ms() + int(self.added_s * 1000)


class Bench:
    """A real store, a real Inference, and a faithful Ollama that embeds."""

    def __init__(self, store: Store, inference: Inference, fake: FakeOllama, clock: StoppedClock) -> None:
        self.store = store
        self.inference = inference
        self.fake = fake
        self.clock = clock
        self.profiles = Profiles(store)
        self.vectors = self.new()

    def new(self, *, keep_s: float = 604_800, window_tokens: int = 2048) -> SignalVectors:
        """As after a restart of leadd."""
        return SignalVectors(
            self.store.embeddings, self.inference, self.clock, LOG,
            model=EMBEDDER, window_tokens=window_tokens, keep_s=keep_s,
        )  # fmt: skip

    async def signals(self, *texts: str) -> list[Signal]:
        rows = [
            NewSignal("ads", text, f"Opening {n}", content_hash(f"Opening {n}", text), f"{n} {text[:20]}")
            for n, text in enumerate(texts)
        ]
        await self.store.signals.add_many("ads", rows)
        return list(await self.store.signals.lease("me", limit=len(rows), lease_ms=1000))

    async def near(self, signals: list[Signal]) -> dict[int, float]:
        found = await self.vectors.similarities(signals, self.profiles.current)
        return {signal_id: next(iter(by_icp.values())) for signal_id, by_icp in found.items()}

    @property
    def embedded(self) -> int:
        return self.fake.stats.texts_embedded


@asynccontextmanager
async def opened(folder: Path, fake: FakeOllama, *, with_role: bool = True) -> AsyncIterator[Bench]:
    clock = StoppedClock()
    store = await Store.open(folder, clock=clock)
    model = OllamaModel(OllamaConfig(endpoint=fake.url), make_context("ollama", folder))
    await model.open()
    plans = {Role.EMBED: RolePlan("ollama", EMBEDDER, 2048)} if with_role else {}
    inference = Inference({"ollama": model}, plans, settings=InferenceSettings(), clock=clock, log=LOG)
    await inference.open()
    bench = Bench(store, inference, fake, clock)
    await store.icps.add(ICP)
    await bench.profiles.load()
    try:
        yield bench
    finally:
        await inference.close()
        await model.close()
        await store.close()


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with FakeOllama(time_scale=0) as fake, opened(tmp_path, fake) as made:
        yield made


def texts(count: int, wanted: int) -> list[str]:
    return [(MARKETING if n < wanted else TRUCKS).format(n) for n in range(count)]


async def test_what_an_icp_looks_for_is_nearer_than_what_it_does_not(bench: Bench) -> None:
    signals = await bench.signals(*texts(40, 20))
    near = await bench.near(signals)
    assert len(near) == 40
    wanted = [near[s.id] for s in signals if "marketing" in s.text]
    other = [near[s.id] for s in signals if "forklift" in s.text]
    assert min(wanted) > max(other)
    assert all(-1 <= cosine <= 1 for cosine in near.values())
    assert min(wanted) > 0 > max(other), "seen from the centre of all texts they stand on either side of it"


async def test_nothing_is_embedded_twice(bench: Bench) -> None:
    signals = await bench.signals(*texts(40, 20))
    first = await bench.near(signals)
    embedded = bench.embedded
    assert embedded == 40 + len(icp_sentences(ICP))
    assert await bench.near(signals) == pytest.approx(first, abs=1e-3), "float16 costs next to nothing"
    bench.vectors = bench.new()  # a restart
    assert await bench.near(signals) == pytest.approx(first, abs=1e-2)
    assert bench.embedded == embedded
    assert not [count for count in bench.fake.stats.prompts.values() if count > 1]


async def test_equal_texts_are_one_text(bench: Bench) -> None:
    equal = NewSignal("ads", "We look for a marketer.", "Marketer", content_hash("Marketer", "We look for a marketer."), "x")
    rows = [NewSignal("ads", equal.text, equal.title, equal.content_hash, f"k{n}", company=f"C{n}") for n in range(10)]
    await bench.store.signals.add_many("ads", rows)
    signals = list(await bench.store.signals.lease("me", limit=20, lease_ms=1000))
    await bench.near(signals[:4])
    await bench.near(signals[4:])
    assert bench.embedded == 1 + len(icp_sentences(ICP))


async def test_before_there_is_a_centre_nothing_is_said(bench: Bench) -> None:
    signals = await bench.signals(*texts(ENOUGH + 4, 10))
    assert await bench.near(signals[:4]) == {}
    assert await bench.near(signals[4:20]) == {}
    assert len(await bench.near(signals[20:])) == ENOUGH + 4 - 20


async def test_a_changed_icp_is_another_text(bench: Bench) -> None:
    signals = await bench.signals(*texts(40, 20))
    await bench.near(signals)
    embedded = bench.embedded
    row = bench.profiles.current[0]
    await bench.store.icps.replace(row.id, ICP.model_copy(update={"description": "Warehouses that look for forklift drivers."}))
    await bench.profiles.load()
    near = await bench.near(signals)
    assert bench.embedded == embedded + 3
    assert len(near) == 40


async def test_without_the_role_nobody_is_asked(tmp_path: Path) -> None:
    async with FakeOllama(time_scale=0) as fake, opened(tmp_path, fake, with_role=False) as bench:
        signals = await bench.signals(*texts(40, 20))
        assert await bench.near(signals) == {}
        assert bench.embedded == 0


async def test_a_failure_means_not_known_and_then_a_rest(bench: Bench, caplog: pytest.LogCaptureFixture) -> None:
    signals = await bench.signals(*texts(40, 20))
    bench.fake.fail_next("error", times=None, message="the disk is on fire")
    with caplog.at_level(logging.INFO):
        assert await bench.near(signals) == {}
    calls = bench.fake.stats.calls.total()
    bench.fake.clear_faults()
    assert await bench.near(signals) == {}
    assert bench.fake.stats.calls.total() == calls, "what has just failed is left alone"
    assert "judged without vectors for 30 s" in caplog.text
    bench.clock.added_s += 40
    async with asyncio.timeout(20):
        while not bench.inference.availability(Role.EMBED).ok:
            await bench.inference.turn()
            await asyncio.sleep(0.01)
    assert len(await bench.near(signals)) == 40


async def test_rests_grow_and_end_with_the_first_success(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    signals = await bench.signals(*texts(4, 2))
    real = bench.inference.embed

    async def fail(texts: Any) -> Any:
        raise ModelFailure("server_error", "no")  # type: ignore[arg-type]

    monkeypatch.setattr(bench.inference, "embed", fail)
    waits = []
    for _ in range(7):
        bench.clock.added_s += 1000
        assert await bench.near(signals) == {}
        waits.append(round(bench.vectors._rest_s))
    assert waits == [30, 60, 120, 240, 480, 600, 600]
    monkeypatch.setattr(bench.inference, "embed", real)
    bench.clock.added_s += 1000
    await bench.near(signals)
    assert bench.vectors._rest_s == 0


async def test_a_slow_embedder_holds_nobody_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leadd.core.vectors.BATCH_LIMIT_S", 0.2)
    signals = await bench.signals(*texts(40, 20))
    bench.fake.hold()
    async with asyncio.timeout(20):
        assert await bench.near(signals) == {}
    assert bench.vectors.batch == max(LEAST_BATCH, FIRST_BATCH // 2)
    bench.fake.release()


async def test_a_quick_embedder_gets_larger_batches(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leadd.core.vectors.QUICK_S", 60.0)
    signals = await bench.signals(*texts(MOST_BATCH, 20))
    await bench.near(signals[:FIRST_BATCH])
    assert bench.vectors.batch == MOST_BATCH
    await bench.near(signals)
    assert bench.vectors.batch == MOST_BATCH


async def test_a_text_that_nobody_can_embed_costs_only_itself(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    signals = await bench.signals(*texts(40, 20), "A text that kills the runner: POISON.")
    real = OllamaModel.embed

    async def embed(model: OllamaModel, name: str, given: Any, *, num_ctx: int) -> Any:
        if any("POISON" in text for text in given):
            raise ModelFailure("bad_request", "the runner died")  # type: ignore[arg-type]
        return await real(model, name, given, num_ctx=num_ctx)

    monkeypatch.setattr(OllamaModel, "embed", embed)
    near = await bench.near(signals)
    assert sorted(near) == [s.id for s in signals if "POISON" not in s.text]


async def test_a_window_that_is_smaller_than_set_cuts_the_texts(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    async with FakeOllama(time_scale=0, models=["nomic-embed-text"]) as fake, opened(tmp_path, fake) as bench:
        info = fake.catalog.find(EMBEDDER)
        assert info is not None
        whole = info.context_length
        request.addfinalizer(lambda: object.__setattr__(info, "context_length", whole))  # all fakes share the catalog's entries
        object.__setattr__(info, "context_length", 128)
        signals = await bench.signals(*(TRUCKS.format(n) + " Our van is new." * 80 for n in range(40)))
        assert len(await bench.near(signals)) == 40
        assert bench.vectors._budget < budget_chars(2048)


async def test_another_model_in_between_leaves_nothing_behind(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    signals = await bench.signals(*texts(40, 20))
    digests = iter(["one", "one", "two", "two", "two"])

    async def digest_of(role: Role) -> str:
        return next(digests, "two")

    monkeypatch.setattr(bench.inference, "digest_of", digest_of)
    assert await bench.near(signals) == {}
    kept = await bench.store.embeddings.counts()
    assert kept["signal"] == 0


async def test_a_disk_that_is_full_costs_no_evidence(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(*args: Any) -> None:
        raise StoreUnavailable("no room")

    monkeypatch.setattr(bench.store.embeddings, "put_many", full)
    signals = await bench.signals(*texts(40, 20))
    assert len(await bench.near(signals)) == 40


async def test_a_bug_is_logged_and_harms_nobody(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("leadd.core.vectors.signal_text", lambda signal, budget: 1 / 0)
    assert await bench.near(await bench.signals(*texts(3, 1))) == {}
    assert "ZeroDivisionError" in caplog.text


async def test_old_vectors_are_taken_out(bench: Bench) -> None:
    bench.vectors = bench.new(keep_s=60)
    signals = await bench.signals(*texts(4, 2))
    await bench.near(signals)
    assert (await bench.store.embeddings.counts())["signal"] == 4
    bench.clock.added_s += 90_000
    await bench.near([])
    assert (await bench.store.embeddings.counts()) == {"signal": 0, "lead": 0, "icp": 0}


async def test_the_reader_is_told_how_near_a_signal_is(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[int, Any] = {}
    read = Reader.read

    async def spy(reader: Reader, signal: Signal, *args: Any, **more: Any) -> Any:
        told[signal.id] = more.get("similarity", "not told")
        return await read(reader, signal, *args, **more)

    async def similarities(signals: Any, profiles: Any) -> Any:
        return {signal.id: {profiles[0].id: 0.25} for signal in signals if "Finder" in signal.title}

    monkeypatch.setattr(Reader, "read", spy)
    async with home.core() as core:
        monkeypatch.setattr(core.pipeline._vectors, "similarities", similarities)
        home.source.items = [SignalDraft(text=f"{AD} Ad {n}.", title=f"{'Finder' if n % 2 else 'Far'} {n}") for n in range(6)]
        core.traffic.poll_now("ads")
        await settled(core, 6)
        rows = (await core.store.signals.list(limit=10)).items
    assert {row.title.split()[0]: told[row.id] for row in rows} == {"Finder": 0.25, "Far": None}
