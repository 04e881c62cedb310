"""What a source owes."""

from __future__ import annotations

from contextlib import suppress
from typing import ClassVar

import pytest

from leadd.api import Checkpoint, Context, LeaddError, Problem, SignalDraft, Source, SourceItem
from leadd.testing.contracts.component import ComponentContract, closing


class SourceContract(ComponentContract[Source]):
    """A source yields what is new since a cursor, oldest first, and ends; after any crash nothing is lost and nothing is
    yielded for ever again.

    `make` gives a source that has `min_drafts` drafts or more waiting, each time the same.
    """

    min_drafts: ClassVar[int] = 1
    max_items: ClassVar[int] = 10_000
    """A poll that yields more counts as endless."""
    resumes: ClassVar[bool] = True
    """False for a source that has no position of its own (its drafts are told apart by `external_id` or text alone)."""

    def make_hostile(self, ctx: Context) -> Source | None:
        """A source over broken input (half files, wrong encodings, errors of the other side); None to leave it out."""
        return None

    async def test_a_poll_ends_and_yields_what_sources_may_yield(self, ctx: Context) -> None:
        async with self.opened(ctx) as source:
            items = await self._poll(source, None)
        assert all(isinstance(item, SignalDraft | Checkpoint | Problem) for item in items)
        assert len(_drafts(items)) >= self.min_drafts

    async def test_drafts_hold_text_that_can_be_stored(self, ctx: Context) -> None:
        async with self.opened(ctx) as source:
            drafts = _drafts(await self._poll(source, None))
        for draft in drafts:
            assert draft.text.strip(), "a draft without text is a Problem, not a draft"
            fields = (draft.text, draft.title, draft.external_id, draft.url, draft.company, draft.company_website)
            for value in (*fields, draft.location, draft.author, draft.source_type, draft.cursor):
                assert value is None or isinstance(value, str)
                (value or "").encode("utf-8")
            assert all(isinstance(k, str) and isinstance(v, str) for k, v in draft.extra.items())
            assert draft.posted_at_ms is None or 0 <= draft.posted_at_ms < 2**53, "milliseconds, not seconds or text"

    async def test_one_item_comes_once_in_a_poll(self, ctx: Context) -> None:
        async with self.opened(ctx) as source:
            ids = [_identity(draft) for draft in _drafts(await self._poll(source, None))]
        assert len(ids) == len(set(ids))

    async def test_the_same_cursor_gives_the_same_items(self, ctx: Context) -> None:
        async with self.opened(ctx) as source:
            first = [_identity(draft) for draft in _drafts(await self._poll(source, None))]
            again = [_identity(draft) for draft in _drafts(await self._poll(source, None))]
        assert first == again, "what was yielded but never stored must come again"

    async def test_after_the_last_cursor_nothing_comes_again(self, ctx: Context) -> None:
        if not self.resumes:
            return
        async with self.opened(ctx) as source:
            items = await self._poll(source, None)
        async with self.opened(ctx) as restarted:
            later = await self._poll(restarted, _last_cursor(items))
        assert _drafts(later) == []

    async def test_a_crash_after_any_item_loses_nothing(self, ctx: Context) -> None:
        if not self.resumes:
            return
        async with self.opened(ctx) as source:
            items = await self._poll(source, None)
        wanted = {_identity(draft) for draft in _drafts(items)}
        for count in sorted({0, 1, 2, len(items) // 2, len(items) - 1}):
            if not 0 <= count < len(items):
                continue
            async with self.opened(ctx) as source, closing(source.poll(None)) as poll:
                stored = [await self.in_time(anext(poll)) for _ in range(count)]
            async with self.opened(ctx) as restarted:
                rest = await self._poll(restarted, _last_cursor(stored))
            seen = {_identity(draft) for draft in _drafts(stored) + _drafts(rest)}
            assert seen == wanted, f"stopped after {count} items and went on from the last cursor"

    async def test_a_poll_left_early_leaves_the_source_usable(self, ctx: Context) -> None:
        async with self.opened(ctx) as source:
            async with closing(source.poll(None)) as poll:
                await self.in_time(anext(poll, None))
            assert len(_drafts(await self._poll(source, None))) >= self.min_drafts

    async def test_a_cancelled_poll_leaves_the_source_usable(self, ctx: Context) -> None:
        async with self.opened(ctx) as source:
            await self.cancel_midway(self._poll(source, None))
            assert len(_drafts(await self._poll(source, None))) >= self.min_drafts

    @pytest.mark.parametrize("cursor", ["", "garbage", "{}", "[]", "null", "-1", "\x00", "9" * 400, "{" * 1000, "\U0001f4a9"])
    async def test_a_foreign_cursor_is_taken_for_none_or_named(self, cursor: str, ctx: Context) -> None:
        async with self.opened(ctx) as source:
            with suppress(LeaddError):  # an instruction of the contract: Retry, Reject or NeedsAttention
                await self._poll(source, cursor)

    async def test_broken_input_is_problems_or_an_instruction(self, ctx: Context) -> None:
        source = self.make_hostile(ctx)
        if source is None:
            return
        try:
            await self.in_time(source.open())
            items = await self._poll(source, None)
        except LeaddError:
            return
        finally:
            await self.in_time(source.close())
        for problem in (item for item in items if isinstance(item, Problem)):
            assert problem.place
            assert problem.reason

    async def _poll(self, source: Source, cursor: str | None) -> list[SourceItem]:
        async def read() -> list[SourceItem]:
            items: list[SourceItem] = []
            async with closing(source.poll(cursor)) as poll:
                async for item in poll:
                    items.append(item)
                    assert len(items) <= self.max_items, "the poll does not end"
            return items

        return await self.in_time(read())


def _drafts(items: list[SourceItem]) -> list[SignalDraft]:
    return [item for item in items if isinstance(item, SignalDraft)]


def _identity(draft: SignalDraft) -> str:
    return draft.external_id or f"{draft.title}\n{draft.text}"


def _last_cursor(items: list[SourceItem]) -> str | None:
    cursors = [item.cursor for item in items if item.cursor is not None]
    return cursors[-1] if cursors else None
