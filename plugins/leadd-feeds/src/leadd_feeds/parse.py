"""From bytes to a feed. Blocking and heavy: run it in a thread."""

from __future__ import annotations

import calendar
import io
import re
from collections.abc import Mapping
from html import unescape
from typing import Any

import feedparser

from leadd_feeds.entries import Entry, Feed, NotAFeed
from leadd_feeds.guard import Hazard, check_markup, unpack
from leadd_feeds.html_text import html_to_text, looks_like_html
from leadd_feeds.jsonfeed import read_json_feed, web_link

_LINK = re.compile(rb"<link\b[^<>]{0,2000}>", re.IGNORECASE)
_FEED_TYPE = re.compile(rb"type\s*=\s*[\"']?application/(?:rss|atom|rdf|feed)\+(?:xml|json)", re.IGNORECASE)
_HREF = re.compile(rb"href\s*=\s*(?:\"([^\"]{1,1500})\"|'([^']{1,1500})'|([^\s\"'>]{1,1500}))", re.IGNORECASE)
_FIRST_TAG = re.compile(rb"<(!doctype\s+html|[A-Za-z][\w.:-]{0,60})", re.IGNORECASE)
_PAGE_TAGS = frozenset(
    [
        b"!doctype html",
        b"html",
        b"head",
        b"body",
        b"div",
        b"section",
        b"main",
        b"article",
        b"p",
        b"span",
        b"table",
        b"h1",
        b"script",
    ]
)
_SKIP_HOURS = re.compile(rb"<skipHours>(.{0,2000}?)</skipHours>", re.DOTALL)
_HARMLESS = ("CharacterEncodingOverride", "NonXMLContentType")


def read_feed(body: bytes, *, url: str, content_type: str = "") -> Feed:
    """The feed in `body`, its links made whole against `url`.

    A feed with broken markup is read as far as that goes, and its `fault` says what is broken. Raises NotAFeed, with the feed's
    address in the hint where the page links to one, and for documents that no parser should be given.
    """
    try:
        data = unpack(body)
        if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
            return read_json_feed(data, url=url)
        check_markup(data)
    except Hazard as hazard:
        if _is_page(body):
            raise _explain(body, url) from hazard
        raise NotAFeed(str(hazard), "such a document is not read; ask its publisher") from hazard
    return _read_xml(data, url, content_type)


def _read_xml(data: bytes, url: str, content_type: str) -> Feed:
    # A stream, never bytes: feedparser would take bytes that name a local file for that file and read it.
    # And without the feed's own address: with it, a guid like `17` would become an address, and every entry a new one on the
    # day on which the feed moves. Links are made whole here instead.
    headers = {"content-type": _xml_type(content_type)}
    try:
        found = feedparser.parse(io.BytesIO(data), response_headers=headers, sanitize_html=False, resolve_relative_uris=False)
    except Exception as error:  # feedparser lets errors of its date and encoding code through
        raise NotAFeed(f"the parser failed on it ({type(error).__name__})", "ask its publisher") from error
    if not found.get("version") and not found.entries:
        raise _explain(data, url)
    skip = _SKIP_HOURS.search(data[:65_536])
    return Feed(
        format=found.get("version") or "unknown",
        title=_one_line(found.feed.get("title", "")),
        entries=tuple(_read_entry(entry, url) for entry in found.entries),
        fault=_find_fault(found),
        ttl_s=_minutes(found.feed.get("ttl")) * 60,
        skip_hours=frozenset(int(h) % 24 for h in re.findall(rb"<hour>\s*(\d{1,2})\s*</hour>", skip[1]))
        if skip
        else frozenset(),
    )


def _xml_type(content_type: str) -> str:
    """Only the charset counts; without one, `text/xml` would mean ASCII, which no publisher means."""
    charset = re.search(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", content_type, re.IGNORECASE)
    return f"application/xml; charset={charset[1]}" if charset else "application/xml"


def _find_fault(found: Any) -> str:
    error = found.get("bozo_exception")
    if not found.get("bozo") or error is None or type(error).__name__ in _HARMLESS:
        return ""
    reason = getattr(error, "getMessage", lambda: str(error))()
    line = getattr(error, "getLineNumber", lambda: None)()
    return f"its markup is broken: {str(reason)[:100]}" + (f" (line {line})" if line else "")


def _read_entry(entry: Mapping[str, Any], url: str) -> Entry:
    guid = str(entry.get("id") or "").strip()
    href = str(entry.get("link") or "").strip()
    # feedparser takes a guid for the link where there is none; one like `17` leads nowhere.
    link = None if href == guid and "://" not in href else web_link(href, url)
    moment = entry.get("published_parsed") or entry.get("updated_parsed") or entry.get("created_parsed")
    author = _one_line(entry.get("author", ""))
    tags = [str(tag.get("term") or "").strip() for tag in entry.get("tags", [])[:50]]
    return Entry(
        title=_read_title(entry),
        text=_read_text(entry),
        guid=guid,
        link=link,
        author=author or None,
        posted_at_ms=_to_ms(moment),
        tags=tuple(tag for tag in tags if tag),
    )


def _read_title(entry: Mapping[str, Any]) -> str:
    title = str(entry.get("title") or "")
    if "html" in str(entry.get("title_detail", {}).get("type", "")):
        return _one_line(html_to_text(title))
    return _one_line(unescape(title))


def _read_text(entry: Mapping[str, Any]) -> str:
    """The longest content, else the summary."""
    contents = [
        part for part in entry.get("content", []) if str(part.get("type", "")).startswith(("text/", "application/xhtml"))
    ]
    best = max(contents, key=lambda part: len(part.get("value") or ""), default=None)
    if best is not None and (text := _to_text(str(best.get("value") or ""), str(best.get("type", "")))):
        return text
    kind = str(entry.get("summary_detail", {}).get("type", "text/html"))
    return _to_text(str(entry.get("summary") or ""), kind)


def _to_text(value: str, kind: str) -> str:
    if "html" in kind or looks_like_html(value):
        return html_to_text(value)
    return value.strip()


def _one_line(value: object) -> str:
    return " ".join(str(value).split())[:500]


def _to_ms(moment: Any) -> int | None:
    try:
        return calendar.timegm(moment) * 1000 if moment and 1980 <= moment[0] <= 2100 else None
    except (TypeError, ValueError, OverflowError):
        return None


def _minutes(value: object) -> int:
    text = str(value or "").strip()
    return min(int(text), 10_080) if text.isdecimal() and len(text) < 7 else 0


def _is_page(data: bytes) -> bool:
    first = _FIRST_TAG.search(data[:65_536])
    return first is not None and first[1].lower() in _PAGE_TAGS


def _explain(data: bytes, url: str) -> NotAFeed:
    """What it is instead, and the feed that a page names."""
    head = data[:262_144]
    for tag in _LINK.findall(head):
        href = _HREF.search(tag)
        if _FEED_TYPE.search(tag) and href:
            raw = next(group for group in href.groups() if group)
            link = web_link(unescape(raw.decode("utf-8", "replace")), url)
            if link:
                return NotAFeed("it is a web page, not a feed", f"the page names this feed: {link}")
    if _is_page(head):
        return NotAFeed("it is a web page, not a feed", "look for a link named RSS, Atom or Feed on it")
    if not data.strip():
        return NotAFeed("it is empty", "look at the address in a browser")
    root = _FIRST_TAG.search(head)
    if root:
        return NotAFeed(f"it is XML of another kind (<{root[1].decode()}>), not a feed", "such XML needs a source of its own")
    return NotAFeed("it is not a feed", "look at the address in a browser")
