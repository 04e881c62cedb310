"""Reads prompt files: YAML with a body below, YAML alone, or JSON. Nothing of their meaning is judged here but the shapes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from leadd.config.document import DocumentError, read_document
from leadd.prompting.prompts import PromptProblem

MAX_BYTES = 262_144
SUFFIXES = (".yaml", ".yml", ".json")
NAME = re.compile(r"^[a-z][a-z0-9_-]{0,63}$")
_FENCE = re.compile(r"^---[ \t]*$", re.MULTILINE)


class Unreadable(Exception):
    """A file that is no prompt at all; holds the one problem."""

    def __init__(self, problem: PromptProblem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(frozen=True, slots=True)
class PromptFile:
    """What a file says. `lines` tells on which line each key stands, `body_line` where the body begins."""

    path: Path
    name: str
    values: Mapping[str, Any]
    body: str
    body_line: int
    lines: Mapping[tuple[str | int, ...], int] = field(default_factory=dict)

    def line_of(self, *loc: str | int) -> int:
        """The line of a key, or of the nearest key around it."""
        place = tuple(loc)
        while place:
            if place in self.lines:
                return self.lines[place]
            place = place[:-1]
        return 1

    def problem(self, reason: str, *loc: str | int, line: int | None = None) -> PromptProblem:
        """A problem at a key of this file, or at a line of it."""
        return PromptProblem(str(self.path), self.line_of(*loc) if line is None else line, reason)


def find_files(folder: Path) -> Iterator[tuple[str, Path]]:
    """Prompt files of a folder as (prompt's name, path): `<name>.yaml` and `<name>/<anything>.yaml`, in a fixed order.

    Names with a second dot (`triage.cases.yaml`), hidden files and editors' copies are passed over.
    """
    for entry in _entries(folder):
        if entry.name.startswith((".", "_", "#")):
            continue
        if entry.is_dir():
            for inner in _entries(entry):
                if _is_prompt(inner):
                    yield entry.name, inner
        elif _is_prompt(entry):
            yield entry.stem, entry


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []


def _is_prompt(path: Path) -> bool:
    return path.suffix in SUFFIXES and "." not in path.stem and not path.name.startswith((".", "_", "#")) and path.is_file()


def read_file(path: Path, name: str) -> PromptFile:
    """The file as keys and body. Raises Unreadable."""
    text = _text_of(path)
    if path.suffix == ".json":
        return _from_json(path, name, text)
    fences = list(_FENCE.finditer(text))
    if len(fences) >= 2 and not text[: fences[0].start()].strip():
        head, rest = text[fences[0].end() : fences[1].start()], text[fences[1].end() :]
        values, lines = _from_yaml(path, head, text.count("\n", 0, fences[0].end()))
        if "body" in values:
            raise Unreadable(PromptProblem(str(path), lines.get(("body",), 1), "the body stands twice: below, and as a key"))
        body = rest.strip("\n")
        blank = len(rest) - len(rest.lstrip("\n"))
        return PromptFile(path, name, values, body.rstrip(), text.count("\n", 0, fences[1].end()) + 1 + blank, lines)
    values, lines = _from_yaml(path, text, 0)
    line = lines.get(("body",), 1)
    return PromptFile(path, name, values, _body_of(path, values, line), line + 1, lines)


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise Unreadable(PromptProblem(str(path), 0, f"larger than {MAX_BYTES // 1024} KiB"))
        raw = path.read_bytes()
    except OSError as error:
        raise Unreadable(PromptProblem(str(path), 0, f"cannot be read: {error.strerror or error}")) from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise Unreadable(PromptProblem(str(path), line, "not UTF-8; save it as UTF-8")) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _from_yaml(path: Path, text: str, lines_before: int) -> tuple[dict[str, Any], dict[tuple[str | int, ...], int]]:
    try:
        document = read_document(text.encode())
    except DocumentError as error:
        reason = f"{error.key}: {error.message}" if error.key else error.message
        hint = f" ({error.hint})" if error.hint else ""
        raise Unreadable(PromptProblem(str(path), error.mark.line + lines_before, reason + hint)) from None
    lines = {loc: mark.line + lines_before for loc, mark in (document.values | document.keys).items()}
    return document.tree, lines


def _from_json(path: Path, name: str, text: str) -> PromptFile:
    try:
        values = json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise Unreadable(PromptProblem(str(path), error.lineno, f"not JSON: {error.msg}")) from None
    except (ValueError, RecursionError) as error:
        raise Unreadable(PromptProblem(str(path), 0, f"not JSON: {error}")) from None
    if not isinstance(values, dict):
        raise Unreadable(PromptProblem(str(path), 1, "the file must hold an object"))
    found = {key: re.search(rf"{re.escape(json.dumps(key, ensure_ascii=False))}\s*:", text) for key in values}
    lines: dict[tuple[str | int, ...], int] = {(k,): text.count("\n", 0, m.start()) + 1 for k, m in found.items() if m}
    line = lines.get(("body",), 1)
    return PromptFile(path, name, values, _body_of(path, values, line), line, lines)


def _body_of(path: Path, values: Mapping[str, Any], line: int) -> str:
    body = values.get("body")
    if not isinstance(body, str):
        reason = "no body: write the prompt under a second `---`, or as the key `body`" if body is None else "`body` is no text"
        raise Unreadable(PromptProblem(str(path), line, reason))
    return body.strip("\n").rstrip()


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    built: dict[str, Any] = {}
    for key, value in pairs:
        if key in built:
            raise ValueError(f"the key '{key}' stands twice")
        built[key] = value
    return built
