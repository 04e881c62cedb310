"""`leadd experiment …` against a daemon: started, shown, drawn as a picture, ended."""

from __future__ import annotations

import json
from collections.abc import Callable
from xml.etree import ElementTree

import pytest
from cli_parts import Cli
from daemon_parts import wait

from leadd.cli.experiment_plot import picture
from leadd.prompting import packaged_folder
from leadd.testing.ollama import threaded_fake

SHIPPED = (packaged_folder() / "classification.yaml").read_text(encoding="utf-8")
FOUND = [
    "Founding Marketer",
    "our first marketing hire to build brand, content, newsletter and campaigns from scratch, no leads",
]


@pytest.fixture
def home(make_cli: Callable[..., Cli]):
    with threaded_fake(time_scale=0) as fake:
        made = make_cli(models={"endpoint": fake.fake.url}, control={"http": {"enabled": False}})
        folder = made.paths.prompts_folder / "classification"
        folder.mkdir(parents=True, mode=0o700)
        for version in (3, 4):
            text = SHIPPED.replace("version: 2", f"version: {version}", 1).replace("You read one", f"{version}: read one")
            (folder / f"{version}.yaml").write_text(text, encoding="utf-8")
        made.start()
        made.client.post("/api/icp/templates/marketing_first_hire")
        yield made
        made.kill()


def test_the_life_of_an_experiment(home: Cli) -> None:
    none = home.run("experiment", "show")
    assert (none.code, "there is no experiment yet" in none.err) == (1, True)
    assert home.run("experiment", "start", "classification", "--variants", "4").code == 2
    assert home.run("experiment", "start", "classification", "--share", "120%").code == 2
    wrong = home.run("experiment", "start", "classification", "--variants", "3,4")
    assert (wrong.code, "variant A is classification@3" in wrong.err, "production" in wrong.err) == (1, True, True)
    begun = home.run("experiment", "start", "classification", "--variants", "4,3", "--share", "50%", "--name", "short")
    assert begun.out.startswith("short runs: 50% of the companies are asked with classification@3 (")
    second = home.run("experiment", "start", "classification", "--variants", "4,3")
    assert (second.code, "is running: short" in second.err) == (1, True)

    wait(lambda: not any("no language model" in reason for reason in home.status()["reasons"]))
    signals = [{"title": FOUND[0], "company": f"Firm{n} GmbH", "text": f"We look for {FOUND[1]}. Ref {n}."} for n in range(6)]
    lines = b"".join(json.dumps(signal).encode() + b"\n" for signal in signals)
    home.client.upload("/api/ingest/signals", iter([lines]), "application/x-ndjson")
    home.wait_outcomes(len(signals))
    leads = home.run("leads", "list", "--json").data["items"]
    for lead in leads:
        assert home.run("leads", "accept", str(lead["id"])).code == 0
    shown = home.run("experiment", "show", "--json").data
    assert (shown["name"], shown["state"], shown["seen_a"] + shown["seen_b"]) == ("short", "running", len(leads))
    assert len(shown["history"]) == len(leads) > 0
    assert any(note.startswith("experiment short, classification@3") for note in home.status()["notes"])

    drawn = home.folder / "short.svg"
    said = home.run("experiment", "show", "short", "--plot", str(drawn))
    assert "not decided (evidence" in said.out
    assert ElementTree.parse(drawn).getroot().tag.endswith("svg")
    nowhere = home.run("experiment", "show", "--plot", str(home.folder / "no" / "x.svg"))
    assert (nowhere.code, "cannot be written" in nowhere.err) == (1, True)
    promoted = home.run("experiment", "promote")
    assert (promoted.code, "promoted by you" in promoted.out) == (0, True)
    assert home.run("prompts", "list", "--json").data["items"][0]["version"] == 3
    assert "is in force again" in home.run("experiment", "rollback", "short").out
    assert home.run("prompts", "list", "--json").data["items"][0]["version"] == 4
    over = home.run("experiment", "stop", "short")
    assert (over.code, "has ended" in over.err) == (1, True)
    assert home.run("experiment", "start", "classification", "--aa").out.startswith("classification-1 runs")
    assert home.run("experiment", "stop").code == 0
    assert [row[:2] for row in home.run("experiment", "list").rows] == [
        ["classification-1", "stopped"],
        ["short", "rolled back"],
    ]


def test_a_picture_of_nothing_and_of_what_is_hostile() -> None:
    bare = {"name": "<a&b>", "a": "x@1", "b": '"y"@2', "state": "rolled_back", "needed_better": 20.0, "needed_worse": 4.0}
    empty = ElementTree.fromstring(picture({**bare, "history": []}))
    assert "<a&b>" in "".join(empty.itertext())
    points = [
        {"outcomes": n, "better": 1.2**n, "worse": 0.9**n, "difference": None if n < 3 else 0.1, "low": -0.5, "high": 0.6}
        for n in range(1, 121)
    ]
    root = ElementTree.fromstring(picture({**bare, "history": points}))
    numbers = [float(v) for line in root.iter() for pair in line.get("points", "").split() for v in pair.split(",")]
    assert numbers
    assert all(0 <= number <= 720 for number in numbers)
    better = next(line for line in root.iter() if line.tag.endswith("polyline"))
    heights = [float(pair.split(",")[1]) for pair in better.get("points", "").split()]
    assert heights == sorted(heights, reverse=True), "more evidence stands higher"
