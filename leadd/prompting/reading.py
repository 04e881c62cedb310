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
Loc = tuple[str | int, ...]
_FENCE = re.compile(r"^---[ \t]*$", re.MULTILINE)


class Unreadable(Exception):
    """A file that is no prompt at all; holds the one problem."""

    def __init__(self, problem: PromptProblem) -> None:
        super().__init__(str(problem))
        self.problem = problem


@dataclass(frozen=True, slots=True)
class PromptFile:
    """What a file says of one version. `lines` tells on which line each key stands, `body_line` where the body begins.

    `text` is all of the file, as it is kept for the day that this version is wanted back.
    """

    path: Path
    name: str
    values: Mapping[str, Any]
    body: str
    body_line: int
    lines: Mapping[Loc, int] = field(default_factory=dict)
    text: str = ""

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


def read_file(path: Path, name: str) -> tuple[PromptFile, ...]:
    """The file as keys and body, once for each of its `variants` where it has some. Raises Unreadable."""
    return parse(text_of(path), path, name)


def parse(text: str, path: Path, name: str) -> tuple[PromptFile, ...]:
    """The same for a text that was read before; `path` tells its format and where problems are. Raises Unreadable."""
    if path.suffix == ".json":
        values, lines = _from_json(path, text)
        below, below_line = None, 0
    else:
        values, lines, below, below_line = _from_yaml_file(path, text)
    if "variants" not in values:
        body, line = (below, below_line) if below is not None else _body_of(path, values, lines)
        return (PromptFile(path, name, values, body, line, lines, text),)
    return tuple(_variants(path, name, values, lines, (below, below_line), text))


def _variants(
    path: Path, name: str, values: Mapping[str, Any], lines: Mapping[Loc, int], below: tuple[str | None, int], text: str
) -> Iterator[PromptFile]:
    """Each variant has the keys of the file and its own, which win; its body, where it has one, wins over that of the file."""
    given = values["variants"]
    if not isinstance(given, list) or not given or not all(isinstance(item, Mapping) for item in given):
        reason = "`variants` is a list of mappings, each with a `version`"
        raise Unreadable(PromptProblem(str(path), lines.get(("variants",), 1), reason))
    shared = {key: value for key, value in values.items() if key != "variants"}
    for number, item in enumerate(given):
        own = {loc[2:]: line for loc, line in lines.items() if loc[:2] == ("variants", number) and len(loc) > 2}
        merged = {**shared, **item}
        if "version" not in item:
            reason = f"variant {number + 1} has no `version`"
            raise Unreadable(PromptProblem(str(path), lines.get(("variants", number), 1), reason))
        body, line = (
            (below[0], below[1]) if below[0] is not None and "body" not in item else _body_of(path, merged, {**lines, **own})
        )
        yield PromptFile(path, name, merged, body, line, {**lines, **own}, text)


def text_of(path: Path) -> str:
    """The text of a prompt file, its line ends as on Unix. Raises Unreadable."""
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


def _from_yaml_file(path: Path, text: str) -> tuple[dict[str, Any], dict[Loc, int], str | None, int]:
    """Keys, their lines, and the body below a second `---` with its line, where there is one."""
    fences = list(_FENCE.finditer(text))
    if len(fences) < 2 or not all(line.startswith("#") for line in text[: fences[0].start()].splitlines() if line.strip()):
        values, lines = _from_yaml(path, text, 0)
        return values, lines, None, 0
    head, rest = text[fences[0].end() : fences[1].start()], text[fences[1].end() :]
    values, lines = _from_yaml(path, head, text.count("\n", 0, fences[0].end()))
    if "body" in values:
        raise Unreadable(PromptProblem(str(path), lines.get(("body",), 1), "the body stands twice: below, and as a key"))
    body = rest.strip("\n")
    blank = len(rest) - len(rest.lstrip("\n"))
    if not body.strip() and "variants" in values:
        return values, lines, None, 0
    return values, lines, body.rstrip(), text.count("\n", 0, fences[1].end()) + 1 + blank


def _from_yaml(path: Path, text: str, lines_before: int) -> tuple[dict[str, Any], dict[Loc, int]]:
    try:
        document = read_document(text.encode())
    except DocumentError as error:
        reason = f"{error.key}: {error.message}" if error.key else error.message
        hint = f" ({error.hint})" if error.hint else ""
        raise Unreadable(PromptProblem(str(path), error.mark.line + lines_before, reason + hint)) from None
    lines = {loc: mark.line + lines_before for loc, mark in (document.values | document.keys).items()}
    return document.tree, lines


def _from_json(path: Path, text: str) -> tuple[dict[str, Any], dict[Loc, int]]:
    try:
        values = json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise Unreadable(PromptProblem(str(path), error.lineno, f"not JSON: {error.msg}")) from None
    except (ValueError, RecursionError) as error:
        raise Unreadable(PromptProblem(str(path), 0, f"not JSON: {error}")) from None
    if not isinstance(values, dict):
        raise Unreadable(PromptProblem(str(path), 1, "the file must hold an object"))
    found = {key: re.search(rf"{re.escape(json.dumps(key, ensure_ascii=False))}\s*:", text) for key in values}
    lines: dict[Loc, int] = {(k,): text.count("\n", 0, m.start()) + 1 for k, m in found.items() if m}
    return values, lines


def _body_of(path: Path, values: Mapping[str, Any], lines: Mapping[Loc, int]) -> tuple[str, int]:
    body, line = values.get("body"), lines.get(("body",), 1)
    if not isinstance(body, str):
        reason = "no body: write the prompt under a second `---`, or as the key `body`" if body is None else "`body` is no text"
        raise Unreadable(PromptProblem(str(path), line, reason))
    return body.strip("\n").rstrip(), line if path.suffix == ".json" else line + 1


def _once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    built: dict[str, Any] = {}
    for key, value in pairs:
        if key in built:
            raise ValueError(f"the key '{key}' stands twice")
        built[key] = value
    return built
