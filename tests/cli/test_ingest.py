"""`leadd ingest` and `leadd classify`: every kind of input, good and bad."""

from __future__ import annotations

import gzip
import itertools
import json
from pathlib import Path

import pytest
from cli_parts import Cli

NUMBERS = itertools.count(1)


def need(number: int) -> dict[str, str]:
    return {
        "text": f"Opening {number}: marketing manager, the first marketing hire in our small team.",
        "company": f"Co {number}",
        "external_id": f"cli-{number}",
    }


def lines(count: int) -> str:
    return "".join(json.dumps(need(next(NUMBERS))) + "\n" for _ in range(count))


def test_jsonl_with_bad_rows(running: Cli, tmp_path: Path) -> None:
    file = tmp_path / "ads.jsonl"
    file.write_text(lines(3) + "not json\n" + '{"nothing": 1}\n')
    done = running.run("ingest", str(file))
    assert done.code == 1, "a refused row is not to be overlooked"
    assert f"{file}: 3 accepted, 0 known already, 2 refused" in done.out
    assert "line 4: " in done.out
    assert "line 5: " in done.out
    again = running.run("ingest", str(file), "--json").data["files"][0]
    assert (again["accepted"], again["repeats"], again["problem_count"]) == (0, 3, 2)


def test_packed_files_and_standard_input(running: Cli, tmp_path: Path) -> None:
    packed = tmp_path / "ads.JSONL.GZ"
    packed.write_bytes(gzip.compress(lines(4).encode()))
    assert "4 accepted" in running.run("ingest", str(packed)).out
    given = running.run("ingest", "-", given=lines(2))
    assert given.out == "-: 2 accepted, 0 known already, 0 refused\n"
    assert running.run("ingest", "-", cwd=tmp_path).out == "-: 0 accepted, 0 known already, 0 refused\n"


def test_csv_with_named_columns(running: Cli, tmp_path: Path) -> None:
    file = tmp_path / "stellen.csv"
    file.write_text(
        "Stelle;Beschreibung;Firma\n"
        "Marketing Manager;Wir suchen die erste Person für Marketing, wir haben keine Anfragen;Foo GmbH\n"
        ";;\nFahrer;Wir suchen Fahrer;Bar AG\n"
    )
    unnamed = running.run("ingest", str(file))
    assert unnamed.code == 1
    assert "--column text=Stelle" in unnamed.err, "the way out is one of the command line"
    done = running.run(
        "ingest", str(file), "--column", "title=Stelle", "--column", "text=Beschreibung", "--column", "company=Firma"
    )
    assert "2 accepted, 0 known already, 1 refused" in done.out
    assert "line 3: " in done.out
    found = [s for s in running.signals() if s["company"] == "Foo GmbH"]
    assert found[0]["title"] == "Marketing Manager"
    packed = tmp_path / "stellen.csv.gz"
    packed.write_bytes(gzip.compress(file.read_bytes()))
    again = running.run("ingest", str(packed), "--column", "title=Stelle,", "--column", "text=Beschreibung")
    assert again.code == 1
    bad = running.run("ingest", str(file), "--column", "headline=Stelle")
    assert bad.code == 1
    assert "headline" in bad.err


def test_a_text_that_changed_is_a_new_signal(running: Cli, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_bytes("\ufeffKachelwerk sucht eine Person für Marketing, die erste überhaupt.".encode())
    assert "1 accepted" in running.run("ingest", str(note)).out
    assert "1 known already" in running.run("ingest", str(note)).out
    note.write_bytes(b"Kachelwerk has found somebody for marketing \xff\xfe and is happy.")
    assert "1 accepted" in running.run("ingest", str(note)).out


def test_what_cannot_be_read_says_why_and_the_others_are_taken(running: Cli, tmp_path: Path) -> None:
    cut = tmp_path / "cut.jsonl.gz"
    cut.write_bytes(gzip.compress(lines(2000).encode())[:-200])
    plain = tmp_path / "plain.jsonl.gz"
    plain.write_text(lines(1))
    good = tmp_path / "good.jsonl"
    good.write_text(lines(2))
    missing = tmp_path / "missing.jsonl"
    done = running.run("ingest", str(missing), str(tmp_path), str(cut), str(plain), str(good))
    assert done.code == 1
    assert f"{missing} does not exist" in done.err
    assert f"{tmp_path} is a folder" in done.err
    assert f"{cut} is cut short" in done.err
    assert f"{plain} cannot be read: Not a gzipped file" in done.err
    assert done.out == f"{good}: 2 accepted, 0 known already, 0 refused\n"
    assert len(running.run("ingest", str(good), str(missing), "--json").data["files"]) == 1


def test_a_big_file_shows_how_far_it_is(running: Cli, tmp_path: Path) -> None:
    file = tmp_path / "big.jsonl"
    filler = "x" * 20_000
    file.write_text("".join(json.dumps({"text": filler, "external_id": "the same"}) + "\n" for _ in range(300)))
    code, shown = running.on_terminal("ingest", str(file))
    assert code == 0
    assert "big.jsonl" in shown
    assert "MB" in shown, "how much of it is sent"
    assert "1 accepted, 299 known already" in shown
    quiet = running.run("ingest", str(file))
    assert quiet.err == "", "no bar where nobody looks"


def test_the_source_that_signals_are_counted_under(running: Cli, tmp_path: Path) -> None:
    file = tmp_path / "ads.jsonl"
    file.write_text(lines(2))
    assert running.run("ingest", str(file), "--source", "fair").code == 0
    assert running.run("status", "--json").data["sources"]["fair"] == 2
    assert len(running.run("signals", "list", "--source", "fair", "--json").data["items"]) == 2


def test_classify(running: Cli) -> None:
    text = "We are six, no marketing team, and look for our first marketing hire: a founding marketer."
    done = running.run("classify", text, "--company", "Six Ltd", "--website", "https://six.example")
    assert done.code == 0, done.err
    assert "of 100 (by evidence)" in done.out
    assert "leadd leads show" in done.out
    again = running.run("classify", "-", "--json", given=text)
    assert again.data["signal_id"]
    assert again.data["method"] == "evidence"
    nothing = running.run("classify", "We", "sell", "apples", "and", "pears")
    assert nothing.code == 0
    assert nothing.out.startswith("filtered (by ")
    assert running.run("classify", "-", given=b" \n").code == 2
    assert running.run("classify", "-", given=b"\xff\xfe\x00 marketing").code == 0, "bytes that are no text do no harm"


def test_classify_that_waits_for_a_model_ends_with_75(make_cli: pytest.FixtureRequest) -> None:
    home = make_cli(models={"without_model": "wait", "endpoint": "http://127.0.0.1:9"})  # type: ignore[operator]
    home.start()
    held = home.run("classify", "Looking for a marketing manager, our first marketing hire, no leads")
    assert held.code == 75
    assert "leadd signals why" in held.out
