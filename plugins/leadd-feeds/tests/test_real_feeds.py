"""Feeds and pages as they are in the world. The files are not part of the project; where they are missing this is skipped."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from leadd_feeds.entries import NotAFeed, name_entries
from leadd_feeds.parse import read_feed

DATA = Path(os.environ.get("LEADD_EVAL_DATA", Path(__file__).parents[4] / "shared" / "data")) / "feeds"

FEEDS = {
    "atom-aws-blog.xml": ("atom10", 10),
    "atom-google-alerts.xml": ("atom10", 20),
    "atom-reddit.xml": ("rss20", 24),
    "bad-compressed.xml": ("rss20", 10),
    "bad-guid-dupes.xml": ("rss20", 1),
    "bad-illegally-nested.xml": ("rss20", 20),
    "bad-invalid-date.xml": ("rss20", 2),
    "json-feed.json": ("json1", 20),
    "rdf-craigslist.xml": ("rss10", 25),
    "rss-guardian.xml": ("rss20", 55),
    "rss-jn-iso8859-1.xml": ("rss20", 40),
    "rss-wwr-remote-programming-jobs.xml": ("rss20", 4),
}
NO_FEEDS = {
    "bad-notafeed.html": "web page",
    "html-bad-broken-encoding.html": "web page",
    "html-blog-wordpress.html": "web page",
    "html-jobscz-career-widget.html": "web page",
    "html-linkedin-job.html": "web page",
    "html-lists-broken-tags.html": "web page",
    "html-remoteok-job.html": "web page",
    "html-wwr-job.html": "web page",
    "json-hn-who-is-hiring-2026-05.json": "not a JSON Feed",
    "xml-startupjobs-feed.xml": "XML of another kind",
}

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the real feeds are not here (LEADD_EVAL_DATA)")


@pytest.mark.parametrize("name", sorted(FEEDS))
def test_feeds_are_read(name: str) -> None:
    feed = read_feed((DATA / name).read_bytes(), url="https://host.example/feed")
    assert (feed.format, len(feed.entries)) == FEEDS[name]
    named, _ = name_entries(feed.entries)
    assert all(entry.link is None or entry.link.startswith("http") for entry in named)
    readable = [entry for entry in named if entry.title or entry.text]
    assert len(readable) >= len(named) - 1
    assert not any("<p>" in entry.text or "&nbsp;" in entry.text for entry in named)


@pytest.mark.parametrize("name", sorted(NO_FEEDS))
def test_other_things_are_told_by_name(name: str) -> None:
    with pytest.raises(NotAFeed) as caught:
        read_feed((DATA / name).read_bytes(), url="https://host.example/page")
    assert NO_FEEDS[name] in caught.value.reason
    assert caught.value.hint


def test_no_file_is_left_out() -> None:
    names = {file.name for file in DATA.iterdir() if file.suffix in (".xml", ".html", ".json")}
    assert names == {*FEEDS, *NO_FEEDS}
