"""Entries of a feed, whatever its format, and the rules by which they get their names."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

MAX_ID = 500


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry. `guid` is what the feed calls it, '' where it has no name; `key` what leadd calls it."""

    title: str
    text: str
    guid: str = ""
    link: str | None = None
    author: str | None = None
    posted_at_ms: int | None = None
    tags: tuple[str, ...] = ()
    key: str = ""


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed that was read. `fault` names what is wrong with its markup; `format` is like rss20, atom10, json11."""

    format: str
    title: str
    entries: tuple[Entry, ...]
    fault: str = ""
    ttl_s: int = 0
    skip_hours: frozenset[int] = field(default_factory=frozenset)


class NotAFeed(Exception):
    """What came is no feed: why, and the way out."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.hint = hint


def short_hash(*parts: str) -> str:
    """12 hex digits that stand for the parts."""
    return hashlib.blake2b("\0".join(parts).encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def name_entries(entries: Sequence[Entry], shared: Collection[str] = ()) -> tuple[list[Entry], set[str]]:
    """The entries with their keys, each key once, and the hashes of guids that different entries share.

    The key is the guid, else the link, else a hash of title and text. A guid that stands on different entries (some feeds put
    the site's address into all of them) names none of them by itself; `shared` are those seen so before, because a feed that
    shows only one of them today is not mended by that.
    """
    known = {id(entry): short_hash(entry.guid, entry.link or "", entry.title) for entry in entries}
    distinct = Counter(guid for guid, _ in {(e.guid, known[id(e)]) for e in entries if e.guid})
    shared_now = {*shared, *(short_hash(guid) for guid, count in distinct.items() if count > 1)}
    named: dict[str, Entry] = {}
    for entry in entries:
        if entry.guid and short_hash(entry.guid) not in shared_now:
            key = entry.guid
        elif entry.guid:
            key = f"{entry.guid[: MAX_ID - 20]}#{known[id(entry)]}"
        else:
            key = entry.link or f"hash:{short_hash(entry.title, entry.text)}"
        if len(key) > MAX_ID:
            key = f"{key[: MAX_ID - 20]}#{short_hash(key)}"
        named.setdefault(key, replace(entry, key=key))
    return list(named.values()), {h for h in shared_now if h in {short_hash(e.guid) for e in entries} or h in shared}


def oldest_first(entries: Sequence[Entry]) -> list[Entry]:
    """By date where all have one; else from the end of the feed, since feeds put the newest first."""
    turned = list(reversed(entries))
    if all(entry.posted_at_ms is not None for entry in turned):
        turned.sort(key=lambda entry: entry.posted_at_ms or 0)
    return turned
