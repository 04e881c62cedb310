"""The reference page of the command line, made from the commands themselves."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from leadd.cli.main import COMMANDS, cli

HEAD = """\
# Commands

Made from the commands themselves by `python -m leadd.cli.reference`; a test compares the two.

Every command that reads takes `--json`: then only JSON stands on standard output, and errors on standard error. Where standard
output is no terminal, tables are written as rows with tabs.

| ends with | means |
|---|---|
| 0 | done |
| 1 | failed, or something was refused |
| 2 | the command was written wrongly |
| 3 | the daemon is not running |
| 69 | degraded (`leadd status --check`) |
| 75 | a daemon runs already, or try again later |
| 77 | not permitted |
| 78 | the settings are invalid |
| 130 | ended by Ctrl-C |
"""


def reference() -> str:
    """The page as Markdown."""
    return "\n".join([HEAD, *_lines()]).rstrip() + "\n"


def _lines() -> Iterator[str]:
    root = cli.make_context("leadd", [], resilient_parsing=True)
    for name in COMMANDS:
        command = cli.get_command(root, name)
        assert command is not None
        yield from _command(command, click.Context(command, info_name=name, parent=root))


def _command(command: click.Command, ctx: click.Context) -> Iterator[str]:
    depth = ctx.command_path.count(" ")
    yield f"{'#' * (depth + 1)} {ctx.command_path}"
    yield ""
    if not isinstance(command, click.Group):
        usage = " ".join([ctx.command_path, *command.collect_usage_pieces(ctx)])
        yield f"`{usage}`"
        yield ""
    yield _prose(command.help or "")
    yield ""
    options = [p for p in command.params if isinstance(p, click.Option) and not p.hidden]
    if options:
        yield "| option | |"
        yield "|---|---|"
        for option in options:
            found = option.get_help_record(ctx)
            if found is not None:
                yield f"| `{_cell(found[0])}` | {_cell(found[1])} |"
        yield ""
    if isinstance(command, click.Group):
        for name in command.list_commands(ctx):
            inner = command.get_command(ctx, name)
            assert inner is not None
            yield from _command(inner, click.Context(inner, info_name=name, parent=ctx))


def _prose(text: str) -> str:
    """Help as paragraphs; what stands behind click's mark for 'leave as it is' becomes a block."""
    parts = []
    for part in text.split("\n\n"):
        if part.startswith("\b"):
            parts.append("```\n" + part.lstrip("\b\n") + "\n```")
        else:
            parts.append(" ".join(part.split()))
    return "\n\n".join(p for p in parts if p)


def _cell(text: str) -> str:
    return re.sub(r"\s+", " ", text).replace("|", "\\|")


if __name__ == "__main__":
    click.echo(reference(), nl=False)
