"""What the environment says: LEADD__A__B for the key a.b, LEADD_<NAME> and the bare names for the settings of old."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from leadd.api.diagnosis import Loc, nearest
from leadd.config.legacy import LEADD_NAMES, LEGACY, NOT_SETTINGS, Legacy
from leadd.config.problems import SettingsProblem
from leadd.config.tree import UnknownKey, find, read_text

NESTED = "LEADD__"
PREFIX = "LEADD_"


@dataclass(frozen=True, slots=True)
class Assignment:
    """One value for one key, and who says so. A value that a bare name gives is dropped where it does not fit."""

    loc: Loc
    value: Any
    origin: str
    is_bare: bool = False


Finding = Assignment | SettingsProblem | str
"""A value, an error, or a line of warning."""


def read_nested(environ: Mapping[str, str], tree: dict[str, Any]) -> Iterator[Finding]:
    """The LEADD__A__B names, a section before the keys in it. Unknown ones are problems."""
    names = [name for name in environ if name.upper().startswith(NESTED)]
    for name in sorted(names, key=lambda name: (name.count("__"), name.upper())):
        parts = tuple(name[len(NESTED) :].split("__"))
        yield read_assignment(parts, environ[name], f"environment {name}", tree)


def read_assignment(parts: tuple[str, ...], text: str, origin: str, tree: dict[str, Any]) -> Assignment | SettingsProblem:
    """One dotted key and its text, from a flag or the environment."""
    try:
        target = find(parts, tree)
    except UnknownKey as unknown:
        near = f"did you mean '{unknown.near}'?" if unknown.near else "`leadd config show` lists the keys"
        if unknown.near and origin.startswith("environment"):
            near = f"did you mean {name_for(unknown.near)}?"
        return SettingsProblem(origin, ".".join(parts).lower(), "there is no such key", near)
    return Assignment(target.loc, read_text(text, target.annotation), origin)


def name_for(key: str) -> str:
    """The environment variable that sets a dotted key."""
    return NESTED + key.replace(".", "__").upper()


def read_legacy(environ: Mapping[str, str], tree: dict[str, Any]) -> Iterator[Finding]:
    """The settings of old: first the bare names, then those with the prefix, which win. An empty one counts as not set."""
    for legacy in LEGACY:
        if environ.get(legacy.name):
            yield from _read_one(legacy, legacy.name, environ[legacy.name], tree, is_bare=True)
    for legacy in LEGACY:
        if environ.get(PREFIX + legacy.name):
            yield from _read_one(legacy, PREFIX + legacy.name, environ[PREFIX + legacy.name], tree, is_bare=False)
    for name, key in LEADD_NAMES.items():
        if name in environ:
            yield read_assignment(tuple(key.split(".")), environ[name], f"environment {name}", tree)


def _read_one(legacy: Legacy, name: str, text: str, tree: dict[str, Any], *, is_bare: bool) -> Iterator[Finding]:
    origin = f"environment {name}"
    if not legacy.keys:
        yield f"{name} is set and has no effect any more: {legacy.why}"
        return
    if legacy.convert is None:
        for key in legacy.keys:
            target = find(tuple(key.split(".")), tree)
            yield Assignment(target.loc, read_text(text, target.annotation), origin, is_bare)
        return
    try:
        converted = legacy.convert(text)
    except ValueError as error:
        if is_bare:
            yield f"{name} is set and has no effect: its value does not fit '{legacy.keys[0]}'"
        else:
            yield SettingsProblem(origin, legacy.keys[0], str(error))
        return
    for key, value in converted.items():
        yield Assignment(find(tuple(key.split(".")), tree).loc, value, origin, is_bare)


def suspects(environ: Mapping[str, str]) -> Iterator[str]:
    """A warning for each LEADD_ name that is nearly the name of a setting."""
    known = [legacy.name for legacy in LEGACY] + [name.removeprefix(PREFIX) for name in (*LEADD_NAMES, *NOT_SETTINGS)]
    for name in sorted(environ):
        bare = name.removeprefix(PREFIX)
        if name == bare or name.startswith(NESTED) or bare in known:
            continue
        # Plugins' own secrets begin with LEADD_ too: only a slip of the finger is worth a line.
        near = nearest(bare, known, cutoff=0.86)
        if near:
            yield f"{name} is set and has no effect: there is no such setting; did you mean {PREFIX}{near}?"
