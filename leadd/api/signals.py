"""Signals: the texts that come in, as sources yield them and as leadd stores them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SignalDraft:
    """One text as a source found it. Only `text` is needed.

    `external_id` is the source's own name for the item: one source yields one id once, repeats are dropped. Without it the
    text itself is the identity. `cursor` is the source's position after this item; it is stored in the same transaction as
    the item, and the next `poll` gets the last one stored.
    """

    text: str
    title: str = ""
    external_id: str | None = None
    url: str | None = None
    company: str | None = None
    company_website: str | None = None
    location: str | None = None
    author: str | None = None
    posted_at_ms: int | None = None
    source_type: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A position without an item: yield it where a stretch was read that held nothing new."""

    cursor: str


@dataclass(frozen=True, slots=True)
class Problem:
    """An item that could not be read: where it stands (file and row, entry id), what is wrong, the way out.

    It is kept and shown by `leadd sources show`; the items around it go on.
    """

    place: str
    reason: str
    hint: str = ""
    cursor: str | None = None


SourceItem = SignalDraft | Checkpoint | Problem
"""What `Source.poll` may yield."""


@dataclass(frozen=True, slots=True)
class Signal:
    """A stored signal. Text and title are normalised; `content_hash` is over both and names equal signals."""

    id: int
    source: str
    text: str
    title: str
    content_hash: str
    found_at_ms: int
    external_id: str | None = None
    url: str | None = None
    company: str | None = None
    company_website: str | None = None
    location: str | None = None
    author: str | None = None
    posted_at_ms: int | None = None
    source_type: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)
    asked_by_person: bool = False
    attempts: int = 0


@dataclass(frozen=True, slots=True)
class Contact:
    """One way to reach someone, as found in a signal. `kind` is email, phone (E.164) or link."""

    kind: str
    value: str
