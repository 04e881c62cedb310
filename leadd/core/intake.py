"""Taking signals in: normalised, told apart from repeats, stored together with the source's position."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace

from leadd.api import Checkpoint, Clock, Problem, Reject, Retry, SignalDraft, Source, SourceItem
from leadd.api.places import read_location
from leadd.core import text
from leadd.core.contacts import find_contacts
from leadd.core.events import EventBus
from leadd.store import Store
from leadd.store.rows import AddResult, NewSignal

MAX_CHARS = 200_000
"""Longest text of one signal. A longer one is refused by name: a whole book is no job ad, and it would stall the readers."""

MAX_FIELD_CHARS = 2_000
BATCH = 200
BATCH_S = 1.0
ITEM_LIMIT_S = 300.0
"""How long a source may take to yield its next item before the poll counts as hung."""


@dataclass(frozen=True, slots=True)
class Pulled:
    """What one poll brought."""

    accepted: int = 0
    repeats: int = 0
    problems: int = 0
    cursor: str | None = None


def _field(value: str | None) -> str | None:
    if value is None:
        return None
    return " ".join(text.normalise(value[:MAX_FIELD_CHARS]).split()) or None


def prepare(source: str, draft: SignalDraft, *, asked_by_person: bool = False, contacts: bool = True) -> NewSignal:
    """The row for a draft: cleaned, hashed, with the contacts found in it (left out where `contacts` is False).

    Raises Reject, with the reason in words, where there is no text or too much of it.
    """
    if len(draft.text) > MAX_CHARS:
        raise Reject(f"the text has {len(draft.text):,} characters; the longest that is read is {MAX_CHARS:,}")
    body = text.normalise(draft.text)
    title = _field(draft.title) or ""
    if not body and not title:
        raise Reject("there is no text in it")
    content_hash = text.content_hash(title, body)
    company = _field(draft.company)
    row = NewSignal(
        source=source,
        text=body,
        title=title,
        content_hash=content_hash,
        dedupe_key=text.dedupe_key(source, draft.external_id, content_hash, company),
        external_id=draft.external_id,
        url=_field(draft.url),
        company=company,
        company_website=_field(draft.company_website),
        location=_field(draft.location),
        author=_field(draft.author),
        posted_at_ms=draft.posted_at_ms,
        source_type=draft.source_type,
        extra=dict(draft.extra),
        asked_by_person=asked_by_person,
    )
    return with_contacts(row) if contacts else row


def with_contacts(row: NewSignal) -> NewSignal:
    """The same row with the contacts found in its text: half of the cost of `prepare`, and not always needed."""
    return replace(row, contacts=find_contacts(row.text, region=_region_of(row.location)))


def _region_of(location: str | None) -> str | None:
    """The country whose phone numbers are read without their +prefix: that of the signal's place, where it is only one."""
    if not location:
        return None
    countries = read_location(location[:MAX_FIELD_CHARS]).countries
    return next(iter(countries)) if len(countries) == 1 else None


def _prepare_all(
    source: str, drafts: Sequence[SignalDraft], asked_by_person: bool
) -> tuple[list[NewSignal], list[Problem], list[int]]:
    rows: list[NewSignal] = []
    problems: list[Problem] = []
    places: list[int] = []
    for place, draft in enumerate(drafts):
        try:
            rows.append(prepare(source, draft, asked_by_person=asked_by_person))
            places.append(place)
        except Reject as error:
            named = draft.external_id or draft.url or draft.title or f"item {place + 1}"
            problems.append(Problem(place=named[:200], reason=str(error)))
    return rows, problems, places


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a batch, in input order: the signal's id, or None where the draft was refused."""

    ids: tuple[int | None, ...]
    new: int
    repeats: int
    problems: tuple[Problem, ...]


