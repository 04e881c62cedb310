"""JSON Feed 1.0 and 1.1 (jsonfeed.org)."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urljoin

from leadd_feeds.entries import Entry, Feed, NotAFeed
from leadd_feeds.html_text import html_to_text


def read_json_feed(body: bytes, *, url: str) -> Feed:
    """The feed. Raises NotAFeed for JSON of another kind, or none."""
    try:
        data = json.loads(body.decode("utf-8-sig", errors="replace"))
    except (ValueError, RecursionError) as error:
        raise NotAFeed(f"it is no sound JSON: {str(error)[:100]}", "look at the address in a browser") from error
    items = data.get("items") if isinstance(data, dict) else None
    version = str(data.get("version", "")) if isinstance(data, dict) else ""
    if not isinstance(items, list) or "jsonfeed.org/version" not in version:
        raise NotAFeed("it is JSON, but not a JSON Feed", "a JSON Feed names its version; other JSON needs a source of its own")
    entries = [_read_item(item, url) for item in items if isinstance(item, dict)]
    left_out = len(items) - len(entries)
    return Feed(
        format="json" + version.rsplit("/", 1)[-1].replace(".", "")[:4],
        title=_text(data.get("title")),
        entries=tuple(entries),
        fault=f"{left_out} items are no objects" if left_out else "",
    )


def _read_item(item: dict[str, Any], base: str) -> Entry:
    text = html_to_text(_text(item.get("content_html"))) or _text(item.get("content_text")) or _text(item.get("summary"))
    tags = item.get("tags")
    return Entry(
        title=" ".join(_text(item.get("title")).split()),
        text=text,
        guid=_text(item.get("id")).strip(),
        link=web_link(_text(item.get("url")) or _text(item.get("external_url")), base),
        author=_find_author(item),
        posted_at_ms=_parse_date(_text(item.get("date_published")) or _text(item.get("date_modified"))),
        tags=tuple(tag for tag in tags[:50] if isinstance(tag, str)) if isinstance(tags, list) else (),
    )


def _find_author(item: dict[str, Any]) -> str | None:
    authors = item.get("authors")
    first = authors[0] if isinstance(authors, list) and authors else item.get("author")
    return (_text(first.get("name")) or None) if isinstance(first, dict) else None


def _parse_date(value: str) -> int | None:
    try:
        moment = datetime.fromisoformat(value.strip())
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000) if 1980 <= moment.year <= 2100 else None


def web_link(link: str, base: str) -> str | None:
    """The whole address, or None where it leads elsewhere than to the web (javascript:, file: and the like)."""
    if not link.strip():
        return None
    try:
        whole = urljoin(base, link.strip())
    except ValueError:
        return None
    return whole[:2000] if whole.lower().startswith(("http://", "https://")) else None


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode() if not value.isascii() else value
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else ""
