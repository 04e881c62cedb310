"""Cases beside a prompt: texts, what must hold of the answers, and answers that were recorded.

`<name>.cases.yaml` is written by hand, `<name>.recorded.json` by `leadd prompts test --live --record`, so that comments stay.
The cases of a user's folder are used instead of those that ship with leadd.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leadd.config.document import DocumentError, read_document
from leadd.prompting.prompts import PromptProblem
from leadd.prompting.signals import ORDER

CASES = ".cases.yaml"
RECORDED = ".recorded.json"
MOST_BYTES = 4_194_304
_KEYS = ("id", "signal", "icp", "variables", "expect", "notes")


@dataclass(frozen=True, slots=True)
class Recorded:
    """An answer that a model gave once. `answer` is its JSON, or there are a `label` and its probability.

    `prompt_hash` is the content hash of the version that was asked; under another version the recording is stale.
    """

    model: str
    digest: str
    prompt: str
    prompt_hash: str
    answer: str | None = None
    label: str | None = None
    probability: float | None = None

    def as_json(self) -> dict[str, Any]:
        """The same for the file; what is not there is left out."""
        shown = {name: getattr(self, name) for name in self.__slots__}
        return {name: value for name, value in shown.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Case:
    """One text and what must hold. `icp` is the name of a shipped template, or an ICP as keys; None takes the default one.

    `lines` tells where its keys stand, for messages.
    """

    id: str
    line: int
    signal: Mapping[str, str]
    icp: str | Mapping[str, Any] | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    expect: Mapping[str, Any] = field(default_factory=dict)
    recorded: tuple[Recorded, ...] = ()
    lines: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class CaseFile:
    """The cases of one prompt, or what is wrong with their files (then no case is used)."""

    name: str
    path: Path
    cases: tuple[Case, ...] = ()
    problems: tuple[PromptProblem, ...] = ()

    @property
    def recordings(self) -> Path:
        """Where the recorded answers are."""
        return self.path.with_name(f"{self.name}{RECORDED}")


class CaseShelf:
    """Reads the cases of prompts out of folders, the first folder that has some first; unchanged files are not parsed again."""

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._read: dict[str, tuple[tuple[str, bytes, bytes], CaseFile]] = {}

    def of(self, name: str) -> CaseFile | None:
        """The cases of a prompt; None where there are none."""
        for folder in self._folders:
            path = folder / f"{name}{CASES}"
            raw = _bytes(path)
            if raw is None:
                continue
            recorded = _bytes(path.with_name(f"{name}{RECORDED}")) or b""
            mark = (str(path), raw, recorded)
            known = self._read.get(name)
            if known is None or known[0] != mark:
                known = self._read[name] = (mark, read_cases(name, path, raw, recorded))
            return known[1]
        return None


def read_cases(name: str, path: Path, raw: bytes, recorded: bytes = b"") -> CaseFile:
    """The cases of one file with their recordings."""
    problems: list[PromptProblem] = []
    answers = _recordings(path.with_name(f"{name}{RECORDED}"), recorded, problems)
    try:
        document = read_document(raw)
    except DocumentError as error:
        hint = f" ({error.hint})" if error.hint else ""
        return CaseFile(name, path, (), (PromptProblem(str(path), error.mark.line, f"{error.message}{hint}"),))
    lines = {loc: mark.line for loc, mark in (document.values | document.keys).items()}
    given = document.tree.get("cases")
    if not isinstance(given, list) or set(document.tree) - {"cases", "prompt", "notes"}:
        problems.append(
            PromptProblem(str(path), 1, "the file holds `cases:`, a list, and at most `prompt` and `notes` beside it")
        )
        given = []
    cases: list[Case] = []
    for number, item in enumerate(given):
        line = lines.get(("cases", number), 1)
        own = {str(loc[2]): at for loc, at in lines.items() if len(loc) == 3 and loc[:2] == ("cases", number)}
        found = _case(item, line, own, answers)
        if isinstance(found, str):
            problems.append(PromptProblem(str(path), line, found))
        elif any(found.id == other.id for other in cases):
            problems.append(PromptProblem(str(path), line, f"the id '{found.id}' stands twice"))
        else:
            cases.append(found)
    return CaseFile(name, path, () if problems else tuple(cases), tuple(problems))


def write_recordings(file: CaseFile, answers: Mapping[str, Sequence[Recorded]]) -> None:
    """Put new recordings in the place of those of their cases; the others stay, those of cases that are gone go. The file is
    changed as a whole or not at all. Raises OSError."""
    kept = {case.id: [r.as_json() for r in answers.get(case.id, case.recorded)] for case in file.cases}
    told = {
        "about": "Written by: leadd prompts test --live --record. Answers by the id of their case.",
        "answers": {case_id: found for case_id, found in kept.items() if found},
    }
    half = file.recordings.with_name(f".{file.recordings.name}.new")
    half.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    os.replace(half, file.recordings)


def _case(item: Any, line: int, lines: Mapping[str, int], answers: Mapping[str, tuple[Recorded, ...]]) -> Case | str:
    if not isinstance(item, Mapping) or not isinstance(item.get("id"), str) or not item["id"].strip():
        return "a case is a mapping with an `id`, a `signal` and `expect`"
    name = item["id"]
    unknown = [key for key in item if key not in _KEYS]
    signal, icp, expect = item.get("signal"), item.get("icp"), item.get("expect", {})
    if unknown:
        return f"case '{name}': unknown key '{unknown[0]}'; known are {', '.join(_KEYS)}"
    if not isinstance(signal, Mapping) or "text" not in signal or set(signal) - set(ORDER):
        return f"case '{name}': `signal` holds {', '.join(ORDER)}; at least the text"
    if not all(isinstance(value, str) for value in signal.values()):
        return f"case '{name}': what `signal` holds are texts; put quotes around it"
    if icp is not None and not isinstance(icp, str | Mapping):
        return f"case '{name}': `icp` is the name of a shipped template, or the keys of an ICP"
    if not isinstance(expect, Mapping) or not isinstance(item.get("variables", {}), Mapping):
        return f"case '{name}': `expect` and `variables` are mappings"
    return Case(name, line, dict(signal), icp, dict(item.get("variables", {})), dict(expect), answers.get(name, ()), lines)


def _recordings(path: Path, raw: bytes, problems: list[PromptProblem]) -> dict[str, tuple[Recorded, ...]]:
    if not raw.strip():
        return {}
    try:
        return {name: tuple(Recorded(**item) for item in found) for name, found in json.loads(raw)["answers"].items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        reason = f"no recordings: {str(error)[:120]} (delete it, and record again: leadd prompts test --live --record)"
        problems.append(PromptProblem(str(path), getattr(error, "lineno", 0), reason))
        return {}


def _bytes(path: Path) -> bytes | None:
    try:
        return path.read_bytes() if path.stat().st_size <= MOST_BYTES else None
    except OSError:
        return None
