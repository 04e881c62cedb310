"""Plugins as files in a folder of the test, and as installed packages with real metadata."""

from __future__ import annotations

import importlib.metadata
import logging
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from leadd.registry.records import PluginRecord
from leadd.registry.registry import Registry

GOOD = """
from leadd.api import Source, SignalDraft

class {cls}(Source):
    name = "{name}"
    async def poll(self, cursor):
        yield SignalDraft("text")

def leadd_sources():
    return [{cls}]
"""


@pytest.fixture
def source() -> Callable[..., str]:
    """The text of a plugin that gives one source."""

    def do(name: str, cls: str = "Mine") -> str:
        return GOOD.format(name=name, cls=cls)

    return do


@pytest.fixture(autouse=True)
def _leave_no_modules() -> Iterator[None]:
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        if not name.startswith(("leadd.", "pydantic", "click")):
            del sys.modules[name]


@pytest.fixture(autouse=True)
def _only_packages_of_the_test(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is installed beside leadd differs from machine to machine."""
    real = importlib.metadata.distributions

    def of_the_test() -> object:
        return real(path=[path for path in sys.path if path.startswith(str(tmp_path))])

    monkeypatch.setattr(importlib.metadata, "distributions", of_the_test)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "plugins"
    made.mkdir()
    return made


@pytest.fixture
def put(folder: Path) -> Callable[[str, str], Path]:
    """Writes a plugin into the folder."""

    def do(name: str, text: str) -> Path:
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    return do


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Installs a package: a module, and metadata with an entry point, on a path of the test's own."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(str(site))

    def do(package: str, text: str, *, entry: str | None = None, target: str | None = None, points: str | None = None) -> Path:
        module = package.replace("-", "_")
        (site / f"{module}.py").write_text(textwrap.dedent(text))
        info = site / f"{module}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.2\n")
        points = points or f"[leadd.plugins]\n{entry or module} = {target or module}\n"
        (info / "entry_points.txt").write_text(points)
        return site

    return do


@pytest.fixture
def make(folder: Path) -> Callable[..., Registry]:
    """A registry over the folder, after it looked."""

    def do(**more: object) -> Registry:
        more.setdefault("log", logging.getLogger("test.registry"))
        registry = Registry(folder, **more)  # type: ignore[arg-type]
        registry.discover()
        return registry

    return do


@pytest.fixture
def record() -> Callable[[Registry, str], PluginRecord]:
    """The one record of a name."""

    def do(registry: Registry, name: str) -> PluginRecord:
        (found,) = [known for known in registry.records if known.name == name]
        return found

    return do
