"""`leadd`: the table of commands. A command's module is imported when the command is called, not before."""

from __future__ import annotations

import importlib
import io
import os
import sys
from typing import Any

import click

from leadd import __version__
from leadd.cli.exits import DONE, FAILED, INTERRUPTED, NOT_PERMITTED

COMMANDS: dict[str, tuple[str, str]] = {
    "start": ("daemon", "Start the daemon in the background and wait until it is ready."),
    "run": ("daemon", "Run the daemon in this terminal; the same as start --foreground."),
    "stop": ("daemon", "Stop the daemon; work in hand goes back to the queue."),
    "restart": ("daemon", "Stop the daemon and start it again."),
    "status": ("status", "Show how the daemon is and what it has done."),
    "logs": ("logs", "Show the daemon's log."),
    "doctor": ("doctor", "Look for problems and say what to do about each."),
    "init": ("init", "Write a commented settings file and the usual folders."),
    "demo": ("demo", "Show the whole way from signals to leads, in a temporary home."),
    "classify": ("classify", "Classify one text now."),
    "ingest": ("ingest", "Hand files of signals to the daemon (JSONL, CSV, text)."),
    "leads": ("leads", "List leads, see why they are there, give your verdict."),
    "review": ("review", "Judge what helps leadd most, one key for each."),
    "signals": ("signals", "List signals by outcome, see why one is no lead, retry held ones."),
    "icp": ("icp", "Show and change your ideal customer profiles."),
    "export": ("export", "Write your verdicts as data to teach a model with."),
    "sources": ("sources", "Show, poll, pause and resume sources."),
    "sinks": ("sinks", "Show and test sinks."),
    "deliveries": ("deliveries", "Show deliveries, retry or drop those that gave up."),
    "plugins": ("plugins", "Show plugins and what became of each."),
    "tune": ("tune", "Teach a model your verdicts; it is taken only where it wins."),
    "models": ("models", "Show the models that leadd asks, and fetch missing ones."),
    "prompts": ("prompts", "Show, test, compare and roll back the prompts."),
    "experiment": ("experiment", "Try another version of a prompt on a share of the companies."),
    "reload-prompts": ("prompts", "Read the prompt files again; the last good ones stay where one is bad."),
    "rejudge": ("signals", "Judge signals again that no language model has seen."),
    "prefilter": ("prefilter", "Show what the prefilter promises; go back to an earlier scorer."),
    "cache": ("cache", "Show the cache's figures or clear it."),
    "config": ("config", "Show and check the settings."),
    "eval": ("eval", "Measure how well leadd chooses among signals whose answers are known."),
    "bench": ("bench", "Measure what leadd makes of a machine."),
    "completion": ("completion", "Print the script that switches on completion in your shell."),
}


class LazyGroup(click.Group):
    """A group that knows its commands by a table and imports only the one that is called.

    A name that is not in the table may belong to a plugin: then, and only then, plugins are loaded.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names in the table, in its order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of that name, or None."""
        if name not in COMMANDS:
            return _plugin_command(name)
        module = importlib.import_module(f"leadd.cli.{COMMANDS[name][0]}")
        found = getattr(module, name.replace("-", "_"))
        assert isinstance(found, click.Command)
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table, without importing a single command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in COMMANDS.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[Any]:
        """Names out of the table: completion answers at once and loads no command."""
        from click.shell_completion import CompletionItem

        names = [CompletionItem(name, help=line) for name, (_, line) in COMMANDS.items() if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def resolve_command(self, ctx: click.Context, args: list[str]) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does, with the nearest names where there is no such command."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], COMMANDS, n=1)
            if near:
                raise click.UsageError(f"No such command '{args[0]}'. Did you mean '{near[0]}'?", ctx) from error
            raise


def _plugin_command(name: str) -> click.Command | None:
    from leadd.cli.plugins import plugin_commands

    return plugin_commands().get(name)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="leadd")
def cli() -> None:
    """Find the few texts in which a company shows a need that you can serve.

    \b
    leadd init            write the settings file
    leadd start           start the daemon
    leadd leads list      this morning's leads
    leadd demo            see it work, nothing to set up
    """


def main() -> None:
    """Run the command line; every error ends as a line of text and an exit code, never as a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # an umlaut on a terminal that has none is no reason to fall over
    try:
        sys.exit(_run())
    except BrokenPipeError:
        # The reader of a pipe went away (`leadd leads list | head`): nothing is wrong, and nobody is left to be told.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(DONE)


def _run() -> int:
    from leadd.config.paths import NotPrivate

    try:
        code = cli.main(prog_name="leadd", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo(err=True)
        return INTERRUPTED
    except BrokenPipeError:
        raise
    except (PermissionError, NotPrivate) as error:
        click.echo(f"leadd: {error}", err=True)
        return NOT_PERMITTED
    except OSError as error:
        click.echo(f"leadd: {error}", err=True)
        return FAILED
    except Exception as error:
        if os.environ.get("LEADD_DEBUG"):
            raise
        click.echo(f"leadd: this should not happen: {type(error).__name__}: {error}", err=True)
        click.echo("  LEADD_DEBUG=1 in front of the command shows where; please report it", err=True)
        return FAILED
    return code if isinstance(code, int) else DONE
