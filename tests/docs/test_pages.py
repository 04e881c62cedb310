"""The pages for users: their links lead somewhere, their commands exist, their walk-through works."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from leadd.cli.main import cli
from leadd.cli.reference import reference

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")])
FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CALL = re.compile(r"(?:^|[$(|&;]\s*|LEADD_\w+=\S+ )leadd ([^|)#;&>\n]+)")


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(FENCE, "", page.read_text(encoding="utf-8"))
    for target in LINK.findall(text):
        if re.match(r"https?://|mailto:", target):
            continue
        file, _, anchor = target.partition("#")
        found = page.parent / file if file else page
        assert found.exists(), f"{named(page)} links to {target}"
        if anchor:
            assert anchor in anchors(found), f"{named(page)} links to {target}: there is no such heading"


def commands_in(page: Path) -> Iterator[str]:
    """Every call of leadd: lines of code blocks, and whole spans of code in the text."""
    text = page.read_text(encoding="utf-8")
    for _, block in FENCE.findall(text):
        for line in block.splitlines():
            yield from CALL.findall(line.strip())
    rest = re.sub(FENCE, "", text)
    for line in re.findall(r"^    +(leadd .+)$", rest, re.MULTILINE):
        yield from CALL.findall(line)
    for span in re.findall(r"`(leadd [^`]+)`", rest):
        yield span.removeprefix("leadd ")


def check(line: str) -> None:
    """Parse a line as click would, down to the last option, without running anything."""
    args = shlex.split(re.split(r"\s{2,}", line.strip())[0])
    args = ["1" if a in {"ID", "N", "LEAD_ID"} else __file__ if a == "FILE" else a for a in args]
    if args[-1:] == ["--help"] or "…" in line or "..." in line or args[0] == "[OPTIONS]":
        return
    ctx = cli.make_context("leadd", list(args), resilient_parsing=False)
    command: click.Command = cli
    while isinstance(command, click.Group) and [*ctx._protected_args, *ctx.args]:
        name, found, rest = command.resolve_command(ctx, [*ctx._protected_args, *ctx.args])
        assert found is not None
        command, ctx = found, found.make_context(name, rest, parent=ctx)


@pytest.mark.parametrize("page", [p for p in PAGES if p.name != "cli.md"], ids=named)
def test_commands_in_the_pages_exist(page: Path) -> None:
    for line in commands_in(page):
        try:
            check(line)
        except click.ClickException as error:
            pytest.fail(f"{named(page)}: `leadd {line}`: {error.message}")


def test_a_wrong_command_would_be_found() -> None:
    for line in ("leads lst", "leads why", "leads list --nope", "start --profile none", "nothing", "leads why abc"):
        with pytest.raises(click.ClickException):
            check(line)
    assert sum(1 for page in PAGES for _ in commands_in(page)) > 40
    check("leads why ID")
    check("config path      where the files are")


def test_the_commands_page_is_made_from_the_commands() -> None:
    page = ROOT / "docs" / "reference" / "cli.md"
    assert page.read_text(encoding="utf-8") == reference(), f"run: python -m leadd.cli.reference > {named(page)}"


def test_readme_names_every_page() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    pages = [p for p in PAGES if p.is_relative_to(ROOT / "docs")]
    assert [named(p) for p in pages if f"]({named(p)})" not in readme] == []


@pytest.mark.skipif(shutil.which("sh") is None, reason="there is no shell here")
def test_the_walk_through_works(tmp_path: Path) -> None:
    blocks = [block for lang, block in FENCE.findall((ROOT / "docs" / "getting-started.md").read_text()) if lang == "sh"]
    assert len(blocks) >= 6
    command = tmp_path / "bin" / "leadd"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m leadd "$@"\n')
    command.chmod(0o700)
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("LEADD", "OLLAMA", "XDG"))}
    environ |= {"HOME": str(tmp_path), "PATH": f"{command.parent}:{environ['PATH']}"}
    environ |= {"LEADD__CONTROL__HTTP__ENABLED": "false", "LEADD__MODELS__WITHOUT_MODEL": "evidence"}
    # Between handing over and looking lies a moment's work, for which a person would not notice that they wait.
    looks = ("leadd status --json | grep -q '\"new\": 0'", "leadd leads --all --json | grep -q '\"id\": 1'")
    wait = f"until {' && '.join(looks)}; do sleep 0.1; done\n"
    script = "".join((wait if "leadd leads why 1" in block else "") + block for block in blocks)
    try:
        done = subprocess.run(
            ["sh", "-e", "-c", script], cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=50, check=False
        )
    finally:
        subprocess.run([str(command), "stop"], env=environ, capture_output=True, timeout=30, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    said = (
        "wrote ",
        "is up (pid",
        "added 'solo_founder'",
        "added 'bakeries'",
        "2 accepted",
        "Crumb & Crust",
        "prefilter: keep",
    )
    for part in (*said, "lead 1 is accepted", "stopped"):
        assert part in done.stdout, (part, done.stdout, done.stderr)
    assert (tmp_path / "leads.csv").read_text().count("\n") >= 2
