"""Prompts: which version is in force and why, what another one would change, and the way back."""

from __future__ import annotations

import difflib

from leadd.control.call import Call
from leadd.control.errors import JSON, ApiError
from leadd.control.house import House
from leadd.control.router import Route
from leadd.control.wire_prompts import (
    BehaviourIn,
    BehaviourOut,
    CaseOut,
    ChangeOut,
    LabelIn,
    PromptChanged,
    PromptDiff,
    PromptDiffQuery,
    PromptList,
    PromptOut,
    PromptText,
    RollbackIn,
    TrialIn,
    TrialOut,
)
from leadd.core.prompts.prompt_cases import Trials
from leadd.prompting import PromptInfo, Template
from leadd.prompting.cases import Recorded


class PromptRoutes:
    """/api/prompts/…"""

    def __init__(self, house: House) -> None:
        self._house = house

    def table(self) -> tuple[Route, ...]:
        """The routes of this area."""
        one = "/api/prompts/{name}"
        return (
            Route("GET", "/api/prompts", "prompts", "Prompts in force, and why", self.list, PromptList),
            Route("GET", one, "prompts", "Every version of a prompt that is in a file or ever ran", self.versions, PromptList),
            Route(
                "GET", f"{one}/diff", "prompts", "What of the text differs between two versions", self.diff, PromptDiff,
                query=PromptDiffQuery,
            ),
            Route("GET", f"{one}/versions/{{version}}", "prompts", "One version with its text", self.show, PromptText),
            Route(
                "POST", f"{one}/rollback", "prompts", "Use an earlier version until the file changes, or end that",
                self.rollback, PromptChanged, body=RollbackIn, takes=(JSON,),
            ),
            Route(
                "POST", f"{one}/label", "prompts", "Label a version production or candidate", self.label, PromptChanged,
                body=LabelIn, takes=(JSON,),
            ),
            Route(
                "POST", f"{one}/behaviour", "prompts", "What would change on stored signals if another version were in force",
                self.behaviour, BehaviourOut, body=BehaviourIn, takes=(JSON,),
            ),
            Route(
                "POST", f"{one}/test", "prompts", "Try the cases of a prompt, from recordings or with the model", self.test,
                TrialOut, body=TrialIn, takes=(JSON,),
            ),
        )  # fmt: skip

    async def list(self, call: Call) -> PromptList:
        """All that is in force."""
        return await self._listed(None)

    async def versions(self, call: Call) -> PromptList:
        """One prompt in all its versions."""
        return await self._listed(call.name)

    async def _listed(self, name: str | None) -> PromptList:
        desk = self._house.prompt_desk
        items = [PromptOut.model_validate(one) for one in await desk.standings(name)]
        problems = [str(problem) for problem in desk.report.problems] if desk.report else []
        return PromptList(items=items, edition=desk.book.edition, problems=problems)

    async def show(self, call: Call) -> PromptText:
        """One version."""
        template = await self._find(call, call.params["version"])
        info = template.info
        shown = await self._house.prompt_desk.standings(info.name)
        one = next((s for s in shown if (s.version, s.content_hash) == (info.version, info.content_hash)), None)
        found = PromptOut.model_validate(one if one is not None else info)
        return PromptText(**found.model_dump(), text=template.text)

    async def diff(self, call: Call) -> PromptDiff:
        """Two texts."""
        a, b = await self._find(call, call.query.a), await self._find(call, call.query.b)
        names = (a.info.with_hash, b.info.with_hash)
        lines = list(difflib.unified_diff(a.text.splitlines(), b.text.splitlines(), *names, lineterm=""))
        return PromptDiff(a=names[0], b=names[1], lines=lines)

    async def rollback(self, call: Call) -> PromptChanged:
        """An earlier version, or the newest again."""
        desk, asked = self._house.prompt_desk, call.body
        if asked.undo:
            info = await desk.undo(call.name)
            return _changed(info, f"{info.with_hash} is in force again, as its file says")
        info = await desk.rollback(call.name, asked.version)
        held = info.name in desk.book.held()
        until = f"until its file changes, or: leadd prompts rollback {info.name} --undo" if held else "as its file says"
        return _changed(info, f"{info.with_hash} is in force {until}")

    async def label(self, call: Call) -> PromptChanged:
        """A label on a version."""
        info = await self._house.prompt_desk.label(call.name, call.body.version, call.body.label)
        return _changed(info, f"{info.with_hash} is labelled {call.body.label}")

    async def behaviour(self, call: Call) -> BehaviourOut:
        """Replay stored signals."""
        asked: BehaviourIn = call.body
        a, b = await self._find(call, asked.a), await self._find(call, asked.b)
        found = await self._house.prompt_lab.compare(a, b, last=asked.last, calls=asked.calls)
        changed = len(found.changes)
        message = f"{changed} of {found.compared} change"
        if found.unknown:
            message += f"; of {found.unknown} more a version has no answer yet: the model would have to be asked (calls)"
        return BehaviourOut(
            message=message, a=a.info.with_hash, b=b.info.with_hash, looked_at=found.looked_at, compared=found.compared,
            changed=changed, settled=found.settled, unknown=found.unknown, calls=found.calls, failures=found.failures,
            origins=found.origins, changes=[ChangeOut.model_validate(change) for change in found.changes],
        )  # fmt: skip

    async def test(self, call: Call) -> TrialOut:
        """Cases, offline or live."""
        asked: TrialIn = call.body
        template = await self._find(call, asked.version)
        trials: Trials = self._house.prompt_desk.trials
        file = trials.shelf.of(call.name)
        if file is None:
            raise ApiError(404, "not_found", f"there are no cases for '{call.name}'", f"write them into {call.name}.cases.yaml")
        answers: dict[str, list[Recorded]] = {}
        if asked.live:
            report, answers = await self._house.prompt_lab.try_cases(template, file, calls=asked.calls, fresh=asked.record)
        else:
            report = await self._house.prompt_desk.cases(template)
        shown = answers if asked.record else {}
        return TrialOut(
            name=report.prompt, version=template.info.with_hash, file=report.file,
            results=[CaseOut.model_validate(result) for result in report.results],
            problems=[str(problem) for problem in report.problems],
            recorded={case: [one.as_json() for one in found] for case, found in shown.items()},
        )  # fmt: skip

    async def _find(self, call: Call, version: str | None) -> Template:
        return await self._house.prompt_desk.find(call.name, version)


def _changed(info: PromptInfo, message: str) -> PromptChanged:
    return PromptChanged(message=message, name=info.name, version=info.label, content_hash=info.content_hash)
