"""Trying a version of a prompt on its cases: it must render, recorded answers must pass every rule of a real one, and what
the case expects must hold. Offline; `question_of_case` is what a live trial asks."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from leadd.api import Icp, Method, ModelFailure, ModelRequest, Reply, Role, Signal
from leadd.api.diagnosis import diagnose
from leadd.core import questions, triage
from leadd.core.icp_templates import DEFAULT_TEMPLATE, TEMPLATES
from leadd.core.prompts import expectations
from leadd.core.text import normalise
from leadd.inference import Inference, Question
from leadd.inference.answers.success import to_text, verify
from leadd.prompting import PromptError, PromptProblem, Template
from leadd.prompting.cases import Case, CaseFile, CaseShelf, Recorded

Standing = Literal["ok", "failed", "stale", "unrecorded"]

ROLES: Mapping[str, tuple[Role, int]] = {
    "triage": (Role.TRIAGE, questions.TRIAGE_CHARS),
    "classification": (Role.CLASSIFY, questions.CLASSIFY_CHARS),
    "dossier": (Role.DOSSIER, questions.DOSSIER_CHARS),
}
"""Who is asked with each prompt, and how much of a text is shown at most."""

_WINDOW = 8192


@dataclass(frozen=True, slots=True)
class CaseResult:
    """How one case went. `stale`: all recordings are of other versions; `unrecorded`: there are none. Both rendered."""

    id: str
    line: int
    standing: Standing
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CaseReport:
    """How all cases of a version went; `problems` are those of the files that hold them."""

    prompt: str
    label: str
    content_hash: str
    file: str
    results: tuple[CaseResult, ...] = ()
    problems: tuple[PromptProblem, ...] = ()

    def count(self, standing: Standing) -> int:
        """How many cases stand so."""
        return sum(result.standing == standing for result in self.results)

    @property
    def failures(self) -> list[PromptProblem]:
        """Everything that keeps the version from going live, with the place of the case."""
        failed = [result for result in self.results if result.standing == "failed"]
        told = [PromptProblem(self.file, r.line, f"{self.label} fails case '{r.id}': {'; '.join(r.reasons)}") for r in failed]
        return [*self.problems, *told]


class Trials:
    """Tries versions on the cases that lie beside the prompts of some folders. A version is tried once for the same cases."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self.shelf = CaseShelf(folders)
        self._done: dict[str, tuple[str, CaseFile, CaseReport]] = {}

    def report(self, template: Template) -> CaseReport:
        """How the cases of a version go, offline."""
        info = template.info
        file = self.shelf.of(info.name)
        if file is None or info.name not in ROLES:
            return CaseReport(info.name, info.label, info.content_hash, "")
        known = self._done.get(info.name)
        if known is None or known[0] != f"{info.label}:{info.content_hash}" or known[1] is not file:
            known = self._done[info.name] = (f"{info.label}:{info.content_hash}", file, try_all(template, file))
        return known[2]

    def problems(self, template: Template) -> list[PromptProblem]:
        """What keeps a version from going live (see `PromptBook`)."""
        return self.report(template).failures


def try_all(template: Template, file: CaseFile) -> CaseReport:
    """Every case of a file, offline."""
    info = template.info
    results = tuple(try_case(template, case) for case in file.cases)
    return CaseReport(info.name, info.label, info.content_hash, str(file.path), results, file.problems)


def try_case(template: Template, case: Case) -> CaseResult:
    """One case, offline: it renders, and each recording of this version is an answer of which all holds."""
    name = template.info.name
    unknown = expectations.unknown_words(name, case.expect)
    if unknown:
        return CaseResult(case.id, case.lines.get("expect", case.line), "failed", tuple(unknown))
    try:
        question = question_of_case(template, case)
    except (PromptError, ValueError) as error:
        return CaseResult(case.id, case.line, "failed", (str(error),))
    own = [recorded for recorded in case.recorded if recorded.prompt_hash == template.info.content_hash]
    if not own:
        return CaseResult(case.id, case.line, "stale" if case.recorded else "unrecorded")
    reasons: list[str] = []
    for recorded in own:
        try:
            answer = answer_of(question, recorded)
        except (ModelFailure, ValueError) as error:
            reasons.append(f"{recorded.model}: no answer: {error}")
        else:
            reasons += [f"{recorded.model}: {reason}" for reason in expectations.broken(case.expect, answer)]
    return CaseResult(case.id, case.line, "failed" if reasons else "ok", tuple(reasons))


