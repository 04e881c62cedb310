"""Text and Markdown files: one signal a file."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import yaml

from leadd.api import SignalDraft
from leadd.builtin.folder.columns import USUAL_NAMES, fold
from leadd.builtin.folder.dates import parse_time_ms

MAX_FRONT_MATTER = 16_384
MAX_TITLE = 200
_FRONT = re.compile(r"\A---[ \t]*\r?\n(.*?)^(?:---|\.\.\.)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.MULTILINE)
_HEADING = re.compile(r"^ {0,3}#{1,6}[ \t]+(.{1,400}?)[ \t]*#*[ \t]*$|^(.{1,400})\r?\n(?:={3,}|-{3,})[ \t]*$", re.MULTILINE)


def make_document(text: str, rel: str, *, source_type: str) -> tuple[SignalDraft, str]:
    """The draft of one file, and a remark where its front matter could not be read (the text is whole then).

    The title is that of the front matter, else the first heading, else the first line, else the name of the file.
    """
    values, body, remark = split_front_matter(text)
    is_markdown = rel.lower().endswith((".md", ".markdown"))
    found = "" if remark else _find_title(body, is_markdown)  # broken front matter would become the title
    title = values.get("title") or found or PurePosixPath(rel).stem
    draft = SignalDraft(
        text=body,
        title=str(title)[:MAX_TITLE],
        url=values.get("url"),
        company=values.get("company"),
        company_website=values.get("company_website"),
        location=values.get("location"),
        author=values.get("author"),
        posted_at_ms=parse_time_ms(values.get("posted_at")),
        source_type=values.get("source_type") or source_type,
        extra={"file": rel[:400]},
    )
    return draft, remark


def split_front_matter(text: str) -> tuple[dict[str, str], str, str]:
    """(values by field, the text after them, what is wrong with them). Without front matter: ({}, text, '')."""
    match = _FRONT.match(text[: MAX_FRONT_MATTER + 8])
    if match is None:
        return {}, text, ""
    try:
        data = yaml.safe_load(match[1])
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        return {}, text, f"the front matter is not YAML: {str(error).splitlines()[0][:100]}"
    if not isinstance(data, Mapping):
        # Many a plain text has a line of dashes on top; only keys and values make it front matter.
        return {}, text, ""
    return _pick(data), text[match.end() :], ""


def _pick(data: Mapping[Any, Any]) -> dict[str, str]:
    by_fold = {fold(str(key)): value for key, value in data.items()}
    values = {}
    for name, usual in USUAL_NAMES.items():
        for candidate in usual:
            value = by_fold.get(candidate)
            if value is not None and not isinstance(value, Mapping | list | tuple | set | bool):
                values[name] = str(value)[:2000]
                break
    return values


def _find_title(body: str, is_markdown: bool) -> str:
    if is_markdown and (heading := _HEADING.search(body[:65_536])):
        return (heading[1] or heading[2] or "").strip()
    for line in body[:4096].splitlines():
        if line.strip():
            return line.strip()
    return ""
