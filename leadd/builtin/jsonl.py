"""The sink `jsonl`: one line a lead, appended to a file."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, BinaryIO, ClassVar

from pydantic import Field

from leadd.api import ComponentConfig, Lead
from leadd.builtin.appending import AppendedFile, FileConfig, FileSink

_OPENING = b'{"key":'


class JsonlConfig(FileConfig):
    """Settings of the sink jsonl."""

    path: Annotated[str, Field(min_length=1, max_length=1000)] = "leads.jsonl"


class JsonlFile(AppendedFile):
    """A JSONL file in which each line begins with its key."""

    def scan(self, stream: BinaryIO, size: int) -> Iterator[tuple[str, int]]:
        end = 0
        for line in stream:
            if not line.endswith(b"\n"):
                return
            end += len(line)
            yield _key_of(line), end

    def is_torn_record(self, rest: bytes) -> bool:
        # Zeros are what some file systems leave of a write that the power cut. Anything else may be somebody's text.
        ours = rest.startswith(_OPENING) or _OPENING.startswith(rest) or not rest.strip(b"\0")
        return ours and not _key_of(rest)

    def encode(self, lead: Lead, key: str) -> bytes:
        return json.dumps({"key": key, **lead.as_dict()}, ensure_ascii=False).encode("utf-8", "replace") + b"\n"


def _key_of(line: bytes) -> str:
    """The key of a whole line, or ''."""
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return ""
    key = data.get("key") if isinstance(data, dict) else None
    return key if isinstance(key, str) else ""


class JsonlSink(FileSink):
    """Appends leads to a JSONL file: the key of the delivery and the fields of `Lead`. A key stands in the file once."""

    name: ClassVar[str] = "jsonl"
    Config: ClassVar[type[ComponentConfig]] = JsonlConfig

    def make_file(self, path: Path) -> AppendedFile:
        return JsonlFile(path)