async def ask_case(
    inference: Inference, template: Template, case: Case, *, fresh: str = ""
) -> tuple[CaseResult, Recorded | None]:
    """One case put to the model that plays the role now. The recording is None where the answer was not made just now.

    `fresh` (another word each time) makes a question of its own of it, so that no kept answer is taken: what is recorded is
    what the model wrote, and not what leadd made of it.
    """
    heard: list[Mapping[str, Any]] = []
    try:
        unknown = expectations.unknown_words(template.info.name, case.expect)
        if unknown:
            raise ValueError("; ".join(unknown))
        question = question_of_case(template, case)
        check = question.check

        def listen(data: Mapping[str, Any]) -> Mapping[str, Any]:
            heard.append(dict(data))
            return check(data)

        mark = f"{question.normaliser_version}/case/{fresh}" if fresh else question.normaliser_version
        answer = await inference.ask(replace(question, check=listen, normaliser_version=mark))
    except (PromptError, ValueError, ModelFailure) as error:
        return CaseResult(case.id, case.line, "failed", (str(error),)), None
    if answer.provenance.method is not Method.MODEL:
        return CaseResult(case.id, case.line, "failed", ("no language model can be asked now",)), None
    reasons = expectations.broken(case.expect, answer.data)
    p, recorded = answer.provenance, None
    if p.cache == "miss" and heard:
        said, label = heard[-1], heard[-1].get("label")
        recorded = Recorded(
            p.model, p.digest, template.info.label, template.info.content_hash,
            answer=to_text(said) if label is None else None,
            label=label, probability=None if label is None else said.get("probability"),
        )  # fmt: skip
    return CaseResult(case.id, case.line, "failed" if reasons else "ok", tuple(reasons)), recorded


def answer_of(question: Question, recorded: Recorded) -> Mapping[str, Any]:
    """A recorded answer by the rules that a real one has to pass. Raises ModelFailure and ValueError."""
    if recorded.label is not None:
        return question.check({"label": recorded.label, "probability": recorded.probability})
    request = ModelRequest(
        question.role, recorded.model, question.messages, question.max_tokens, _WINDOW, question.schema, question.options
    )
    reply = Reply(recorded.answer or "", recorded.model, digest=recorded.digest)
    return verify(reply, request, question, Method.MODEL).data


def question_of_case(template: Template, case: Case) -> Question:
    """What a model is asked about a case: as the real question, whole answers only. Raises PromptError and ValueError."""
    icp, signal = icp_of(case), signal_of(case)
    role, most_chars = ROLES[template.info.name]
    given = dict(case.variables)
    if role is Role.DOSSIER:
        given.setdefault("lead", questions.lead_summary(signal.company or "unknown", 80, "red_hot", ()))
    shown = questions.show_template(template, icp, signal, ceiling_chars=most_chars, variables=given)
    if role is Role.TRIAGE:
        return triage.question(icp, signal, shown.rendered)
    if role is Role.CLASSIFY:
        return questions.classify(icp, signal, shown.rendered, details_from=0, excerpt=shown.excerpt)
    return questions.dossier(icp, signal, shown.rendered)


def icp_of(case: Case) -> Icp:
    """The ICP that a case is about. Raises ValueError in words."""
    given = case.icp if case.icp is not None else DEFAULT_TEMPLATE
    if isinstance(given, str):
        if given not in TEMPLATES:
            raise ValueError(f"there is no ICP template '{given}'; there are: {', '.join(TEMPLATES)}")
        return TEMPLATES[given]
    try:
        return Icp.model_validate(dict(given))
    except ValidationError as error:
        raise ValueError("icp: " + "; ".join(str(finding) for finding in diagnose(error, Icp))) from None


def signal_of(case: Case) -> Signal:
    """The text of a case as a signal, cleaned like every other."""
    text, title = normalise(case.signal["text"]), normalise(case.signal.get("title", ""))
    return Signal(
        0, "cases", text, title, hashlib.sha256(f"{title}\0{text}".encode("utf-8", "replace")).hexdigest(), 0,
        company=case.signal.get("company"), location=case.signal.get("location"),
    )  # fmt: skip
