"""Each contract suite against plugins that break it: a suite that cannot go red proves nothing."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leadd.api import (
    CacheStats,
    Capabilities,
    Chunk,
    Component,
    Context,
    Guarantee,
    Health,
    Lead,
    Model,
    ModelRequest,
    Receipt,
    Reply,
    Retry,
    Role,
    SignalDraft,
    Sink,
    Source,
    SourceItem,
)
from leadd.builtin.memory import MemoryCache, MemoryConfig
from leadd.testing.clock import ManualClock
from leadd.testing.context import make_context
from leadd.testing.contracts import CacheContract, ComponentContract, ModelContract, SinkContract, SourceContract


async def run(suite: ComponentContract[Any], test: str, folder: Path) -> None:
    """One test of a suite, called as pytest would call it."""
    clock = ManualClock()
    known = {"ctx": suite.context(folder, clock), "clock": clock, "tmp_path": folder, "cursor": "garbage"}
    method = getattr(suite, test)
    result = method(**{name: known[name] for name in inspect.signature(method).parameters})
    if inspect.isawaitable(result):
        await result


async def goes_red(suite: ComponentContract[Any], test: str, folder: Path) -> None:
    suite.patience_s = 0.3
    with pytest.raises((AssertionError, pytest.fail.Exception, LookupError, TypeError)):
        await run(suite, test, folder)


# --- every component ------------------------------------------------------------------------------------------------


class Plain(Component):
    name = "plain"


class Misnamed(Plain):
    name = "Not A Name"


class Busy(Plain):
    def __init__(self, config: Any, ctx: Context) -> None:
        super().__init__(config, ctx)
        (ctx.data_folder / "made too early").touch()


class ClosesOnce(Plain):
    async def close(self) -> None:
        assert not hasattr(self, "closed")
        self.closed = True


class Hangs(Plain):
    async def close(self) -> None:
        await asyncio.Event().wait()


class Chatty(Plain):
    async def check(self) -> str:
        return "first line\nsecond line"


@pytest.mark.parametrize(
    ("kind", "test"),
    [
        (Misnamed, "test_it_has_a_name_to_use_in_the_settings"),
        (Busy, "test_making_one_does_nothing_yet"),
        (ClosesOnce, "test_it_closes_twice"),
        (Hangs, "test_it_closes_though_it_was_never_opened"),
        (Chatty, "test_check_answers_in_one_sentence"),
    ],
)
async def test_a_bad_component_is_found(kind: type[Component], test: str, tmp_path: Path) -> None:
    class Suite(ComponentContract[Component]):
        def make(self, ctx: Context) -> Component:
            return kind(kind.Config(), ctx)

    await goes_red(Suite(), test, tmp_path)


async def test_a_suite_without_make_says_what_to_write(tmp_path: Path) -> None:
    class Suite(ComponentContract[Component]):
        pass

    with pytest.raises(NotImplementedError, match="def make"):
        await run(Suite(), "test_it_closes_twice", tmp_path)


def test_async_tests_are_marked_for_authors_in_strict_mode() -> None:
    class Suite(CacheContract):
        async def test_one_of_its_own(self) -> None: ...

    for test in (Suite.test_one_of_its_own, Suite.test_it_closes_twice, Suite.test_keys_are_apart):
        marks = [mark.name for mark in test.pytestmark]  # type: ignore[attr-defined]
        assert marks.count("asyncio") == 1
    assert not hasattr(Suite.test_making_one_does_nothing_yet, "pytestmark")


# --- caches ---------------------------------------------------------------------------------------------------------


class LowerCase(MemoryCache):
    async def get(self, key: str) -> bytes | None:
        return await super().get(key.lower())

    async def put(self, key: str, value: bytes, *, ttl_s: float | None = None) -> None:
        await super().put(key.lower(), value, ttl_s=ttl_s)


class Endless(MemoryCache):
    async def put(self, key: str, value: bytes, *, ttl_s: float | None = None) -> None:
        await super().put(key, value, ttl_s=None)


class TextOnly(MemoryCache):
    async def put(self, key: str, value: bytes, *, ttl_s: float | None = None) -> None:
        await super().put(key, value.decode("utf-8", "replace").encode(), ttl_s=ttl_s)


class Generous(MemoryCache):
    async def claim(self, key: str, owner: str, lease_s: float) -> bool:
        return True


class ReleasesForAll(MemoryCache):
    async def release(self, key: str, owner: str) -> None:
        self._claims.pop(key, None)


class Uncounted(MemoryCache):
    async def stats(self) -> CacheStats:
        return CacheStats()


class Raises(MemoryCache):
    async def get(self, key: str) -> bytes | None:
        if self._is_closed:
            raise RuntimeError("closed")
        return await super().get(key)


@pytest.mark.parametrize(
    ("kind", "test"),
    [
        (LowerCase, "test_keys_are_apart"),
        (Endless, "test_a_value_is_forgotten_when_its_time_is_over"),
        (Endless, "test_no_time_to_live_is_no_entry"),
        (TextOnly, "test_a_value_comes_back_byte_for_byte"),
        (Generous, "test_one_owner_at_a_time_computes"),
        (Generous, "test_of_many_claimants_one_wins"),
        (Generous, "test_a_claim_ends_with_its_lease"),
        (ReleasesForAll, "test_one_owner_at_a_time_computes"),
        (Uncounted, "test_figures_count_hits_and_misses"),
    ],
)
async def test_a_bad_cache_is_found(kind: type[MemoryCache], test: str, tmp_path: Path) -> None:
    class Suite(CacheContract):
        def make(self, ctx: Context) -> MemoryCache:
            return kind(MemoryConfig(), ctx)

    await goes_red(Suite(), test, tmp_path)


async def test_a_cache_that_raises_after_its_end_is_found(tmp_path: Path) -> None:
    class Suite(CacheContract):
        def make(self, ctx: Context) -> MemoryCache:
            return Raises(MemoryConfig(), ctx)

    with pytest.raises(RuntimeError):
        await run(Suite(), "test_after_close_there_are_misses_not_errors", tmp_path)


async def test_a_cache_that_promises_to_survive_and_does_not_is_found(tmp_path: Path) -> None:
    class Suite(CacheContract):
        survives_restart = True

        def make(self, ctx: Context) -> MemoryCache:
            return MemoryCache(MemoryConfig(), ctx)

    await goes_red(Suite(), "test_what_a_restart_keeps", tmp_path)


# --- models ---------------------------------------------------------------------------------------------------------


class Good(Model):
    name = "good"
    capabilities = Capabilities(frozenset({Role.TRIAGE}))  # type: ignore[assignment]

    async def complete(self, request: ModelRequest) -> Reply:
        return Reply('{"worth": "yes"}', request.model)

    async def health(self) -> Health:
        return Health(True)

    async def embed(self, model: str, texts: Any, *, num_ctx: int) -> Any:
        return np.array([[1.0, len(text)] for text in texts], dtype=np.float32).reshape(-1, 2)


class HalfAnswers(Good):
    async def complete(self, request: ModelRequest) -> Reply:
        return Reply("", request.model, done_reason="length")


class NeverMissing(Good):
    pass


class Silent(Good):
    async def complete(self, request: ModelRequest) -> Reply:
        await asyncio.Event().wait()
        raise AssertionError


class SwallowsCancellation(Good):
    async def complete(self, request: ModelRequest) -> Reply:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            await asyncio.sleep(3)
        return await super().complete(request)


class LosesPieces(Good):
    async def stream(self, request: ModelRequest) -> AsyncIterator[Chunk]:
        yield Chunk("{")
        yield Chunk("}", Reply("{ }", request.model))


class RaisesHealth(Good):
    async def health(self) -> Health:
        raise LookupError("down")


@pytest.mark.parametrize(
    ("kind", "test"),
    [
        (HalfAnswers, "test_it_answers_whole"),
        (NeverMissing, "test_a_missing_model_is_named_so"),
        (Silent, "test_no_time_at_all_is_a_timeout_or_an_answer"),
        (SwallowsCancellation, "test_a_cancelled_question_leaves_the_model_usable"),
        (LosesPieces, "test_a_stream_ends_with_the_whole_that_its_pieces_make"),
        (RaisesHealth, "test_health_is_told_and_never_raised"),
        (Good, "test_vectors_are_unit_float32_in_order"),
        (Good, "test_without_its_server_everything_says_so"),
    ],
)
async def test_a_bad_model_is_found(kind: type[Model], test: str, tmp_path: Path) -> None:
    class Suite(ModelContract):
        embed_name = "vectors"

        def make(self, ctx: Context) -> Model:
            return kind(kind.Config(), ctx)

        def make_without_server(self, ctx: Context) -> Model:
            return self.make(ctx)

    if test.endswith("says_so"):
        with pytest.raises(AssertionError):
            await run(Suite(), test, tmp_path)
    else:
        await goes_red(Suite(), test, tmp_path)


# --- sources --------------------------------------------------------------------------------------------------------


class Counting(Source):
    """Three drafts with the number of the last one as cursor."""

    name = "counting"

    async def poll(self, cursor: str | None) -> AsyncIterator[SourceItem]:
        start = int(cursor) if cursor and cursor.isascii() and cursor.isdigit() and len(cursor) < 9 else 0
        for number in range(start + 1, 4):
            yield SignalDraft(f"text {number}", external_id=str(number), cursor=str(number))


class Forgets(Counting):
    async def poll(self, cursor: str | None) -> AsyncIterator[SourceItem]:
        async for item in super().poll(None):
            yield item


class Skips(Counting):
    async def poll(self, cursor: str | None) -> AsyncIterator[SourceItem]:
        async for item in super().poll(str(int(cursor) + 1) if cursor else None):
            yield item


class Repeats(Counting):
    async def poll(self, cursor: str | None) -> AsyncIterator[SourceItem]:
        for _ in range(2):
            async for item in super().poll(cursor):
                yield item


class OnlyOnce(Counting):
    async def poll(self, cursor: str | None) -> AsyncIterator[SourceItem]:
        if not hasattr(self, "polled"):
            self.polled = True
            async for item in super().poll(cursor):
                yield item


class NeverEnds(Counting):
    async def poll(self, cursor: str | None) -> AsyncIterator[SourceItem]:
        while True:
            yield SignalDraft("again", external_id="1")


class Empty(Counting):
    async def poll(self, cursor: str | None) -> AsyncIterator[SourceItem]:
        yield SignalDraft(" ")


class Seconds(Counting):
    async def poll(self, cursor: str | None) -> AsyncIterator[SourceItem]:
        yield SignalDraft("text", posted_at_ms="2026-01-01")  # type: ignore[arg-type]


class Odd(Counting):
    async def poll(self, cursor: str | None) -> AsyncIterator[SourceItem]:
        yield "text"  # type: ignore[misc]


class Trusting(Counting):
    async def poll(self, cursor: str | None) -> AsyncIterator[SourceItem]:
        if cursor and not cursor.isdigit():
            raise LookupError(cursor)
        async for item in super().poll(cursor):
            yield item


@pytest.mark.parametrize(
    ("kind", "test"),
    [
        (Forgets, "test_after_the_last_cursor_nothing_comes_again"),
        (Skips, "test_a_crash_after_any_item_loses_nothing"),
        (Repeats, "test_one_item_comes_once_in_a_poll"),
        (OnlyOnce, "test_the_same_cursor_gives_the_same_items"),
        (NeverEnds, "test_a_poll_ends_and_yields_what_sources_may_yield"),
        (Empty, "test_drafts_hold_text_that_can_be_stored"),
        (Seconds, "test_drafts_hold_text_that_can_be_stored"),
        (Odd, "test_a_poll_ends_and_yields_what_sources_may_yield"),
        (Trusting, "test_a_foreign_cursor_is_taken_for_none_or_named"),
    ],
)
async def test_a_bad_source_is_found(kind: type[Source], test: str, tmp_path: Path) -> None:
    class Suite(SourceContract):
        max_items = 200

        def make(self, ctx: Context) -> Source:
            return kind(kind.Config(), ctx)

    await goes_red(Suite(), test, tmp_path)


class TestAGoodSource(SourceContract):
    min_drafts = 3

    def make(self, ctx: Context) -> Source:
        return Counting(Counting.Config(), ctx)


# --- sinks ----------------------------------------------------------------------------------------------------------


class Appends(Sink):
    """Every delivery is a line, also a repeated one."""

    name = "appends"
    guarantee = Guarantee.IDEMPOTENT

    async def deliver(self, lead: Lead, key: str) -> Receipt:
        with (self.ctx.data_folder / "lines").open("a") as file:
            file.write(f"{key}\n")
        return Receipt(key)


class Drops(Appends):
    async def deliver(self, lead: Lead, key: str) -> Receipt:
        return Receipt()


class NoReceipt(Appends):
    async def deliver(self, lead: Lead, key: str) -> Receipt:
        return None  # type: ignore[return-value]


class NeedsACompany(Appends):
    async def deliver(self, lead: Lead, key: str) -> Receipt:
        return Receipt(lead.company.upper() if lead.company else [][0])


class DiesOfOne(Appends):
    async def deliver(self, lead: Lead, key: str) -> Receipt:
        if "\x00" in lead.name:
            self.dead = True
        if hasattr(self, "dead"):
            raise Retry("dead")
        return await super().deliver(lead, key)


@pytest.mark.parametrize(
    ("kind", "test"),
    [
        (Appends, "test_a_repeat_has_no_second_effect_where_that_is_promised"),
        (Drops, "test_a_lead_is_taken_with_a_receipt"),
        (Drops, "test_different_keys_all_arrive"),
        (NoReceipt, "test_an_upgrade_with_a_dossier_is_taken"),
        (NeedsACompany, "test_a_bare_lead_is_taken_too"),
    ],
)
async def test_a_bad_sink_is_found(kind: type[Sink], test: str, tmp_path: Path) -> None:
    await goes_red(sink_suite(kind), test, tmp_path)


async def test_a_sink_that_one_lead_kills_is_found(tmp_path: Path) -> None:
    with pytest.raises(Retry):
        await run(sink_suite(DiesOfOne), "test_hostile_leads_are_taken_or_rejected_and_harm_no_other", tmp_path)


def sink_suite(kind: type[Sink]) -> SinkContract:
    class Suite(SinkContract):
        def make(self, ctx: Context) -> Sink:
            return kind(kind.Config(), ctx)

        async def effects(self, ctx: Context) -> int:
            return count_lines(ctx.data_folder / "lines")

    return Suite()


def count_lines(file: Path) -> int:
    return len(file.read_text().splitlines()) if file.exists() else 0


def test_the_context_of_a_suite_can_be_replaced(tmp_path: Path) -> None:
    class Suite(CacheContract):
        def context(self, folder: Path, clock: ManualClock) -> Context:
            return make_context(folder, clock, name="mine")

    assert Suite().context(tmp_path, ManualClock()).name == "mine"
