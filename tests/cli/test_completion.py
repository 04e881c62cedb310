"""Completion in a real bash, and the scripts for the others."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_parts import Cli, Done

BASH = """
set -e
mkdir -p "$HOME/bin"
printf '#!/bin/sh\\nexec "{python}" -m leadd "$@"\\n' > "$HOME/bin/leadd"
chmod +x "$HOME/bin/leadd"
PATH="$HOME/bin:$PATH"
eval "$(leadd completion bash)"
COMP_WORDS=({words})
COMP_CWORD=$(( ${{#COMP_WORDS[@]}} - 1 ))
$(complete -p leadd | sed 's/.*-F \\([^ ]*\\) .*/\\1/') leadd
printf '%s\\n' "${{COMPREPLY[@]}}"
"""


def complete(home: Cli, words: str, folder: Path) -> list[str]:
    done = subprocess.run(
        ["bash", "--norc", "-c", BASH.format(python=sys.executable, words=words)],
        env=home.environ | {"HOME": str(folder)},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="there is no bash here")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("leadd sta", {"start", "status"}),
        ("leadd leads wh", {"why"}),
        ("leadd leads list --bu", {"--bucket"}),
        ("leadd leads list --bucket wa", {"warm"}),
        ("leadd sources pause in", {"inbox"}),
        ("leadd sinks test fi", {"file"}),
        ("leadd icp add --template sol", {"solo_founder"}),
        ("leadd icp show marketing_f", {"marketing_first_hire"}),
        ("leadd zzz", set()),
    ],
)
def test_bash(running: Cli, tmp_path: Path, words: str, found: set[str]) -> None:
    assert set(complete(running, words, tmp_path)) >= found


def test_names_are_silent_without_a_daemon(make_cli: Callable[..., Cli], tmp_path: Path) -> None:
    assert complete(make_cli(), "leadd sources pause x", tmp_path) == []


@pytest.mark.parametrize(("shell", "word"), [("bash", "complete -o"), ("zsh", "compdef"), ("fish", "complete --no-files")])
def test_a_script_for_each_shell(here: Callable[..., Done], shell: str, word: str) -> None:
    done = here("completion", shell)
    assert done.code == 0
    assert word in done.out
    assert here("completion", SHELL=f"/usr/bin/{shell}").out == done.out
    unknown = here("completion", SHELL="/bin/rc")
    assert unknown.code == 1
    assert "bash, zsh or fish" in unknown.err


def test_help_and_names_come_without_loading_a_command(tmp_path: Path) -> None:
    code = (
        "import sys, click; from leadd.cli.main import cli; ctx = click.Context(cli)\n"
        "print([i.value for i in cli.shell_complete(ctx, 'st')]); cli.get_help(ctx)\n"
        "print([m for m in sys.modules if m.startswith('leadd.cli.')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    names, modules = done.stdout.splitlines()
    assert names == "['start', 'stop', 'status']"
    assert set(eval(modules)) <= {"leadd.cli.main", "leadd.cli.exits", "leadd.cli.output"}  # noqa: S307 - our own list
