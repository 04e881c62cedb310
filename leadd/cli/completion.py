"""`leadd completion`."""

from __future__ import annotations

import os

import click
from click.shell_completion import get_completion_class

from leadd.cli.exits import Ended


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), required=False)
def completion(shell: str | None) -> None:
    """Print the script that switches on completion.

    \b
    bash:  leadd completion bash >> ~/.bashrc
    zsh:   leadd completion zsh >> ~/.zshrc
    fish:  leadd completion fish > ~/.config/fish/completions/leadd.fish
    """
    from leadd.cli.main import cli

    shell = shell or os.path.basename(os.environ.get("SHELL", ""))
    found = get_completion_class(shell)
    if found is None:
        raise Ended(f"there is no completion for '{shell}'", hint="name one: bash, zsh or fish")
    click.echo(found(cli, {}, "leadd", "_LEADD_COMPLETE").source())
