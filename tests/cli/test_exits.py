"""How commands end: the numbers, what stands on standard error, and a way out each time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cli_parts import Cli, Done
from daemon_parts import wait

from leadd.cli.main import main

Here = Callable[..., Done]

NEED_A_DAEMON = (
    "status",
    "stop",
    "leads list",
    "leads show 1",
    "leads why 1",
    "leads export",
    "leads accept 1",
    "leads note 1 x",
    "signals list",
    "signals why 1",
    "signals retry --all",
    "rejudge",
    "icp list",
    "icp show x",
    "sources list",
    "sources poll x",
    "sinks list",
    "sinks test x",
    "deliveries",
    "deliveries retry 1",
    "prompts list",
    "prompts rollback x",
    "prompts label x 1 candidate",
    "prompts diff x 1 2",
    "prompts show x",
    "reload-prompts",
    "cache stats",
    "cache clear",
    "classify hello",
    "status --json",
    "leads list --json",
)


@pytest.mark.parametrize("line", NEED_A_DAEMON)
def test_without_a_daemon_the_answer_is_3_and_how_to_start_one(here: Here, line: str) -> None:
    done = here(*line.split())
    assert done.code == 3
    assert done.out == "", "nothing on standard output, so that --json stays JSON"
    assert done.err == "leadd: the daemon is not running\n  start it with: leadd start\n"


@pytest.mark.parametrize(
    "line",
    [
        "nothing",
        "leads nothing",
        "leads show",
        "leads show abc",
        "leads list --bucket hot",
        "leads list -n 0",
        "logs -n -1",
        "start --profile none",
        "start --set nosign",
        "start --set =1",
        "ingest",
        "ingest a.jsonl --column title",
        "icp add",
        "icp add x --template recruiter",
        "signals retry",
        "classify",
        "completion powershell",
        "leads list --nope",
    ],
)
def test_usage_ends_with_2(here: Here, line: str) -> None:
    done = here(*line.split())
    assert done.code == 2
    assert done.out == ""
    assert "Error: " in done.err
    assert "Usage: leadd" in done.err


def test_a_misspelt_command_is_answered_with_the_nearest(here: Here) -> None:
    assert "Did you mean 'status'?" in here("statsu").err
    assert "'list'" in here("leads", "lst").err


def test_version_and_help(here: Here) -> None:
    version = here("--version")
    assert (version.code, version.out) == (0, "leadd, version 0.1.0\n")
    for args in (("--help",), ("-h",), ("leads", "list", "--help")):
        shown = here(*args)
        assert shown.code == 0
        assert "Usage: leadd" in shown.out


def test_what_nobody_expected_is_a_line_and_not_a_traceback(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    def fall(*args: object, **kwargs: object) -> None:
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr("leadd.cli.client.Client.get", fall)
    done = here("status")
    assert done.code == 1
    assert done.err.startswith("leadd: this should not happen: ZeroDivisionError: by zero\n")
    assert "LEADD_DEBUG=1" in done.err
    monkeypatch.setenv("LEADD_DEBUG", "1")
    with pytest.raises(ZeroDivisionError):
        main()


@pytest.mark.parametrize(
    ("error", "code"), [(PermissionError(13, "Permission denied", "/x"), 77), (OSError(28, "No space"), 1)]
)
def test_errors_of_the_system(here: Here, monkeypatch: pytest.MonkeyPatch, error: OSError, code: int) -> None:
    def fall(*args: object, **kwargs: object) -> None:
        raise error

    monkeypatch.setattr("leadd.cli.init.make_private_folder", fall)
    done = here("init")
    assert done.code == code
    assert error.strerror in done.err


def test_degraded_counts_with_check_only(running: Cli) -> None:
    assert running.run("status").code == 0
    checked = running.run("status", "--check", "--json")
    assert checked.code == 69
    assert checked.data["state"] == "degraded"


def test_init_writes_once_and_touches_no_folder_of_others(here: Here, tmp_path: Path) -> None:
    home = tmp_path / "empty"
    assert here("init").code == 0
    assert (home / "leadd.yaml").stat().st_mode & 0o777 == 0o600
    again = here("init")
    assert again.code == 1
    assert "--force" in again.err
    assert here("init", "--force").code == 0
    assert here("config", "check").code == 0, "what init writes is good"
    shared = tmp_path / "shared"
    shared.mkdir(mode=0o755)
    assert here("init", LEADD_CONFIG=str(shared / "my.yaml")).code == 0
    assert shared.stat().st_mode & 0o777 == 0o755, "a folder that was there keeps its mode"


def test_config_commands(here: Here, tmp_path: Path) -> None:
    home = tmp_path / "empty"
    home.mkdir()
    (home / "leadd.yaml").write_text(
        "prefilter:\n  score_threshold: 31\nsinks:\n  hook: {use: webhook, secret: '{env:HOOK}'}\n"
    )
    rows = {i["key"]: i for i in here("config", "show", "--json", HOOK="tellnobody").data["items"]}
    assert rows["prefilter.score_threshold"] == {
        "key": "prefilter.score_threshold",
        "value": "31",
        "origin": "file leadd.yaml:2",
    }
    changed = here("config", "show", "--changed")
    assert "prefilter.score_threshold\t31\tfile leadd.yaml:2" in changed.out
    assert "tellnobody" not in changed.out
    assert "scoring.warm" not in changed.out
    assert here("config", "path", "--json").data["config_file"] == str(home / "leadd.yaml")
    assert here("config", "schema").data["type"] == "object"
    (home / "leadd.yaml").write_text("prefilter:\n  score_treshold: 31\n")
    for args in (("config", "check"), ("config", "show"), ("plugins", "list"), ("plugins", "info", "folder")):
        bad = here(*args)
        assert bad.code == 78
        assert "leadd.yaml:2" in bad.err
        assert "score_threshold" in bad.err


def test_a_groups_name_alone_lists(running: Cli) -> None:
    for noun in ("leads", "signals", "icp", "sources", "sinks", "plugins", "prompts"):
        # What runs beside it may change a figure between the two: then they are asked again.
        wait(lambda noun=noun: running.run(noun, "--json").data == running.run(noun, "list", "--json").data)
    assert "Usage: leadd leads" in running.run("leads", "--help").out
