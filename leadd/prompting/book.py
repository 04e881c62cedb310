"""The prompts in force: found in folders, checked as one, swapped all or nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import leadd
from leadd.prompting.checks import Check, nearest
from leadd.prompting.prompts import PromptError, PromptInfo, PromptProblem, Reload, Rendered
from leadd.prompting.reading import NAME, PromptFile, Unreadable, find_files, read_file
from leadd.prompting.templates import Template


def packaged_folder() -> Path:
    """Where the prompts that ship with leadd are: inside the installed package, else in the repository beside it."""
    package = Path(leadd.__file__).parent
    inside = package / "_prompts"
    return inside if inside.is_dir() else package.parent / "prompts"


@dataclass(slots=True)
class _Edition:
    """All prompts of one load, by name."""

    templates: dict[str, Template] = field(default_factory=dict)
    problems: list[PromptProblem] = field(default_factory=list)
    warnings: list[PromptProblem] = field(default_factory=list)


class PromptBook:
    """Prompts by name. The first folder that holds a prompt wins for that name; of several versions the highest is used.

    `load` may run in a thread while others render: they see all of the old prompts or all of the new ones.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._templates: Mapping[str, Template] = {}
        self._revision = 0

    @property
    def revision(self) -> int:
        """Another number whenever a prompt changed hands."""
        return self._revision

    def load(self) -> Reload:
        """Read all files again. With any problem nothing changes hands and the last good prompts stay.

        A first load with problems takes those of the last folder (the packaged ones), so that leadd can work at all, and
        reports the problems with `applied` False.
        """
        edition = self._read(self._folders)
        before = self._templates
        applied = not edition.problems
        if applied:
            self._templates = edition.templates
        elif not before:
            spare = self._read(self._folders[-1:])
            if not spare.problems:
                self._templates = spare.templates
        changes = tuple(_changes(before, self._templates))
        self._revision += bool(changes)
        return Reload(
            applied=applied,
            versions={name: _version(template.info) for name, template in sorted(self._templates.items())},
            problems=tuple(edition.problems),
            changes=changes,
            warnings=tuple(edition.warnings),
        )

    def render(self, name: str, variables: Mapping[str, Any], signal: Mapping[str, str | None]) -> Rendered:
        """The prompt for one signal (title, company, location, text; None where not known). Raises PromptError.

        Variables that the prompt does not declare are passed over. The system message is byte-identical for equal variables.
        """
        template = self._templates.get(name)
        if template is None:
            raise PromptError(f"there is no prompt '{name}'{nearest(name, self._templates)}")
        return template.render(variables, signal)

    def in_force(self) -> dict[str, PromptInfo]:
        """What is used now, by name."""
        return {name: template.info for name, template in self._templates.items()}

    def _read(self, folders: Sequence[Path]) -> _Edition:
        edition = _Edition()
        packaged = packaged_folder()
        for folder in folders:
            found: dict[str, list[PromptFile]] = {}
            for name, path in find_files(folder):
                if name in edition.templates:
                    continue
                file = _file(name, path, edition)
                if file is not None:
                    found.setdefault(name, []).append(file)
            for name, files in found.items():
                template = _newest(files, edition, builtin=folder == packaged)
                if template is not None:
                    edition.templates[name] = template
        if not edition.templates and not edition.problems:
            places = ", ".join(str(folder) for folder in folders) or "no folder"
            edition.problems.append(PromptProblem(places, 0, "holds no prompt files"))
        return edition


def _file(name: str, path: Path, edition: _Edition) -> PromptFile | None:
    if not NAME.match(name):
        reason = "a prompt's name is of small letters, digits, - and _"
        edition.problems.append(PromptProblem(str(path), 0, reason))
        return None
    try:
        return read_file(path, name)
    except Unreadable as error:
        edition.problems.append(error.problem)
        return None


def _newest(files: Sequence[PromptFile], edition: _Edition, *, builtin: bool) -> Template | None:
    """The template of the highest version. Every version is checked: an old one may be wanted back."""
    newest: Template | None = None
    for file in files:
        check = Check(file)
        template = check.template(builtin=builtin)
        edition.problems += check.problems
        edition.warnings += check.warnings
        if template is None:
            continue
        if newest is not None and newest.info.version == template.info.version:
            reason = f"version {template.info.version} stands in {newest.info.file} as well"
            edition.problems.append(file.problem(reason, "version"))
        elif newest is None or template.info.version > newest.info.version:
            newest = template
    return newest


def _version(info: PromptInfo) -> str:
    return f"{info.label} ({info.content_hash[:8]})"


def _changes(before: Mapping[str, Template], after: Mapping[str, Template]) -> list[str]:
    lines = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old is None and new is not None:
            lines.append(f"{_version(new.info)} is new, from {new.info.file}")
        elif new is None and old is not None:
            lines.append(f"{_version(old.info)} is gone")
        elif old is not None and new is not None and old.info != new.info:
            lines.append(f"{_version(old.info)} → {_version(new.info)}, from {new.info.file}")
    return lines
