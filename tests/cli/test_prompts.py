"""`leadd prompts …`: saved files are taken up, versions are shown and come back, cases are tried."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from cli_parts import Cli
from daemon_parts import wait

from leadd.prompting import packaged_folder
from leadd.testing.ollama import threaded_fake

SHIPPED = (packaged_folder() / "triage.yaml").read_text(encoding="utf-8")
CASES = """cases:
  - id: wanted
    signal: {title: Marketer wanted, text: "Our first marketer for content, brand, newsletter and campaigns."}
    expect: {label: yes}
  - id: unwanted
    signal: {title: Nurse, text: "A nurse for the night shift."}
    expect: {label: no}
"""


def in_force(home: Cli) -> str:
    found = next(p for p in home.run("prompts", "list", "--json").data["items"] if p["name"] == "triage")
    return f"{found['version']}: {found['why']}"


@pytest.fixture
def home(make_cli: Callable[..., Cli]):
    with threaded_fake(time_scale=0) as fake:
        made = make_cli(models={"endpoint": fake.fake.url}, control={"http": {"enabled": False}})
        made.start()
        made.paths.prompts_folder.mkdir(mode=0o700, exist_ok=True)
        yield made
        made.kill()


def save(home: Cli, text: str, name: str = "triage.yaml") -> Path:
    path = home.paths.prompts_folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_the_life_of_a_prompt(home: Cli) -> None:
    third = SHIPPED.replace("version: 2", "version: 3").replace("Should a seller", "Should our seller")
    save(home, third)
    wait(lambda: in_force(home) == "3: the newest of your files")
    save(home, third + "\nAnd one more thing.\n")
    wait(lambda: "a problem" in in_force(home))
    listed = home.run("prompts", "list")
    line = third.count("\n") + 2
    assert f"triage.yaml:{line}: something stands behind" in listed.out, "the reason and its line"
    save(home, third)
    wait(lambda: in_force(home) == "3: the newest of your files")

    lines = home.run("prompts", "diff", "triage", "2", "3").out.splitlines()
    assert "-Should a seller look at this text? The seller serves:" in lines
    assert "+Should our seller look at this text? The seller serves:" in lines
    assert home.run("prompts", "diff", "triage", "3").out == "no difference\n"
    back = home.run("prompts", "rollback", "triage")
    assert back.out == (
        f"triage@2 ({home.run('prompts', 'list', '--json').data['items'][3]['content_hash'][:8]}) is in force until its file "
        "changes, or: leadd prompts rollback triage --undo\n"
    )
    assert in_force(home).startswith("2: rolled back; the newest is triage@3")
    assert home.run("prompts", "rollback", "triage", "3", "--undo").code == 2
    assert "triage@3" in home.run("prompts", "rollback", "triage", "--undo").out
    assert home.run("prompts", "rollback", "triage", "--undo").code == 1
    assert home.run("prompts", "label", "triage", "2", "candidate").code == 0
    assert [row[3] for row in home.run("prompts", "list", "triage").rows] == ["in force", "candidate"]
    shown = home.run("prompts", "show", "triage", "candidate")
    assert "Should a seller look at this text?" in shown.out
    assert shown.out.startswith("# triage@2 ")
    unknown = home.run("prompts", "show", "triage", "99")
    assert (unknown.code, "has no version 99" in unknown.err) == (1, True)

    told = home.run("reload-prompts", "--json").data
    assert {"status", "message", "templates", "version", "changes"} <= told.keys()
    assert told["version"] == home.run("prompts", "list", "--json").data["edition"]


def test_cases_are_tried_by_the_model_and_recorded(home: Cli) -> None:
    assert home.run("prompts", "test").code == 0, "the shipped ones"
    save(home, CASES, "triage.cases.yaml")
    save(home, SHIPPED.replace("version: 2", "version: 3"))
    wait(lambda: in_force(home).startswith("3:"))
    bare = home.run("prompts", "test", "triage")
    assert (bare.code, bare.out.splitlines()[0].split(": ")[1]) == (0, "2 unrecorded")
    assert home.run("prompts", "test", "triage", "--strict").code == 1
    assert home.run("prompts", "test", "triage", "--record").code == 2

    wait(lambda: not any("no language model" in reason for reason in home.status()["reasons"]))
    live = home.run("prompts", "test", "triage", "--live", "--record")
    assert (live.code, live.out.splitlines()[0].split(": ")[1]) == (0, "2 ok"), live
    kept = json.loads((home.paths.prompts_folder / "triage.recorded.json").read_text(encoding="utf-8"))
    assert [kept["answers"][case][0]["label"] for case in ("wanted", "unwanted")] == ["yes", "no"]
    assert kept["answers"]["wanted"][0]["model"] == "gemma3:1b"
    assert home.run("prompts", "test", "triage", "--strict").code == 0

    save(home, CASES.replace("label: no", "label: yes"), "triage.cases.yaml")
    failed = home.run("prompts", "test", "triage")
    assert failed.code == 1
    assert "triage.cases.yaml:5: case 'unwanted': gemma3:1b: label is no, not yes" in failed.out
    save(home, SHIPPED.replace("version: 2", "version: 4").replace("Should a seller", "Must a seller"))
    wait(lambda: in_force(home).startswith("4:"))
    stale = home.run("prompts", "test", "triage")
    assert (stale.code, "2 were recorded with another version" in stale.out) == (0, True)
    found = home.run("prompts", "diff", "triage", "3", "--behaviour", "--json").data
    assert (found["looked_at"], found["changes"]) == (0, [])


def test_the_schema_for_editors_is_json(here) -> None:
    assert here("prompts", "schema").data["title"] == "A prompt of leadd"
