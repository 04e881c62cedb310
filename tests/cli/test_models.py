"""`leadd models`: a missing model is seen, fetched, and what waited for it goes on."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cli_parts import Cli, Done
from daemon_parts import ICP, ingest, wait

from leadd.cli.models import _Lines
from leadd.testing.ollama import Speeds, threaded_fake

Make = Callable[..., Cli]

SICK = """
from leadd.api import Sink


class Sick(Sink):
    name = "sick"

    async def check(self):
        return "the other side has a cold"

    async def deliver(self, lead, key):
        raise NotImplementedError


def leadd_sinks():
    return [Sick]
"""


def test_a_missing_model_is_fetched_and_what_waited_goes_on(make_cli: Make) -> None:
    with threaded_fake(speeds=Speeds(), models=["gemma3:1b"]) as ollama:
        home = make_cli(models={"endpoint": ollama.fake.url})
        home.start()
        home.client.post("/api/icp/", ICP)
        ingest(home, range(3))
        wait(lambda: any("signals wait for the model" in reason for reason in home.status()["reasons"]))
        rows = {row[0]: row for row in home.run("models").rows}
        assert rows["gemma3:1b"][1:3] == ["triage, classify (memory), dossier (memory)", "present"]
        assert list(rows) == ["gemma3:1b", "gemma3:4b"], "in the order in which they are asked"
        assert rows["gemma3:1b"][3]
        assert rows["gemma3:4b"][1:4] == ["classify, dossier", "missing", ""]

        unknown = home.run("models", "pull", "nosuch:7b")
        assert (unknown.code, unknown.out) == (1, "")
        assert "file does not exist" in unknown.err
        refused = home.run("models", "pull", "gpt-oss:120b-cloud")
        assert refused.code == 1
        assert "other people's machines" in refused.err
        assert home.status()["outcomes"].get("nurture", 0) == 0

        pulled = home.run("models", "pull", "gemma3:4b")
        assert (pulled.code, pulled.out) == (0, "gemma3:4b is there\n"), pulled.err
        assert "gemma3:4b: pulling manifest\n" in pulled.err
        home.wait_outcomes(3)
        wait(lambda: home.status()["state"] == "ok")
        items = {i["model"]: i for i in home.run("models", "list", "--json").data["items"]}
        assert (items["gemma3:4b"]["state"], items["gemma3:4b"]["loaded"], items["gemma3:4b"]["now"]) == (
            "present",
            "yes",
            "ready",
        )
        assert items["gemma3:1b"]["choices"] == {"classify": "memory", "dossier": "memory", "triage": 1}
        assert home.run("models", "pull", "gemma3:4b", "--json").data == {"model": "gemma3:4b", "status": "ok"}
        code, shown = home.on_terminal("models", "pull", "gemma3:1b")
        assert (code, "gemma3:1b is there" in shown) == (0, True)
    away = home.run("models", "pull", "gemma3:4b")
    assert away.code == 75, away.err
    assert "nobody answers" in away.err


def test_without_a_daemon_there_is_nobody_to_ask(here: Callable[..., Done]) -> None:
    assert here("models").code == 3
    assert here("models", "pull", "gemma3:4b").code == 3


def test_the_doctor_asks_the_components_themselves(make_cli: Make) -> None:
    home = make_cli(models={"without_model": "evidence", "endpoint": "http://127.0.0.1:9"}, sinks={"crm": {"use": "sick"}})
    (home.folder / "plugins").mkdir(mode=0o700, exist_ok=True)
    (home.folder / "plugins" / "sick.py").write_text(SICK)
    home.start()
    found = {f["what"]: f for f in home.run("doctor", "--json").data["findings"]}
    assert found["sink crm"]["level"] == "problem"
    assert found["sink crm"]["text"] == "the other side has a cold"
    assert "Ollama does not answer at http://127.0.0.1:9" in found["model ollama"]["text"]
    assert not any(what.startswith("cache ") for what in found), "who is well is not listed"
    assert "!    sink crm: the other side has a cold" in home.run("doctor").out


def test_plain_lines_are_few(capsys: pytest.CaptureFixture[str]) -> None:
    lines = _Lines("m")
    for done in range(1001):
        lines("pulling ab", done * 1_048_576, 1000 * 1_048_576)
    lines("pulling cd", 100, 487)
    lines("pulling cd", 487, 487)
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "m: pulling ab 0 of 1,000 MiB"
    assert said[-2:] == ["m: pulling ab 1,000 of 1,000 MiB", "m: pulling cd"]
    assert len(said) == 12
