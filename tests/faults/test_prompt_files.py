"""Prompt files cut at every byte: what is half written never goes live, unless it is a prompt of its own."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadd.core.prompts.prompt_cases import Trials
from leadd.prompting import PromptBook, packaged_folder


@pytest.mark.faults
@pytest.mark.parametrize("name", ["triage", "classification", "dossier"])
def test_a_shipped_prompt_cut_at_every_byte(tmp_path: Path, name: str) -> None:
    folders = [tmp_path, packaged_folder()]
    book, path = PromptBook(folders, gate=Trials(folders).problems), tmp_path / f"{name}.yaml"
    version = PromptBook([packaged_folder()])
    version.load()
    number = version.in_force()[name].version
    whole = (packaged_folder() / f"{name}.yaml").read_bytes().replace(b"version: %d" % number, b"version: 9", 1)
    path.write_bytes(whole)
    assert book.load().applied
    good = book.in_force()[name]
    assert good.version == 9
    taken = 0
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        found = book.load()
        now = book.in_force()[name]
        if found.applied:
            taken += 1
            assert now.content_hash == good.content_hash, f"{end} bytes went live as {now.label}"
        else:
            assert found.problems, end
            assert now == good, end
    assert taken <= 2, "only what misses no more than its last line end"
