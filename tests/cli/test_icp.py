"""`leadd icp`: add, show, edit, delete, and back again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from cli_parts import Cli

SAID = (
    "--description",
    "Bakeries that look for their first marketing person",
    "--hiring",
    "marketing",
    "--hiring",
    "texter",
    "--pain",
    "no customers",
    "--exclude",
    "no agencies",
)


def shown(home: Cli, name: str) -> dict[str, object]:
    done = home.run("icp", "show", name)
    assert done.code == 0, done.err
    found: dict[str, object] = yaml.safe_load(done.out)
    return found


def test_add_by_words_show_edit_and_delete(running: Cli) -> None:
    added = running.run("icp", "add", "bakeries", *SAID)
    assert added.code == 0, added.err
    assert "added 'bakeries'" in added.out
    icp = shown(running, "bakeries")
    assert icp["hiring_keywords"] == {"values": ["marketing", "texter"], "use": "score"}
    assert icp["exclude_keywords"] == {"values": ["no agencies"], "use": "exclude"}
    assert running.run("icp", "show", "bakeries", "--json").data["icp"] == icp

    text = running.run("icp", "show", "bakeries").out
    edited = running.run("icp", "edit", "bakeries", "--file", "-", given=text.replace("texter", "copywriter"))
    assert edited.code == 0, edited.err
    assert "texter" not in json.dumps(shown(running, "bakeries"))
    unchanged = running.run("icp", "edit", "bakeries", "--file", "-", given=running.run("icp", "show", "bakeries").out)
    assert unchanged.code == 0, "what show prints, edit takes"

    assert running.run("icp", "delete", "bakeries", "--yes").code == 0
    gone = running.run("icp", "show", "bakeries")
    assert gone.code == 1
    assert "there is no ICP 'bakeries'" in gone.err


def test_templates(running: Cli) -> None:
    assert running.run("icp", "add", "--template", "recruiter").code == 0
    twice = running.run("icp", "add", "--template", "recruiter")
    assert twice.code == 1
    assert "already" in twice.err
    unknown = running.run("icp", "add", "--template", "nope")
    assert unknown.code == 1
    assert "recruiter" in unknown.err, "the names there are"
    assert "recruiter" in running.run("icp", "list").out
    assert running.run("icp", "delete", "recruiter", "--yes").code == 0


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("name: [", "this is no YAML"),
        ("- a\n- b\n", "list of keys"),
        ("name: x y z\ndescription: Somebody who needs something\n", "name"),
        ("name: short\ndescription: no\n", "description"),
        ("name: extra\ndescription: Somebody who needs something\nfavourite_colour: red\n", "favourite_colour"),
    ],
)
def test_an_icp_that_is_none(running: Cli, tmp_path: Path, text: str, word: str) -> None:
    file = tmp_path / "icp.yaml"
    file.write_text(text)
    done = running.run("icp", "add", "--file", str(file))
    assert done.code == 1
    assert word in done.err
    assert "openapi" not in done.err, "nobody at a command line reads that"
    assert running.run("icp", "add", "--file", str(tmp_path / "none.yaml")).code == 1
    file.write_bytes(b"name: \xff\xfe")
    assert "not UTF-8" in running.run("icp", "add", "--file", str(file)).err


def test_the_editor_opens_and_what_it_refuses_is_kept(running: Cli, tmp_path: Path) -> None:
    assert running.run("icp", "add", "edited", *SAID).code == 0
    editor = tmp_path / "editor.sh"
    editor.write_text('#!/bin/sh\nsed -i "s/texter/redakteur/" "$1"\n')
    editor.chmod(0o700)
    assert running.run("icp", "edit", "edited", EDITOR=str(editor)).code == 0
    assert "redakteur" in json.dumps(shown(running, "edited"))
    editor.write_text("#!/bin/sh\nexit 0\n")
    assert "nothing was changed" in running.run("icp", "edit", "edited", EDITOR=str(editor)).out
    editor.write_text('#!/bin/sh\necho "colour: red" >> "$1"\n')
    refused = running.run("icp", "edit", "edited", EDITOR=str(editor), TMPDIR=str(tmp_path))
    assert refused.code == 1
    kept = Path(refused.err.rpartition("--file ")[2].strip())
    assert "colour: red" in kept.read_text()
    assert oct(kept.stat().st_mode & 0o777) == "0o600"


def test_questions_on_a_terminal(make_cli: Callable[..., Cli]) -> None:
    home = make_cli(models={"without_model": "evidence"})
    home.start()
    code, said = home.on_terminal(
        "icp", "add", typed="asked\nShops that need somebody for their website\nseo, web\n\n1-20\n\ncasino\n"
    )
    assert code == 0, said
    made = shown(home, "asked")
    assert made["hiring_keywords"] == {"values": ["seo", "web"], "use": "score"}
    assert made["sizes"] == {"values": ["1-20"], "use": "score"}
    assert made["exclude_keywords"] == {"values": ["casino"], "use": "exclude"}
    assert "what 'asked' looks for, by the shipped table" in said
    code, said = home.on_terminal("icp", "delete", "asked", typed="y\n")
    assert code == 0
    assert "its leads stay" in said
    assert os.path.exists(home.paths.database_file)


def expansion(running: Cli, name: str) -> dict[str, Any]:
    found: dict[str, Any] = running.run("icp", "expand", name, "--json").data
    return found


def test_what_its_words_stand_for_is_shown_and_edited(running: Cli, tmp_path: Path) -> None:
    added = running.run("icp", "add", "spelt", "--description", "Shops that hire their first marketer, no internships")
    assert "marketing in titles:" in added.out
    assert "not wanted in titles: intern* -1.5" in added.out
    assert "leadd icp expand spelt --edit" in added.out
    first = expansion(running, "spelt")
    assert (first["by"], list(first["functions"])) == ("table", ["marketing"])
    assert first["waits_for"]
    assert "# what 'spelt' looks for" in running.run("icp", "show", "spelt").out

    editor = tmp_path / "editor.sh"
    editor.write_text('#!/bin/sh\nprintf "%s\\n" "$(sed "s/^terms:/terms:\\n- town crier/" "$1")" > "$1"\n')
    editor.chmod(0o700)
    done = running.run("icp", "expand", "spelt", "--edit", EDITOR=str(editor))
    assert done.code == 0, done.err
    assert "added by you, in titles and texts: town crier" in done.out
    edited = expansion(running, "spelt")
    assert edited["by"] == "you"
    assert edited["expansion_hash"] != first["expansion_hash"]
    assert running.run("icp", "edit", "spelt", "--file", "-", given=running.run("icp", "show", "spelt").out).code == 0
    assert expansion(running, "spelt")["is_stale"] is False, "the same words again"

    again = running.run("icp", "expand", "spelt", "--reset", "--json").data
    assert (again["by"], again["expansion_hash"]) == ("table", first["expansion_hash"])
    assert running.run("icp", "delete", "spelt", "--yes").code == 0


def test_an_expansion_that_is_none_is_named_and_kept(running: Cli, tmp_path: Path) -> None:
    assert running.run("icp", "add", "refused", *SAID).code == 0
    before = expansion(running, "refused")["expansion_hash"]
    file = tmp_path / "words.yaml"
    for text, said in (
        ("terms: [{words: seo, weight: 9}]", "terms[0].weight"),
        ("functions: {marketing: seo}", "functions.marketing"),
        ("rivals: [alchemy]", "there is no function 'alchemy'"),
        ("words: []", "words"),
    ):
        file.write_text(text)
        done = running.run("icp", "expand", "refused", "--file", str(file))
        assert done.code == 1
        assert said in done.err
    editor = tmp_path / "editor.sh"
    editor.write_text('#!/bin/sh\necho "rivals: [alchemy]" > "$1"\n')
    editor.chmod(0o700)
    done = running.run("icp", "expand", "refused", "--edit", EDITOR=str(editor), TMPDIR=str(tmp_path))
    kept = Path(done.err.rpartition("--file ")[2].strip())
    assert kept.read_text() == "rivals: [alchemy]\n"
    assert expansion(running, "refused")["expansion_hash"] == before
    assert running.run("icp", "expand", "refused", "--edit", "--reset").code == 2
    assert running.run("icp", "delete", "refused", "--yes").code == 0


def test_an_icp_is_written_on_a_form(running: Cli, tmp_path: Path) -> None:
    editor = tmp_path / "editor.sh"
    editor.write_text('#!/bin/sh\nsed -i "s/that \\.\\.\\./that hire a bookkeeper/" "$1"\n')
    editor.chmod(0o700)
    done = running.run("icp", "add", "formed", "--editor", EDITOR=str(editor))
    assert done.code == 0, done.err
    assert shown(running, "formed")["description"] == "Small companies that hire a bookkeeper"
    assert list(expansion(running, "formed")["functions"]) == ["finance"]
    assert running.run("icp", "delete", "formed", "--yes").code == 0
