"""The reference pages, made from the tree: docs/reference/settings.md and the table of docs/migration.md."""

from __future__ import annotations

import sys
from typing import Literal, get_args, get_origin

from leadd.config.legacy import LEGACY, Legacy
from leadd.config.listing import text_of
from leadd.config.profiles import PROFILES
from leadd.config.tree import Leaf, accepts_none, leaves, without_none

_WORDS = {"bool": "true, false", "int": "whole number", "float": "number", "str": "text", "Path": "path"}
_SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}


def settings_page() -> str:
    """docs/reference/settings.md: every key, what it takes, its default, what it does, the old name; then the profiles."""
    old: dict[str, list[str]] = {}
    for legacy in LEGACY:
        for key in legacy.keys:
            old.setdefault(key, []).append(legacy.name)
    lines = [
        "# Settings",
        "",
        "Made from the code by `python -m leadd.config.reference settings`; a test compares. How the places work together:",
        "[configuration](../configuration.md). Every key is also an environment variable: `a.b` is `LEADD__A__B`.",
    ]
    section: str | None = None
    for leaf in leaves():
        head = str(leaf.loc[0]) if len(leaf.loc) > 1 else "at the top"
        if head != section:
            section = head
            lines += ["", f"## {head}", "", "| key | takes | default | what it does | old name |", "|---|---|---|---|---|"]
        lines.append(_row(leaf, old.get(leaf.key, [])))
    return "\n".join([*lines, "", *_profile_lines()])


def _row(leaf: Leaf, old: list[str]) -> str:
    what = leaf.description + (" (accepted; no effect in this version)" if leaf.is_later else "")
    default = "" if leaf.default is None else f"`{text_of(leaf.default)}`"
    names = ", ".join(f"`{name}`" for name in old)
    return f"| `{leaf.key}` | {takes(leaf)} | {default} | {what} | {names} |"


def takes(leaf: Leaf) -> str:
    """What a key takes, in words: its kind and its limits."""
    inner = without_none(leaf.annotation)
    if get_origin(inner) is Literal:
        text = ", ".join(str(word) for word in get_args(inner))
    elif get_origin(inner) is list:
        text = "list"
    elif get_origin(inner) is dict:
        text = "entries by name"
    else:
        text = _WORDS[inner.__name__]
    for part in leaf.field.metadata:
        for name, sign in _SIGNS.items():
            limit = getattr(part, name, None)
            text += "" if limit is None else f", {sign} {limit}"
    return text + (", or empty" if accepts_none(leaf.annotation) else "")


def _profile_lines() -> list[str]:
    lines = [
        "## Profiles",
        "",
        "`--profile NAME`, `LEADD_PROFILE=NAME` or `profile: NAME` in the file; whatever you set yourself wins.",
        "",
    ]
    for name, choices in PROFILES.items():
        if choices:
            lines += [f"### {name}", "", "| key | value | why |", "|---|---|---|"]
            lines += [f"| `{choice.key}` | `{text_of(choice.value)}` | {choice.why} |" for choice in choices]
            lines += [""]
    return lines


def migration_table() -> str:
    """The table of docs/migration.md: old name, new key, old default, new default, why."""
    defaults = {leaf.key: text_of(leaf.default) for leaf in leaves()}
    lines = ["| old name | new key | old default | new default | why |", "|---|---|---|---|---|"]
    lines += [_migration_row(legacy, defaults) for legacy in LEGACY]
    return "\n".join(lines) + "\n"


def _migration_row(legacy: Legacy, defaults: dict[str, str]) -> str:
    keys = "<br>".join(f"`{key}`" for key in legacy.keys) or "none"
    values = [defaults[key] for key in legacy.keys]
    shown = "<br>".join(f"`{value}`" if value != "null" else "empty" for value in values)
    if len(set(values)) == 1:
        shown = f"`{values[0]}`" if values[0] != "null" else "empty"
    return f"| `{legacy.name}` | {keys} | {legacy.old} | {shown} | {legacy.why} |"


if __name__ == "__main__":
    page = migration_table() if sys.argv[1:] == ["migration"] else settings_page()
    sys.stdout.write(page)