class Intake:
    """The one door by which signals come in. Whoever hands drafts over is told 'accepted' only after the commit."""

    def __init__(self, store: Store, clock: Clock, events: EventBus) -> None:
        self._store = store
        self._clock = clock
        self._events = events

    async def accept(
        self,
        source: str,
        drafts: Sequence[SignalDraft],
        *,
        cursor: str | None = None,
        problems: Sequence[Problem] = (),
        asked_by_person: bool = False,
    ) -> Accepted:
        """Store a batch and the source's position in one transaction; returns after the commit.

        Drafts that cannot be used become problems of the source; the others go on. Raises StoreUnavailable where nothing
        could be stored: then nothing was accepted, and the same batch may be handed over again.
        """
        if len(drafts) > 4:
            rows, refused, places = await asyncio.to_thread(_prepare_all, source, drafts, asked_by_person)
        else:
            rows, refused, places = _prepare_all(source, drafts, asked_by_person)
        found = [*problems, *refused]
        if not rows and not found and cursor is None:
            return Accepted((None,) * len(drafts), 0, 0, ())
        added: AddResult = await self._store.signals.add_many(source, rows, cursor=cursor, problems=found)
        ids: list[int | None] = [None] * len(drafts)
        for place, new, existing in zip(places, added.ids, added.existing, strict=True):
            ids[place] = new if new is not None else existing
        new_count = sum(1 for i in added.ids if i is not None)
        if new_count:
            self._events.publish("signals.accepted", source=source, count=new_count, repeats=added.repeats)
        return Accepted(tuple(ids), new_count, added.repeats, tuple(found))

    async def pull(self, name: str, source: Source) -> Pulled:
        """One poll of a source, from the last stored position; batches are committed as they fill or age.

        Raises what the source raises (after storing what it had yielded), and Retry where it yields nothing for too long.
        """
        cursor = await self._store.signals.cursor(name)
        total = Pulled(cursor=cursor)
        batch: list[SignalDraft] = []
        problems: list[Problem] = []
        newest = cursor
        started = time.monotonic()
        items = source.poll(cursor)
        failure: BaseException | None = None
        try:
            while True:
                try:
                    item = await _next(items)
                except StopAsyncIteration:
                    break
                except (Exception, SystemExit, KeyboardInterrupt) as error:
                    failure = error  # what it had yielded is stored first
                    break
                newest = _sort_in(name, item, batch, problems) or newest
                if len(batch) + len(problems) >= BATCH or time.monotonic() - started > BATCH_S:
                    total = await self._flush(name, batch, problems, newest, total)
                    batch, problems, started = [], [], time.monotonic()
        finally:
            close = getattr(items, "aclose", None)
            if close is not None:
                with contextlib.suppress(Exception):
                    await close()
        if batch or problems or newest != total.cursor:
            total = await self._flush(name, batch, problems, newest, total)
        if failure is not None:
            raise failure
        return total

    async def _flush(
        self, name: str, batch: list[SignalDraft], problems: list[Problem], cursor: str | None, total: Pulled
    ) -> Pulled:
        done = await self.accept(name, batch, cursor=cursor, problems=problems)
        return Pulled(
            accepted=total.accepted + done.new,
            repeats=total.repeats + done.repeats,
            problems=total.problems + len(done.problems),
            cursor=cursor,
        )


def _sort_in(source: str, item: object, batch: list[SignalDraft], problems: list[Problem]) -> str | None:
    """Put an item where it belongs; returns the position after it."""
    if isinstance(item, SignalDraft):
        batch.append(item)
        return item.cursor
    if isinstance(item, Problem):
        problems.append(item)
        return item.cursor
    if isinstance(item, Checkpoint):
        return item.cursor
    # One rubbish item must not keep the good ones around it from being stored.
    reason = f"the source gave {type(item).__name__} where a SignalDraft, Checkpoint or Problem belongs"
    problems.append(Problem(source, reason, hint="this is a bug of its plugin"))
    return None


async def _next(items: AsyncIterator[SourceItem]) -> SourceItem:
    try:
        async with asyncio.timeout(ITEM_LIMIT_S):
            return await anext(items)
    except TimeoutError:
        raise Retry(f"the source gave nothing for {ITEM_LIMIT_S:.0f} s") from None
