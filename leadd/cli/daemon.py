"""`leadd start`, `run`, `stop`, `restart`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

import click

from leadd.cli.client import Client, owner_of
from leadd.cli.exits import BAD_SETTINGS, FAILED, NOT_PERMITTED, TEMPORARY, Ended, NotRunning
from leadd.cli.output import say, tell
from leadd.config.paths import NotPrivate, Paths, make_private_folder

F = TypeVar("F", bound=Callable[..., Any])
READY_LIMIT_S = 30.0
"""Where the settings cannot be read; the daemon will say why, and sooner than this."""
POLL_S = 0.02
ANSWER_S = 10.0


def _options(command: F) -> F:
    for option in reversed(
        (
            click.option("--config", type=click.Path(dir_okay=False), help="Another settings file."),
            click.option(
                "--profile",
                type=click.Choice(["default", "performance", "constrained", "production"]),
                help="A set of settings for a kind of machine.",
            ),
            click.option("--host", help="Address of the TCP listener (control.http.host)."),
            click.option("--port", help="Port of the TCP listener (control.http.port)."),
            click.option("--set", "sets", multiple=True, metavar="KEY=VALUE", help="Any setting, by its dotted key."),
        )
    ):
        command = option(command)
    return command


@click.command()
@_options
@click.option("--foreground", is_flag=True, help="Stay in this terminal until stopped.")
@click.option("--quiet", is_flag=True, hidden=True, help="Foreground without log lines: what the background start runs.")
def start(
    config: str | None, profile: str | None, host: str | None, port: str | None, sets: tuple[str, ...],
    foreground: bool, quiet: bool,
) -> None:  # fmt: skip
    """Start the daemon in the background and wait until it is ready.

    Prints where it listens and what is degraded. Ends with 75 where a daemon runs already, 78 where the settings are
    invalid.
    """
    given = Given(config, profile, host, port, sets)
    if foreground:
        sys.exit(_in_foreground(given, terminal=not quiet))
    _start_in_background(given)


@click.command()
@_options
def run(config: str | None, profile: str | None, host: str | None, port: str | None, sets: tuple[str, ...]) -> None:
    """Run the daemon in this terminal until Ctrl-C; the same as `start --foreground`."""
    sys.exit(_in_foreground(Given(config, profile, host, port, sets), terminal=True))


@click.command()
@click.option("--timeout", "timeout_s", default=60.0, show_default=True, help="Seconds to wait for the end.")
def stop(timeout_s: float) -> None:
    """Stop the daemon; work in hand gets the grace time, then goes back to the queue."""
    if not _stop(Client(), timeout_s):
        raise NotRunning
    say("stopped")


@click.command()
@_options
def restart(config: str | None, profile: str | None, host: str | None, port: str | None, sets: tuple[str, ...]) -> None:
    """Stop the daemon where one runs, and start it."""
    given = Given(config, profile, host, port, sets)
    given.load()  # what would not start again is not stopped
    _stop(Client(), 60.0)
    _start_in_background(given)


class Given:
    """What was said on the command line about the settings."""

    def __init__(
        self, config: str | None, profile: str | None, host: str | None, port: str | None, sets: Sequence[str]
    ) -> None:
        self.config = Path(os.path.abspath(config)) if config else None
        self.profile = profile
        self.overrides: dict[str, str] = {}
        for key, value in (("control.http.host", host), ("control.http.port", port)):
            if value is not None:
                self.overrides[key] = value
        for item in sets:
            key, sign, value = item.partition("=")
            if not sign or not key.strip():
                raise click.UsageError(f"--set wants KEY=VALUE, got '{item}'")
            self.overrides[key.strip()] = value

    def arguments(self) -> list[str]:
        """The same again, for the process in the background."""
        args = ["--config", str(self.config)] if self.config else []
        args += ["--profile", self.profile] if self.profile else []
        for key, value in self.overrides.items():
            args += ["--set", f"{key}={value}"]
        return args

    def load(self) -> Any:
        """The settings as the daemon will read them. Raises Ended with 78."""
        from leadd.config.loading import load
        from leadd.config.problems import SettingsError

        try:
            return load(file=self.config, profile=self.profile, overrides=self.overrides)
        except SettingsError as error:
            raise Ended(str(error), code=BAD_SETTINGS) from None


def _in_foreground(given: Given, *, terminal: bool) -> int:
    from leadd.daemon.main import run_daemon

    return run_daemon(config=given.config, profile=given.profile, overrides=given.overrides, terminal=terminal)


def _start_in_background(given: Given) -> None:
    paths = Paths.from_environment()
    client = Client(paths)
    if client.running():
        raise Ended(f"leadd runs already ({_who(paths)})", hint=_hint(TEMPORARY), code=TEMPORARY)
    # A file and not a pipe: the daemon outlives this command, and a pipe without a reader would end it at its next word.
    words = open_private(paths.state_folder, "start.log")
    with words:
        # It starts in the folder of this command, from which relative paths in flags and environment count.
        process = subprocess.Popen(
            [sys.executable, "-m", "leadd", "start", "--foreground", "--quiet", *given.arguments()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=words,
            start_new_session=True,
        )
        status = _wait_until_ready(client, process, words, _ready_limit_s(given))
    _show_started(status)


def _ready_limit_s(given: Given) -> float:
    try:
        limit_s: float = given.load().settings.daemon.ready_timeout_s
    except Ended:
        return READY_LIMIT_S
    return limit_s


def open_private(folder: Path, name: str) -> BinaryIO:
    """A new empty file of mode 0600 in a folder of ours. Raises Ended with 77 where that is not permitted."""
    try:
        make_private_folder(folder)
        fd = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    except (PermissionError, NotPrivate) as error:
        raise Ended(
            f"leadd cannot write in {folder}: {error}", hint="LEADD_HOME=FOLDER names another place", code=NOT_PERMITTED
        ) from None
    except OSError as error:
        raise Ended(f"leadd cannot write in {folder}: {error.strerror}") from None
    return os.fdopen(fd, "w+b")


def _wait_until_ready(client: Client, process: subprocess.Popen[bytes], words: BinaryIO, limit_s: float) -> dict[str, Any]:
    """The status of the new daemon. Also watches the process: waiting for 'ready' alone would hang on a failed start."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        code = process.poll()
        if code is not None:
            words.seek(0)
            said = words.read().decode(errors="replace").strip().removeprefix("leadd: ")
            raise Ended(said or f"the daemon ended with {code}", hint=_hint(code), code=code or FAILED)
        try:
            client.get("/readyz")
            status: dict[str, Any] = client.get("/api/status")
        except Ended:
            time.sleep(POLL_S)
            continue
        if status["pid"] == process.pid:
            return status
        time.sleep(POLL_S)
    raise Ended(
        f"the daemon (pid {process.pid}) is not ready after {limit_s:g} s and goes on starting",
        hint="leadd logs shows what it does; daemon.ready_timeout_s says how long to wait",
        code=TEMPORARY,
    )


