"""How a command ends: the numbers, and the errors that carry them."""

from __future__ import annotations

import click

DONE, FAILED, USAGE, NOT_RUNNING, DEGRADED, TEMPORARY, NOT_PERMITTED, BAD_SETTINGS = 0, 1, 2, 3, 69, 75, 77, 78
INTERRUPTED = 130
"""Ctrl-C, as shells count it."""


class Ended(click.ClickException):
    """The command cannot go on: one line on what is wrong, one on the way out, and the exit code."""

    def __init__(self, message: str, *, hint: str = "", code: int = FAILED) -> None:
        super().__init__(message)
        self.hint = hint
        self.exit_code = code  # type: ignore[misc]  # click reads it from the instance

    def show(self, file: object = None) -> None:
        """Print to standard error, never to standard output, so that --json stays JSON."""
        from leadd.cli.output import harmless

        first, *more = self.message.splitlines() or [""]
        click.echo(f"leadd: {harmless(first)}", err=True)
        for line in (*more, *([self.hint] if self.hint else ())):
            click.echo(f"  {harmless(line.strip())}", err=True)


class NotRunning(Ended):
    """There is no daemon to talk to."""

    def __init__(self) -> None:
        super().__init__("the daemon is not running", hint="start it with: leadd start", code=NOT_RUNNING)
