"""Lays one set of values over another and remembers, for each key, who had the last word."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leadd.api.diagnosis import Loc, dotted
from leadd.config.document import Document, Mark
from leadd.config.settings import Settings
from leadd.config.tree import is_mapping, leaves, without_none


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a value comes from: `label` for lists of settings, `place` for errors, with line and column in a file.

    `key_place` is where the key stands, where that differs.
    """

    label: str
    place: str
    key_place: str = ""


_DEFAULT = Origin("default", "default")


class Layers:
    """The tree of values as it grows, beginning with the defaults."""

    def __init__(self) -> None:
        self.tree: dict[str, Any] = Settings().model_dump()
        self._origins: dict[Loc, Origin] = {}
        self._path_locs = {leaf.loc for leaf in leaves() if without_none(leaf.annotation) is Path}

    def put(self, loc: Loc, value: Any, origin: Origin, folder: Path) -> None:
        """Lay one value over what is there. Mappings are joined, all else is replaced; relative paths count from `folder`."""
        if value is None and is_mapping(loc):
            value = {}  # a section of nothing but comments
        if isinstance(value, dict) and loc not in self._path_locs:
            self._reach(loc)
            self._origins.setdefault(loc, origin)
            for key, inner in value.items():
                self.put((*loc, str(key)), inner, origin, folder)
            return
        if loc in self._path_locs and isinstance(value, str):
            value = os.path.abspath(folder / os.path.expanduser(value)) if value else None
        parent = self._reach(loc[:-1])
        parent[str(loc[-1])] = value
        for old in [known for known in self._origins if known[: len(loc)] == loc]:
            del self._origins[old]
        self._origins[loc] = origin

    def put_document(self, document: Document, file: Path) -> None:
        """Lay a file over what is there; each value keeps its line and column."""
        self._put_part(document.tree, (), document, file)

    def _put_part(self, value: Any, loc: Loc, document: Document, file: Path) -> None:
        if isinstance(value, dict) or (value is None and is_mapping(loc)):
            if loc:
                self.put(loc, {}, _origin(loc, document, file), file.parent)
            for key, inner in (value or {}).items():
                self._put_part(inner, (*loc, key), document, file)
            return
        self.put(loc, value, _origin(loc, document, file), file.parent)
        if isinstance(value, list):
            for place in document.values:  # errors inside lists name the line of the item
                if len(place) > len(loc) and place[: len(loc)] == loc:
                    self._origins[place] = _origin(place, document, file)

    def _reach(self, loc: Loc) -> dict[str, Any]:
        """The mapping at `loc`, made where there is none. A section that holds a word stays, so that it is reported."""
        here = self.tree
        for at, part in enumerate(loc):
            inner = here.get(str(part))
            if not isinstance(inner, dict):
                if inner is not None and is_mapping(loc[: at + 1]):
                    return {}
                inner = here[str(part)] = {}
            here = inner
        return here

    def label(self, loc: Loc) -> str:
        """Who set the value at `loc`."""
        return self._origins.get(loc, _DEFAULT).label

    def place(self, loc: Loc, *, of_key: bool = False) -> str:
        """Where to look for what is at `loc`, or at the nearest place above it that anyone set."""
        for length in range(len(loc), 0, -1):
            origin = self._origins.get(loc[:length])
            if origin is not None:
                return origin.key_place if of_key and origin.key_place else origin.place
        return "default"

    def labels(self) -> dict[str, str]:
        """Dotted key to label, for every key of the tree and every key that is set inside sources and sinks."""
        found = {leaf.key: self.label(leaf.loc) for leaf in leaves()}
        for name in ("sources", "sinks"):
            if not self.tree[name]:
                found[name] = _DEFAULT.label  # the section stands in the file, with nothing in it
        for loc, origin in self._origins.items():
            named = loc[1:] if loc[:2] == ("models", "servers") else loc if loc[0] in ("sources", "sinks") else ()
            if len(named) > 2 and not any(isinstance(part, int) for part in loc):
                found[dotted(loc)] = origin.label
        return found


def _origin(loc: Loc, document: Document, file: Path) -> Origin:
    value = document.values.get(loc) or document.keys.get(loc) or Mark(1, 1)
    key = document.keys.get(loc) or value
    return Origin(f"file {file.name}:{key.line}", f"{file}:{value.line}:{value.column}", f"{file}:{key.line}:{key.column}")
