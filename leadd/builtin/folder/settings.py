"""Settings of the folder source."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

from leadd.api import ComponentConfig

Pattern = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
ColumnName = Annotated[str, StringConstraints(min_length=1, max_length=400)] | None

DEFAULT_PATTERNS = ("*.jsonl", "*.jsonl.gz", "*.ndjson", "*.ndjson.gz", "*.csv", "*.tsv", "*.csv.gz", "*.txt", "*.md")


class Columns(BaseModel):
    """Which column (CSV) or key (JSONL; dots lead into objects: `company.name`, `offices.0.city`) fills which field.

    A field that is not named here is guessed from usual names, unless the settings say `guess_columns: false`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    text: ColumnName = None
    title: ColumnName = None
    external_id: ColumnName = None
    url: ColumnName = None
    company: ColumnName = None
    company_website: ColumnName = None
    location: ColumnName = None
    author: ColumnName = None
    posted_at: ColumnName = None
    source_type: ColumnName = None

    def named(self) -> dict[str, str]:
        """Field to column, only where the user named one."""
        return self.model_dump(exclude_none=True)


class FolderConfig(ComponentConfig):
    """One folder, or one file, that is watched.

    `settle_s`: a file is read once its size and time stood still that long. `max_file_mb` counts unpacked bytes, so that a
    small archive cannot unpack without end. `max_row_kb` is the longest row, and the longest text file.
    """

    path: Path
    patterns: tuple[Pattern, ...] = DEFAULT_PATTERNS
    recursive: bool = False
    columns: Columns = Field(default_factory=Columns)
    guess_columns: bool = True
    source_type: str = ""
    encoding: str = "auto"
    """`auto` is UTF-8 (UTF-16 by its mark), and Windows-1252 where the bytes are no UTF-8; the fallback is reported."""
    delimiter: Annotated[str, StringConstraints(min_length=1, max_length=1)] | None = None
    settle_s: Annotated[float, Field(ge=0, le=3600)] = 2.0
    max_file_mb: Annotated[int, Field(ge=1, le=1_048_576)] = 4096
    max_row_kb: Annotated[int, Field(ge=1, le=65_536)] = 1024

    @field_validator("path")
    @classmethod
    def _absolute(cls, value: Path) -> Path:
        expanded = value.expanduser()
        if not expanded.is_absolute():
            raise ValueError("write the whole path, or one that begins with ~: a daemon has no folder of its own to start from")
        return expanded

    @field_validator("encoding")
    @classmethod
    def _known(cls, value: str) -> str:
        if value != "auto":
            try:
                b"a".decode(value, "ignore")
            except LookupError as error:
                raise ValueError(f"no encoding is called '{value}'; 'auto' finds the usual ones") from error
        return value

    def fingerprint(self) -> str:
        """Changes where the same file would be read differently: a mended column map reads all files again."""
        reading = self.model_dump_json(include={"path", "columns", "guess_columns", "source_type", "encoding", "delimiter"})
        return hashlib.blake2b(reading.encode(), digest_size=6).hexdigest()
