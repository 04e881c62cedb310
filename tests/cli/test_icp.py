"""`leadd icp`: add, show, edit, delete, and back again."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

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
    code, said = home.on_terminal("icp", "add", typed="asked\nShops that need somebody for their website\nseo, web\n\n\n")
    assert code == 0, said
    assert shown(home, "asked")["hiring_keywords"] == {"values": ["seo", "web"], "use": "score"}
    code, said = home.on_terminal("icp", "delete", "asked", typed="y\n")
    assert code == 0
    assert "its leads stay" in said
    assert os.path.exists(home.paths.database_file)
