"""Commands that plugins add, and what happens to those that must not be added."""

from __future__ import annotations

import logging

import click
import pytest


@pytest.fixture
def cli() -> click.Group:
    group = click.Group("leadd")
    group.add_command(click.Command("status", help="leadd's own"))
    return group


GOOD = """
import click

def leadd_commands(cli):
    @cli.command()
    def extra():
        click.echo("hi")
"""
BAD = """
import click

def leadd_commands(cli):
    cli.add_command(click.Command("half"))
    del cli.commands["status"]
    raise RuntimeError("no")
"""
TAKER = """
import click

def leadd_commands(cli):
    cli.add_command(click.Command("status", help="mine now"))
    cli.add_command(click.Command("mine"))
"""


def test_commands_are_added(make, put, cli: click.Group) -> None:
    put("good.py", GOOD)
    registry = make()
    registry.add_commands(cli)
    assert set(cli.commands) == {"status", "extra"}


def test_one_that_fails_changes_nothing(make, put, cli: click.Group, caplog: pytest.LogCaptureFixture) -> None:
    put("a_bad.py", BAD)
    put("b_good.py", GOOD)
    with caplog.at_level(logging.WARNING, logger="test.registry"):
        make().add_commands(cli)
    assert set(cli.commands) == {"status", "extra"}
    assert "leadd_commands failed: RuntimeError: no (a_bad.py:7)" in caplog.text


def test_leadds_own_commands_stay_its_own(make, put, cli: click.Group, caplog: pytest.LogCaptureFixture) -> None:
    put("taker.py", TAKER)
    with caplog.at_level(logging.WARNING, logger="test.registry"):
        make().add_commands(cli)
    assert cli.commands["status"].help == "leadd's own"
    assert "mine" in cli.commands
    assert "the command 'status' exists already" in caplog.text


def test_a_plugin_that_failed_adds_nothing(make, put, cli: click.Group) -> None:
    put("bad.py", GOOD + "\ndef leadd_sources():\n    raise ValueError\n")
    make().add_commands(cli)
    assert set(cli.commands) == {"status"}
