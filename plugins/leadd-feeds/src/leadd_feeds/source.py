"""The source `feed`."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import Field, field_validator

from leadd.api import (
    Checkpoint,
    ComponentConfig,
    Context,
    HttpReply,
    NeedsAttention,
    Problem,
    Reject,
    Retry,
    SignalDraft,
    Source,
    SourceItem,
)
from leadd_feeds.entries import Entry, Feed, NotAFeed, name_entries, oldest_first, short_hash
from leadd_feeds.guard import MAX_BYTES
from leadd_feeds.memory import FeedMemory
from leadd_feeds.parse import read_feed
from leadd_feeds.polite import HostGate

ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, application/rdf+xml, application/xml;q=0.9, */*;q=0.5"
)
MAX_REST_S = 6 * 3600
MAX_STRANGE = 3
MAX_PROBLEMS = 20


class FeedConfig(ComponentConfig):
    """`max_items`: how many entries, the newest, are looked at. `host_delay_s`: the pause between two requests to one host."""

    url: Annotated[str, Field(max_length=2000)]
    max_items: Annotated[int, Field(ge=1, le=2000)] = 200
    user_agent: Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[\x20-\x7e]+$")] = "leadd-feeds/0.1"
    source_type: str = "feed"
    host_delay_s: Annotated[float, Field(ge=0, le=600)] = 2.0

    @field_validator("url")
    @classmethod
    def _web_address(cls, value: str) -> str:
        value = re.sub(r"^feed:(?://)?(?=https?:)", "", value.strip())
        parts = urlsplit(re.sub(r"^feed://", "https://", value))
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("a feed's url begins with https:// or http:// and names a host")
        return parts.geturl()


class FeedSource(Source):
    """New entries of one feed, oldest first.

    Asks with ETag and Last-Modified, rests as long as the feed's Cache-Control, ttl and skipHours ask for, and shares one door
    per host with all other feeds. What the feed does wrong is reported once.
    """

    name: ClassVar[str] = "feed"
    Config: ClassVar[type[ComponentConfig]] = FeedConfig
    interval_s: ClassVar[float] = 900.0

    def __init__(self, config: FeedConfig, ctx: Context) -> None:
        super().__init__(config, ctx)
        self._config = config
        self._gate: HostGate | None = None
        self._strange = 0
        self._rest: tuple[str | None, int] = (None, 0)
        self._skip_hours: frozenset[int] = frozenset()

    async def poll(self, cursor: str | None) -> AsyncIterator[SourceItem]:
        """Drafts of entries that were not yielded yet, and problems of the feed.

        Raises Retry where the feed cannot be had now, NeedsAttention where it is gone for good or is no feed.
        """
        if self._is_resting(cursor):
            return
        memory = FeedMemory.parse(cursor)
        reply = await self._ask(memory)
        digest = hashlib.blake2b(reply.body, digest_size=8).hexdigest() if reply.status != 304 else memory.body
        etag, modified = _validators(reply, memory)
        new = replace(memory, body=digest, etag=etag, modified=modified)
        fresh = reply.status != 304 and digest != memory.body
        feed = await self._read(reply, memory) if fresh else None
        self._strange = 0
        problems = self._find_problems(reply, feed, memory)
        new = replace(new, told={**memory.told, **{kind: short_hash(p.place, p.hint) for kind, p in problems.items()}})
        for problem in problems.values():
            yield problem
        if feed is not None:
            entries, shared = name_entries(self._newest(feed), memory.shared)
            new = replace(new, seen=tuple(short_hash(e.key) for e in entries), shared=tuple(sorted(shared)))
            for item in self._yield_new(entries, memory):
                yield item
        if new != memory:
            yield Checkpoint(new.dump())
        self._plan_rest(new.dump() if new != memory else cursor, reply, feed)

    async def check(self) -> str | None:
        """Nothing is asked of the network here; a feed that fails says so in its state."""
        return None

    async def _ask(self, memory: FeedMemory) -> HttpReply:
        headers = {"Accept": ACCEPT, "User-Agent": self._config.user_agent}
        if memory.etag:
            headers["If-None-Match"] = memory.etag
        if memory.modified:
            headers["If-Modified-Since"] = memory.modified
        if self._gate is None:
            self._gate = HostGate.of(urlsplit(self._config.url).netloc.lower())
        try:
            async with self._gate.turn(self.ctx.clock, self._config.host_delay_s):
                return await self.ctx.http.get(self._config.url, headers=headers, max_bytes=MAX_BYTES)
        except Reject as error:
            if error.status == 410:
                raise NeedsAttention(
                    f"{self._config.url} is gone for good (410)", hint="remove the feed, or find its new address"
                ) from error
            raise self._doubt(str(error), "open the address in a browser; it may have moved", 3600.0) from error

    async def _read(self, reply: HttpReply, memory: FeedMemory) -> Feed:
        kind = _header(reply.headers, "content-type")
        try:
            return await asyncio.to_thread(read_feed, reply.body, url=reply.url, content_type=kind)
        except NotAFeed as fault:
            message = f"{self._config.url}: {fault.reason}"
            if not memory.seen:
                raise NeedsAttention(message, hint=fault.hint) from fault
            # It was a feed before: a hotel's login page or a server's bad day should not need a person.
            raise self._doubt(message, fault.hint, 900.0) from fault

    def _doubt(self, message: str, hint: str, after_s: float) -> Exception:
        self._strange += 1
        if self._strange >= MAX_STRANGE:
            self._strange = 0
            return NeedsAttention(message, hint=hint)
        return Retry(message, after_s=after_s)

    def _newest(self, feed: Feed) -> list[Entry]:
        entries = oldest_first(feed.entries)
        return entries[-self._config.max_items :]

    def _yield_new(self, entries: list[Entry], memory: FeedMemory) -> list[SourceItem]:
        # Until the last entry is stored the cursor keeps the old ETag: else a crash in between would lose the rest to a 304.
        seen = list(memory.seen)
        known = set(seen)
        items: list[SourceItem] = []
        empty = 0
        for entry in entries:
            mark = short_hash(entry.key)
            if mark in known:
                continue
            seen.append(mark)
            partial = replace(memory, seen=tuple(seen)).dump()
            if entry.text or entry.title:
                items.append(_make_draft(entry, self._config.source_type, partial))
            else:
                empty += 1
                if empty <= MAX_PROBLEMS:
                    items.append(Problem(entry.link or entry.key[:200], "the entry has neither title nor text", "", partial))
        return items

    def _find_problems(self, reply: HttpReply, feed: Feed | None, memory: FeedMemory) -> dict[str, Problem]:
        """What is wrong with the feed as a whole and was not reported yet."""
        problems = {}
        moved = _moved_for_good(reply)
        if moved:
            problems["moved"] = Problem(self._config.url, "the feed has moved for good", f"change its url to {moved}")
        if feed is not None and feed.fault:
            problems["fault"] = Problem(self._config.url, feed.fault, "it was read as far as possible; tell its publisher")
        return {kind: p for kind, p in problems.items() if memory.told.get(kind) != short_hash(p.place, p.hint)}

    def _is_resting(self, cursor: str | None) -> bool:
        """True while the feed asked to be left alone, unless what it gave last was not stored."""
        resting, until_ms = self._rest
        now_ms = self.ctx.clock.now_ms()
        if cursor is None or resting != cursor:
            return False
        return now_ms < until_ms or datetime.fromtimestamp(now_ms / 1000, UTC).hour in self._skip_hours

    def _plan_rest(self, cursor: str | None, reply: HttpReply, feed: Feed | None) -> None:
        if feed is not None:
            self._skip_hours = feed.skip_hours if len(feed.skip_hours) < 24 else frozenset()
        rest_s = max(_max_age_s(reply), feed.ttl_s if feed is not None else 0)
        # A little less than asked: a poll that comes a second early must not wait for another whole interval.
        self._rest = (cursor, self.ctx.clock.now_ms() + int(min(rest_s, MAX_REST_S) * 950))


def _make_draft(entry: Entry, source_type: str, cursor: str) -> SignalDraft:
    return SignalDraft(
        text=entry.text or entry.title,
        title=entry.title,
        external_id=entry.key,
        url=entry.link,
        author=entry.author,
        posted_at_ms=entry.posted_at_ms,
        source_type=source_type,
        extra={"tags": ", ".join(entry.tags)[:500]} if entry.tags else {},
        cursor=cursor,
    )


def _header(headers: Mapping[str, str], name: str) -> str:
    return next((value for key, value in headers.items() if key.lower() == name), "")


def _validators(reply: HttpReply, memory: FeedMemory) -> tuple[str, str]:
    """ETag and Last-Modified for the next time; a 304 may leave them out. Over 500 characters they are not worth keeping."""
    etag, modified = _header(reply.headers, "etag"), _header(reply.headers, "last-modified")
    if reply.status == 304:
        etag, modified = etag or memory.etag, modified or memory.modified
    return etag if len(etag) <= 500 else "", modified if len(modified) <= 100 else ""


def _moved_for_good(reply: HttpReply) -> str:
    """Where an unbroken row of permanent redirects from the start leads, or ''."""
    target = ""
    for status, location in reply.redirects:
        if status not in (301, 308):
            break
        target = location
    return target


def _max_age_s(reply: HttpReply) -> int:
    found = re.search(r"\bmax-age\s*=\s*\"?(\d{1,9})", _header(reply.headers, "cache-control"), re.IGNORECASE)
    age = _header(reply.headers, "age")
    return max(0, int(found[1]) - (int(age) if age.isdecimal() and len(age) < 10 else 0)) if found else 0
