"""leadd-feeds: the source `feed` (RSS, Atom, RDF, JSON Feed) and the command `leadd feeds preview`."""

from __future__ import annotations

from leadd.api import Source
from leadd_feeds.commands import leadd_commands
from leadd_feeds.source import FeedConfig, FeedSource

__all__ = ["FeedConfig", "FeedSource", "leadd_commands", "leadd_sources"]


def leadd_sources() -> list[type[Source]]:
    return [FeedSource]