def _hint(code: int) -> str:
    hints = {
        TEMPORARY: "leadd status shows it; leadd stop ends it",
        BAD_SETTINGS: "leadd config check reads the settings without starting anything",
    }
    return hints.get(code, "leadd logs may say more")


def _show_started(status: dict[str, Any]) -> None:
    say(f"leadd {status['version']} is up (pid {status['pid']})")
    for place in status["listening"]:
        say(f"  listening on {place}")
    if status["reasons"]:
        say("degraded:")
        for reason in status["reasons"]:
            say(f"  ! {reason}")
    for note in status.get("notes", []):
        say(f"  - {note}")


def _who(paths: Paths) -> str:
    owner = owner_of(paths)
    if {"pid", "version", "started_at"} <= set(owner):
        return f"pid {owner['pid']}, version {owner['version']}, started {owner['started_at']}"
    return "it does not say since when"


def _stop(client: Client, timeout_s: float) -> bool:
    """Ask the daemon to stop and wait until its process has ended; False where none runs.

    One that does not answer (a plugin may hold up its loop) is told by signal, and in the end killed: nothing that it
    accepted is lost by that.
    """
    try:
        pid = client.ask("GET", "/api/status", timeout_s=ANSWER_S)["pid"]
        client.post("/api/stop", timeout_s=ANSWER_S)
    except NotRunning:
        return False
    except Ended:
        found = _owner_pid(client.paths)
        if found is None or not _alive(found):
            return False
        pid = found
        os.kill(pid, signal.SIGTERM)
    if _gone_within(pid, timeout_s):
        return True
    tell(f"the daemon (pid {pid}) has not ended after {timeout_s:.0f} s and is killed; what it accepted is safe")
    os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    return _gone_within(pid, ANSWER_S)


def _gone_within(pid: int, limit_s: float) -> bool:
    deadline = time.monotonic() + limit_s
    while _alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True


def _owner_pid(paths: Paths) -> int | None:
    """The pid that the lock file names, where the lock is held."""
    from leadd.daemon.lock import DaemonLock, Locked, Owner

    probe = DaemonLock(paths.lock_file)
    try:
        probe.acquire(Owner(os.getpid(), "", ""))
    except Locked as error:
        return error.owner.pid if error.owner else None
    probe.release()
    return None


def _alive(pid: int) -> bool:
    if sys.platform == "win32":
        # There os.kill(pid, 0) is Ctrl-C and not a question.
        found = subprocess.run(["tasklist", "/FI", f"PID eq {pid}", "/NH"], capture_output=True, text=True, check=False)
        return str(pid) in found.stdout
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """A daemon whose parent has not fetched its end yet has ended all the same."""
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] == "Z"
    except (OSError, IndexError):
        return False
