"""`leadd leads dossier`: what there is, and what is being written, with a real daemon and a faithful Ollama."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cli_parts import Cli
from daemon_parts import wait

from leadd.cli.exits import TEMPORARY
from leadd.testing.ollama.threaded import ThreadedFake, threaded_fake

TEXT = (
    "We are a team of seven and look for our first marketing hire. There is no marketing team and no strategy yet, our founder "
    "is overloaded, the agency we paid brought no leads at all, and we want somebody who builds marketing from scratch: "
    "growth, content, seo, campaigns, a newsletter and the brand."
)
PARTS = ("snapshot:", "why pain bullets:", "uncomfortable truth:", "challenger insight:")


@pytest.fixture(scope="module")
def ollama() -> Iterator[ThreadedFake]:
    with threaded_fake(time_scale=0) as fake:
        yield fake


@pytest.fixture(scope="module")
def home(ollama: ThreadedFake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    """A daemon that writes a dossier only where a person wants one."""
    home = started(tmp_path_factory.mktemp("dossier") / "home", ollama)
    yield home
    home.kill()


def started(folder: Path, ollama: ThreadedFake) -> Cli:
    home = Cli(folder, models={"endpoint": ollama.fake.url}, scoring={"dossier_threshold": 100})
    home.start()
    home.client.post("/api/icp/templates/marketing_first_hire")
    return home


def lead(home: Cli, number: int) -> str:
    """A new lead with a text of its own."""
    body = {"signal_text": f"{TEXT} This is advert {number}.", "company_name": f"Firm {number}"}
    found: Any = home.client.post("/api/classify/signal", body)
    assert found["lead_id"], found
    return str(found["lead_id"])


def test_one_that_is_not_there_is_written_for_who_follows(home: Cli) -> None:
    lead_id = lead(home, 1)
    none = home.run("leads", "dossier", lead_id)
    assert (none.code, none.out) == (1, "")
    assert f"lead {lead_id} has no dossier" in none.err
    assert "say --follow to have it written" in none.err
    followed = home.run("leads", "dossier", lead_id, "--follow")
    assert (followed.code, followed.err) == (0, "")
    places = [followed.out.index(part) for part in PARTS]
    assert places == sorted(places)
    assert home.run("leads", "dossier", lead_id).out == followed.out
    again = home.run("leads", "dossier", lead_id, "--follow", "--json")
    assert again.data["state"] == "done"
    assert again.data == home.run("leads", "dossier", lead_id, "--json").data
    shown = home.run("leads", "show", lead_id).out
    assert "dossier:\n  snapshot:\n    " in shown


def test_one_that_begins_again_says_so_and_ends_whole(home: Cli, ollama: ThreadedFake) -> None:
    lead_id = lead(home, 2)
    ollama.fake.fail_next("cut", role="dossier", after_events=70)
    followed = home.run("leads", "dossier", lead_id, "--follow")
    assert followed.code == 0
    assert "it is written anew" in followed.err
    assert followed.out.splitlines().count("snapshot:") == 2
    whole = home.run("leads", "dossier", lead_id).out
    assert followed.out.endswith(whole)


def test_a_server_that_is_full_is_waited_for(home: Cli, ollama: ThreadedFake) -> None:
    lead_id = lead(home, 3)
    ollama.fake.fail_next("oom", role="dossier")
    followed = home.run("leads", "dossier", lead_id, "--follow")
    assert followed.code == 0
    assert followed.out == home.run("leads", "dossier", lead_id).out


@pytest.fixture
def real_time_ollama() -> Iterator[ThreadedFake]:
    """A server whose stall really lasts (72 s): one that leaps over waits goes on as soon as nothing else is to be done."""
    with threaded_fake(time_scale=0.02) as fake:
        yield fake


def test_a_daemon_that_is_killed_meanwhile_writes_it_after_the_next_start(
    tmp_path: Path, real_time_ollama: ThreadedFake
) -> None:
    ollama = real_time_ollama
    home = started(tmp_path / "home", ollama)
    said = tmp_path / "followed.txt"
    try:
        lead_id = lead(home, 4)
        ollama.fake.fail_next("stall", role="dossier", after_events=40, delay_s=3600.0)
        with said.open("wb") as file:
            words = [sys.executable, "-m", "leadd", "leads", "dossier", lead_id, "--follow"]
            watcher = subprocess.Popen(words, env=home.environ, stdout=file, stderr=file)
            try:
                wait(lambda: b"snapshot:" in said.read_bytes())
                home.kill()
                code = watcher.wait(timeout=30)
            finally:
                watcher.kill()
                watcher.wait()
        assert (code, b"it is still wanted" in said.read_bytes()) == (TEMPORARY, True), said.read_text()
        home.start()
        wait(lambda: home.client.get(f"/api/leads/{lead_id}/dossier")["state"] == "done")
        whole = home.run("leads", "dossier", lead_id)
        assert all(part in whole.out for part in PARTS)
    finally:
        home.kill()


def test_no_such_lead(home: Cli) -> None:
    for more in ((), ("--follow",), ("--json",)):
        done = home.run("leads", "dossier", "9999", *more)
        assert (done.code, done.out) == (1, "")
        assert "there is no lead 9999" in done.err
