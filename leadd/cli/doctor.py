"""`leadd doctor`."""

from __future__ import annotations

import os
import shutil
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict

import click

from leadd.cli.client import Client
from leadd.cli.exits import FAILED, Ended, NotRunning
from leadd.cli.findings import Finding
from leadd.cli.output import json_option, print_json, say
from leadd.config.paths import Paths

SAFE_SQLITE = (3, 51, 3)
FREE_MB = 500


@click.command()
@json_option
def doctor(as_json: bool) -> None:
    """Look for problems and say what to do about each. Ends with 1 where there is one."""
    paths = Paths.from_environment()
    findings: list[Finding] = []
    for look in (_python, _settings, _folders, _disk, _sqlite, _plugins, _daemon, _models, _components):
        findings += _guarded(look, paths)
    if as_json:
        print_json({"findings": [asdict(f) for f in findings]})
    else:
        for f in findings:
            mark = {"ok": "ok  ", "note": "note", "problem": "!   "}[f.level]
            say(f"{mark} {f.what}: {f.text}")
            if f.way_out:
                say(f"       {f.way_out}")
    if any(f.level == "problem" for f in findings):
        sys.exit(FAILED)


def _guarded(look: Callable[[Paths], Iterator[Finding]], paths: Paths) -> list[Finding]:
    """A look that fails is a finding too: the doctor must not be the one who falls over."""
    try:
        return list(look(paths))
    except Exception as error:
        return [Finding(look.__name__.strip("_"), "problem", f"could not be looked at: {type(error).__name__}: {error}")]


def _python(paths: Paths) -> Iterator[Finding]:
    from leadd import __version__

    yield Finding("leadd", "ok", f"{__version__} on Python {sys.version.split()[0]}")


def _settings(paths: Paths) -> Iterator[Finding]:
    from leadd.config.loading import load
    from leadd.config.problems import SettingsError

    try:
        loaded = load()
    except SettingsError as error:
        for problem in error.problems:
            yield Finding("settings", "problem", str(problem))
        return
    yield Finding("settings", "ok", str(loaded.file or "no file, defaults only"))
    for warning in loaded.warnings:
        yield Finding("settings", "note", warning)


def _folders(paths: Paths) -> Iterator[Finding]:
    for folder in (paths.data_folder, paths.state_folder, paths.runtime_folder):
        if not folder.exists():
            continue
        found = os.stat(folder)
        mode = stat.S_IMODE(found.st_mode)
        if not stat.S_ISDIR(found.st_mode):
            yield Finding("folder", "problem", f"{folder} is no folder", "move it away, or set LEADD_HOME")
        elif sys.platform != "win32" and found.st_uid != os.getuid():
            yield Finding("folder", "problem", f"{folder} belongs to another user", "set LEADD_HOME to a folder of yours")
        elif sys.platform != "win32" and mode & 0o077:
            yield Finding("folder", "problem", f"{folder} can be entered by others (mode {mode:o})", f"chmod 700 {folder}")
        else:
            yield Finding("folder", "ok", str(folder))


def _disk(paths: Paths) -> Iterator[Finding]:
    place = paths.data_folder
    while not place.exists():
        place = place.parent
    free_mb = shutil.disk_usage(place).free // 1_048_576
    level = "ok" if free_mb >= FREE_MB else "problem"
    yield Finding("disk", level, f"{free_mb:,} MiB free", "" if level == "ok" else f"make room on the disk of {place}")


def _sqlite(paths: Paths) -> Iterator[Finding]:
    from leadd.store.version import sqlite_version

    found = sqlite_version()
    version = ".".join(str(n) for n in found)
    if found < SAFE_SQLITE:
        yield Finding(
            "sqlite", "note",
            f"{version}: versions before 3.51.3 can damage a file that two connections write; leadd writes with one only",
            "do not write to leadd.db with other programs while the daemon runs",
        )  # fmt: skip
    else:
        yield Finding("sqlite", "ok", version)


def _plugins(paths: Paths) -> Iterator[Finding]:
    from leadd.cli.plugins import look

    try:
        items = look()["items"]
    except Ended:
        return  # the settings cannot be read, and that is told already
    for plugin in items:
        failed = str(plugin["state"]).startswith("failed")
        yield Finding(
            f"plugin {plugin['name']}",
            "problem" if failed else "ok",
            f"{plugin['state']}{': ' if failed else ''}{plugin['reason'] if failed else ''}",
            "mend it, or name it in plugins.disabled" if failed else "",
        )


def _daemon(paths: Paths) -> Iterator[Finding]:
    try:
        status = Client(paths).get("/api/status")
    except NotRunning:
        yield Finding("daemon", "note", "it is not running", "leadd start")
        return
    except Ended as error:
        yield Finding("daemon", "problem", error.message, error.hint)
        return
    yield Finding("daemon", "ok", f"{status['state']}, pid {status['pid']}, since {status['started_at']}")
    for reason in status["reasons"]:
        yield Finding("daemon", "problem", reason)
    for note in status.get("notes", []):
        yield Finding("daemon", "note", note)


def _models(paths: Paths) -> Iterator[Finding]:
    from leadd.cli.model_page import addresses_of, look_at_models

    client = Client(paths)
    try:
        figures = client.get("/api/classify/metrics")["ollama"]
        settings = client.get("/api/config")["items"]
    except Ended:
        return
    yield from look_at_models(figures, addresses_of(settings))


def _components(paths: Paths) -> Iterator[Finding]:
    """What the components of a running daemon say of themselves; what is wrong with the daemon is told already."""
    try:
        items = Client(paths).get("/api/check")["items"]
    except Ended:
        return
    for item in items:
        yield Finding(f"{item['kind']} {item['name']}", "problem", str(item["problem"]))
