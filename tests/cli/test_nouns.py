"""leads, signals, sources, sinks, deliveries, prompts, cache: each command does what it says."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cli_parts import Cli
from daemon_parts import ICP, wait

from leadd.testing.ollama import Speeds, threaded_fake

Make = Callable[..., Cli]


def lead_named(home: Cli, name: str) -> int:
    found: int = next(
        i["id"] for i in home.run("leads", "list", "--all", "-n", "9999", "--json").data["items"] if i["name"].startswith(name)
    )
    return found


def test_a_lead_is_shown_with_its_reasons(running: Cli) -> None:
    lead = str(lead_named(running, "Brightmesh"))
    shown = running.run("leads", "show", lead)
    assert shown.code == 0
    for part in ("of 100", "why:", "signals:", "Founding Marketer", "timeline:", "created: "):
        assert part in shown.out, part
    why = running.run("leads", "why", lead).out
    for part in ("prefilter: keep", "threshold 20", "triage: yes [evidence", "triage@2", "classify: match", "score: "):
        assert part in why, part
    rows = {row[0]: row for row in running.run("leads", "list", "--all", "-n", "9999").rows}
    assert rows[lead][6].startswith("[evidence] The title says"), "who judged stands in front, once"
    assert running.run("leads", "show", "99999").code == 1


def test_verdicts_notes_and_states(running: Cli) -> None:
    lead = str(lead_named(running, "Brightmesh"))
    for word, done in (("accept", "accepted"), ("reject", "rejected"), ("lost", "lost"), ("won", "won")):
        said = running.run("leads", word, lead, "--note", "because")
        assert (said.code, said.out) == (0, f"lead {lead} is {done}\n"), said.err
    assert running.run("leads", "note", lead, "called", "back").code == 0
    assert running.run("leads", "status", lead, "contacted").code == 0
    found = running.run("leads", "show", lead, "--json").data
    assert found["status"] == "contacted"
    assert any("called back" in e["text"] for e in found["timeline"])
    assert running.run("leads", "status", lead, "delighted").code == 2
    assert running.run("leads", "accept", "99999").code == 1
    assert [i["id"] for i in running.run("leads", "list", "--status", "contacted", "--all", "--json").data["items"]] == [
        int(lead)
    ]


def test_snooze_and_undo(running: Cli) -> None:
    lead = str(lead_named(running, "Brightmesh"))
    said = running.run("leads", "snooze", lead, "--days", "2")
    assert said.out == f"lead {lead} comes back in 48 h (leadd leads --snoozed lists it until then)\n", said.err
    assert int(lead) not in [i["id"] for i in running.run("leads", "list", "--all", "--json").data["items"]]
    assert [i["id"] for i in running.run("leads", "--snoozed", "--json").data["items"]] == [int(lead)]
    assert "snoozed, comes back in 48 h" in running.run("leads", "show", lead).out
    assert f'"id": {lead},' in running.run("leads", "export", "--bucket", "parked").out
    undone = running.run("leads", "undo", lead)
    assert undone.out.startswith(f"lead {lead}: snooze is taken back; ")
    assert int(lead) in [i["id"] for i in running.run("leads", "list", "--all", "--json").data["items"]]
    assert running.run("leads", "snooze", lead, "--days", "0").code == 2
    assert running.run("leads", "undo", "99999").code == 1


def test_leads_are_found_by_what_they_are_about(running: Cli) -> None:
    lead = lead_named(running, "Brightmesh")
    found = running.run("leads", "search", "building", "up", "marketing", "from", "scratch")
    assert found.code == 0
    assert str(lead) in [row[0] for row in found.rows]
    assert found.err.startswith("found by ")
    asked = running.run("leads", "similar", str(lead), "-n", "3", "--json").data
    assert lead not in [i["id"] for i in asked["items"]]
    assert asked["by"] in ("vectors", "words")
    assert running.run("leads", "similar", "99999").code == 1


def test_a_dropped_signal_gets_a_verdict(running: Cli) -> None:
    found = running.run("signals", "list", "--outcome", "filtered", "-n", "9999", "--json").data["items"]
    driver = str(next(s["id"] for s in found if s["title"] == "Truck Driver"))
    assert running.run("signals", "reject", driver).out == (
        f"signal {driver}: rightly dropped, noted (it was dropped by prefilter:score)\n"
    )
    assert running.run("signals", "undo", driver).out == f"signal {driver}: reject is taken back\n"
    assert running.run("signals", "undo", driver).code == 1
    assert running.run("signals", "accept", driver, "--icp", "nobody's").code == 1


def test_export_for_a_spreadsheet(make_cli: Make) -> None:
    home = make_cli(models={"without_model": "evidence"})
    home.start()
    evil = {
        "text": "We look for our first marketing hire, no marketing team, no leads. Founding marketer.",
        "title": "Marketer",
        "company": '=HYPERLINK("http://evil.example")',
        "location": "@SUM(A1)",
    }
    home.client.upload("/api/ingest/signals", iter([json.dumps(evil).encode() + b"\n"]), "application/x-ndjson")
    home.wait_outcomes(1)
    rows = list(csv.DictReader(io.StringIO(home.run("leads", "export", "--format", "csv", "--bucket", "parked").out)))
    assert len(rows) == 1
    assert rows[0]["name"].startswith("'=HYPERLINK"), "no spreadsheet takes it for a formula"
    lines = home.run("leads", "export", "--bucket", "parked").out.splitlines()
    assert [json.loads(x)["id"] for x in lines] == [int(rows[0]["id"])]
    assert home.run("leads", "delete", rows[0]["id"], "--yes").code == 0
    assert home.run("leads", "export", "--bucket", "parked").out == ""
    assert home.run("leads", "show", rows[0]["id"]).code == 1


def test_signals_say_why_they_are_no_leads(running: Cli) -> None:
    found = running.run("signals", "list", "--outcome", "filtered", "-n", "9999", "--json").data["items"]
    driver = next(s for s in found if s["title"] == "Truck Driver")
    why = running.run("signals", "why", str(driver["id"]))
    assert "prefilter: drop (score " in why.out
    assert "threshold 20, rule score" in why.out
    assert "Score " in why.out
    assert running.run("signals", "why", "99999").code == 1
    assert running.run("signals", "retry", "--all").out == "0 held signals are in the queue again\n"


def test_rejudge_when_a_model_comes(make_cli: Make) -> None:
    home = make_cli(models={"without_model": "evidence", "endpoint": "http://127.0.0.1:9"})
    home.start()
    home.client.post("/api/icp/", ICP)
    assert home.run("classify", "Marketing person wanted, we are overloaded and have no leads").code == 0
    home.kill()
    with threaded_fake(speeds=Speeds()) as ollama:
        home.configure(models={"endpoint": ollama.fake.url}, control={"http": {"enabled": False}})
        home.start()
        wait(lambda: home.status()["models"]["classify"]["method"] == "model")
        done = home.run("rejudge")
        assert (done.code, done.out) == (0, "1 signals are judged again\n")
        wait(lambda: next(home.signals())["method"] == "model")
        why = home.run("signals", "why", "1").out
        assert "(superseded)" in why
        assert "[model, gemma3:1b, triage@2" in why
        assert home.run("rejudge").out == "0 signals are judged again\n"
        stats = home.run("cache", "stats")
        assert "questions came from the cache" in stats.out
        rows = [line.split("\t") for line in stats.out.splitlines() if "\t" in line]
        assert {row[0] for row in rows} == {"tier", "memory", "sqlite"}
        assert [row[:2] for row in rows if row[0] == "sqlite" and len(row) == 8] == [
            ["sqlite", "classify"],
            ["sqlite", "triage"],
        ]
        assert home.run("cache", "clear").code == 0


def test_sources(make_cli: Make) -> None:
    home = make_cli(models={"without_model": "evidence"})
    inbox = home.folder / "in"
    inbox.mkdir()
    home.configure(
        sources={"ads": {"use": "folder", "path": str(inbox), "settle_s": 0, "interval_s": 3600}, "bad": {"use": "folder"}},
        control={"http": {"enabled": False}},
    )
    home.start()
    rows = {row[0]: row for row in home.run("sources", "list").rows}
    assert rows["bad"][2] == "failed_config"
    assert "path" in rows["bad"][8], "the reason names the key"
    assert any("source bad" in reason for reason in home.status()["reasons"])
    (inbox / "a.jsonl").write_text('{"text": "We look for our first marketing hire, no leads"}\nbroken\n')
    assert home.run("sources", "poll", "ads").code == 0
    wait(lambda: "a.jsonl" in home.run("sources", "show", "ads").out)
    assert home.run("sources", "pause", "ads").code == 0
    assert "paused" in home.run("sources", "show", "ads").out
    assert home.run("sources", "resume", "ads").code == 0
    unknown = home.run("sources", "poll", "adz")
    assert unknown.code == 1
    assert "leadd sources list" in unknown.err


def test_sinks_and_deliveries(make_cli: Make) -> None:
    home = make_cli()
    home.configure(
        models={"without_model": "evidence"},
        sinks={
            "file": {"use": "jsonl", "path": str(home.folder / "out.jsonl"), "min_bucket": "parked"},
            "hook": {"use": "webhook", "url": "http://127.0.0.1:9/x", "min_bucket": "parked", "max_attempts": 1},
        },
        network={"allow_private": ["127.0.0.1"]},
        control={"http": {"enabled": False}},
    )
    home.start()
    assert home.run("sinks", "test", "file").code == 0
    unreachable = home.run("sinks", "test", "hook")
    assert unreachable.code != 0
    assert "127.0.0.1:9" in unreachable.err
    unknown = home.run("sinks", "test", "nope")
    assert unknown.code == 1
    assert "leadd sinks list" in unknown.err
    assert home.run("classify", "Founding marketer: first marketing hire, no marketing team, no leads").code == 0
    wait(lambda: {row[4] for row in home.run("deliveries").rows} == {"delivered", "dead"})
    dead = home.run("deliveries", "--state", "dead", "--json").data["items"][0]
    assert dead["sink"] == "hook"
    assert any("gave up" in reason for reason in home.status()["reasons"])
    assert home.run("deliveries", "retry", str(dead["id"])).code == 0
    wait(lambda: home.run("deliveries", "--state", "dead").rows)
    assert home.run("deliveries", "drop", str(dead["id"])).code == 0
    assert home.run("deliveries", "--sink", "hook").rows[0][4] == "dropped"
    for word in ("retry", "drop"):
        missing = home.run("deliveries", word, "999")
        assert missing.code == 1
        assert "leadd deliveries" in missing.err


def triage_in_force(home: Cli) -> dict[str, Any]:
    found: dict[str, Any] = next(p for p in home.run("prompts", "list", "--json").data["items"] if p["name"] == "triage")
    return found


def test_prompts_reload_all_or_nothing(running: Cli, tmp_path: Path) -> None:
    names = [row[0] for row in running.run("prompts", "list").rows]
    assert names == ["classification", "dossier", "expansion", "triage"]
    folder = running.paths.prompts_folder
    folder.mkdir(mode=0o700, exist_ok=True)
    shipped = Path(triage_in_force(running)["file"]).read_text()
    mine = folder / "triage.yaml"
    try:
        mine.write_text(shipped.replace("{{ icp_description }}", "{{ icp_descripton }}"))
        bad = running.run("reload-prompts")
        assert bad.code == 1
        assert "triage.yaml:" in bad.err, "file and line"
        assert "icp_descripton" in bad.err, "and the reason"
        assert bad.out == ""
        assert triage_in_force(running)["builtin"] is True, "the last good one stays"
        mine.write_text(shipped.replace("version: 2", "version: 7"))
        good = running.run("reload-prompts")
        assert good.code == 0, good.err
        assert "triage@7" in good.out
        assert [row[4] for row in running.run("prompts", "list").rows] == [
            "shipped with leadd",
            "shipped with leadd",
            "shipped with leadd",
            "the newest of your files",
        ]
    finally:
        mine.unlink()
        assert running.run("reload-prompts").code == 0


@pytest.mark.parametrize("count", [0, 1])
def test_limits(running: Cli, count: int) -> None:
    done = running.run("signals", "list", "-n", str(count), "--json")
    assert done.code == (2 if count == 0 else 0)
    if count:
        assert len(done.data["items"]) == count
