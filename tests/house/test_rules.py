"""The rules of the house that no other tool checks."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "leadd").rglob("*.py"))
MAX_FILE = 400
MAX_FUNCTION = 75
FORBIDDEN_NAMES = {"utils", "helpers", "manager", "base", "util", "misc", "common"}


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def room_of(path: Path) -> str:
    parts = path.relative_to(ROOT / "leadd").parts
    return parts[0] if len(parts) > 1 else ""


def test_there_is_something_to_check() -> None:
    assert len(SOURCES) > 50


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_a_file_can_be_read_in_one_go(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    assert len(lines) <= MAX_FILE, f"{len(lines)} lines: split it by what it does"
    assert path.stem not in FORBIDDEN_NAMES, "a name that says nothing about what is inside"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_functions_are_short_and_public_ones_say_what_they_give(path: Path) -> None:
    tree = parse(path)
    if path.name != "__init__.py" or tree.body:
        assert ast.get_docstring(tree) is not None or not tree.body, "a module says what it is for"
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= MAX_FUNCTION, f"{node.name}: {length} lines"


def late_imports(tree: ast.Module) -> list[int]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            found += [n.lineno for n in ast.walk(node) if isinstance(n, ast.Import | ast.ImportFrom)]
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_late_imports_only_on_the_command_line(path: Path) -> None:
    if room_of(path) == "cli" or path == ROOT / "leadd/config/paths.py":
        return  # the command line is lazy on purpose, and paths is what it imports first
    allowed = [n + 1 for n, line in enumerate(path.read_text(encoding="utf-8").splitlines()) if "noqa: PLC0415" in line]
    assert set(late_imports(parse(path))) <= set(allowed), "a late import hides a layer that nobody drew"


STATE = re.compile(r"^(_?[a-z][a-z_]*)\s*(:[^=]+)?=\s*(\[\]|\{\}|set\(\)|dict\(\)|list\(\))\s*$", re.MULTILINE)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_no_state_lives_in_a_module(path: Path) -> None:
    assert STATE.search(path.read_text(encoding="utf-8")) is None


SQL = re.compile(
    r"\b(SELECT\s+.+\s+FROM|INSERT\s+(OR \w+ )?INTO|UPDATE\s+\w+\s+SET|DELETE\s+FROM|CREATE\s+TABLE)\b", re.IGNORECASE
)
DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_sql_stays_in_the_store(path: Path) -> None:
    if room_of(path) == "store" or path.name in {"sqlite_cache.py", "cache_file.py"}:
        return
    tree = parse(path)
    strings = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)]
    docs = {ast.get_docstring(n, clean=False) for n in ast.walk(tree) if isinstance(n, DOCUMENTED)}
    assert not [s for s in strings if s not in docs and SQL.search(s)]


def test_tasks_are_made_by_those_who_own_them() -> None:
    """The supervisor owns loops, inference its flights; a request may own tasks that end with it."""
    makers = {
        str(p.relative_to(ROOT / "leadd"))
        for p in SOURCES
        if "create_task(" in p.read_text(encoding="utf-8") and room_of(p) not in {"testing", "cli"}
    }
    allowed = {"core/supervisor.py", "core/asking.py"}
    assert {m for m in makers if not m.startswith(("inference/", "control/", "store/", "builtin/"))} <= allowed


def test_nothing_of_a_workplace_is_in_the_project() -> None:
    tracked = [
        p
        for p in ROOT.rglob("*")
        if p.is_file()
        and not any(part.startswith(".") and part != ".ci" for part in p.relative_to(ROOT).parts)
        and p.suffix in {".py", ".md", ".toml", ".yaml", ".yml", ".json", ".sql", ".jsonl", ""}
    ]
    words = ["/wo" + "rk/", "/ro" + "ot/", ".libr" + "ary", "cla" + "ude", "chat" + "gpt", "sess" + "ion of this"]
    for path in tracked:
        text = path.read_text(encoding="utf-8", errors="replace").lower()
        assert not [w for w in words if w in text], path
