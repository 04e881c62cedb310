"""Edits of a prompt's words: nothing but the body changes, and what comes out is a version that can stand in a file."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from leadd.prompting.editions import restore
from leadd.prompting.prompts import PromptError
from leadd.prompting.reading import PromptFile, Unreadable, parse
from leadd.prompting.signals import harmless
from leadd.prompting.templates import PLACE, SIGNAL, Template

MOST_EDITS = 4
MOST_FIND, MOST_REPLACE = 300, 500
_LINK = re.compile(r"https?:|www\.|\S@\S", re.IGNORECASE)
_VERSION = re.compile(r"^(version:[ \t]*)\d+", re.MULTILINE)
_FENCES = re.compile(r"\A(?:#.*\n|\s*\n)*---[ \t]*\n.*?^---[ \t]*\n", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Edit:
    """A piece of the body that stands there exactly once, what to write in its place, and why."""

    find: str
    replace: str
    why: str = ""


def edited(template: Template, edits: Sequence[Edit], version: int) -> Template:
    """The version that the edits make of another one, read back from its own text by all the rules for files.

    Raises PromptError in words where an edit fits nothing, takes a variable away or brings one, writes a link or a mark of a
    chat, or where anything but the words of the body would be another.
    """
    file = _file(template)
    at = _signal_at(file.body)
    before, tail = file.body[:at], file.body[at:]
    after = before
    if not 0 < len(edits) <= MOST_EDITS:
        raise PromptError(f"{len(edits)} edits; 1 to {MOST_EDITS} are taken")
    for edit in edits:
        _refuse(edit)
        count = after.count(edit.find)
        if count != 1:
            raise PromptError(f"'{edit.find[:60]}' stands {count} times in the prompt and not once")
        after = after.replace(edit.find, edit.replace)
    if after.strip() == before.strip():
        raise PromptError("the edits change nothing")
    if len(after) > 1.5 * len(before) + 300:
        raise PromptError(f"the prompt would grow from {len(before)} to {len(after)} characters")
    if sorted(set(PLACE.findall(after))) != sorted(set(PLACE.findall(before))):
        raise PromptError("the edits take a variable away or bring one")
    made = restore(template.info.name, version, _text(template.text, file, after + tail, version))
    kept = ("schema", "variables", "options", "max_tokens", "labels")
    changed = [name for name in kept if getattr(made, name) != getattr(template, name)]
    if changed:
        raise PromptError(f"the edits change {', '.join(changed)} as well")
    return made


def words_of(template: Template) -> str:
    """The body before the signal, as edits see it."""
    body = _file(template).body
    return body[: _signal_at(body)]


def _file(template: Template) -> PromptFile:
    """The file of a version, as it was read. Raises PromptError."""
    name, text = template.info.name, template.text
    suffix = ".json" if text.lstrip().startswith("{") else ".yaml"
    try:
        files = parse(text, Path(f"{name}{suffix}"), name)
    except Unreadable as error:
        raise PromptError(str(error)) from None
    found = next((file for file in files if file.values.get("version") == template.info.version), None)
    if found is None:
        raise PromptError(f"the text of {template.info.label} is another version's")
    return found


def _signal_at(body: str) -> int:
    return max((match.start() for match in PLACE.finditer(body) if match[1] == SIGNAL), default=len(body))


def _refuse(edit: Edit) -> None:
    bare = edit.replace.replace('"', "")
    if len(edit.find) > MOST_FIND or len(edit.replace) > MOST_REPLACE or not edit.find.strip():
        raise PromptError(f"an edit is too long: {MOST_FIND} characters are found, {MOST_REPLACE} written at most")
    if harmless(bare) != bare:
        raise PromptError("an edit writes marks that part the turns of a chat, or characters that nobody sees")
    if _LINK.search(edit.replace):
        raise PromptError("an edit writes a link or an address")


def _text(text: str, file: PromptFile, body: str, version: int) -> str:
    """The file with another body: as it was written where the body stands below the keys, else as JSON."""
    head = _FENCES.match(text)
    if head is not None and "variants" not in file.values and "body" not in file.values:
        keys = _VERSION.sub(lambda match: f"{match[1]}{version}", head[0], count=1)
        return f"{keys}{body}\n"
    values = {key: value for key, value in file.values.items() if key not in {"body", "variants"}}
    return json.dumps({**values, "version": version, "body": body}, ensure_ascii=False, indent=2) + "\n"
