"""`leadd init`."""

from __future__ import annotations

import os

import click

from leadd.cli.exits import Ended
from leadd.cli.output import say
from leadd.config.paths import Paths, make_private_folder


@click.command()
@click.option("--force", is_flag=True, help="Write over a settings file that is there.")
def init(force: bool) -> None:
    """Write a commented settings file and the usual folders."""
    from leadd.config.template import commented_settings

    paths = Paths.from_environment()
    file = paths.config_file
    if file.exists() and not force:
        raise Ended(f"{file} is there already", hint="leadd init --force writes over it")
    if not file.parent.exists():  # an existing one may be anybody's: its mode is none of our business
        make_private_folder(file.parent)
    for folder in (
        paths.data_folder,
        paths.state_folder,
        paths.inbox_folder,
        paths.prompts_folder,
        paths.plugins_folder,
    ):
        make_private_folder(folder)
    fresh = file.with_name(file.name + ".new")
    fd = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as out:
        out.write(commented_settings(paths))
    os.replace(fresh, file)
    say(f"wrote {file}")
    say(f"  your own plugins go into {paths.plugins_folder}, your own prompts into {paths.prompts_folder}")
    say("next: leadd start, then leadd icp add --template NAME (leadd icp list names the templates)")
