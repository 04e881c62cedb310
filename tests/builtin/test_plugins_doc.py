"""docs/plugins.md is true: every example in it is loaded and run, every hook stands in it, and the template works."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

import leadd.api
from leadd.api import HttpReply, LeaddSpec, Message, Model, ModelRequest, Role, SignalDraft, Sink, Source
from leadd.api.components import CacheBackend
from leadd.registry import PluginState, Registry
from leadd.testing.clock import ManualClock
from leadd.testing.context import make_context
from leadd.testing.contracts import sample_lead
from leadd.testing.http import ScriptedHttp

ROOT = Path(__file__).parents[2]
DOC = (ROOT / "docs" / "plugins.md").read_text("utf-8")
BLOCKS = dict(re.findall(r"```python\n# (?:file|test): (\S+)\n(.*?)```", DOC, re.DOTALL))
FILES = {name: code for name, code in BLOCKS.items() if not name.startswith("test_")}


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Registry:
    folder = tmp_path_factory.mktemp("plugins")
    for name, code in FILES.items():
        (folder / name).write_text(code)
    found = Registry(folder, enabled=[name.removesuffix(".py") for name in FILES])
    found.discover()
    return found


def make(registry: Registry, tmp_path: Path, kind: str, use: str, http: Any = None, **options: Any) -> Any:
    return registry.create(kind, use, options, lambda config: make_context(tmp_path, ManualClock(), http))


def test_every_python_block_is_named_and_so_is_run() -> None:
    assert len(re.findall(r"```python\n", DOC)) == len(BLOCKS)
    assert len(FILES) == 5


def test_the_first_source_has_at_most_25_lines() -> None:
    assert len([line for line in BLOCKS["openings.py"].splitlines() if line.strip()]) <= 25
    assert len(BLOCKS["openings.py"].splitlines()) <= 25


@pytest.mark.parametrize("name", sorted(FILES))
def test_every_example_is_loaded(registry: Registry, name: str) -> None:
    record = next(r for r in registry.records if r.name == name.removesuffix(".py"))
    assert (record.state, record.reason) == (PluginState.LOADED, "")


def test_every_hook_stands_in_the_doc_with_its_arguments() -> None:
    for name, hook in inspect.getmembers(LeaddSpec, inspect.isfunction):
        arguments = ", ".join(list(inspect.signature(hook).parameters)[1:])
        assert f"`{name}({arguments})`" in DOC, name
        assert f"def {name}(" in DOC, f"no example of {name}"


def test_every_field_of_the_context_and_every_state_stands_in_the_doc() -> None:
    for field in leadd.api.Context.__dataclass_fields__:
        assert f"| `{field}` |" in DOC
    for state in PluginState:
        assert f"| {state} |" in DOC


async def test_the_sink_writes(registry: Registry, tmp_path: Path) -> None:
    sink: Sink = make(registry, tmp_path, "sink", "notes", folder=tmp_path)
    for _ in range(2):
        await sink.deliver(sample_lead(), "lead-1-0-notes")
    assert os.listdir(tmp_path) == ["lead-1-0-notes.txt"]


async def test_the_cache_keeps_and_claims(registry: Registry, tmp_path: Path) -> None:
    cache: CacheBackend = make(registry, tmp_path, "cache", "forgetful")
    await cache.put("k", b"v", ttl_s=10)
    assert await cache.get("k") == b"v"
    assert await cache.claim("k", "a", 5)
    assert not await cache.claim("k", "b", 5)
    await cache.release("k", "a")
    assert await cache.claim("k", "b", 5)
    assert (await cache.stats()).entries == await cache.clear() == 1
    assert not await cache.delete("k")


async def test_the_model_answers(registry: Registry, tmp_path: Path) -> None:
    model: Model = make(registry, tmp_path, "model", "always")
    reply = await model.complete(ModelRequest(Role.TRIAGE, "always", (Message("user", "?"),), 8, 512))
    assert reply.text == '{"worth": "yes"}'
    assert (await model.health()).reachable


def test_the_command_greets(registry: Registry) -> None:
    cli = click.Group("leadd")
    registry.add_commands(cli)
    assert CliRunner().invoke(cli, ["greet", "Ann"]).output == "hello Ann\n"


def run_tests(folder: Path, *paths: Path) -> str:
    """Run pytest in a folder of an author, outside this repository's own settings; its output."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(str(p) for p in paths), "PYTEST_ADDOPTS": ""}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder)]
    command += ["-o", "asyncio_mode=auto", "-o", "asyncio_default_fixture_loop_scope=function", "."]
    done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True, timeout=50, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    return done.stdout


def test_the_test_in_the_doc_passes(tmp_path: Path) -> None:
    for name in ("openings.py", "test_openings.py"):
        (tmp_path / name).write_text(BLOCKS[name])
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    assert "26 passed" in run_tests(tmp_path, ROOT)


def test_the_template_passes_its_own_tests_outside_the_repository(tmp_path: Path) -> None:
    source = ROOT / "plugins" / "_template"
    for file in (f for f in source.rglob("*") if f.is_file() and "__pycache__" not in f.parts):
        target = tmp_path / file.relative_to(source)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())
    assert "passed" in run_tests(tmp_path, ROOT)


async def test_the_source_yields_what_is_new(registry: Registry, tmp_path: Path) -> None:
    body = b'[{"id": 1, "title": "a", "text": "one"}, {"id": 2, "title": "b", "text": "two"}]'
    http = ScriptedHttp(lambda asked: HttpReply(200, asked.url, {}, body))
    source: Source = make(registry, tmp_path, "source", "openings", http, url="https://h.example/")
    drafts = [item async for item in source.poll("1")]
    assert drafts == [SignalDraft("two", title="b", external_id="2", cursor="2")]
