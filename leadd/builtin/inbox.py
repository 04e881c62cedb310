"""The inbox: the source that stands for what arrives over HTTP and from `leadd ingest`."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import ClassVar

from leadd.api import ComponentConfig, Source, SourceItem


class InboxConfig(ComponentConfig):
    """The inbox has no settings of its own."""


class InboxSource(Source):
    """What was handed in. It yields nothing by itself; it exists so that such signals have a source with a name and figures."""

    name: ClassVar[str] = "inbox"
    Config: ClassVar[type[ComponentConfig]] = InboxConfig
    interval_s: ClassVar[float] = 86_400.0

    async def poll(self, cursor: str | None) -> AsyncIterator[SourceItem]:
        """Ends at once: what comes in by HTTP is stored by the route that took it, before its answer."""
        return
        yield  # a function with a yield is what makes this an async iterator
