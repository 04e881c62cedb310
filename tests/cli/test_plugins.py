"""`leadd plugins`, and commands that plugins add."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cli_parts import Cli, Done

from leadd.cli.component_page import describe

Here = Callable[..., Done]
COMPONENTS = {
    "folder": "source",
    "inbox": "source",
    "memory": "cache",
    "sqlite": "cache",
    "ollama": "model",
    "evidence": "model",
    "jsonl": "sink",
    "csv": "sink",
    "webhook": "sink",
}

MINE = '''"""A plugin."""

import click

from leadd.api import SignalDraft, Source


class Greeter(Source):
    """Greets."""

    name = "greeter"

    async def poll(self, cursor):
        yield SignalDraft("hello")


def leadd_sources():
    return [Greeter]


def leadd_commands(cli):
    @cli.command()
    def greet():
        """Say hello."""
        click.echo("hello")

    @cli.command()
    def status():
        """Not this one: the name is taken."""
        click.echo("never")
'''


@pytest.fixture
def plugged(tmp_path: Path) -> Path:
    home = tmp_path / "plugged"
    (home / "plugins").mkdir(parents=True, mode=0o700)
    (home / "plugins" / "mine.py").write_text(MINE)
    return home


@pytest.mark.parametrize("name", COMPONENTS)
def test_every_component_says_what_it_does_and_takes(here: Here, name: str) -> None:
    done = here("plugins", "info", name)
    assert done.code == 0, done.err
    first = done.out.splitlines()[0]
    assert first.startswith(f"{name} ({COMPONENTS[name]}): ")
    assert "does not say" not in first
    assert "Settings of one component" not in done.out
    found = here("plugins", "info", name, "--json").data["items"]
    assert [(i["kind"], i["name"]) for i in found] == [(COMPONENTS[name], name)]
    for key in found[0]["schema"].get("properties", {}):
        assert f"  {key} " in done.out


def test_keys_in_words(here: Here) -> None:
    folder = here("plugins", "info", "folder").out
    assert "path           text, needed" in folder
    assert "settle_s       number 0 to 3600, default 2.0" in folder
    assert "keys with values: text, title, external_id" in folder
    assert "{env:NAME}" in here("plugins", "info", "webhook").out


def test_a_name_that_does_not_exist(here: Here) -> None:
    near = here("plugins", "info", "foldr")
    assert near.code == 1
    assert "did you mean 'folder'?" in near.err
    assert "there are: " in here("plugins", "info", "zzz").err


def test_list_with_and_without_a_daemon(here: Here, running: Cli, plugged: Path) -> None:
    alone = here("plugins", "list", home=plugged)
    assert alone.code == 0
    rows = {row[0]: row for row in alone.rows}
    assert rows["mine"][1] == "loaded"
    assert "greeter" in rows["mine"][3]
    with_daemon = running.run("plugins", "list", "--json").data
    assert {i["use"] for i in with_daemon["instances"]} >= {"inbox", "jsonl", "memory"}
    assert here("plugins", "check", home=plugged).out == "every plugin loads\n"


def test_commands_of_plugins(here: Here, plugged: Path) -> None:
    done = here("greet", home=plugged)
    assert (done.code, done.out) == (0, "hello\n")
    assert here("status", home=plugged).code == 3, "a plugin takes no name that exists"
    assert here("greet").code == 2


def test_a_page_of_a_component_without_keys() -> None:
    assert list(describe("x", "sink", "", {})) == [
        "x (sink): it does not say what it does",
        "  it takes no settings of its own",
    ]
    schema = {
        "description": "First.\n\nSecond\nline.",
        "properties": {
            "a": {"type": "integer", "minimum": 1, "default": 3, "description": "How many."},
            "b": {"enum": ["x", "y"], "default": "x"},
            "c": {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None},
            "d": {"$ref": "#/$defs/D"},
        },
        "required": ["d"],
        "$defs": {"D": {"enum": [1, 2]}},
    }
    assert list(describe("x", "sink", "Does.", schema)) == [
        "x (sink): Does.",
        "  First.",
        "  Second line.",
        "  a  whole number from 1, default 3",
        "     How many.",
        '  b  x or y, default "x"',
        "  c  text, optional",
        "  d  1 or 2, needed",
    ]
