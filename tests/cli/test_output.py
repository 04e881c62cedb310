"""What is printed where: a terminal, a pipe, JSON; and that no text of a signal drives a terminal."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time

import click
import pytest
from cli_parts import Cli
from hypothesis import given
from hypothesis import strategies as st

from leadd.cli.output import as_json_text, confirm, harmless, pages, when

OURS = re.compile(r"\x1b\[[0-9;]*m")
DRIVING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_nothing_drives_a_terminal_or_forges_a_line(text: str) -> None:
    shown = harmless(text)
    assert not DRIVING.search(shown)
    assert "\n" not in shown


@given(st.text(alphabet=st.characters(codec="utf-8")))
def test_json_holds_the_text_as_it_is_and_drives_nothing(text: str) -> None:
    shown = as_json_text({"a": text})
    assert json.loads(shown) == {"a": text}
    assert not DRIVING.search(shown)


def test_plain_words_stay() -> None:
    assert harmless("Grüße, 日本, 👍 – “x”") == "Grüße, 日本, 👍 – “x”"
    assert harmless("two\nlines\tand more") == "two lines and more"


COMMANDS = (
    "leads list --all -n 9999",
    "leads show {lead}",
    "leads why {lead}",
    "signals list -n 9999",
    "signals why {signal}",
    "leads export --format csv",
)


def hostile_ids(home: Cli) -> dict[str, int]:
    lead = next(
        i for i in home.run("leads", "list", "--all", "-n", "9999", "--json").data["items"] if i["name"] == "Sneaky Ltd"
    )
    return {"lead": lead["id"], "signal": lead["signal_id"]}


@pytest.mark.parametrize("line", COMMANDS)
def test_a_hostile_title_stays_a_title(running: Cli, line: str) -> None:
    args = line.format(**hostile_ids(running)).split()
    piped = running.run(*args)
    assert piped.code == 0, piped.err
    assert not DRIVING.search(piped.out.replace("\n", "").replace("\t", ""))
    assert not [x for x in piped.out.splitlines() if x.startswith("lead 1: forged")]
    code, shown = running.on_terminal(*args)
    assert code == 0
    assert not DRIVING.search(OURS.sub("", shown).replace("\r\n", "")), "only the colours of our own table are left"
    assert "\x1b[31m" not in shown


def test_json_is_all_there_is_on_standard_output(running: Cli) -> None:
    ids = {k: str(v) for k, v in hostile_ids(running).items()}
    for args in (
        ["status"],
        ["leads", "list", "--all"],
        ["leads", "show", ids["lead"]],
        ["leads", "why", ids["lead"]],
        ["signals", "list"],
        ["signals", "why", ids["signal"]],
        ["icp", "list"],
        ["sources", "list"],
        ["sources", "show", "inbox"],
        ["sinks", "list"],
        ["deliveries"],
        ["plugins", "list"],
        ["prompts", "list"],
        ["cache", "stats"],
        ["reload-prompts"],
        ["config", "show"],
        ["config", "path"],
    ):
        done = running.run(*args, "--json")
        assert done.code == 0, (args, done.err)
        assert isinstance(done.data, dict), args
        assert done.err == "", args


def test_rows_have_tabs_in_a_pipe_and_columns_on_a_terminal(running: Cli) -> None:
    piped = running.run("leads", "list", "--all", "-n", "9999")
    assert piped.out.splitlines()[0].split("\t") == ["id", "score", "bucket", "company", "status", "icp", "why"]
    assert all(len(row) == 7 for row in piped.rows)
    assert any("Brightmesh" in row[3] for row in piped.rows)
    code, shown = running.on_terminal("leads", "list", "--all", "-n", "9999", columns=80)
    assert code == 0
    assert "\t" not in shown
    assert max(len(OURS.sub("", line).rstrip("\r")) for line in shown.split("\n")) <= 80
    assert "Brightmesh" in shown


def test_nothing_to_show_is_said_beside_the_data(running: Cli) -> None:
    none = running.run("leads", "list", "--search", "zzzzz")
    assert (none.code, none.out) == (0, "")
    assert "--all shows parked ones" in none.err
    assert running.run("leads", "list", "--search", "zzzzz", "--json").data == {"items": []}
    _, shown = running.on_terminal("signals", "list", "--source", "nowhere")
    assert "(none)" in shown


def test_a_reader_that_goes_away_is_no_error(running: Cli) -> None:
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", f"{sys.executable} -m leadd config schema | head -c 10; echo ${{PIPESTATUS[0]}}"],
        env=running.environ,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.stdout.splitlines()[-1].endswith("0")
    assert done.stderr == ""


def test_a_terminal_without_umlauts_is_no_reason_to_fall_over(running: Cli) -> None:
    running.client.post("/api/icp/", {"name": "umlauts", "description": "Bäckereien in Köln und drumherum – “kleine”"})
    for args in (("icp", "list"), ("icp", "list", "--json"), ("icp", "show", "umlauts")):
        done = running.run(*args, PYTHONIOENCODING="ascii", PYTHONUTF8="0")
        assert done.code == 0, done.err
        assert "Traceback" not in done.err
    assert "Bäckereien" in json.dumps(running.run("icp", "list", "--json", PYTHONIOENCODING="ascii").data, ensure_ascii=False)


def test_nobody_is_asked_where_nobody_sits(running: Cli) -> None:
    lead = hostile_ids(running)["lead"]
    done = running.run("leads", "delete", str(lead))
    assert done.code == 2
    assert "--yes" in done.err
    code, _ = running.on_terminal("leads", "delete", str(lead), typed="n\n")
    assert code == 1
    assert running.run("leads", "show", str(lead)).code == 0, "it is still there"
    with pytest.raises(click.UsageError):
        confirm("Sure?", False)
    confirm("Sure?", True)


def test_times_in_words() -> None:
    now = time.time() * 1000
    assert when(None) == ""
    assert when(int(now - 5_000)) == "5 s ago"
    assert when(int(now + 600_000)) == "in 10 min"
    assert when(int(now - 7_200_000)) == "2 h ago"
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", when(int(now - 10 * 86_400_000)))


def test_pages_ask_for_no_more_than_is_wanted() -> None:
    asked: list[tuple[str | None, int]] = []

    def fetch(cursor: str | None, size: int) -> dict[str, object]:
        asked.append((cursor, size))
        start = int(cursor or 0)
        return {"items": [{"id": n} for n in range(start, start + size)], "next": str(start + size)}

    assert [i["id"] for i in pages(fetch, 501)] == list(range(501))
    assert asked == [(None, 500), ("500", 1)]
    assert pages(lambda cursor, size: {"items": [], "next": None}, 5) == []


def test_help_and_status_import_nothing_heavy(running: Cli) -> None:
    heavy = {"pydantic", "aiohttp", "numpy", "rich", "yaml", "sqlite3", "asyncio", "leadd.store", "leadd.core", "leadd.api"}
    for args in (["--help"], ["status"], ["status", "--json"], ["leads", "list", "--json"]):
        code = f"import sys; sys.argv = {['leadd', *args]!r}\nfrom leadd.cli.main import main\n"
        code += "try: main()\nexcept SystemExit: pass\nprint('LOADED', *sys.modules)"
        done = subprocess.run(
            [sys.executable, "-c", code], env=running.environ, capture_output=True, text=True, check=True, timeout=30
        )
        loaded = set(done.stdout.rpartition("LOADED ")[2].split())
        assert not loaded & heavy, args
    assert os.path.exists(running.paths.socket_file)
