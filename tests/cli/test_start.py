"""`leadd start`, `stop`, `restart`, `run`: real daemons, and each way in which a start can fail."""

from __future__ import annotations

import json
import os
import signal
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_parts import Cli
from daemon_parts import wait

from leadd.cli.client import Client
from leadd.cli.daemon import Given
from leadd.cli.exits import Ended
from leadd.config.paths import Paths

Make = Callable[..., Cli]


def owner(home: Cli) -> dict[str, object]:
    found: dict[str, object] = json.loads(home.paths.lock_file.read_text())
    return found


def test_start_again_restart_and_stop(make_cli: Make) -> None:
    home = make_cli()
    started = home.run("start")
    assert started.code == 0, started.err
    assert started.out.splitlines()[0] == f"leadd 0.1.0 is up (pid {owner(home)['pid']})"
    assert f"listening on unix:{home.paths.socket_file}" in started.out
    assert "no ICP of your own" in started.out
    again = home.run("start")
    assert again.code == 75
    assert all(str(owner(home)[k]) in again.err for k in ("pid", "version", "started_at"))
    assert "leadd stop" in again.err
    first = owner(home)["pid"]
    home.paths.config_file.write_text("nonsense: 1\n")
    refused = home.run("restart")
    assert refused.code == 78
    assert owner(home)["pid"] == first, "a daemon that could not start again is not stopped"
    assert home.run("status").code == 0
    home.configure()
    restarted = home.run("restart")
    assert restarted.code == 0, restarted.err
    assert owner(home)["pid"] != first
    assert home.run("stop").out == "stopped\n"
    assert home.run("stop").code == 3


def test_relative_paths_count_from_where_the_command_was_called(make_cli: Make) -> None:
    home = make_cli()
    (home.folder / "sub").mkdir()
    (home.folder / "sub" / "other.yaml").write_text(
        json.dumps({"control": {"http": {"enabled": False}}, "scoring": {"warm": 61}})
    )
    outer = home.folder.parent
    where = {"LEADD_HOME": home.folder.name, "LEADD_CONFIG": f"{home.folder.name}/sub/other.yaml"}
    started = home.run("start", cwd=outer, **where)
    assert started.code == 0, started.err
    assert home.run("status", cwd=outer, **where).code == 0
    assert home.run("status").code == 0, "the same home by its whole path"
    shown = home.run("config", "show", "--changed", "--config", "sub/other.yaml", cwd=home.folder)
    assert "scoring.warm\t61\tfile other.yaml:1" in shown.out
    assert home.run("stop").code == 0
    missing = home.run("start", "--config", "sub/none.yaml")
    assert missing.code == 78
    assert str(home.folder / "sub" / "none.yaml") in missing.err


def test_a_socket_named_in_the_settings_is_found(make_cli: Make) -> None:
    home = make_cli()
    place = home.folder / "elsewhere" / "my.sock"
    home.configure(control={"socket": str(place), "http": {"enabled": False}})
    started = home.run("start")
    assert started.code == 0, started.err
    assert f"unix:{place}" in started.out
    assert owner(home)["socket"] == str(place)
    assert home.run("status").code == 0
    assert home.run("start").code == 75
    assert home.run("stop").out == "stopped\n"
    assert home.run("status").code == 3, "the socket that is written down is gone"


def test_a_lock_file_of_an_earlier_version_or_of_nobody_is_no_hindrance(make_cli: Make) -> None:
    home = make_cli()
    home.paths.state_folder.mkdir(mode=0o700)
    for text in ("", "[]", "not json", '{"pid": 1, "version": "0.0.1", "started_at": "x"}', '{"socket": 7}'):
        home.paths.lock_file.write_text(text)
        assert home.run("status").code == 3, text


def test_the_state_folder_is_not_writable(make_cli: Make) -> None:
    home = make_cli()
    if os.geteuid() == 0:
        home.paths.state_folder.mkdir()
        os.chown(home.paths.state_folder, 65534, 65534)
    else:
        home.folder.chmod(0o500)
    try:
        for args in (("start",), ("start", "--foreground")):
            done = home.run(*args, cwd=Path("/"))
            assert done.code == 77, done.err
            assert str(home.paths.state_folder) in done.err
            assert "Traceback" not in done.err
    finally:
        home.folder.chmod(0o700)


def test_a_file_in_place_of_a_folder(make_cli: Make) -> None:
    home = make_cli()
    home.paths.state_folder.write_text("")
    done = home.run("start")
    assert done.code == 77
    assert "is not a folder" in done.err


def test_a_start_waits_as_long_as_the_settings_say(make_cli: Make) -> None:
    home = make_cli(daemon={"ready_timeout_s": 0.01})
    late = home.run("start")
    assert late.code == 75
    assert "not ready after 0.01 s" in late.err
    assert "daemon.ready_timeout_s" in late.err
    wait(lambda: home.run("status").code == 0)


def test_settings_on_the_command_line_reach_the_daemon(make_cli: Make) -> None:
    home = make_cli()
    place = home.folder / "by-flag.sock"
    started = home.run("start", "--profile", "constrained", "--set", "scoring.warm=55", "--set", f"control.socket={place}")
    assert started.code == 0, started.err
    status = home.run("status", "--json").data
    assert (status["profile"], status["listening"]) == ("constrained", [f"unix:{place}"])
    bad = home.run("restart", "--set", "scoring.wram=55")
    assert bad.code == 78
    assert "scoring.warm" in bad.err, "the nearest key"


def test_given_says_the_same_again() -> None:
    given = Given("x.yaml", "production", "::1", "9000", ["a.b=c=d", " log.level = debug"])
    assert given.overrides["a.b"] == "c=d"
    assert given.overrides["log.level"] == " debug"
    args = given.arguments()
    again = Given(args[1], args[3], None, None, args[5::2])
    assert (again.config, again.profile, again.overrides) == (given.config, given.profile, given.overrides)


def test_what_a_start_wrote_is_private(make_cli: Make) -> None:
    home = make_cli(scoring={"warm": 1000})
    assert home.run("start").code == 78
    assert stat.S_IMODE((home.paths.state_folder / "start.log").stat().st_mode) == 0o600
    assert stat.S_IMODE(home.paths.state_folder.stat().st_mode) == 0o700


def test_run_stays_in_the_terminal_until_it_is_told(make_cli: Make) -> None:
    home = make_cli()
    home.start()
    assert home.process is not None
    home.process.send_signal(signal.SIGINT)
    assert home.process.wait(timeout=20) == 0
    code, shown = home.on_terminal("run", "--set", "scoring.warm=x")
    assert code == 78
    assert "scoring.warm" in shown


def test_a_client_without_a_daemon(tmp_path: Path) -> None:
    client = Client(Paths.under(tmp_path))
    assert client.running() is False
    with pytest.raises(Ended) as ended:
        client.get("/livez")
    assert ended.value.exit_code == 3
