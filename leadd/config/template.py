"""The commented settings file that `leadd init` writes, made from the tree."""

from __future__ import annotations

import inspect
import json
import textwrap
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel

from leadd.config.entries import RoleModel
from leadd.config.paths import Paths
from leadd.config.settings import Settings

_HEAD = """\
# Settings of leadd. Lines that begin with "# " explain; lines that begin with "#" and a key are settings with their
# defaults, or examples below `sources` and `sinks`: take the # away to make one yours.
# `leadd config check` looks this file over, `leadd config show` tells what is in force and why.
# Order: flags, then the environment (LEADD__CONTROL__HTTP__PORT=8001), then this file, then the profile.
# A secret is never written here: name where it is kept, as "{env:NAME}", "{file:/path}" or "{keyring:service/user}".
"""
_ROLE_TEXT = {
    "triage": "The first question, answered in a few tokens: worth a closer look?",
    "classify": "The full structured answer for a signal that passed triage.",
    "dossier": "The deeper text about a hot lead.",
    "embed": "Vectors of texts.",
}


def commented_settings(paths: Paths | None = None) -> str:
    """The text of a settings file in which nothing is set: it loads without error and gives the defaults.

    Each commented setting is one line and valid by itself. The folders of its examples are those of `paths`.
    """
    paths = paths or Paths.from_environment()
    return "\n".join([_HEAD, *_section(Settings, Settings(), "", _examples(paths))]).rstrip() + "\n"


def _examples(paths: Paths) -> dict[str, list[tuple[str, str]]]:
    """What stands below `sources:` and `sinks:`: a line of explanation and a line to take the # from."""
    inbox, leads = json.dumps(str(paths.inbox_folder)), json.dumps(str(paths.data_folder / "leads.jsonl"))
    return {
        "sources": [
            (
                "files that you drop in a folder: JSONL, CSV, text, Markdown",
                f"inbox-folder: {{use: folder, path: {inbox}, interval_s: 60}}",
            )
        ],
        "sinks": [("every lead as a line of a file", f"leads-file: {{use: jsonl, path: {leads}, min_bucket: nurture}}")],
    }


def _section(model: type[BaseModel], defaults: BaseModel, indent: str, examples: dict[str, Any]) -> Iterator[str]:
    for name, info in model.model_fields.items():
        value = getattr(defaults, name)
        if isinstance(value, BaseModel):
            text = _ROLE_TEXT[name] if isinstance(value, RoleModel) else inspect.getdoc(type(value)) or ""
            yield from _prose(text, indent)
            yield f"{indent}{name}:"
            yield from _section(type(value), value, indent + "  ", {})
            if not indent:
                yield ""
        elif name in examples:
            yield from _prose(_sentence(info.description or ""), indent)
            yield f"{indent}{name}:"
            for prose, line in examples[name]:
                yield from _prose(prose, indent + "  ")
                yield f"{indent}  #{line}"
            yield ""
        else:
            extra = info.json_schema_extra
            later = " (no effect in this version)" if isinstance(extra, dict) and extra.get("later") else ""
            yield from _prose((info.description or "") + later, indent)
            yield f"{indent}#{name}: {_yaml(value)}"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _prose(text: str, indent: str) -> list[str]:
    return textwrap.wrap(text, 110, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")


def _yaml(value: Any) -> str:
    """A default as YAML; JSON is YAML, and quoted text is never read as anything else."""
    if isinstance(value, list):
        return "[" + ", ".join(_yaml(inner) for inner in value) + "]"
    if isinstance(value, BaseModel):
        return f"{{use: {value.use}}}" if hasattr(value, "use") else json.dumps(value.model_dump(mode="json"))
    if isinstance(value, str):
        return value if value.replace("_", "").isalpha() and value not in ("null", "true", "false") else json.dumps(value)
    return json.dumps(value)
