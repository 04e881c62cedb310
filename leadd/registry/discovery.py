"""Finds plugins: entry points of installed packages, then files and packages of the user's plugins folder."""

from __future__ import annotations

import importlib.machinery
import importlib.metadata
import importlib.util
import os
import re
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from types import ModuleType
from typing import Any

from leadd.registry.importing import last_line

GROUP = "leadd.plugins"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A plugin that was found and not yet imported. `load` imports it; `problem` says why it must not be imported."""

    name: str
    origin: str
    version: str
    load: Callable[[], object]
    problem: str = ""


def find_candidates(folder: Path | None) -> list[Candidate]:
    """Every plugin there is, leadd's own first. A package whose metadata is broken is a candidate with a problem."""
    installed = sorted(_installed(), key=lambda candidate: (candidate.name != "builtin", candidate.name))
    return [*installed, *(_in_folder(folder) if folder else ())]


def _installed() -> Iterator[Candidate]:
    seen: set[str] = set()
    for distribution in importlib.metadata.distributions():
        try:
            # One broken package makes importlib.metadata.entry_points() fail for all, so each is asked alone.
            entries = [entry for entry in distribution.entry_points if entry.group == GROUP]
            if not entries:
                continue  # reading the metadata of every package takes ten times as long
            name, version = distribution.metadata["Name"] or "", distribution.version
        except Exception as error:
            yield _unreadable(distribution, error)
            continue
        folded = re.sub(r"[-_.]+", "-", name).lower()
        if folded in seen:
            continue  # the first on the path is the one that would be imported
        seen.add(folded)
        for entry in entries:
            yield Candidate(entry.name, f"package {name}", version or "", entry.load)


def _unreadable(distribution: importlib.metadata.Distribution, error: Exception) -> Candidate:
    folder = getattr(distribution, "_path", None)
    name = Path(str(folder)).name.split("-")[0] if folder else "unknown"
    return Candidate(name, f"package {name}", "", _nothing, f"its metadata cannot be read: {last_line(error)}")


def _nothing() -> object:
    return None


def _in_folder(folder: Path) -> Iterator[Candidate]:
    try:
        entries = sorted(folder.iterdir())
    except OSError:
        return  # no such folder: no plugins in it
    shared = _shared(folder)
    for entry in entries:
        if entry.name.startswith((".", "_")):
            continue
        if entry.suffix == ".py" and entry.is_file():
            source, name = entry, entry.stem
        elif (entry / "__init__.py").is_file():
            source, name = entry / "__init__.py", entry.name
        else:
            continue
        problem = shared or _shared(entry) or _shared(source)
        yield Candidate(name, f"file {entry}", "", _loader(source), problem)


def _shared(path: Path) -> str:
    """Why a file must not run with our rights, or an empty text: someone else could have written it."""
    if sys.platform == "win32":
        return ""
    try:
        found = path.stat()
    except OSError as error:
        return f"{path} cannot be read: {error.strerror}"
    if found.st_uid not in (os.getuid(), 0):
        return f"{path} belongs to another user; plugins run with your rights, so leadd loads only your own"
    if found.st_mode & stat.S_IWOTH:
        return f"every user may write to {path}; plugins run with your rights: chmod o-w {path}"
    return ""


class _TidyLoader(importlib.machinery.SourceFileLoader):
    """Leaves no bytecode in the user's folder."""

    def set_data(self, path: str, data: Any, *, _mode: int = 0o666) -> None:
        return None


def _loader(source: Path) -> Callable[[], ModuleType]:
    # The whole path is part of the module's name: two folders may each hold a `feeds.py`, one folder a-b.py and a_b.py.
    mark = blake2b(os.fsencode(source.resolve()), digest_size=6).hexdigest()
    stem = source.parent.name if source.name == "__init__.py" else source.stem
    name = f"leadd_plugin_{mark}_{re.sub(r'[^0-9a-zA-Z_]', '_', stem)}"
    inside = [str(source.parent)] if source.name == "__init__.py" else None

    def load() -> ModuleType:
        spec = importlib.util.spec_from_file_location(
            name, source, loader=_TidyLoader(name, str(source)), submodule_search_locations=inside
        )
        if spec is None or spec.loader is None:
            raise ImportError(f"{source} is no Python file")
        module = importlib.util.module_from_spec(spec)
        _forget(name)
        sys.modules[name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            _forget(name)
            raise
        return module

    return load


def _forget(name: str) -> None:
    """Drop a module and those inside it, so that a plugin that was mended is read anew."""
    for known in [known for known in sys.modules if known == name or known.startswith(f"{name}.")]:
        del sys.modules[known]
