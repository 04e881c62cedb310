"""Trying prompts on their cases from the command line: offline in this process, or through the daemon."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from leadd.cli.client import Client
from leadd.cli.exits import Ended
from leadd.config.loading import load
from leadd.core.prompts.prompt_cases import ROLES, Trials
from leadd.prompting import PromptBook, packaged_folder
from leadd.prompting.cases import CASES, CaseShelf, Recorded, write_recordings

NAMES = tuple(ROLES)


def offline(names: Sequence[str]) -> list[dict[str, Any]]:
    """How the cases of prompts go (all of them where none is named), by the files as they are now."""
    loaded = load()
    settings = loaded.settings
    folders = [packaged_folder()]
    if settings.prompts.custom:
        folders.insert(0, settings.prompts.folder or settings.paths.prompts or loaded.paths.prompts_folder)
    book, trials = PromptBook(folders), Trials(folders)
    found = book.load()
    problems = [str(problem) for problem in found.problems]
    reports = []
    for name in names or NAMES:
        if name not in found.versions or name not in ROLES:
            raise Ended(f"there is no prompt '{name}' with cases; there are: {', '.join(NAMES)}")
        template = book.pick(name)
        report = trials.report(template)
        reports.append({
            "name": name, "version": template.info.with_hash, "file": report.file,
            "results": [asdict(result) for result in report.results],
            "problems": [*problems, *(str(problem) for problem in report.problems)], "recorded": {},
        })  # fmt: skip
        problems = []
    return reports


def through_daemon(name: str, version: str | None, *, live: bool, record: bool, calls: int) -> dict[str, Any]:
    """The same by the daemon, for another version or with its model."""
    body = {"version": version, "live": live, "record": record, "calls": calls}
    found: dict[str, Any] = Client().post(f"/api/prompts/{name}/test", body, timeout_s=None if live else 60.0)
    return found


def write_recorded(report: dict[str, Any]) -> None:
    """Put the answers of a live trial beside the cases. Raises Ended where they cannot be written."""
    path = Path(report["file"])
    file = CaseShelf([path.parent]).of(report["name"])
    if file is None or file.problems:
        raise Ended(f"{path} cannot be read any more; nothing was recorded")
    answers = {case: [Recorded(**one) for one in found] for case, found in report["recorded"].items()}
    try:
        write_recordings(file, answers)
    except OSError as error:
        hint = f"copy {report['name']}{CASES} into your prompts folder (leadd config path) and record there"
        raise Ended(f"{file.recordings} cannot be written: {error.strerror or error}", hint=hint) from None
