"""`leadd prompts improve` against a daemon: what is shown, and that nothing changes without consent."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

import pytest
from cli_parts import Cli
from daemon_parts import wait

from leadd.testing.ollama import Editor, threaded_fake

PHRASE = "Firms with even numbers are never wanted"
EDIT = {"find": "You read one text", "replace": f"{PHRASE}. You read one text", "why": "even numbers were wrong"}


def truth(signal: Mapping[str, str]) -> bool | None:
    text = signal.get("text", "")
    return int(text.rsplit("Ref ", 1)[1].split(".")[0]) % 2 == 1 if "Ref " in text else None


@pytest.fixture
def home(make_cli: Callable[..., Cli]):
    with threaded_fake(time_scale=0, oracle=Editor(truth, PHRASE, [[EDIT]])) as fake:
        made = make_cli(models={"endpoint": fake.fake.url}, control={"http": {"enabled": False}})
        made.start()
        made.client.post("/api/icp/templates/marketing_first_hire")
        yield made
        made.kill()


def test_a_proposal_is_shown_and_kept_only_with_consent(home: Cli) -> None:
    early = home.run("prompts", "improve", "classification", "--yes")
    assert (early.code, "too little to learn from" in early.err, "leadd review" in early.err) == (1, True, True)
    wait(lambda: not any("no language model" in reason for reason in home.status()["reasons"]))
    signals = [
        {"title": "Founding Marketer", "company": f"Firm{n} GmbH",
         "text": f"Our first marketing hire to build brand, content, newsletter and campaigns, no leads yet. Ref {n}."}
        for n in range(48)
    ]  # fmt: skip
    lines = b"".join(json.dumps(signal).encode() + b"\n" for signal in signals)
    home.client.upload("/api/ingest/signals", iter([lines]), "application/x-ndjson")
    home.wait_outcomes(len(signals))
    leads = home.run("leads", "list", "--json", "-n", "100").data["items"]
    assert len(leads) == len(signals), "the model calls everything a match"
    for lead in leads:
        odd = int(lead["name"].split()[0].removeprefix("Firm")) % 2
        home.client.post(f"/api/leads/{lead['id']}/verdict", {"verdict": "accept" if odd else "reject"})

    refused = home.on_terminal("prompts", "improve", "classification", "--candidates", "1", typed="n\n")[1]
    assert f"+{PHRASE}. You read one text" in refused
    assert [row[3] for row in home.run("prompts", "list", "classification").rows] == ["in force"]
    asked = home.run("prompts", "improve", "classification", "--candidates", "1", "--yes", "--experiment", "--budget", "50")
    assert (asked.code, "points (95%:" in asked.out) == (0, True), asked
    assert "classification@3" in asked.out
    assert [row[3] for row in home.run("prompts", "list", "classification").rows] == ["in force", "candidate"]
    shown = home.run("experiment", "show", "--json").data
    assert (shown["state"], shown["b"].split()[0], shown["rule"]) == ("running", "classification@3", "ask")
