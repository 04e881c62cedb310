"""The prompts in force: found in folders, checked as one, swapped all or nothing, by name or by version."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leadd.prompting.checks import nearest
from leadd.prompting.editions import Edition, Library, packaged_folder
from leadd.prompting.prompts import PromptError, PromptInfo, PromptProblem, Reload, Rendered
from leadd.prompting.templates import Template

__all__ = ["CANDIDATE", "PRODUCTION", "Gate", "Prepared", "PromptBook", "packaged_folder"]

PRODUCTION = "production"
CANDIDATE = "candidate"
LEAST_HASH = 6
"""Characters that the beginning of a content hash must have, to name a version."""

Gate = Callable[[Template], Sequence[PromptProblem]]
"""What a version has to pass beyond its own checks before it goes live: what is wrong with it, nothing where all is well."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A reading that could go live: `news` are the templates that are not in force yet. Nothing has changed hands."""

    edition: Edition
    templates: Mapping[str, Template]
    news: tuple[Template, ...]
    problems: tuple[PromptProblem, ...]
    released: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Held:
    """A version that is used instead of the newest, until the newest is another one than `mark` says."""

    template: Template
    mark: str


class PromptBook:
    """Prompts by name. The first folder that holds a prompt wins for that name; of several versions the highest is used,
    unless another one is held in its place.

    `load` and `prepare` may run in a thread while others render: they see all of the old prompts or all of the new ones.
    Only one of them may run at a time.
    """

    def __init__(self, folders: Sequence[Path], *, gate: Gate | None = None) -> None:
        self._folders = tuple(folders)
        self._gate = gate
        self._library = Library()
        self._edition = Edition()
        self._templates: Mapping[str, Template] = {}
        self._held: Mapping[str, _Held] = {}
        self._candidates: Mapping[str, Template] = {}
        self._revision = 0

    @property
    def revision(self) -> int:
        """Another number whenever a prompt changed hands."""
        return self._revision

    @property
    def folders(self) -> tuple[Path, ...]:
        """Where prompts are looked for, the first first."""
        return self._folders

    def load(self) -> Reload:
        """Read all files again. With any problem nothing changes hands and the last good prompts stay.

        A first load with problems takes those of the last folder (the packaged ones), so that leadd can work at all, and
        reports the problems with `applied` False.
        """
        return self.commit(self.prepare())

    def prepare(self) -> Prepared:
        """Read and check all files, and let the gate look at what is new. Changes nothing."""
        edition = self._library.edition(self._folders)
        templates, released = dict(edition.newest), []
        for name, held in self._held.items():
            newest = edition.newest.get(name)
            if newest is not None and mark_of(newest) != held.mark:
                released.append(name)
            else:
                templates[name] = held.template
        news = tuple(t for name, t in templates.items() if name not in self._templates or self._templates[name].info != t.info)
        problems = list(edition.problems)
        if not problems and self._gate is not None:
            for template in news:
                problems += [] if template.info.builtin else self._gate(template)
        return Prepared(edition, templates, news, tuple(problems), tuple(released))

    def commit(self, prepared: Prepared, problems: Sequence[PromptProblem] = ()) -> Reload:
        """Let a reading go live, all of it, or nothing where it (or the caller) has a problem."""
        before = self._templates
        wrong = (*prepared.problems, *problems)
        if not wrong:
            self._held = {name: held for name, held in self._held.items() if name not in prepared.released}
            self._edition = prepared.edition
            self._templates = prepared.templates
        elif not before:
            spare = self._library.edition(self._folders[-1:])
            if not spare.problems:
                self._edition, self._templates = spare, spare.newest
        changes = tuple(_changes(before, self._templates))
        self._revision += bool(changes)
        return Reload(
            applied=not wrong,
            versions=self.versions(),
            problems=wrong,
            changes=changes,
            warnings=tuple(prepared.edition.warnings),
            edition=self.edition,
            released=prepared.released if not wrong else (),
        )

    @property
    def edition(self) -> str:
        """All that is in force in one word; another one whenever any prompt is another."""
        marks = ",".join(f"{name}={mark_of(template)}" for name, template in sorted(self._templates.items()))
        return hashlib.sha256(marks.encode()).hexdigest()[:12]

    def versions(self) -> dict[str, str]:
        """What is in force, by name: `classification@1 (ab12cd34)`."""
        return {name: template.info.with_hash for name, template in sorted(self._templates.items())}

    def pick(self, name: str, version: str | int | None = None) -> Template:
        """One version of a prompt: that in force (None, or `production`), the `candidate`, one by its number or by the
        beginning of its content hash. Raises PromptError where there is none.

        Whoever renders more than once for one question renders by the template, so that no reload comes between.
        """
        template = self._templates.get(name)
        if template is None:
            raise PromptError(f"there is no prompt '{name}'{nearest(name, self._templates)}")
        if version is None or version == PRODUCTION:
            return template
        if version == CANDIDATE:
            if name not in self._candidates:
                raise PromptError(f"no version of '{name}' is labelled candidate (leadd prompts label)")
            return self._candidates[name]
        found = next((t for t in self.known(name) if is_version(t.info, version)), None)
        if found is None:
            raise PromptError(f"'{name}' has no version {version} that is loaded; leadd prompts list {name} shows all")
        return found

    def known(self, name: str) -> list[Template]:
        """Every version that can be rendered now: in force, candidate, then those of the files, the highest first."""
        own = [t for t in (self._templates.get(name), self._candidates.get(name)) if t is not None]
        files = self._edition.versions.get(name, {})
        return list({mark_of(t): t for t in (*own, *(files[number] for number in sorted(files, reverse=True)))}.values())

    def in_a_file(self, name: str, content_hash: str) -> bool:
        """Whether a file holds a version with this content."""
        return any(t.info.content_hash == content_hash for t in self._edition.versions.get(name, {}).values())

    def render(
        self, name: str, variables: Mapping[str, Any], signal: Mapping[str, str | None], *, version: str | int | None = None
    ) -> Rendered:
        """The prompt for one signal (title, company, location, text; None where not known). Raises PromptError.

        Variables that the prompt does not declare are passed over. The system message is byte-identical for equal variables.
        `version` asks for another one than that in force (see `pick`).
        """
        return self.pick(name, version).render(variables, signal)

    def in_force(self) -> dict[str, PromptInfo]:
        """What is used now, by name."""
        return {name: template.info for name, template in self._templates.items()}

    def newest(self, name: str) -> Template | None:
        """The highest version that the files hold, whatever is in force."""
        return self._edition.newest.get(name)

    def held(self) -> dict[str, str]:
        """Prompts for which another version than the newest is held, with the mark of the newest that it stands for."""
        return {name: held.mark for name, held in self._held.items()}

    def candidates(self) -> dict[str, PromptInfo]:
        """The versions labelled candidate, by prompt."""
        return {name: template.info for name, template in self._candidates.items()}

    def hold(self, template: Template, mark: str | None = None) -> Template:
        """Use this version from now on, until the newest of its prompt's files is another one than now (or than `mark`).

        The version that was in force comes back. Raises PromptError where there is no such prompt.
        """
        name = template.info.name
        before = self.pick(name)
        newest = self._edition.newest.get(name)
        self._held = {**self._held, name: _Held(template, mark or ("" if newest is None else mark_of(newest)))}
        self._put(template)
        return before

    def release(self, name: str) -> Template | None:
        """Use the newest version again; None where none was held or no file has one."""
        newest = self._edition.newest.get(name)
        if name not in self._held or newest is None:
            return None
        self._held = {other: held for other, held in self._held.items() if other != name}
        self._put(newest)
        return newest

    def propose(self, name: str, template: Template | None) -> None:
        """Label a version candidate: it can be rendered by that name, and changes nothing else. None takes the label away."""
        others = {other: t for other, t in self._candidates.items() if other != name}
        self._candidates = others if template is None else {**others, name: template}

    def _put(self, template: Template) -> None:
        if self._templates.get(template.info.name) is not template:
            self._templates = {**self._templates, template.info.name: template}
            self._revision += 1


def mark_of(template: Template) -> str:
    """Version and content in one word: two files with one mark are the same prompt."""
    return f"{template.info.version}:{template.info.content_hash}"


def is_version(info: PromptInfo, version: str | int) -> bool:
    """Whether a number, or the beginning of a content hash, names this version."""
    word = str(version).strip().removeprefix(f"{info.name}@").lower()
    return word == str(info.version) or (len(word) >= LEAST_HASH and info.content_hash.startswith(word))


def _changes(before: Mapping[str, Template], after: Mapping[str, Template]) -> list[str]:
    lines = []
    for name in sorted(before.keys() | after.keys()):
        old, new = before.get(name), after.get(name)
        if old is None and new is not None:
            lines.append(f"{new.info.with_hash} is new, from {new.info.file}")
        elif new is None and old is not None:
            lines.append(f"{old.info.with_hash} is gone")
        elif old is not None and new is not None and old.info != new.info:
            lines.append(f"{old.info.with_hash} → {new.info.with_hash}, from {new.info.file}")
    return lines
