"""`leadd cache`: what is kept, why something is not, and entries that go from one home to another."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_parts import Cli
from daemon_parts import wait

import leadd.cli.cache as commands
from leadd.cli.exits import Ended
from leadd.testing.ollama.threaded import ThreadedFake, threaded_fake

TEXT = (
    "We are a team of seven and look for our first marketing hire. There is no marketing team and no strategy yet, our founder "
    "is overloaded, the agency we paid brought no leads at all: growth, content, seo, campaigns and a newsletter."
)


@pytest.fixture(scope="module")
def ollama() -> Iterator[ThreadedFake]:
    with threaded_fake(time_scale=0) as fake:
        yield fake


def started(folder: Path, ollama: ThreadedFake) -> Cli:
    home = Cli(folder, models={"endpoint": ollama.fake.url}, scoring={"dossier_threshold": 100})
    home.start()
    home.client.post("/api/icp/templates/marketing_first_hire")
    return home


def ingest(home: Cli, folder: Path) -> None:
    """One signal by the way of a source, so that its questions are those of a turn in the queue."""
    file = folder / "ads.jsonl"
    file.write_text(json.dumps({"text": TEXT, "company": "Amber", "title": "First marketer"}) + "\n")
    assert home.run("ingest", str(file)).code == 0
    wait(lambda: home.status()["signals"].get("done") == 1)


@pytest.fixture(scope="module")
def home(ollama: ThreadedFake, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cli]:
    home = started(tmp_path_factory.mktemp("cache") / "home", ollama)
    ingest(home, tmp_path_factory.mktemp("ads"))
    yield home
    home.kill()


def test_why_says_that_it_is_kept(home: Cli) -> None:
    found = home.run("cache", "why", "1")
    assert found.code == 0
    lines = found.out.splitlines()
    assert [line.partition(": ")[0] for line in lines] == ["marketing_first_hire, triage", "marketing_first_hire, classify"]
    assert all(line.endswith(": kept in memory and sqlite") for line in lines)
    items = home.run("cache", "why", "1", "--json").data["items"]
    assert {item["role"] for item in items} == {"triage", "classify"}
    missing = home.run("cache", "why", "99")
    assert (missing.code, missing.out) == (1, "")
    assert "there is no signal 99" in missing.err


def test_stats_show_the_bound_and_its_evidence_for_near_duplicates(home: Cli) -> None:
    (reuse,) = home.run("cache", "stats", "--json").data["reuse"]
    assert (reuse["icp"], reuse["state"], reuse["checked"]) == ("marketing_first_hire", "learning", 0)
    assert reuse["limit"] == 0.01
    told = home.run("cache", "stats").out
    assert "near duplicates: learning; 0 took one" in told
    assert f"{reuse['checks_missing']} more checks without an error would prove it (of openings, each counted once;" in told


def test_status_tells_what_was_saved(home: Cli) -> None:
    cache = home.run("status", "--json").data["cache"]
    assert cache["answers"] >= 2
    assert "answers of models in 24 h cost no call" in home.run("status").out


def test_another_home_takes_the_answers_over_and_asks_no_model(home: Cli, ollama: ThreadedFake, tmp_path: Path) -> None:
    file = tmp_path / "answers.jsonl"
    out = home.run("cache", "export", str(file))
    assert out.code == 0
    rows = [json.loads(line) for line in file.read_text().splitlines()]
    assert f"{len(rows)} entries are in {file}" in out.out
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(home.run("cache", "export", "-").out.splitlines()) == len(rows)
    other = started(tmp_path / "other", ollama)
    try:
        file.write_text(file.read_text() + '{"key": "model.triage.x", "left_s": 5, "value": "{}"}\nno json\n')
        taken = other.run("cache", "import", str(file))
        assert taken.code == 1
        assert f"{len(rows)} entries were taken in" in taken.out
        assert f"{file}, line {len(rows) + 1}: field 'value': its format is None" in taken.err
        assert f"{file}, line {len(rows) + 2}: it is no JSON object" in taken.err
        lost = other.run("cache", "import", str(tmp_path / "none.jsonl"))
        assert (lost.code, lost.err.splitlines()[0]) == (
            1,
            f"leadd: {tmp_path / 'none.jsonl'} cannot be read: No such file or directory",
        )
        asked = ollama.fake.stats.as_dict()["completed"]
        ingest(other, tmp_path)
        assert ollama.fake.stats.as_dict()["completed"] == asked
        assert other.status()["cache"]["by_class"] == {"hit": 2}
    finally:
        other.kill()


def test_why_names_the_part_that_differs_after_the_icp_was_changed(ollama: ThreadedFake, tmp_path: Path) -> None:
    home = started(tmp_path / "home", ollama)
    try:
        ingest(home, tmp_path)
        (icp,) = home.client.get("/api/icp/")["items"]
        body = {**icp["icp"], "description": "Small firms without a marketer"} if "icp" in icp else None
        assert body is not None
        home.client.ask("PUT", f"/api/icp/{icp['id']}", body=body)
        told = home.run("cache", "why", "1").out
        assert "not kept" in told
        assert "the nearest of" in told
        assert "icp: asked" in told
        assert "(the ICP was changed)" in told
        entries = len(home.run("cache", "export", "-").out.splitlines())
        assert home.run("cache", "clear").out.startswith(f"{entries} answers were forgotten"), "each is counted once"
        assert "nothing like it" in home.run("cache", "why", "1").out
    finally:
        home.kill()


def test_an_export_goes_into_a_file_of_its_own_and_nowhere_else(home: Cli, tmp_path: Path) -> None:
    victim, link, file = tmp_path / "victim", tmp_path / "link", tmp_path / "answers.jsonl"
    victim.write_text("mine")
    link.symlink_to(victim)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for target in (link, pipe):
        refused = home.run("cache", "export", str(target))
        assert refused.code == 1
        assert f"{target} is no regular file" in refused.err
        assert "- for standard output" in refused.err
    part = tmp_path / ".answers.jsonl.part"
    part.symlink_to(victim)
    refused = home.run("cache", "export", str(file))
    assert refused.code == 1
    assert f"{file} cannot be written" in refused.err
    assert (victim.read_text(), link.is_symlink(), file.exists()) == ("mine", True, False)
    part.unlink()
    part.write_text("of an export that was killed")
    part.chmod(0o644)
    assert home.run("cache", "export", str(file)).code == 0
    assert (part.exists(), file.stat().st_mode & 0o777) == (False, 0o600)
    assert home.run("cache", "export", str(file)).code == 0, "an export of before is replaced"
    missing = home.run("cache", "export", str(tmp_path / "none" / "answers.jsonl"))
    assert (missing.code, missing.out) == (1, "")
    assert "cannot be written: No such file or directory" in missing.err


def test_an_export_that_breaks_off_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> Iterator[dict[str, object]]:
        yield {"key": "one"}
        raise Ended("the export broke off before its end")

    monkeypatch.setattr(commands, "_exported", broken)
    with pytest.raises(Ended, match="broke off"):
        commands._write_new(tmp_path / ".answers.part")
    assert list(tmp_path.iterdir()) == []


def test_stats_tell_kept_and_shared_apart(home: Cli) -> None:
    assert "questions came from the cache and 0 shared another asker's call" in home.run("cache", "stats").out
