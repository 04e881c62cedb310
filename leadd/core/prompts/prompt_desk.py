"""Which version of each prompt is in force, and why: reloads, rollbacks, labels, and the memory of all that ever ran."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from leadd.core.events import EventBus
from leadd.core.prompts.prompt_cases import CaseReport, Trials
from leadd.prompting import CANDIDATE, PRODUCTION, PromptBook, PromptError, PromptInfo, PromptProblem, Reload, Template, restore
from leadd.prompting.book import is_version, mark_of
from leadd.store import Store, StoreUnavailable
from leadd.store.rows import PromptRow

LABELS = "prompt.labels"
"""Key of the labels in the store: by prompt, then by label."""

START, ASKED, SAVED = "start", "asked", "saved"


@dataclass(frozen=True, slots=True)
class Standing:
    """One version of a prompt as lists show it. `why` says in words why it is in force, or is not.

    `state` is `in force`, `candidate`, `file` (in a file, not used) or `kept` (of earlier times).
    """

    name: str
    version: int
    content_hash: str
    state: str
    why: str
    file: str
    builtin: bool
    first_at_ms: int | None = None
    last_at_ms: int | None = None


class PromptDesk:
    """Owns the changes of a PromptBook. All of them come one after the other, and each is answered, told and kept."""

    def __init__(self, book: PromptBook, trials: Trials, store: Store, events: EventBus, log: logging.Logger) -> None:
        self.book = book
        self.trials = trials
        self._store = store
        self._events = events
        self._log = log
        self._lock = asyncio.Lock()
        self._labels: dict[str, dict[str, dict[str, Any]]] = {}
        self.report: Reload | None = None
        """What the last reload did."""

    async def open(self, first: Reload) -> None:
        """Take up labels of an earlier run after the first load, and keep what is in force. Call it before any question."""
        self.report = first
        self._labels = await self._store.schedule.get(LABELS) or {}
        try:
            for name, labels in list(self._labels.items()):
                for label, kept in list(labels.items()):
                    problem = await self._take_up(name, label, kept)
                    if problem:
                        self._log.warning("prompt %s is no longer labelled %s: %s", name, label, problem)
                        await self._put_label(name, label, None)
            await self._remember([self.book.pick(name) for name in self.book.in_force()])
        except StoreUnavailable as error:  # a full disk is no reason not to start
            self._log.error("which prompts are in force could not be kept: %s", error)

    async def _take_up(self, name: str, label: str, kept: dict[str, Any]) -> str:
        """Why a label of an earlier run cannot be used any more; '' where it is in use again."""
        newest = self.book.newest(name)
        first_has_problems = self.report is not None and bool(self.report.problems)  # then nobody knows what the file says now
        try:
            template = await self._find(name, str(kept["content_hash"]))
        except PromptError as error:
            return str(error)
        if label == CANDIDATE:
            self.book.propose(name, template)
        elif not first_has_problems and (newest is None or mark_of(newest) != kept["mark"]):
            return "its file has changed"
        else:
            self.book.hold(template, kept["mark"])
        return ""

    async def reload(self, cause: str = ASKED) -> Reload:
        """Read the files again. All prompts are swapped, or none and the last good ones stay; told either way."""
        async with self._lock:
            prepared = await asyncio.to_thread(self.book.prepare)
            problems: list[PromptProblem] = []
            warnings: list[PromptProblem] = []
            if not prepared.problems:
                try:
                    await self._remember(prepared.news)
                    warnings = await self._told_apart(prepared.news)
                except StoreUnavailable as error:
                    # What cannot be kept does not run: an answer must always lead back to the words that were asked.
                    problems.append(PromptProblem("the database", 0, f"the new version could not be kept: {error}"))
            found = self.book.commit(prepared, problems)
            found = self.report = replace(found, warnings=(*found.warnings, *warnings))
            for name in found.released:
                with contextlib.suppress(StoreUnavailable):  # a restart sees by the file that it is over
                    await self._put_label(name, PRODUCTION, None)
            self._tell(found, cause)
            return found

    async def _told_apart(self, templates: Sequence[Template]) -> list[PromptProblem]:
        """A warning for each version whose number another text had before: an answer's label would mean either."""
        found = []
        for template in templates:
            info = template.info
            others = await self._store.prompts.others(info.name, info.version, info.content_hash)
            if others:
                reason = (
                    f"version {info.version} was another text before ({others[0][:8]}): raise it, to tell their answers apart"
                )
                found.append(PromptProblem(info.file, template.version_line, reason))
        return found

    def _tell(self, found: Reload, cause: str) -> None:
        self._events.publish(
            "prompts.reloaded", applied=found.applied, versions=dict(found.versions), changes=list(found.changes),
            problems=[str(problem) for problem in found.problems], edition=found.edition, cause=cause,
        )  # fmt: skip
        for change in found.changes:
            self._log.info("prompt in force: %s (%s)", change, cause)
        for warning in found.warnings if found.changes else ():
            self._log.warning("prompt in force with a warning: %s", warning)
        for problem in found.problems:
            self._log.warning("prompts not changed, the last good ones stay: %s", problem)

    async def rollback(self, name: str, version: str | None = None) -> PromptInfo:
        """Use an earlier version (None: the one that was in force before) until the prompt's file changes, or `undo`.

        Raises PromptError where there is none, or its cases do not pass.
        """
        async with self._lock:
            wanted = version or await self._before(name)
            return await self._produce(name, wanted, "rollback")

    async def label(self, name: str, version: str, label: str) -> PromptInfo:
        """Put a label on a version: `production` puts it in force like `rollback`, `candidate` makes it known by that name."""
        async with self._lock:
            if label == PRODUCTION:
                return await self._produce(name, version, "label")
            if label != CANDIDATE:
                raise PromptError(f"there is no label '{label}'; there are {PRODUCTION} and {CANDIDATE}")
            template = await self._find(name, version)
            await self._check(template)
            await self._remember([template])
            await self._put_label(name, CANDIDATE, template)
            self.book.propose(name, template)
            self._log.info("prompt %s is the candidate", template.info.with_hash)
            return template.info

    async def ready(self, name: str, version: str | None = None) -> Template:
        """A version that may be asked with: its cases hold, and its text is kept. Raises PromptError."""
        async with self._lock:
            template = await self._find(name, version)
            await self._check(template)
            await self._remember([template])
            return template

    async def adopt(self, template: Template) -> PromptInfo:
        """Take in a version that no file holds, as the candidate. Raises PromptError where its cases do not hold."""
        async with self._lock:
            await self._check(template)
            await self._remember([template])
            await self._put_label(template.info.name, CANDIDATE, template)
            self.book.propose(template.info.name, template)
            self._log.info("prompt %s is the candidate", template.info.with_hash)
            return template.info

    async def next_version(self, name: str) -> int:
        """A number that no version of a prompt had yet."""
        kept = [row.version for row in await self._store.prompts.list(name)]
        return 1 + max([*kept, *(template.info.version for template in self.book.known(name))], default=0)

    async def undo(self, name: str) -> PromptInfo:
        """End a rollback: the newest version of the files is in force again. Raises PromptError where there was none."""
        async with self._lock:
            newest = self.book.newest(name)
            if newest is None or name not in self.book.held():
                raise PromptError(f"no earlier version of '{name}' is held; there is nothing to undo")
            await self._check(newest)
            await self._remember([newest])
            await self._put_label(name, PRODUCTION, None)
            before = self.book.pick(name).info
            self.book.release(name)
            self._swapped(before, newest.info, "undo")
            return newest.info

    async def _produce(self, name: str, version: str, cause: str) -> PromptInfo:
        template = await self._find(name, version)
        await self._check(template)
        await self._remember([template])
        newest, before = self.book.newest(name), self.book.pick(name).info
        # The store first: a rollback that a restart would forget has not been made.
        if newest is not None and mark_of(newest) == mark_of(template):
            await self._put_label(name, PRODUCTION, None)
            self.book.release(name)
        else:
            mark = "" if newest is None else mark_of(newest)
            await self._put_label(name, PRODUCTION, template, mark)
            self.book.hold(template, mark)
        self._swapped(before, template.info, cause)
        return template.info

    def _swapped(self, before: PromptInfo, now: PromptInfo, cause: str) -> None:
        changes = () if before == now else (f"{before.with_hash} → {now.with_hash}",)
        found = Reload(True, self.book.versions(), changes=changes, edition=self.book.edition)
        self._tell(found, cause)

    async def _check(self, template: Template) -> None:
        problems = [] if template.info.builtin else await asyncio.to_thread(self.trials.problems, template)
        if problems:
            raise PromptError("; ".join(str(problem) for problem in problems[:3]))

    async def _before(self, name: str) -> str:
        now = self.book.pick(name).info
        rows = [row for row in await self._store.prompts.list(name) if row.content_hash != now.content_hash]
        if not rows:
            raise PromptError(f"no other version of '{name}' was ever in force")
        return rows[0].content_hash

    async def find(self, name: str, version: str | None = None) -> Template:
        """A version by its number, the beginning of its hash, or its label, out of the files or out of all that ever ran."""
        return await self._find(name, version)

    async def _find(self, name: str, version: str | None) -> Template:
        try:
            return self.book.pick(name, version)
        except PromptError:
            if name not in self.book.in_force() or version is None:
                raise
            rows = [row for row in await self._store.prompts.list(name) if is_version(_info(row), version)]
            if not rows:
                raise
        return restore(name, rows[0].version, rows[0].text)

    async def standings(self, name: str | None = None) -> list[Standing]:
        """Prompts in force, each with its reason; of one prompt every version that is in a file or ever ran."""
        if name is None:
            return [self._in_force(info) for _, info in sorted(self.book.in_force().items())]
        now = self.book.pick(name)
        rows = {f"{row.version}:{row.content_hash}": row for row in await self._store.prompts.list(name)}
        found = []
        for template in self.book.known(name):
            row = rows.pop(mark_of(template), None)
            one = self._in_force(template.info) if template is now else self._other(template.info)
            found.append(_with_times(one, row))
        return [*found, *(_with_times(self._other(_info(row), state="kept"), row) for row in rows.values())]

    def _in_force(self, info: PromptInfo) -> Standing:
        newest = self.book.newest(info.name)
        if info.name in self.book.held() and newest is not None:
            why = f"rolled back; the newest is {newest.info.with_hash} (leadd prompts rollback {info.name} --undo)"
        else:
            why = "shipped with leadd" if info.builtin else "the newest of your files"
        problems = self.report.problems if self.report is not None else ()
        if any(Path(p.file).name.split(".")[0] == info.name or Path(p.file).parent.name == info.name for p in problems):
            why += "; the last good one, for what was saved since has a problem"
        return _standing(info, "in force", why)

    def _other(self, info: PromptInfo, state: str = "file") -> Standing:
        candidate = self.book.candidates().get(info.name)
        if candidate is not None and candidate.content_hash == info.content_hash and candidate.version == info.version:
            return _standing(info, CANDIDATE, "labelled candidate; not in force")
        return _standing(info, state, "in its file, not in force" if state == "file" else "was in force once")

    async def cases(self, template: Template) -> CaseReport:
        """How the cases of a version go, offline."""
        return await asyncio.to_thread(self.trials.report, template)

    async def _remember(self, templates: Sequence[Template]) -> None:
        for template in templates:
            info = template.info
            await self._store.prompts.seen(info.name, info.version, info.content_hash, template.text)

    async def _put_label(self, name: str, label: str, template: Template | None, mark: str = "") -> None:
        """Keep that a version has a label (None: none has), in the store and then here."""
        own = {other: kept for other, kept in self._labels.get(name, {}).items() if other != label}
        if template is not None:
            own[label] = {"version": template.info.version, "content_hash": template.info.content_hash, "mark": mark}
        labels = {other: kept for other, kept in self._labels.items() if other != name} | ({name: own} if own else {})
        if labels != self._labels:
            await self._store.schedule.set(LABELS, labels)
            self._labels = labels


def _info(row: PromptRow) -> PromptInfo:
    return PromptInfo(row.name, row.version, row.content_hash, "", False)


def _standing(info: PromptInfo, state: str, why: str) -> Standing:
    return Standing(info.name, info.version, info.content_hash, state, why, info.file, info.builtin)


def _with_times(one: Standing, row: PromptRow | None) -> Standing:
    if row is None:
        return one
    return Standing(
        one.name, one.version, one.content_hash, one.state, one.why, one.file, one.builtin, row.first_at_ms, row.last_at_ms
    )
