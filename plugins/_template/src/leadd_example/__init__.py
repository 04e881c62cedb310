"""A source for leadd: postings from a JSON list at an address."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any, ClassVar

from leadd.api import Checkpoint, ComponentConfig, NeedsAttention, Problem, SignalDraft, Source, SourceItem


class ExampleConfig(ComponentConfig):
    """Settings of one entry. Unknown keys are an error; the docs page is made from these fields."""

    url: str


class ExampleSource(Source):
    """Postings that were not there at the last poll, oldest first."""

    name: ClassVar[str] = "example"
    Config: ClassVar[type[ComponentConfig]] = ExampleConfig
    interval_s: ClassVar[float] = 3600.0

    async def poll(self, cursor: str | None) -> AsyncIterator[SourceItem]:
        """The session raises Retry, NeedsAttention and Reject from the answer, so only the content is looked at here."""
        reply = await self.ctx.http.get(self.config.url)
        try:
            postings = json.loads(reply.body)
        except ValueError as error:
            raise NeedsAttention(f"{self.config.url} gives no JSON", hint="open it in a browser") from error
        last = int(cursor) if cursor and cursor.isdecimal() and len(cursor) < 19 else 0
        for number, posting in enumerate(sorted(_objects(postings), key=_id_of), start=1):
            if _id_of(posting) > last:
                yield read_posting(posting, f"posting {number}")
        if not postings:
            yield Checkpoint(str(last))


def read_posting(posting: dict[str, Any], place: str) -> SourceItem:
    """One posting as a draft, or as a problem where it has no text. The cursor goes with both: neither comes again."""
    cursor = str(_id_of(posting))
    text = str(posting.get("text") or "")
    if not text.strip():
        return Problem(place, "it has no text", cursor=cursor)
    return SignalDraft(
        text=text, title=str(posting.get("title") or ""), url=posting.get("url"), external_id=cursor, cursor=cursor
    )


def _objects(postings: Any) -> list[dict[str, Any]]:
    return [item for item in postings if isinstance(item, dict)] if isinstance(postings, list) else []


def _id_of(posting: dict[str, Any]) -> int:
    found = posting.get("id")
    return found if isinstance(found, int) else 0


def leadd_sources() -> list[type[Source]]:
    return [ExampleSource]
