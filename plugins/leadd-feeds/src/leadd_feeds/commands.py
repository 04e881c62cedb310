"""`leadd feeds preview`: what a feed would bring, before it is written into the settings."""

from __future__ import annotations

import click

MAX_SECONDS = 30


def leadd_commands(cli: click.Group) -> None:
    """Adds `leadd feeds`."""
    cli.add_command(feeds)


@click.group(help="Look at RSS, Atom, RDF and JSON feeds.")
def feeds() -> None:
    """The group `leadd feeds`."""


@feeds.command(help="Print what the feed at URL (or in FILE) would bring. Nothing is stored.")
@click.argument("target", metavar="URL|FILE")
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 2000), help="How many entries, the newest.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def preview(target: str, limit: int, as_json: bool) -> None:
    import json

    from leadd_feeds.entries import NotAFeed, name_entries, oldest_first
    from leadd_feeds.parse import read_feed

    body, url, content_type = _fetch(target)
    try:
        feed = read_feed(body, url=url, content_type=content_type)
    except NotAFeed as fault:
        raise click.ClickException(fault.reason + (f"\n{fault.hint}" if fault.hint else "")) from fault
    entries, _ = name_entries(oldest_first(feed.entries))
    shown = entries[-limit:]
    if as_json:
        rows = [{"id": e.key, "title": e.title, "url": e.link, "posted_at_ms": e.posted_at_ms, "text": e.text} for e in shown]
        click.echo(json.dumps({"format": feed.format, "title": feed.title, "fault": feed.fault, "entries": rows}, indent=1))
        return
    click.echo(f"{_plain(feed.title) or url}: {feed.format}, {len(entries)} entries")
    if feed.fault:
        click.echo(f"note: {_plain(feed.fault)}")
    for entry in shown:
        click.echo(f"\n{_when(entry.posted_at_ms)}  {_plain(entry.title) or '(no title)'}")
        click.echo(f"  {entry.link or entry.key}\n  {_plain(entry.text)[:200]}")


def _fetch(target: str) -> tuple[bytes, str, str]:
    """(body, address, content type) of a file, or of a web address as the user gave it."""
    from pathlib import Path
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, urlopen

    from leadd_feeds.guard import MAX_BYTES
    from leadd_feeds.source import ACCEPT, FeedConfig

    try:
        if Path(target).is_file():
            with Path(target).open("rb") as file:
                return file.read(MAX_BYTES + 1), Path(target).absolute().as_uri(), ""
        config = FeedConfig(url=target)
        request = Request(config.url, headers={"Accept": ACCEPT, "User-Agent": config.user_agent})
        with urlopen(request, timeout=MAX_SECONDS) as reply:
            return reply.read(MAX_BYTES + 1), reply.url, reply.headers.get("Content-Type", "")
    except (URLError, OSError) as error:
        if isinstance(error, HTTPError):
            error.close()
        raise click.ClickException(f"{target} cannot be read: {getattr(error, 'reason', error)}") from error
    except ValueError as error:
        raise click.ClickException(
            f"'{target}' is neither a file nor an address that begins with https:// or http://"
        ) from error


def _plain(text: str) -> str:
    """One line without control characters: what a feed says must not drive the terminal."""
    return "".join(char for char in " ".join(text.split()) if char.isprintable())


def _when(value_ms: int | None) -> str:
    from datetime import UTC, datetime

    return f"{datetime.fromtimestamp(value_ms / 1000, UTC):%Y-%m-%d %H:%M}" if value_ms is not None else "no date         "
