"""`leadd feeds preview`."""

from __future__ import annotations

import asyncio
import json
from importlib.metadata import entry_points
from pathlib import Path

import click
import pytest
from aiohttp import web
from click.testing import CliRunner
from feed_server import Script
from leadd_feeds import leadd_commands

FEED = (
    b'<rss version="2.0"><channel><title>Jobs\x1b</title><item><guid>1</guid><title>One \xc2\x9b</title>'
    b"<description>text</description><pubDate>Thu, 01 Jan 2026 12:00:00 GMT</pubDate></item></channel></rss>"
).replace(b"\x1b", b"")


@pytest.fixture
def cli() -> click.Group:
    group = click.Group("leadd")
    leadd_commands(group)
    return group


def test_a_file_is_shown(cli: click.Group, tmp_path: Path) -> None:
    (tmp_path / "f.xml").write_bytes(FEED)
    result = CliRunner().invoke(cli, ["feeds", "preview", str(tmp_path / "f.xml")])
    assert result.exit_code == 0
    assert "Jobs: rss20, 1 entries" in result.output
    assert "2026-01-01 12:00  One" in result.output
    assert "\x9b" not in result.output


async def test_an_address_is_shown_as_json(cli: click.Group, script: Script) -> None:
    script.answers["/f"] = web.Response(body=FEED)
    result = await asyncio.to_thread(CliRunner().invoke, cli, ["feeds", "preview", "--json", script.base + "/f"])
    assert result.exit_code == 0
    data = json.loads(result.output)
    assert data["format"] == "rss20"
    assert [(e["id"], e["text"]) for e in data["entries"]] == [("1", "text")]
    result = await asyncio.to_thread(CliRunner().invoke, cli, ["feeds", "preview", script.base + "/missing"])
    assert result.exit_code == 1
    assert "cannot be read" in result.output


@pytest.mark.parametrize(("target", "said"), [("nowhere", "neither a file nor an address"), ("file:///etc/passwd", "neither")])
def test_other_targets_are_refused(cli: click.Group, target: str, said: str) -> None:
    result = CliRunner().invoke(cli, ["feeds", "preview", target])
    assert result.exit_code == 1
    assert said in result.output


def test_a_page_is_told(cli: click.Group, tmp_path: Path) -> None:
    (tmp_path / "p.html").write_text('<html><link type="application/rss+xml" href="https://h.example/f">')
    result = CliRunner().invoke(cli, ["feeds", "preview", str(tmp_path / "p.html")])
    assert result.exit_code == 1
    assert "the page names this feed: https://h.example/f" in result.output


def test_the_entry_point_is_installed() -> None:
    found = [point.value for point in entry_points(group="leadd.plugins") if point.name == "feeds"]
    assert found == ["leadd_feeds"]
