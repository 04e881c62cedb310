"""All prompts of some folders, read and checked as one. What did not change since the last reading is not parsed again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import leadd
from leadd.prompting.checks import Check
from leadd.prompting.prompts import PromptError, PromptProblem
from leadd.prompting.reading import NAME, Unreadable, find_files, parse, text_of
from leadd.prompting.templates import Template


def packaged_folder() -> Path:
    """Where the prompts that ship with leadd are: inside the installed package, else in the repository beside it."""
    package = Path(leadd.__file__).parent
    inside = package / "_prompts"
    return inside if inside.is_dir() else package.parent / "prompts"


@dataclass(slots=True)
class Edition:
    """What one reading found. `newest` is the highest version of each prompt, `versions` are all that its folder holds."""

    newest: dict[str, Template] = field(default_factory=dict)
    versions: dict[str, dict[int, Template]] = field(default_factory=dict)
    problems: list[PromptProblem] = field(default_factory=list)
    warnings: list[PromptProblem] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Read:
    """One file as it was read: the text that it had, and all that came of it."""

    text: str
    templates: tuple[Template, ...]
    problems: tuple[PromptProblem, ...]
    warnings: tuple[PromptProblem, ...]


class Library:
    """Reads editions. A file whose text is the same gives the same templates, and so keeps what they have put together."""

    def __init__(self) -> None:
        self._read: Mapping[Path, _Read] = {}

    def edition(self, folders: Sequence[Path]) -> Edition:
        """The prompts of the folders; the first folder that holds a prompt wins for that name."""
        edition = Edition()
        packaged = packaged_folder()
        known: dict[Path, _Read] = {}
        for folder in folders:
            taken = set(edition.newest)
            for name, path in find_files(folder):
                if name in taken:
                    continue
                read = self._file(name, path, builtin=folder == packaged)
                known[path] = read
                edition.problems += read.problems
                edition.warnings += read.warnings
                for template in read.templates:
                    _add(edition, template)
        self._read = {**self._read, **known} if len(self._read) < 1000 else known
        if not edition.newest and not edition.problems:
            places = ", ".join(str(folder) for folder in folders) or "no folder"
            edition.problems.append(PromptProblem(places, 0, "holds no prompt files"))
        return edition

    def _file(self, name: str, path: Path, *, builtin: bool) -> _Read:
        if not NAME.match(name):
            return _Read("", (), (PromptProblem(str(path), 0, "a prompt's name is of small letters, digits, - and _"),), ())
        try:
            text = text_of(path)
        except Unreadable as error:
            return _Read("", (), (error.problem,), ())
        before = self._read.get(path)
        return before if before is not None and before.text == text else _read(text, path, name, builtin=builtin)


def _read(text: str, path: Path, name: str, *, builtin: bool) -> _Read:
    """Every version is checked, not only the one that will be used: an old one may be wanted back."""
    try:
        files = parse(text, path, name)
    except Unreadable as error:
        return _Read(text, (), (error.problem,), ())
    templates: list[Template] = []
    problems: list[PromptProblem] = []
    warnings: list[PromptProblem] = []
    for file in files:
        check = Check(file)
        template = check.template(builtin=builtin)
        problems += check.problems
        warnings += check.warnings
        if template is None:
            continue
        if any(template.info.version == other.info.version for other in templates):
            problems.append(file.problem(f"version {template.info.version} stands in the file twice", "version"))
        templates.append(template)
    return _Read(text, tuple(templates), tuple(dict.fromkeys(problems)), tuple(dict.fromkeys(warnings)))


def _add(edition: Edition, template: Template) -> None:
    info = template.info
    versions = edition.versions.setdefault(info.name, {})
    other = versions.get(info.version)
    if other is not None:
        if other.info.file != info.file:
            reason = f"version {info.version} stands in {other.info.file} as well"
            edition.problems.append(PromptProblem(info.file, template.version_line, reason))
        return
    versions[info.version] = template
    newest = edition.newest.get(info.name)
    if newest is None or info.version > newest.info.version:
        edition.newest[info.name] = template


def restore(name: str, version: int, text: str) -> Template:
    """A version out of the text that was kept of its file. Raises PromptError where this leadd cannot read it any more."""
    problems: list[str] = []
    for suffix in (".json", ".yaml") if text.lstrip().startswith("{") else (".yaml",):
        read = _read(text, Path(f"{name}@{version}{suffix}"), name, builtin=False)
        for template in read.templates:
            if template.info.version == version:
                template.info = replace(template.info, file="")
                return template
        problems += [str(problem) for problem in read.problems]
    raise PromptError(f"{name}@{version} cannot be used any more: {'; '.join(problems[:3]) or 'its text is another version'}")
